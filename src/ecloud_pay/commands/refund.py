"""`refund`: money goes back, once; and what is open is settled."""

from typing import Annotated

import typer

from ecloud_pay.commands.options import command
from ecloud_pay.commands.refund_options import Asked, Batch, Consent, Typed, Unfinished, Way
from ecloud_pay.wiring import Wiring

EXAMPLES = """
ecloud-pay refund 5 --dry-run                                  # what would happen
ecloud-pay refund 5 --amount 25 --reason requested_by_customer
ecloud-pay refund 5 --amount 25 --confirm 25.00 --request-id complaint-4711
ecloud-pay refund --from refunds.csv --batch november --dry-run
ecloud-pay refund --pending
ecloud-pay refund --resume                                     # from cron, every ten minutes
"""


@command
def run(
    wiring: Wiring,
    asked: Asked,
    consent: Consent,
    unfinished: Unfinished,
    batch: Batch,
    *,
    ref: Annotated[
        str | None, typer.Argument(metavar="[REF]", help="One payment: 5, #5, pi_…, ch_… or job:14.", show_default=False)
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="The outcome as one JSON document.")] = False,
) -> None:
    """Refund through Stripe, once, whatever happens; settle what is open.

    First everything is shown: the payment, what came back before, what this refund takes and leaves, whose shares it concerns. Then it
    is confirmed: y/N with a test key, the amount typed with a live one. The refund is recorded before Stripe is asked, so a crash at
    any point loses nothing and repeats nothing: --resume goes on from what is recorded. Exit 8 means that nobody knows yet whether
    money moved: do not repeat, resume.
    """
    typed = Typed(ref, asked, consent, unfinished, batch, json)
    match typed.way:
        case Way.MAKE | Way.REQUEST:
            from ecloud_pay.commands.refund_making import make

            make(wiring, typed)
        case Way.BATCH:
            from ecloud_pay.commands.refund_batch import run_batch

            run_batch(wiring, typed)
        case _:
            from ecloud_pay.commands.refund_open import see_to

            see_to(wiring, typed)
