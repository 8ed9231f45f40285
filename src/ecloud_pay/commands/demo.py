"""`demo ACTION`: the private PostgreSQL of --demo, looked after."""

from typing import Annotated

import typer

from ecloud_pay.commands.options import command
from ecloud_pay.commands.parsing import one_of
from ecloud_pay.wiring import Wiring

ACTIONS = ("path", "stop", "reset")

EXAMPLES = """
ecloud-pay demo path          # the folder it lives in
ecloud-pay demo stop          # end a server that a killed console left behind
ecloud-pay demo reset         # throw the sample data away; the next --demo makes it anew
"""


@command
def run(
    wiring: Wiring,
    action: Annotated[
        str, typer.Argument(metavar="path|stop|reset", help="What to do.", show_default=False, autocompletion=lambda: ACTIONS)
    ],
) -> None:
    """Look after the private sample database of --demo.

    It lives in a folder of its own under the state folder (for root, whose home is closed to the account that runs it, under
    /var/lib/ecloud-pay), listens on no network, and is stopped by the last console that uses it.
    """
    chosen = one_of(action, ACTIONS, "ACTION", "action")
    if chosen == "path":
        wiring.screen.data(f"{wiring.demo_path()}\n")
    elif chosen == "stop":
        wiring.screen.note("The demo's PostgreSQL is stopped." if wiring.stop_demo() else "No demo PostgreSQL is running.")
    else:
        wiring.reset_demo()
        wiring.screen.note("The sample data is gone; the next --demo makes it anew.")
