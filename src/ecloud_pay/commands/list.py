"""`list`: the newest payments, page by page."""

import shlex
import sys
from typing import Annotated

import typer

from ecloud_pay import PROGRAM
from ecloud_pay.commands.options import command
from ecloud_pay.commands.parsing import count, number
from ecloud_pay.commands.printing import Output, chosen_fields, chosen_format, print_payments
from ecloud_pay.commands.selection import Filters, payment_search
from ecloud_pay.wiring import Wiring

MOST = 10_000

EXAMPLES = """
ecloud-pay list --status succeeded
ecloud-pay list --client client1@test.com --since 30d
ecloud-pay list --paid-since last-month --paid-until this-month --format table
ecloud-pay list --min-amount 200 --currency eur --refunded
ecloud-pay list --limit 100 --json | jq '.[].client.email'
ecloud-pay list --fields id,amount,currency,client.email --csv
"""


@command
def run(
    wiring: Wiring,
    filters: Filters,
    output: Output,
    *,
    limit: Annotated[str, typer.Option("--limit", "-n", metavar="N", help=f"How many at most; {MOST:,} is the most.")] = "20",
    before: Annotated[str | None, typer.Option("--before", metavar="ID", help="Only payments before this one: the next page.")] = None,
) -> None:
    """Show payments, newest first.

    Reads in a READ ONLY transaction. When there are more than --limit, stderr says so and gives the command that shows them.
    """
    chosen, fields = chosen_format(output), chosen_fields(output)
    search = payment_search(filters, wiring)
    below = number(before, "--before")
    at_most = count(limit, "--limit", MOST)
    look = wiring.look
    with wiring.reader() as reader:
        found = reader.page(search, at_most + 1, below)
    page = found[:at_most]
    print_payments(page, chosen, fields, wiring.screen, look)
    if not page:
        wiring.screen.note("No payments match.")
    elif len(found) > at_most:
        wiring.screen.note(f"More payments match. The next ones: {_next_page(sys.argv[1:], page[-1].id)}")


def _next_page(arguments: list[str], last_id: int) -> str:
    """The command that was typed, going on after `last_id`."""
    kept = []
    rest = iter(arguments)
    for argument in rest:
        if argument == "--before":
            next(rest, None)
        elif not argument.startswith("--before="):
            kept.append(argument)
    return shlex.join([PROGRAM, *kept, "--before", str(last_id)])
