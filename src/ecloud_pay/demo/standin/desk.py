"""The desk: one request of Stripe's API in, one answer out (or a cut line), with the fault that is planned for it.

line cut before ─▶ key ─▶ not executed ─▶ foreign answer ─▶ claim the idempotency key ─▶ stall ─▶ replay or act ─▶ slow, short, cut
"""

import hashlib
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from ecloud_pay.demo.standin import parameters, reads, refunding
from ecloud_pay.demo.standin.bodies import PaymentSpec, payment_objects, payment_spec, token
from ecloud_pay.demo.standin.faults import FOREIGN, IN_EXECUTION, UNEXECUTED, Fault, FaultPlan
from ecloud_pay.demo.standin.journal import Entry, Journal
from ecloud_pay.demo.standin.keys import KeyRing, permission
from ecloud_pay.demo.standin.messages import Reply, Request
from ecloud_pay.demo.standin.refusals import (
    Refusal,
    key_clash,
    key_in_use,
    not_permitted,
    server_error,
    too_many_requests,
    unknown_url,
    wrong_key,
)
from ecloud_pay.demo.standin.store import Body, Kept, Store, text

LONGEST_IDEMPOTENCY_KEY = 255
_API_VERSION = "2025-10-29.clover"
_HTML = b"<html><head><title>Welcome</title></head><body>Please sign in to this network.</body></html>"
_GATEWAY = b"<html><body><h1>%d</h1>The server is temporarily unable to service your request.</body></html>"
_EMPTY_PAGE = b'{"object":"list","data":[],"has_more":true,"url":"/v1/refunds"}'


class LineCut(Exception):
    """Nothing is answered: the connection is reset."""


class Desk:
    """Answers requests from any number of threads."""

    def __init__(self, store: Store, keys: KeyRing) -> None:
        self.store = store
        self.keys = keys
        self.plan = FaultPlan()
        self.journal = Journal()
        self.limit_per_s: int | None = None
        self._lock = threading.Lock()
        self._running: set[tuple[bool, str]] = set()
        self._second, self._in_this_second = 0, 0
        self._era = threading.Event()

    def forget(self) -> None:
        """As at the start: no objects, keys, faults or journal. Whoever stalls is cut off, and acts no more."""
        era, self._era = self._era, threading.Event()
        era.set()
        with self.store.writing():
            self.store.clear()
        self.plan.clear()
        self.journal.clear()
        self.keys.restore()
        self.limit_per_s = None

    def put(self, spec: PaymentSpec) -> list[Body]:
        """Let there be that payment, with all that belongs to it."""
        with self.store.writing():
            objects = list(payment_objects(spec, self.store.now()))
            self.store.put_all(objects)
        return [body for _, _, body in objects]

    def attend(self, request: Request) -> Reply:
        """The answer. Raises LineCut."""
        era = self._era
        entry = self.journal.open(request.method, request.target, dict(request.headers), request.body)
        fault = self.plan.take(entry.number, request.line)
        visit = _Visit(self, request, entry, fault, era)
        try:
            reply = visit.reply()
            entry.status = reply.status
            return reply
        finally:
            entry.fault = visit.fault.kind if visit.fault else None
            entry.is_over = True

    def require_within_limit(self) -> None:
        """Refuse beyond so many requests a second, where a limit is set."""
        if self.limit_per_s is None:
            return
        with self._lock:
            second = int(time.monotonic())
            if second != self._second:
                self._second, self._in_this_second = second, 0
            self._in_this_second += 1
            if self._in_this_second > self.limit_per_s:
                raise too_many_requests("global-rate", None)

    @contextmanager
    def claimed(self, livemode: bool, key: str | None) -> Iterator[None]:
        """Be the only request under that key. Raises Refusal (409) where another runs."""
        if key is None:
            yield
            return
        with self._lock:
            if (livemode, key) in self._running:
                raise key_in_use(key)
            self._running.add((livemode, key))
        try:
            yield
        finally:
            with self._lock:
                self._running.discard((livemode, key))


class _Visit:
    """One request on its way through the desk. `fault` becomes None where it could not strike."""

    def __init__(self, desk: Desk, request: Request, entry: Entry, fault: Fault | None, era: threading.Event) -> None:
        self.desk = desk
        self.request = request
        self.entry = entry
        self.fault = fault
        self.era = era
        self.livemode = False
        self.has_struck = False
        self.request_id = "req_" + token(14)
        entry.request_id = self.request_id

    def reply(self) -> Reply:
        if self._is("refuse", "reset_before"):
            raise LineCut
        if self._is("late"):
            self._wait()
        try:
            self.livemode = self.desk.keys.mode_of(self.request.headers.get("authorization"), self.request.line)
            self._require_executed()
            self.desk.require_within_limit()
            foreign = self._foreign()
            reply = foreign if foreign is not None and not self._acts() else self._answer()
            reply = self._dressed(foreign or reply)
        except Refusal as refusal:
            if not self.has_struck:
                self._fault_is_off()
            reply = self._refused(refusal)
        return reply

    def _answer(self) -> Reply:
        match self.request.method, self.request.path:
            case "GET", path:
                return self._read(path)
            case "POST", "/v1/refunds":
                return self._refund()
            case method, path:
                raise unknown_url(method, path)

    def _read(self, path: str) -> Reply:
        if self._is("stall_before"):
            self._wait()
        if self._is("500"):
            raise self._struck(server_error())
        if self._is(*IN_EXECUTION):
            self._fault_is_off()
        found = reads.read(self.desk.store, self.desk.keys.account, path, self.request.parameters, self.livemode)
        return self._reply_of(200, found)

    def _refund(self) -> Reply:
        key = self.request.headers.get("idempotency-key")
        if key is not None and len(key) > LONGEST_IDEMPOTENCY_KEY:
            raise Refusal(400, f"Idempotency keys may be up to {LONGEST_IDEMPOTENCY_KEY} characters in length.")
        with self.desk.claimed(self.livemode, key):
            if self._is("stall_before"):
                self._wait()
            with self.desk.store.writing():
                if self.era.is_set():
                    raise LineCut  # everything was forgotten since this request came
                kept = None if key is None else self.desk.store.kept(self.livemode, key)
                return self._execute(key) if kept is None else self._replay(key or "", kept)

    def _replay(self, key: str, kept: Kept) -> Reply:
        if kept.fingerprint != self._fingerprint():
            raise key_clash(key)
        if self.fault is not None and self.fault.kind in IN_EXECUTION:
            self._fault_is_off()
        self.entry.is_replay = True
        return self._reply_of(
            kept.status, kept.text, {"idempotency-key": key, "original-request": kept.request_id, "idempotent-replayed": "true"}
        )

    def _execute(self, key: str | None) -> Reply:
        wanted = refunding.parsed(self.request.parameters)
        status, headers = 200, {}
        try:
            if self._is("decline"):
                raise self._declined()
            body = self._made(wanted) if self._acts() else None
            if self._is("500") or body is None:
                raise server_error()
            answer = text(reads.expanded(self.desk.store, body, parameters.expansions(self.request.parameters)))
        except Refusal as refusal:
            if not refusal.is_stored:
                self.entry.acted, self.entry.refund = False, None  # undone with the transaction
                raise
            if self._is("odd_status", "pending"):
                self._fault_is_off()
            elif self._is("500"):
                refusal = server_error()
            status, answer, headers = refusal.status, text(refusal.body(self.request_id, self.livemode)), refusal.headers
        if key is not None:
            self.desk.store.keep(self.livemode, key, Kept(self._fingerprint(), status, answer, self.request_id))
            headers = headers | {"idempotency-key": key, "original-request": self.request_id}
        return self._reply_of(status, answer, headers)

    def _made(self, wanted: refunding.RefundRequest) -> Body:
        status = "succeeded"
        if self.fault is not None and self._is("odd_status", "pending"):
            status = self.fault.word if self.fault.kind == "odd_status" else "pending"
        made = refunding.refund(self.desk.store, wanted, self.livemode, status)
        self.entry.acted, self.entry.refund = True, made["id"]
        return made

    def _declined(self) -> Refusal:
        assert self.fault is not None
        kind = "card_error" if self.fault.status == 402 else "invalid_request_error"
        message = self.fault.message or "The refund was declined."
        return Refusal(self.fault.status, message, type=kind, code=self.fault.code, is_stored=True)

    def _require_executed(self) -> None:
        """Raise what Stripe answers without having executed anything, where that is planned."""
        if self.fault is None or self.fault.kind not in UNEXECUTED:
            return
        key = self.request.headers.get("authorization", "").partition(" ")[2]
        match self.fault.kind:
            case "401":
                raise self._struck(wrong_key(key))
            case "403":
                raise self._struck(not_permitted(key, self.desk.keys.account, permission(self.request.line)))
            case "409":
                raise self._struck(key_in_use(self.request.headers.get("idempotency-key", "")))
            case _:
                raise self._struck(too_many_requests(self.fault.reason, self.fault.should_retry))

    def _foreign(self) -> Reply | None:
        """An answer that is not Stripe's, where one is planned."""
        fault = self.fault
        if fault is None or fault.kind not in FOREIGN:
            return None
        match fault.kind:
            case "html_200":
                return Reply(200, _HTML, content_type="text/html")
            case "empty_object_200":
                return Reply(200, b"{}")
            case "empty_list_200":
                return Reply(200, b"[]")
            case "empty_page_200":
                return Reply(200, _EMPTY_PAGE)
            case "redirect_302":
                return Reply(302, b"", {"location": fault.location or "/v1/refunds?limit=1"}, content_type="text/html")
            case "answer":
                return Reply(fault.status, fault.body.encode(), content_type=fault.content_type)
            case status:
                return Reply(int(status), _GATEWAY % int(status), content_type="text/html")

    def _dressed(self, reply: Reply) -> Reply:
        """The answer as the fault lets it through."""
        fault = self.fault
        if fault is None:
            return reply
        match fault.kind:
            case "reset_after":
                self.entry.status = None
                raise LineCut
            case "stall_after":
                self._wait()
            case "drip":
                return replace(reply, drip_s=fault.seconds)
            case "truncate":
                return replace(reply, missing_bytes=max(1, len(reply.body) // 2))
            case "arrival":
                self.desk.put(payment_spec(fault.payment))
            case "other_amount":
                body = json.loads(reply.body)
                if reply.status != 200 or "amount" not in body:
                    self._fault_is_off()
                else:
                    return replace(reply, body=text(body | {"amount": fault.amount}).encode())
            case _:
                pass
        return reply

    def _refused(self, refusal: Refusal) -> Reply:
        return self._reply_of(refusal.status, text(refusal.body(self.request_id, self.livemode)), refusal.headers)

    def _reply_of(self, status: int, answer: str, headers: dict[str, str] | None = None) -> Reply:
        own = {"request-id": self.request_id, "stripe-version": self.request.headers.get("stripe-version", _API_VERSION)}
        return Reply(status, answer.encode(), own | (headers or {}))

    def _fingerprint(self) -> str:
        """The parameters, whatever their order."""
        return hashlib.sha256(repr(sorted(self.request.parameters)).encode()).hexdigest()

    def _is(self, *kinds: str) -> bool:
        return self.fault is not None and self.fault.kind in kinds

    def _acts(self) -> bool:
        return self.fault is None or self.fault.acted is True

    def _struck(self, refusal: Refusal) -> Refusal:
        self.has_struck = True
        return refusal

    def _fault_is_off(self) -> None:
        """It could not strike here, so it waits for the next request."""
        if self.fault is not None:
            self.desk.plan.put_back(self.entry.number, self.fault)
            self.fault = None

    def _wait(self) -> None:
        """Let the fault's seconds pass. Raises LineCut where everything is forgotten meanwhile."""
        assert self.fault is not None
        self.has_struck = True
        if self.era.wait(self.fault.seconds):
            raise LineCut
