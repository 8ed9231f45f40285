"""What Stripe holds, read with patience; and every way in which that ends otherwise."""

import threading
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from adapters.stripe.orders import KEY, MADE, REFUND, gateway, intent
from adapters.stripe.raw_server import RawServer, http
from adapters.stripe.test_stripe_translate import CHARGE, INTENT, PAYMENT
from ecloud_pay.adapters.stripe.gateway import Gateway, Limits, open_gateway
from ecloud_pay.domain.answers import Accepted
from ecloud_pay.domain.at_stripe import DisputeAtStripe
from ecloud_pay.domain.errors import EcloudPayError, NotConfigured, Unavailable, UnknownAtStripe
from ecloud_pay.domain.money import Money
from ecloud_pay.ports import StripeGateway
from ecloud_pay.secret import Secret
from support.standin import Stripe

NOTHING = "Nothing was changed."
EMPTY = http(200, {"object": "list", "data": [], "has_more": False})
ACCOUNT = http(200, {"object": "account", "id": "acct_1"})


def at(stripe: Stripe) -> Gateway:
    return gateway(stripe.url, stripe.key)


def told(error: EcloudPayError) -> tuple[type[EcloudPayError], str, str, str]:
    return type(error), error.what, error.now, error.to_do


def failure(of: Callable[[], object]) -> EcloudPayError:
    with pytest.raises(EcloudPayError) as raised:
        of()
    return raised.value


def test_it_fulfils_the_port(stripe: Stripe) -> None:
    port: StripeGateway = at(stripe)
    assert port.account() == stripe.account
    assert port.mode == "test"


def test_a_payment_with_its_charge_its_disputes_and_all_of_its_refunds(stripe: Stripe) -> None:
    stripe.put_payment(
        "pi_1",
        500_00,
        currency="jpy",
        destination="acct_2",
        application_fee_amount=75_00,
        charge="py_9",
        disputes=[{"status": "needs_response"}, {"status": "warning_closed"}],
        refunds=[{"amount": number} for number in range(1, 106)],
    )
    stripe.put_payment("pi_2", 100_00, refunds=[{"amount": 7}], disputes=[{"status": "lost"}])
    payment = at(stripe).payment("pi_1")
    assert (payment.id, payment.status, payment.is_live) == ("pi_1", "succeeded", False)
    assert (payment.received, payment.captured, payment.charge_id) == (Money(500_00, "jpy"), Money(500_00, "jpy"), "py_9")
    assert (payment.has_transfer, payment.has_application_fee) == (True, True)
    assert sorted(dispute.status for dispute in payment.disputes) == ["needs_response", "warning_closed"]
    assert sorted(refund.amount.amount_minor for refund in payment.refunds) == list(range(1, 106))
    assert {refund.payment_intent for refund in payment.refunds} == {"pi_1"}
    assert [refund.created for refund in payment.refunds] == sorted((refund.created for refund in payment.refunds), reverse=True)
    asked = [(seen.method, seen.target) for seen in stripe.journal()]
    assert asked[0] == ("GET", "/v1/payment_intents/pi_1?expand%5B0%5D=latest_charge")
    assert asked[1] == ("GET", "/v1/disputes?payment_intent=pi_1&limit=100")
    assert asked[2] == ("GET", "/v1/refunds?payment_intent=pi_1&limit=100")
    assert asked[3] == ("GET", f"/v1/refunds?payment_intent=pi_1&limit=100&starting_after={payment.refunds[99].id}")
    assert len(asked) == 4


def test_refunds_and_one_refund(stripe: Stripe) -> None:
    stripe.put_payment("pi_1", 100_00, currency="eur")
    opened = at(stripe)
    sent = opened.send(intent())
    assert isinstance(sent, Accepted)
    clicked = stripe.dashboard_refund("pi_1", 5_00, reason="duplicate")
    both = opened.refunds("pi_1")
    assert {refund.id: (refund.key, refund.reason) for refund in both} == {
        sent.refund.id: (sent.refund.key, None),
        clicked["id"]: (None, "duplicate"),
    }
    assert opened.refund(sent.refund.id) == sent.refund
    stripe.move(sent.refund.id, "failed")
    assert opened.refund(sent.refund.id) == replace(sent.refund, status="failed")


def test_a_payment_that_is_not_captured(stripe: Stripe) -> None:
    stripe.put_payment("pi_1", 100_00, status="requires_capture")
    payment = at(stripe).payment("pi_1")
    assert (payment.status, payment.received, payment.captured) == ("requires_capture", Money(0, "usd"), None)


def test_a_payment_without_a_charge(stripe: Stripe) -> None:
    stripe.put_payment("pi_1", 100_00, status="requires_payment_method")
    payment = at(stripe).payment("pi_1")
    assert (payment.captured, payment.charge_id, payment.refunds) == (None, None, ())


def test_a_charge_that_is_only_an_id_is_fetched() -> None:
    intent_with_id = http(200, INTENT | {"latest_charge": "py_1"})
    with RawServer(intent_with_id, http(200, CHARGE), EMPTY, keeps=True) as server:
        assert gateway(server.url).payment("pi_1") == PAYMENT
    assert server.requests[1].startswith(b"GET /v1/charges/py_1 HTTP/1.1\r\n")


def test_disputes_are_read() -> None:
    dispute = {"object": "dispute", "id": "du_1", "created": 1, "status": "new_word", "is_charge_refundable": False}
    disputes = http(200, {"object": "list", "data": [dispute], "has_more": False})
    with RawServer(http(200, INTENT), disputes, EMPTY) as server:
        expected = replace(PAYMENT, disputes=(DisputeAtStripe("du_1", "new_word", is_charge_refundable=False),))
        assert gateway(server.url).payment("pi_1") == expected


def test_an_id_is_no_path() -> None:
    with RawServer(http(404, {"error": {"type": "invalid_request_error", "code": "resource_missing"}})) as server:
        failure(lambda: gateway(server.url).refund("re_1/../x?limit=1#y é"))
    assert server.request[""] == "GET /v1/refunds/re_1%2F..%2Fx%3Flimit%3D1%23y%20%C3%A9 HTTP/1.1"


@pytest.mark.parametrize(
    ("path", "match", "scope"),
    [
        ("account", "GET /v1/account", "Account: read"),
        ("payment", "GET /v1/payment_intents", "PaymentIntents: read"),
        ("payment", "GET /v1/disputes", "Disputes: read"),
        ("payment", "GET /v1/refunds", "Refunds: write"),
        ("refunds", "GET /v1/refunds", "Refunds: write"),
    ],
)
def test_a_restricted_key_that_lacks_a_scope_is_told_which(stripe: Stripe, path: str, match: str, scope: str) -> None:
    stripe.put_payment("pi_1", 100_00)
    stripe.restrict("rk_test_canary0123", match)
    opened = gateway(stripe.url, "rk_test_canary0123")
    error = failure(opened.account if path == "account" else lambda: getattr(opened, path)("pi_1"))
    assert isinstance(error, NotConfigured)
    assert error.what.startswith("the Stripe key may not do that: The provided key 'rk_test_***' does not have the required permissions")
    assert (error.now, error.to_do) == (NOTHING, f"Give the key of STRIPE_SECRET_KEY the permission “{scope}”.")
    assert len([seen for seen in stripe.journal() if f"{seen.method} {seen.target}".startswith(match)]) == 1


def test_a_key_that_has_expired_or_is_nobodys_is_exit_4(stripe: Stripe) -> None:
    stripe.expire(stripe.key)
    assert told(failure(at(stripe).account)) == (
        NotConfigured,
        "Stripe refuses the key: Expired API Key provided: sk_test_***",
        NOTHING,
        "Correct STRIPE_SECRET_KEY.",
    )
    assert told(failure(gateway(stripe.url, KEY).account))[1] == "Stripe refuses the key: Invalid API Key provided: sk_test_***"


def test_a_payment_that_stripe_does_not_know(stripe: Stripe) -> None:
    error = failure(lambda: at(stripe).payment("pi_none"))
    assert told(error) == (
        UnknownAtStripe,
        "Stripe does not know it under this key: No such payment_intent: 'pi_none'",
        NOTHING,
        "See that STRIPE_SECRET_KEY belongs to the account that took the payment.",
    )
    assert isinstance(error, UnknownAtStripe)
    assert not error.is_of_other_mode
    assert isinstance(failure(lambda: at(stripe).refund("re_none")), UnknownAtStripe)


def test_a_payment_of_the_other_mode(stripe: Stripe) -> None:
    stripe.put_payment("pi_1", 100_00, livemode=True)
    error = failure(lambda: at(stripe).payment("pi_1"))
    assert isinstance(error, UnknownAtStripe)
    assert error.is_of_other_mode
    assert error.what.startswith("Stripe has it in the other mode: No such payment_intent: 'pi_1'; a similar object exists in live mode")
    assert error.to_do == "Use the live key of the same account, or the database that belongs to this one."


@pytest.mark.parametrize("fault", ["429", "409", "500", "502", "503", "504", "refuse", "reset_before", "reset_after", "truncate"])
def test_a_read_is_tried_again(stripe: Stripe, fault: str) -> None:
    slept: list[float] = []
    opened = open_gateway(Secret(stripe.key), base=stripe.url, sleep=slept.append)
    stripe.faults(*[fault] * 3, match="GET /v1/account")
    assert opened.account() == stripe.account
    assert stripe.unfired() == []
    assert [longest / 2 <= pause_s <= longest for longest, pause_s in zip((0.5, 1.0, 2.0), slept, strict=True)] == [True] * 3


def test_after_four_tries_it_is_given_up(stripe: Stripe) -> None:
    stripe.faults("429", match="GET /v1/account", times=9)
    error = failure(at(stripe).account)
    assert told(error) == (
        Unavailable,
        "Stripe answered 429: Request rate limit exceeded. Learn more about rate limits here https://stripe.com/docs/rate-limits.",
        NOTHING,
        "Repeat it in a while; status.stripe.com tells whether Stripe has a problem.",
    )
    assert len(stripe.journal()) == 4


def test_a_server_that_is_down_is_tried_four_times(stripe: Stripe) -> None:
    slept: list[float] = []
    stripe.door(is_open=False)
    try:
        error = failure(open_gateway(Secret(stripe.key), base=stripe.url, sleep=slept.append).account)
    finally:
        stripe.door(is_open=True)
    assert told(error)[:2] == (Unavailable, "Stripe cannot be reached: Connection refused")
    assert len(slept) == 3


@pytest.mark.parametrize(
    ("answer", "what"),
    [
        (http(200, b"<html>"), "what Stripe answered for account makes no sense: it is not JSON"),
        (http(200, b"[]"), "what Stripe answered for account makes no sense: it is no JSON object"),
        (http(200, {}), "what Stripe answered for account makes no sense: its id is missing or no word"),
        (http(200, {"id": "acct_1", "object": "refund"}), "what Stripe answered for account makes no sense: it is no account"),
        (http(201, {"id": "acct_1"}), "the answer is not Stripe's: HTTP 201"),
        (http(302, b"", Location="http://127.0.0.1:1/"), "the answer is not Stripe's: HTTP 302"),
        (http(401, b"log in to the hotel's network"), "the answer is not Stripe's: HTTP 401"),
        (http(403, {"error": "blocked"}), "the answer is not Stripe's: HTTP 403"),
        (http(404, b""), "the answer is not Stripe's: HTTP 404"),
        (http(400, {"error": {"type": "invalid_request_error", "message": "No: a@b.example"}}), "Stripe answered 400: No: ***"),
    ],
)
def test_an_answer_that_helps_nobody_is_not_asked_for_again(answer: bytes, what: str) -> None:
    with RawServer(answer) as server:
        error = failure(gateway(server.url).account)
    assert told(error)[:3] == (Unavailable, what, NOTHING)
    assert len(server.requests) == 1


def test_a_list_that_cannot_be_whole_is_not_taken_for_one(stripe: Stripe) -> None:
    stripe.put_payment("pi_1", 100_00)
    stripe.faults("empty_page_200", match="GET /v1/refunds")
    assert told(failure(lambda: at(stripe).refunds("pi_1")))[:2] == (
        Unavailable,
        "what Stripe answered for refunds makes no sense: a page is empty and claims that there are more",
    )


def test_a_list_that_goes_on_for_ever_is_given_up() -> None:
    refunds = [http(200, {"object": "list", "data": [REFUND | {"id": f"re_{number}"}], "has_more": True}) for number in range(4)]
    with RawServer(*refunds) as server:
        error = failure(lambda: gateway(server.url, limits=Limits(pages=3)).refunds("pi_1"))
    assert error.what == "what Stripe answered for refunds makes no sense: the list has more than 3 pages"
    assert len(server.requests) == 3


@pytest.mark.parametrize("odd", [{"amount": "2500"}, {"payment_intent": "pi_2"}, {"status": None}], ids=repr)
def test_a_list_with_an_odd_refund_in_it_is_told(odd: dict[str, Any]) -> None:
    with RawServer(http(200, {"object": "list", "data": [REFUND, REFUND | {"id": "re_2"} | odd], "has_more": False})) as server:
        assert told(failure(lambda: gateway(server.url).refunds("pi_1")))[0] is Unavailable


def test_another_object_than_was_asked_for_is_told() -> None:
    with RawServer(http(200, REFUND)) as server:
        assert gateway(server.url).refund("re_1") == MADE
        error = failure(lambda: gateway(server.url).refund("re_2"))
    assert error.what == "what Stripe answered for refunds makes no sense: it is another refund"


def test_the_deadline_holds_for_all_tries_together(stripe: Stripe) -> None:
    stripe.faults("stall_before", match="GET /v1/account", times=9, seconds=1.0)
    opened = open_gateway(Secret(stripe.key), base=stripe.url, limits=Limits(read_s=0.5, pauses_s=(0.01,)))
    started_at_s = time.monotonic()
    error = failure(opened.account)
    assert time.monotonic() - started_at_s < 1
    assert told(error)[0] is Unavailable
    assert told(error)[1] in ("Stripe's answer was lost: no answer within 0.5 s", "Stripe's answer was lost: timed out")


def test_reads_keep_their_connection_and_survive_that_the_server_closes_it() -> None:
    with RawServer(ACCOUNT, keeps=True) as server:
        opened = gateway(server.url)
        assert [opened.account() for _ in range(3)] == ["acct_1"] * 3
        assert server.connections == 1
        server.hang_up()
        assert opened.account() == "acct_1"
        assert server.connections == 2
        opened.close()


def test_a_cookie_is_not_kept() -> None:
    with RawServer(http(200, {"object": "account", "id": "acct_1"}, Set_Cookie="a=b"), ACCOUNT, keeps=True) as server:
        opened = gateway(server.url)
        opened.account()
        opened.account()
        opened.close()
    assert [b"cookie" in request.lower() for request in server.requests] == [False, False]


def test_more_reads_than_stripe_allows_wait(stripe: Stripe) -> None:
    slept: list[float] = []
    opened = open_gateway(Secret(stripe.key), base=stripe.url, sleep=slept.append)
    for _ in range(21):
        opened.account()
    assert len(slept) == 1
    assert 0 < slept[0] < 1


def test_threads_may_read_at_once(stripe: Stripe) -> None:
    opened = at(stripe)
    accounts: list[str] = []
    threads = [threading.Thread(target=lambda: accounts.append(opened.account())) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert accounts == [stripe.account] * 8


def test_the_instant_of_a_refund_is_utc(stripe: Stripe) -> None:
    stripe.put_payment("pi_1", 100_00, created=1764000000, refunds=[{"amount": 1, "created": 1764000001}])
    assert [refund.created for refund in at(stripe).refunds("pi_1")] == [datetime(2025, 11, 24, 16, 0, 1, tzinfo=UTC)]
