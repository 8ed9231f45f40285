"""What a later run makes of what an earlier one left behind, and what it leaves to a person."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from ecloud_pay.actions.events import requested
from ecloud_pay.actions.refund import carry_out, trouble
from ecloud_pay.actions.resume import abandon, adopt, resume, send_anyway, unsettled_of, would
from ecloud_pay.domain.errors import Busy, CannotWrite, EcloudPayError, NotFound, OutcomeUnknown, Refused, Unavailable
from ecloud_pay.domain.refund import Ending, Intent, Settlement
from support.office import FIVE
from support.refunding import KEY, FullDisk, Till, backdate, damage, sentences

HOUR = timedelta(hours=1)
NEARLY_23H = 23 * HOUR - timedelta(seconds=30)


def killed(till: Till, *faults: str) -> Intent:
    """An intent whose run was killed at the line where it would settle; the faults are Stripe's."""
    till.stripe.faults(*faults)
    intent = till.begin()
    line = till.audit.append(_requested(intent, till))
    marked = till.ledger.mark_sent(intent, line)
    assert marked is not None
    till.gateway.send(marked)
    assert till.stripe.unfired() == []
    return till.ledger.unfinished().unsettled[0]


def _requested(intent: Intent, till: Till) -> Any:
    standing = till.ledger.read(5)
    assert standing is not None
    return requested(intent, standing.file.payment)


def said(act: Callable[[], Any]) -> tuple[Any, ...]:
    with pytest.raises(EcloudPayError) as raised:
        act()
    return (type(raised.value), *sentences(raised.value))


def books(till: Till, status: str, refund: str = "", booked: str = "0.00") -> None:
    row = (status, refund)
    assert till.books() == {"refunds": [row], "transactions": [row], "booked": Decimal(booked), "payment": "succeeded"}


def test_nothing_open_is_nothing_to_do(till: Till) -> None:
    assert till.resume() == []
    assert (till.stripe.journal(), till.events()) == ([], [])


def test_requests_of_the_backend_and_rows_with_a_stripe_id_are_never_touched(till: Till) -> None:
    till.backend.run(
        "INSERT INTO payments_refund (payment_id, amount, status, stripe_refund_id, created_at) VALUES (5, 7, 'pending', 're_x', now())"
    )
    before = till.backend.fingerprint()
    assert till.resume() == []
    assert till.backend.fingerprint() == before
    assert till.stripe.journal() == []


def test_killed_behind_the_intent_it_is_sent(till: Till) -> None:
    till.begin()
    [resumed] = till.resume()
    [refund] = till.stripe.refunds(FIVE)
    assert resumed.words == f"The refund {refund['id']} of 25.00 USD was made."
    assert (resumed.error, refund["amount"], refund["metadata"]["ecloud_pay_key"]) == (None, 25_00, KEY)
    books(till, "completed", refund["id"], "25.00")
    assert till.events() == ["refund_requested", "refund_sent", "refunded"]
    assert till.resume() == []


@pytest.mark.parametrize("fault", ["pending", "reset_after", "500_acted", "truncate"])
def test_killed_behind_the_answer_what_stripe_has_is_adopted(till: Till, fault: str) -> None:
    intent = killed(till, fault)
    [refund] = till.stripe.refunds(FIVE)
    assert would(intent, till.sender, till.account) == f"record {refund['id']}, which Stripe has"
    [resumed] = till.resume()
    assert resumed.error is None
    assert resumed.intent.settlement is not None
    assert (resumed.intent.settlement.ending, resumed.intent.settlement.is_adopted) == (Ending.ACCEPTED, True)
    is_pending = fault == "pending"
    books(till, "pending" if is_pending else "completed", refund["id"], "0.00" if is_pending else "25.00")
    assert till.events() == ["refund_requested", "refund_adopted"]
    assert len(till.posts()) == 1
    assert till.resume() == []


def test_killed_before_stripe_acted_it_is_sent_again_with_the_same_bytes(till: Till) -> None:
    intent = killed(till, "reset_before")
    assert would(intent, till.sender, till.account) == "send it, under the same key"
    [resumed] = till.resume()
    assert resumed.error is None
    first, second = till.posts()
    assert (first.idempotency_key, first.body) == (second.idempotency_key, second.body)
    assert second.idempotency_key == KEY
    [refund] = till.stripe.refunds(FIVE)
    books(till, "completed", refund["id"], "25.00")
    # The line of the first run is the one that its attempts go on hanging on.
    assert till.events() == ["refund_requested", "refund_sent", "refunded"]
    assert till.intent()["requested_line"] == till.lines()[1]["prev_hash"]
    assert till.intent()["attempts"] == 2


def test_a_500_that_did_not_act_stays_pending_and_is_never_called_a_failure(till: Till) -> None:
    killed(till, "500_not_acted")
    for _ in range(2):  # the stored 500 is replayed for as long as Stripe knows the key
        [resumed] = till.resume()
        assert isinstance(resumed.error, OutcomeUnknown)
    books(till, "pending")
    assert till.stripe.refunds(FIVE) == []


def test_a_refusal_at_resume_is_an_end(till: Till) -> None:
    killed(till, "reset_before")
    till.stripe.dashboard_refund(FIVE, 90_00)
    [resumed] = till.resume()
    assert resumed.intent.settlement is not None
    assert resumed.intent.settlement.ending is Ending.DECLINED
    assert isinstance(resumed.error, Refused)
    books(till, "failed")


def rival(till: Till, amount: int = 25_00, **fields: Any) -> str:
    return str(till.stripe.dashboard_refund(FIVE, amount, **fields)["id"])


def test_a_refund_clicked_meanwhile_forbids_to_send(till: Till) -> None:
    intent = killed(till, "reset_before")
    first, second = rival(till), rival(till)
    made = {refund["id"]: datetime.fromtimestamp(refund["created"], UTC) for refund in till.stripe.refunds(FIVE)}
    listed = ", ".join(f"{id} (25.00 USD, {made[id]:%Y-%m-%d %H:%M:%S} UTC)" for id in (second, first))
    what = f"the refund of 25.00 USD of payment #5 is not at Stripe; one of the same amount made elsewhere is: {listed}"
    [resumed] = till.resume()
    assert resumed.error is not None
    assert (type(resumed.error), *sentences(resumed.error)) == (
        OutcomeUnknown,
        what,
        "Nothing was sent: it may be the same refund, clicked in the Dashboard.",
        f"If it is: ecloud-pay refund 5 --adopt {second}. If another one is wanted: --send-anyway",
    )
    assert resumed.words == what
    assert would(intent, till.sender, till.account) == f"leave it: {what}"
    books(till, "pending")
    assert len(till.posts()) == 1


@pytest.mark.parametrize("what", ["another amount", "older", "failed", "ours"])
def test_what_is_no_rival(till: Till, what: str) -> None:
    if what == "older":
        rival(till)
        till.backend.run("SELECT 1")
        killed(till, "reset_before")
        damage(till.backend, 1001, created_at=(datetime.now(UTC) + timedelta(seconds=602)).isoformat())
    else:
        killed(till, "reset_before")
        id = rival(till, 24_00 if what == "another amount" else 25_00)
        if what == "failed":
            till.stripe.move(id, "failed")
        if what == "ours":
            till.stripe.overwrite(id, metadata={"ecloud_pay_key": "another key of ours"})
    [resumed] = till.resume()
    assert resumed.error is None
    assert len(till.posts()) == 2


def test_a_rival_that_is_a_little_older_by_the_other_clock_counts(till: Till) -> None:
    killed(till, "reset_before")
    rival(till)
    damage(till.backend, 1001, created_at=(datetime.now(UTC) + timedelta(seconds=50)).isoformat())
    [resumed] = till.resume()
    assert isinstance(resumed.error, OutcomeUnknown)


def test_a_key_is_sent_again_just_before_23_hours(till: Till) -> None:
    killed(till, "reset_before")
    backdate(till.backend, 1001, first_sent_at=NEARLY_23H)
    [resumed] = till.resume()
    assert resumed.error is None
    assert len(till.posts()) == 2


@pytest.mark.parametrize("is_retried_lately", [False, True])
def test_a_key_is_never_sent_again_after_23_hours_of_its_first_attempt(till: Till, is_retried_lately: bool) -> None:
    killed(till, "reset_before")
    backdate(till.backend, 1001, first_sent_at=23 * HOUR)
    if not is_retried_lately:
        backdate(till.backend, 1001, last_sent_at=23 * HOUR)
    intent = till.ledger.unfinished().unsettled[0]
    expected = (
        OutcomeUnknown,
        "the refund of 25.00 USD of payment #5 was first sent more than 23 h ago, and Stripe's list has none",
        "It is never sent again: Stripe may have forgotten its key, and would refund anew.",
        "24 h after its last attempt: ecloud-pay refund --abandon 5",
    )
    [resumed] = till.resume()
    assert resumed.error is not None
    assert (type(resumed.error), *sentences(resumed.error)) == expected
    assert said(lambda: send_anyway(intent, till.sender, till.account)) == expected
    assert till.ledger.mark_sent(intent, "line") is None
    assert len(till.posts()) == 1
    books(till, "pending")


def test_after_a_day_what_stripe_has_is_still_adopted(till: Till) -> None:
    killed(till, "reset_after")
    backdate(till.backend, 1001, first_sent_at=48 * HOUR, last_sent_at=48 * HOUR)
    till.stripe.advance(48 * 3600)
    [resumed] = till.resume()
    assert resumed.error is None
    assert len(till.posts()) == 1


@pytest.mark.parametrize("changes", [{"account": "acct_other"}, {"mode": "live"}])
def test_an_intent_of_another_account_or_mode_is_left_alone(till: Till, changes: dict[str, str]) -> None:
    killed(till, "reset_after")
    damage(till.backend, 1001, **changes)
    mode, account = changes.get("mode", "test"), changes.get("account", till.account)
    [resumed] = till.resume()
    assert resumed.error is not None
    assert (type(resumed.error), *sentences(resumed.error)) == (
        Busy,
        f"the refund of 25.00 USD of payment #5 was begun with a {mode} key of {account}, and this is a test key of {till.account}",
        "It stays unsettled.",
        "Resume it with a key of that mode and account.",
    )
    intent = till.ledger.unfinished().unsettled[0]
    [refund] = till.stripe.refunds(FIVE)
    for act in (
        lambda: send_anyway(intent, till.sender, till.account),
        lambda: adopt(intent, refund["id"], till.sender, till.account),
        lambda: abandon(intent, till.sender, till.account),
    ):
        assert said(act)[0] is Busy
    books(till, "pending")
    assert len(till.posts()) == 1


@pytest.mark.parametrize(("recorded", "ours"), [(None, "acct_1"), ("acct_1", None)])
def test_where_one_account_is_not_known_it_goes_on(till: Till, recorded: str | None, ours: str | None) -> None:
    killed(till, "reset_after")
    damage(till.backend, 1001, account=recorded)
    till.account = ours
    [resumed] = till.resume()
    assert resumed.error is None


def test_stripe_out_of_reach_leaves_it_as_it_is(till: Till) -> None:
    killed(till, "reset_before")
    till.stripe.faults("503", match="GET /v1/refunds")
    [resumed] = till.resume()
    assert resumed.words == "Stripe answered 503"
    books(till, "pending")
    assert len(till.posts()) == 1


def test_each_is_resumed_and_one_that_is_stuck_holds_up_no_other(till: Till) -> None:
    killed(till, "reset_before")
    rival(till)
    till.begin(key="second", payment_id=12, payment_intent="pi_12")
    stuck, done = till.resume()
    assert isinstance(stuck.error, OutcomeUnknown)
    assert done.error is None
    assert [refund["metadata"].get("ecloud_pay_key") for refund in till.stripe.refunds("pi_12")] == ["second"]


def test_only_the_payment_that_was_named_is_resumed(till: Till) -> None:
    till.begin()
    till.begin(key="second", payment_id=12, payment_intent="pi_12")
    assert [resumed.intent.order.payment_id for resumed in till.resume(12)] == [12]
    assert till.stripe.refunds(FIVE) == []


def test_asked_to_stop_no_further_one_is_begun(till: Till) -> None:
    till.begin()
    till.patience.is_stop_asked = True
    assert till.resume() == []
    books(till, "pending")


def test_a_status_that_is_not_known_is_left_to_a_person(till: Till) -> None:
    intent = killed(till, "odd_status")
    [refund] = till.stripe.refunds(FIVE)
    [resumed] = till.resume()
    assert resumed.error is not None
    assert (type(resumed.error), *sentences(resumed.error)) == (
        OutcomeUnknown,
        f"Stripe has {refund['id']} for payment #5, whose status 'in_review' is not known here",
        "It stays unsettled, and nothing was written.",
        "Look at it in Stripe's Dashboard.",
    )
    assert would(intent, till.sender, till.account) == (f"leave it: Stripe has {refund['id']}, whose status 'in_review' is not known here")
    books(till, "pending")


def test_send_anyway_sends_beside_a_rival(till: Till) -> None:
    intent = killed(till, "reset_before")
    rival(till)
    assert trouble(send_anyway(intent, till.sender, till.account)) is None
    assert [refund["amount"] for refund in till.stripe.refunds(FIVE)] == [25_00, 25_00]
    assert {seen.body for seen in till.posts()} == {till.posts()[0].body}
    assert till.books()["booked"] == Decimal("25.00")


def test_send_anyway_does_not_send_what_stripe_has(till: Till) -> None:
    intent = killed(till, "reset_after")
    settled = send_anyway(intent, till.sender, till.account)
    assert settled.settlement is not None
    assert settled.settlement.is_adopted
    assert len(till.posts()) == 1


def sent_earlier(till: Till, by: timedelta) -> Intent:
    """The unsettled intent, whose attempt was that long ago."""
    backdate(till.backend, 1001, first_sent_at=by, last_sent_at=by)
    return till.ledger.unfinished().unsettled[0]


def test_adopt_takes_a_refund_made_elsewhere(till: Till) -> None:
    killed(till, "reset_before")
    id = rival(till)
    intent = sent_earlier(till, timedelta(minutes=3))
    assert trouble(adopt(intent, id, till.sender, till.account)) is None
    books(till, "completed", id, "25.00")
    assert till.events() == ["refund_requested", "refund_adopted"]
    assert len(till.posts()) == 1
    assert till.resume() == []


@pytest.mark.parametrize(
    ("case", "problem"),
    [
        ("of another payment", f"belongs to pi_12, not to {FIVE}"),
        ("of another amount", "is of 24.00 USD, not of 25.00 USD"),
        ("with another key of ours", "bears the key of another refund of ours"),
        ("recorded already", "is recorded as refund #1002 already"),
        ("of an unknown status", "has the status 'in_review', which is not known here"),
    ],
)
def test_adopt_refuses_what_cannot_be_it(till: Till, case: str, problem: str) -> None:
    intent = killed(till, "reset_before")
    if case == "of another payment":
        id = str(till.stripe.dashboard_refund("pi_12", 25_00)["id"])
    else:
        id = rival(till, 24_00 if case == "of another amount" else 25_00)
    if case == "with another key of ours":
        till.stripe.overwrite(id, metadata={"ecloud_pay_key": "another"})
    if case == "recorded already":
        till.backend.rows_changed(
            """INSERT INTO payments_refund (id, payment_id, amount, status, stripe_refund_id, created_at)
            VALUES (1002, 5, 25, 'completed', %s, now())""",
            id,
        )
    if case == "of an unknown status":
        till.stripe.move(id, "in_review")
    assert_not_adopted(till, intent, id, problem)


def assert_not_adopted(till: Till, intent: Intent, id: str, problem: str) -> None:
    """That adopting it is refused for that reason, and leaves every row as it was."""
    before = till.backend.fingerprint()
    assert said(lambda: adopt(intent, id, till.sender, till.account)) == (
        Refused,
        f"{id} cannot be adopted: it {problem}",
        "Nothing was changed.",
        "",
    )
    assert till.backend.fingerprint() == before


@pytest.mark.parametrize("status", ["pending", "completed"])
def test_adopt_takes_what_somebody_has_written_into_its_own_row(till: Till, status: str) -> None:
    killed(till, "reset_before")
    id = rival(till)
    till.backend.rows_changed("UPDATE payments_refund SET stripe_refund_id = %s, status = %s WHERE id = 1001", id, status)
    intent = sent_earlier(till, timedelta(minutes=3))
    assert trouble(adopt(intent, id, till.sender, till.account)) is None
    books(till, "completed", id, "25.00")
    assert till.resume() == []
    assert len(till.posts()) == 1


def test_adopt_takes_one_whose_row_is_gone(till: Till) -> None:
    killed(till, "reset_before")
    id = rival(till)
    intent = sent_earlier(till, timedelta(minutes=3))
    till.backend.run(GONE)
    assert trouble(adopt(intent, id, till.sender, till.account)) is None
    assert till.books() == {
        "refunds": [],
        "transactions": [("completed", id)],
        "booked": Decimal("25.00"),
        "payment": "succeeded",
    }
    assert till.resume() == []


def test_adopt_refuses_what_somebody_has_completed_as_another_one(till: Till) -> None:
    killed(till, "reset_before")
    id = rival(till)
    intent = sent_earlier(till, timedelta(minutes=3))
    till.backend.run("UPDATE payments_refund SET stripe_refund_id = 're_x', status = 'completed' WHERE id = 1001")
    assert_not_adopted(till, intent, id, "comes too late: refund #1001 is completed here already")


GONE = "DELETE FROM payments_refund WHERE id = 1001"
COMPLETED = "UPDATE payments_refund SET status = 'completed' WHERE id = 1001"
FAILED = "UPDATE payments_refund SET status = 'failed' WHERE id = 1001"
NAMED = "UPDATE payments_refund SET stripe_refund_id = 're_x' WHERE id = 1001"
TRANSACTION_FAILED = "UPDATE payments_transaction SET status = 'failed' WHERE id = 1001"
CHANGES = [
    (GONE, "somebody has deleted refund #1001 here"),
    (COMPLETED, "somebody has made refund #1001 completed here"),
    (FAILED, "somebody has made refund #1001 failed here"),
    (NAMED, "somebody has written re_x into refund #1001 here"),
    (TRANSACTION_FAILED, "somebody has made transaction #1001 failed here"),
]


@pytest.mark.parametrize("change", [GONE, COMPLETED, FAILED, NAMED, TRANSACTION_FAILED])
def test_what_stripe_has_is_recorded_whatever_somebody_has_made_of_the_rows(till: Till, change: str) -> None:
    intent = killed(till, "reset_after")
    [refund] = till.stripe.refunds(FIVE)
    till.backend.run(change)
    assert would(intent, till.sender, till.account) == f"record {refund['id']}, which Stripe has"
    [resumed] = till.resume()
    assert (resumed.words, resumed.error) == (f"The refund {refund['id']} of 25.00 USD was made.", None)
    row = ("completed", refund["id"])
    assert till.books() == {
        "refunds": [] if change == GONE else [row],
        "transactions": [row],
        "booked": Decimal("25.00"),
        "payment": "succeeded",
    }
    assert till.events() == ["refund_requested", "refund_adopted"]
    assert len(till.posts()) == 1
    assert till.resume() == []


@pytest.mark.parametrize(("change", "words"), CHANGES)
def test_what_was_never_sent_ends_where_somebody_has_changed_its_rows(till: Till, change: str, words: str) -> None:
    intent = till.begin()
    till.backend.run(change)
    refunds = till.books()["refunds"]
    assert would(intent, till.sender, till.account) == f"end it as not sent: {words}"
    [resumed] = till.resume()
    assert resumed.words == f"The refund of 25.00 USD was not sent: {words}."
    assert resumed.error is not None
    assert (type(resumed.error), *sentences(resumed.error)) == (
        Unavailable,
        f"the refund of 25.00 USD of payment #5 was not sent: {words}",
        "No money moved, and that is recorded.",
        "It is safe to repeat.",
    )
    assert till.books() == {
        "refunds": [("failed", "")] if change == TRANSACTION_FAILED else refunds,
        "transactions": [("failed", "")],
        "booked": Decimal(0),
        "payment": "succeeded",
    }
    assert till.posts() == []
    assert till.resume() == []


@pytest.mark.parametrize(("change", "words"), CHANGES)
def test_what_may_still_arrive_is_not_sent_again_where_somebody_has_changed_its_rows(till: Till, change: str, words: str) -> None:
    intent = killed(till, "reset_before")
    till.backend.run(change)
    before = till.backend.fingerprint()
    what = f"the refund of 25.00 USD of payment #5 was sent, Stripe's list has none, and {words}"
    expected = (
        OutcomeUnknown,
        what,
        "It is not sent again while that is so, and stays unsettled.",
        "24 h after its last attempt: ecloud-pay refund --abandon 5",
    )
    [resumed] = till.resume()
    assert resumed.error is not None
    assert (type(resumed.error), *sentences(resumed.error)) == expected
    assert would(intent, till.sender, till.account) == f"leave it: {what}"
    assert said(lambda: send_anyway(intent, till.sender, till.account)) == expected
    assert till.backend.fingerprint() == before
    assert len(till.posts()) == 1
    abandon(sent_earlier(till, 25 * HOUR), till.sender, till.account)
    assert till.books()["transactions"] == [("failed", "")]
    assert till.events() == ["refund_requested", "refund_abandoned"]
    assert till.resume() == []


def test_adopt_waits_while_its_own_may_still_arrive(till: Till) -> None:
    killed(till, "reset_before")
    id = rival(till)
    intent = sent_earlier(till, timedelta(seconds=150))
    assert intent.last_sent_at is not None
    before = till.backend.fingerprint()
    assert said(lambda: adopt(intent, id, till.sender, till.account)) == (
        Busy,
        f"the refund of 25.00 USD of payment #5 was sent at {intent.last_sent_at:%H:%M:%S} UTC and may still arrive",
        f"Nothing was changed: {id} would stand beside it.",
        "Adopt it 3 minutes after that, if Stripe has no other one by then.",
    )
    assert till.backend.fingerprint() == before


def test_adopt_takes_its_own_at_once(till: Till) -> None:
    intent = killed(till, "reset_after")
    [mine] = till.gateway.refunds(FIVE)
    assert trouble(adopt(intent, mine.id, till.sender, till.account)) is None
    books(till, "completed", mine.id, "25.00")


def test_adopt_is_too_late_where_another_run_has_sent_it_since(till: Till) -> None:
    killed(till, "reset_before")
    id = rival(till)
    intent = sent_earlier(till, timedelta(minutes=3))
    assert till.ledger.mark_sent(intent, "line") is not None
    assert said(lambda: adopt(intent, id, till.sender, till.account))[0] is OutcomeUnknown
    books(till, "pending")


def test_adopt_at_once_what_was_never_sent(till: Till) -> None:
    intent = till.begin()
    id = rival(till)
    assert trouble(adopt(intent, id, till.sender, till.account)) is None
    books(till, "completed", id, "25.00")


def test_abandon_at_once_what_was_never_sent(till: Till) -> None:
    intent = till.begin()
    settled = abandon(intent, till.sender, till.account)
    assert settled.settlement is not None
    assert (settled.settlement.ending, settled.settlement.words) == (Ending.ABANDONED, "given up by a person")
    books(till, "failed")
    assert till.events() == ["refund_abandoned"]
    assert till.stripe.journal() == []
    error = trouble(settled)
    assert isinstance(error, Refused)
    assert error.what == "somebody abandoned the refund of 25.00 USD of payment #5: given up by a person"


def test_abandon_adopts_what_stripe_has(till: Till) -> None:
    intent = killed(till, "reset_after")
    settled = abandon(intent, till.sender, till.account)
    assert settled.settlement is not None
    assert settled.settlement.ending is Ending.ACCEPTED
    assert till.events() == ["refund_requested", "refund_adopted"]


def test_abandon_waits_a_day_from_the_last_attempt(till: Till) -> None:
    killed(till, "reset_before")
    backdate(till.backend, 1001, first_sent_at=40 * HOUR, last_sent_at=24 * HOUR - timedelta(seconds=30))
    intent = till.ledger.unfinished().unsettled[0]
    assert intent.last_sent_at is not None
    assert said(lambda: abandon(intent, till.sender, till.account)) == (
        Refused,
        f"the refund of 25.00 USD of payment #5 was sent less than 24 h ago ({intent.last_sent_at:%Y-%m-%d %H:%M:%S} UTC) and may still"
        " arrive",
        "It stays unsettled.",
        "Until then: ecloud-pay refund --resume 5",
    )
    books(till, "pending")
    backdate(till.backend, 1001, last_sent_at=timedelta(seconds=30))
    abandon(till.ledger.unfinished().unsettled[0], till.sender, till.account)
    books(till, "failed")
    assert till.events() == ["refund_requested", "refund_abandoned"]
    assert till.resume() == []


def test_an_abandoned_one_that_arrives_after_all_overrules(till: Till) -> None:
    """Nothing may be lost: Stripe's refund with our key is a fact, whoever settled the intent before."""
    intent = killed(till, "reset_after")
    till.ledger.settle(intent, Settlement(Ending.ABANDONED, words="given up by a person"))
    books(till, "failed")
    [refund] = till.gateway.refunds(FIVE)
    till.ledger.settle(intent, Settlement(Ending.ACCEPTED, refund, is_adopted=True))
    books(till, "completed", refund.id, "25.00")


def test_adopt_comes_too_late_for_what_another_console_has_abandoned(till: Till) -> None:
    """A refund without our key may be somebody else's: what has ended meanwhile stays as it ended."""
    intent = till.begin()
    id = rival(till)
    abandon(intent, till.sender, till.account)
    assert said(lambda: adopt(intent, id, till.sender, till.account)) == (
        Refused,
        f"{id} cannot be adopted: it comes too late: refund #1001 is failed here already",
        "Nothing was changed.",
        "",
    )
    books(till, "failed")


def test_the_unsettled_one_of_a_payment(till: Till) -> None:
    intent = till.begin()
    assert unsettled_of(till.ledger, 5) == intent
    assert said(lambda: unsettled_of(till.ledger, 12)) == (
        NotFound,
        "payment #12 has no unsettled refund of ours",
        "",
        "`ecloud-pay refund --pending` lists what is open.",
    )
    assert said(lambda: unsettled_of(till.ledger, 999))[:2] == (NotFound, "there is no payment #999")


def test_a_request_that_was_not_sent_is_a_request_again_and_can_be_carried_out(till: Till) -> None:
    till.stripe.faults("401")
    carry_out(till.preview(11, "10.00", request_row=2), till.sender)
    assert till.backend.rows("SELECT status, coalesce(stripe_refund_id, '') FROM payments_refund WHERE id = 2") == [("pending", "")]
    assert [row.refund.id for row in till.ledger.pending()] == [2]
    assert till.resume() == []
    assert trouble(till.refund(11, "10.00", request_row=2, key="second")) is None
    assert [refund["amount"] for refund in till.stripe.refunds("pi_11")] == [25_00, 10_00]
    assert till.books(11)["booked"] == Decimal("35.00")


def test_a_line_that_a_full_disk_keeps_from_resume_is_an_error(till: Till) -> None:
    with pytest.raises(CannotWrite):
        carry_out(till.preview(), replace(till.sender, audit=FullDisk(till.audit, "refunded")))
    full = replace(till.sender, audit=FullDisk(till.audit, "refunded"))
    [resumed] = resume(till.ledger.unfinished(), full, till.account)
    assert isinstance(resumed.error, CannotWrite)
    assert till.intent()["audited"] is False
