"""The rows of refunds on a real PostgreSQL, in both shapes of the tables: whole rows, under locks, once."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import psycopg
import pytest

from ecloud_pay.adapters.postgres.ledger import MOST_CANDIDATES, PostgresLedger
from ecloud_pay.adapters.postgres.tables import Names
from ecloud_pay.domain.at_stripe import RefundState
from ecloud_pay.domain.errors import Busy, EcloudPayError, NotConfigured, NotFound, Refused
from ecloud_pay.domain.money import Money
from ecloud_pay.domain.reference import Reference, ReferenceKind
from ecloud_pay.domain.refund import Actor, Ending, Intent, Line, RefundReason, Settled, Settlement
from ecloud_pay.ports import Place, Standing
from support.backend import SHAPES, Backend, drop_database
from support.refunding import KEY, OPS, accepted, at_stripe, backdate, damage, keep, open_ledger, order, put_back, row, sentences
from support.wire import Wire

HOUR = timedelta(hours=1)
NOT_SENT = Settlement(Ending.NOT_SENT, words="no line")
ABANDONED = Settlement(Ending.ABANDONED, words="given up")
DECLINED = Settlement(Ending.DECLINED, words="no", request_id="req_1")
MADE_AT = at_stripe().created


@pytest.fixture(scope="module", params=SHAPES)
def kept_backend(server: str, request: pytest.FixtureRequest) -> Iterator[Backend]:
    """One database of each shape for this module."""
    backend = keep(Backend.create(server, request.param))
    yield backend
    drop_database(server, backend.conninfo)


@pytest.fixture
def backend(kept_backend: Backend) -> Backend:
    """With its rows as at the start."""
    return put_back(kept_backend)


@pytest.fixture
def ledger(backend: Backend) -> PostgresLedger:
    """The ledger on it."""
    return open_ledger(backend)


def begin(ledger: PostgresLedger, **changes: Any) -> Intent:
    return ledger.open_intent(order(**changes), lambda _: None)


def request(ledger: PostgresLedger) -> Intent:
    """An intent on the request that the backend left in row 2: $10.00 of payment #11."""
    return begin(ledger, payment_id=11, payment_intent="pi_11", amount=Money(10_00, "usd"), request_row=2)


def said(act: Callable[[], Any]) -> tuple[Any, ...]:
    with pytest.raises(EcloudPayError) as raised:
        act()
    return (type(raised.value), *sentences(raised.value))


def now_ish(instant: datetime) -> bool:
    return abs(instant - datetime.now(UTC)) < timedelta(seconds=60)


def statuses(backend: Backend, refund: int = 1001, transaction: int = 1001) -> tuple[Any, ...]:
    """Refund row, transaction row, both with Stripe's id, and refund_amount."""
    [found] = backend.rows(
        """SELECT r.status, coalesce(r.stripe_refund_id, ''), t.status, coalesce(t.stripe_transaction_id, ''), coalesce(p.refund_amount, 0)
        FROM payments_refund r, payments_transaction t, payments_payment p WHERE r.id = %s AND t.id = %s AND p.id = r.payment_id""",
        refund,
        transaction,
    )
    return found


OPEN = ("pending", "", "pending", "", Decimal(0))
DONE = ("completed", "re_1", "completed", "re_1", Decimal("25.00"))
FAILED = ("failed", "", "failed", "", Decimal(0))


@pytest.mark.parametrize("zone", ["UTC", "Asia/Kolkata", "America/New_York"])
def test_an_intent_is_these_two_rows(backend: Backend, zone: str) -> None:
    """Instants are UTC to us whatever zone the backend's `timestamp` columns are in."""
    asked = order(
        reason=RefundReason.FRAUDULENT,
        note="says it was not them",
        reverse_transfer=True,
        refund_application_fee=False,
        request_id="r-1",
        line=Line("May", 3),
    )
    payment = row(backend, "payments_payment", 5)
    ledger = open_ledger(backend, zone)
    intent = ledger.open_intent(asked, lambda _: None)
    assert intent == Intent(asked, 1001, 1001, intent.created_at)
    assert now_ish(intent.created_at)
    assert row(backend, "payments_refund", 1001, zone) == {
        "id": 1001,
        "payment_id": 5,
        "amount": Decimal("25.00"),
        "reason": "fraudulent: says it was not them",
        "status": "pending",
        "stripe_refund_id": None,
        "requested_by_id": 1,
        "created_at": intent.created_at,
        "processed_at": None,
    }
    assert row(backend, "payments_transaction", 1001, zone) == {
        "id": 1001,
        "payment_id": 5,
        "transaction_type": "refund",
        "amount": Decimal("25.00"),
        "status": "pending",
        "stripe_transaction_id": None,
        "created_at": intent.created_at,
        "completed_at": None,
        "metadata": {
            "ecloud_pay": {
                "version": 1,
                "key": KEY,
                "payment_id": 5,
                "refund_id": 1001,
                "payment_intent": asked.payment_intent,
                "amount_minor": 25_00,
                "currency": "usd",
                "reason": "fraudulent",
                "note": "says it was not them",
                "actor": {"id": 1, "email": "ops@demo"},
                "mode": "test",
                "account": "acct_1",
                "reverse_transfer": True,
                "refund_application_fee": False,
                "request_id": "r-1",
                "batch": "May",
                "line": 3,
                "request_row": None,
                "created_at": intent.created_at.isoformat(timespec="microseconds"),
                "audited": False,
                "attempts": 0,
                **dict.fromkeys(("first_sent_at", "last_sent_at", "requested_line", "ending", "state", "stripe_refund", "words")),
                **dict.fromkeys(("adopted", "replayed", "stripe_request", "settled_at")),
            }
        },
    }
    assert row(backend, "payments_payment", 5) == payment
    assert ledger.unfinished().unsettled == [intent]
    standing = ledger.read(5)
    assert standing is not None
    assert standing.intents == (intent,)
    assert now_ish(standing.now)


@pytest.mark.parametrize("zone", ["UTC", "Asia/Kolkata"])
def test_a_settlement_is_written_into_three_rows(backend: Backend, zone: str) -> None:
    ledger = open_ledger(backend, zone)
    intent = begin(ledger, reason=RefundReason.DUPLICATE)
    rows = [row(backend, table, 1001, zone) for table in ("payments_refund", "payments_transaction")]
    payment = row(backend, "payments_payment", 5, zone)
    settled = ledger.settle(intent, replace(accepted(), is_replay=True, request_id="req_1"))
    assert settled.settlement is not None
    assert now_ish(settled.settlement.settled_at)
    assert settled == replace(
        intent,
        settlement=Settled(
            ending=Ending.ACCEPTED,
            state=RefundState.COMPLETED,
            stripe_refund_id="re_1",
            words=None,
            is_adopted=False,
            is_replay=True,
            request_id="req_1",
            settled_at=settled.settlement.settled_at,
        ),
    )
    assert row(backend, "payments_refund", 1001, zone) == {
        **rows[0],
        "status": "completed",
        "stripe_refund_id": "re_1",
        "processed_at": MADE_AT,
    }
    written = row(backend, "payments_transaction", 1001, zone)
    del written["metadata"], rows[1]["metadata"]
    assert written == {**rows[1], "status": "completed", "stripe_transaction_id": "re_1", "completed_at": MADE_AT}
    assert row(backend, "payments_payment", 5, zone) == {
        **payment,
        "refund_amount": Decimal("25.00"),
        "refund_reason": "duplicate",
        "refunded_at": MADE_AT,
    }
    standing = ledger.read(5)
    assert standing is not None
    assert standing.intents == (settled,)
    assert (ledger.unfinished().unsettled, ledger.unfinished().unaudited) == ([], [settled])


@pytest.mark.parametrize(
    ("settlement", "expected"),
    [
        (accepted(status="pending"), ("pending", "re_1", "pending", "re_1", Decimal(0))),
        (accepted(status="requires_action"), ("pending", "re_1", "pending", "re_1", Decimal(0))),
        (accepted(status="failed"), ("failed", "re_1", "failed", "re_1", Decimal(0))),
        (accepted(status="canceled"), ("failed", "re_1", "failed", "re_1", Decimal(0))),
        (DECLINED, FAILED),
        (NOT_SENT, FAILED),
        (ABANDONED, FAILED),
    ],
)
def test_the_rows_of_every_other_ending(
    backend: Backend, ledger: PostgresLedger, settlement: Settlement, expected: tuple[Any, ...]
) -> None:
    payment = row(backend, "payments_payment", 5)
    ledger.settle(begin(ledger), settlement)
    assert statuses(backend) == expected
    assert row(backend, "payments_payment", 5) == payment
    processed_at, completed_at = (
        row(backend, "payments_refund", 1001)["processed_at"],
        row(backend, "payments_transaction", 1001)["completed_at"],
    )
    if settlement.state is RefundState.PENDING:
        assert (processed_at, completed_at) == (None, None)
    elif settlement.refund:
        assert (processed_at, completed_at) == (MADE_AT, MADE_AT)
    else:
        assert processed_at == completed_at
        assert now_ish(processed_at)
    assert ledger.unfinished().unsettled == []


def test_settled_twice_is_settled_once(backend: Backend, ledger: PostgresLedger) -> None:
    intent = begin(ledger)
    first = ledger.settle(intent, accepted())
    before = backend.fingerprint()
    assert ledger.settle(intent, accepted(id="re_2")) == first
    assert ledger.settle(intent, ABANDONED) == first
    assert ledger.settle(first, DECLINED) == first
    assert backend.fingerprint() == before


def test_a_refund_that_bears_our_key_overrules_a_bad_ending(backend: Backend, ledger: PostgresLedger) -> None:
    intent = begin(ledger)
    for bad in (ABANDONED, NOT_SENT, DECLINED):
        ledger.settle(intent, bad)
        assert statuses(backend) == FAILED
    # One made elsewhere does not: whose it is, nobody can know any more.
    failed = ledger.read(5)
    assert failed is not None
    for key in (None, "another"):
        assert ledger.settle(intent, accepted(key=key)) == failed.intents[0]
    assert statuses(backend) == FAILED
    settled = ledger.settle(intent, accepted())
    assert statuses(backend) == DONE
    assert settled.settlement is not None
    assert settled.settlement.ending is Ending.ACCEPTED


def test_a_refund_made_elsewhere_may_be_adopted_by_an_open_intent(backend: Backend, ledger: PostgresLedger) -> None:
    ledger.settle(begin(ledger), replace(accepted(key=None), is_adopted=True))
    assert statuses(backend) == DONE


def test_settle_and_abandon_at_once_end_it_the_same_way_for_both(backend: Backend, ledger: PostgresLedger) -> None:
    for number in range(6):
        intent = begin(ledger, key=f"key {number}", amount=Money(1_00, "usd"))
        ends: list[Intent] = []

        def act(settlement: Settlement, intent: Intent = intent, ends: list[Intent] = ends) -> None:
            ends.append(open_ledger(backend).settle(intent, settlement))

        threads = [threading.Thread(target=act, args=(settlement,)) for settlement in (ABANDONED, DECLINED)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(ends) == 2
        assert ends[0] == ends[1]
        assert ends[0].settlement is not None
    assert ledger.unfinished().unsettled == []


class TestWhatCameBack:
    """refund_amount = the greatest of what was booked and this, and what the completed rows come to."""

    @pytest.mark.parametrize(
        ("booked", "completed", "expected"),
        [
            ("0", [], "25.00"),
            ("0", ["30"], "55.00"),  # nobody had booked that one
            ("30", ["30"], "55.00"),
            ("40", [], "65.00"),  # refunded by hand, without a row
            ("40", ["30"], "65.00"),
            ("10", ["30", "20"], "75.00"),
        ],
    )
    def test_it(self, backend: Backend, ledger: PostgresLedger, booked: str, completed: list[str], expected: str) -> None:
        backend.rows_changed("UPDATE payments_payment SET refund_amount = %s WHERE id = 5", Decimal(booked))
        for number, amount in enumerate(completed):
            backend.rows_changed(
                """INSERT INTO payments_refund (id, payment_id, amount, status, stripe_refund_id, created_at)
                VALUES (%s, 5, %s, 'completed', 're_x', now()), (%s, 5, 7, 'failed', '', now()), (%s, 5, 8, 'pending', 're_y', now())""",
                100 + number,
                Decimal(amount),
                200 + number,
                300 + number,
            )
        ledger.settle(begin(ledger), accepted())
        assert row(backend, "payments_payment", 5)["refund_amount"] == Decimal(expected)

    def test_where_it_is_null(self, backend: Backend, ledger: PostgresLedger) -> None:
        if backend.shape == "documented":
            backend.run("UPDATE payments_payment SET refund_amount = NULL WHERE id = 5")
        ledger.settle(begin(ledger), accepted())
        assert row(backend, "payments_payment", 5)["refund_amount"] == Decimal("25.00")

    def test_yen(self, backend: Backend, ledger: PostgresLedger) -> None:
        ledger.settle(begin(ledger, payment_id=10, payment_intent="pi_10", amount=Money(1200, "jpy")), accepted())
        assert row(backend, "payments_payment", 10)["refund_amount"] == Decimal("1200.00")

    def test_a_row_that_somebody_has_completed_meanwhile_is_not_counted_twice(self, backend: Backend, ledger: PostgresLedger) -> None:
        intent = begin(ledger)
        backend.run(
            "UPDATE payments_refund SET status = 'completed', stripe_refund_id = 're_1' WHERE id = 1001;"
            "UPDATE payments_payment SET refund_amount = 25 WHERE id = 5"
        )
        payment = row(backend, "payments_payment", 5)
        ledger.settle(intent, accepted())
        assert statuses(backend) == DONE
        assert row(backend, "payments_payment", 5) == payment

    @pytest.mark.parametrize("id", ["re_1", "", None])
    @pytest.mark.parametrize(("booked", "completed", "expected"), [("0", "0", "25.00"), ("10", "0", "25.00"), ("30", "30", "55.00")])
    def test_a_row_that_somebody_has_completed_without_booking_it_is_booked(
        self, backend: Backend, ledger: PostgresLedger, id: str | None, booked: str, completed: str, expected: str
    ) -> None:
        intent = begin(ledger, reason=RefundReason.DUPLICATE)
        another(backend, completed, "re_x")
        backend.rows_changed("UPDATE payments_refund SET status = 'completed', stripe_refund_id = %s WHERE id = 1001", id)
        backend.rows_changed("UPDATE payments_payment SET refund_amount = %s WHERE id = 5", Decimal(booked))
        payment = row(backend, "payments_payment", 5)
        ledger.settle(intent, accepted())
        assert statuses(backend) == ("completed", "re_1", "completed", "re_1", Decimal(expected))
        assert row(backend, "payments_payment", 5) == {
            **payment,
            "refund_amount": Decimal(expected),
            "refund_reason": "duplicate",
            "refunded_at": MADE_AT,
        }

    def test_a_row_that_somebody_has_completed_as_another_refund_does_not_stand_for_this_one(
        self, backend: Backend, ledger: PostgresLedger
    ) -> None:
        intent = begin(ledger)
        backend.run(
            "UPDATE payments_refund SET status = 'completed', stripe_refund_id = 're_x' WHERE id = 1001;"
            "UPDATE payments_payment SET refund_amount = 25 WHERE id = 5"
        )
        ledger.settle(intent, accepted())
        assert statuses(backend) == ("completed", "re_x", "completed", "re_1", Decimal("50.00"))

    @pytest.mark.parametrize(("booked", "completed", "expected"), [("0", "0", "25.00"), ("40", "0", "65.00"), ("0", "30", "30.00")])
    def test_where_the_backend_has_deleted_the_row(
        self, backend: Backend, ledger: PostgresLedger, booked: str, completed: str, expected: str
    ) -> None:
        intent = begin(ledger)
        another(backend, completed, "re_x")
        backend.run("DELETE FROM payments_refund WHERE id = 1001")
        backend.rows_changed("UPDATE payments_payment SET refund_amount = %s WHERE id = 5", Decimal(booked))
        settled = ledger.settle(intent, accepted())
        assert settled.is_settled
        assert ledger.unfinished().unsettled == []
        assert left_without_a_row(backend) == ("completed", "re_1", Decimal(expected))

    @pytest.mark.parametrize("booked", ["0", "25"])
    def test_where_the_backend_has_put_a_row_of_its_own_in_the_place_of_ours(
        self, backend: Backend, ledger: PostgresLedger, booked: str
    ) -> None:
        intent = begin(ledger)
        backend.run("DELETE FROM payments_refund WHERE id = 1001")
        another(backend, "25", "re_1")
        backend.rows_changed("UPDATE payments_payment SET refund_amount = %s WHERE id = 5", Decimal(booked))
        ledger.settle(intent, accepted())
        assert left_without_a_row(backend) == ("completed", "re_1", Decimal("25.00"))


def another(backend: Backend, amount: str, id: str) -> None:
    """A completed refund of payment #5 that is not ours."""
    backend.rows_changed(
        """INSERT INTO payments_refund (id, payment_id, amount, status, stripe_refund_id, created_at)
        VALUES (100, 5, %s, 'completed', %s, now())""",
        Decimal(amount),
        id,
    )


def left_without_a_row(backend: Backend) -> tuple[Any, ...]:
    """Transaction row with Stripe's id, and refund_amount, where the refund row is gone and stays so."""
    assert backend.rows("SELECT 1 FROM payments_refund WHERE id = 1001") == []
    [found] = backend.rows(
        """SELECT t.status, coalesce(t.stripe_transaction_id, ''), coalesce(p.refund_amount, 0)
        FROM payments_transaction t JOIN payments_payment p ON p.id = t.payment_id WHERE t.id = 1001"""
    )
    return found


@pytest.mark.parametrize("settlement", [DECLINED, NOT_SENT, ABANDONED])
def test_a_row_that_bears_an_id_of_stripes_by_hand_is_not_called_failed(
    backend: Backend, ledger: PostgresLedger, settlement: Settlement
) -> None:
    intent = begin(ledger)
    backend.run("UPDATE payments_refund SET stripe_refund_id = 're_x' WHERE id = 1001")
    refund, payment = row(backend, "payments_refund", 1001), row(backend, "payments_payment", 5)
    ledger.settle(intent, settlement)
    assert row(backend, "payments_refund", 1001) == refund
    assert row(backend, "payments_payment", 5) == payment
    assert statuses(backend) == ("pending", "re_x", "failed", "", Decimal(0))
    assert ledger.unfinished().unsettled == []
    assert [(found.refund.id, found.refund.stripe_refund_id) for found in ledger.pending()] == [(2, None), (1001, "re_x")]


@pytest.mark.parametrize("settlement", [DECLINED, NOT_SENT, ABANDONED])
def test_an_intent_whose_row_is_deleted_ends_without_it(backend: Backend, ledger: PostgresLedger, settlement: Settlement) -> None:
    intent = begin(ledger)
    backend.run("DELETE FROM payments_refund WHERE id = 1001")
    payment = row(backend, "payments_payment", 5)
    ledger.settle(intent, settlement)
    assert left_without_a_row(backend) == ("failed", "", Decimal(0))
    assert row(backend, "payments_payment", 5) == payment
    assert ledger.unfinished().unsettled == []


def test_what_the_backend_keeps_beside_our_key_survives(backend: Backend, ledger: PostgresLedger) -> None:
    intent = begin(ledger)
    backend.run(
        """UPDATE payments_transaction SET metadata = metadata || '{"note": "theirs", "deep": [{"a": null}],
        "exact": 0.1234567890123456789012345, "trailing": 1.10, "long": 123456789012345678901234567890}' WHERE id = 1001"""
    )
    theirs = "SELECT (metadata - 'ecloud_pay')::text FROM payments_transaction WHERE id = 1001"
    before = backend.rows(theirs)
    marked = ledger.mark_sent(intent, "line")
    assert marked is not None
    ledger.settle(marked, accepted())
    ledger.record_audited(marked, lambda _: None)
    assert backend.rows(theirs) == before
    [(audited,)] = backend.rows("SELECT metadata #>> '{ecloud_pay,audited}' FROM payments_transaction WHERE id = 1001")
    assert audited == "true"


class TestMarkSent:
    """Before each attempt."""

    def test_the_first_instant_stays_and_the_last_one_moves(self, backend: Backend, ledger: PostgresLedger) -> None:
        intent = begin(ledger)
        first = ledger.mark_sent(intent, "line 1")
        assert first is not None
        assert first.first_sent_at is not None
        assert first == replace(
            intent, first_sent_at=first.first_sent_at, last_sent_at=first.first_sent_at, attempts=1, requested_line="line 1"
        )
        assert now_ish(first.first_sent_at)
        second = ledger.mark_sent(intent, "line 1")
        assert second is not None
        assert second.last_sent_at is not None
        assert second.last_sent_at > first.first_sent_at
        assert second == replace(first, last_sent_at=second.last_sent_at, attempts=2)
        assert ledger.unfinished().unsettled == [second]
        assert statuses(backend) == OPEN

    @pytest.mark.parametrize(("age", "may_be_sent"), [(23 * HOUR - timedelta(seconds=20), True), (23 * HOUR, False), (90 * HOUR, False)])
    def test_never_23_hours_after_the_first(self, backend: Backend, ledger: PostgresLedger, age: timedelta, may_be_sent: bool) -> None:
        intent = ledger.mark_sent(begin(ledger), "line")
        assert intent is not None
        backdate(backend, 1001, first_sent_at=age)
        before = backend.fingerprint()
        assert (ledger.mark_sent(intent, "line") is not None) is may_be_sent
        assert (backend.fingerprint() == before) is not may_be_sent

    @pytest.mark.parametrize("settlement", [accepted(), accepted(status="pending"), DECLINED, NOT_SENT, ABANDONED])
    def test_never_after_its_end(self, backend: Backend, ledger: PostgresLedger, settlement: Settlement) -> None:
        intent = begin(ledger)
        ledger.settle(intent, settlement)
        before = backend.fingerprint()
        assert ledger.mark_sent(intent, "line") is None
        assert backend.fingerprint() == before

    @pytest.mark.parametrize(
        "change",
        [
            "UPDATE payments_refund SET status = 'completed' WHERE id = 1001",
            "UPDATE payments_refund SET status = 'failed' WHERE id = 1001",
            "UPDATE payments_refund SET stripe_refund_id = 're_x' WHERE id = 1001",
            "DELETE FROM payments_refund WHERE id = 1001",
            "UPDATE payments_transaction SET status = 'failed' WHERE id = 1001",
        ],
    )
    def test_never_after_the_backend_has_changed_a_row(self, backend: Backend, ledger: PostgresLedger, change: str) -> None:
        intent = begin(ledger)
        backend.run(change)
        before = backend.fingerprint()
        assert ledger.mark_sent(intent, "line") is None
        assert backend.fingerprint() == before

    def test_an_intent_that_is_gone_is_said(self, backend: Backend, ledger: PostgresLedger) -> None:
        intent = begin(ledger)
        backend.run("DELETE FROM payments_transaction WHERE id = 1001")
        assert said(lambda: ledger.mark_sent(intent, "line")) == (
            NotFound,
            "transaction #1001 of payment #5 is gone",
            "Nothing was written.",
            "",
        )


class TestRequests:
    """Rows that the backend left as requests."""

    def test_the_intent_is_attached_to_the_row(self, backend: Backend, ledger: PostgresLedger) -> None:
        before = row(backend, "payments_refund", 2)
        intent = request(ledger)
        assert (intent.refund_id, intent.transaction_id) == (2, 1001)
        assert row(backend, "payments_refund", 2) == before
        assert [found.refund.id for found in ledger.pending()] == []
        assert ledger.decline_request(2, lambda: None) is False

    @pytest.mark.parametrize("settlement", [NOT_SENT, ABANDONED])
    def test_what_was_not_executed_is_a_request_again(self, backend: Backend, ledger: PostgresLedger, settlement: Settlement) -> None:
        before = row(backend, "payments_refund", 2)
        ledger.settle(request(ledger), settlement)
        assert row(backend, "payments_refund", 2) == before
        assert row(backend, "payments_transaction", 1001)["status"] == "failed"
        assert [found.refund.id for found in ledger.pending()] == [2]
        assert ledger.unfinished().unsettled == []

    def test_what_stripe_declined_has_ended(self, backend: Backend, ledger: PostgresLedger) -> None:
        ledger.settle(request(ledger), DECLINED)
        assert row(backend, "payments_refund", 2)["status"] == "failed"
        assert ledger.pending() == []

    def test_what_stripe_took_is_done(self, backend: Backend, ledger: PostgresLedger) -> None:
        before = row(backend, "payments_refund", 2)
        ledger.settle(request(ledger), accepted(payment_intent="pi_11", amount=Money(10_00, "usd")))
        assert row(backend, "payments_refund", 2) == {
            **before,
            "status": "completed",
            "stripe_refund_id": "re_1",
            "processed_at": MADE_AT,
        }
        assert row(backend, "payments_payment", 11)["refund_amount"] == Decimal("35.00")

    def test_an_old_request_that_ended_today_still_lacks_its_audit_line(self, backend: Backend, ledger: PostgresLedger) -> None:
        """Its row is of last spring; that it ended just now is what counts."""
        intent = request(ledger)
        settled = ledger.settle(intent, accepted(payment_intent="pi_11", amount=Money(10_00, "usd"), created=datetime.now(UTC)))
        assert ledger.unfinished().unaudited == [settled]

    def test_a_request_is_declined_once(self, backend: Backend, ledger: PostgresLedger) -> None:
        before = row(backend, "payments_refund", 2)
        assert ledger.decline_request(2, lambda: None) is True
        after = row(backend, "payments_refund", 2)
        assert now_ish(after["processed_at"])
        assert after == {**before, "status": "failed", "processed_at": after["processed_at"]}
        assert ledger.decline_request(2, lambda: None) is False
        assert row(backend, "payments_refund", 2) == after

    @pytest.mark.parametrize("number", [1, 999])
    def test_what_is_no_request_cannot_be_declined(self, backend: Backend, ledger: PostgresLedger, number: int) -> None:
        before = backend.fingerprint()
        assert ledger.decline_request(number, lambda: None) is False
        assert backend.fingerprint() == before

    def test_a_pending_row_with_a_stripe_id_cannot_be_declined(self, backend: Backend, ledger: PostgresLedger) -> None:
        backend.run("UPDATE payments_refund SET stripe_refund_id = 're_x' WHERE id = 2")
        assert ledger.decline_request(2, lambda: None) is False
        assert [(found.refund.id, found.payment.id, found.refund.stripe_refund_id) for found in ledger.pending()] == [(2, 11, "re_x")]

    def test_one_row_is_found_with_its_payment(self, ledger: PostgresLedger) -> None:
        found = ledger.request(2)
        assert found is not None
        assert (found.payment.id, found.refund.id, found.refund.status, found.refund.amount) == (11, 2, "pending", Money(10_00, "usd"))
        assert ledger.request(999) is None


def test_the_same_key_again_is_the_same_intent_and_is_not_asked_about(backend: Backend, ledger: PostgresLedger) -> None:
    first = begin(ledger)
    before = backend.fingerprint()

    def refuse(_: Standing) -> None:
        raise AssertionError("it was asked")

    assert ledger.open_intent(order(amount=Money(1, "usd")), refuse) == first
    assert backend.fingerprint() == before


def test_what_is_not_accepted_writes_nothing(backend: Backend, ledger: PostgresLedger) -> None:
    before = backend.fingerprint()
    seen: list[Standing] = []

    def refuse(standing: Standing) -> None:
        seen.append(standing)
        raise Refused("no")

    assert said(lambda: ledger.open_intent(order(), refuse))[:2] == (Refused, "no")
    assert backend.fingerprint() == before
    standing = ledger.read(5)
    assert standing is not None
    assert replace(seen[0], now=standing.now) == standing


def test_of_two_at_once_the_second_sees_the_intent_of_the_first(backend: Backend) -> None:
    """The first one holds the lock while it makes up its mind; the second one waits, and then sees what was committed."""
    is_locked, go_on = threading.Event(), threading.Event()
    seen: list[int] = []

    def first(_: Standing) -> None:
        is_locked.set()
        assert go_on.wait(10)

    def second(standing: Standing) -> None:
        seen.append(len(standing.intents))
        raise Busy("somebody was quicker")

    one = threading.Thread(target=lambda: open_ledger(backend).open_intent(order(), first))
    one.start()
    assert is_locked.wait(10)
    ends: list[tuple[Any, ...]] = []
    two = threading.Thread(target=lambda: ends.append(said(lambda: open_ledger(backend).open_intent(order(key="2"), second))))
    two.start()
    _wait_until_blocked(backend)
    go_on.set()
    one.join()
    two.join()
    assert seen == [1]
    assert ends[0][:2] == (Busy, "somebody was quicker")
    assert backend.rows("SELECT count(*) FROM payments_refund WHERE payment_id = 5") == [(1,)]


def _wait_until_blocked(backend: Backend) -> None:
    for _ in range(1000):
        if backend.rows("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'") == [(1,)]:
            return
        threading.Event().wait(0.005)
    raise AssertionError("nobody waits for the lock")


def test_a_lock_that_is_held_for_too_long_is_busy(backend: Backend, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ecloud_pay.adapters.postgres.engine.LOCK_TIMEOUT_S", 0.1)
    with backend.holding("SELECT 1 FROM payments_payment WHERE id = 5 FOR UPDATE"):
        assert said(lambda: begin(open_ledger(backend))) == (
            Busy,
            "another session holds this payment for longer than we wait",
            "Nothing was written.",
            "Repeat in a moment.",
        )
        assert begin(open_ledger(backend), payment_id=12, payment_intent="pi_12").refund_id == 1001  # another payment is free


class TestUnfinished:
    """What is open, and what lacks its last audit line."""

    def test_oldest_first_over_payments_and_nothing_that_has_ended(self, backend: Backend, ledger: PostgresLedger) -> None:
        first, second, third = begin(ledger), begin(ledger, key="2", payment_id=12), begin(ledger, key="3", payment_id=10)
        settled = ledger.settle(second, DECLINED)
        assert (ledger.unfinished().unsettled, ledger.unfinished().unaudited) == ([first, third], [settled])

    def test_however_old_what_is_open_is_open(self, backend: Backend, ledger: PostgresLedger) -> None:
        intent = begin(ledger)
        backend.run("UPDATE payments_refund SET created_at = '2020-01-01' WHERE id = 1001")
        assert ledger.unfinished().unsettled == [intent]

    @pytest.mark.parametrize(
        "change",
        [
            "DELETE FROM payments_refund WHERE id = 1001",
            "UPDATE payments_refund SET status = 'completed' WHERE id = 1001",
            "UPDATE payments_refund SET status = 'failed', processed_at = '2020-01-01' WHERE id = 1001",
            "UPDATE payments_transaction SET status = 'failed' WHERE id = 1001",
        ],
    )
    def test_whatever_the_backend_has_made_of_one_of_its_rows_what_is_open_is_open(
        self, backend: Backend, ledger: PostgresLedger, change: str
    ) -> None:
        intent = begin(ledger)
        for table in ("payments_refund", "payments_transaction"):
            backend.run(f"UPDATE {table} SET created_at = '2020-01-01' WHERE id = 1001")
        backend.run(change)
        assert ledger.unfinished().unsettled == [intent]

    def test_an_audit_line_is_missing_though_the_backend_has_deleted_the_row(self, backend: Backend, ledger: PostgresLedger) -> None:
        settled = ledger.settle(begin(ledger), DECLINED)
        backend.run("DELETE FROM payments_refund WHERE id = 1001")
        assert ledger.unfinished().unaudited == [settled]

    @pytest.mark.parametrize(("days", "is_told"), [(44, True), (46, False)])
    def test_audit_lines_are_looked_for_in_the_last_45_days(
        self, backend: Backend, ledger: PostgresLedger, days: int, is_told: bool
    ) -> None:
        settled = ledger.settle(begin(ledger), DECLINED)
        for table, ended_at in (("payments_refund", "processed_at"), ("payments_transaction", "completed_at")):
            backend.rows_changed(f"UPDATE {table} SET created_at = now() - %s, {ended_at} = now() - %s", *[timedelta(days=days)] * 2)
        assert ledger.unfinished().unaudited == ([settled] if is_told else [])

    def test_pending_rows_that_are_no_open_intents_of_ours(self, backend: Backend, ledger: PostgresLedger) -> None:
        begin(ledger)
        ledger.settle(begin(ledger, key="2", payment_id=12), accepted(status="pending"))
        found = [(each.payment.id, each.refund.id, each.refund.stripe_refund_id) for each in ledger.pending()]
        assert found == [(11, 2, None), (12, 1002, "re_1")]


class TestAudited:
    """The last audit line is written once."""

    def test_once(self, backend: Backend, ledger: PostgresLedger) -> None:
        settled = ledger.settle(begin(ledger), accepted())
        told: list[Intent] = []
        for _ in range(2):
            ledger.record_audited(settled, told.append)
        assert told == [settled]
        assert ledger.unfinished().unaudited == []

    def test_not_before_its_end(self, backend: Backend, ledger: PostgresLedger) -> None:
        before = begin(ledger), backend.fingerprint()
        ledger.record_audited(before[0], lambda _: pytest.fail("it was written"))
        assert backend.fingerprint() == before[1]

    def test_a_line_that_failed_is_still_missing(self, backend: Backend, ledger: PostgresLedger) -> None:
        settled = ledger.settle(begin(ledger), accepted())

        def fail(_: Intent) -> None:
            raise Refused("the disk is full")

        with pytest.raises(Refused):
            ledger.record_audited(settled, fail)
        assert ledger.unfinished().unaudited == [settled]

    def test_an_ending_that_is_overruled_is_told_anew(self, backend: Backend, ledger: PostgresLedger) -> None:
        intent = begin(ledger)
        told: list[Intent] = []
        for settlement in (ABANDONED, accepted()):
            ledger.record_audited(ledger.settle(intent, settlement), told.append)
        assert [each.settlement.ending for each in told if each.settlement] == [Ending.ABANDONED, Ending.ACCEPTED]


def test_a_payment_that_is_gone(backend: Backend, ledger: PostgresLedger) -> None:
    assert ledger.read(999) is None
    assert said(lambda: begin(ledger, payment_id=999)) == (NotFound, "there is no payment #999 any more", "Nothing was written.", "")


def test_candidates_are_the_newest_twenty(backend: Backend, ledger: PostgresLedger) -> None:
    job = Reference(ReferenceKind.JOB, 14)
    assert [payment.id for payment in ledger.candidates(job)] == [5]
    backend.run(
        """INSERT INTO payments_payment
        SELECT (jsonb_populate_record(p, jsonb_build_object('id', n, 'stripe_payment_intent_id', 'pi_' || n))).*
        FROM payments_payment p, generate_series(100, 130) n WHERE p.id = 5"""
    )
    assert [payment.id for payment in ledger.candidates(job)] == list(range(130, 130 - MOST_CANDIDATES, -1))
    assert ledger.candidates(Reference(ReferenceKind.PAYMENT, 999)) == []


def host_of(backend: Backend) -> str:
    with psycopg.connect(backend.conninfo) as connection:
        return f"{connection.info.host}/{connection.info.dbname}"


class TestPlace:
    """Which database this is, and what a refund could not do there."""

    def test_a_superuser_may_everything(self, backend: Backend, ledger: PostgresLedger) -> None:
        assert ledger.place() == Place(host_of(backend), takes_writes=True)

    def test_by_the_address_that_was_asked_for(self, backend: Backend) -> None:
        with Wire(backend.conninfo) as wire:
            place = open_ledger(backend.with_(**wire.address)).place()
        assert place == Place(f"127.0.0.1/{host_of(backend).rpartition('/')[2]}", takes_writes=True)

    def test_a_read_only_login(self, backend: Backend) -> None:
        with role(
            backend, "GRANT ALL ON ALL TABLES IN SCHEMA public TO {role}; ALTER ROLE {role} SET default_transaction_read_only = on"
        ) as one:
            place = open_ledger(one).place()
            assert (place.takes_writes, place.lacks) == (False, ())
            assert said(lambda: begin(open_ledger(one))) == (
                NotConfigured,
                "the database takes no writes: it is a replica, or the login is a read-only one",
                "Nothing was written and nothing was sent.",
                "Set DATABASE_URL to the primary, with a login that may write.",
            )

    @pytest.mark.parametrize(
        ("grants", "lacks"),
        [
            (
                "",
                (
                    "UPDATE on payments_payment",
                    "INSERT on payments_refund",
                    "UPDATE on payments_refund",
                    "INSERT on payments_transaction",
                    "UPDATE on payments_transaction",
                ),
            ),
            ("GRANT UPDATE ON payments_payment TO {role}; GRANT INSERT, UPDATE ON payments_refund, payments_transaction TO {role};", ()),
            (
                "GRANT UPDATE (refund_amount, refund_reason, refunded_at) ON payments_payment TO {role};"
                "GRANT INSERT, UPDATE ON payments_refund TO {role}; GRANT INSERT ON payments_transaction TO {role};"
                "GRANT UPDATE (status, stripe_transaction_id, completed_at, metadata) ON payments_transaction TO {role};",
                (),
            ),
            (
                "GRANT UPDATE (refund_amount, refund_reason) ON payments_payment TO {role};"
                "GRANT INSERT, UPDATE ON payments_refund, payments_transaction TO {role};",
                ("UPDATE on payments_payment",),
            ),
        ],
    )
    def test_privileges(self, backend: Backend, grants: str, lacks: tuple[str, ...]) -> None:
        with role(backend, "GRANT SELECT ON ALL TABLES IN SCHEMA public TO {role};" + grants) as one:
            assert open_ledger(one).place() == Place(host_of(backend), takes_writes=True, lacks=lacks)


@contextmanager
def role(backend: Backend, grants: str) -> Iterator[Backend]:
    """The same database through a login of its own."""
    name = f"ecp_clerk_{backend.shape}"
    backend.run(f"CREATE ROLE {name} LOGIN; " + grants.format(role=name))
    try:
        yield backend.with_(user=name)
    finally:
        backend.run(f"DROP OWNED BY {name}; DROP ROLE {name}")


READS = "GRANT SELECT ON ALL TABLES IN SCHEMA public TO {role}; GRANT UPDATE ON payments_payment TO {role};"


@pytest.mark.parametrize(
    ("grants", "table"),
    [
        ("", "table payments_refund"),
        (
            "GRANT INSERT ON payments_refund TO {role}; GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO {role}",
            "table payments_transaction",
        ),
    ],
)
def test_a_login_that_may_not_insert_writes_nothing(backend: Backend, grants: str, table: str) -> None:
    before = backend.fingerprint()
    with role(backend, READS + grants) as one:
        assert said(lambda: begin(open_ledger(one))) == (
            NotConfigured,
            f"the database login may not write that: permission denied for {table}",
            "Nothing was written and nothing was sent.",
            "Have the backend's owner GRANT it what a refund needs; `ecloud-pay doctor` prints the lines.",
        )
    assert backend.fingerprint() == before


@pytest.mark.parametrize("table", ["payments_refund", "payments_transaction"])
def test_a_column_that_demands_a_value_of_us_is_named_and_nothing_is_half_written(own_backend: Backend, table: str) -> None:
    own_backend.run(
        f"ALTER TABLE {table} ADD COLUMN branch text NOT NULL DEFAULT 'x'; ALTER TABLE {table} ALTER COLUMN branch DROP DEFAULT"
    )
    before = own_backend.fingerprint()
    kind, what, _, _ = said(lambda: begin(open_ledger(own_backend)))
    assert (kind, what) == (
        NotConfigured,
        f'the database refused a statement (23502): null value in column "branch" of relation "{table}" violates not-null constraint',
    )
    assert own_backend.fingerprint() == before


class TestOperator:
    """On whose behalf."""

    WHERE = "Nothing was sent.", "Name an active staff user of the backend with --as or ECLOUD_PAY_OPERATOR."

    @pytest.fixture(autouse=True)
    def users(self, backend: Backend) -> Iterator[None]:
        backend.run("CREATE TABLE users_before AS TABLE auth_user")
        yield
        backend.run(
            "DELETE FROM auth_user WHERE id > 100; UPDATE auth_user u SET is_staff = b.is_staff, is_active = b.is_active"
            " FROM users_before b WHERE b.id = u.id; DROP TABLE users_before"
        )

    def add(self, backend: Backend, id: int, email: str, is_staff: bool, is_active: bool) -> None:
        backend.rows_changed(
            """INSERT INTO auth_user (id, password, is_superuser, username, first_name, last_name, email, is_staff, is_active, date_joined)
            VALUES (%s, '', false, %s, '', '', %s, %s, %s, now())""",
            id,
            f"user{id}",
            email,
            is_staff,
            is_active,
        )

    @pytest.mark.parametrize("email", ["ops@demo", "OPS@Demo"])
    def test_an_active_staff_user_however_it_is_written(self, ledger: PostgresLedger, email: str) -> None:
        assert ledger.operator(email) == OPS

    @pytest.mark.parametrize(
        ("email", "problem"), [("nobody@demo", "no user has"), ("client1@test.com", "no active staff user has"), ("", "no user has")]
    )
    def test_nobody(self, ledger: PostgresLedger, email: str, problem: str) -> None:
        assert said(lambda: ledger.operator(email)) == (Refused, f"{problem} the e-mail that names the operator", *self.WHERE)

    @pytest.mark.parametrize(("is_staff", "is_active"), [(True, False), (False, True), (False, False)])
    def test_not_both_active_and_staff(self, backend: Backend, ledger: PostgresLedger, is_staff: bool, is_active: bool) -> None:
        self.add(backend, 101, "zoe@demo", is_staff, is_active)
        assert said(lambda: ledger.operator("zoe@demo"))[:2] == (Refused, "no active staff user has the e-mail that names the operator")

    def test_among_several_of_that_e_mail_the_one_that_is_staff(self, backend: Backend, ledger: PostgresLedger) -> None:
        self.add(backend, 101, "zoe@demo", True, False)
        self.add(backend, 102, "Zoe@demo", False, True)
        self.add(backend, 103, "ZOE@demo", True, True)
        assert ledger.operator("zoe@demo") == Actor(103, "ZOE@demo")

    def test_two_staff_users_of_that_e_mail(self, backend: Backend, ledger: PostgresLedger) -> None:
        self.add(backend, 101, "OPS@demo", True, True)
        assert said(lambda: ledger.operator("ops@demo")) == (
            Refused,
            "2 active staff users share the e-mail that names the operator",
            *self.WHERE,
        )


@pytest.mark.parametrize("column", ["is_staff", "is_active"])
def test_a_user_table_that_cannot_tell_who_is_staff(own_backend: Backend, column: str) -> None:
    own_backend.run(f"ALTER TABLE auth_user RENAME TO member; ALTER TABLE member DROP COLUMN {column}")
    ledger = open_ledger(own_backend, names=Names(user="member"))
    assert said(lambda: ledger.operator("ops@demo")) == (
        Refused,
        "the user table member has no is_active and is_staff, so nobody can be known to be staff",
        "Nothing was sent.",
        "Refund in the Dashboard, or have the backend's owner provide these columns.",
    )


def test_a_custom_user_table_that_can_tell(own_backend: Backend) -> None:
    own_backend.run("ALTER TABLE auth_user RENAME TO member; ALTER TABLE member DROP COLUMN username")
    assert open_ledger(own_backend, names=Names(user="member")).operator("ops@demo") == OPS


def test_one_intent_that_somebody_has_made_unreadable_is_said_with_its_row(backend: Backend, ledger: PostgresLedger) -> None:
    intent = begin(ledger)
    damage(backend, 1001, attempts="many")
    expected = (
        NotConfigured,
        "the refund recorded in transaction #1001 cannot be read: somebody has changed its metadata",
        "Nothing was sent.",
        "Have the backend's owner restore metadata.ecloud_pay of payments_transaction 1001.",
    )
    before = backend.fingerprint()
    calls: list[Callable[[], Any]] = [
        lambda: ledger.read(5),
        lambda: begin(ledger, key="2"),
        lambda: ledger.mark_sent(intent, "line"),
        lambda: ledger.settle(intent, accepted()),
    ]
    for call in calls:
        assert said(call) == expected
    assert backend.fingerprint() == before
    assert 1001 not in [row.refund.id for row in ledger.pending()]  # it may be ours


def test_an_unreadable_intent_does_not_hide_the_others(backend: Backend, ledger: PostgresLedger) -> None:
    begin(ledger)
    other = begin(ledger, key="other", payment_id=11, payment_intent="pi_11")
    damage(backend, 1001, attempts="many")
    found = ledger.unfinished()
    assert (found.unsettled, found.unaudited) == ([other], [])
    assert [error.what for error in found.damaged] == [
        "the refund recorded in transaction #1001 cannot be read: somebody has changed its metadata"
    ]
    assert found.of(11) == found
    assert found.of(5).unsettled == []
