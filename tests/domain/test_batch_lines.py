"""A batch's lines: what is to be done with each, what they come to, and what became of them."""

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from ecloud_pay.domain.at_stripe import RefundState
from ecloud_pay.domain.batch import Due, Entry, Item, Result, of_due, totals
from ecloud_pay.domain.errors import Busy, CannotWrite, EcloudPayError, OutcomeUnknown, Refused, Unavailable
from ecloud_pay.domain.money import Money
from ecloud_pay.domain.preview import Wish
from ecloud_pay.domain.refund import Ending, Intent, Settled
from support.refunding import OPS, order

NOON = datetime(2026, 1, 2, 12, 0, tzinfo=UTC)
OPEN = Intent(order(), 1001, 1002, NOON)


def item(amount: Money = Money(25_00, "usd"), due: Due = Due.REFUND, place: int = 2) -> Item:  # noqa: B008  (it is frozen)
    return Item(Entry(place, "5", Decimal("25"), None, None, None), 5, amount, Wish("key", OPS), due)


def settled(ending: Ending, state: RefundState, **changes: Any) -> Intent:
    plain = Settled(
        ending=ending, state=state, stripe_refund_id=None, words=None, is_adopted=False, is_replay=False, request_id=None, settled_at=NOON
    )
    return replace(OPEN, settlement=replace(plain, **changes))


def test_currencies_are_totalled_each_by_itself_in_the_order_of_their_codes() -> None:
    lines = [item(Money(amount, currency)) for amount, currency in ((1_00, "usd"), (500, "jpy"), (2_50, "usd"), (3_00, "eur"))]
    assert totals(lines) == [Money(3_00, "eur"), Money(500, "jpy"), Money(3_50, "usd")]
    assert totals([]) == []


def test_only_what_is_new_or_unfinished_moves_money() -> None:
    items = [item(due=due, place=place) for place, due in enumerate(Due, 2)]
    assert [one.due for one in items if one.moves_money] == [Due.REFUND, Due.RESUME]
    assert [one.entry.place for one in of_due(items, Due.DONE)] == [4]


@pytest.mark.parametrize(
    ("intent", "error", "status", "facts"),
    [
        (settled(Ending.ACCEPTED, RefundState.COMPLETED), None, "completed", "done"),
        (settled(Ending.ACCEPTED, RefundState.COMPLETED), CannotWrite("disk full"), "completed", "done"),
        (settled(Ending.ACCEPTED, RefundState.PENDING), None, "pending", "done"),
        (settled(Ending.ACCEPTED, RefundState.FAILED), Busy("no"), "failed", ""),
        (settled(Ending.DECLINED, RefundState.FAILED), Busy("no"), "failed", ""),
        (settled(Ending.ABANDONED, RefundState.FAILED), Busy("no"), "failed", ""),
        (settled(Ending.NOT_SENT, RefundState.FAILED), Unavailable("no"), "not sent", "left"),
        (OPEN, None, "unknown", "unknown"),
        (OPEN, OutcomeUnknown("lost"), "unknown", "unknown"),
        (OPEN, CannotWrite("disk full"), "unknown", "unknown"),
        (None, OutcomeUnknown("lost"), "unknown", "unknown"),
        (None, Unavailable("door closed"), "not sent", "left"),
        (None, Busy("unsettled"), "busy", "left"),
        (None, Refused("over the remainder"), "refused", ""),
        (None, None, "not begun", "left"),
    ],
)
def test_what_became_of_a_line_is_one_word(intent: Intent | None, error: EcloudPayError | None, status: str, facts: str) -> None:
    result = Result(item(), intent, error)
    told = [name for name, is_so in (("done", result.is_done), ("unknown", result.is_unknown), ("left", result.is_left)) if is_so]
    assert (result.status, told) == (status, [facts] if facts else [])


def test_the_words_of_a_line_are_its_error_s_or_that_it_was_done_before() -> None:
    made = settled(Ending.ACCEPTED, RefundState.COMPLETED)
    assert Result(item(), made).words is None
    assert Result(item(due=Due.DONE), made).words == "done before"
    assert Result(item(), None, Busy("it is busy", to_do="Wait.")).words == "it is busy"
