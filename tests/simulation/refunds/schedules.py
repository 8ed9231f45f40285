"""A schedule: one payment, what happens to it and what fails meanwhile. It follows from its seed alone; the parity is the table shape.

operators (with faults) ─▶ something in between ─▶ resumes (with faults) ─▶ clean resumes ─▶ a day passes ─▶ a person decides
"""

from dataclasses import dataclass, replace
from random import Random
from typing import Any

from simulation.refunds.consoles import STALL_S
from simulation.refunds.wires import Strike
from support.backend import SHAPES

# How many requests a refund and a resume that sends make where nothing fails: what a boundary is chosen from.
REFUND_REQUESTS = 80
RESUME_REQUESTS = 76
COMMITS = 4  # of a refund that goes through: intent, attempt, settlement, its audit line


@dataclass(frozen=True, slots=True)
class Operator:
    """One console. `way` is make, request, resume, adopt, send-anyway, abandon; `says` tells its intents from those of others."""

    way: str
    says: str = ""
    minor: int = 0
    strikes: tuple[Strike, ...] = ()
    stdout: str = "kept"
    request_id: str | None = None
    may_repeat: bool = False


@dataclass(frozen=True, slots=True)
class Consoles:
    """Consoles at once, and what Stripe does meanwhile. `if_open`: only where something is unsettled by now."""

    operators: tuple[Operator, ...]
    faults: tuple[dict[str, Any], ...] = ()
    if_open: bool = False


@dataclass(frozen=True, slots=True)
class Click:
    """Somebody refunds in the Dashboard, `times` over."""

    minor: int
    times: int = 1


@dataclass(frozen=True, slots=True)
class Fail:
    """A refund of ours fails at Stripe after all."""


@dataclass(frozen=True, slots=True)
class Rotate:
    """The key is exchanged for another, the old one is none any more."""


@dataclass(frozen=True, slots=True)
class Book:
    """Somebody books a refund on the payment by hand, without a row."""

    minor: int


@dataclass(frozen=True, slots=True)
class Pass:
    """Time passes."""

    hours: float


@dataclass(frozen=True, slots=True)
class Decide:
    """A person decides about what is unsettled before any resume has looked at it: adopt (what was clicked), send-anyway, abandon."""

    verdict: str


Act = Consoles | Click | Fail | Rotate | Book | Pass | Decide


@dataclass(frozen=True, slots=True)
class Schedule:
    """`hand_minor` is booked without a row beforehand; `request_minor` is a request that the backend left in a row.

    `verdict` is what a person does about an intent that nobody can settle for them: adopt, send-anyway or abandon.
    """

    name: str
    seed: int
    currency: str
    paid_minor: int
    acts: tuple[Act, ...]
    hand_minor: int = 0
    request_minor: int | None = None
    verdict: str = "abandon"
    exit_code: int | None = None  # what the refund must end with, where that is certain

    @property
    def shape(self) -> str:
        """The shape of the tables."""
        return SHAPES[self.seed % len(SHAPES)]


MOMENTS = ("before", "after", "answered")
POSTS = "POST /v1/refunds"
LISTS = "GET /v1/refunds"
# Errors of Stripe's own that an executed or an unexecuted request may be answered with by whoever stands in between.
REFUSAL = '{"error":{"type":"invalid_request_error","message":"No such refund."}}'
CLASH = '{"error":{"type":"idempotency_error","message":"Keys for idempotent requests can only be used with the same parameters."}}'
_QUICK: tuple[dict[str, Any], ...] = (
    {"kind": "refuse"},
    {"kind": "reset_before"},
    {"kind": "reset_after"},
    {"kind": "truncate"},
    {"kind": "html_200_acted"},
    {"kind": "html_200_not_acted"},
    {"kind": "empty_object_200_acted"},
    {"kind": "empty_object_200_not_acted"},
    {"kind": "empty_list_200_acted"},
    {"kind": "redirect_302_acted", "location": "/v1/refunds?limit=1&led=astray"},
    {"kind": "redirect_302_not_acted", "location": "/v1/refunds?limit=1&led=astray"},
    {"kind": "401"},
    {"kind": "403"},
    {"kind": "409"},
    {"kind": "429"},
    {"kind": "500_acted"},
    {"kind": "500_not_acted"},
    {"kind": "502_acted"},
    {"kind": "502_not_acted"},
    {"kind": "503_acted"},
    {"kind": "503_not_acted"},
    {"kind": "504_acted"},
    {"kind": "504_not_acted"},
    {"kind": "decline"},
    {"kind": "decline", "status": 402, "code": "insufficient_funds"},
    {"kind": "odd_status"},
    {"kind": "odd_status", "word": "failed"},
    {"kind": "odd_status", "word": "canceled"},
    {"kind": "odd_status", "word": "requires_action"},
    {"kind": "other_amount"},
    {"kind": "pending"},
    {"kind": "answer", "body": REFUSAL, "status": 404, "acted": True},
    {"kind": "answer", "body": REFUSAL, "status": 400, "acted": False},
    {"kind": "answer", "body": CLASH, "status": 400, "acted": True},
    {"kind": "answer", "body": CLASH, "status": 400, "acted": False},
)
_SLOW: tuple[dict[str, Any], ...] = (
    {"kind": "late", "seconds": STALL_S},
    {"kind": "stall_before", "seconds": STALL_S},
    {"kind": "stall_after", "seconds": STALL_S},
    {"kind": "drip", "seconds": STALL_S},
)
_OF_LISTS: tuple[dict[str, Any], ...] = tuple(
    {"kind": kind, "match": LISTS}
    for kind in ("reset_before", "reset_after", "truncate", "html_200", "empty_object_200", "empty_page_200", "429", "500", "502", "503")
)


def random_schedule(seed: int) -> Schedule:
    """The schedule of a seed."""
    return _Dice(seed).schedule()


class _Dice:
    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.random = Random(f"refund {seed}")  # as a text, so that neighbours have nothing in common

    def schedule(self) -> Schedule:
        roll = self.random
        currency = roll.choice(["usd", "usd", "eur", "gbp", "jpy"])
        paid = roll.randrange(2_000, 90_000)
        hand = roll.randrange(1, paid // 8) if roll.random() < 0.3 else 0
        part = (paid - hand) // 6
        minor = roll.randrange(1, part)
        request = None
        if roll.random() < 0.4:
            request = minor if roll.random() < 0.15 else roll.randrange(1, part)
        acts = [*self._beginning(minor, part, request), *self._between(minor, part), *self._resumes()]
        if roll.random() < 0.12:
            acts.append(Pass(roll.choice([22.0, 23.5, 25.0])))
        verdict = roll.choice(["adopt", "send-anyway", "abandon"])
        return Schedule(f"seed {self.seed}", self.seed, currency, paid, tuple(acts), hand, request, verdict)

    def _beginning(self, minor: int, part: int, request: int | None) -> list[Act]:
        roll = self.random
        if request is not None and roll.random() < 0.2:
            return [self._with_faults(Operator("request", "by request", request))]
        request_id = f"r{self.seed}" if roll.random() < 0.15 else None
        first = Operator("make", "first", minor, request_id=request_id)
        if roll.random() < 0.08:
            resume = Operator("resume", strikes=(Strike("hold", "connect", 1, until=roll.choice(["COMMIT", POSTS])),))
            both = self._with_faults(first)
            return [Consoles((*both.operators, resume), both.faults)]
        if roll.random() < 0.7:
            acts: list[Act] = [self._with_faults(first)]
            return [*acts, Consoles((first,))] if request_id else acts
        other = minor if roll.random() < 0.5 else roll.randrange(1, part)
        second = Operator("make", "second", other, may_repeat=roll.random() < 0.2)
        if roll.random() < 0.5:
            both = self._with_faults(first)
            return [Consoles((*both.operators, second), both.faults)]
        return [self._with_faults(first), Consoles((second,))]

    def _with_faults(self, operator: Operator) -> Consoles:
        """One thing goes wrong, or two."""
        roll = self.random
        number, is_even = self.seed // 4, self.seed // 2 % 2 == 0
        kinds = ["cut", "commit", "gone", "shut", "stop", "stdout", "stripe", "stripe, then kill", "stripe, then cut"]
        # Every second one is a kill, at one boundary after the other.
        kind = "kill" if is_even else roll.choices(kinds, [12, 12, 6, 6, 6, 6, 40, 6, 6])[0]
        strikes: tuple[Strike, ...] = ()
        faults: tuple[dict[str, Any], ...] = ()
        stdout = "kept"
        match kind:
            case "kill":
                strikes = (Strike("kill", "", 1 + number % REFUND_REQUESTS, MOMENTS[number % len(MOMENTS)]),)
            case "cut":
                strikes = (Strike("cut", "", roll.randint(1, REFUND_REQUESTS), self._moment()),)
            case "commit":
                strikes = (Strike("cut", "COMMIT", roll.randint(1, COMMITS), self._moment()),)
            case "gone":
                strikes = (Strike("gone", "", roll.randint(1, REFUND_REQUESTS), self._moment()),)
            case "shut":
                strikes = (Strike("shut", "COMMIT", roll.randint(1, 2), "before"),)
            case "stop":
                strikes = (
                    Strike(roll.choice(["stop", "stop2"]), "", roll.randint(1, REFUND_REQUESTS), roll.choice(["before", "answered"])),
                )
            case "stdout":
                stdout = roll.choice(["full", "closed"])
            case "stripe":
                faults = self._stripe()
            case "stripe, then kill":
                faults, strikes = self._stripe(), (Strike("kill", POSTS, 1, self._moment()),)
                faults = faults[:1]
            case _:
                faults, strikes = self._stripe()[:1], (Strike("cut", "COMMIT", roll.randint(1, 3), self._moment()),)
        return Consoles((replace(operator, strikes=strikes, stdout=stdout),), faults)

    def _moment(self) -> str:
        return self.random.choice(MOMENTS)

    def _stripe(self) -> tuple[dict[str, Any], ...]:
        roll = self.random
        lost = [fault for fault in _QUICK if fault["kind"] in ("reset_before", "reset_after", "truncate", "502_acted", "503_not_acted")]
        way = roll.random()
        if way < 0.1:
            return (roll.choice(_SLOW),)
        if way < 0.55:
            return (roll.choice(_QUICK),)
        if way < 0.75:  # the same key goes out again, and then something else happens
            return (roll.choice(lost), roll.choice(_QUICK))
        if way < 0.9:
            return (roll.choice(lost), roll.choice(lost), roll.choice(_QUICK))
        # The list that would tell is not to be had either; the first look at it was before anything was sent.
        return (
            {"kind": "500_acted" if roll.random() < 0.5 else "500_not_acted"},
            {**roll.choice(_OF_LISTS), "nth": 2, "times": roll.randint(1, 4)},
        )

    def _between(self, minor: int, part: int) -> list[Act]:
        roll = self.random
        acts: list[Act] = []
        if roll.random() < 0.12:
            acts.append(Click(minor if roll.random() < 0.7 else roll.randrange(1, part)))
            if roll.random() < 0.3:
                acts.append(Decide("adopt"))
        if roll.random() < 0.06:
            acts.append(Decide(roll.choice(["send-anyway", "abandon"])))
        if roll.random() < 0.06:
            acts.append(Fail())
        if roll.random() < 0.06:
            acts.append(Rotate())
        if roll.random() < 0.1:
            acts.append(Book(roll.randrange(1, part)))
        if roll.random() < 0.2:
            acts.append(Pass(roll.choice([12.0, 22.0, 23.5, 25.0])))
        return acts

    def _resumes(self) -> list[Act]:
        roll = self.random
        acts: list[Act] = []
        for _ in range(roll.choice([0, 1, 1, 2])):
            faults: tuple[dict[str, Any], ...] = ()
            strikes: tuple[Strike, ...] = ()
            way = roll.random()
            if way < 0.6:
                strikes = (Strike(roll.choice(["kill", "kill", "cut", "gone"]), "", roll.randint(1, RESUME_REQUESTS), self._moment()),)
            elif way < 0.8:
                faults = ({**roll.choice(_OF_LISTS), "times": roll.randint(1, 5)},)
            else:
                faults = (roll.choice(_QUICK),)
            operators: tuple[Operator, ...] = (Operator("resume", strikes=strikes),)
            if roll.random() < 0.2:
                operators += (Operator("resume"),)
            acts.append(Consoles(operators, faults, if_open=True))
            if roll.random() < 0.15:
                acts.append(Pass(roll.choice([12.0, 22.0, 23.5])))
        return acts
