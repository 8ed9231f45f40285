"""What every command shares: options on both sides of it, help, streams, exit codes, signals."""

import json
import os
import pty
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from ecloud_pay import __version__
from ecloud_pay.cli import COMMANDS, _load
from support.backend import Backend
from support.console import Console, process

CONSOLE = [sys.executable, "-m", "ecloud_pay"]


@pytest.mark.parametrize(
    "arguments", [("--tz", "Asia/Tokyo", "list"), ("list", "--tz", "Asia/Tokyo"), ("--tz", "UTC", "list", "--tz", "Asia/Tokyo")]
)
def test_a_common_option_works_on_both_sides_and_the_later_one_wins(console: Console, backend: Backend, arguments: tuple[str, ...]) -> None:
    assert "│   ├─ Created: 2025-07-01 09:00:00 JST\n" in console(*arguments, "--limit", "1", on=backend).out


def test_an_env_file_is_read_from_the_option_the_variable_and_the_folder(console: Console, backend: Backend, tmp_path: Path) -> None:
    def written(name: str, zone: str) -> str:
        path = tmp_path / name
        path.write_text(f"ECLOUD_PAY_TZ={zone}\n")
        path.chmod(0o600)
        return str(path)

    def zone_shown(*arguments: str, **environ: str) -> str:
        out = console(*arguments, "list", "--limit", "1", on=backend, **environ).out
        [zone] = re.findall(r"Created: .* (\w+)", out)
        return str(zone)

    assert zone_shown() == "UTC"
    written(".env", "Asia/Tokyo")
    assert zone_shown() == "JST"
    named = written("named.env", "Asia/Kolkata")
    assert zone_shown(ECLOUD_PAY_ENV_FILE=named) == "IST"
    option = written("option.env", "Asia/Manila")
    assert zone_shown("--env-file", option, ECLOUD_PAY_ENV_FILE=named) == "PST"
    assert zone_shown("--env-file", option, ECLOUD_PAY_TZ="Asia/Seoul") == "KST"


def test_a_variable_that_names_no_env_file_is_exit_4(console: Console) -> None:
    result = console("list", ECLOUD_PAY_ENV_FILE="/nonexistent/.env")
    assert (result.code, result.err.splitlines()[0]) == (4, "ecloud-pay: ECLOUD_PAY_ENV_FILE names '/nonexistent/.env', which is no file")


def test_quiet_prints_nothing_but_data(console: Console, backend: Backend) -> None:
    loud = console("-v", "list", "--limit", "1", "--since", "2020-01", on=backend)
    quiet = console("list", "-q", "--limit", "1", "--since", "2020-01", on=backend)
    assert loud.err
    assert (quiet.code, quiet.out, quiet.err) == (0, loud.out, "")


def test_verbose_and_debug_tell_what_was_asked_of_whom_without_values(console: Console, backend: Backend) -> None:
    assert re.search(r"^info: connected to .*/ecp_test_\S+ as \S+ in \d+ ms$", console("-v", "list", on=backend).err, re.MULTILINE)
    sent = console("--debug", "list", "--client", "client1@test.com", on=backend).err
    assert "debug: sent: SELECT page.id" in sent
    assert "client1@test.com" not in sent


def test_log_json_makes_every_log_line_json(console: Console, backend: Backend) -> None:
    result = console("--log-json", "-q", "list", on=backend)
    [line] = [json.loads(line) for line in result.err.splitlines()]
    assert sorted(line) == ["level", "logger", "message", "timestamp"]
    assert (line["level"], line["logger"]) == ("info", "payments")


def test_the_version_is_one_line(console: Console) -> None:
    assert console("--version") == process("--version", environ={})
    assert console("--version").out == f"ecloud-pay {__version__}\n"


def test_no_command_is_a_usage_error_that_shows_the_help_on_stderr(console: Console) -> None:
    result = console()
    assert (result.code, result.out) == (2, "")
    assert result.err == console("--help").out + "\necloud-pay: no command was given.\n"


def test_an_unknown_command_names_the_nearest(console: Console) -> None:
    result = console("lists")
    assert (result.code, result.out) == (2, "")
    assert result.err == "ecloud-pay: No such command 'lists'. Did you mean 'list'?\nTry 'ecloud-pay --help'.\n"


def test_an_unknown_option_is_a_usage_error(console: Console) -> None:
    result = console("list", "--statos", "x")
    assert (result.code, result.out) == (2, "")
    assert result.err.startswith("ecloud-pay: No such option: --statos")
    assert result.err.endswith("Try 'ecloud-pay list --help'.\n")


@pytest.mark.parametrize("flag", ["-h", "--help"])
@pytest.mark.parametrize("command", list(COMMANDS))
def test_every_command_has_help_that_reads_like_a_page_with_examples(console: Console, command: str, flag: str) -> None:
    result = console(command, flag)
    assert (result.code, result.err) == (0, "")
    assert result.out.startswith(f"Usage: ecloud-pay {command} ")
    assert f"\n  {COMMANDS[command]}\n" in result.out
    assert "\n  Examples:\n    ecloud-pay " in result.out
    for option in ("--demo", "--env-file", "--tz", "--no-color", "-q, --quiet", "-v, --verbose", "--debug", "--log-json", "-h, --help"):
        assert option in result.out
    assert max(map(len, result.out.splitlines())) <= 100


def test_the_summaries_are_the_first_lines_of_the_help(console: Console) -> None:
    for name, summary in COMMANDS.items():
        assert (_load(name).help or "").splitlines()[0] == summary


def test_every_example_in_the_help_parses(console: Console) -> None:
    Path("refunds.csv").write_text("ref,amount\n9,1.00\n")
    for name in COMMANDS:
        for line in console(name, "--help").out.split("Examples:")[1].splitlines():
            words = re.split(r" [|>#]", line)[0].split()
            if words:
                # Without a database or a file it is refused for that reason (or done), never for what was typed.
                assert console(*words[1:]).code in (0, 4, 6), line


def test_the_exit_codes_stand_in_the_help(console: Console) -> None:
    out = console("--help").out
    for code in (0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 74, 75, 129):
        assert re.search(rf"^    {code} ", out, re.MULTILINE)


def test_a_pipe_that_closes_early_ends_quietly(backend: Backend) -> None:
    command = f"{sys.executable} -m ecloud_pay list --limit 9 | head -c 1 >/dev/null; echo ${{PIPESTATUS[0]}}"
    done = subprocess.run(
        ["bash", "-c", command], env={"PATH": os.environ["PATH"], "DATABASE_URL": backend.conninfo}, capture_output=True, check=True
    )
    assert done.stderr == b""
    closed = f"{sys.executable} -m ecloud_pay show 12 --json | true; echo ${{PIPESTATUS[0]}}"
    done = subprocess.run(
        ["bash", "-c", f"sleep 0; {closed}"],
        env={"PATH": os.environ["PATH"], "DATABASE_URL": backend.conninfo},
        capture_output=True,
        check=True,
    )
    assert (done.stdout, done.stderr) == (b"141\n", b"")


@pytest.mark.parametrize("command", [("list",), ("show", "5", "--json"), ("doctor",), ("--version",), ("--help",), ("completion", "bash")])
def test_a_full_disk_is_exit_74(backend: Backend, command: tuple[str, ...]) -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [*CONSOLE, *command],
            env={"PATH": os.environ["PATH"], "DATABASE_URL": backend.conninfo},
            stdout=full,
            stderr=subprocess.PIPE,
            check=False,
        )
    told = done.stderr.decode()
    assert done.returncode == 74, told
    assert "stdout could not be written: No space left on device" in told
    assert "Traceback" not in told


@pytest.mark.parametrize("form", ["json", "csv", "cards", "table"])
def test_a_disk_that_fills_up_is_exit_74_also_where_python_is_unbuffered(backend: Backend, tmp_path: Path, form: str) -> None:
    # Containers set PYTHONUNBUFFERED, and then Python's own stdout drops what a short write left over.
    for environ in ({}, {"PYTHONUNBUFFERED": "1"}):
        command = f"ulimit -f 1; exec {sys.executable} -m ecloud_pay list --format {form} > {tmp_path / 'out'}"
        # No bytecode: under this limit Python would leave half of it behind, for everybody.
        environ = {"PATH": os.environ["PATH"], "DATABASE_URL": backend.conninfo, "PYTHONDONTWRITEBYTECODE": "1", **environ}
        done = subprocess.run(["bash", "-c", command], env=environ, capture_output=True, text=True, check=False)
        assert done.returncode == 74, done.stderr
        assert "stdout could not be written: File too large" in done.stderr


def test_a_closed_stream_is_told_and_is_no_traceback(backend: Backend) -> None:
    for closing, code, told in (
        (">&-", 74, "ecloud-pay: stdout is closed, so there is nowhere to print to.\n"),
        ("2>&-", 0, ""),
        ("<&-", 0, ""),
    ):
        command = f"{sys.executable} -m ecloud_pay list --limit 1 {closing}"
        environ = {"PATH": os.environ["PATH"], "DATABASE_URL": backend.conninfo}
        done = subprocess.run(["bash", "-c", command], env=environ, capture_output=True, text=True, check=False)
        assert (done.returncode, done.stderr.replace("More payments match", "")[: len(told)]) == (code, told)
        assert "Traceback" not in done.stderr


@pytest.mark.parametrize(("signum", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_a_signal_ends_it_with_the_shells_code_and_no_traceback(own_backend: Backend, signum: signal.Signals, code: int) -> None:
    import psycopg

    with psycopg.connect(own_backend.conninfo) as other:
        other.execute("LOCK TABLE payments_payment IN ACCESS EXCLUSIVE MODE")
        waiting = subprocess.Popen(
            [*CONSOLE, "list"],
            env={"PATH": os.environ["PATH"], "DATABASE_URL": own_backend.conninfo},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        deadline = time.monotonic() + 20
        while not own_backend.rows(
            "SELECT FROM pg_stat_activity"
            " WHERE application_name = 'ecloud-pay' AND wait_event_type = 'Lock' AND datname = current_database()"
        ):
            assert time.monotonic() < deadline
            time.sleep(0.05)
        waiting.send_signal(signum)
        out, err = waiting.communicate(timeout=20)
    assert (waiting.returncode, out) == (code, b"")
    assert err.decode() == f"ecloud-pay: stopped by {signum.name}; nothing was changed.\n"


def on_a_terminal(*arguments: str, **environ: str) -> str:
    """What a terminal of 80 columns gets on stdout and stderr together."""
    pid, terminal = pty.fork()
    if pid == 0:  # pragma: no cover
        os.execve(
            sys.executable, [*CONSOLE, *arguments], {"PATH": os.environ["PATH"], "TERM": "xterm-256color", "COLUMNS": "80", **environ}
        )
    seen = b""
    try:
        while chunk := os.read(terminal, 65536):
            seen += chunk
    except OSError:  # Linux says EIO when the other side is gone
        pass
    os.waitpid(pid, 0)
    os.close(terminal)
    return seen.decode().replace("\r\n", "\n")


def test_a_terminal_gets_glyphs_colours_and_the_resolved_window(backend: Backend) -> None:
    seen = on_a_terminal("list", "--limit", "1", "--before", "6", "--since", "2025-01", DATABASE_URL=backend.conninfo)
    assert "\x1b[" in seen
    assert "✔ SUCCEEDED" in seen
    assert "Payments created from 2025-01-01 00:00:00 UTC." in seen
    plain = on_a_terminal("list", "--limit", "1", "--before", "6", DATABASE_URL=backend.conninfo, NO_COLOR="1")
    assert "\x1b[" not in plain
    assert "│ Status: ✔ SUCCEEDED\n" in plain
    assert "\x1b[" not in on_a_terminal("list", "--no-color", DATABASE_URL=backend.conninfo)
    assert "\x1b[" not in on_a_terminal("list", DATABASE_URL=backend.conninfo, TERM="dumb")


def test_a_pipe_gets_neither_unless_forced(backend: Backend) -> None:
    piped = process("list", environ={"DATABASE_URL": backend.conninfo})
    assert "\x1b" not in piped.out
    assert "✔" not in piped.out
    forced = process("list", environ={"DATABASE_URL": backend.conninfo, "FORCE_COLOR": "1"})
    assert "\x1b[" in forced.out
    assert re.sub(r"\x1b\[[0-9;]*m", "", forced.out) == piped.out


def test_any_locale_gets_utf_8(backend: Backend) -> None:
    plain = process("list", environ={"DATABASE_URL": backend.conninfo})
    assert plain.code == 0
    for locale in ({"LC_ALL": "C"}, {"LC_ALL": "POSIX", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}, {"PYTHONIOENCODING": "ascii"}):
        assert process("list", environ={"DATABASE_URL": backend.conninfo, **locale}) == plain
