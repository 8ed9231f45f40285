"""Schedules for what chance meets too seldom. They are played with the random ones, and are what the mutants are tried on."""

from typing import Any

from simulation.refunds.consoles import STALL_S
from simulation.refunds.schedules import (
    CLASH,
    COMMITS,
    LISTS,
    MOMENTS,
    POSTS,
    REFUSAL,
    Act,
    Book,
    Click,
    Consoles,
    Decide,
    Fail,
    Operator,
    Pass,
    Rotate,
    Schedule,
)
from simulation.refunds.wires import Strike
from support.backend import SHAPES

MINOR = 19_99
OTHER = 7_01
_LOST = {"kind": "reset_before"}
_WON = {"kind": "reset_after"}
_FIRST = Operator("make", "first", MINOR)
_RESUME = Consoles((Operator("resume"),), if_open=True)


def _struck(*strikes: Strike, faults: tuple[dict[str, Any], ...] = (), minor: int = MINOR) -> Consoles:
    return Consoles((Operator("make", "first", minor, strikes),), faults)


_MEET = Strike("hold", "COMMIT", 1)
_MEET_AT_STRIPE = Strike("hold", POSTS, 1)
_LOCK = "SELECT payments_payment.id FROM"  # how every transaction that writes begins
_BEFORE_SENDING = Strike("kill", POSTS, 1, "before")
_AFTER_SENDING = Strike("kill", POSTS, 1, "after")
_REFUSED = {"kind": "answer", "body": REFUSAL, "status": 400, "acted": False}
_ASTRAY = {"kind": "redirect_302_acted", "location": "/v1/refunds?limit=1&led=astray"}


def _beside_a_resume(*faults: dict[str, Any]) -> Consoles:
    """One is told no; before it can write that down a resume sends the same, and dies."""
    first = Operator("make", "first", MINOR, (Strike("hold", _LOCK, 3, until=POSTS),))
    return Consoles((first, Operator("resume", strikes=(Strike("hold", "connect", 1, until=POSTS), _AFTER_SENDING))), faults)


# name → what happens, the verdict of a person, a part booked by hand, a request of the backend
_PLANS: dict[str, tuple[tuple[Act, ...], dict[str, Any]]] = {
    "the first answer is lost": ((_struck(faults=(_WON,)),), {}),
    "every answer is lost": ((_struck(faults=(_WON, _WON, _WON)),), {}),
    "nothing arrives for a day": ((_struck(faults=(_LOST,) * 3), Pass(25.0), _RESUME), {}),
    "nothing arrives for half a day, twice": (
        (_struck(faults=(_LOST,) * 3), Pass(12.0), Consoles((Operator("resume"),), (_LOST,) * 3), Pass(12.0), _RESUME),
        {},
    ),
    "refused after the first answer was lost": (
        (_struck(faults=(_WON, _REFUSED)),),
        {},
    ),
    "a hundred newer refunds": ((_struck(_AFTER_SENDING), Click(1, times=101), Pass(25.0), _RESUME), {}),
    "a redirect after it was executed": ((_struck(faults=(_ASTRAY,)),), {}),
    "killed before the settlement is committed": ((_struck(Strike("kill", "COMMIT", 3, "before")),), {}),
    "two at once for the same": (
        (Consoles((Operator("make", "first", MINOR, (_MEET,)), Operator("make", "second", MINOR, (_MEET,)))),),
        {},
    ),
    "two at once for different amounts": (
        (Consoles((Operator("make", "first", MINOR, (_MEET,)), Operator("make", "second", OTHER, (_MEET,)))),),
        {},
    ),
    "a resume beside the one who sends": (
        (
            Consoles(
                (
                    Operator("make", "first", MINOR, (Strike("hold", POSTS, 1, until=POSTS),)),
                    Operator("resume", strikes=(Strike("hold", "connect", 1, until=POSTS),)),
                )
            ),
        ),
        {},
    ),
    "two resumes at once": (
        (
            _struck(_BEFORE_SENDING),
            Consoles((Operator("resume", strikes=(_MEET_AT_STRIPE,)), Operator("resume", strikes=(_MEET_AT_STRIPE,)))),
        ),
        {},
    ),
    "given up before it is sent, beside the one who would": (
        (
            Consoles(
                (
                    Operator("make", "first", MINOR, (Strike("hold", _LOCK, 2, until="the end"),)),
                    Operator("abandon", strikes=(Strike("hold", "connect", 1, until=_LOCK, until_nth=2),)),
                )
            ),
        ),
        {},
    ),
    "given up in the very moment in which it is sent": (
        (
            Consoles(
                (
                    Operator("make", "first", MINOR, (Strike("hold", _LOCK, 2, until=_LOCK), _AFTER_SENDING)),
                    Operator(
                        "abandon", strikes=(Strike("hold", "connect", 1, until=_LOCK, until_nth=2), Strike("hold", _LOCK, 1, until=POSTS))
                    ),
                )
            ),
        ),
        {},
    ),
    "not sent by one, and sent by a resume beside it": ((_beside_a_resume({"kind": "401"}),), {}),
    "refused to one, and sent by a resume beside it": ((_beside_a_resume(_REFUSED),), {}),
    "turned away again and again, and sent by a resume in between": (
        (_beside_a_resume({"kind": "429"}, {"kind": "429", "nth": 2, "times": 4}),),
        {},
    ),
    "another refund while one is unsettled": ((_struck(_BEFORE_SENDING), Consoles((Operator("make", "second", OTHER),))), {}),
    "the same refund once more": ((Consoles((_FIRST,)), Consoles((Operator("make", "second", MINOR),))), {}),
    "a click in between, adopted": ((_struck(_BEFORE_SENDING), Click(MINOR), _RESUME), {"verdict": "adopt"}),
    "a click in between, and both are wanted": ((_struck(_BEFORE_SENDING), Click(MINOR), _RESUME), {"verdict": "send-anyway"}),
    "the intent's commit gets no answer": ((_struck(Strike("cut", "COMMIT", 1, "answered")),), {}),
    "the settlement's commit gets no answer": ((_struck(Strike("cut", "COMMIT", 3, "answered")),), {"hand_minor": 5_00}),
    "a part was booked by hand": ((Consoles((_FIRST,)), Book(3_33), Consoles((Operator("make", "second", OTHER),))), {"hand_minor": 5_00}),
    "a click after it had arrived": ((_struck(_AFTER_SENDING), Click(MINOR), _RESUME), {}),
    "the click adopted though the refund had arrived": ((_struck(_AFTER_SENDING), Click(MINOR), Decide("adopt"), _RESUME), {}),
    "given up while it is on its way": (
        (_struck(_AFTER_SENDING, faults=({"kind": "late", "seconds": STALL_S},)), Consoles((Operator("abandon"),)), _RESUME),
        {},
    ),
    "a request of the backend beside it": ((_struck(_BEFORE_SENDING), _RESUME), {"request_minor": OTHER}),
    "neither the answer nor the list": (
        (_struck(faults=({"kind": "500_acted"}, {"kind": "500", "match": LISTS, "nth": 2, "times": 12})),),
        {},
    ),
    "the database is gone after Stripe's answer": ((_struck(Strike("gone", POSTS, 1, "answered")),), {}),
    "Stripe takes no connection": ((_struck(Strike("shut", "COMMIT", 2)), Consoles((Operator("make", "second", MINOR),))), {}),
    "a clash of keys after it was executed": (
        (_struck(faults=({"kind": "answer", "body": CLASH, "status": 400, "acted": True},)),),
        {},
    ),
    "the key is exchanged meanwhile": ((_struck(faults=(_WON, {"kind": "401"})), Rotate(), _RESUME), {}),
    "under way at Stripe, and fails": ((_struck(faults=({"kind": "pending"},)), Fail()), {"request_minor": MINOR + 1}),
}

DIRECTED: dict[str, Schedule] = {
    name: Schedule(name, number, "usd", 300_00, acts, **more) for number, (name, (acts, more)) in enumerate(_PLANS.items())
}

# Every commit of a refund cut at every moment, in both shapes: whether it happened is found out, and the refund is made.
CUT_COMMITS: dict[str, Schedule] = {
    name: Schedule(name, seed, "usd", 300_00, (_struck(Strike("cut", "COMMIT", nth, when)),), exit_code=0)
    for nth in range(1, COMMITS + 1)
    for when in MOMENTS
    for seed in (0, 1)
    for name in [f"commit {nth} cut {when}, {SHAPES[seed]}"]
}
