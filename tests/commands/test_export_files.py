"""`export -o`: a file that is whole or not there, whatever happens; and what a manifest proves."""

import json
import os
import resource
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from ecloud_pay import __version__
from support.backend import Backend
from support.canaries import READER_PASSWORD
from support.console import Console, process
from support.wire import Wire

# A payment's row in CSV is about a hundred bytes, so this is about 6 MB.
SIXTY_THOUSAND = """
INSERT INTO payments_payment
    (id, amount, platform_fee, cleaner_payout, currency, stripe_payment_intent_id, status, refund_amount, created_at)
SELECT n, 10, 1.50, 8.50, 'usd', 'pi_' || n || repeat('x', 60), 'succeeded', 0, timestamp '2025-01-01' + n * interval '1 minute'
FROM generate_series(1000, 60999) AS n; ANALYZE payments_payment
"""


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_the_file_is_ones_own_and_nothing_else_is_left(console: Console, backend: Backend, tmp_path: Path) -> None:
    result = console("export", "-o", "payments.csv", on=backend)
    assert (result.code, result.out) == (0, "")
    assert result.err == f"Wrote 9 payments to payments.csv ({(tmp_path / 'payments.csv').stat().st_size:,} bytes).\n"
    assert names(tmp_path) == ["payments.csv"]
    assert stat.S_IMODE((tmp_path / "payments.csv").stat().st_mode) == 0o600
    assert (tmp_path / "payments.csv").read_text() == console("export", on=backend).out


def test_quiet_says_nothing(console: Console, backend: Backend) -> None:
    result = console("export", "-q", "-o", "payments.csv", on=backend)
    assert (result.code, result.out, result.err) == (0, "", "")


def test_a_file_that_is_there_is_replaced_only_by_force(console: Console, backend: Backend, tmp_path: Path) -> None:
    (tmp_path / "payments.csv").write_text("old")
    result = console("export", "-o", "payments.csv", on=backend)
    assert (result.code, result.err) == (74, "ecloud-pay: payments.csv exists\nNothing was written.\n--force replaces it.\n")
    assert (tmp_path / "payments.csv").read_text() == "old"
    assert console("export", "-o", "payments.csv", "--force", on=backend).code == 0
    assert (tmp_path / "payments.csv").read_text() == console("export", on=backend).out


@pytest.mark.parametrize("kind", ["link", "dangling link", "folder", "pipe"])
def test_what_is_no_regular_file_is_refused_even_with_force(console: Console, backend: Backend, tmp_path: Path, kind: str) -> None:
    path = tmp_path / "payments.csv"
    match kind:
        case "link":
            (tmp_path / "elsewhere").write_text("old")
            path.symlink_to("elsewhere")
        case "dangling link":
            path.symlink_to("nowhere")
        case "folder":
            path.mkdir()
        case "pipe":
            os.mkfifo(path)
    before = names(tmp_path)
    result = console("export", "-o", str(path), "--force", on=backend)
    assert (result.code, result.out) == (74, "")
    assert "Nothing was written.\n" in result.err
    assert names(tmp_path) == before


@pytest.mark.parametrize("path", ["missing/payments.csv", "/proc/payments.csv", "/dev/full/payments.csv", ""])
def test_a_place_that_cannot_be_written_is_refused(console: Console, backend: Backend, tmp_path: Path, path: str) -> None:
    result = console("export", "-o", path, on=backend)
    assert result.code == (74 if path else 2)
    assert names(tmp_path) == []


def test_nothing_is_opened_where_the_database_is_out_of_reach(console: Console, tmp_path: Path) -> None:
    (tmp_path / "payments.csv").write_text("old")
    result = console("export", "-o", "payments.csv", "--force", DATABASE_URL="postgresql://nobody@127.0.0.1:1/nothing")
    assert result.code == 75
    assert (names(tmp_path), (tmp_path / "payments.csv").read_text()) == (["payments.csv"], "old")


@pytest.mark.parametrize("jobs", ["1", "3"])
def test_a_line_that_is_cut_leaves_the_old_file(console: Console, own_backend: Backend, tmp_path: Path, jobs: str) -> None:
    own_backend.run(SIXTY_THOUSAND)
    (tmp_path / "payments.csv").write_text("old")
    with Wire(own_backend.conninfo, cut_after_bytes=1_000_000) as wire:
        result = console("export", "-o", "payments.csv", "--force", "--jobs", jobs, on=own_backend.with_(**wire.address))
        assert wire.was_cut
    assert (result.code, result.out) == (75, "")
    assert result.err.startswith("ecloud-pay: the database gave up: ")
    assert "Nothing was changed.\n" in result.err
    assert (names(tmp_path), (tmp_path / "payments.csv").read_text()) == (["payments.csv"], "old")


def test_a_line_that_is_cut_ends_stdout_with_the_documented_code(console: Console, own_backend: Backend) -> None:
    own_backend.run(SIXTY_THOUSAND)
    with Wire(own_backend.conninfo, cut_after_bytes=1_000_000) as wire:
        result = console("export", on=own_backend.with_(**wire.address))
    assert result.code == 75
    assert len(result.out) < 1_000_000


def test_a_server_without_further_connections_is_asked_over_one(
    console: Console, own_backend: Backend, reader_role: str, tmp_path: Path
) -> None:
    own_backend.run(
        f"{SIXTY_THOUSAND}; GRANT SELECT ON ALL TABLES IN SCHEMA public TO {reader_role}; ALTER ROLE {reader_role} CONNECTION LIMIT 1"
    )
    try:
        result = console("export", "-o", "a.csv", "--jobs", "4", "-v", on=own_backend.with_(user=reader_role, password=READER_PASSWORD))
    finally:
        own_backend.run(f"ALTER ROLE {reader_role} CONNECTION LIMIT -1; REVOKE ALL ON ALL TABLES IN SCHEMA public FROM {reader_role}")
    assert result.code == 0, result.err
    assert "exporting over 1 connections instead of" in result.err
    assert (tmp_path / "a.csv").read_text() == console("export", on=own_backend).out


def test_only_reading_statements_are_sent(console: Console, own_backend: Backend, tmp_path: Path) -> None:
    own_backend.run(SIXTY_THOUSAND)
    with Wire(own_backend.conninfo) as wire:
        assert console("export", "-o", "a.csv", "--jobs", "2", "--manifest", on=own_backend.with_(**wire.address)).code == 0
    verbs = {" ".join(statement.split()[:4]) for statement in wire.statements}
    assert {verb for verb in verbs if verb.startswith("BEGIN")} == {"BEGIN ISOLATION LEVEL REPEATABLE"}
    assert all("READ ONLY" in statement for statement in wire.statements if statement.startswith("BEGIN"))
    assert {verb.split()[0] for verb in verbs} == {"BEGIN", "SELECT", "EXPLAIN", "COPY", "SET", "ROLLBACK"}


def test_a_role_that_may_only_select_can_export(console: Console, own_backend: Backend, reader_role: str) -> None:
    own_backend.run(f"GRANT SELECT ON ALL TABLES IN SCHEMA public TO {reader_role}")
    try:
        result = console("export", on=own_backend.with_(user=reader_role, password=READER_PASSWORD))
    finally:
        own_backend.run(f"REVOKE ALL ON ALL TABLES IN SCHEMA public FROM {reader_role}")
    assert (result.code, result.out) == (0, console("export", on=own_backend).out)


def test_a_privilege_that_is_missing_is_named_and_stdout_stays_empty(console: Console, own_backend: Backend, reader_role: str) -> None:
    result = console("export", on=own_backend.with_(user=reader_role, password=READER_PASSWORD))
    assert (result.code, result.out) == (4, "")
    assert result.err.startswith("ecloud-pay: the database login may not read that: permission denied for ")


def environ(backend: Backend) -> dict[str, str]:
    return {"DATABASE_URL": backend.conninfo}


@pytest.mark.parametrize("jobs", ["1", "2"])
def test_a_full_disk_leaves_the_old_file(own_backend: Backend, tmp_path: Path, jobs: str) -> None:
    own_backend.run(SIXTY_THOUSAND)
    (tmp_path / "payments.csv").write_text("old")

    def little_space() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, 1_000_000))

    arguments = ("export", "-o", "payments.csv", "--force", "--jobs", jobs)
    result = process(*arguments, environ=environ(own_backend), cwd=tmp_path, preexec_fn=little_space)
    assert (result.code, result.out) == (74, "")
    assert result.err.startswith("ecloud-pay: payments.csv could not be written: File too large\nThe file that was there is untouched.\n")
    assert (names(tmp_path), (tmp_path / "payments.csv").read_text()) == (["payments.csv"], "old")


def test_a_full_disk_behind_stdout_is_told(backend: Backend) -> None:
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "ecloud_pay", "export"],
            env=environ(backend),
            stdout=full,
            stderr=subprocess.PIPE,
            check=False,
            text=True,
        )
    assert (done.returncode, done.stderr.splitlines()[0]) == (74, "ecloud-pay: stdout could not be written: No space left on device")


def test_a_closed_pipe_ends_quietly(own_backend: Backend) -> None:
    own_backend.run(SIXTY_THOUSAND)
    with subprocess.Popen(
        [sys.executable, "-m", "ecloud_pay", "export"], env=environ(own_backend), stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as running:
        assert running.stdout is not None
        assert running.stderr is not None
        running.stdout.read(100)
        running.stdout.close()
        assert (running.stderr.read(), running.wait(30)) == (b"", 141)


@pytest.mark.parametrize(("signum", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130), (signal.SIGHUP, 129)])
def test_a_signal_leaves_no_part_behind(own_backend: Backend, tmp_path: Path, signum: int, code: int) -> None:
    own_backend.run(SIXTY_THOUSAND)
    (tmp_path / "payments.csv").write_text("old")
    command = [sys.executable, "-m", "ecloud_pay", "export", "-o", "payments.csv", "--force", "--jobs", "2"]
    # The table is locked, so the export has opened its parts and waits for its rows when the signal comes.
    with (
        own_backend.holding("LOCK TABLE payments_payment"),
        subprocess.Popen(command, env=environ(own_backend), cwd=tmp_path, stderr=subprocess.PIPE, text=True) as running,
    ):
        wait_until(lambda: len(names(tmp_path)) > 1)
        running.send_signal(signum)
        _, err = running.communicate(timeout=30)
    assert running.returncode == code
    assert err == f"ecloud-pay: stopped by {signal.Signals(signum).name}; nothing was changed.\n"
    assert (names(tmp_path), (tmp_path / "payments.csv").read_text()) == (["payments.csv"], "old")


def test_what_a_killed_export_leaves_is_cleared_by_the_next(console: Console, own_backend: Backend, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "ecloud_pay", "export", "-o", "payments.csv"]
    with own_backend.holding("LOCK TABLE payments_payment"), subprocess.Popen(command, env=environ(own_backend), cwd=tmp_path) as running:
        wait_until(lambda: bool(names(tmp_path)))
        running.kill()
    assert all(name.endswith(".part") for name in names(tmp_path))
    assert names(tmp_path)
    assert console("export", "-o", "payments.csv", on=own_backend).code == 0
    assert names(tmp_path) == ["payments.csv"]


def wait_until(is_true: Callable[[], bool]) -> None:
    for _ in range(1000):
        if is_true():
            return
        time.sleep(0.01)
    raise AssertionError("it did not come to that")


def test_a_manifest_says_what_is_in_the_file(console: Console, backend: Backend, tmp_path: Path) -> None:
    assert (
        console("export", "-o", "a.csv", "--manifest", "--client", "24", "--since", "2025-02", "--tz", "Asia/Tokyo", on=backend).code == 0
    )
    manifest = json.loads((tmp_path / "a.csv.manifest.json").read_text())
    assert manifest.pop("as_of").endswith("Z")
    assert manifest.pop("snapshot").count(":") == 2
    assert len(manifest.pop("sha256")) == 64
    assert manifest == {
        "schema": "ecloud-pay/export-manifest/1",
        "file": "a.csv",
        "format": "csv",
        "table": "payments",
        "rows": 5,
        "bytes": (tmp_path / "a.csv").stat().st_size,
        "totals": [
            {"currency": "jpy", "status": "succeeded", "rows": 1, "amount": "12000.00"},
            {"currency": "usd", "status": "failed", "rows": 1, "amount": "100.00"},
            {"currency": "usd", "status": "pending", "rows": 1, "amount": "100.00"},
            {"currency": "usd", "status": "succeeded", "rows": 2, "amount": "200.00"},
        ],
        "filters": {"since": "2025-01-31T15:00:00.000000Z", "client": 24},
        "fields": [
            "id",
            "created_at",
            "client.email",
            "cleaner.email",
            "amount",
            "platform_fee",
            "cleaner_payout",
            "status",
            "stripe_payment_intent_id",
            "payment_method_brand",
            "payment_method_last4",
        ],
        "raw": False,
        "time_zone": "Asia/Tokyo",
        "version": __version__,
    }
    assert stat.S_IMODE((tmp_path / "a.csv.manifest.json").stat().st_mode) == 0o600


@pytest.mark.parametrize("table", ["payments", "transactions", "refunds", "accounts"])
@pytest.mark.parametrize("format", ["csv", "ndjson", "json"])
def test_what_was_exported_verifies(console: Console, backend: Backend, table: str, format: str) -> None:
    assert console("export", "-o", f"a.{format}", f"--{format}", "--table", table, "--manifest", on=backend).code == 0
    result = console("export", "--verify", f"a.{format}")
    assert (result.code, result.err) == (0, "")
    assert result.out.startswith(f"a.{format} is what was exported: ")


def test_a_file_that_was_changed_does_not_verify(console: Console, backend: Backend, tmp_path: Path) -> None:
    assert console("export", "-o", "a.csv", "--manifest", on=backend).code == 0
    whole = (tmp_path / "a.csv").read_text()
    (tmp_path / "a.csv").write_text(whole.replace("15.00", "51.00", 1))
    result = console("export", "--verify", "a.csv")
    assert (result.code, result.err) == (3, "")
    assert result.out.startswith("a.csv differs from its manifest:\n  The manifest says SHA-256 ")
    (tmp_path / "a.csv").write_text("".join(whole.splitlines(keepends=True)[:-1]))
    result = console("export", "--verify", "a.csv")
    assert result.code == 3
    assert "  The manifest says 9 rows, the file has 8.\n" in result.out


def test_what_cannot_be_compared_is_not_found(console: Console, backend: Backend, tmp_path: Path) -> None:
    result = console("export", "--verify", "a.csv")
    assert (result.code, result.out, result.err) == (6, "", "ecloud-pay: there is no file a.csv\n")
    assert console("export", "-o", "a.csv", on=backend).code == 0
    result = console("export", "--verify", "a.csv")
    assert (result.code, result.out) == (6, "")
    assert result.err == "ecloud-pay: a.csv has no manifest a.csv.manifest.json\nexport --manifest writes one.\n"


def test_verifying_goes_with_nothing_else(console: Console) -> None:
    assert console("export", "--verify", "a.csv", "--ndjson").code == 2
    assert console("export", "--verify", "a.csv", "--status", "failed").code == 2


def test_a_manifest_that_no_longer_fits_is_pointed_out(console: Console, backend: Backend) -> None:
    assert console("export", "-o", "a.csv", "--manifest", on=backend).code == 0
    result = console("export", "-o", "a.csv", "--force", on=backend)
    assert "Warning: a.csv.manifest.json was not renewed; --verify tells whether it still fits.\n" in result.err
    assert console("export", "--verify", "a.csv").code == 0  # the same rows once more
    assert console("export", "-o", "a.csv", "--force", "--manifest", "--job", "14", on=backend).code == 0
    assert console("export", "--verify", "a.csv").code == 0
