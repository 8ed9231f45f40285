"""A refund before it is made, after it has ended, and what is open: compared whole."""

import io
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from rich.console import Console
from rich.text import Text

from ecloud_pay.domain.at_stripe import DisputeAtStripe, Mode, PaymentAtStripe, RefundAtStripe, RefundState
from ecloud_pay.domain.money import Money
from ecloud_pay.domain.payment import Refund
from ecloud_pay.domain.preview import Preview, Wish
from ecloud_pay.domain.refund import Actor, Ending, Intent, Order, PendingRow, RefundReason, Settled
from ecloud_pay.domain.remainder import Refunded
from ecloud_pay.domain.report import BorneBy
from ecloud_pay.rendering.look import Look
from ecloud_pay.rendering.refund_cards import (
    BLOCK_LIST,
    NO_SIGNALS,
    age,
    borne_words,
    pending_lines,
    preview_cards,
    resumed_lines,
    settled_card,
)
from samples import CARD_5, OPERATOR, payment_5, refund

PIPE = Look(UTC, "usd")
TERMINAL = Look(UTC, "usd", 80)
NOON = datetime(2025, 2, 1, 12, 0, tzinfo=UTC)
HOSTILE = "a\x1b[2J\u202e\n[bold]b[/]"
HARMLESS = "a\\x1b[2J\\u202e\\n[bold]b[/]"
OPS = Actor(1, "ops@example.com")


def usd(figure: str) -> Money:
    return Money.parse(figure, "usd")


def order(**changes: Any) -> Order:
    """$25.00 of payment #5."""
    made = Order(
        key="a key",
        payment_id=5,
        payment_intent="pi_5",
        amount=usd("25.00"),
        reason=RefundReason.REQUESTED_BY_CUSTOMER,
        note="came late",
        actor=OPS,
        mode=Mode.TEST,
        account="acct_1",
    )
    return replace(made, **changes)


def preview(
    order: Order, *, before: str = "0.00", booked: str | None = None, borne_by: BorneBy | None = None, drift: bool = False
) -> Preview:
    """That order, `before` having come back earlier (`booked` on the payment, where that is another figure)."""
    theirs = PaymentAtStripe("pi_5", "succeeded", order.mode is Mode.LIVE, usd("100.00"), usd("100.00"), "ch_5", False, False, (), ())
    refunded = Refunded(usd(before), usd(before), usd(before), usd(booked or before), usd("0.00"))
    wish = Wish("a key", OPS, Decimal(25), reason=order.reason, note=order.note, accepts_drift=drift)
    return Preview(wish, order, payment_5(), theirs, usd("100.00"), refunded, borne_by, usd("15.00"), usd("85.00"))


def at_stripe(found: Preview, *, refunds: Sequence[tuple[str, str]] = (), disputes: Sequence[tuple[str, str]] = ()) -> Preview:
    """The same, where Stripe holds refunds of those amounts and statuses, and disputes of those ids and statuses."""
    theirs = replace(
        found.theirs,
        refunds=tuple(
            RefundAtStripe(f"re_{at}", "pi_5", usd(figure), status, None, NOON, None) for at, (figure, status) in enumerate(refunds)
        ),
        disputes=tuple(DisputeAtStripe(id, status, True) for id, status in disputes),
    )
    return replace(found, theirs=theirs)


def intent(settled: Settled | None = None, *, attempts: int = 1, order: Order | None = None) -> Intent:
    """Its record, begun at noon."""
    return Intent(order or ORDER, 7, 9, NOON, NOON if attempts else None, NOON if attempts else None, attempts, settlement=settled)


def settled(ending: Ending, state: RefundState, refund: str | None = None, words: str | None = None, adopted: bool = False) -> Settled:
    return Settled(
        ending=ending,
        state=state,
        stripe_refund_id=refund,
        words=words,
        is_adopted=adopted,
        is_replay=False,
        request_id="req_1",
        settled_at=NOON,
    )


def plain(lines: Sequence[Text]) -> str:
    return "\n".join(line.plain for line in lines)


def box(found: Preview, look: Look = PIPE) -> list[str]:
    """The lines of the refund's own box, without frame."""
    text = plain(preview_cards(found, look))
    assert text.startswith(CARD_5 if look.width is None else "┌─ Payment #5 ")
    return [line.removeprefix("│ ") for line in text.partition("┌─ Refund of #5 ")[2].splitlines()]


ORDER = order()


def test_the_payment_then_what_the_refund_would_do() -> None:
    assert plain(preview_cards(preview(ORDER, before="10.00", borne_by=BorneBy.PROPORTIONAL), PIPE)) == (
        CARD_5
        + """
┌─ Refund of #5 ───────────────────────────────────
│ This Refund: $25.00 USD
│   ├─ Paid: $100.00
│   ├─ Refunded Before: $10.00
│   └─ Left After It: $65.00
│
│ What It Concerns:
│   ├─ Platform Fee: $3.75
│   ├─ Cleaner Payout: $21.25
│   └─ Borne By: proportional: platform $3.75, cleaner $21.25
│
│ Reason: requested_by_customer: came late
│ Requested By: ops@example.com
│ Stripe: TEST, account acct_1
│
│ The backend's signals and e-mails will not fire: nobody is told but by you.
└──────────────────────────────────────────────────"""
    )


@pytest.mark.parametrize(
    ("found", "line"),
    [
        (preview(order(reason=None)), "Reason: came late"),
        (preview(order(note=None)), "Reason: requested_by_customer"),
        (preview(order(reason=None, note=None)), "Reason: none given"),
        (preview(order(mode=Mode.LIVE)), "Stripe: LIVE: real money, account acct_1"),
        (preview(order(account=None)), "Stripe: TEST, account not readable with this key"),
        (preview(order(reverse_transfer=True)), "Transfer: its share is taken back from the connected account"),
        (preview(order(reverse_transfer=False)), "Transfer: stays with the connected account"),
        (preview(order(refund_application_fee=True)), "Application Fee: its share is given back"),
        (preview(order(refund_application_fee=False)), "Application Fee: is kept"),
        (preview(order(reason=RefundReason.FRAUDULENT)), BLOCK_LIST),
        (
            preview(ORDER, before="10.00", booked="20.00", drift=True),
            "The books disagree on what came back before; the largest figure was taken.",
        ),
        (preview(ORDER, before="10.00", booked="20.00", drift=True), "  ├─ Refunded Before: $20.00"),
        (preview(order(note=HOSTILE, reason=None)), f"Reason: {HARMLESS}"),
        (preview(order(actor=Actor(1, HOSTILE), account=HOSTILE)), f"Requested By: {HARMLESS}"),
        (preview(order(actor=Actor(1, HOSTILE), account=HOSTILE)), f"Stripe: TEST, account {HARMLESS}"),
    ],
)
def test_a_line_of_the_preview(found: Preview, line: str) -> None:
    assert line in box(found)


@pytest.mark.parametrize(
    ("refunds", "words"),
    [
        ([], "$10.00"),
        ([("10.00", "succeeded")], "$10.00"),
        ([("10.00", "succeeded"), ("5.00", "failed"), ("5.00", "canceled")], "$10.00"),
        ([("10.00", "pending")], "$10.00, of it $10.00 not through yet"),
        ([("6.00", "succeeded"), ("3.00", "requires_action"), ("1.00", "pending")], "$10.00, of it $4.00 not through yet"),
        ([("9.00", "succeeded"), ("1.00", "a_word_of_tomorrow")], "$10.00, of it $1.00 not through yet"),
    ],
)
def test_what_stripe_has_not_confirmed_is_not_said_to_have_come_back(refunds: list[tuple[str, str]], words: str) -> None:
    assert box(at_stripe(preview(ORDER, before="10.00"), refunds=refunds))[2:5] == [
        "  ├─ Paid: $100.00",
        f"  ├─ Refunded Before: {words}",
        "  └─ Left After It: $65.00",
    ]


@pytest.mark.parametrize(
    ("disputes", "lines"),
    [
        ([("du_1", "warning_needs_response")], ["An inquiry is open at Stripe: du_1 (warning_needs_response)"]),
        (
            [("du_1", "warning_under_review"), ("du_2", "warning_closed"), ("du_3", "won"), (HOSTILE, f"warning_{HOSTILE}")],
            ["An inquiry is open at Stripe: du_1 (warning_under_review)", f"An inquiry is open at Stripe: {HARMLESS} (warning_{HARMLESS})"],
        ),
        ([("du_1", "warning_closed"), ("du_2", "lost")], []),
    ],
)
def test_an_inquiry_is_mentioned_as_long_as_it_is_open(disputes: list[tuple[str, str]], lines: list[str]) -> None:
    shown = box(at_stripe(preview(ORDER), disputes=disputes))
    assert shown[shown.index(NO_SIGNALS) + 1 : -1] == lines


def test_no_words_of_ours_are_wider_than_a_terminal_of_80_columns() -> None:
    fraud = order(reason=RefundReason.FRAUDULENT, mode=Mode.LIVE, account=None, reverse_transfer=True, refund_application_fee=True)
    found = preview(fraud, before="10.00", booked="20.00", borne_by=BorneBy.PROPORTIONAL, drift=True)
    found = at_stripe(found, refunds=[("10.00", "pending")], disputes=[("du_1", "warning_needs_response")])
    outcomes = [
        settled_card(intent(settled(Ending.ACCEPTED, RefundState.PENDING, adopted=True)), usd("65.00"), PIPE),
        settled_card(intent(settled(Ending.ACCEPTED, RefundState.FAILED)), None, PIPE),
    ]
    shown = [line for lines in (preview_cards(found, PIPE), *outcomes) for line in plain(lines).splitlines()]
    assert [line for line in [*shown, f"Warning: {BLOCK_LIST}", f"{BLOCK_LIST} Go on? [y/N] "] if len(line) > 80] == []


def test_what_does_not_apply_is_not_mentioned() -> None:
    words = "\n".join(box(preview(ORDER, drift=True)))
    for absent in ("Transfer", "Application Fee", "disagree", BLOCK_LIST, "LIVE", "not through", "inquiry"):
        assert absent not in words
    assert NO_SIGNALS in words


@pytest.mark.parametrize(
    ("borne_by", "words"),
    [
        (None, "not recorded"),
        (BorneBy.PLATFORM, "platform: platform $25.00, cleaner $0.00"),
        (BorneBy.CLEANER, "cleaner: platform $0.00, cleaner $25.00"),
        (BorneBy.PROPORTIONAL, "proportional: platform $3.75, cleaner $21.25"),
    ],
)
def test_who_bears_it(borne_by: BorneBy | None, words: str) -> None:
    assert borne_words(preview(ORDER, borne_by=borne_by), PIPE) == words


def test_shares_of_one_refund_after_another_come_to_the_whole() -> None:
    """A fee of $15.00 in three parts: what a cumulative refund takes back, less what earlier ones did."""
    thirds = [("33.33", "0.00"), ("33.33", "33.33"), ("33.34", "66.66")]
    shares = [preview(order(amount=usd(amount)), before=before).fee_share for amount, before in thirds]
    assert sum(share.amount_minor for share in shares) == 15_00


@pytest.mark.parametrize(
    ("found", "left", "expected"),
    [
        (
            intent(settled(Ending.ACCEPTED, RefundState.COMPLETED, "re_1")),
            usd("75.00"),
            """\
┌─ Refund #7 ──────────────────────────────────────
│ Status: COMPLETED
│ Amount: $25.00 USD
│   └─ Left to Refund: $75.00
│
│ Payment: #5
│ Stripe Refund: re_1
│ Stripe: TEST
└──────────────────────────────────────────────────""",
        ),
        (
            intent(settled(Ending.ACCEPTED, RefundState.PENDING, "re_1"), order=order(mode=Mode.LIVE)),
            None,
            """\
┌─ Refund #7 ──────────────────────────────────────
│ Status: PENDING
│ Amount: $25.00 USD
│
│ Payment: #5
│ Stripe Refund: re_1
│ Stripe: LIVE: real money
│
│ Stripe has accepted it and will say later whether it went through.
│ Nothing needs to be repeated.
└──────────────────────────────────────────────────""",
        ),
    ],
)
def test_how_it_ended(found: Intent, left: Money | None, expected: str) -> None:
    assert plain(settled_card(found, left, PIPE)) == expected


@pytest.mark.parametrize(
    ("ending", "words"),
    [
        (settled(Ending.ACCEPTED, RefundState.COMPLETED, "re_1"), []),
        (settled(Ending.ACCEPTED, RefundState.COMPLETED, "re_1", adopted=True), ["Found in Stripe's list and recorded here."]),
        (
            settled(Ending.ACCEPTED, RefundState.PENDING, "re_1", adopted=True),
            [
                "Found in Stripe's list and recorded here.",
                "Stripe has accepted it and will say later whether it went through.",
                "Nothing needs to be repeated.",
            ],
        ),
        (settled(Ending.ACCEPTED, RefundState.FAILED, "re_1"), ["Stripe took it and it failed there: no money moved."]),
        (settled(Ending.DECLINED, RefundState.FAILED, words="no: Never."), ["Declined: no: Never. No money moved."]),
        (settled(Ending.NOT_SENT, RefundState.FAILED, words="too late"), ["Not sent: too late. No money moved."]),
        (settled(Ending.ABANDONED, RefundState.FAILED), ["Abandoned: no reason was given. No money moved."]),
        (settled(Ending.DECLINED, RefundState.FAILED, words=HOSTILE), [f"Declined: {HARMLESS}. No money moved."]),
    ],
)
def test_what_a_person_should_know_of_the_end(ending: Settled, words: list[str]) -> None:
    lines = [line.plain.removeprefix("│ ") for line in settled_card(intent(ending), None, PIPE)]
    about = lines[lines.index("Stripe: TEST") + 1 : -1]
    assert about == (["│", *words] if words else [])


def test_nothing_is_open() -> None:
    assert plain(pending_lines([], [], [], NOON, PIPE)) == (
        "Ours, unsettled: none\nAt Stripe, not through yet: none\nRequests made in the backend: none"
    )


def test_what_is_open_in_its_three_groups() -> None:
    clicked = PendingRow(payment_5(), replace(refund(), status="pending"))
    request = PendingRow(payment_5(), replace(refund(), id=4, status="pending", stripe_refund_id=None, reason=None, requested_by=None))
    ours = [
        (intent(), "send it, under the same key"),
        (intent(attempts=0, order=order(amount=Money(500, "jpy"))), f"leave it: {HOSTILE}"),
    ]
    later = NOON + timedelta(hours=3, minutes=59)
    assert plain(pending_lines(ours, [clicked], [request], later, replace(PIPE, zone=ZoneInfo("Asia/Tokyo")))) == (
        f"""\
Ours, unsettled: 2
  payment #5  $25.00 USD  begun 2025-02-01 21:00:00 JST (3 h ago) by ops@example.com, sent 1×
      → resume would send it, under the same key
  payment #5  ¥500 JPY  begun 2025-02-01 21:00:00 JST (3 h ago) by ops@example.com, never sent
      → resume would leave it: {HARMLESS}
At Stripe, not through yet: 1
  payment #5  row #3  $25.00 USD  since 2025-01-27 23:30:15 JST  re_3SMUfc
      requested by {OPERATOR.username} ({OPERATOR.email}): late arrival
Requests made in the backend: 1
  payment #5  row #4  $25.00 USD  since 2025-01-27 23:30:15 JST  --request 4 carries it out
      requested by N/A: no reason given"""
    )


def test_what_became_of_what_was_open() -> None:
    done = intent(settled(Ending.ACCEPTED, RefundState.COMPLETED, "re_1"))
    open_still = intent()
    assert plain(resumed_lines([(done, "It was made."), (open_still, f"nobody knows {HOSTILE}")], TERMINAL)) == (
        f"payment #5  ✔ COMPLETED  It was made.\npayment #5  ○ PENDING  nobody knows {HARMLESS}"
    )


@pytest.mark.parametrize(
    ("time", "text"),
    [
        (timedelta(seconds=-5), "0 s"),
        (timedelta(0), "0 s"),
        (timedelta(seconds=59.9), "59 s"),
        (timedelta(seconds=60), "1 min"),
        (timedelta(minutes=59, seconds=59), "59 min"),
        (timedelta(hours=1), "1 h"),
        (timedelta(hours=23, minutes=59), "23 h"),
        (timedelta(days=1), "1 d"),
        (timedelta(days=400), "400 d"),
    ],
)
def test_an_age_is_its_largest_unit(time: timedelta, text: str) -> None:
    assert age(time) == text


def colored(lines: Sequence[Text]) -> list[str]:
    """What a terminal of 16 colours gets."""
    page = io.StringIO()
    console = Console(file=page, force_terminal=True, color_system="standard", width=200, highlight=False, emoji=False, markup=False)
    for line in lines:
        console.print(line, soft_wrap=True)
    return page.getvalue().splitlines()


def test_real_money_is_told_in_red_and_in_words() -> None:
    live = colored(
        settled_card(intent(settled(Ending.ACCEPTED, RefundState.COMPLETED, "re_1"), order=order(mode=Mode.LIVE)), None, TERMINAL)
    )
    assert live == [
        "\x1b[36m┌─ Refund #7 ──────────────────────────────────────\x1b[0m",
        "\x1b[36m│ \x1b[0m\x1b[2mStatus: \x1b[0m\x1b[32m✔ COMPLETED\x1b[0m",
        "\x1b[36m│ \x1b[0m\x1b[2mAmount: \x1b[0m\x1b[1m$25.00 USD\x1b[0m",
        "\x1b[36m│\x1b[0m",
        "\x1b[36m│ \x1b[0m\x1b[2mPayment: \x1b[0m#5",
        "\x1b[36m│ \x1b[0m\x1b[2mStripe Refund: \x1b[0m\x1b[36mre_1\x1b[0m",
        "\x1b[36m│ \x1b[0m\x1b[2mStripe: \x1b[0m\x1b[1;31mLIVE: real money\x1b[0m",
        "\x1b[36m└──────────────────────────────────────────────────\x1b[0m",
    ]


def test_warnings_of_the_preview_are_yellow() -> None:
    found = preview(order(reason=RefundReason.FRAUDULENT), before="10.00", booked="20.00", drift=True)
    lines = colored(preview_cards(found, TERMINAL))
    assert f"\x1b[36m│ \x1b[0m\x1b[33m{BLOCK_LIST}\x1b[0m" in lines
    assert "\x1b[36m│ \x1b[0m\x1b[33mThe books disagree on what came back before; the largest figure was taken.\x1b[0m" in lines
    assert f"\x1b[36m│ \x1b[0m\x1b[2m{NO_SIGNALS}\x1b[0m" in lines


def test_an_open_request_of_the_backend_is_named() -> None:
    row = Refund(24, usd("105.22"), "Job cut short", "pending", None, None, NOON, None)
    found = replace(preview(ORDER), requests=(row,))
    assert "A request is open: row #24, $105.22 (refund --request 24)" in box(found)
