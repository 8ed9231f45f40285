"""Stripe's side of the demo: it agrees with the rows, moves with them, and is made anew with them."""

import json
import sqlite3
import time
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import pytest

from ecloud_pay.demo.rows import FIXED_PAYMENT_ID, Payment, Refund, build
from ecloud_pay.demo.standin.sample import fill
from ecloud_pay.domain.money import Money
from support.standin import Api, running_stripe

TODAY = date(2026, 3, 10)
MIDNIGHT = int(datetime(2026, 3, 10, tzinfo=UTC).timestamp())
A_DAY_S = 86_400
OURS = {"succeeded": "succeeded", "canceled": "cancelled", "processing": "processing"}


@pytest.fixture
def state(tmp_path: Path) -> Path:
    """A state file with the sample."""
    state = tmp_path / "stripe.sqlite"
    fill(state, "born", TODAY)
    return state


def everything(state: Path) -> dict[str, dict[str, Any]]:
    """Every object by its id."""
    connection = sqlite3.connect(state)
    try:
        return {id: json.loads(body) for id, body in connection.execute("SELECT id, body FROM objects ORDER BY seq")}
    finally:
        connection.close()


def payments() -> list[Payment]:
    return [row for row in build(TODAY)["payments_payment"] if isinstance(row, Payment)]


def status_of(intent: dict[str, Any]) -> str:
    """Ours, for Stripe's."""
    if intent["status"] == "requires_payment_method":
        return "pending" if intent["last_payment_error"] is None else "failed"
    return OURS[intent["status"]]


def test_every_payment_is_at_stripe_as_its_row_says(state: Path) -> None:
    objects = everything(state)
    rows = payments()
    assert len([body for body in objects.values() if body["object"] == "payment_intent"]) == len(rows)
    for row in rows:
        intent = objects[row.stripe_payment_intent_id]
        charge = objects.get(intent["latest_charge"] or "", {"id": None})
        money = Money.of(row.amount, row.currency)
        assert (intent["amount"], intent["currency"], status_of(intent)) == (money.amount_minor, money.currency, row.status)
        assert (intent["livemode"], intent["created"], charge["id"]) == (
            False,
            int(row.created_at.timestamp()),
            row.stripe_charge_id or None,
        )
        if row.status == "succeeded":
            assert row.paid_at is not None
            assert (charge["amount_captured"], charge["created"]) == (money.amount_minor, int(row.paid_at.timestamp()))
            details = charge["payment_method_details"]
            assert details["type"] == row.payment_method_type
            assert (details[details["type"]].get("brand"), details[details["type"]].get("last4")) == (
                row.payment_method_brand or None,
                row.payment_method_last4 or None,
            )


def test_every_refund_row_with_a_stripe_id_is_at_stripe_and_nothing_else_is(state: Path) -> None:
    intents = {row.id: row for row in payments()}
    rows = [row for row in build(TODAY)["payments_refund"] if isinstance(row, Refund) and row.stripe_refund_id]
    words = {"completed": "succeeded", "pending": "pending", "failed": "failed"}
    expected = {
        row.stripe_refund_id: (
            intents[row.payment_id].stripe_payment_intent_id,
            Money.of(row.amount, intents[row.payment_id].currency).amount_minor,
            words[row.status],
            int((row.processed_at or row.created_at).timestamp()),
        )
        for row in rows
    }
    found = {
        id: (body["payment_intent"], body["amount"], body["status"], body["created"])
        for id, body in everything(state).items()
        if body["object"] == "refund"
    }
    assert (found, len(found)) == (expected, 24)


def test_one_refund_was_booked_by_hand_and_stripe_knows_nothing_of_it(state: Path) -> None:
    """The only payment where what we booked and what Stripe paid back differ."""
    objects = everything(state)
    refunded: dict[str, int] = {}
    for body in objects.values():
        if body["object"] == "refund" and body["status"] == "succeeded":
            refunded[body["payment_intent"]] = refunded.get(body["payment_intent"], 0) + body["amount"]
    drift = [
        (Money(refunded.get(row.stripe_payment_intent_id, 0), row.currency).figure, row.refund_amount == row.amount)
        for row in payments()
        if Money.of(row.refund_amount, row.currency).amount_minor != refunded.get(row.stripe_payment_intent_id, 0)
    ]
    assert drift == [(Decimal(0), True)]


def test_payment_5_can_be_refunded_and_two_others_are_disputed(state: Path) -> None:
    [five] = [row for row in payments() if row.id == FIXED_PAYMENT_ID]
    with running_stripe(state) as stripe, Api(stripe) as api:
        disputes = api.get("/v1/disputes").json["data"]
        told = [(dispute["status"], dispute["is_charge_refundable"]) for dispute in disputes]
        assert told == [("needs_response", False), ("warning_needs_response", True)]
        answers = [api.refund(payment_intent=dispute["payment_intent"], amount=1) for dispute in disputes]
        assert [answer.status for answer in answers] == [400, 200]
        made = api.refund("k", payment_intent=five.stripe_payment_intent_id, amount=25_00).json
        assert (made["status"], made["amount"], made["currency"]) == ("succeeded", 25_00, "usd")


def test_what_lies_at_stripe_is_no_newer_than_the_last_midnight(state: Path) -> None:
    created = [body["created"] for body in everything(state).values()]
    assert max(created) < MIDNIGHT
    assert sum(instant < MIDNIGHT - 90 * A_DAY_S for instant in created) == 2  # payment #5 and its charge


def test_filling_twice_changes_nothing(state: Path) -> None:
    before = everything(state)
    fill(state, "born", TODAY)
    fill(state, "born", TODAY - timedelta(days=1))
    assert everything(state) == before


def test_three_days_later_every_instant_is_three_days_later_but_those_of_payment_5(state: Path) -> None:
    before = everything(state)
    fill(state, "born", TODAY + timedelta(days=3))
    after = everything(state)
    assert list(after) == list(before)
    by = {after[id]["created"] - before[id]["created"]: body for id, body in before.items()}
    assert sorted(by) == [0, 3 * A_DAY_S]
    still = [body["object"] for id, body in before.items() if after[id] == body]
    assert still == ["payment_intent", "charge"]
    canceled = [id for id, body in before.items() if body.get("canceled_at")]
    assert {after[id]["canceled_at"] - before[id]["canceled_at"] for id in canceled} == {3 * A_DAY_S}


def test_what_people_did_in_the_demo_stays_and_never_comes_to_lie_in_the_future(state: Path) -> None:
    first, second = _two_refundable()
    with running_stripe(state) as stripe:
        for intent in (first, second):
            stripe.dashboard_refund(intent, 1)
        made = {refund["id"]: refund for refund in stripe.refunds() if refund["amount"] == 1}
        for id in made:
            stripe.overwrite(id, created=MIDNIGHT + 15 * 3600)
    fill(state, "born", TODAY + timedelta(days=1))
    after = everything(state)
    told = {after[id]["payment_intent"]: after[id]["created"] for id in made}
    assert told == {first: MIDNIGHT + 15 * 3600, second: MIDNIGHT + A_DAY_S - 1}


def _two_refundable() -> tuple[str, str]:
    """Payment #5's PaymentIntent, and that of another."""
    rows = [row for row in payments() if row.status == "succeeded" and not row.refund_amount]
    return (
        next(row.stripe_payment_intent_id for row in rows if row.id == FIXED_PAYMENT_ID),
        next(row.stripe_payment_intent_id for row in reversed(rows)),
    )


def test_other_data_in_the_database_is_followed_by_all_of_it_anew(state: Path) -> None:
    with running_stripe(state) as stripe, Api(stripe) as api:
        stripe.advance(1_000_000)
        api.refund("k", payment_intent=_two_refundable()[0], amount=1)
        fill(state, "born again", TODAY)
        assert (len(stripe.refunds()), abs(stripe.now() - time.time()) < 2) == (24, True)
        assert "idempotent-replayed" not in api.refund("k", payment_intent=_two_refundable()[0], amount=1).headers


def test_a_file_that_is_no_database_is_begun_anew(state: Path) -> None:
    before = everything(state)
    for leftover in state.parent.glob("stripe.sqlite-*"):
        leftover.unlink()
    state.write_bytes(b"scribbled over" * 1000)
    fill(state, "born", TODAY)
    assert list(everything(state)) == list(before)


def test_eight_consoles_at_once_fill_it_once(tmp_path: Path) -> None:
    state = tmp_path / "stripe.sqlite"
    with ProcessPoolExecutor(4, mp_context=get_context("spawn")) as pool:
        for filling in [pool.submit(fill, state, "born", TODAY) for _ in range(8)]:
            filling.result(timeout=30)
    connection = sqlite3.connect(state)
    highest, number = connection.execute("SELECT max(seq), count(*) FROM objects").fetchone()
    connection.close()
    assert highest == number == len(everything(state))


def test_nothing_to_do_takes_no_time(state: Path) -> None:
    started = time.perf_counter()
    for _ in range(10):
        fill(state, "born", TODAY)
    assert (time.perf_counter() - started) / 10 < 0.02
