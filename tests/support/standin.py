"""The stand-in for Stripe as tests use it: arrange payments and faults, then ask what really happened.

stripe.reset()
stripe.put_payment("pi_1", 100_00, disputes=[{"status": "needs_response"}])
stripe.faults("reset_after")                                 # the next POST /v1/refunds
…
assert stripe.unfired() == []                                # else the test has proved nothing
assert [refund["amount"] for refund in stripe.refunds("pi_1")] == [25_00]
"""

import http.client
import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlencode

from ecloud_pay.demo.standin.process import StandIn, running_standin
from support.canaries import LOOSE

Body = dict[str, Any]

POST_REFUNDS = "POST /v1/refunds"


@dataclass(frozen=True, slots=True)
class Seen:
    """One request that Stripe was sent. `status` None: nothing was answered. `acted`: it made the refund `refund`."""

    number: int
    at_s: float
    method: str
    target: str
    headers: dict[str, str]
    key_sha256: str | None
    body: str
    status: int | None
    acted: bool
    refund: str | None
    fault: str | None
    is_replay: bool
    request_id: str | None
    is_over: bool

    @property
    def idempotency_key(self) -> str | None:
        """The idempotency key that it bore."""
        return self.headers.get("idempotency-key")


class ControlFailed(AssertionError):
    """The control area did not do what it was told."""


class Stripe:
    """One running stand-in. Calls take a fraction of a millisecond over a kept connection; a forked child gets one of its own."""

    def __init__(self, running: StandIn) -> None:
        self.url = running.url
        self.key = running.key
        self.live_key = running.live_key
        self.account = running.account
        self.pid = running.pid
        self._token = running.token
        self._address = running.url.removeprefix("http://")
        self._connection: http.client.HTTPConnection | None = None
        self._owner = os.getpid()

    def reset(self) -> None:
        """Everything as at the start: no objects, faults or journal, the real time, the first keys. Connections but ours are dropped."""
        self._call("POST", "reset")

    def put_payment(self, id: str, amount: int, **spec: Any) -> list[Body]:
        """A payment of `amount` minor units with all that belongs to it; the keywords are those of `bodies.PaymentSpec`, such as
        currency, status, created, charge, livemode, destination, application_fee_amount, refunds=[{"amount": 100}],
        disputes=[{"status": "needs_response"}]. Returns the objects; the same id again replaces them."""
        objects: list[Body] = self._call("POST", "payments", {"id": id, "amount": amount, **spec})["objects"]
        return objects

    def faults(self, *kinds: str, match: str = POST_REFUNDS, **options: Any) -> None:
        """Plan these faults, in that order, for requests that begin like `match`; the options are those of `faults.Fault`."""
        self._call("POST", "faults", {"faults": [{"kind": kind, "match": match, **options} for kind in kinds]})

    def planned(self) -> list[Body]:
        """Every fault with the numbers of the requests it struck."""
        faults: list[Body] = self._call("GET", "faults")["faults"]
        return faults

    def fired(self) -> list[str]:
        """The kinds of the faults that have struck, as often as they were to."""
        return [fault["kind"] for fault in self.planned() if fault["has_fired"]]

    def unfired(self) -> list[str]:
        """The kinds of the faults that are still to strike."""
        return [fault["kind"] for fault in self.planned() if not fault["has_fired"]]

    def forget_faults(self) -> None:
        """Plan none any more."""
        self._call("DELETE", "faults")

    def journal(self, since: int = 0) -> list[Seen]:
        """The requests behind number `since`, in their order."""
        return [Seen(**entry) for entry in self._call("GET", f"journal?since={since}")["requests"]]

    def settled(self, connections: int | None = None, timeout_s: float = 10.0) -> list[Seen]:
        """The journal once every request in it is dealt with and no more than so many connections of clients are open.

        With 0 after a client was killed, nothing that it sent is under way any more.
        """
        give_up_at = time.monotonic() + timeout_s
        while True:
            is_alone = connections is None or self._call("GET", "connections")["open"] <= connections
            journal = self.journal()
            if is_alone and all(seen.is_over for seen in journal):
                return journal
            if time.monotonic() > give_up_at:
                raise ControlFailed(f"still under way: {[seen for seen in journal if not seen.is_over]}")
            time.sleep(0.001)

    def posts(self) -> list[Seen]:
        """The requests that asked for a refund."""
        return [seen for seen in self.journal() if seen.method == "POST"]

    def refunds(self, payment_intent: str | None = None) -> list[Body]:
        """The truth: every refund (of that PaymentIntent), oldest first, of both modes, with a `livemode` that Stripe's do not have."""
        of = "" if payment_intent is None else f"?payment_intent={payment_intent}"
        refunds: list[Body] = self._call("GET", f"refunds{of}")["refunds"]
        return refunds

    def dashboard_refund(self, payment_intent: str, amount: int | None = None, **fields: Any) -> Body:
        """A refund that somebody clicks: without a key, without metadata of ours. None: all that is left."""
        body: Body = self._call("POST", "refunds", {"payment_intent": payment_intent, "amount": amount, **fields})
        return body

    def move(self, refund: str, status: str, failure_reason: str | None = None) -> Body:
        """Move a refund to a status, a made-up one too."""
        body: Body = self._call("POST", f"refunds/{refund}", {"status": status, "failure_reason": failure_reason})
        return body

    def object(self, id: str) -> Body:
        """One object as it stands."""
        body: Body = self._call("GET", f"objects/{id}")
        return body

    def overwrite(self, id: str, **fields: Any) -> Body:
        """Overwrite fields of an object."""
        body: Body = self._call("POST", f"objects/{id}", fields)
        return body

    def now(self) -> int:
        """Its clock, in whole seconds."""
        now: int = self._call("GET", "clock")["now"]
        return now

    def advance(self, seconds: float) -> int:
        """Move its clock on; returns what it says then."""
        now: int = self._call("POST", "clock", {"advance_s": seconds})["now"]
        return now

    def restrict(self, key: str, *refused: str, livemode: bool = False) -> None:
        """Make `key` one that may not make requests that begin like those: 403."""
        self._call("POST", "keys", {"key": key, "refused": refused, "livemode": livemode})

    def expire(self, key: str) -> None:
        """Let `key` be one no longer: 401."""
        self._call("POST", "keys", {"key": key, "expired": True})

    def limit(self, per_s: int | None) -> None:
        """Answer 429 to more requests a second than that."""
        self._call("POST", "limits", {"per_s": per_s})

    def door(self, *, is_open: bool) -> None:
        """Closed: connections are refused, and those that there are dropped."""
        self._call("POST", "door", {"is_open": is_open})

    def close(self) -> None:
        """Hang up."""
        if self._connection is not None and self._owner == os.getpid():
            self._connection.close()
        self._connection = None

    def _call(self, method: str, path: str, asked: Body | None = None) -> Any:
        if self._connection is None or self._owner != os.getpid():
            self._connection, self._owner = http.client.HTTPConnection(self._address, timeout=30), os.getpid()
        body = None if asked is None else json.dumps(asked).encode()
        self._connection.request(method, f"/_standin/{path}", body, {"x-standin-token": self._token})
        answer = self._connection.getresponse()
        said = answer.read()
        if answer.status != 200:
            raise ControlFailed(f"{method} {path}: {answer.status} {said.decode()}")
        return json.loads(said)


@contextmanager
def running_stripe(state: Path | None = None) -> Iterator[Stripe]:
    """A stand-in for as long as the block lasts, in memory or on a state file. What it complains of goes to our stderr."""
    with running_standin(state, errors_to=None) as running:
        stripe = Stripe(running)
        LOOSE.update({f"the key {id(stripe)}": stripe.key, f"the live key {id(stripe)}": stripe.live_key})
        try:
            yield stripe
        finally:
            stripe.close()


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back over the wire. Header names are in lower case."""

    status: int
    headers: dict[str, str]
    raw: bytes

    @property
    def json(self) -> Any:
        """The body, which must be JSON."""
        return json.loads(self.raw)

    @property
    def error(self) -> Body:
        """Stripe's error, without the address of its log, which holds an id of chance."""
        return {name: value for name, value in self.json["error"].items() if name != "request_log_url"}

    @property
    def ids(self) -> list[str]:
        """The ids of a list, in its order."""
        return [item["id"] for item in self.json["data"]]


class Api:
    """Stripe's API by hand over one kept connection, made anew when it was cut. Raises what http.client and socket raise."""

    def __init__(self, stripe: Stripe, key: str | None = None, timeout_s: float = 10.0) -> None:
        self._key = stripe.key if key is None else key
        self._connection = http.client.HTTPConnection(stripe.url.removeprefix("http://"), timeout=timeout_s)

    def get(self, path: str, **headers: str) -> Answer:
        """`api.get("/v1/refunds?limit=3")`"""
        return self.ask("GET", path, None, headers)

    def refund(self, key: str | None = None, /, **form: object) -> Answer:
        """POST /v1/refunds under that idempotency key; a dictionary becomes `name[inner]`."""
        return self.ask("POST", "/v1/refunds", encoded(form), {} if key is None else {"Idempotency-Key": key})

    def ask(self, method: str, path: str, body: bytes | None, headers: dict[str, str]) -> Answer:
        """Any request; an `Authorization` of "" sends none."""
        sent = {"Authorization": f"Bearer {self._key}", "Content-Type": "application/x-www-form-urlencoded"} | headers
        try:
            self._connection.request(method, path, body, {name: value for name, value in sent.items() if value})
            answer = self._connection.getresponse()
            raw = answer.read()
        except BaseException:
            self._connection.close()  # else the next request would meet the ruins of this one
            raise
        return Answer(answer.status, {name.lower(): value for name, value in answer.getheaders()}, raw)

    def close(self) -> None:
        """Hang up."""
        self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, _type: type[BaseException] | None, _error: BaseException | None, _traceback: TracebackType | None) -> None:
        self.close()


def encoded(form: Body) -> bytes:
    """The form as it is sent."""
    pairs: list[tuple[str, object]] = []
    for name, value in form.items():
        pairs += [(f"{name}[{inner}]", each) for inner, each in value.items()] if isinstance(value, dict) else [(name, value)]
    return urlencode(pairs).encode()
