"""`completion`: the scripts, and what they make the shell offer."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from support.console import Console


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_each_shell_gets_its_script(console: Console, shell: str) -> None:
    result = console("completion", shell)
    assert (result.code, result.err) == (0, "")
    assert "_ECLOUD_PAY_COMPLETE" in result.out
    assert f"complete_{shell}" in result.out


def test_an_unknown_shell_lists_the_known_ones(console: Console) -> None:
    result = console("completion", "powershell")
    assert (result.code, result.out) == (2, "")
    assert result.err.splitlines()[1] == "Known: bash, zsh, fish"


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        (["ecloud-pay", ""], ["list", "show", "export", "report", "refund", "doctor", "demo", "completion"]),
        (["ecloud-pay", "li"], ["list"]),
        (["ecloud-pay", "list", "--status", "s"], ["succeeded"]),
        (["ecloud-pay", "list", "--paid-"], ["--paid-since", "--paid-until"]),
        (["ecloud-pay", "show", "--js"], ["--json"]),
        (["ecloud-pay", "demo", ""], ["path", "stop", "reset"]),
        (["ecloud-pay", "completion", "z"], ["zsh"]),
    ],
)
def test_bash_offers_commands_options_and_values(tmp_path: Path, words: list[str], offered: list[str]) -> None:
    bin_folder = tmp_path / "bin"
    bin_folder.mkdir()
    (bin_folder / "ecloud-pay").symlink_to(Path(sys.executable).parent / "ecloud-pay")
    script = subprocess.run([sys.executable, "-m", "ecloud_pay", "completion", "bash"], capture_output=True, text=True, check=True).stdout
    quoted = " ".join(f"'{word}'" for word in words)
    function = next(line.split("()")[0].strip() for line in script.splitlines() if "()" in line)
    asking = f"{script}\nCOMP_WORDS=({quoted}); COMP_CWORD={len(words) - 1}; {function} ecloud-pay; printf '%s\\n' \"${{COMPREPLY[@]}}\""
    done = subprocess.run(
        ["bash", "-c", asking], env={"PATH": f"{bin_folder}:{os.environ['PATH']}"}, capture_output=True, text=True, check=True
    )
    assert (done.stdout.split(), done.stderr) == (offered, "")
