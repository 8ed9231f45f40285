"""`completion SHELL`: the script that makes a shell complete commands and options."""

from typing import Annotated

import typer

from ecloud_pay import COMPLETION_VARIABLE, PROGRAM
from ecloud_pay.commands.options import command
from ecloud_pay.commands.parsing import one_of
from ecloud_pay.wiring import Wiring

SHELLS = ("bash", "zsh", "fish")

EXAMPLES = """
ecloud-pay completion bash > ~/.local/share/bash-completion/completions/ecloud-pay
ecloud-pay completion zsh > ~/.zfunc/_ecloud-pay      # with ~/.zfunc in $fpath
ecloud-pay completion fish > ~/.config/fish/completions/ecloud-pay.fish
"""


@command
def run(
    wiring: Wiring,
    shell: Annotated[str, typer.Argument(metavar="bash|zsh|fish", help="Your shell.", show_default=False, autocompletion=lambda: SHELLS)],
) -> None:
    """Print the completion script of a shell."""
    from typer._completion_shared import get_completion_script

    chosen = one_of(shell, SHELLS, "SHELL", "shell")
    wiring.screen.data(get_completion_script(prog_name=PROGRAM, complete_var=COMPLETION_VARIABLE, shell=chosen) + "\n")
