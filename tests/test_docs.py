"""Commands, settings, exit codes and screens stand in the documents as they are in the code."""

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from ecloud_pay import __version__
from ecloud_pay.cli import COMMANDS, EXIT_CODES
from ecloud_pay.commands.options import Common
from ecloud_pay.commands.printing import FORMATS
from ecloud_pay.commands.refund_options import Asked, Batch, Consent, Unfinished
from ecloud_pay.commands.selection import Filters
from ecloud_pay.domain.period import FORMS
from ecloud_pay.rendering.errors import DIFFERENCES
from ecloud_pay.rendering.errors import EXIT_CODES as CODES
from ecloud_pay.settings import TABLE
from support.console import Console

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()
SHORT = {"--quiet": "-q", "--verbose": "-v"}  # what the README calls them


def test_the_keys_of_the_example_file_are_exactly_the_settings() -> None:
    keys = re.findall(r"^([A-Z_]+)=", (ROOT / ".env.example").read_text(), re.MULTILINE)
    assert keys == [setting.name for setting in TABLE]


def test_the_example_file_sets_nothing_and_explains_each() -> None:
    text = (ROOT / ".env.example").read_text()
    for setting in TABLE:
        meaning = setting.meaning[0].upper() + setting.meaning[1:]
        assert re.search(rf"^# {re.escape(meaning)}.*\n{setting.name}=$", text, re.MULTILINE), setting.name


def test_the_readme_lists_every_setting_with_its_default() -> None:
    rows = re.findall(r"^\| `([A-Z_]+)` \| (\S*) ?\| (.*) \|$", README, re.MULTILINE)
    assert {name: default for name, default, _ in rows} == {setting.name: setting.default for setting in TABLE}


def test_the_readme_opens_with_the_two_commands() -> None:
    assert re.findall(r"```\n(.*?)```", README, re.DOTALL)[0].splitlines() == [
        "make demo     # payment cards from a private PostgreSQL with sample data",
        "make test     # every test, on a real PostgreSQL in both shapes of the tables",
    ]


def test_the_readme_has_a_section_for_every_command() -> None:
    assert re.findall(r"^### `(\w+)`:", README, re.MULTILINE) == list(COMMANDS)


def test_every_command_line_in_the_readme_parses(console: Console) -> None:
    Path("refunds.csv").write_text("ref,amount\n9,1.00\n")
    lines = re.findall(r"`(ecloud-pay [^`]*)`", README) + re.findall(r"^\$ (?:\.venv/bin/)?(ecloud-pay .*)$", README, re.MULTILINE)
    assert len(lines) > 20
    for line in lines:
        words = re.split(r" [|>#]", line)[0].split()[1:]
        if "COMMAND" in words:
            continue
        words = [{"WHO": "24", "pi_…": "pi_1", "REF": "5"}.get(word, word) for word in words]
        if "--demo" in words and "refund" in words and not {"--pending", "--dry-run"} & set(words):
            words.append("--dry-run")  # the demo is shared by all tests of a run
        # Without a database or a file a command is refused for that reason (or done), never for what was typed.
        assert console(*words).code in (0, 4, 6), line


def test_the_screen_of_show_is_what_show_prints(console: Console) -> None:
    [screen] = re.findall(r"^\$ \.venv/bin/ecloud-pay --demo show 5\n(.*?)```", README, re.DOTALL | re.MULTILINE)
    assert console("--demo", "show", "5").out == screen


def test_the_exit_codes_are_the_same_in_readme_help_and_code() -> None:
    in_readme = {int(code) for cell in re.findall(r"^\| ([\d /]+) \|", README, re.MULTILINE) for code in cell.split(" / ")}
    in_help = {int(code) for code in re.findall(r"(?:^|; )(\d+) ", EXIT_CODES, re.MULTILINE)}
    assert in_readme == in_help == {0, 1, 2, DIFFERENCES, 129, 130, 141, 143, *CODES.values()}


def test_the_readme_names_every_filter_common_option_format_and_date_form() -> None:
    for bundle in (Filters, Common):
        assert unnamed_options(bundle) == []
    assert "|".join(FORMATS) in README
    for form in FORMS.split(", "):
        assert f"`{form}`" in README, form


def test_the_readme_names_every_option_of_a_refund() -> None:
    for bundle in (Asked, Consent, Unfinished, Batch):
        assert unnamed_options(bundle) == []


def unnamed_options(bundle: type[Any]) -> list[str]:
    """Those of the bundle's options that stand nowhere in the README as a word of their own."""
    words = set(re.findall(r"(?<![\w-])--?[a-z][a-z0-9-]*", README.replace("[no-]", "")))
    options = ["--" + name.strip("_").replace("_", "-") for name in bundle.__dataclass_fields__]
    return [option for option in options if not {option, SHORT.get(option)} & words]


def test_the_changelog_has_this_version() -> None:
    assert f"\n## {__version__}\n" in (ROOT / "CHANGELOG.md").read_text()


def test_the_architecture_names_every_module() -> None:
    text = (ROOT / "docs" / "architecture.md").read_text()
    for path in (ROOT / "src" / "ecloud_pay").rglob("*.py"):
        name = path.parent.name if path.stem == "__init__" else path.stem
        # The commands are named for what they are; the parts of the demo's server explain each other.
        if path.parent.name != "demo" and name not in ("__main__", *COMMANDS):
            assert re.search(rf"\b{name}\b", text), path


def test_the_lock_names_no_host_and_every_package_has_hashes() -> None:
    for name in ("dev.txt", "run.txt"):
        lines = (ROOT / "requirements" / name).read_text()
        assert "://" not in lines
        assert "index" not in lines.replace("importlib", "")
        for block in re.split(r"\n(?=\S)", lines.strip()):
            assert "--hash=sha256:" in block, block.splitlines()[0]


def test_the_runtime_lock_is_part_of_the_development_lock() -> None:
    def pins(name: str) -> set[str]:
        return set(re.findall(r"^([\w.-]+==\S+)", (ROOT / "requirements" / name).read_text(), re.MULTILINE))

    assert pins("run.txt") <= pins("dev.txt")
    assert any(pin.startswith("typer==0.28.") for pin in pins("run.txt"))


@pytest.mark.parametrize("text", ["README.md", "CHANGELOG.md", "docs/architecture.md", ".env.example"])
def test_lines_stay_readable(text: str) -> None:
    longest = max((ROOT / text).read_text().splitlines(), key=len)
    assert len(longest) <= 220, longest


def test_the_wheel_holds_what_the_program_needs(tmp_path: Path) -> None:
    subprocess.run(
        [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "-w", str(tmp_path), str(ROOT)],
        check=True,
        capture_output=True,
    )
    [wheel] = tmp_path.glob("*.whl")
    listed = subprocess.run([sys.executable, "-m", "zipfile", "-l", str(wheel)], check=True, capture_output=True, text=True).stdout
    assert "ecloud_pay/demo/schema.sql" in listed
    assert "ecloud_pay/commands/list.py" in listed
    assert "tests/" not in listed
