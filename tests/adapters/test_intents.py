"""The intent as JSON: it comes back as it went in, and whatever somebody made of it is said, never a crash."""

import json
import math
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecloud_pay.adapters.postgres.intents import OUR_KEY, intent_json, intent_of
from ecloud_pay.domain.at_stripe import RefundState
from ecloud_pay.domain.errors import NotConfigured
from ecloud_pay.domain.money import Money
from ecloud_pay.domain.payment import Transaction
from ecloud_pay.domain.refund import Ending, Intent, Line, RefundReason, Settled
from support.refunding import order, sentences

AT = datetime(2026, 1, 2, 3, 4, 5, 6, tzinfo=UTC)
PLAIN = Intent(order(), 7, 8, AT)
FULL = Intent(
    order=order(
        amount=Money(12_000, "jpy"),
        reason=RefundReason.DUPLICATE,
        note="Müller \u202e \\u0000 'q' \"d\"",
        account=None,
        reverse_transfer=False,
        refund_application_fee=True,
        request_id="r-1",
        line=Line("May", 3),
        request_row=7,
    ),
    refund_id=7,
    transaction_id=8,
    created_at=AT,
    first_sent_at=AT,
    last_sent_at=AT,
    attempts=3,
    requested_line="0" * 64,
    settlement=Settled(Ending.ACCEPTED, RefundState.COMPLETED, "re_1", "words", True, True, "req_1", AT),
    is_audited=True,
)


def transaction(metadata: Any) -> Transaction:
    return Transaction(8, "refund", PLAIN.order.amount, "pending", None, AT, None, metadata)


def damaged(intent: Intent, **changes: Any) -> Transaction:
    return transaction({OUR_KEY: json.loads(json.dumps(intent_json(intent))) | changes, "note": "theirs"})


@pytest.mark.parametrize("intent", [PLAIN, FULL])
def test_it_comes_back_as_it_went_in(intent: Intent) -> None:
    assert intent_of(damaged(intent)) == intent


@pytest.mark.parametrize("metadata", [None, {}, {"note": "theirs"}, [], [OUR_KEY], "text", OUR_KEY, 5, True, {"Ecloud_pay": {}}])
def test_a_transaction_without_one(metadata: Any) -> None:
    assert intent_of(transaction(metadata)) is None


def unreadable(found: Transaction) -> tuple[str, str, str]:
    with pytest.raises(NotConfigured) as raised:
        intent_of(found)
    return sentences(raised.value)


SAID = (
    "the refund recorded in transaction #8 cannot be read: somebody has changed its metadata",
    "Nothing was sent.",
    "Have the backend's owner restore metadata.ecloud_pay of payments_transaction 8.",
)


@pytest.mark.parametrize("whole", [None, [], {}, "", "text", 5, 1.5, True, [1], {"version": 1}])
def test_anything_else_in_its_place(whole: Any) -> None:
    assert unreadable(transaction({OUR_KEY: whole})) == SAID


@pytest.mark.parametrize("name", intent_json(FULL))
def test_without_any_one_of_its_parts(name: str) -> None:
    found = intent_json(FULL)
    del found[name]
    assert unreadable(transaction({OUR_KEY: found})) == SAID


# What each part may be besides; whatever is in none of these lists must be refused there.
OTHERS: list[Any] = [None, True, 0, 1.5, 1e308, math.inf, "", "text", "2026-01-02T03:04:05", "123456789012345678901234567890", [], [1], {}]
MAYBE_TEXT = {"note", "account", "request_id", "requested_line", "words", "stripe_refund", "stripe_request"}
TEXT = {"key", "payment_intent"}
NUMBERS = {"payment_id", "refund_id", "amount_minor", "attempts"}


def is_fine(name: str, value: Any) -> bool:
    if name in TEXT | MAYBE_TEXT and isinstance(value, str):
        return True
    if name in NUMBERS | {"line", "request_row"} and type(value) is int:
        return True
    if name in {"reverse_transfer", "refund_application_fee", "audited", "adopted", "replayed"} and isinstance(value, bool):
        return True
    if name == "batch" and isinstance(value, str):
        return True
    nullable = MAYBE_TEXT | {"reason", "reverse_transfer", "refund_application_fee", "batch", "request_row"}
    return value is None and name in nullable | {"first_sent_at", "last_sent_at", "ending"}


@pytest.mark.parametrize("name", intent_json(FULL))
def test_each_part_replaced_by_something_of_another_kind(name: str) -> None:
    for value in OTHERS:
        found = damaged(FULL, **{name: value})
        if is_fine(name, value):
            assert intent_of(found) is not None
        else:
            assert unreadable(found) == SAID, value


@pytest.mark.parametrize(
    "changes",
    [
        {"version": 2},
        {"currency": "xyz"},
        {"reason": "because"},
        {"mode": "sandbox"},
        {"ending": "well"},
        {"state": "succeeded"},
        {"created_at": "2026-01-02"},
        {"actor": {"id": 1}},
        {"actor": {"email": "x"}},
        {"actor": {"id": "1", "email": "x"}},
        {"actor": [1, "x"]},
        {"batch": "May", "line": None},
    ],
)
def test_words_that_mean_nothing(changes: dict[str, Any]) -> None:
    assert unreadable(damaged(FULL, **changes)) == SAID


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda children: st.lists(children, max_size=3) | st.dictionaries(st.text(), children, max_size=3),
    max_leaves=5,
)


@given(name=st.sampled_from(sorted(intent_json(FULL))), value=JSON)
def test_no_damage_is_a_crash(name: str, value: Any) -> None:
    try:
        intent_of(damaged(FULL, **{name: value}))
    except NotConfigured as error:
        assert sentences(error) == SAID  # noqa: PT017  (it may just as well be readable)
