"""What of a payment has come back by three books, and what is left."""

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecloud_pay.domain.at_stripe import RefundState
from ecloud_pay.domain.errors import Refused
from ecloud_pay.domain.money import Money, Unreadable
from ecloud_pay.domain.payment import Refund
from ecloud_pay.domain.refund import Ending, Intent, Settled
from ecloud_pay.domain.remainder import Refunded, refunded
from samples import refund
from support.refunding import order

AT = datetime(2026, 1, 2, tzinfo=UTC)
MINOR = st.integers(0, 10**10)


def usd(minor: int) -> Money:
    return Money(minor, "usd")


def a_row(minor: int, status: str | None, stripe_refund_id: str | None = "re_1") -> Refund:
    return replace(refund(), amount=usd(minor), status=status, stripe_refund_id=stripe_refund_id)


def an_intent(minor: int, *, is_settled: bool) -> Intent:
    settlement = Settled(Ending.ACCEPTED, RefundState.COMPLETED, "re_1", None, False, False, None, AT)
    return Intent(order(amount=usd(minor)), 1, 1, AT, settlement=settlement if is_settled else None)


def test_which_rows_count() -> None:
    rows = [
        a_row(1, "completed"),
        a_row(2, "completed", None),  # without an id it came back all the same
        a_row(4, "pending"),
        a_row(8, "pending", None),  # a request of the backend reserves nothing
        a_row(16, "failed"),
        a_row(32, "on_hold"),
        a_row(64, None),
    ]
    intents = [an_intent(100, is_settled=False), an_intent(200, is_settled=True), an_intent(400, is_settled=False)]
    assert refunded(usd(9), rows, usd(5), intents) == Refunded(usd(9), rows=usd(7), completed=usd(3), booked=usd(5), unsettled=usd(500))


def test_a_figure_that_is_no_money_is_refused() -> None:
    odd = Unreadable(Decimal("0.5"), "jpy", "too many decimals")
    for rows, booked in (([replace(refund(), amount=odd)], usd(0)), ([], odd)):
        with pytest.raises(Refused) as raised:
            refunded(usd(0), rows, booked, [])
        what = "refund #3" if rows else "its refund_amount"
        assert raised.value.what == f"{what} is 0.5 jpy, which cannot be refunded: too many decimals"


@given(MINOR, MINOR, MINOR, MINOR, MINOR, MINOR)
def test_the_remainder_is_never_negative_and_never_more_than_any_book_leaves(
    captured: int, at_stripe: int, rows: int, completed: int, booked: int, unsettled: int
) -> None:
    found = Refunded(usd(at_stripe), usd(rows), usd(completed), usd(booked), usd(unsettled))
    left = found.remainder(usd(captured)).amount_minor
    assert left == max(0, min(captured - book - unsettled for book in (at_stripe, rows, booked)))


@pytest.mark.parametrize(
    ("at_stripe", "rows", "completed", "booked", "is_agreed"),
    [
        (0, 0, 0, 0, True),
        (25, 25, 25, 25, True),
        (25, 25, 20, 20, True),  # five are under way
        (25, 20, 20, 20, False),
        (20, 25, 25, 25, False),
        (25, 25, 25, 30, False),
        (25, 25, 20, 25, False),
    ],
)
def test_when_the_books_agree(at_stripe: int, rows: int, completed: int, booked: int, is_agreed: bool) -> None:
    assert Refunded(usd(at_stripe), usd(rows), usd(completed), usd(booked), usd(0)).is_agreed is is_agreed
