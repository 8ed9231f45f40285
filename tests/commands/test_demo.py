"""`--demo` and `demo`: sample data, and nothing real within reach of it."""

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

from ecloud_pay.settings import TABLE
from samples import CARD_5
from support.backend import Backend
from support.console import Console, process
from support.wire import Wire

DEMO = "DEMO: sample data in a private PostgreSQL; nothing real is touched."


def without_notes(err: str) -> list[str]:
    """stderr but for the note that the database is being built, which only the first demo of a run prints."""
    return [line for line in err.splitlines() if not line.startswith("building the demo database")]


def test_payment_5_of_the_guide_is_there(console: Console) -> None:
    result = console("--demo", "show", "5")
    assert (result.code, without_notes(result.err)) == (0, [DEMO])
    assert result.out.startswith(CARD_5 + "\n")


def test_there_are_payments_of_every_kind(console: Console) -> None:
    payments: list[dict[str, Any]] = console("list", "--demo", "--limit", "10000", "--json").json
    assert len(payments) >= 400
    assert {payment["status"] for payment in payments} == {"pending", "processing", "succeeded", "failed", "cancelled"}
    assert {payment["currency"] for payment in payments} == {"usd", "eur", "jpy"}
    for absent in ("client", "cleaner", "job", "stripe_charge_id", "payment_method_last4"):
        assert any(payment[absent] is None for payment in payments), absent
    assert console("--demo", "list", "--since", "yesterday", "--status", "succeeded", "--json").json


def test_every_screen_of_it_says_demo_even_when_quiet(console: Console) -> None:
    for command in (("list",), ("show", "5", "--json"), ("doctor",), ("-q", "list", "--csv")):
        assert DEMO in console("--demo", *command).err
    assert DEMO not in console("--demo", "list").out


def test_every_payment_can_be_drawn_in_every_format(console: Console) -> None:
    for form in ("cards", "table", "tsv", "csv", "json", "ndjson"):
        result = console("--demo", "list", "--limit", "10000", "--format", form)
        assert result.code == 0
        assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202e]", result.out)
    for payment_id in range(1, 445, 9):
        assert console("--demo", "show", str(payment_id)).code == 0


def test_the_demo_is_an_island(console: Console, own_backend: Backend, tmp_path: Path) -> None:
    """With every real setting pointing at something that would notice, nothing of it is asked, sent or written."""
    before = own_backend.fingerprint()
    with Wire(own_backend.conninfo) as wire:
        real = own_backend.with_(**wire.address).conninfo
        environ = {setting.name: real for setting in TABLE if not setting.in_demo}
        environ |= {
            "PGHOST": wire.address["host"],
            "PGPORT": wire.address["port"],
            "PGDATABASE": "x",
            "PGSERVICE": "real",
            "PGOPTIONS": "-c nonsense=1",
        }
        environ |= {
            "ECLOUD_PAY_AUDIT_LOG": str(tmp_path / "audit.jsonl"),
            "STRIPE_SECRET_KEY": "sk_live_51abcDEFghijk",
            "PGSSLMODE": "verify-full",
        }
        for command in (("list",), ("show", "5"), ("doctor",)):
            result = console("--demo", *command, on=None, **environ)
            assert result.code == 0, result.err
            assert "51abc" not in result.out + result.err
            assert str(tmp_path) not in result.out
        assert wire.statements == []
    assert own_backend.fingerprint() == before
    assert list(tmp_path.iterdir()) == []


def test_the_settings_of_an_env_file_do_not_reach_it_either(console: Console, tmp_path: Path) -> None:
    env_file = tmp_path / ".env"
    env_file.write_text("DATABASE_URL=postgresql://127.0.0.1:1/real\nECLOUD_PAY_SCHEMA=real\nECLOUD_PAY_TZ=Asia/Tokyo\n")
    env_file.chmod(0o600)
    assert "Created: 2025-01-27 23:30:15 JST" in console("--demo", "show", "5").out


def test_without_demo_there_is_no_fall_back_to_sample_data(console: Console) -> None:
    assert console("--demo", "list").code == 0
    assert (console("list").code, console("list").out) == (4, "")


def test_demo_path_stop_and_reset(console: Console) -> None:
    folder = Path(console("demo", "path").out.removesuffix("\n"))
    assert folder.is_absolute()
    console("--demo", "list")
    assert (folder / "data" / "PG_VERSION").exists()
    assert console("demo", "stop").err == "No demo PostgreSQL is running.\n"
    result = console("demo", "reset")
    assert (result.code, result.out, result.err) == (0, "", "The sample data is gone; the next --demo makes it anew.\n")
    assert not (folder / "data").exists()
    assert console("--demo", "show", "5").code == 0


def test_an_unknown_action_lists_the_known_ones(console: Console) -> None:
    result = console("demo", "explode")
    assert (result.code, result.err) == (2, "ecloud-pay: ACTION: unknown action 'explode'.\nKnown: path, stop, reset\n")


def test_stop_and_reset_are_refused_while_another_console_uses_it(console: Console) -> None:
    holding = subprocess.Popen(
        [sys.executable, "-c",
         "import fcntl, sys; f = open(sys.argv[1]); fcntl.flock(f, fcntl.LOCK_SH); print('held', flush=True); sys.stdin.read()",
         str(Path(console("demo", "path").out.strip()) / "in-use.lock")],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, env={"PATH": os.environ["PATH"]},
    )  # fmt: skip
    try:
        assert holding.stdout is not None
        holding.stdout.readline()
        for action in ("stop", "reset"):
            result = console("demo", action)
            assert (result.code, result.out) == (7, "")
            assert result.err.startswith("ecloud-pay: the demo server is in use by another console\n")
    finally:
        holding.communicate()


def test_it_works_without_any_environment(state_dir: Path) -> None:
    result = process("--demo", "list", "--limit", "1", "--fields", "id", "--csv", environ={"ECLOUD_PAY_STATE_DIR": str(state_dir)})
    assert (result.code, result.out) == (0, "id\n444\n")
