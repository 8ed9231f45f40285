"""What an order says to the backend, what states an intent has, and what Stripe's words mean in our columns."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from ecloud_pay.domain import refund as rules
from ecloud_pay.domain.at_stripe import DisputeAtStripe, Mode, PaymentAtStripe, RefundState
from ecloud_pay.domain.money import Money
from ecloud_pay.domain.refund import Ending, Intent, RefundReason, Settled, Settlement
from support.refunding import at_stripe, order

AT = datetime(2026, 1, 2, tzinfo=UTC)


@pytest.mark.parametrize(
    ("reason", "note", "words"),
    [
        (None, None, None),
        (RefundReason.DUPLICATE, None, "duplicate"),
        (None, "a note", "a note"),
        (RefundReason.FRAUDULENT, "a note", "fraudulent: a note"),
    ],
)
def test_what_the_reason_columns_get(reason: RefundReason | None, note: str | None, words: str | None) -> None:
    assert order(reason=reason, note=note).words == words


def test_the_limits_in_time() -> None:
    assert timedelta(hours=23) == rules.KEY_GOOD_FOR  # Stripe may forget a key after 24 h
    assert timedelta(hours=24) == rules.ABANDON_AFTER == rules.SAME_AMOUNT_WITHIN
    assert rules.SEND_WITHIN_S == 60
    assert timedelta(minutes=3) == rules.ADOPT_AFTER  # the time to send, the longest call, and as much again


def test_the_states_of_an_intent() -> None:
    intent = Intent(order(), 1, 1, AT)
    assert (intent.was_sent, intent.is_settled) == (False, False)
    settlement = Settled(Ending.DECLINED, RefundState.FAILED, None, "no", False, False, None, AT)
    assert replace(intent, first_sent_at=AT).was_sent
    assert replace(intent, settlement=settlement).is_settled


# https://docs.stripe.com/api/refunds/object#refund_object-status
@pytest.mark.parametrize(
    ("status", "state", "holds_money"),
    [
        ("succeeded", RefundState.COMPLETED, True),
        ("pending", RefundState.PENDING, True),
        ("requires_action", RefundState.PENDING, True),
        ("failed", RefundState.FAILED, False),
        ("canceled", RefundState.FAILED, False),
        ("in_review", None, True),  # a word that is not known: nothing is written, and the money counts as gone
        ("Succeeded", None, True),
    ],
)
def test_a_refunds_status_in_our_words(status: str, state: RefundState | None, holds_money: bool) -> None:
    refund = at_stripe(status=status)
    assert (refund.state, refund.holds_money) == (state, holds_money)
    settlement = Settlement(Ending.ACCEPTED, refund)
    if state is None:
        with pytest.raises(AssertionError):
            _ = settlement.state
    else:
        assert settlement.state is state


@pytest.mark.parametrize("ending", [Ending.DECLINED, Ending.NOT_SENT, Ending.ABANDONED])
def test_without_a_refund_it_failed(ending: Ending) -> None:
    assert Settlement(ending).state is RefundState.FAILED


@pytest.mark.parametrize(
    ("status", "is_charge_refundable", "forbids"),
    [
        ("needs_response", False, True),
        ("needs_response", True, False),
        ("lost", False, True),
        ("warning_needs_response", False, False),
        ("warning_closed", False, False),
        ("prewarning_x", False, True),
    ],
)
def test_which_disputes_forbid_a_refund(status: str, is_charge_refundable: bool, forbids: bool) -> None:
    assert DisputeAtStripe("dp_1", status, is_charge_refundable).forbids_refund is forbids


@pytest.mark.parametrize(
    ("status", "is_open"),
    [
        ("warning_needs_response", True),
        ("warning_under_review", True),
        ("warning_of_tomorrow", True),
        ("warning_closed", False),
        ("needs_response", False),
        ("won", False),
    ],
)
def test_an_inquiry_is_open_until_it_is_closed(status: str, is_open: bool) -> None:
    assert DisputeAtStripe("dp_1", status, True).is_open_inquiry is is_open


def test_what_came_back_of_a_payment_by_its_refunds() -> None:
    refunds = tuple(
        at_stripe(amount=Money(minor, "usd"), status=status)
        for minor, status in ((1, "succeeded"), (2, "pending"), (4, "failed"), (8, "canceled"), (16, "requires_action"), (32, "in_review"))
    )
    payment = PaymentAtStripe("pi_1", "succeeded", True, Money(100, "usd"), Money(100, "usd"), "ch_1", False, False, (), refunds)
    assert (payment.refunded, payment.mode) == (Money(51, "usd"), Mode.LIVE)
    assert replace(payment, refunds=(), is_live=False).refunded == Money(0, "usd")
    assert replace(payment, is_live=False).mode is Mode.TEST
