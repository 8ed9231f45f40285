"""Each answer that Stripe may give to a refund: what is then in the database, at Stripe, in the audit trail, and what is said."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

import pytest

from ecloud_pay.actions.refund import carry_out, trouble
from ecloud_pay.actions.sending import Sender
from ecloud_pay.domain.answers import RULES, Answer, Cause, NotSent
from ecloud_pay.domain.errors import EcloudPayError, OutcomeUnknown, Refused, Unavailable
from ecloud_pay.domain.refund import Intent
from samples import payment_5
from support.office import FIVE
from support.refunding import KEY, Clockwork, Till, sentences
from support.standin import Stripe

Said = tuple[type[EcloudPayError], str, str, str]
Faults = list[tuple[str, dict[str, Any]]]

BYTES = f"payment_intent={FIVE}&amount=2500&metadata[ecloud_pay_key]={KEY}&metadata[ecloud_pay_payment]=5&metadata[ecloud_pay_refund]=1001"
IN_USE = (
    "There is currently another in-progress request using this Idempotent Key (that probably means you submitted twice, and the other"
    f" request is still going through): {KEY}. Please try again later."
)
LIMITED = "Request rate limit exceeded. Learn more about rate limits here https://stripe.com/docs/rate-limits."
BROKEN = (
    "An unknown error occurred on our servers while processing your request. We have been notified of this problem, but please contact"
    " *** with any questions."
)
FORBIDDEN = (
    "The provided key 'sk_test_***' does not have the required permissions for this endpoint on account 'acct_1EcloudPayDemoOne'."
    " Having the 'rak_charge_write' permission would allow this request to continue."
)
OVER = '{"error":{"type":"invalid_request_error","message":"Refund amount is greater than the remainder","param":"amount"}}'
CLASH = '{"error":{"type":"idempotency_error","message":"Keys for idempotent requests can only be used once"}}'


def unknown(words: str) -> Said:
    return (
        OutcomeUnknown,
        f"the outcome of the refund of 25.00 USD of payment #5 is unknown: {words}",
        "It is recorded as unsettled; money may have moved.",
        "Do not repeat it. To settle it: ecloud-pay refund --resume 5",
    )


def not_sent(words: str) -> Said:
    what = f"the refund of 25.00 USD of payment #5 was not sent: {words}"
    return Unavailable, what, "No money moved, and that is recorded.", "It is safe to repeat."


def refused(words: str) -> Said:
    return Refused, f"Stripe refused the refund of 25.00 USD of payment #5: {words}", "No money moved, and that is recorded.", ""


def times(kind: str, number: int = 1, **options: Any) -> Faults:
    return [(kind, options)] * number


@dataclass(frozen=True)
class Case:
    """What Stripe does to the POSTs, and to the lists behind them, and what must come of it.

    `posts` are the statuses that were answered (None: nothing was). `waited` has the longest that each pause may be: of those with
    jitter it may be half. `ending` is the status of our rows; they have Stripe's id where Stripe has the refund and they are not open.
    """

    faults: Faults
    posts: Sequence[int | None]
    ending: str
    at_stripe: Sequence[str]
    last: str | None
    said: Said | None = None
    waited: Sequence[float] = ()
    lists: Faults | None = None


MADE = ("succeeded",)
CASES = {
    "the refund that was asked for": Case([], [200], "completed", MADE, "refunded"),
    "a refund that is pending there": Case(times("pending"), [200], "pending", ("pending",), "refunded"),
    "200 and no JSON, acted": Case(times("html_200_acted"), [200], "completed", MADE, "refund_adopted", None, [0]),
    "200 and no JSON, not acted": Case(
        times("html_200"), [200], "open", (), None, unknown("Stripe answered 200 with something else: it is not JSON"), [0]
    ),
    "200 and {}, acted": Case(times("empty_object_200_acted"), [200], "completed", MADE, "refund_adopted", None, [0]),
    "200 and {}, not acted": Case(
        times("empty_object_200"),
        [200],
        "open",
        (),
        None,
        unknown("Stripe answered 200 with something else: its id is missing or no word"),
        [0],
    ),
    "200 and []": Case(
        times("empty_list_200"), [200], "open", (), None, unknown("Stripe answered 200 with something else: it is no JSON object"), [0]
    ),
    "200 with another amount": Case(times("other_amount"), [200], "completed", MADE, "refund_adopted", None, [0]),
    "a redirect, acted": Case(times("redirect_302_acted"), [302], "completed", MADE, "refund_adopted", None, [0]),
    "a redirect, not acted": Case(times("redirect_302"), [302], "open", (), None, unknown("the answer is not Stripe's: HTTP 302"), [0]),
    "400 with a code": Case(
        times("decline", message="Charge has been refunded.", code="charge_already_refunded"),
        [400],
        "failed",
        (),
        "refund_failed",
        refused("charge_already_refunded: Charge has been refunded."),
    ),
    "402 without a code": Case(times("decline", status=402, message="No."), [402], "failed", (), "refund_failed", refused("No.")),
    "404": Case(times("decline", status=404, message="None."), [404], "failed", (), "refund_failed", refused("None.")),
    "a refusal behind an attempt that has won": Case(
        times("reset_after") + times("answer", status=400, body=OVER), [None, 400], "completed", MADE, "refund_adopted", None, [0.5]
    ),
    "a refusal whose list cannot be read": Case(
        times("decline", message="No."),
        [400],
        "open",
        (),
        None,
        unknown("Stripe said no (No.), and its list could not be read: Stripe answered 503"),
        lists=times("503"),
    ),
    "a clash of keys": Case(
        times("answer", status=400, body=CLASH),
        [400],
        "open",
        (),
        None,
        unknown("Keys for idempotent requests can only be used once"),
        [0],
    ),
    "401": Case(times("401"), [401], "failed", (), "refund_failed", not_sent("Invalid API Key provided: sk_test_***")),
    "403": Case(times("403"), [403], "failed", (), "refund_failed", not_sent(FORBIDDEN)),
    "401 behind an unknown attempt": Case(
        times("reset_before") + times("401"), [None, 401], "open", (), None, unknown("Invalid API Key provided: sk_test_***"), [0.5, 0]
    ),
    "401 behind an attempt that has won": Case(
        times("reset_after") + times("401"), [None, 401], "completed", MADE, "refund_adopted", None, [0.5, 0]
    ),
    "409 once": Case(times("409"), [409, 200], "completed", MADE, "refunded", None, [1]),
    "409 for good": Case(times("409", 5), [409] * 5, "open", (), None, unknown(IN_USE), [1, 2, 4, 8, 0]),
    "429 four times": Case(times("429", 4), [429] * 4 + [200], "completed", MADE, "refunded", None, [0.5, 1, 2, 4]),
    "429 for good": Case(times("429", 5), [429] * 5, "failed", (), "refund_failed", not_sent(LIMITED), [0.5, 1, 2, 4]),
    "429 before unknown attempts": Case(
        times("429") + times("reset_before", 3),
        [429, None, None, None],
        "open",
        (),
        None,
        unknown("Stripe's answer was lost: Connection reset by peer"),
        [0.5, 0.5, 2, 0, 2],
    ),
    "500, acted": Case(times("500_acted"), [500], "completed", MADE, "refund_adopted", None, [0]),
    "500, not acted": Case(times("500_not_acted"), [500], "open", (), None, unknown(BROKEN), [0, 5, 30]),
    "500, acted, and the list fails twice": Case(
        times("500_acted"), [500], "completed", MADE, "refund_adopted", None, [0, 5, 30], lists=times("503", 2)
    ),
    "502 once": Case(times("502"), [502, 200], "completed", MADE, "refunded", None, [0.5]),
    "503 for good": Case(times("503", 3), [503] * 3, "open", (), None, unknown("Stripe answered 503"), [0.5, 2, 0, 2]),
    "504 for good, acted": Case(times("504_acted", 3), [504] * 3, "completed", MADE, "refund_adopted", None, [0.5, 2, 0]),
    "a reset before Stripe acted": Case(times("reset_before"), [None, 200], "completed", MADE, "refunded", None, [0.5]),
    "a reset after Stripe acted": Case(times("reset_after"), [None, 200], "completed", MADE, "refunded", None, [0.5]),
    "a reset for good, acted": Case(times("reset_after", 3), [None] * 3, "completed", MADE, "refund_adopted", None, [0.5, 2, 0]),
    "a truncated answer": Case(times("truncate"), [200, 200], "completed", MADE, "refunded", None, [0.5]),
    "an answer that comes too late": Case(times("stall_after", seconds=30), [None, 200], "completed", MADE, "refunded", None, [0.5]),
}


@pytest.mark.parametrize("name", CASES)
def test_what_becomes_of_each_answer(till: Till, name: str) -> None:
    case = CASES[name]
    for kind, options in case.faults:
        till.stripe.faults(kind, **options)
    found = till.preview()
    for kind, options in case.lists or []:
        till.stripe.faults(kind, match="GET /v1/refunds", **options)

    assert outcome(lambda: carry_out(found, till.sender)) == case.said

    assert till.stripe.unfired() == []
    posts = till.posts()
    assert [seen.status if seen.is_over else None for seen in posts] == list(case.posts)
    assert {(seen.idempotency_key, seen.body) for seen in posts} == {(KEY, BYTES)}
    refunds = till.stripe.refunds(FIVE)
    assert [refund["status"] for refund in refunds] == list(case.at_stripe)
    status = "pending" if case.ending == "open" else case.ending
    row = (status, "" if case.ending == "open" or not refunds else refunds[0]["id"])
    booked = Decimal("25.00" if case.ending == "completed" else "0.00")
    assert till.books() == {"refunds": [row], "transactions": [row], "booked": booked, "payment": "succeeded"}
    assert till.events() == ["refund_requested", *["refund_sent"] * len(posts), *([case.last] if case.last else [])]
    assert [line["details"]["attempt"] for line in till.lines() if line["event_type"] == "refund_sent"] == list(range(1, len(posts) + 1))
    assert len(till.patience.waited) == len(case.waited)
    for waited, longest in zip(till.patience.waited, case.waited, strict=True):
        assert longest / 2 <= waited <= longest
    intent = till.intent()
    assert (intent["attempts"], intent["ending"] is None, intent["audited"]) == (len(posts), case.last is None, case.last is not None)


def outcome(act: Callable[[], Intent]) -> Said | None:
    """What a command would end with: the error that was raised, or the trouble that the settled intent is."""
    try:
        error = trouble(act())
    except EcloudPayError as raised:
        error = raised
    return None if error is None else (type(error), *sentences(error))


def test_a_status_that_is_not_known_writes_nothing(till: Till) -> None:
    till.stripe.faults("odd_status")
    said = outcome(till.refund)
    [refund] = till.stripe.refunds(FIVE)
    assert said == unknown(f"Stripe answered with {refund['id']}, whose status 'in_review' is not known here")
    pending = ("pending", "")
    assert till.books() == {"refunds": [pending], "transactions": [pending], "booked": Decimal(0), "payment": "succeeded"}
    assert till.events() == ["refund_requested", "refund_sent"]


def test_a_status_that_is_not_known_in_the_list_writes_nothing(till: Till) -> None:
    """Neither when the answer was lost and it is the list that tells."""
    till.stripe.faults("500_acted")
    found = till.preview()
    till.patience.on_wait = lambda: _turn_odd(till.stripe)
    said = outcome(lambda: carry_out(found, till.sender))
    [refund] = till.stripe.refunds(FIVE)
    assert said == unknown(f"Stripe has {refund['id']}, whose status 'in_review' is not known here")
    assert till.books()["refunds"] == [("pending", "")]


def _turn_odd(stripe: Stripe) -> None:
    for refund in stripe.refunds(FIVE):
        stripe.move(refund["id"], "in_review")


def test_a_refund_that_failed_at_stripe_is_recorded_as_failed_with_its_id(till: Till) -> None:
    till.stripe.faults("odd_status", word="failed")
    said = outcome(till.refund)
    [refund] = till.stripe.refunds(FIVE)
    what = f"Stripe took the refund {refund['id']} of 25.00 USD of payment #5, and it failed there"
    assert said == (Refused, what, "No money moved, and that is recorded.", "")
    row = ("failed", refund["id"])
    assert till.books() == {"refunds": [row], "transactions": [row], "booked": Decimal(0), "payment": "succeeded"}
    assert till.events() == ["refund_requested", "refund_sent", "refund_failed"]


def test_stripe_out_of_reach_is_not_sent(till: Till) -> None:
    found = till.preview()
    till.stripe.door(is_open=False)
    try:
        said = outcome(lambda: carry_out(found, till.sender))
    finally:
        till.stripe.door(is_open=True)
    assert said is not None
    assert (said[0], said[2:]) == (Unavailable, ("No money moved, and that is recorded.", "It is safe to repeat."))
    assert said[1].startswith("the refund of 25.00 USD of payment #5 was not sent: Stripe cannot be reached: ")
    assert till.posts() == []
    assert till.books()["refunds"] == [("failed", "")]
    assert till.events() == ["refund_requested", *["refund_sent"] * 5, "refund_failed"]
    assert len(till.patience.waited) == 4
    # And it is safe to repeat: the failed one is no obstacle.
    assert outcome(lambda: till.refund(key="another")) is None
    assert [refund["amount"] for refund in till.stripe.refunds(FIVE)] == [25_00]


def test_asked_to_stop_before_the_first_attempt_nothing_is_sent(till: Till) -> None:
    till.patience.is_stop_asked = True
    assert outcome(till.refund) == not_sent("it was stopped before it was sent")
    assert (till.posts(), till.events()) == ([], ["refund_failed"])
    assert till.books()["refunds"] == [("failed", "")]
    assert (till.intent()["attempts"], till.intent()["first_sent_at"]) == (0, None)


def test_asked_to_stop_in_a_pause_it_is_not_sent_again(till: Till) -> None:
    till.stripe.faults("429")
    till.patience.on_wait = lambda: setattr(till.patience, "is_stop_asked", True)
    assert outcome(till.refund) == not_sent(LIMITED)
    assert [seen.status for seen in till.posts()] == [429]


def test_asked_to_stop_behind_an_unknown_answer_the_list_is_still_read(till: Till) -> None:
    till.stripe.faults("reset_after")
    till.patience.on_wait = lambda: setattr(till.patience, "is_stop_asked", True)
    assert outcome(till.refund) is None
    assert [seen.status for seen in till.posts()] == [None]
    assert till.events() == ["refund_requested", "refund_sent", "refund_adopted"]


@pytest.mark.parametrize(("slept_s", "posts"), [(60.0, 1), (60.001, 0)])
def test_a_machine_that_slept_does_not_send(till: Till, slept_s: float, posts: int) -> None:
    """More than a minute between having recorded the attempt and making it: somebody may have abandoned it meanwhile."""
    sender = replace(till.sender, ledger=Sleepy(till, slept_s))
    said = outcome(lambda: carry_out(till.preview(), sender))
    assert len(till.posts()) == posts
    words = "more than 60 s passed before it could be sent; the machine may have slept"
    assert said == (None if posts else not_sent(words))


class Sleepy:
    """The ledger of a machine that falls asleep once an attempt is recorded."""

    def __init__(self, till: Till, slept_s: float) -> None:
        self._till = till
        self._slept_s = slept_s

    def __getattr__(self, name: str) -> Any:
        return getattr(self._till.ledger, name)

    def mark_sent(self, intent: Intent, requested_line: str) -> Intent | None:
        marked = self._till.ledger.mark_sent(intent, requested_line)
        self._till.patience.now_s += self._slept_s
        return marked


def test_what_was_abandoned_meanwhile_is_not_sent(till: Till) -> None:
    """Between the pauses another console gives it up; the attempt that follows finds that out before it leaves."""
    till.stripe.faults("429")
    till.patience.on_wait = lambda: till.backend.run(
        "UPDATE payments_refund SET status = 'failed' WHERE id = 1001; UPDATE payments_transaction SET status = 'failed' WHERE id = 1001"
    )
    said = outcome(till.refund)
    assert said == not_sent("it may not be sent any more: it has ended meanwhile, or its key is older than 23 h")
    assert [seen.status for seen in till.posts()] == [429]


def test_when_a_post_arrives_its_intent_is_visible_and_no_transaction_is_open(till: Till) -> None:
    till.stripe.faults("429", "reset_before")
    seen: list[tuple[Any, ...]] = []
    sender = replace(till.sender, gateway=Watched(till, seen))
    carry_out(till.preview(), sender)
    assert seen == [("pending", "1", 0), ("pending", "2", 0), ("pending", "3", 0)]


class Watched:
    """The gateway, before whose every POST the database is asked: the row, its attempts, and how many transactions are open."""

    def __init__(self, till: Till, seen: list[tuple[Any, ...]]) -> None:
        self._till = till
        self._seen = seen

    def __getattr__(self, name: str) -> Any:
        return getattr(self._till.gateway, name)

    def send(self, intent: Intent) -> Answer:
        self._seen += self._till.backend.rows(
            """SELECT status, metadata #>> '{ecloud_pay,attempts}', (SELECT count(*) FROM pg_stat_activity WHERE xact_start IS NOT NULL
            AND datname = current_database() AND pid <> pg_backend_pid()) FROM payments_transaction WHERE id = 1001"""
        )
        return self._till.gateway.send(intent)


def test_one_run_makes_twelve_attempts_at_the_most(till: Till) -> None:
    """Whatever the causes are: here they take turns, so that no rule alone ends it."""
    causes = [Cause.UNREACHED, Cause.RATE_LIMITED, Cause.IN_USE]
    assert [len(RULES[cause].resend_after_s) for cause in causes] == [4, 4, 4]  # so by themselves they would allow thirteen
    answers: list[Answer] = [NotSent(cause, "no") for cause in causes * 5]
    gateway = Scripted(till, answers)
    intent = till.begin()
    ending, marked = Sender(till.ledger, gateway, till.audit, Clockwork()).send(intent, payment_5())
    assert (ending.words, marked.attempts, gateway.sends) == ("no", 12, 12)


class Scripted:
    """The gateway, but for what it answers to POSTs."""

    def __init__(self, till: Till, answers: list[Answer]) -> None:
        self._till = till
        self._answers = answers
        self.sends = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._till.gateway, name)

    def send(self, intent: Intent) -> Answer:
        self.sends += 1
        return self._answers[self.sends - 1]
