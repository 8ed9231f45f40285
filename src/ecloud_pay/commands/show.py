"""`show REF`: everything the database holds about one payment."""

from typing import Annotated

import typer

from ecloud_pay.commands.options import command
from ecloud_pay.commands.parsing import reference
from ecloud_pay.commands.printing import Output, chosen_fields, chosen_format, print_documents, print_payments
from ecloud_pay.domain.errors import NotFound
from ecloud_pay.domain.reference import FORMS, Reference, ReferenceKind
from ecloud_pay.ports import Found
from ecloud_pay.rendering import machine
from ecloud_pay.wiring import Wiring

EXAMPLES = """
ecloud-pay show 5
ecloud-pay show pi_3SMUfcQ1SldwUSm92tASE3le
ecloud-pay show client1@test.com
ecloud-pay show job:14 --json
"""


@command
def run(
    wiring: Wiring,
    ref: Annotated[str, typer.Argument(metavar="REF", help=f"Which payment: {FORMS}.", show_default=False)],
    output: Output,
) -> None:
    """Show one payment with its job, metadata, refunds and timeline.

    REF is a number (5 or #5), a Stripe id of the PaymentIntent, charge or refund (pi_…, ch_…, re_…, pyr_…), job:14, or an e-mail:
    its newest payment as client, else as cleaner.
    """
    chosen, fields = chosen_format(output), chosen_fields(output)
    wanted = reference(ref)
    look = wiring.look
    with wiring.reader() as reader:
        found = reader.find(wanted)
    if found is None:
        raise NotFound(_nothing(wanted), to_do="`ecloud-pay list` shows what there is.")
    if chosen == "cards":
        from ecloud_pay.rendering.cards import file_cards

        wiring.screen.show(file_cards(found.file, look))
    elif chosen == "table" and fields is None:
        print_payments([found.file.payment], chosen, fields, wiring.screen, look)
    else:
        print_documents([machine.file_document(found.file)], chosen, fields, wiring.screen, as_one=True)
    if found.candidates > 1 or wanted.kind is ReferenceKind.EMAIL:
        wiring.screen.note(_others(wanted, found, wiring))


def _nothing(wanted: Reference) -> str:
    if wanted.kind is ReferenceKind.PAYMENT:
        return f"there is no payment {wanted}"
    return f"no payment belongs to {wanted}"


def _others(wanted: Reference, found: Found, wiring: Wiring) -> str:
    as_role = f" as {found.as_role}" if found.as_role else ""
    if found.candidates == 1:
        return f"{wanted} has 1 payment{as_role}, this one."
    filters = {ReferenceKind.EMAIL: (f"--{found.as_role}", str(wanted.value)), ReferenceKind.JOB: ("--job", str(wanted.value))}
    all_of_them = f" All: {wiring.command_line('list', *filters[wanted.kind])}" if wanted.kind in filters else ""
    return f"{wanted} has {found.candidates} payments{as_role}; this is the newest.{all_of_them}"
