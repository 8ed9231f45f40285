"""Every kind of fault strikes once, does what it says, and is reported."""

import http.client
import socket
import threading
import time
from collections.abc import Callable

import pytest

from support.standin import Api, Body, ControlFailed, Stripe

PI = "pi_3Paid"


@pytest.fixture
def paid(stripe: Stripe) -> Stripe:
    stripe.put_payment(PI, 100_00)
    return stripe


def what_came(api: Api, key: str = "k") -> str | int:
    """The status, or the name of what was raised instead."""
    try:
        return api.refund(key, payment_intent=PI, amount=25_00).status
    except (OSError, http.client.HTTPException) as error:
        return type(error).__name__


# kind, options, what the client sees, what the journal says was answered, refunds made by it, the answer to the same key afterwards
KINDS: list[tuple[str, Body, str | int, int | None, int, int]] = [
    ("refuse", {}, "ConnectionResetError", None, 0, 200),
    ("reset_before", {}, "ConnectionResetError", None, 0, 200),
    ("reset_after", {}, "ConnectionResetError", None, 1, 200),
    ("late", {"seconds": 0.05}, 200, 200, 1, 200),
    ("stall_before", {"seconds": 0.05}, 200, 200, 1, 200),
    ("stall_after", {"seconds": 0.05}, 200, 200, 1, 200),
    ("drip", {"seconds": 0.05}, 200, 200, 1, 200),
    ("truncate", {}, "IncompleteRead", 200, 1, 200),
    ("html_200", {}, 200, 200, 0, 200),
    ("html_200_acted", {}, 200, 200, 1, 200),
    ("empty_object_200", {}, 200, 200, 0, 200),
    ("empty_object_200_acted", {}, 200, 200, 1, 200),
    ("empty_list_200", {}, 200, 200, 0, 200),
    ("empty_list_200_acted", {}, 200, 200, 1, 200),
    ("redirect_302", {}, 302, 302, 0, 200),
    ("redirect_302_acted", {"location": "/v1/refunds"}, 302, 302, 1, 200),
    ("answer", {"status": 418, "body": "short and stout"}, 418, 418, 0, 200),
    ("401", {}, 401, 401, 0, 200),
    ("403", {}, 403, 403, 0, 200),
    ("409", {}, 409, 409, 0, 200),
    ("429", {}, 429, 429, 0, 200),
    ("500_acted", {}, 500, 500, 1, 500),
    ("500_not_acted", {}, 500, 500, 0, 500),
    ("502", {}, 502, 502, 0, 200),
    ("502_acted", {}, 502, 502, 1, 200),
    ("503", {}, 503, 503, 0, 200),
    ("503_acted", {}, 503, 503, 1, 200),
    ("504", {}, 504, 504, 0, 200),
    ("504_acted", {}, 504, 504, 1, 200),
    ("decline", {"status": 402, "code": "expired_or_canceled_card", "message": "no"}, 402, 402, 0, 402),
    ("odd_status", {}, 200, 200, 1, 200),
    ("other_amount", {"amount": 7}, 200, 200, 1, 200),
    ("pending", {}, 200, 200, 1, 200),
]


@pytest.mark.parametrize(("kind", "options", "seen", "answered", "made", "afterwards"), KINDS, ids=[kind for kind, *_ in KINDS])
def test_each_fault_strikes_once_and_is_reported(
    paid: Stripe, api: Api, kind: str, options: Body, seen: str | int, answered: int | None, made: int, afterwards: int
) -> None:
    paid.faults(kind, **options)
    assert (len(paid.unfired()), paid.fired()) == (1, [])
    assert what_came(api) == seen
    assert (paid.unfired(), paid.planned()[0]["fired"]) == ([], [1])
    [entry] = paid.settled()
    bare = kind.removesuffix("_not_acted").removesuffix("_acted")
    assert (entry.fault, entry.status, entry.acted, len(paid.refunds(PI))) == (bare, answered, bool(made), made)
    assert what_came(api) == afterwards
    # The same key makes no second refund, and the first one where there was none.
    assert len(paid.refunds(PI)) == (made if afterwards != 200 else 1)


def test_html_and_empty_bodies_are_what_they_say(paid: Stripe, api: Api) -> None:
    paid.faults("html_200", "empty_object_200", "empty_list_200", "answer", status=299, body="[1]", content_type="text/x")
    answers = [api.refund(payment_intent=PI, amount=1) for _ in range(4)]
    assert [(answer.status, answer.headers["content-type"]) for answer in answers] == [
        (200, "text/html"),
        (200, "application/json"),
        (200, "application/json"),
        (299, "text/x"),
    ]
    assert answers[0].raw.startswith(b"<html>")
    assert [answer.json for answer in answers[1:]] == [{}, [], [1]]


def test_an_empty_page_can_claim_that_there_is_more(paid: Stripe, api: Api) -> None:
    paid.faults("empty_page_200", match="GET /v1/refunds")
    assert api.get("/v1/refunds").json == {"object": "list", "data": [], "has_more": True, "url": "/v1/refunds"}


def test_a_redirect_leads_to_a_list_of_its_own(paid: Stripe, api: Api) -> None:
    paid.faults("redirect_302")
    answer = api.refund(payment_intent=PI, amount=1)
    assert api.get(answer.headers["location"]).json["object"] == "list"


def test_the_rate_limit_says_why_and_retries_only_where_planned(paid: Stripe, api: Api) -> None:
    paid.faults("429")
    paid.faults("429", reason="global-concurrency", should_retry=True)
    first, second = (api.refund(payment_intent=PI, amount=1) for _ in range(2))
    assert first.json == {
        "error": {
            "code": "rate_limit",
            "doc_url": "https://stripe.com/docs/error-codes/rate-limit",
            "message": "Request rate limit exceeded. Learn more about rate limits here https://stripe.com/docs/rate-limits.",
            "type": "invalid_request_error",
        }
    }
    told = [(each.headers["stripe-rate-limited-reason"], each.headers.get("stripe-should-retry")) for each in (first, second)]
    assert told == [("endpoint-rate", None), ("global-concurrency", "true")]


def test_a_rate_can_be_limited_for_good(paid: Stripe, api: Api) -> None:
    paid.limit(2)
    while time.monotonic() % 1 > 0.5:  # so that all of them fall into one second
        time.sleep(0.01)
    assert [api.get("/v1/account").status for _ in range(4)] == [200, 200, 429, 429]
    paid.limit(None)
    assert api.get("/v1/account").status == 200


def test_a_decline_has_the_code_and_words_of_the_plan_and_is_stored(paid: Stripe, api: Api) -> None:
    paid.faults("decline", status=402, code="expired_or_canceled_card", message="Cannot be refunded.")
    told = [api.refund("k", payment_intent=PI, amount=1) for _ in range(2)]
    assert told[0].error == {
        "code": "expired_or_canceled_card",
        "doc_url": "https://stripe.com/docs/error-codes/expired-or-canceled-card",
        "message": "Cannot be refunded.",
        "type": "card_error",
    }
    assert told[1].raw == told[0].raw


def test_an_odd_status_is_real_and_another_amount_is_a_lie(paid: Stripe, api: Api) -> None:
    paid.faults("odd_status", word="levitating")
    paid.faults("pending")
    paid.faults("other_amount", amount=9_99)
    answers = [api.refund(key, payment_intent=PI, amount=10_00).json for key in "abc"]
    assert [(answer["status"], answer["amount"]) for answer in answers] == [
        ("levitating", 10_00),
        ("pending", 10_00),
        ("succeeded", 9_99),
    ]
    assert [(refund["status"], refund["amount"]) for refund in paid.refunds(PI)] == [
        ("levitating", 10_00),
        ("pending", 10_00),
        ("succeeded", 10_00),
    ]
    assert api.refund("c", payment_intent=PI, amount=10_00).json["amount"] == 10_00


def test_faults_are_consumed_in_order_and_the_nth_request_is_struck(paid: Stripe, api: Api) -> None:
    paid.faults("503", nth=2)
    paid.faults("429", times=2)
    assert [what_came(api, f"k{number}") for number in range(5)] == [200, 503, 429, 429, 200]
    assert [fault["fired"] for fault in paid.planned()] == [[2], [3, 4]]


def test_a_fault_waits_for_the_request_that_it_is_meant_for(paid: Stripe, api: Api) -> None:
    paid.faults("502", match="GET /v1/refunds?payment_intent=")
    answers = [what_came(api), api.get("/v1/refunds").status, api.get(f"/v1/payment_intents/{PI}").status]
    assert (answers, paid.unfired()) == ([200, 200, 200], ["502"])
    assert api.get(f"/v1/refunds?payment_intent={PI}").status == 502
    assert paid.unfired() == []


def test_a_fault_that_could_not_strike_has_not_fired(paid: Stripe, api: Api) -> None:
    what_came(api)
    paid.faults("500_acted", "other_amount")
    assert (what_came(api), paid.unfired()) == (200, ["500", "other_amount"])  # a replay executes nothing
    refused = api.refund(payment_intent="pi_nowhere", amount="x")
    assert (refused.status, paid.unfired()) == (400, ["500", "other_amount"])
    assert (what_came(api, "other"), paid.unfired()) == (500, ["other_amount"])


def test_a_late_request_acts_after_its_sender_is_gone(paid: Stripe) -> None:
    paid.faults("late", seconds=0.3)
    with Api(paid, timeout_s=0.05) as impatient:
        assert what_came(impatient) == "TimeoutError"
    assert paid.refunds(PI) == []
    wait_until(lambda: len(paid.refunds(PI)) == 1)
    assert paid.settled()[0].acted


def test_what_a_dead_client_has_sent_can_be_waited_for(paid: Stripe) -> None:
    paid.faults("stall_before", seconds=0.2)
    with Api(paid, timeout_s=0.05) as impatient:
        assert what_came(impatient) == "TimeoutError"
    [seen] = paid.settled(connections=0)
    assert (seen.acted, seen.status, len(paid.refunds(PI))) == (True, 200, 1)


def test_a_stalled_key_is_in_use_and_its_refund_is_found_afterwards(paid: Stripe, api: Api) -> None:
    paid.faults("stall_before", seconds=0.3)
    with Api(paid, timeout_s=0.05) as impatient:
        assert what_came(impatient) == "TimeoutError"
    assert what_came(api) == 409
    wait_until(lambda: what_came(api) == 200)
    assert len(paid.refunds(PI)) == 1


def test_a_stalled_answer_comes_too_late_for_the_impatient(paid: Stripe, api: Api) -> None:
    paid.faults("stall_after", seconds=0.3)
    with Api(paid, timeout_s=0.05) as impatient:
        assert what_came(impatient) == "TimeoutError"
    assert (what_came(api), len(paid.refunds(PI))) == (200, 1)


def test_a_dripping_answer_is_slow_as_a_whole_and_never_silent(paid: Stripe) -> None:
    paid.faults("drip", seconds=0.3)
    started = time.monotonic()
    with Api(paid, timeout_s=0.1) as impatient:
        assert what_came(impatient) == 200
    assert time.monotonic() - started > 0.25


def test_a_closed_door_refuses_connections_until_it_is_opened(paid: Stripe, api: Api) -> None:
    assert api.get("/v1/account").status == 200
    paid.door(is_open=False)
    assert what_came(api) in ("RemoteDisconnected", "ConnectionResetError", "BrokenPipeError")
    assert what_came(api) == "ConnectionRefusedError"
    paid.door(is_open=True)
    assert what_came(api) == 200


def test_a_reset_forgets_everything_and_whoever_stalls_acts_no_more(paid: Stripe, api: Api) -> None:
    paid.faults("stall_before", seconds=30)
    came: list[str | int] = []
    stalled = threading.Thread(target=lambda: came.append(what_came(api)))
    stalled.start()
    wait_until(lambda: paid.posts() != [])
    paid.advance(5_000)
    started = time.perf_counter()
    paid.reset()
    took_s = time.perf_counter() - started
    stalled.join(5)
    assert came in (["RemoteDisconnected"], ["ConnectionResetError"])
    paid.put_payment(PI, 100_00)
    assert (paid.refunds(), paid.journal(), paid.planned()) == ([], [], [])
    assert abs(paid.now() - time.time()) < 2
    assert took_s < 0.1  # five milliseconds on a quiet machine


def test_an_impossible_fault_is_refused(stripe: Stripe) -> None:
    for kind, options in (("500_sometimes", {}), ("429_acted", {}), ("429", {"nth": 0}), ("429", {"colour": "red"})):
        with pytest.raises(ControlFailed, match="400"):
            stripe.faults(kind, **options)


def test_nonsense_on_the_wire_hangs_nobody(stripe: Stripe) -> None:
    host, _, port = stripe.url.removeprefix("http://").partition(":")
    for nonsense in (b"hello\r\n\r\n", b"POST / HTTP/1.1\r\ncontent-length: many\r\n\r\n", b"GET / HTTP/1.1\r\nno colon\r\n\r\n"):
        with socket.create_connection((host, int(port)), timeout=5) as line:
            line.sendall(nonsense)
            with pytest.raises(ConnectionResetError):
                line.recv(100)


def wait_until(is_so: Callable[[], bool]) -> None:
    """Fails after five seconds."""
    give_up_at = time.monotonic() + 5
    while not is_so():
        assert time.monotonic() < give_up_at
        time.sleep(0.01)
