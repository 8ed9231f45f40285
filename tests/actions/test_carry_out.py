"""A refund from preview to the last audit line, and what remains where one of its parts gives way on the way."""

import threading
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from ecloud_pay.actions.refund import carry_out, earlier, told, trouble
from ecloud_pay.adapters.audit.log import AuditLog
from ecloud_pay.domain.errors import Busy, CannotWrite, EcloudPayError, OutcomeUnknown, Refused, Unavailable
from ecloud_pay.domain.refund import Actor, Ending, Intent, RefundReason, Settlement
from support.office import FIVE
from support.refunding import KEY, FullDisk, Till, sentences

UNTOUCHED = {"refunds": [], "transactions": [], "booked": Decimal("0.00"), "payment": "succeeded"}


def now_ish(instant: datetime) -> bool:
    return abs(instant - datetime.now(UTC)) < timedelta(seconds=60)


def test_every_row_of_a_refund_is_written_whole(till: Till) -> None:
    before = till.row("payments_payment", 5)
    settled = till.refund(reason=RefundReason.DUPLICATE, note="booked twice", request_id="r-1")
    [refund] = till.stripe.refunds(FIVE)
    at = datetime.fromtimestamp(refund["created"], UTC)
    posted = till.posts()[0]

    made = till.row("payments_refund", 1001)
    assert made.pop("created_at") == settled.created_at
    assert made == {
        "id": 1001,
        "payment_id": 5,
        "amount": Decimal("25.00"),
        "reason": "duplicate: booked twice",
        "status": "completed",
        "stripe_refund_id": refund["id"],
        "requested_by_id": 1,
        "processed_at": at,
    }
    transaction = till.row("payments_transaction", 1001)
    assert transaction.pop("created_at") == settled.created_at
    intent = transaction.pop("metadata")["ecloud_pay"]
    assert transaction == {
        "id": 1001,
        "payment_id": 5,
        "transaction_type": "refund",
        "amount": Decimal("25.00"),
        "status": "completed",
        "stripe_transaction_id": refund["id"],
        "completed_at": at,
    }
    for name in ("created_at", "first_sent_at", "last_sent_at", "settled_at"):
        assert now_ish(datetime.fromisoformat(intent.pop(name)))
    assert intent == {
        "version": 1,
        "key": KEY,
        "payment_id": 5,
        "refund_id": 1001,
        "payment_intent": FIVE,
        "amount_minor": 25_00,
        "currency": "usd",
        "reason": "duplicate",
        "note": "booked twice",
        "actor": {"id": 1, "email": "ops@demo"},
        "mode": "test",
        "account": till.stripe.account,
        "reverse_transfer": None,
        "refund_application_fee": None,
        "request_id": "r-1",
        "batch": None,
        "line": None,
        "request_row": None,
        "attempts": 1,
        "requested_line": till.lines()[1]["prev_hash"],
        "ending": "accepted",
        "state": "completed",
        "stripe_refund": refund["id"],
        "words": None,
        "adopted": False,
        "replayed": False,
        "stripe_request": posted.request_id,
        "audited": True,
    }
    assert till.row("payments_payment", 5) == {
        **before,
        "refund_amount": Decimal("25.00"),
        "refund_reason": "duplicate: booked twice",
        "refunded_at": at,
    }
    assert refund["metadata"] == {"ecloud_pay_key": KEY, "ecloud_pay_payment": "5", "ecloud_pay_refund": "1001"}
    assert refund["reason"] == "duplicate"


def test_every_audit_line_of_a_refund(till: Till) -> None:
    till.refund(reason=RefundReason.DUPLICATE, note="booked twice", request_id="r-1")
    [refund] = till.stripe.refunds(FIVE)
    common = {
        "timestamp": "2025-01-27T12:00:00.000005Z",
        "payment_id": 5,
        "job_id": 14,
        "client_id": 24,
        "cleaner_id": 26,
        "amount": "100.00",
        "currency": "usd",
        "status": "succeeded",
        "stripe_payment_intent_id": FIVE,
        "stripe_charge_id": "ch_3SMUfcQ1SldwUSm92tASE3le",
        "triggered_by": "ops@demo",
        "host": "till",
        "request_id": "r-1",
    }
    own = {"refund_id": 1001, "refund_amount": "25.00", "key": KEY}
    asked = {"reason": "duplicate", "note": "booked twice", "mode": "test", "account": till.stripe.account}
    nothing = dict.fromkeys(("reverse_transfer", "refund_application_fee", "request_row", "batch", "line"))
    how = {"ending": "accepted", "refund_status": "completed", "stripe_refund_id": refund["id"], "words": None}
    lines = till.lines()
    for line in lines:
        del line["version"], line["prev_hash"]
    assert lines == [
        {**common, "event_type": "refund_requested", "details": {**own, **asked, **nothing}},
        {**common, "event_type": "refund_sent", "details": {**own, "attempt": 1}},
        {
            **common,
            "event_type": "refunded",
            "details": {**own, **how, "replayed": False, "stripe_request_id": till.posts()[0].request_id},
        },
    ]


def test_the_whole_remainder_of_a_yen_payment(till: Till) -> None:
    assert trouble(till.refund(10, None)) is None
    assert [(refund["amount"], refund["currency"]) for refund in till.stripe.refunds("pi_10")] == [(12_000, "jpy")]
    assert till.books(10)["booked"] == Decimal("12000.00")
    assert till.lines()[-1]["details"]["refund_amount"] == "12000.00"


def test_a_second_part_adds_to_what_came_back(till: Till) -> None:
    till.refund(amount="25.00")
    till.refund(amount="30.00", key="second")
    assert till.books()["booked"] == Decimal("55.00")
    till.refund(amount=None, key="third")
    assert till.books()["booked"] == Decimal("100.00")
    assert [refund["amount"] for refund in till.stripe.refunds(FIVE)] == [25_00, 30_00, 45_00]


def test_an_audit_file_that_takes_no_line_stops_it_before_anything_is_recorded(till: Till, tmp_path: Path) -> None:
    found = till.preview()
    blocked = tmp_path / "blocked"
    blocked.mkdir()
    with pytest.raises(CannotWrite) as raised:
        carry_out(found, replace(till.sender, audit=AuditLog(blocked)))
    assert sentences(raised.value) == (
        f"the audit file {blocked} is a folder",
        "No line was written.",
        "Name another file in ECLOUD_PAY_AUDIT_LOG.",
    )
    assert (till.books(), till.posts(), till.events()) == (UNTOUCHED, [], [])


@pytest.mark.parametrize(("event_type", "lines"), [("refund_requested", []), ("refund_sent", ["refund_requested"])])
def test_without_its_audit_line_no_attempt_is_made(till: Till, event_type: str, lines: list[str]) -> None:
    sender = replace(till.sender, audit=FullDisk(till.audit, event_type))
    settled = carry_out(till.preview(), sender)
    error = trouble(settled)
    assert error is not None
    assert (type(error), *sentences(error)) == (
        Unavailable,
        "the refund of 25.00 USD of payment #5 was not sent: the disk is full",
        "No money moved, and that is recorded.",
        "It is safe to repeat.",
    )
    assert till.posts() == []
    assert till.books() == {**UNTOUCHED, "refunds": [("failed", "")], "transactions": [("failed", "")]}
    assert till.events() == [*lines, "refund_failed"]


def test_an_audit_line_that_is_missing_in_the_end_is_written_by_resume_and_marked_late(till: Till) -> None:
    with pytest.raises(CannotWrite) as raised:
        carry_out(till.preview(), replace(till.sender, audit=FullDisk(till.audit, "refunded")))
    [refund] = till.stripe.refunds(FIVE)
    assert sentences(raised.value) == (
        "the audit line could not be written: the disk is full",
        f"The refund {refund['id']} of 25.00 USD was made. That is recorded in the database.",
        "When the file can be written again: ecloud-pay refund --resume",
    )
    assert till.books()["booked"] == Decimal("25.00")
    assert till.intent()["audited"] is False
    assert till.resume(11) == []  # of another payment
    assert till.events() == ["refund_requested", "refund_sent"]
    assert till.resume() == []
    assert till.events() == ["refund_requested", "refund_sent", "refunded"]
    assert till.lines()[-1]["details"]["late"] is True
    assert till.intent()["audited"] is True
    assert till.resume() == []
    assert len(till.events()) == 3
    assert len(till.posts()) == 1


class Gone:
    """The ledger, whose database goes away before one of its calls."""

    def __init__(self, till: Till, *calls: str) -> None:
        self._ledger = till.ledger
        self._calls = calls

    def __getattr__(self, name: str) -> Any:
        if name in self._calls:
            return self._refuse
        return getattr(self._ledger, name)

    def _refuse(self, *_: Any) -> Any:
        raise Unavailable("the database cannot be reached", now="Nothing was changed.")


def test_a_database_that_is_gone_before_the_attempt_is_recorded_lets_nothing_be_sent(till: Till) -> None:
    sender = replace(till.sender, ledger=Gone(till, "mark_sent"))
    with pytest.raises(OutcomeUnknown) as raised:
        carry_out(till.preview(), sender)
    assert sentences(raised.value) == (
        "the outcome of the refund of 25.00 USD of payment #5 is unknown: the database cannot be reached",
        "It is recorded as unsettled; this run sent nothing.",
        "Do not repeat it. To settle it: ecloud-pay refund --resume 5",
    )
    assert till.posts() == []
    [resumed] = till.resume()
    assert (resumed.intent.is_settled, resumed.error) == (True, None)
    assert len(till.posts()) == 1


def test_a_database_that_is_gone_after_the_200_is_said_loudly_with_stripes_id(till: Till) -> None:
    sender = replace(till.sender, ledger=Gone(till, "settle"))
    with pytest.raises(OutcomeUnknown) as raised:
        carry_out(till.preview(), sender)
    [refund] = till.stripe.refunds(FIVE)
    assert sentences(raised.value) == (
        f"Stripe has the refund {refund['id']} of 25.00 USD of payment #5, and the database could not be told:"
        " the database cannot be reached",
        "Money has moved.",
        "Do not repeat it. When the database is back: ecloud-pay refund --resume 5",
    )
    assert till.events() == ["refund_requested", "refund_sent"]
    [resumed] = till.resume()
    assert resumed.words == f"The refund {refund['id']} of 25.00 USD was made."
    assert till.books()["refunds"] == [("completed", refund["id"])]
    assert (len(till.posts()), till.events()[2:]) == (1, ["refund_adopted"])


def test_a_refusal_that_could_not_be_recorded_stays_open(till: Till) -> None:
    till.stripe.faults("decline", message="No.")
    sender = replace(till.sender, ledger=Gone(till, "settle"))
    with pytest.raises(OutcomeUnknown) as raised:
        carry_out(till.preview(), sender)
    assert sentences(raised.value) == (
        "the refund of 25.00 USD of payment #5 ended, and the database could not be told: the database cannot be reached",
        "It stays recorded as unsettled.",
        "Do not repeat it. When the database is back: ecloud-pay refund --resume 5",
    )


def test_a_database_that_is_gone_behind_the_settlement_costs_no_audit_line(till: Till) -> None:
    sender = replace(till.sender, ledger=Gone(till, "record_audited"))
    assert trouble(carry_out(till.preview(), sender)) is None
    assert till.events() == ["refund_requested", "refund_sent", "refunded"]
    assert till.intent()["audited"] is False


def test_of_two_operators_exactly_one_sends_and_the_other_is_told_who_and_when(till: Till, tmp_path: Path) -> None:
    started, go_on = threading.Event(), threading.Event()

    class Slow:
        def __getattr__(self, name: str) -> Any:
            return getattr(till.gateway, name)

        def send(self, intent: Intent) -> Any:
            started.set()
            go_on.wait(10)
            return till.gateway.send(intent)

    first = till.preview()
    second = till.preview(key="second", amount="30.00", actor=Actor(1, "zoe@demo"))
    sender = replace(till.sender, gateway=Slow())
    thread = threading.Thread(target=carry_out, args=(first, sender))
    thread.start()
    try:
        assert started.wait(10)
        with pytest.raises(Busy) as raised:
            carry_out(second, till.sender)
        [(created,)] = till.backend.rows("SELECT metadata #>> '{ecloud_pay,created_at}' FROM payments_transaction WHERE id = 1001")
    finally:
        go_on.set()
        thread.join()
    when = datetime.fromisoformat(created).strftime("%Y-%m-%d %H:%M:%S")
    assert sentences(raised.value) == (
        f"payment #5 has an unsettled refund of 25.00 USD, begun by ops@demo at {when} UTC",
        "Nothing was sent. That one may have been sent to Stripe.",
        "If nobody is at it just now: ecloud-pay refund --resume 5",
    )
    assert [seen.idempotency_key for seen in till.posts()] == [KEY]
    assert till.books()["booked"] == Decimal("25.00")


def test_sixteen_at_once_send_one_post(till: Till, tmp_path: Path) -> None:
    shown = till.preview()
    found = [replace(shown, order=replace(shown.order, key=f"key-{number}")) for number in range(16)]
    errors: list[EcloudPayError | None] = []

    def operator(number: int) -> None:
        try:
            carry_out(found[number], till.sender)
            errors.append(None)
        except EcloudPayError as error:
            errors.append(error)

    threads = [threading.Thread(target=operator, args=(number,)) for number in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors.count(None) == 1
    assert {type(error) for error in errors if error is not None} == {Busy}
    assert len(till.posts()) == 1
    assert till.books()["booked"] == Decimal("25.00")


def test_a_refund_that_somebody_clicked_since_the_preview_is_seen_by_stripe_or_by_us(till: Till) -> None:
    """Over the remainder, Stripe refuses; the list has none of ours, so that is the end."""
    found = till.preview(amount="60.00")
    till.stripe.dashboard_refund(FIVE, 50_00)
    settled = carry_out(found, till.sender)
    error = trouble(settled)
    assert isinstance(error, Refused)
    assert error.what == (
        "Stripe refused the refund of 60.00 USD of payment #5: Refund amount ($60.00) is greater than unrefunded amount on charge ($50.00)"
    )
    assert till.books()["refunds"] == [("failed", "")]


def test_a_row_that_appeared_since_the_preview_stops_it(till: Till) -> None:
    found = till.preview()
    till.backend.run("UPDATE payments_payment SET refund_amount = 10 WHERE id = 5")
    with pytest.raises(Busy) as raised:
        carry_out(found, till.sender)
    assert sentences(raised.value) == (
        "payment #5 was changed by somebody else since it was shown",
        "Nothing was sent.",
        "Look at it again, and repeat what is still wanted.",
    )
    assert (till.books()["refunds"], till.posts(), till.events()) == ([], [], [])


def test_a_payment_that_ceased_to_be_succeeded_since_the_preview_stops_it(till: Till) -> None:
    found = till.preview()
    till.backend.run("UPDATE payments_payment SET status = 'failed' WHERE id = 5")
    with pytest.raises(Refused, match=r"^payment #5 is failed: only a succeeded payment can be refunded$"):
        carry_out(found, till.sender)
    assert till.books()["refunds"] == []


class TestRequestIds:
    """Repeating the same line returns the first outcome."""

    def asked(self, till: Till, **changes: Any) -> Intent | None:
        return earlier(till.ledger, 5, till.wish(**{"key": "second", "request_id": "r-1", **changes}))

    def test_none_before(self, till: Till) -> None:
        till.refund(request_id="another")
        assert self.asked(till) is None
        assert earlier(till.ledger, 5, till.wish(request_id=None)) is None
        assert earlier(till.ledger, 999, till.wish(request_id="r-1")) is None

    @pytest.mark.parametrize("amount", ["25.00", "25", None])
    def test_the_first_outcome(self, till: Till, amount: str | None) -> None:
        first = till.refund(request_id="r-1")
        assert self.asked(till, amount=amount) == replace(first, is_audited=True)

    def test_a_refusal_is_an_outcome_too(self, till: Till) -> None:
        till.stripe.faults("decline", message="No.")
        first = till.refund(request_id="r-1")
        again = self.asked(till)
        assert again == replace(first, is_audited=True)
        assert again is not None
        assert isinstance(trouble(again), Refused)

    @pytest.mark.parametrize("changes", [{"amount": "26.00"}, {"reason": RefundReason.DUPLICATE}, {"request_row": 2}])
    def test_another_refund_under_the_same_id_is_refused(self, till: Till, changes: dict[str, Any]) -> None:
        till.refund(request_id="r-1")
        with pytest.raises(Refused) as raised:
            self.asked(till, **changes)
        assert sentences(raised.value) == (
            "--request-id r-1 was used for another refund of payment #5: 25.00 USD",
            "Nothing was sent.",
            "Use a new id for a new refund.",
        )

    def test_what_was_not_sent_has_not_been_tried(self, till: Till) -> None:
        till.stripe.faults("401")
        till.refund(request_id="r-1")
        assert self.asked(till) is None
        till.refund(key="second", request_id="r-1")
        found = self.asked(till)
        assert found is not None
        assert found.order.key == "second"

    @pytest.mark.parametrize("was_sent", [False, True])
    def test_an_unsettled_one_is_unknown(self, till: Till, was_sent: bool) -> None:
        intent = till.begin(request_id="r-1")
        if was_sent:
            till.ledger.mark_sent(intent, "line")
        with pytest.raises(OutcomeUnknown) as raised:
            self.asked(till)
        assert sentences(raised.value) == (
            "the outcome of the refund of 25.00 USD of payment #5 is unknown: nobody knows yet how it ended",
            f"It is recorded as unsettled; {'money may have moved' if was_sent else 'this run sent nothing'}.",
            "Do not repeat it. To settle it: ecloud-pay refund --resume 5",
        )


def test_a_request_of_the_backend_is_carried_out_on_its_own_row(till: Till) -> None:
    till.refund(11, "10.00", request_row=2)
    [_, refund] = till.stripe.refunds("pi_11")
    row = till.row("payments_refund", 2)
    assert (row["status"], row["stripe_refund_id"], row["amount"], row["requested_by_id"]) == (
        "completed",
        refund["id"],
        Decimal("10.00"),
        None,
    )
    assert till.books(11) == {
        "refunds": [],
        "transactions": [("completed", refund["id"])],
        "booked": Decimal("35.00"),
        "payment": "succeeded",
    }


def test_a_request_that_was_closed_since_the_preview_stops_it(till: Till) -> None:
    found = till.preview(11, "10.00", request_row=2)
    till.backend.run("UPDATE payments_refund SET status = 'failed' WHERE id = 2")
    with pytest.raises(Busy, match=r"^refund row #2 is no open request of that amount any more$"):
        carry_out(found, till.sender)
    assert till.posts() == []


@pytest.mark.parametrize(
    ("settlement", "words"),
    [
        (Settlement(Ending.DECLINED, words="no."), "The refund of 25.00 USD was refused by Stripe: no."),
        (Settlement(Ending.DECLINED), "The refund of 25.00 USD was refused by Stripe: no reason was given."),
        (Settlement(Ending.NOT_SENT, words="no line"), "The refund of 25.00 USD was not sent: no line."),
        (Settlement(Ending.ABANDONED, words="given up"), "The refund of 25.00 USD was abandoned: given up."),
    ],
)
def test_each_bad_ending_in_words(till: Till, settlement: Settlement, words: str) -> None:
    assert told(till.ledger.settle(till.begin(), settlement)) == words
