"""Faults by plan: which request fails, and how.

A fault waits for the `nth` request that begins like `match`. Only the first waiting fault that matches counts a request, so faults
of one match are consumed in their order. What fired is remembered: a fault that did not fire has proved nothing.

refuse reset_before            the line is cut, nothing acted          409 429 401 403    Stripe's own answers, nothing acted
late stall_before              acts only after so many seconds         500 502 503 504    acted or not, as it says
stall_after drip truncate      acted, then slow or cut short           html_200 …         acted or not; the answer is not Stripe's
reset_after                    acted, then the line is cut             decline            refused in execution
odd_status pending             acted, the refund is in that status     other_amount       acted, this answer lies about it
arrival                        once this is answered, a payment appears
"""

import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, fields
from typing import Any

# Whether the request acts unless the plan says otherwise (`acted`, or a kind that ends in _acted or _not_acted).
ACTS = {
    "refuse": False,
    "reset_before": False,
    "reset_after": True,
    "late": True,
    "stall_before": True,
    "stall_after": True,
    "drip": True,
    "truncate": True,
    "html_200": False,
    "empty_object_200": False,
    "empty_list_200": False,
    "empty_page_200": False,
    "redirect_302": False,
    "answer": False,
    "401": False,
    "403": False,
    "409": False,
    "429": False,
    "500": False,
    "502": False,
    "503": False,
    "504": False,
    "decline": False,
    "odd_status": True,
    "other_amount": True,
    "pending": True,
    "arrival": True,
}
IN_EXECUTION = frozenset({"500", "decline", "odd_status", "pending"})  # a replay executes nothing, so these wait for the next request
UNEXECUTED = frozenset({"401", "403", "409", "429"})
FOREIGN = frozenset({"html_200", "empty_object_200", "empty_list_200", "empty_page_200", "redirect_302", "answer", "502", "503", "504"})
LONGEST_S = 600.0
MOST_FAULTS = 10_000


class BadPlan(ValueError):
    """A fault that cannot be."""


@dataclass(slots=True, kw_only=True)
class Fault:
    """One planned fault. `times`: for how many requests in a row. `fired` are the numbers of the requests it struck.

    `seconds` is for late, stall, drip; `status`, `code`, `message` for decline and answer; `word` is the status of odd_status; `amount`
    is what other_amount claims; `reason` and `should_retry` are headers of 429; `location` is for redirect_302; `body` and
    `content_type` for answer; `payment` is what arrives, as the control area takes it.
    """

    kind: str
    match: str = ""
    nth: int = 1
    times: int = 1
    acted: bool | None = None
    seconds: float = 1.0
    status: int = 400
    code: str | None = None
    message: str | None = None
    word: str = "in_review"
    amount: int = 1
    reason: str = "endpoint-rate"
    should_retry: bool | None = None
    location: str | None = None
    body: str = ""
    payment: dict[str, Any] = field(default_factory=dict)
    content_type: str = "application/json"
    fired: list[int] = field(default_factory=list)

    @classmethod
    def planned(cls, plan: dict[str, Any]) -> "Fault":
        """The fault that JSON describes. Raises BadPlan."""
        unknown = set(plan) - {each.name for each in fields(cls)} | ({"fired"} & set(plan))
        if unknown or "kind" not in plan:
            raise BadPlan(f"a fault has a kind and no {', '.join(sorted(unknown))}")
        fault = cls(**plan)
        for suffix, acted in (("_not_acted", False), ("_acted", True)):
            if fault.kind.endswith(suffix):
                fault.kind, fault.acted = fault.kind.removesuffix(suffix), acted
                break
        if fault.kind not in ACTS or fault.nth < 1 or fault.times < 1 or not 0 <= fault.seconds <= LONGEST_S:
            raise BadPlan(f"no such fault: {plan}")
        if fault.acted is None:
            fault.acted = ACTS[fault.kind]
        if fault.acted is not ACTS[fault.kind] and fault.kind not in FOREIGN and fault.kind != "500":
            raise BadPlan(f"{fault.kind} always {'acts' if ACTS[fault.kind] else 'does not act'}")
        return fault

    @property
    def as_json(self) -> dict[str, Any]:
        """What the plan was, and what became of it."""
        told = ("kind", "match", "nth", "times", "acted")
        return {name: getattr(self, name) for name in told} | {"fired": list(self.fired), "has_fired": len(self.fired) >= self.times}


class FaultPlan:
    """The faults in their order. Threads may ask at once."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._faults: list[Fault] = []
        self._waiting: list[Fault] = []
        self._to_pass: dict[int, int] = {}

    def add(self, faults: Iterable[Fault]) -> None:
        """Plan them behind those that are there."""
        with self._lock:
            for fault in faults:
                if len(self._faults) >= MOST_FAULTS:
                    raise BadPlan("too many faults")
                self._faults.append(fault)
                self._waiting.append(fault)
                self._to_pass[id(fault)] = fault.nth - 1

    def clear(self) -> None:
        """Plan nothing any more."""
        with self._lock:
            self._faults.clear()
            self._waiting.clear()
            self._to_pass.clear()

    def take(self, number: int, request: str) -> Fault | None:
        """The fault for request `number`, whose line is such as "POST /v1/refunds"."""
        if not self._waiting:
            return None
        with self._lock:
            fault = next((fault for fault in self._waiting if request.startswith(fault.match)), None)
            if fault is None:
                return None
            if self._to_pass[id(fault)] > 0:
                self._to_pass[id(fault)] -= 1
                return None
            fault.fired.append(number)
            if len(fault.fired) >= fault.times:
                self._waiting.remove(fault)
            return fault

    def put_back(self, number: int, fault: Fault) -> None:
        """It could not strike that request after all: it waits for the next one."""
        with self._lock:
            if fault not in self._faults:
                return  # forgotten meanwhile
            fault.fired.remove(number)
            if fault not in self._waiting:
                order = {id(each): place for place, each in enumerate(self._faults)}
                self._waiting.append(fault)
                self._waiting.sort(key=lambda each: order[id(each)])

    def report(self) -> Sequence[dict[str, Any]]:
        """All of them, in their order."""
        with self._lock:
            return [fault.as_json for fault in self._faults]
