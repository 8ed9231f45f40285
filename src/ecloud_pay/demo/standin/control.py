"""The control area under /_standin/: tells tests what happened, and lets them arrange what is to happen. JSON in, JSON out.

GET    journal?since=N          {"requests": […]}                     POST   reset            everything is as at the start
GET    faults                   {"faults": [… "fired": [numbers]]}    POST   payments         one payment with all that belongs to it
POST   faults   {"faults": […]} the same                              POST   refunds          as if clicked in the Dashboard
DELETE faults                                                         POST   refunds/re_…     {"status": …}
GET    refunds?payment_intent=  {"refunds": […]}, all modes           POST   objects/pi_…     fields to overwrite
GET    clock                    {"now": …}                            GET    objects/pi_…     one object
POST   clock    {"advance_s": …}                                      POST   keys             {"key": …, "livemode", "refused", "expired"}
POST   limits   {"per_s": … or null}                                  POST   door             {"is_open": …}
"""

import json
from dataclasses import fields
from typing import Any, Protocol, TypeVar
from urllib.parse import parse_qs

from ecloud_pay.demo.standin import refunding
from ecloud_pay.demo.standin.bodies import payment_spec
from ecloud_pay.demo.standin.desk import Desk
from ecloud_pay.demo.standin.faults import BadPlan, Fault
from ecloud_pay.demo.standin.keys import Key
from ecloud_pay.demo.standin.messages import Reply, Request
from ecloud_pay.demo.standin.refusals import Refusal
from ecloud_pay.demo.standin.store import text

AREA = "/_standin/"
TOKEN_HEADER = "x-standin-token"


T = TypeVar("T")


class NoSuchThing(LookupError):
    """The control area has nothing there."""


class Line(Protocol):
    """The server, as far as it is controlled."""

    def open_connections(self) -> int:
        """How many clients are connected."""

    def drop_connections(self) -> None:
        """Hang up on them."""

    def open_door(self, is_open: bool) -> None:
        """Take connections, or refuse them."""


class Control:
    """What the control area does."""

    def __init__(self, desk: Desk, token: str, line: Line) -> None:
        self._desk = desk
        self._token = token
        self._line = line

    def attend(self, request: Request) -> Reply:
        """The answer; 404 to whoever does not have the token, 400 to what makes no sense."""
        if request.headers.get(TOKEN_HEADER) != self._token:
            return Reply(404, b"{}")
        try:
            asked = json.loads(request.body or b"{}")
            done = self._do(request.method, request.path.removeprefix(AREA), request, asked)
        except NoSuchThing as error:
            return Reply(404, text({"error": str(error)}).encode())
        except Refusal as refusal:
            return Reply(refusal.status, text(refusal.body("req_control", False)).encode())
        except (BadPlan, TypeError, KeyError, ValueError) as error:
            return Reply(400, text({"error": f"{type(error).__name__}: {error}"}).encode())
        return Reply(200, text(done).encode())

    def _do(self, method: str, path: str, request: Request, asked: dict[str, Any]) -> dict[str, Any]:
        desk, store = self._desk, self._desk.store
        query = parse_qs(request.target.partition("?")[2])
        match method, path.split("/"):
            case "POST", ["reset"]:
                desk.forget()
                self._line.drop_connections()
                self._line.open_door(True)
                return {}
            case "GET", ["journal"]:
                return {"requests": desk.journal.report(int(query.get("since", ["0"])[0]))}
            case "GET", ["faults"]:
                return {"faults": desk.plan.report()}
            case "POST", ["faults"]:
                desk.plan.add([Fault.planned(plan) for plan in asked["faults"]])
                return {"faults": desk.plan.report()}
            case "DELETE", ["faults"]:
                desk.plan.clear()
                return {"faults": []}
            case "GET", ["connections"]:
                return {"open": self._line.open_connections()}
            case "GET", ["clock"]:
                with store.reading():
                    return {"now": store.now()}
            case "POST", ["clock"]:
                with store.writing():
                    store.advance(float(asked["advance_s"]))
                    return {"now": store.now()}
            case "POST", ["payments"]:
                return {"objects": desk.put(payment_spec(asked))}
            case "GET", ["refunds"]:
                return self._refunds(query.get("payment_intent", [None])[0])
            case "POST", ["refunds"]:
                return self._refund(asked)
            case "POST", ["refunds", id]:
                with store.writing():
                    return _found(refunding.move(store, id, asked["status"], asked.get("failure_reason")), id)
            case "GET", ["objects", id]:
                with store.reading():
                    return _found(store.get(id), id).body
            case "POST", ["objects", id]:
                with store.writing():
                    found = _found(store.get(id), id)
                    body = found.body | asked
                    store.put(found.kind, body.get("livemode", found.livemode), body)
                    return body
            case "POST", ["keys"]:
                key = Key(asked.get("livemode", False), tuple(asked.get("refused", ())), asked.get("expired", False))
                desk.keys.set(asked["key"], key)
                return {}
            case "POST", ["limits"]:
                desk.limit_per_s = asked["per_s"]
                return {}
            case "POST", ["door"]:
                self._line.open_door(bool(asked["is_open"]))
                return {}
        raise NoSuchThing(f"{method} {path}")

    def _refunds(self, payment_intent: str | None) -> dict[str, Any]:
        store = self._desk.store
        with store.reading():
            found = store.all() if payment_intent is None else store.of_payment(payment_intent, "refund")
        return {"refunds": [each.body | {"livemode": each.livemode} for each in found if each.kind == "refund"]}

    def _refund(self, asked: dict[str, Any]) -> dict[str, Any]:
        status, livemode = asked.pop("status", "succeeded"), asked.pop("livemode", False)
        known = {each.name for each in fields(refunding.RefundRequest)}
        if set(asked) - known:
            raise BadPlan(f"a refund has no {', '.join(sorted(set(asked) - known))}")
        store = self._desk.store
        with store.writing():
            return refunding.refund(store, refunding.RefundRequest(**asked), livemode, status)


def _found(value: T | None, id: str) -> T:
    if value is None:
        raise NoSuchThing(id)
    return value
