"""Stripe's JSON in our types, and odd shapes that must not crash."""

from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.stripe.orders import IDEMPOTENCY_KEY, MADE, REFUND
from ecloud_pay.adapters.stripe import translate
from ecloud_pay.adapters.stripe.bodies import Body, OddShape
from ecloud_pay.domain.at_stripe import DisputeAtStripe, PaymentAtStripe
from ecloud_pay.domain.money import Money

CHARGE: Body = {
    "id": "py_1",
    "object": "charge",
    "amount": 10000,
    "amount_captured": 9000,
    "captured": True,
    "currency": "eur",
    "paid": True,
}
INTENT: Body = {
    "id": "pi_1",
    "object": "payment_intent",
    "amount": 10000,
    "amount_received": 9000,
    "currency": "EUR",
    "latest_charge": CHARGE,
    "livemode": False,
    "status": "succeeded",
}
DISPUTE: Body = {
    "id": "du_1",
    "object": "dispute",
    "status": "warning_needs_response",
    "is_charge_refundable": True,
    "payment_intent": "pi_1",
}
PAYMENT = PaymentAtStripe(
    id="pi_1",
    status="succeeded",
    is_live=False,
    received=Money(9000, "eur"),
    captured=Money(9000, "eur"),
    charge_id="py_1",
    has_transfer=False,
    has_application_fee=False,
    disputes=(),
    refunds=(),
)


def without(body: Body, *names: str) -> Body:
    return {name: value for name, value in body.items() if name not in names}


def payment(intent: Body) -> PaymentAtStripe:
    return translate.payment("pi_1", intent, translate.latest_charge(intent), (), ())


def test_a_payment_without_any_field_that_may_be_null() -> None:
    assert payment(INTENT) == PAYMENT


@pytest.mark.parametrize(
    ("change", "means"),
    [
        ({"latest_charge": None}, replace(PAYMENT, captured=None, charge_id=None)),
        ({"latest_charge": ""}, replace(PAYMENT, captured=None, charge_id=None)),
        ({"latest_charge": CHARGE | {"captured": False}}, replace(PAYMENT, captured=None)),
        ({"latest_charge": CHARGE | {"paid": False}}, replace(PAYMENT, captured=None)),
        ({"livemode": True}, replace(PAYMENT, is_live=True)),
        ({"status": "a_new_word"}, replace(PAYMENT, status="a_new_word")),
        ({"transfer_data": {"destination": "acct_2"}}, replace(PAYMENT, has_transfer=True)),
        ({"on_behalf_of": "acct_2"}, replace(PAYMENT, has_transfer=True)),
        ({"transfer_data": None, "on_behalf_of": None, "application_fee_amount": None}, PAYMENT),
        ({"application_fee_amount": 0}, replace(PAYMENT, has_application_fee=True)),
        ({"amount_received": 0}, replace(PAYMENT, received=Money(0, "eur"))),
    ],
    ids=repr,
)
def test_a_payment_that_differs_in(change: Body, means: PaymentAtStripe) -> None:
    assert payment(INTENT | change) == means


@pytest.mark.parametrize(
    ("intent", "why"),
    [
        ({}, "its id is missing or no word"),
        (INTENT | {"id": "pi_2"}, "it is another PaymentIntent"),
        (INTENT | {"object": "charge"}, "it is no payment_intent"),
        (without(INTENT, "amount_received"), "its amount_received is missing or no whole number"),
        (INTENT | {"amount_received": "9000"}, "its amount_received is missing or no whole number"),
        (INTENT | {"amount_received": 90.0}, "its amount_received is missing or no whole number"),
        (INTENT | {"amount_received": True}, "its amount_received is missing or no whole number"),
        (INTENT | {"amount_received": -1}, "its amount_received is missing or no whole number"),
        (INTENT | {"amount_received": 10**18}, "its amount_received is missing or no whole number"),
        (INTENT | {"currency": "xxx"}, "its currency xxx is unknown"),
        (without(INTENT, "currency"), "its currency is missing or no word"),
        (without(INTENT, "livemode"), "its livemode is missing or neither true nor false"),
        (INTENT | {"livemode": "false"}, "its livemode is missing or neither true nor false"),
        (INTENT | {"status": ["succeeded"]}, "its status is missing or no word"),
        (INTENT | {"status": "two\nlines"}, "its status is missing or no word"),
        (INTENT | {"latest_charge": 7}, "its latest_charge is no object"),
        (INTENT | {"latest_charge": {}}, "its captured is missing or neither true nor false"),
        (INTENT | {"latest_charge": without(CHARGE, "paid")}, "its paid is missing or neither true nor false"),
        (INTENT | {"latest_charge": CHARGE | {"currency": "usd"}}, "its parts are of different currencies"),
    ],
    ids=repr,
)
def test_an_odd_payment_is_told(intent: Body, why: str) -> None:
    with pytest.raises(OddShape) as raised:
        payment(intent)
    assert str(raised.value) == why


def test_refunds_of_another_currency_are_odd() -> None:
    with pytest.raises(OddShape, match="different currencies"):
        translate.payment("pi_1", INTENT, CHARGE, (), [replace(MADE, amount=Money(1, "usd"))])


def test_a_charge_that_is_only_an_id_is_to_be_fetched() -> None:
    assert translate.charge_to_fetch(INTENT | {"latest_charge": "ch_1"}) == "ch_1"
    assert [translate.charge_to_fetch(INTENT | {"latest_charge": charge}) for charge in (CHARGE, None, "")] == [None] * 3


@pytest.mark.parametrize(
    ("change", "means"),
    [
        ({}, MADE),
        ({"id": "pyr_1"}, replace(MADE, id="pyr_1")),
        ({"status": "in_review"}, replace(MADE, status="in_review")),
        ({"reason": "expired_uncaptured_charge"}, replace(MADE, reason="expired_uncaptured_charge")),
        ({"reason": None}, MADE),
        ({"payment_intent": None}, replace(MADE, payment_intent=None)),
        ({"payment_intent": {"id": "pi_1", "object": "payment_intent"}}, MADE),
        ({"metadata": None}, replace(MADE, key=None)),
        ({"metadata": {}}, replace(MADE, key=None)),
        ({"metadata": {"ecloud_pay_key": ""}}, replace(MADE, key=None)),
        ({"metadata": {"order": "6735", "ecloud_pay_key": IDEMPOTENCY_KEY}}, MADE),
        ({"amount": 0}, replace(MADE, amount=Money(0, "eur"))),
        ({"created": 0}, replace(MADE, created=datetime(1970, 1, 1, tzinfo=UTC))),
    ],
    ids=repr,
)
def test_a_refund_that_differs_in(change: Body, means: object) -> None:
    assert translate.refund(REFUND | change) == means


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (without(REFUND, "status"), "its status is missing or no word"),
        (without(REFUND, "created"), "its created is missing or no whole number"),
        (REFUND | {"created": 10**12}, "its created is missing or no whole number"),
        (REFUND | {"created": "now"}, "its created is missing or no whole number"),
        (REFUND | {"metadata": "text"}, "its metadata is no object"),
        (REFUND | {"payment_intent": 5}, "its payment_intent is missing or no word"),
        (REFUND | {"payment_intent": {}}, "its id is missing or no word"),
        (REFUND | {"object": "charge"}, "it is no refund"),
    ],
    ids=repr,
)
def test_an_odd_refund_is_told(body: Body, why: str) -> None:
    with pytest.raises(OddShape) as raised:
        translate.refund(body)
    assert str(raised.value) == why


def test_a_dispute() -> None:
    assert translate.dispute_of("pi_1")(DISPUTE) == DisputeAtStripe("du_1", "warning_needs_response", is_charge_refundable=True)
    with pytest.raises(OddShape, match="another PaymentIntent"):
        translate.dispute_of("pi_2")(DISPUTE)
    with pytest.raises(OddShape, match="is_charge_refundable"):
        translate.dispute_of("pi_1")(without(DISPUTE, "is_charge_refundable"))


def test_a_list_of_refunds_that_holds_one_of_another_payment_is_odd() -> None:
    assert translate.refund_of("pi_1")(REFUND) == MADE
    assert translate.refund_of("pi_1")(without(REFUND, "payment_intent")) == replace(MADE, payment_intent=None)
    with pytest.raises(OddShape, match="a refund of another PaymentIntent"):
        translate.refund_of("pi_2")(REFUND)


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
_FIELDS = sorted({*REFUND, *INTENT, *CHARGE, *DISPUTE, "data", "has_more", "transfer_data"})


@given(st.sampled_from(_FIELDS), _JSON)
def test_whatever_a_field_holds_nothing_but_odd_shape_is_raised(name: str, value: Any) -> None:
    changed = {name: value}
    for attempt in (
        lambda: translate.refund(REFUND | changed),
        lambda: translate.dispute_of("pi_1")(DISPUTE | changed),
        lambda: payment(INTENT | changed),
        lambda: payment(INTENT | {"latest_charge": CHARGE | changed}),
        lambda: translate.page({"object": "list", "data": [], "has_more": False} | changed),
    ):
        with suppress(OddShape):
            attempt()
