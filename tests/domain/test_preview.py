"""Whose money a refund is: its shares of fee and payout, over any number of parts."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecloud_pay.domain.at_stripe import PaymentAtStripe
from ecloud_pay.domain.money import Money
from ecloud_pay.domain.preview import Preview, Wish
from ecloud_pay.domain.remainder import Refunded
from ecloud_pay.domain.report import BorneBy
from samples import payment_5
from support.refunding import KEY, OPS, order


def a_preview(captured: int, fee: int, before: int, amount: int, borne_by: BorneBy | None = None, currency: str = "usd") -> Preview:
    def money(minor: int) -> Money:
        return Money(minor, currency)

    books = Refunded(money(before), money(before), money(before), money(before), money(0))
    theirs = PaymentAtStripe("pi_1", "succeeded", False, money(captured), money(captured), "ch_1", False, False, (), ())
    return Preview(
        Wish(KEY, OPS),
        order(amount=money(amount)),
        payment_5(),
        theirs,
        money(captured),
        books,
        borne_by,
        money(fee),
        money(captured - fee),
    )


@st.composite
def parts(draw: st.DrawFn) -> tuple[int, int, list[int]]:
    """A payment, its fee, and partial refunds that come to all of it."""
    amounts = draw(st.lists(st.integers(1, 10**6), min_size=1, max_size=8))
    captured = sum(amounts)
    return captured, draw(st.integers(0, captured)), amounts


@given(parts(), st.sampled_from(["usd", "jpy"]))
def test_the_shares_of_all_parts_are_the_whole(found: tuple[int, int, list[int]], currency: str) -> None:
    captured, fee, amounts = found
    before = fees = payouts = 0
    for amount in amounts:
        one = a_preview(captured, fee, before, amount, currency=currency)
        assert one.fee_share.amount_minor >= 0
        assert one.payout_share.amount_minor >= 0
        assert one.fee_share + one.payout_share == one.order.amount
        assert one.left == Money(captured - before - amount, currency)
        before, fees, payouts = before + amount, fees + one.fee_share.amount_minor, payouts + one.payout_share.amount_minor
    assert (fees, payouts) == (fee, captured - fee)


@pytest.mark.parametrize(
    ("borne_by", "borne"),
    [
        (None, None),
        (BorneBy.PLATFORM, (25_00, 0)),
        (BorneBy.CLEANER, (0, 25_00)),
        (BorneBy.PROPORTIONAL, (3_75, 21_25)),
    ],
)
def test_who_bears_it(borne_by: BorneBy | None, borne: tuple[int, int] | None) -> None:
    expected = None if borne is None else (Money(borne[0], "usd"), Money(borne[1], "usd"))
    assert a_preview(100_00, 15_00, 0, 25_00, borne_by).borne == expected
