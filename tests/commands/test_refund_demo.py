"""`--demo refund`: a refund as a new user tries it, on an island from which nothing real can be reached."""

import json
import os
import shutil
import socket
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from decimal import Decimal
from pathlib import Path

import pytest

from ecloud_pay.settings import TABLE
from samples import CARD_5
from support.console import Console, Result

DEMO = "DEMO: sample data in a private PostgreSQL; nothing real is touched."
LIVE_KEY = "sk_live_51abcDEFghiJKL"


@pytest.fixture(scope="module")
def own_state() -> Iterator[Path]:
    """The state of a demo of these tests alone: what they refund, no other test may find. PostgreSQL's account must get in."""
    folder = Path(tempfile.mkdtemp(prefix="ecp-", dir="/tmp"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def island(console: Console, own_state: Path) -> Callable[..., Result]:
    """The console there: `island("--demo", "show", "5")`."""

    def run(*arguments: str, **environ: str) -> Result:
        return console(*arguments, on=None, **{**environ, "ECLOUD_PAY_STATE_DIR": str(own_state)})

    return run


@contextmanager
def open_doors(count: int) -> Iterator[list[socket.socket]]:
    """So many listening sockets on this machine."""
    with ExitStack() as stack:
        yield [stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(count)]


def address(door: socket.socket) -> str:
    host, port = door.getsockname()
    return f"{host}:{port}"


def visits(door: socket.socket) -> int:
    """How often somebody has knocked there."""
    door.setblocking(False)
    count = 0
    while True:
        try:
            door.accept()[0].close()
        except BlockingIOError:
            return count
        count += 1


def test_a_visit_would_be_noticed() -> None:
    with open_doors(1) as [door]:
        assert visits(door) == 0
        socket.create_connection(door.getsockname()).close()
        assert visits(door) == 1


def test_a_refund_on_the_island_reaches_nothing_real(island: Callable[..., Result], own_state: Path, tmp_path: Path) -> None:
    with open_doors(5) as doors:
        database, replica, api, proxy, server = map(address, doors)
        real = {setting.name: f"real {setting.name}" for setting in TABLE if not setting.in_demo}
        host, port = server.split(":")
        real |= {
            "DATABASE_URL": f"postgresql://someone:hunter22@{database}/backend",
            "ECLOUD_PAY_READ_DATABASE_URL": f"postgresql://someone:hunter22@{replica}/backend",
            "STRIPE_SECRET_KEY": LIVE_KEY,
            "STRIPE_API_BASE": f"http://{api}",
            "STRIPE_PROXY": f"http://{proxy}",
            "HTTPS_PROXY": f"http://{proxy}",
            "http_proxy": f"http://{proxy}",
            "ALL_PROXY": f"http://{proxy}",
            "STRIPE_ACCOUNT_ID": "acct_real",
            "ECLOUD_PAY_OPERATOR": "boss@real.example",
            "ECLOUD_PAY_AUDIT_LOG": str(tmp_path / "audit.jsonl"),
            "PGHOST": host,
            "PGPORT": port,
            "PGDATABASE": "backend",
        }
        result = island("--demo", "refund", "5", "--amount", "25", "--yes", "--json", **real)
        pending = island("--demo", "refund", "--pending", **real)
        resumed = island("--demo", "refund", "--resume", **real)
        assert [visits(door) for door in doors] == [0, 0, 0, 0, 0]
    assert (result.code, pending.code, resumed.code) == (0, 0, 0), result.err + pending.err + resumed.err
    told = {name: result.json[name] for name in ("status", "mode", "account", "requested_by", "amount")}
    assert told == {
        "status": "completed",
        "mode": "test",
        "account": "acct_1EcloudPayDemoOne",
        "requested_by": "ops@demo",
        "amount": "25.00",
    }
    printed = "".join(each.out + each.err for each in (result, pending, resumed))
    for real_word in ("hunter22", "51abc", "boss@real.example", "acct_real"):
        assert real_word not in printed
    assert list(tmp_path.iterdir()) == []  # its audit trail is its own
    events = [json.loads(line) for line in (own_state / "demo-audit.jsonl").read_text().splitlines()[-3:]]
    assert [(event["event_type"], event["triggered_by"]) for event in events] == [
        ("refund_requested", "ops@demo"),
        ("refund_sent", "ops@demo"),
        ("refunded", "ops@demo"),
    ]


def test_what_was_refunded_is_there_in_the_next_command(island: Callable[..., Result]) -> None:
    before = Decimal(island("--demo", "show", "5", "--json").json["refund_amount"])
    made = island("--demo", "refund", "5", "--amount", "7", "--yes", "--json").json
    shown = island("--demo", "show", "5", "--json").json
    assert Decimal(shown["refund_amount"]) == before + 7
    assert made["stripe_refund_id"] in [refund["stripe_refund_id"] for refund in shown["refunds"]]
    preview = island("--demo", "refund", "5", "--dry-run", "--json")
    assert (preview.json["refunded_before"], preview.json["left"]) == (shown["refund_amount"], "0.00")
    assert preview.err.splitlines() == [DEMO, "Dry run: nothing was sent and nothing was written."]
    with_a_twin = island("--demo", "refund", "5", "--amount", "7", "--yes")  # Stripe's side has kept it, too
    assert (with_a_twin.code, with_a_twin.err.splitlines()) == (
        5,
        [
            DEMO,
            "ecloud-pay: 7.00 USD of payment #5 was refunded within the last 24 h already:"
            f" refund #{made['refund_id']}, {made['stripe_refund_id']}",
            "Nothing was sent.",
            "If it is meant a second time, add --allow-duplicate.",
        ],
    )


def test_lines_to_copy_stay_on_the_island(island: Callable[..., Result]) -> None:
    """Without --demo they would be about somebody's real payment #5."""
    result = island("--demo", "--tz", "Asia/Tokyo", "refund", "5", "--abandon")
    assert (result.code, result.err.splitlines()[-1]) == (6, "`ecloud-pay --demo --tz Asia/Tokyo refund --pending` lists what is open.")


def test_a_live_key_asks_for_no_more_than_a_yes_there(island: Callable[..., Result]) -> None:
    unasked = island("--demo", "refund", "5", "--amount", "10", STRIPE_SECRET_KEY=LIVE_KEY)
    assert (unasked.code, unasked.err.splitlines()[-1]) == (5, "In a script with a test key, add --yes")


def test_reset_forgets_stripes_side_as_well(island: Callable[..., Result]) -> None:
    """Else the two would disagree on what came back, and refuse."""
    assert island("demo", "reset").code == 0
    left = [path.name for path in Path(island("demo", "path").out.strip()).iterdir() if "stripe" in path.name]
    assert left == []
    assert island("--demo", "show", "5").out.startswith(CARD_5 + "\n")
    afresh = island("--demo", "refund", "5", "--amount", "25", "--yes", "--json")
    assert (afresh.code, afresh.json["left"]) == (0, "75.00")


def test_no_stand_in_is_left_running(own_state: Path) -> None:
    """Every console ended its own."""
    left = [
        int(folder.name) for folder in Path("/proc").iterdir() if folder.name.isdigit() and _is_standin_of(own_state, folder / "cmdline")
    ]
    assert left == []


def _is_standin_of(state: Path, command_line: Path) -> bool:
    try:
        words = command_line.read_bytes().split(b"\0")
    except OSError:  # it has ended meanwhile
        return False
    return b"ecloud_pay.demo.standin" in words and any(word.startswith(os.fsencode(state)) for word in words)
