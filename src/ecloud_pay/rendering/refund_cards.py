"""A refund before it is made and after it has ended, as boxes; and what is open, as a list."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from rich.text import Text

from ecloud_pay.domain.at_stripe import Mode, RefundState
from ecloud_pay.domain.money import Money
from ecloud_pay.domain.preview import Preview
from ecloud_pay.domain.refund import Ending, Intent, PendingRow
from ecloud_pay.rendering import theme
from ecloud_pay.rendering.amounts import amount_text
from ecloud_pay.rendering.boxes import box, line, twigs
from ecloud_pay.rendering.cards import ABSENT, payment_card, person_text, status_text
from ecloud_pay.rendering.look import Look
from ecloud_pay.rendering.sanitize import visible
from ecloud_pay.rendering.times import local_time

NO_SIGNALS = "The backend's signals and e-mails will not fire: nobody is told but by you."
BLOCK_LIST = "FRAUDULENT puts the card and e-mail on Stripe's block list."


def preview_cards(found: Preview, look: Look) -> list[Text]:
    """The payment's card, then what the refund would do."""
    order = found.order
    money = [
        line("This Refund: ", Text(_amount(order.amount, look, with_code=True), style=theme.STRONG)),
        *twigs(
            [
                ("Paid: ", Text(_amount(found.captured, look))),
                ("Refunded Before: ", Text(_before_words(found, look))),
                ("Left After It: ", Text(_amount(found.left, look))),
            ]
        ),
    ]
    return [
        *payment_card(found.payment, look),
        *box(f"Refund of #{found.payment.id}", [money, _shares(found, look), *_facts(found, look)], look),
    ]


def _before_words(found: Preview, look: Look) -> str:
    """`$10.00`, `$10.00, of it $4.00 not through yet`: what Stripe has not confirmed can still fail, and is then to be refunded again."""
    before = _amount(found.refunded.most, look)
    waiting = [refund.amount for refund in found.theirs.refunds if refund.holds_money and refund.state is not RefundState.COMPLETED]
    if not waiting:
        return before
    return f"{before}, of it {_amount(sum(waiting, Money(0, found.captured.currency)), look)} not through yet"


def _shares(found: Preview, look: Look) -> list[Text]:
    return [
        Text("What It Concerns:", style=theme.LABEL),
        *twigs(
            [
                ("Platform Fee: ", Text(_amount(found.fee_share, look))),
                ("Cleaner Payout: ", Text(_amount(found.payout_share, look))),
                ("Borne By: ", Text(borne_words(found, look))),
            ]
        ),
    ]


def borne_words(found: Preview, look: Look) -> str:
    """`proportional: platform $3.75, cleaner $21.25`."""
    if found.borne is None or found.borne_by is None:
        return "not recorded"
    platform, cleaner = found.borne
    return f"{found.borne_by}: platform {_amount(platform, look)}, cleaner {_amount(cleaner, look)}"


def _facts(found: Preview, look: Look) -> list[list[Text]]:
    order = found.order
    who = [
        line("Reason: ", Text(visible(order.words or "none given"))),
        line("Requested By: ", Text(visible(order.actor.email))),
        line("Stripe: ", Text.assemble(mode_text(order.mode), f", account {visible(order.account or 'not readable with this key')}")),
    ]
    who += [
        line(f"{label}: ", Text(yes if choice else no))
        for label, choice, yes, no in (
            ("Transfer", order.reverse_transfer, "its share is taken back from the connected account", "stays with the connected account"),
            ("Application Fee", order.refund_application_fee, "its share is given back", "is kept"),
        )
        if choice is not None
    ]
    notes = [Text(NO_SIGNALS, style=theme.NOTE)]
    if found.wish.accepts_drift and not found.refunded.is_agreed:
        notes.append(Text("The books disagree on what came back before; the largest figure was taken.", style=theme.WARNING))
    if order.reason == "fraudulent":
        notes.append(Text(BLOCK_LIST, style=theme.WARNING))
    return [who, [*notes, *_inquiries(found), *_requests(found, look)]]


def _inquiries(found: Preview) -> list[Text]:
    """Stripe still refunds a payment that a bank only asks about, so nothing else would tell of it."""
    return [
        Text(visible(f"An inquiry is open at Stripe: {dispute.id} ({dispute.status})"), style=theme.WARNING)
        for dispute in found.theirs.disputes
        if dispute.is_open_inquiry
    ]


def _requests(found: Preview, look: Look) -> list[Text]:
    """Whoever refunds beside a request of the backend may be about to refund twice."""
    return [
        Text(f"A request is open: row #{row.id}, {amount_text(row.amount, look.currency)} (refund --request {row.id})", style=theme.WARNING)
        for row in found.requests
    ]


def settled_card(intent: Intent, left: Money | None, look: Look) -> list[Text]:
    """How it ended. `left` is what can still be refunded, where that is known."""
    order, settled = intent.order, intent.settlement
    assert settled is not None
    money = [
        line("Status: ", status_text(settled.state, look)),
        line("Amount: ", Text(_amount(order.amount, look, with_code=True), style=theme.STRONG)),
    ]
    if left is not None:
        money += twigs([("Left to Refund: ", Text(_amount(left, look)))])
    about = [
        line("Payment: ", Text(f"#{order.payment_id}")),
        line("Stripe Refund: ", Text(visible(settled.stripe_refund_id or ABSENT), style=theme.ID)),
        line("Stripe: ", mode_text(order.mode)),
    ]
    return box(f"Refund #{intent.refund_id}", [money, about, [Text(text) for text in ending_words(intent)]], look)


def ending_words(intent: Intent) -> list[str]:
    """What a person should know of how it ended; nothing where it simply went through."""
    settled = intent.settlement
    assert settled is not None
    words = []
    if settled.is_adopted:
        words.append("Found in Stripe's list and recorded here.")
    if settled.ending is Ending.ACCEPTED and settled.state is RefundState.PENDING:
        words += ["Stripe has accepted it and will say later whether it went through.", "Nothing needs to be repeated."]
    elif settled.ending is Ending.ACCEPTED and settled.state is RefundState.FAILED:
        words.append("Stripe took it and it failed there: no money moved.")
    elif settled.ending is not Ending.ACCEPTED:
        words.append(f"{settled.ending.capitalize()}: {visible(settled.words or 'no reason was given').removesuffix('.')}. No money moved.")
    return words


def pending_lines(
    unsettled: Sequence[tuple[Intent, str]], at_stripe: Sequence[PendingRow], requests: Sequence[PendingRow], now: datetime, look: Look
) -> list[Text]:
    """Three groups: ours with what resume would do, those that Stripe has, and the backend's requests."""
    return [
        *_group("Ours, unsettled", [_intent_lines(intent, would, now, look) for intent, would in unsettled]),
        *_group("At Stripe, not through yet", [_row_lines(row, row.refund.stripe_refund_id or "", look) for row in at_stripe]),
        *_group("Requests made in the backend", [_row_lines(row, f"--request {row.refund.id} carries it out", look) for row in requests]),
    ]


def resumed_lines(resumed: Sequence[tuple[Intent, str]], look: Look) -> list[Text]:
    """What became of what was open: a line each."""
    return [
        Text.assemble(f"payment #{intent.order.payment_id}  ", status_text(_status(intent), look), f"  {visible(words)}")
        for intent, words in resumed
    ]


def _status(intent: Intent) -> str:
    return intent.settlement.state if intent.settlement else RefundState.PENDING


def _group(title: str, entries: Sequence[Sequence[Text]]) -> list[Text]:
    head = Text(f"{title}: {len(entries) or 'none'}", style=theme.STRONG)
    return [head, *(row for entry in entries for row in entry)]


def _intent_lines(intent: Intent, would: str, now: datetime, look: Look) -> list[Text]:
    order = intent.order
    sent = f"sent {intent.attempts}×" if intent.attempts else "never sent"
    when = f"begun {local_time(intent.created_at, look.zone)} ({age(now - intent.created_at)} ago) by {visible(order.actor.email)}, {sent}"
    return [
        Text.assemble(f"  payment #{order.payment_id}  ", (_amount(order.amount, look, with_code=True), theme.STRONG), f"  {when}"),
        Text(f"      → resume would {visible(would)}", style=theme.WARNING),
    ]


def _row_lines(row: PendingRow, told: str, look: Look) -> list[Text]:
    refund = row.refund
    figure = amount_text(refund.amount, look.currency, with_code=True)
    since = f"since {local_time(refund.created_at, look.zone)}"
    return [
        Text.assemble(f"  payment #{row.payment.id}  row #{refund.id}  ", (figure, theme.STRONG), f"  {since}  {visible(told)}"),
        Text(f"      requested by {person_text(refund.requested_by)}: {visible(refund.reason or 'no reason given')}", style=theme.NOTE),
    ]


def age(time: timedelta) -> str:
    """`45 s`, `12 min`, `3 h`, `2 d`: the largest unit alone."""
    seconds = max(int(time.total_seconds()), 0)
    for unit, size in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= size:
            return f"{seconds // size} {unit}"
    return f"{seconds} s"


def mode_text(mode: Mode) -> Text:
    """Whether money is real, loudly."""
    return Text("LIVE: real money", style=theme.ERROR) if mode is Mode.LIVE else Text("TEST", style=theme.GAIN)


def _amount(amount: Money, look: Look, *, with_code: bool = False) -> str:
    return amount_text(amount, look.currency, with_code=with_code)
