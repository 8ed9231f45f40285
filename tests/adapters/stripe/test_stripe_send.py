"""Sending a refund: one attempt, the same bytes every time, and every answer in its class."""

import logging
import signal
import socket
import ssl
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from types import FrameType
from typing import Any

import pytest

from adapters.stripe.orders import IDEMPOTENCY_KEY, KEY, MADE, REFUND, SOON, gateway, intent
from adapters.stripe.raw_server import RawServer, Speech, http
from ecloud_pay.adapters.stripe.gateway import Limits
from ecloud_pay.domain.answers import Accepted, Answer, Cause, Declined, NotSent, Unknown
from ecloud_pay.domain.at_stripe import Mode
from ecloud_pay.domain.money import Money
from ecloud_pay.domain.refund import RefundReason
from support.standin import Stripe

BODY = (
    f"payment_intent=pi_1&amount=2500&metadata[ecloud_pay_key]={IDEMPOTENCY_KEY}"
    "&metadata[ecloud_pay_payment]=5&metadata[ecloud_pay_refund]=7"
)


def sent_to(server: RawServer, limits: Limits | None = None, **changes: Any) -> Answer:
    """What a new gateway makes of that server's answer."""
    opened = gateway(server.url, limits=limits)
    try:
        return opened.send(intent(**changes))
    finally:
        opened.close()


def test_what_is_sent_is_exactly_this() -> None:
    with RawServer(http(200, REFUND)) as server:
        assert sent_to(server) == Accepted(MADE, None, is_replay=False)
    request = server.request
    assert request[""] == "POST /v1/refunds HTTP/1.1"
    assert request["body"] == BODY
    assert request["idempotency-key"] == IDEMPOTENCY_KEY
    assert request["authorization"] == f"Bearer {KEY}"
    assert request["content-type"] == "application/x-www-form-urlencoded"
    assert request["stripe-version"] == "2026-10-28.endive"
    assert "cookie" not in request
    assert "x-stripe-client-telemetry" not in request


@pytest.mark.parametrize(
    ("changes", "behind"),
    [
        ({"reason": RefundReason.FRAUDULENT}, "&reason=fraudulent"),
        ({"reverse_transfer": True, "refund_application_fee": False}, "&reverse_transfer=true&refund_application_fee=false"),
        (
            {"reason": RefundReason.DUPLICATE, "reverse_transfer": False, "refund_application_fee": True},
            "&reason=duplicate&reverse_transfer=false&refund_application_fee=true",
        ),
    ],
)
def test_what_was_chosen_comes_last_and_what_was_not_is_left_out(changes: dict[str, Any], behind: str) -> None:
    with RawServer(http(200, REFUND)) as server:
        sent_to(server, **changes)
    assert server.request["body"] == BODY + behind


def test_yen_are_sent_whole_and_the_answers_currency_may_be_in_capitals() -> None:
    with RawServer(http(200, REFUND | {"currency": "JPY"})) as server:
        assert sent_to(server, amount=Money(2500, "jpy")) == Accepted(replace(MADE, amount=Money(2500, "jpy")))
    assert "&amount=2500&" in server.request["body"]


def test_every_attempt_of_every_process_has_the_same_bytes() -> None:
    code = (
        "import sys; from adapters.stripe.orders import gateway, intent; "
        "opened = gateway(sys.argv[1]); opened.send(intent()); opened.send(intent())"
    )
    with RawServer(http(200, REFUND)) as server:
        for seed in ("1", "2"):
            environment = {"PYTHONPATH": ":".join(sys.path), "PYTHONHASHSEED": seed}
            subprocess.run([sys.executable, "-W", "error", "-c", code, server.url], env=environment, check=True)
        sent_to(server)
    assert len(server.requests) == 5
    assert len(set(server.requests)) == 1


def refused(status: int, type: str = "invalid_request_error", message: str = "No.", **error: object) -> bytes:
    return http(status, {"error": {"type": type, "message": message, **error}}, Request_Id="req_1")


OTHER_MODE = "No such payment_intent: 'pi_1'; a similar object exists in live mode, but a test mode key was used to make this request."
ANSWERS: list[tuple[bytes, Answer]] = [
    (http(200, REFUND, Request_Id="req_1"), Accepted(MADE, "req_1")),
    (http(200, REFUND, Request_Id="req_1", Idempotent_Replayed="true"), Accepted(MADE, "req_1", is_replay=True)),
    (http(200, REFUND, Idempotent_Replayed="false"), Accepted(MADE)),
    (http(200, REFUND | {"status": "failed"}), Accepted(replace(MADE, status="failed"))),
    (http(200, REFUND | {"status": "in_review"}), Accepted(replace(MADE, status="in_review"))),
    (http(200, REFUND, Request_Id="a b\x01" + "x" * 200), Accepted(MADE)),
    (refused(400), Declined(None, "No.", "req_1")),
    (refused(400, code="charge_already_refunded"), Declined("charge_already_refunded", "No.", "req_1")),
    (refused(400, code=["odd"]), Declined(None, "No.", "req_1")),
    (refused(402, "card_error", code="insufficient_funds"), Declined("insufficient_funds", "No.", "req_1")),
    (refused(404, code="resource_missing"), Declined("resource_missing", "No.", "req_1")),
    (refused(400, message=None), Declined(None, "no reason given", "req_1")),  # type: ignore[arg-type]
    (refused(404, message=OTHER_MODE, code="resource_missing"), NotSent(Cause.UNAUTHORISED, OTHER_MODE, "req_1")),
    (refused(401), NotSent(Cause.UNAUTHORISED, "No.", "req_1")),
    (refused(403), NotSent(Cause.UNAUTHORISED, "No.", "req_1")),
    (refused(429, code="rate_limit"), NotSent(Cause.RATE_LIMITED, "No.", "req_1")),
    (refused(429, code="lock_timeout"), NotSent(Cause.RATE_LIMITED, "No.", "req_1")),
    (refused(400, code="rate_limit"), NotSent(Cause.RATE_LIMITED, "No.", "req_1")),
    (refused(400, "idempotency_error"), Unknown(Cause.KEY_CLASH, "No.", "req_1")),
    (refused(409, code="idempotency_key_in_use"), Unknown(Cause.IN_USE, "No.", "req_1")),
    (refused(409, "idempotency_error"), Unknown(Cause.IN_USE, "No.", "req_1")),
    (refused(500, "api_error"), Unknown(Cause.SERVER_ERROR, "No.", "req_1")),
    (http(500, b"<h1>"), Unknown(Cause.SERVER_ERROR, "Stripe answered 500")),
    (http(502, b"<h1>"), Unknown(Cause.LOST, "Stripe answered 502")),
    (http(503, b""), Unknown(Cause.LOST, "Stripe answered 503")),
    (http(504, {"error": None}), Unknown(Cause.LOST, "Stripe answered 504")),
    (refused(400, "api_error"), Unknown(Cause.ODD, "No.", "req_1")),
    (refused(418), Unknown(Cause.ODD, "No.", "req_1")),
    (refused(302), Unknown(Cause.ODD, "the answer is not Stripe's: HTTP 302", "req_1")),
]


@pytest.mark.parametrize(
    ("answer", "means"), ANSWERS, ids=[f"{answer[9:12].decode()}-{index}" for index, (answer, _) in enumerate(ANSWERS)]
)
def test_an_answer_means(answer: bytes, means: Answer) -> None:
    with RawServer(answer) as server:
        assert sent_to(server) == means
    assert len(server.requests) == 1


@pytest.mark.parametrize("status", [400, 401, 402, 403, 404, 405, 418, 429])
@pytest.mark.parametrize(
    "body",
    [b"", b"<html>no</html>", b"[]", b"{}", b'{"error": null}', b'{"error": "invalid_client"}', b'{"error": ["x"]}', b'{"error": {}}'],
)
def test_a_refusal_that_is_not_stripes_own_says_nothing_about_the_refund(status: int, body: bytes) -> None:
    with RawServer(http(status, body)) as server:
        assert sent_to(server) == Unknown(Cause.ODD, f"the answer is not Stripe's: HTTP {status}")


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (b"<html>Welcome</html>", "it is not JSON"),
        (b"", "it is not JSON"),
        (b"\xff\xfe\x00", "it is not JSON"),
        (b"[" * 100_000, "it is not JSON"),
        (b"1" * 5000, "it is not JSON"),
        (b"[]", "it is no JSON object"),
        (b"null", "it is no JSON object"),
        (b"{}", "its id is missing or no word"),
        (b'{"error": {"type": "invalid_request_error"}}', "its id is missing or no word"),
    ],
)
def test_a_200_that_is_no_refund_is_an_unknown_outcome(body: bytes, why: str) -> None:
    with RawServer(http(200, body)) as server:
        assert sent_to(server) == Unknown(Cause.ODD, f"Stripe answered 200 with something else: {why}")


@pytest.mark.parametrize(
    "change",
    [
        {"amount": 2501},
        {"currency": "usd"},
        {"payment_intent": "pi_2"},
        {"payment_intent": None},
        {"metadata": {"ecloud_pay_key": "another"}},
        {"metadata": {}},
        {"metadata": None},
    ],
    ids=repr,
)
def test_a_200_with_another_refund_is_an_unknown_outcome(change: dict[str, object]) -> None:
    with RawServer(http(200, REFUND | change)) as server:
        assert sent_to(server) == Unknown(Cause.ODD, "Stripe answered 200 with another refund than was asked for")


@pytest.mark.parametrize("status", [201, 202, 203, 206])
def test_another_2xx_is_an_unknown_outcome(status: int) -> None:
    with RawServer(http(status, REFUND)) as server:
        assert sent_to(server) == Unknown(Cause.ODD, f"the answer is not Stripe's: HTTP {status}")


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed(status: int) -> None:
    with RawServer(http(200, REFUND)) as elsewhere, RawServer(http(status, b"", Location=f"{elsewhere.url}/v1/refunds/re_1")) as server:
        assert sent_to(server) == Unknown(Cause.ODD, f"the answer is not Stripe's: HTTP {status}")
    assert (len(server.requests), elsewhere.connections) == (1, 0)


def reset(client: socket.socket) -> None:
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.close()


def hang_up(client: socket.socket) -> None:
    client.shutdown(socket.SHUT_RDWR)


def say(*parts: bytes, pause_s: float = 0.0) -> Speech:
    def speak(client: socket.socket) -> None:
        for part in parts:
            client.sendall(part)
            time.sleep(pause_s)

    return speak


def say_nothing(client: socket.socket) -> None:
    client.recv(1)  # until they hang up


WHOLE = http(200, REFUND)


@pytest.mark.parametrize(
    ("speech", "why"),
    [
        (reset, "Connection reset by peer"),
        (hang_up, "Remote end closed connection without response"),
        (say(WHOLE[:5]), "HTTP/"),
        (say(WHOLE[:-10]), "IncompleteRead"),
        (say(b"SSH-2.0-OpenSSH\r\n"), "SSH-2.0-OpenSSH"),
        (say(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabc"), "IncompleteRead"),
        (say(b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 3\r\n\r\nabc"), "incorrect header check"),
    ],
)
def test_an_answer_that_breaks_off_is_lost(speech: Speech, why: str) -> None:
    with RawServer(speech) as server:
        answer = sent_to(server)
    assert isinstance(answer, Unknown)
    assert answer.cause is Cause.LOST
    assert answer.message.startswith("Stripe's answer was lost: ")
    assert why in answer.message
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    "speech",
    [
        say_nothing,
        say(*(WHOLE[place : place + 1] for place in range(60)), pause_s=0.1),
        say(WHOLE[:-60], *(WHOLE[place : place + 1] for place in range(-60, 0)), pause_s=0.1),
    ],
    ids=["silence", "dripping headers", "dripping body"],
)
def test_the_deadline_holds_for_the_whole_of_it(speech: Speech) -> None:
    with RawServer(speech) as server:
        started_at_s = time.monotonic()
        assert sent_to(server, SOON) in (
            Unknown(Cause.LOST, "Stripe's answer was lost: no answer within 0.5 s"),
            Unknown(Cause.LOST, "Stripe's answer was lost: timed out"),
        )
        assert time.monotonic() - started_at_s < 1.5
        assert [thread.name for thread in threading.enumerate() if thread.name == "stripe"] == []


def test_the_deadline_holds_for_an_encrypted_answer_that_drips(tls: ssl.SSLContext) -> None:
    with RawServer(say(*(WHOLE[place : place + 1] for place in range(60)), pause_s=0.1), tls=tls) as server:
        assert sent_to(server, SOON) == Unknown(Cause.LOST, "Stripe's answer was lost: no answer within 0.5 s")
        assert [thread.name for thread in threading.enumerate() if thread.name == "stripe"] == []


def test_an_answer_without_end_is_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ecloud_pay.adapters.stripe.transport.LONGEST_ANSWER_BYTES", 100_000)
    with RawServer(say(b"HTTP/1.1 200 OK\r\n\r\n", b" " * 200_000)) as server:
        assert sent_to(server) == Unknown(Cause.LOST, "Stripe's answer was lost: the answer is too long")


class Stop(BaseException):
    """What the handler of a signal raises."""


def test_a_signal_that_raises_ends_the_wait_at_once() -> None:
    def stop(_signum: int, _frame: FrameType | None) -> None:
        raise Stop

    before = signal.signal(signal.SIGALRM, stop)
    try:
        with RawServer(say_nothing) as server:
            started_at_s = time.monotonic()
            signal.setitimer(signal.ITIMER_REAL, 0.2)
            with pytest.raises(Stop):
                sent_to(server)
            assert time.monotonic() - started_at_s < 1
            until(lambda: "stripe" not in [thread.name for thread in threading.enumerate()])  # nobody holds the line any more
            assert len(server.requests) == 1
    finally:
        signal.signal(signal.SIGALRM, before)


def unreached(answer: Answer) -> str:
    assert isinstance(answer, NotSent)
    assert answer.cause is Cause.UNREACHED
    assert answer.message.startswith("Stripe cannot be reached: ")
    return answer.message.removeprefix("Stripe cannot be reached: ")


def test_a_connection_that_is_refused_was_not_sent() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    assert unreached(gateway(f"http://127.0.0.1:{port}").send(intent())) == "Connection refused"


def test_a_connection_that_does_not_come_about_was_not_sent() -> None:
    with socket.socket() as deaf, socket.socket() as first, socket.socket() as second:
        deaf.bind(("127.0.0.1", 0))
        deaf.listen(0)
        for waiting in (first, second):
            waiting.setblocking(False)
            waiting.connect_ex(deaf.getsockname())
        assert unreached(gateway(f"http://127.0.0.1:{deaf.getsockname()[1]}", limits=SOON).send(intent())) == "timed out"


def test_a_name_that_cannot_be_resolved_was_not_sent() -> None:
    words = unreached(gateway("", proxy="http://nowhere.invalid:3128").send(intent()))
    assert words in ("Name or service not known", "nodename nor servname provided, or not known", "Temporary failure in name resolution")


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (http(403, b"no"), "Tunnel connection failed: 403 X"),
        (http(407, b"no"), "Tunnel connection failed: 407 X"),
        (hang_up, "Remote end closed connection without response"),
        (reset, "Connection reset by peer"),
        (http(200, b"") + b"what?", ""),
    ],
)
def test_a_proxy_that_makes_no_tunnel_was_sent_nothing_of_it(answer: bytes | Speech, why: str) -> None:
    with RawServer(answer) as proxy:
        words = unreached(gateway("", proxy=f"http://us%40er:pass%40word@127.0.0.1:{proxy.port}", limits=SOON).send(intent()))
    assert why in words
    assert proxy.request[""] in ("CONNECT api.stripe.com:443 HTTP/1.0", "CONNECT api.stripe.com:443 HTTP/1.1")
    assert proxy.request["proxy-authorization"] == "Basic dXNAZXI6cGFzc0B3b3Jk"
    assert "authorization" not in proxy.request
    assert "pass" not in words


def test_a_tls_failure_was_not_sent() -> None:
    with RawServer(http(200, REFUND)) as plain:
        words = unreached(gateway(plain.url.replace("http:", "https:"), limits=SOON).send(intent()))
    assert words
    assert plain.requests == []


def test_a_certificate_that_is_not_trusted_was_not_sent(tls: ssl.SSLContext, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    with RawServer(http(200, REFUND), tls=tls) as server:
        assert "certificate verify failed" in unreached(gateway(server.url).send(intent())).lower()
    assert server.requests == []


def test_tls_works(tls: ssl.SSLContext) -> None:
    with RawServer(http(200, REFUND), tls=tls) as server:
        assert gateway(server.url).send(intent()) == Accepted(MADE)


def test_a_tls_failure_after_the_request_is_lost_although_the_library_calls_it_the_same(tls: ssl.SSLContext) -> None:
    def garble(client: socket.socket) -> None:
        assert isinstance(client, ssl.SSLSocket)
        with socket.socket(fileno=client.detach()) as raw:
            raw.sendall(b"this is no TLS record at all")
            raw.shutdown(socket.SHUT_WR)
            raw.recv(100)

    with RawServer(garble, tls=tls) as server:
        answer = gateway(server.url).send(intent())
    assert isinstance(answer, Unknown), answer
    assert answer.cause is Cause.LOST
    assert len(server.requests) == 1


def test_a_request_whose_connection_came_too_late_is_never_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    resolve = socket.getaddrinfo

    def resolve_late(*args: Any) -> Any:
        time.sleep(0.5)
        return resolve(*args)

    with RawServer(http(200, REFUND)) as server:
        monkeypatch.setattr("socket.getaddrinfo", resolve_late)
        assert unreached(sent_to(server, Limits(send_s=0.2))) == "no connection in time"
        until(lambda: server.connections == 1)
        until(lambda: "stripe" not in [thread.name for thread in threading.enumerate()])
    assert server.requests == []


def until(is_so: Callable[[], bool]) -> None:
    give_up_at_s = time.monotonic() + 5
    while not is_so():
        assert time.monotonic() < give_up_at_s
        time.sleep(0.01)


def test_each_post_has_a_connection_of_its_own_even_where_the_server_keeps_them() -> None:
    with RawServer(http(200, {"id": "acct_1", "object": "account"}), http(200, REFUND), keeps=True) as server:
        opened = gateway(server.url)
        assert opened.account() == "acct_1"
        assert [opened.send(intent()), opened.send(intent())] == [Accepted(MADE), Accepted(MADE)]
        opened.close()
    assert (len(server.requests), server.connections) == (3, 3)


def test_an_order_of_the_other_mode_is_not_sent() -> None:
    with RawServer(http(200, REFUND)) as server:
        assert sent_to(server, mode=Mode.LIVE) == NotSent(
            Cause.UNAUTHORISED, "the refund was recorded for a live key, and this is a test key"
        )
    assert server.connections == 0


def test_what_stripe_says_is_one_short_line_without_key_or_email(caplog: pytest.LogCaptureFixture) -> None:
    said = f"Key {KEY}\n and rk_live_abc123 of ann@example.org\x1b[31m\u202e, sk_test_****Mn0p: " + "long " * 200
    with caplog.at_level(logging.DEBUG), RawServer(refused(400, message=said)) as server:
        answer = sent_to(server)
    assert isinstance(answer, Declined)
    assert answer.message.startswith("Key *** and rk_live_*** of *** [31m , sk_test_***: long long ")
    assert len(answer.message) == 300
    assert "canary" not in caplog.text
    assert "@" not in caplog.text
    ours = [record.getMessage() for record in caplog.records if record.name == "payments"]
    assert len(ours) == 1
    assert ours[0].startswith("Stripe POST /v1/refunds: 400, ")
    assert ours[0].endswith(" ms, req_1")
    assert [record for record in caplog.records if record.name == "stripe"] == []


def test_the_log_says_when_there_was_no_answer(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "payments"), RawServer(reset) as server:
        sent_to(server)
    (line,) = caplog.messages
    assert line.startswith("Stripe POST /v1/refunds: no answer, ")
    assert line.endswith(" ms, no request id")


def test_four_threads_may_send_at_once() -> None:
    with RawServer(say(WHOLE, pause_s=0.2)) as server:
        opened = gateway(server.url)
        answers: list[Answer] = []
        threads = [threading.Thread(target=lambda: answers.append(opened.send(intent()))) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert answers == [Accepted(MADE)] * 4


@pytest.mark.parametrize(
    ("fault", "cause"),
    [
        ("refuse", Cause.LOST),
        ("reset_before", Cause.LOST),
        ("reset_after", Cause.LOST),
        ("truncate", Cause.LOST),
        ("html_200", Cause.ODD),
        ("empty_object_200", Cause.ODD),
        ("empty_list_200", Cause.ODD),
        ("other_amount", Cause.ODD),
        ("redirect_302", Cause.ODD),
        ("409", Cause.IN_USE),
        ("429", Cause.RATE_LIMITED),
        ("401", Cause.UNAUTHORISED),
        ("403", Cause.UNAUTHORISED),
        ("500_acted", Cause.SERVER_ERROR),
        ("500_not_acted", Cause.SERVER_ERROR),
        ("502", Cause.LOST),
        ("503", Cause.LOST),
        ("504_acted", Cause.LOST),
    ],
)
def test_the_stand_ins_faults_end_in(stripe: Stripe, fault: str, cause: Cause) -> None:
    stripe.put_payment("pi_1", 100_00, currency="eur")
    stripe.faults(fault)
    answer = gateway(stripe.url, stripe.key).send(intent())
    assert isinstance(answer, NotSent | Unknown)
    assert (answer.cause, stripe.unfired()) == (cause, [])


def test_at_the_stand_in_the_second_attempt_is_a_replay_of_the_first(stripe: Stripe) -> None:
    stripe.put_payment("pi_1", 100_00, currency="eur")
    opened = gateway(stripe.url, stripe.key)
    first, second = opened.send(intent()), opened.send(intent())
    assert isinstance(first, Accepted)
    assert isinstance(second, Accepted)
    assert (first.is_replay, second.is_replay) == (False, True)
    assert first.refund == second.refund
    assert [refund["id"] for refund in stripe.refunds("pi_1")] == [first.refund.id]


def test_at_the_stand_in_the_refusals_are_declined(stripe: Stripe) -> None:
    stripe.put_payment("pi_1", 20_00, currency="eur")
    opened = gateway(stripe.url, stripe.key)
    beyond = opened.send(intent())
    assert isinstance(beyond, Declined)
    assert beyond.code is None
    assert isinstance(opened.send(intent(key="k2", amount=Money(20_00, "eur"))), Accepted)
    again = opened.send(intent(key="k3", amount=Money(1, "eur")))
    assert isinstance(again, Declined)
    assert again.code == "charge_already_refunded"
    clash = opened.send(intent(amount=Money(1, "eur")))
    assert isinstance(clash, Unknown)
    assert clash.cause is Cause.KEY_CLASH
    unknown = opened.send(intent(key="k4", payment_intent="pi_none"))
    assert isinstance(unknown, Declined)
    assert unknown.code == "resource_missing"


def test_at_the_stand_in_a_payment_of_the_other_mode_was_not_sent(stripe: Stripe) -> None:
    stripe.put_payment("pi_1", 100_00, currency="eur", livemode=True)
    answer = gateway(stripe.url, stripe.key).send(intent())
    assert isinstance(answer, NotSent)
    assert answer.cause is Cause.UNAUTHORISED
    assert "a similar object exists in live mode" in answer.message
