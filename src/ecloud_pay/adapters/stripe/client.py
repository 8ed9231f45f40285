"""Stripe's library, and the only place that imports it: it builds the requests; what comes back is handed on as it came.

Its own reading of an answer is not used: that loses error codes, quotes bodies, and crashes on one such as {"error": null}.
"""

import contextvars
import logging
import os
import time
from collections.abc import Mapping

# The library reads it when it is imported, and would then print request bodies.
os.environ.pop("STRIPE_LOG", None)

import stripe

from ecloud_pay.adapters.stripe.border import plain_id
from ecloud_pay.adapters.stripe.deadline import Deadline
from ecloud_pay.adapters.stripe.transport import HttpAnswer, Outcome, Transport

# What translate.py was written for. A newer library would otherwise change the answers.
API_VERSION = "2026-10-28.endive"

# It would write an id under ~/.config, and fails where there is no home.
stripe.enable_telemetry = False
# It logs bodies; the log of a call is ours.
logging.getLogger("stripe").disabled = True

_log = logging.getLogger("payments")
Params = Mapping[str, str | int | bool | list[str]]


class _Ride:
    """One call under way through the library: until when it may take, and what came of it."""

    def __init__(self, deadline: Deadline) -> None:
        self.deadline = deadline
        self.outcome: Outcome | None = None


_RIDE: contextvars.ContextVar[_Ride] = contextvars.ContextVar("ride")


class _HttpClient(stripe.HTTPClient):
    """Hands the library's requests to our transport."""

    name = "requests"

    def __init__(self, transport: Transport) -> None:
        super().__init__()
        self._transport = transport

    def request(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str] | None,
        post_data: str | None = None,
        *,
        _usage: list[str] | None = None,
    ) -> tuple[str, int, Mapping[str, str]]:
        ride = _RIDE.get()
        ride.outcome = self._transport.exchange(method, url, headers or {}, post_data, ride.deadline)
        return "{}", 200, {}  # all that the library learns


class Client:
    """One key at one address."""

    def __init__(self, key: str, base: str, proxy: str | None, connect_s: float) -> None:
        self._transport = Transport(proxy, stripe.ca_bundle_path, connect_s)
        self._stripe = stripe.StripeClient(
            key,
            stripe_version=API_VERSION,
            base_addresses={"api": base},
            max_network_retries=0,  # which is its default, and must never be another
            http_client=_HttpClient(self._transport),
        )

    def ask(self, method: str, path: str, params: Params, deadline: Deadline, idempotency_key: str | None = None) -> Outcome:
        """One request, once. Fields are sent in the order of `params`; what is None is left out."""
        ride = _Ride(deadline)
        token = _RIDE.set(ride)
        started_at_s = time.monotonic()
        try:
            self._stripe.raw_request(method, path, **params, idempotency_key=idempotency_key)
        finally:
            _RIDE.reset(token)
        assert ride.outcome is not None, "the library asked nobody"
        _tell(method, path, ride.outcome, time.monotonic() - started_at_s)
        return ride.outcome

    def close(self) -> None:
        """Hang up."""
        self._transport.close()


def _tell(method: str, path: str, outcome: Outcome, took_s: float) -> None:
    status, request_id = "no answer", None
    if isinstance(outcome, HttpAnswer):
        status, request_id = str(outcome.status), plain_id(outcome.headers.get("request-id"))
    _log.info("Stripe %s %s: %s, %.0f ms, %s", method.upper(), path, status, took_s * 1000, request_id or "no request id")
