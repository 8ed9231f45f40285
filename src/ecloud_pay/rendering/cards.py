"""Payment cards: left-open boxes, one per payment.

    ┌─ Payment #5 ─────────────────────────────────────
    │ Status: SUCCEEDED
    │ Amount: $100.00 USD
    │   ├─ Platform Fee (15%): $15.00
    │   └─ Cleaner Payout (85%): $85.00
    └──────────────────────────────────────────────────

Every value is scrubbed and set into Rich `Text`, so
that no row can speak markup. The same lines go to a pipe, without glyph and colour.
"""

import json
from collections.abc import Sequence
from datetime import UTC, datetime

from rich.text import Text

from ecloud_pay.domain.money import Amount, share
from ecloud_pay.domain.payment import Job, Json, Payment, PaymentFile, Person, Refund, Transaction
from ecloud_pay.rendering import theme
from ecloud_pay.rendering.amounts import amount_text, share_text
from ecloud_pay.rendering.boxes import box, branch, line, tree, twigs
from ecloud_pay.rendering.look import Look
from ecloud_pay.rendering.sanitize import visible
from ecloud_pay.rendering.times import local_time

ABSENT = "N/A"
_END_OF_TIME = datetime.max.replace(tzinfo=UTC)  # where rows without an instant are sorted


def payment_card(payment: Payment, look: Look) -> list[Text]:
    """The card of one payment, as lines."""
    sections = [
        _money_section(payment, look),
        _refund_section(payment, look),
        _people_section(payment),
        _stripe_section(payment),
        branch("Timestamps:", [("Created: ", _time(payment.created_at, look)), ("Paid: ", _time(payment.paid_at, look))]),
    ]
    return box(f"Payment #{payment.id}", sections, look)


def file_cards(file: PaymentFile, look: Look) -> list[Text]:
    """The card, then a second box with job, description, metadata, refunds and the timeline of transactions."""
    payment = file.payment
    sections = [
        _job_section(payment),
        _metadata_section(payment.metadata),
        _refunds_section(file.refunds, payment, look),
        _timeline_section(file.transactions, look),
    ]
    return [*payment_card(payment, look), *box(f"Details of #{payment.id}", sections, look)]


def person_text(person: Person | None) -> str:
    """`username (email)`; the id where the user's row is gone; `N/A` where nobody is named."""
    if person is None:
        return ABSENT
    if person.username is None and person.email is None:
        return f"user #{person.id} ({ABSENT})"
    return visible(f"{person.username or person.email} ({person.email or ABSENT})")


def card_text(payment: Payment) -> str:
    """`visa •••• 4242`; without a brand the method's type; `N/A` where the row says nothing."""
    words = [payment.payment_method_brand or payment.payment_method_type]
    if payment.payment_method_last4:
        words.append(f"•••• {payment.payment_method_last4}")
    elif not payment.payment_method_brand:
        return ABSENT if not words[0] or words[0] == "card" else visible(words[0])
    return visible(" ".join(word for word in words if word))


def status_text(status: str | None, look: Look) -> Text:
    """`SUCCEEDED`, with its glyph on a terminal."""
    mark = theme.mark(status)
    word = visible((status or ABSENT).upper())
    return Text(f"{mark.glyph} {word}" if look.is_terminal else word, style=mark.style)


def _money_section(payment: Payment, look: Look) -> list[Text]:
    def part(name: str, amount: Amount) -> tuple[str, Text]:
        return f"{name} ({share_text(share(amount, payment.amount))}): ", _amount(amount, look)

    return [
        line("Status: ", status_text(payment.status, look)),
        line("Amount: ", Text(amount_text(payment.amount, look.currency, with_code=True), style=theme.STRONG)),
        *twigs([part("Platform Fee", payment.platform_fee), part("Cleaner Payout", payment.cleaner_payout)]),
    ]


def _refund_section(payment: Payment, look: Look) -> list[Text]:
    if not payment.refund_amount:
        return []
    percent = share_text(share(payment.refund_amount, payment.amount))
    head = line(f"Refunded ({percent}): ", _amount(payment.refund_amount, look, with_code=True))
    reason = Text(visible(payment.refund_reason or ABSENT))
    return [head, *twigs([("Reason: ", reason), ("When: ", _time(payment.refunded_at, look))])]


def _people_section(payment: Payment) -> list[Text]:
    return [
        line("Client: ", Text(person_text(payment.client))),
        line("Cleaner: ", Text(person_text(payment.cleaner))),
        line("Job ID: ", Text(f"#{payment.job.id}" if payment.job else ABSENT)),
    ]


def _stripe_section(payment: Payment) -> list[Text]:
    return branch(
        "Stripe Details:",
        [
            ("Payment Intent: ", _id(payment.stripe_payment_intent_id)),
            ("Charge ID: ", _id(payment.stripe_charge_id)),
            ("Payment Method: ", Text(card_text(payment))),
        ],
    )


def _job_section(payment: Payment) -> list[Text]:
    lines = [line("Job: ", Text(_job_words(payment.job)))]
    if payment.job:
        lines += twigs([("Address: ", Text(visible(payment.job.property_address or ABSENT)))])
    return [*lines, line("Description: ", Text(visible(payment.description or ABSENT)))]


def _job_words(job: Job | None) -> str:
    return f"#{job.id} {visible(job.service_type or ABSENT)}" if job else ABSENT


def _metadata_section(metadata: Json) -> list[Text]:
    if not metadata:
        return [line("Metadata: ", Text("none"))]
    if not isinstance(metadata, dict):
        return [line("Metadata: ", Text(_json_words(metadata)))]
    return branch("Metadata:", [(f"{visible(key)}: ", Text(_json_words(value))) for key, value in metadata.items()])


def _json_words(value: Json) -> str:
    return visible(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))


def _refunds_section(refunds: Sequence[Refund], payment: Payment, look: Look) -> list[Text]:
    if not refunds:
        # A refund made by hand may have changed the payment and left no row; saying "none" alone would hide it.
        return [line("Refunds: ", Text("none recorded as a row" if payment.refund_amount else "none"))]
    return tree("Refunds:", [(_refund_head(refund, look), _refund_facts(refund, look)) for refund in refunds])


def _refund_head(refund: Refund, look: Look) -> Text:
    return Text.assemble(
        f"#{refund.id} ", status_text(refund.status, look), " ", _amount(refund.amount, look), " ", _id(refund.stripe_refund_id)
    )


def _refund_facts(refund: Refund, look: Look) -> list[Text]:
    return [
        line("Reason: ", Text(visible(refund.reason or ABSENT))),
        line("Requested by: ", Text.assemble(person_text(refund.requested_by), " on ", _time(refund.created_at, look))),
        line("Processed: ", _time(refund.processed_at, look)),
    ]


def _timeline_section(transactions: Sequence[Transaction], look: Look) -> list[Text]:
    if not transactions:
        return [line("Timeline: ", Text("no transactions"))]
    in_time = sorted(transactions, key=lambda row: (row.created_at or _END_OF_TIME, row.id))
    kind_width = max(len(visible(row.transaction_type)) for row in in_time)
    amount_width = max(len(amount_text(row.amount, look.currency)) for row in in_time)
    return tree("Timeline:", [(_transaction_head(row, kind_width, amount_width, look), [_transaction_facts(row, look)]) for row in in_time])


def _transaction_head(row: Transaction, kind_width: int, amount_width: int, look: Look) -> Text:
    return Text.assemble(
        (f"{local_time(row.created_at, look.zone)}  ", theme.LABEL),
        f"{visible(row.transaction_type):<{kind_width}}  {amount_text(row.amount, look.currency):>{amount_width}}  ",
        status_text(row.status, look),
    )


def _transaction_facts(row: Transaction, look: Look) -> Text:
    end = "ended" if row.status == "failed" else "completed"
    completed = "" if row.completed_at is None else f"  {end} {local_time(row.completed_at, look.zone)}"
    return Text.assemble(_id(row.stripe_transaction_id), completed)


def _amount(amount: Amount, look: Look, *, with_code: bool = False) -> Text:
    return Text(amount_text(amount, look.currency, with_code=with_code))


def _time(instant: datetime | None, look: Look) -> Text:
    return Text(local_time(instant, look.zone))


def _id(value: str | None) -> Text:
    return Text(visible(value), style=theme.ID) if value else Text(ABSENT)
