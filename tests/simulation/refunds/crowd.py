"""Sixteen operators at once on one payment, round after round: each a process of its own with its own connections."""

import json
import os
import socket
import uuid
from collections import Counter
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import IO, Any

from ecloud_pay.actions.preflight import preview
from ecloud_pay.actions.refund import carry_out
from ecloud_pay.actions.sending import Sender
from ecloud_pay.adapters.audit.log import AuditLog
from ecloud_pay.commands.refund_counter import desk, operator
from ecloud_pay.domain.errors import Busy, EcloudPayError, Refused
from ecloud_pay.domain.preview import Wish
from ecloud_pay.wiring import Choices
from simulation.refunds.consoles import HastyWiring
from simulation.refunds.world import World
from support.trail import chain

OPERATORS = 16
MINOR = 19_99


@dataclass(slots=True)
class Operator:
    """One of them, and the line to it."""

    pid: int
    line: IO[str]

    def tell(self, **words: Any) -> None:
        """Say what is to be done."""
        self.line.write(json.dumps(words) + "\n")
        self.line.flush()

    def hear(self) -> Any:
        """What it says next."""
        return json.loads(self.line.readline())


def play_rounds(world: World, rounds: int) -> tuple[Counter[str], list[str]]:
    """What the operators were answered with, and what must not be: anything but one POST each round."""
    crowd = [_fork(world) for _ in range(OPERATORS)]
    answers: Counter[str] = Counter()
    wrong: list[str] = []
    try:
        for number in range(rounds):
            # Every other round they have all looked before the first of them acts, so that only the lock keeps them apart.
            heard = _round(world, crowd, is_held=number % 2 == 0)
            answers.update(heard)
            wrong += [f"round {number}: {problem}" for problem in _problems(world, heard)]
    finally:
        for one in crowd:
            one.line.close()
            os.waitpid(one.pid, 0)
    return answers, wrong


def _round(world: World, crowd: list[Operator], *, is_held: bool) -> list[str]:
    payment = world.put_payment("usd", 100_00, 0)
    for one in crowd:
        one.tell(payment=payment, audit=str(world.folder / f"crowd-{payment}.jsonl"), is_held=is_held)
    if is_held:
        for one in crowd:
            one.hear()
        for one in crowd:
            one.tell(go=True)
    return [one.hear() for one in crowd]


def _problems(world: World, heard: list[str]) -> list[str]:
    payment = world.payments
    posts = [seen for seen in world.stripe.settled() if seen.method == "POST"]
    refunds = world.stripe.refunds(f"pi_sim{payment}")
    rows = world.rows(payment)
    [(booked,)] = world.ask("SELECT refund_amount FROM payments_payment WHERE id = %s", payment)
    events = Counter(event["event_type"] for event in chain([world.folder / f"crowd-{payment}.jsonl"]))
    found = {
        "POSTs": (len(posts), 1),
        "refunds at Stripe": (len(refunds), 1),
        "intents": ([(row.status, row.refund_status, row.stripe_id) for row in rows], [("completed", "completed", refunds[0]["id"])]),
        "refund_amount": (booked, Decimal("19.99")),
        "audit lines": (events, {"refund_requested": 1, "refund_sent": 1, "refunded": 1}),
        "who made it": (heard.count("made"), 1),
        "who was told of another": (heard.count("busy") + heard.count("refused"), OPERATORS - 1),
    }
    world.forget(payment)
    return [f"{what}: {is_}, not {wanted}" for what, (is_, wanted) in found.items() if is_ != wanted]


def _fork(world: World) -> Operator:
    ours, theirs = socket.socketpair()
    pid = os.fork()
    if pid == 0:
        os.dup2(theirs.fileno(), 3)
        os.closerange(4, 1024)
        try:
            _operate(world)
        finally:
            os._exit(0)
    theirs.close()
    line = ours.makefile("rw")
    ours.close()
    return Operator(pid, line)


def _operate(world: World) -> None:
    # The line is the descriptor 3, whatever it was called by the parent.
    reading, writing = os.fdopen(3, "r", closefd=False), os.fdopen(3, "w", closefd=False)

    def say(word: str) -> None:
        writing.write(json.dumps(word) + "\n")
        writing.flush()

    environ = world.environ_without_doors()
    wiring = HastyWiring(Choices(), environ)
    with wiring.ledger() as ledger, desk(wiring, ledger) as open_desk:
        actor = operator(wiring, ledger, None)
        while order := reading.readline():
            asked = json.loads(order)
            wish = Wish(key=str(uuid.uuid4()), actor=actor, amount=Decimal(MINOR).scaleb(-2))
            sender = Sender(ledger, open_desk.gateway, AuditLog(Path(asked["audit"])), wiring.money_in_flight())
            try:
                found = preview(open_desk, asked["payment"], wish)
                if asked["is_held"]:
                    say("ready")
                    reading.readline()
                say("made" if carry_out(found, sender).is_settled else "open")
            except (Busy, Refused) as error:
                say(type(error).__name__.lower())
            except EcloudPayError as error:
                say(f"{type(error).__name__}: {error.what}")
