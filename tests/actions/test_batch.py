"""A batch of refunds on a real database and the stand-in for Stripe: what is planned, what is sent, and what another run makes of it."""

import os
import random
import signal
import time
import traceback
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from ecloud_pay.actions.batch import Plan, Rules, plan, run
from ecloud_pay.adapters.audit.log import AuditLog
from ecloud_pay.adapters.postgres.engine import Database
from ecloud_pay.adapters.postgres.ledger import PostgresLedger
from ecloud_pay.adapters.postgres.login import parse_login
from ecloud_pay.adapters.postgres.tables import Names
from ecloud_pay.adapters.postgres.writing import Writer
from ecloud_pay.adapters.stripe.gateway import Limits, open_gateway
from ecloud_pay.commands.refund_counter import payment_meant
from ecloud_pay.domain.audit import AuditEvent
from ecloud_pay.domain.batch import DEFAULT_BATCH, BadLine, Due, Entry, Result
from ecloud_pay.domain.errors import CannotWrite, NotConfigured, Unavailable
from ecloud_pay.domain.money import Money
from ecloud_pay.domain.preview import Wish
from ecloud_pay.domain.refund import Line, RefundReason
from ecloud_pay.ports import Standing
from ecloud_pay.secret import Secret
from support.backend import SHAPES, Backend, drop_database
from support.batches import MORE, put_more_payments
from support.office import put_payments
from support.refunding import OPS, FullDisk, Till, backdate, keep, open_ledger, put_back
from support.standin import Seen, Stripe
from support.trail import trail

KILLS = 6
FOUR = 4  # the most that may be in flight


@contextmanager
def open_batch_till(backend: Backend, stripe: Stripe, folder: Path) -> Iterator[Till]:
    """A till that does not wait for its turn at Stripe, and so must not count the waits that it leaves out against its limits."""
    unhurried = Limits(connect_s=0.5, send_s=600.0, read_s=600.0, pauses_s=())
    gateway = open_gateway(Secret(stripe.key), base=stripe.url, limits=unhurried, sleep=lambda _: None)
    try:
        yield Till(backend, stripe, open_ledger(backend), gateway, trail(folder / "audit.jsonl"), account=stripe.account)
    finally:
        gateway.close()


@pytest.fixture(scope="module")
def batch_backends(server: str) -> Iterator[list[Backend]]:
    """One database of each shape for all tests here."""
    backends = [keep(Backend.create(server, shape)) for shape in SHAPES]
    yield backends
    for backend in backends:
        drop_database(server, backend.conninfo)


@pytest.fixture
def batch(batch_backends: list[Backend], stripe: Stripe, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Till]:
    """Payments #101 to #112 beside the others. A test's name picks the shape of the tables: how they differ is the ledger's affair."""
    batch_backend = put_back(batch_backends[zlib.crc32(request.node.nodeid.encode()) % len(SHAPES)])
    put_payments(stripe)
    put_more_payments(batch_backend, stripe)
    with open_batch_till(batch_backend, stripe, tmp_path) as till:
        yield till


def entries(*lines: str) -> list[Entry]:
    """`"101 25.00"`, or `"101 25.00 usd"`; the first is line 2, as below a header."""
    made = []
    for place, line in enumerate(lines, 2):
        ref, amount, currency = [*line.split(), None][:3]
        assert ref is not None
        assert amount is not None
        made.append(Entry(place, ref, Decimal(amount), currency, None, None))
    return made


def planned(till: Till, *lines: str, batch: str = DEFAULT_BATCH, retry: bool = False, **wish: Any) -> Plan:
    """What a run of these lines would do."""
    rules = Rules(batch, Wish("", OPS, **wish), retry, lambda ref: payment_meant(till.ledger, ref))
    return plan(entries(*lines), till.desk, rules, lambda: None)


def refund(till: Till, *lines: str, **options: Any) -> list[Result]:
    """One run of these lines, in which every one must be possible."""
    found = planned(till, *lines, **options)
    assert found.bad == ()
    return run(found.items, till.desk, till.sender, lambda: None)


def statuses(results: list[Result]) -> list[str]:
    return [result.status for result in results]


def dues(found: Plan) -> list[Due]:
    return [item.due for item in found.items]


def problems(found: Plan) -> list[tuple[int, str]]:
    return [(line.place, line.problem) for line in found.bad]


def at_stripe(till: Till, *payments: int) -> list[list[int]]:
    """The amounts that Stripe refunded of each payment, in their order of size."""
    return [sorted(refund["amount"] for refund in till.stripe.refunds(f"pi_{payment}")) for payment in payments]


def booked(till: Till, *payments: int) -> list[Decimal]:
    """What the database says came back of each payment."""
    return [till.books(payment)["booked"] for payment in payments]


# What is planned


def test_every_line_of_a_plan_says_what_it_comes_to_and_nothing_is_written(batch: Till) -> None:
    before = batch.backend.fingerprint()
    found = planned(batch, "101 25", "#101 30.5", "pi_102 7", "ch_103 8.00 usd", "10 1200")
    assert [(item.entry.place, item.payment_id, str(item.amount), item.due) for item in found.items] == [
        (2, 101, "25.00 USD", Due.REFUND),
        (3, 101, "30.50 USD", Due.REFUND),
        (4, 102, "7.00 USD", Due.REFUND),
        (5, 103, "8.00 USD", Due.REFUND),
        (6, 10, "1200 JPY", Due.REFUND),
    ]
    assert (found.bad, batch.backend.fingerprint(), batch.posts(), batch.events()) == ((), before, [], [])


def test_every_line_that_cannot_be_refunded_is_named_with_what_to_do_about_it(batch: Till) -> None:
    batch.stripe.put_payment("pi_102", 100_00, charge="ch_102", disputes=[{"id": "dp_1", "status": "needs_response"}])
    batch.stripe.put_payment("pi_103", 100_00, charge="ch_103", livemode=True)
    batch.stripe.dashboard_refund("pi_104", 10_00)
    found = planned(
        batch,
        "101 25.00",
        "999 1",
        "7 1",
        "102 1",
        "103 1",
        "11 75.01",
        "ch_11 1",
        "10 1.5",
        "101 5 eur",
        "104 1",
        "job:14 1",
        "client1@test.com 1",
        "re_11 1",
    )
    told = dict(problems(found))
    assert told.pop(12).startswith("job:14 could be 13 payments. Name one of: 112 (100.00 USD succeeded), 111 (100.00 USD succeeded), ")
    assert told.pop(13).startswith("client1@test.com does not name one payment for certain. Name one of: 112 (100.00 USD succeeded), ")
    assert told == {
        3: "there is no payment #999",
        4: "payment #7 is failed: only a succeeded payment can be refunded",
        5: "payment #102 is disputed (dp_1, needs_response): the money is with the card's bank. Answer the dispute in Stripe's Dashboard.",
        6: "Stripe has it in the other mode: No such payment_intent: 'pi_103';"
        " a similar object exists in live mode, but a test mode key was"
        " used to make this request. Use the live key of the same account, or the database that belongs to this one.",
        7: "75.01 USD is more than what is left to refund of payment #11, 75.00 USD",
        8: "ch_11 could be 2 payments. Name one of: 12 (100.00 USD succeeded), 11 (100.00 USD succeeded)",
        9: "payment #10: 1.5 is not an amount in JPY: it has too many decimals",
        10: "payment #101 is in USD, not in EUR",
        11: "the books disagree on what came back of payment #104: 10.00 USD at Stripe, 0.00 USD in refund rows (0.00 USD completed),"
        " 0.00 USD on the payment. Heal it: ecloud-pay sync --ref 104 --apply. Or, if it is meant to be so, add --accept-drift.",
        14: "re_11 does not name one payment for certain. Name one of: 11 (100.00 USD succeeded)",
    }
    assert [item.entry.place for item in found.items] == [2]
    assert (batch.posts(), batch.events()) == ([], [])


def test_lines_of_one_payment_must_fit_together_whatever_they_call_it(batch: Till) -> None:
    found = planned(batch, "101 60", "pi_101 40", "#101 0.01", "ch_101 0.02")
    assert problems(found) == [
        (4, "with the lines before it, 100.01 USD is more than what is left to refund of payment #101, 100.00 USD"),
        (5, "with the lines before it, 100.02 USD is more than what is left to refund of payment #101, 100.00 USD"),
    ]
    assert problems(planned(batch, "11 50", "11 25.01")) == [
        (3, "with the lines before it, 75.01 USD is more than what is left to refund of payment #11, 75.00 USD")
    ]


def test_the_same_line_twice_must_be_meant(batch: Till) -> None:
    found = planned(batch, "101 10", "101 10.00", "102 10", "pi_101 10.0")
    hint = "the same payment and amount. If both are meant, add --allow-duplicate."
    assert problems(found) == [(3, f"it repeats line 2: {hint}"), (5, f"it repeats line 2: {hint}")]
    assert statuses(refund(batch, "101 10", "101 10.00", "102 10", may_repeat=True)) == ["completed"] * 3
    assert at_stripe(batch, 101, 102) == [[10_00, 10_00], [10_00]]


def test_a_refund_of_the_same_amount_within_a_day_must_be_meant(batch: Till) -> None:
    batch.refund(5, "25.00")
    made = batch.intent()["stripe_refund"]
    [(place, words)] = problems(planned(batch, "5 25", "5 24"))
    assert (place, words) == (
        2,
        f"25.00 USD of payment #5 was refunded within the last 24 h already: refund #1001, {made}."
        " If it is meant a second time, add --allow-duplicate.",
    )
    assert statuses(refund(batch, "5 25", "5 24", may_repeat=True)) == ["completed", "completed"]


def test_an_unsettled_refund_that_is_not_the_batch_s_forbids_its_payment(batch: Till) -> None:
    batch.begin()
    [line] = planned(batch, "101 10", "5 10").bad
    assert line.place == 3
    assert line.problem.startswith("payment #5 has an unsettled refund of 25.00 USD, begun by ops@demo at ")


def test_a_plan_that_cannot_be_made_raises(batch: Till) -> None:
    batch.stripe.door(is_open=False)
    with pytest.raises(Unavailable):
        planned(batch, "101 10", "102 10")
    batch.stripe.door(is_open=True)
    batch.stripe.expire(batch.stripe.key)
    with pytest.raises(NotConfigured):
        planned(batch, "101 10", "102 10")


# What is refunded, once


def test_a_batch_is_refunded_recorded_and_audited_line_by_line(batch: Till) -> None:
    lines = [f"{payment} {payment - 100}.50" for payment in MORE]
    results = refund(batch, *lines)
    assert statuses(results) == ["completed"] * 12
    assert [result.item.entry.place for result in results] == list(range(2, 14))
    assert at_stripe(batch, *MORE) == [[(payment - 100) * 100 + 50] for payment in MORE]
    assert booked(batch, *MORE) == [Decimal(payment - 100) + Decimal("0.50") for payment in MORE]
    # Four threads wrote to the trail, and `events` has looked at the chain: nothing is missing, nothing is torn.
    assert Counter(batch.events()) == {"refund_requested": 12, "refund_sent": 12, "refunded": 12}
    of_each: dict[int, list[str]] = {}
    for line in batch.lines():
        of_each.setdefault(line["payment_id"], []).append(line["event_type"])
    assert of_each == {payment: ["refund_requested", "refund_sent", "refunded"] for payment in MORE}


def test_the_intent_says_which_line_of_which_batch_it_is(batch: Till) -> None:
    refund(batch, "101 10", "101 10", "101 20", batch="november", may_repeat=True)
    found = [batch.intent(number) for number in (1001, 1002, 1003)]
    assert [(one["payment_id"], one["amount_minor"], one["batch"], one["line"]) for one in found] == [
        (101, 10_00, "november", 1),
        (101, 10_00, "november", 2),
        (101, 20_00, "november", 1),
    ]
    assert batch.ledger.read(101).intents[1].order.line.number == 2  # type: ignore[union-attr]  # both are there


def test_reason_and_note_of_a_line_reach_stripe_and_the_books(batch: Till) -> None:
    entry = Entry(2, "101", Decimal("10"), None, RefundReason.DUPLICATE, "charged twice")
    rules = Rules(DEFAULT_BATCH, Wish("", OPS), False, lambda ref: payment_meant(batch.ledger, ref))
    run(plan([entry], batch.desk, rules, lambda: None).items, batch.desk, batch.sender, lambda: None)
    assert [refund["reason"] for refund in batch.stripe.refunds("pi_101")] == ["duplicate"]
    assert batch.row("payments_refund", 1001)["reason"] == "duplicate: charged twice"


def test_the_same_file_again_repeats_nothing(batch: Till) -> None:
    lines = "101 10", "101 20", "102 10"
    first = refund(batch, *lines)
    again = refund(batch, *lines)
    assert [result.item.due for result in again] == [Due.DONE] * 3
    assert [(result.status, result.words) for result in again] == [("completed", "done before")] * 3
    assert [result.intent for result in again] == [batch.ledger.read(p).intents[n] for p, n in ((101, 0), (101, 1), (102, 0))]  # type: ignore[union-attr]
    assert [result.intent.order.key for result in first if result.intent] == [result.intent.order.key for result in again if result.intent]
    assert len(batch.posts()) == 3


def test_an_edited_and_reordered_file_refunds_what_is_new_in_it(batch: Till) -> None:
    refund(batch, "101 10", "102 10", "103 10")
    results = refund(batch, "104 7", "pi_103 10.00", "#101 10", "101 5")
    assert [(result.item.due, result.status) for result in results] == [
        (Due.REFUND, "completed"),
        (Due.DONE, "completed"),
        (Due.DONE, "completed"),
        (Due.REFUND, "completed"),
    ]
    assert at_stripe(batch, 101, 102, 103, 104) == [[5_00, 10_00], [10_00], [10_00], [7_00]]


def test_the_kth_such_line_is_a_refund_of_its_own(batch: Till) -> None:
    assert statuses(refund(batch, "101 10", "102 10")) == ["completed", "completed"]
    third = "101 10", "101 10", "101 10"
    hint = "it repeats line 2: the same payment and amount. If both are meant, add --allow-duplicate."
    assert problems(planned(batch, *third)) == [(3, hint), (4, hint)]
    assert dues(planned(batch, *third, may_repeat=True)) == [Due.DONE, Due.REFUND, Due.REFUND]
    refund(batch, *third, may_repeat=True)
    refund(batch, *third, may_repeat=True)
    refund(batch, "101 10", may_repeat=True)  # one of them cut out: the other two were made all the same
    assert at_stripe(batch, 101) == [[10_00] * 3]


def make_older(till: Till, hours: int) -> None:
    """Let every refund have been made so many hours earlier, here and at Stripe."""
    for made in till.stripe.refunds():
        till.stripe.overwrite(made["id"], created=made["created"] - hours * 3600)
    till.backend.run(f"UPDATE payments_refund SET created_at = created_at - interval '{hours} hours' WHERE id > 1000")
    for (number,) in till.backend.rows("SELECT id FROM payments_transaction WHERE id > 1000"):
        backdate(till.backend, number, created_at=timedelta(hours=hours))


def test_a_line_that_an_edited_file_repeats_must_be_meant_however_long_ago_the_first_was_made(batch: Till) -> None:
    refund(batch, "101 10")
    make_older(batch, hours=25)
    found = planned(batch, "101 10", "101 10", "102 10")
    hint = "it repeats line 2: the same payment and amount. If both are meant, add --allow-duplicate."
    assert (dues(found), problems(found)) == ([Due.DONE, Due.REFUND], [(3, hint)])
    assert dues(planned(batch, "101 10", batch="november")) == [Due.REFUND]
    assert statuses(refund(batch, "101 10", "101 10", may_repeat=True)) == ["completed", "completed"]
    assert at_stripe(batch, 101) == [[10_00, 10_00]]


def test_a_line_repeats_one_that_is_unsettled_or_failed_too(batch: Till) -> None:
    hint = "it repeats line 2: the same payment and amount. If both are meant, add --allow-duplicate."
    batch.stripe.faults("decline", code="charge_disputed", message="no")
    assert statuses(refund(batch, "101 10")) == ["failed"]
    batch.stripe.faults("500_not_acted")
    assert statuses(refund(batch, "102 10")) == ["unknown"]
    for payment, due in ((101, Due.FAILED), (102, Due.RESUME)):
        found = planned(batch, f"{payment} 10", f"{payment} 10")
        assert (dues(found), problems(found)) == ([due], [(3, hint)])


def test_a_plan_knows_which_lines_another_batch_has_refunded_within_a_day(batch: Till) -> None:
    refund(batch, "101 10", "102 10")
    batch.stripe.faults("decline", code="charge_disputed", message="no")
    refund(batch, "104 10")
    lines = "101 10", "101 11", "102 10", "103 10", "104 10"
    assert [item.elsewhere for item in planned(batch, *lines, batch="november").items] == [DEFAULT_BATCH, None, DEFAULT_BATCH, None, None]
    make_older(batch, hours=25)
    assert [item.elsewhere for item in planned(batch, *lines, batch="november").items] == [None] * 5


def test_a_line_is_refunded_once_in_each_batch(batch: Till) -> None:
    refund(batch, "101 10", batch="october")
    refund(batch, "101 10", batch="november")
    refund(batch, "101 10", batch="november")
    assert at_stripe(batch, 101) == [[10_00, 10_00]]
    assert [batch.intent(number)["batch"] for number in (1001, 1002)] == ["october", "november"]


def test_the_batch_without_a_name_does_not_repeat_what_a_named_one_made(batch: Till) -> None:
    refund(batch, "101 10", batch="october")
    [(place, words)] = problems(planned(batch, "101 10"))
    assert (place, words.partition(":")[0]) == (2, "10.00 USD of payment #101 was refunded within the last 24 h already")


def test_a_line_of_another_currency_is_not_taken_for_one_that_was_made(batch: Till) -> None:
    refund(batch, "101 10 usd")
    assert planned(batch, "101 10 eur").bad == (BadLine(2, "payment #101 is in USD, not in EUR"),)


# What failed, was not sent, or is unknown


def test_a_line_that_failed_is_tried_again_only_when_that_is_asked_for(batch: Till) -> None:
    batch.stripe.faults("decline", code="charge_disputed", message="no")
    first = refund(batch, "101 10")
    assert [(result.status, result.words) for result in first] == [
        ("failed", "Stripe refused the refund of 10.00 USD of payment #101: charge_disputed: no")
    ]
    again = refund(batch, "101 10")
    assert [(result.item.due, result.status, result.words) for result in again] == [(Due.FAILED, "failed", first[0].words)]
    assert len(batch.posts()) == 1
    assert [(result.item.due, result.status) for result in refund(batch, "101 10", retry=True)] == [(Due.REFUND, "completed")]
    keys = [seen.idempotency_key for seen in batch.posts()]
    assert len(set(keys)) == 2
    assert dues(planned(batch, "101 10", retry=True)) == [Due.DONE]
    assert at_stripe(batch, 101) == [[10_00]]


def test_a_refund_that_failed_at_stripe_is_tried_again_only_when_that_is_asked_for(batch: Till) -> None:
    batch.stripe.faults("odd_status", word="failed")
    assert statuses(refund(batch, "101 10")) == ["failed"]
    assert dues(planned(batch, "101 10")) == [Due.FAILED]
    assert statuses(refund(batch, "101 10", retry=True)) == ["completed"]


def test_a_refund_that_is_pending_at_stripe_is_done(batch: Till) -> None:
    batch.stripe.faults("pending")
    assert statuses(refund(batch, "101 10")) == ["pending"]
    assert [(result.item.due, result.status, result.words) for result in refund(batch, "101 10")] == [(Due.DONE, "pending", "done before")]


def test_a_line_that_was_certainly_not_sent_is_tried_again(batch: Till) -> None:
    batch.stripe.faults("429", times=5)
    [first] = refund(batch, "101 10")
    assert (first.status, first.is_done, first.is_left) == ("not sent", False, True)
    assert len(batch.posts()) == 5
    assert statuses(refund(batch, "101 10")) == ["completed"]
    assert (at_stripe(batch, 101), booked(batch, 101)) == ([[10_00]], [Decimal("10.00")])


def test_a_line_that_met_a_closed_door_is_tried_again(batch: Till) -> None:
    found = planned(batch, "101 10", "102 10")
    batch.stripe.door(is_open=False)
    closed = run(found.items, batch.desk, batch.sender, lambda: None)
    assert [(result.status, type(result.error)) for result in closed] == [("not sent", Unavailable)] * 2
    batch.stripe.door(is_open=True)
    assert statuses(refund(batch, "101 10", "102 10")) == ["completed", "completed"]
    assert at_stripe(batch, 101, 102) == [[10_00], [10_00]]


@pytest.mark.parametrize(("fault", "posts"), [("html_200_not_acted", 2), ("html_200_acted", 1)])
def test_a_line_of_unknown_outcome_is_resumed_under_its_key(batch: Till, fault: str, posts: int) -> None:
    batch.stripe.faults(fault)
    batch.stripe.faults("502", match="GET /v1/refunds", nth=3)  # planned, previewed, and then not to be listed
    [first] = refund(batch, "101 10")
    assert (first.status, batch.stripe.unfired()) == ("unknown", [])
    [again] = refund(batch, "101 10")
    assert (again.item.due, again.status) == (Due.RESUME, "completed")
    assert len(batch.posts()) == posts
    assert {(seen.idempotency_key, seen.body) for seen in batch.posts()} == {(batch.intent()["key"], batch.posts()[0].body)}
    assert (at_stripe(batch, 101), booked(batch, 101)) == ([[10_00]], [Decimal("10.00")])


def test_a_500_leaves_the_line_unknown_and_its_key_is_sent_again_byte_by_byte(batch: Till) -> None:
    batch.stripe.faults("500_not_acted")
    [first] = refund(batch, "101 10")
    assert (first.status, batch.patience.waited) == ("unknown", [0.0, 5.0, 30.0])
    [again] = refund(batch, "101 10")  # Stripe replays the 500 that it has stored
    assert (again.item.due, again.status) == (Due.RESUME, "unknown")
    one, two = batch.posts()
    assert (two.is_replay, two.idempotency_key, two.body) == (True, one.idempotency_key, one.body)
    assert (at_stripe(batch, 101), booked(batch, 101)) == ([[]], [Decimal("0.00")])


def test_an_unfinished_line_comes_before_the_others_of_its_payment(batch: Till) -> None:
    batch.stripe.faults("html_200_not_acted")
    assert statuses(refund(batch, "101 60")) == ["unknown"]
    # 60 + 40 fit; 60 + 40 + 1 do not, which shows once the first has ended.
    results = refund(batch, "101 40", "101 1", "101 60")
    assert [(result.item.due, result.status) for result in results] == [
        (Due.REFUND, "completed"),
        (Due.REFUND, "refused"),
        (Due.RESUME, "completed"),
    ]
    assert results[1].words == "nothing is left to refund of payment #101: 100.00 USD came back already"
    assert at_stripe(batch, 101) == [[40_00, 60_00]]
    assert [seen.body.split("&")[1] for seen in batch.posts()] == ["amount=6000", "amount=6000", "amount=4000"]


def test_after_a_line_of_unknown_outcome_the_next_of_its_payment_is_not_sent(batch: Till) -> None:
    batch.stripe.faults("html_200_not_acted")
    first = refund(batch, "101 10", "101 20")
    assert statuses(first) == ["unknown", "busy"]
    assert first[1].words is not None
    assert first[1].words.startswith("payment #101 has an unsettled refund of 10.00 USD, begun by ops@demo at ")
    assert statuses(refund(batch, "101 10", "101 20")) == ["completed", "completed"]


def test_one_bad_line_does_not_stop_the_others(batch: Till) -> None:
    found = planned(batch, *(f"{payment} 10" for payment in MORE))
    batch.stripe.put_payment("pi_106", 100_00, charge="ch_106", disputes=[{"id": "dp_1", "status": "needs_response"}])
    results = run(found.items, batch.desk, batch.sender, lambda: None)
    assert statuses(results) == ["completed"] * 5 + ["refused"] + ["completed"] * 6
    assert results[5].words == "payment #106 is disputed (dp_1, needs_response): the money is with the card's bank"


def test_what_would_meet_every_line_stops_the_rest(batch: Till) -> None:
    found = planned(batch, *(f"{payment} 10" for payment in MORE))
    batch.stripe.expire(batch.stripe.key)
    told = Counter(statuses(run(found.items, batch.desk, batch.sender, lambda: None)))
    assert set(told) == {"refused", "not begun"}
    assert told["refused"] <= FOUR
    assert batch.posts() == []


def test_an_audit_trail_that_fails_stops_the_rest_and_sends_nothing(batch: Till) -> None:
    found = planned(batch, *(f"{payment} 10" for payment in MORE))
    batch.audit.path.mkdir()
    results = run(found.items, batch.desk, batch.sender, lambda: None)
    assert {type(result.error) for result in results if result.error} == {CannotWrite}
    assert (set(statuses(results)), batch.posts()) == ({"refused", "not begun"}, [])


class Fading(PostgresLedger):
    """The books, out of reach for whoever reads them once `is_gone`."""

    is_gone = False

    def read(self, payment_id: int) -> Standing | None:
        if self.is_gone:
            raise Unavailable("the database is out of reach")
        return super().read(payment_id)


class Fatal(FullDisk):
    """A full disk, and with it goes the database."""

    def __init__(self, audit: AuditLog, event_type: str, books: Fading) -> None:
        super().__init__(audit, event_type)
        self._books = books

    def append(self, event: AuditEvent) -> str:
        try:
            return super().append(event)
        except CannotWrite:
            self._books.is_gone = True
            raise


def test_a_refund_without_its_audit_line_is_unknown_where_the_books_cannot_be_read_again(batch: Till) -> None:
    database = Database(parse_login(batch.backend.conninfo, "DATABASE_URL"), Names(), "UTC")
    books = Fading(database, Writer(database, lambda _: None))
    found = planned(batch, "101 10")
    sender = replace(batch.sender, audit=Fatal(batch.audit, "refunded", books))
    [result] = run(found.items, replace(batch.desk, ledger=books), sender, lambda: None)
    assert (result.status, result.words) == (
        "unknown",
        "the outcome of the refund of 10.00 USD of payment #101 is unknown: the audit line could not be written: the disk is full",
    )
    assert at_stripe(batch, 101) == [[10_00]]
    assert statuses(refund(batch, "101 10")) == ["completed"]


def test_a_line_that_another_run_has_in_flight_is_busy_and_left_for_the_next_run(batch: Till) -> None:
    found = planned(batch, "101 10", "102 10")
    batch.begin(payment_id=101, payment_intent="pi_101", amount=Money(10_00, "usd"), line=Line(DEFAULT_BATCH, 1))
    first, second = run(found.items, batch.desk, batch.sender, lambda: None)
    assert (first.status, first.is_left, first.is_unknown, first.is_done, second.status) == ("busy", True, False, False, "completed")
    assert at_stripe(batch, 101) == [[]]


@pytest.mark.parametrize("retry", [False, True])
def test_a_line_that_another_run_has_had_declined_meanwhile_is_not_sent_again(batch: Till, retry: bool) -> None:
    found = planned(batch, "101 10", retry=retry)
    batch.stripe.faults("decline", code="charge_disputed", message="no")
    assert statuses(refund(batch, "101 10")) == ["failed"]
    [result] = run(found.items, batch.desk, batch.sender, lambda: None)
    assert (result.item.due, result.status, result.words, len(batch.posts())) == (
        Due.FAILED,
        "failed",
        "Stripe refused the refund of 10.00 USD of payment #101: charge_disputed: no",
        1,
    )


def test_a_line_that_another_run_did_not_get_to_send_is_sent(batch: Till) -> None:
    found = planned(batch, "101 10")
    batch.stripe.faults("429", times=5)
    assert statuses(refund(batch, "101 10")) == ["not sent"]
    assert statuses(run(found.items, batch.desk, batch.sender, lambda: None)) == ["completed"]
    assert at_stripe(batch, 101) == [[10_00]]


def test_who_asks_to_stop_gets_what_is_in_flight_and_no_more(batch: Till) -> None:
    found = planned(batch, "101 10", "101 20", "101 30")

    def stop_after_the_first() -> None:
        batch.patience.is_stop_asked = True

    results = run(found.items, batch.desk, batch.sender, stop_after_the_first)
    assert [(result.status, result.is_left) for result in results] == [("completed", False), ("not begun", True), ("not begun", True)]
    batch.patience.is_stop_asked = False
    assert statuses(refund(batch, "101 10", "101 20", "101 30")) == ["completed"] * 3
    assert at_stripe(batch, 101) == [[10_00, 20_00, 30_00]]


# How many at once


def departures(seen: list[Seen]) -> list[float]:
    return sorted(one.at_s for one in seen)


def test_at_most_four_are_in_flight_and_four_are(batch: Till) -> None:
    stalled_s = 0.3
    batch.stripe.faults("stall_after", times=9, seconds=stalled_s)
    assert statuses(refund(batch, *(f"{payment} 10" for payment in MORE[:9]))) == ["completed"] * 9
    at_s = departures(batch.posts())
    assert len(at_s) == 9
    # Whoever is the fifth has waited for the first to be answered.
    assert all(fifth - first >= stalled_s for first, fifth in zip(at_s, at_s[FOUR:], strict=False))
    assert any(fourth - first < stalled_s for first, fourth in zip(at_s, at_s[FOUR - 1 :], strict=False))


def test_lines_of_one_payment_go_one_after_the_other(batch: Till) -> None:
    stalled_s = 0.1
    batch.stripe.faults("stall_after", times=5, seconds=stalled_s)
    assert statuses(refund(batch, "101 5", "101 4", "101 3", "101 2", "101 1")) == ["completed"] * 5
    at_s = departures(batch.posts())
    assert all(later - earlier >= stalled_s for earlier, later in pairwise(at_s))
    assert [seen.body.split("&")[1] for seen in batch.posts()] == [f"amount={amount}00" for amount in (5, 4, 3, 2, 1)]


# Two runs at once, and runs that are killed


def forked(act: Callable[[], None]) -> int:
    """`act` in a child of its own; the child's number."""
    child = os.fork()
    if child == 0:
        code = 1
        try:
            act()
            code = 0
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(code)
    return child


@pytest.fixture
def another_run(batch: Till, tmp_path: Path) -> Callable[..., None]:
    """A whole run at a till of its own, for a child; `ready` is called between planning and sending."""

    def act(*lines: str, ready: Callable[[], None] = lambda: None, **options: Any) -> None:
        with open_batch_till(batch.backend, batch.stripe, tmp_path) as till:
            found = planned(till, *lines, **options)
            ready()
            run(found.items, till.desk, till.sender, lambda: None)

    return act


@pytest.mark.parametrize("is_repeat_meant", [False, True])
def test_two_runs_of_one_file_at_once_refund_each_line_once(batch: Till, another_run: Callable[..., None], is_repeat_meant: bool) -> None:
    """Both have planned every line as new before either of them begins."""
    payments = MORE[:4]
    lines = [f"{payment} {amount}" for payment in payments for amount in ("10", "20", *["10"] * is_repeat_meant)]
    has_planned, may_begin = os.pipe(), os.pipe()

    def wait() -> None:
        os.write(has_planned[1], b".")
        os.read(may_begin[0], 1)

    children = [forked(lambda: another_run(*lines, ready=wait, may_repeat=is_repeat_meant)) for _ in range(2)]
    os.close(has_planned[1])
    assert [os.read(has_planned[0], 1) for _ in children] == [b".", b"."]
    os.write(may_begin[1], b"..")
    assert [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children] == [0, 0]
    for end in (has_planned[0], *may_begin):
        os.close(end)
    last = refund(batch, *lines, may_repeat=is_repeat_meant)
    assert statuses(last) == ["completed"] * len(lines)
    amounts = [10_00, *[10_00] * is_repeat_meant, 20_00]
    assert at_stripe(batch, *payments) == [amounts] * len(payments)
    assert booked(batch, *payments) == [Decimal(sum(amounts)) / 100] * len(payments)


@pytest.mark.parametrize("is_repeat_meant", [False, True])
def test_a_run_that_comes_second_is_told_what_the_first_has_refunded(
    batch: Till, another_run: Callable[..., None], is_repeat_meant: bool
) -> None:
    found = planned(batch, "101 10", "102 10", may_repeat=is_repeat_meant)
    child = forked(lambda: another_run("101 10", "102 10"))
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    results = run(found.items, batch.desk, batch.sender, lambda: None)
    assert [(result.status, result.words) for result in results] == [("completed", "done before")] * 2
    assert len(batch.posts()) == 2


def test_killed_at_any_moment_and_run_again_each_line_is_refunded_once(batch: Till, another_run: Callable[..., None]) -> None:
    """Each round is a batch of its own on the same payments; its seed says behind which request, and how long behind it, the kill comes."""
    payments = MORE[:3]
    lines = [f"{payment} {amount}" for payment in payments for amount in ("1", "2")]
    interrupted = 0
    for seed in range(KILLS):
        options: dict[str, Any] = {"batch": f"round {seed}", "may_repeat": True}
        chance = random.Random(seed)
        seen = len(batch.posts())
        child = forked(lambda options=options: another_run(*lines, **options))  # type: ignore[misc]
        behind = seen + chance.randrange(1, len(lines))
        give_up_at_s = time.monotonic() + 30
        while len(batch.posts()) < behind and time.monotonic() < give_up_at_s:
            time.sleep(0.002)
        time.sleep(chance.uniform(0, 0.04))
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        batch.stripe.settled()
        sent = len(batch.stripe.refunds()) - 1 - seed * len(lines)  # #11 had one before
        interrupted += 0 < sent < len(lines)
        assert statuses(refund(batch, *lines, **options)) == ["completed"] * len(lines), f"round {seed}"
        rounds = seed + 1
        assert at_stripe(batch, *payments) == [[1_00] * rounds + [2_00] * rounds] * len(payments), f"round {seed}"
        assert booked(batch, *payments) == [Decimal(3 * rounds)] * len(payments), f"round {seed}"
    # Kills that never met a run at work would prove nothing.
    assert interrupted >= KILLS // 2
    batch.resume()  # writes the lines of refunds whose run was killed between the books and the trail
    batch.events()  # looks at the chain
    audited = {line["details"]["refund_id"] for line in batch.lines() if line["event_type"] in ("refunded", "refund_adopted")}
    rows = {id for (id,) in batch.backend.rows("SELECT id FROM payments_refund WHERE id > 1000 AND status = 'completed'")}
    assert (audited, len(rows)) == (rows, len(lines) * KILLS)
