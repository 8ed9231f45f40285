"""A machine that slept on the way to Stripe sends nothing when it wakes; the tests move the clock at the moment that they mean."""

import inspect
import shutil
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from adapters.stripe.orders import KEY, MADE, REFUND, intent
from adapters.stripe.raw_server import RawServer, http
from ecloud_pay.adapters.stripe.deadline import Deadline
from ecloud_pay.adapters.stripe.gateway import Gateway, Limits, open_gateway
from ecloud_pay.adapters.stripe.transport import Broken, HttpAnswer, Transport
from ecloud_pay.clock import elapsed_s
from ecloud_pay.domain.answers import Accepted, Cause, NotSent
from ecloud_pay.domain.errors import Unavailable
from ecloud_pay.secret import Secret

A_NIGHT_S = 8 * 3600.0
TOO_LATE = "no connection in time"
NOT_SENT = NotSent(Cause.UNREACHED, f"Stripe cannot be reached: {TOO_LATE}")


class Clock:
    """Goes on only while the machine sleeps."""

    def __init__(self) -> None:
        self.now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s

    def sleep(self, seconds: float = A_NIGHT_S) -> None:
        self.now_s += seconds


def gateway(server: RawServer, clock: Clock, sleep: Callable[[float], None] = lambda _: None) -> Gateway:
    return open_gateway(Secret(KEY), base=server.url, limits=Limits(pauses_s=()), sleep=sleep, clock=clock)


def sleeping_at_resolution(clock: Clock, monkeypatch: pytest.MonkeyPatch, seconds: float = A_NIGHT_S) -> None:
    """Each connection finds that the machine slept while it asked for the address."""
    resolve = socket.getaddrinfo

    def resolve_asleep(*args: Any) -> Any:
        clock.sleep(seconds)
        return resolve(*args)

    monkeypatch.setattr("socket.getaddrinfo", resolve_asleep)


def sleeping_at_handshake(clock: Clock, tls: ssl.SSLContext, seconds: float = A_NIGHT_S) -> None:
    """Each connection finds that the machine slept while TLS was agreed on."""

    def shake_hands_asleep(*_: object) -> None:
        clock.sleep(seconds)

    tls.sni_callback = shake_hands_asleep


def test_a_machine_that_slept_while_it_asked_for_the_address_sends_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock()
    with RawServer(http(200, REFUND)) as server:
        sleeping_at_resolution(clock, monkeypatch)
        assert gateway(server, clock).send(intent()) == NOT_SENT
    assert (server.requests, clock.now_s) == ([], 1000.0 + A_NIGHT_S)


def test_a_machine_that_slept_during_the_handshake_sends_nothing(tls: ssl.SSLContext) -> None:
    clock = Clock()
    sleeping_at_handshake(clock, tls)
    with RawServer(http(200, REFUND), tls=tls) as server:
        assert gateway(server, clock).send(intent()) == NOT_SENT
    assert (server.requests, server.connections, clock.now_s) == ([], 1, 1000.0 + A_NIGHT_S)


def test_a_machine_that_slept_while_the_pace_was_kept_sends_nothing() -> None:
    clock = Clock()
    with RawServer(http(200, REFUND)) as server:
        opened = gateway(server, clock, sleep=lambda _: clock.sleep())
        assert [opened.send(intent()) for _ in range(21)] == [Accepted(MADE)] * 20 + [NOT_SENT]
    assert (len(server.requests), clock.now_s) == (20, 1000.0 + A_NIGHT_S)


@pytest.mark.parametrize(("seconds", "answer", "sent"), [(59.9, Accepted(MADE), 1), (60.0, NOT_SENT, 0)])
def test_a_nap_that_leaves_time_to_send_does_no_harm(tls: ssl.SSLContext, seconds: float, answer: object, sent: int) -> None:
    clock = Clock()
    sleeping_at_handshake(clock, tls, seconds)
    with RawServer(http(200, REFUND), tls=tls) as server:
        assert gateway(server, clock).send(intent()) == answer
    assert len(server.requests) == sent


def test_nothing_left_is_what_the_exchange_says_of_it(tls: ssl.SSLContext, certificate: object) -> None:
    clock = Clock()
    transport = Transport(None, str(certificate), connect_s=10)
    with RawServer(http(200, REFUND), tls=tls) as server:
        url = f"{server.url}/v1/refunds"
        assert isinstance(transport.exchange("post", url, {}, "amount=1", Deadline(60, clock)), HttpAnswer)
        sleeping_at_handshake(clock, tls)
        assert transport.exchange("post", url, {}, "amount=1", Deadline(60, clock)) == Broken(has_left=False, words=TOO_LATE)
        assert [thread.name for thread in threading.enumerate() if thread.name == "stripe"] == []
    assert (len(server.requests), server.connections) == (1, 2)


def test_a_read_that_slept_is_out_of_time_too(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock()
    with RawServer(http(200, {"id": "acct_1", "object": "account"})) as server:
        opened = gateway(server, clock)
        sleeping_at_resolution(clock, monkeypatch)
        with pytest.raises(Unavailable, match=TOO_LATE):
            opened.account()
        monkeypatch.undo()
        assert opened.account() == "acct_1"  # the next one has a time of its own
        opened.close()
    assert len(server.requests) == 1


def test_a_deadline_ends_when_its_seconds_are_over() -> None:
    clock = Clock()
    deadline = Deadline(60, clock)
    assert (deadline.left_s(), deadline.has_passed) == (60.0, False)
    clock.sleep(59.5)
    assert (deadline.left_s(), deadline.has_passed) == (0.5, False)
    clock.sleep(0.5)
    assert (deadline.left_s(), deadline.has_passed) == (0.0, True)
    clock.sleep(A_NIGHT_S)
    assert (deadline.left_s(), deadline.has_passed) == (0.0, True)


def test_unless_told_otherwise_deadlines_go_by_the_clock_that_counts_sleep() -> None:
    assert [inspect.signature(made).parameters["clock"].default for made in (Deadline, open_gateway)] == [elapsed_s, elapsed_s]


def test_that_clock_counts_sleep() -> None:
    """In a time namespace whose machine has slept for a day since it was started: that tells the clocks apart."""
    if not hasattr(time, "CLOCK_BOOTTIME"):
        pytest.skip("only Linux has time namespaces")
    asleep = ("unshare", "--time", "--boottime", "86400", "--fork")
    if shutil.which("unshare") is None or subprocess.run([*asleep, "true"], capture_output=True, check=False).returncode != 0:
        pytest.skip("this system lets nobody make a time namespace")
    before_s = elapsed_s()
    code = "from ecloud_pay.clock import elapsed_s; print(elapsed_s())"
    environ = {"PYTHONPATH": ":".join(path for path in sys.path if path)}
    done = subprocess.run([*asleep, sys.executable, "-c", code], env=environ, capture_output=True, text=True, check=True)
    assert before_s + 86400 < float(done.stdout) < elapsed_s() + 86400
