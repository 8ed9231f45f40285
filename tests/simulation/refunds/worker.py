"""One worker: the warm, single-threaded parent of all consoles of one shape. What it is to do comes as one JSON line on stdin.

{"server": conninfo, "shape": "django", "task": "random", "first": 1, "count": 150}  ──▶  a JSON line per schedule, as it is played
"""

import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from simulation.refunds.consoles import rehearse, warm_up
from simulation.refunds.crowd import play_rounds
from simulation.refunds.directed import CUT_COMMITS, DIRECTED
from simulation.refunds.mutants import MUTANTS, Mutant
from simulation.refunds.play import Played, play
from simulation.refunds.schedules import Schedule, random_schedule
from simulation.refunds.world import World
from support.backend import SHAPES

MUTANT_DIES_WITHIN = 25


def main() -> None:
    """Do one order."""
    order = json.loads(sys.stdin.readline())
    warm_up()
    with World.open(order["server"], order["shape"], Path(order["folder"])) as world:
        payment = world.put_payment("usd", 100_00, 0)
        rehearse(world.environ_without_doors() | {"ECLOUD_PAY_AUDIT_LOG": os.path.join(order["folder"], "rehearsal.jsonl")}, payment)
        world.forget(payment)
        for result in _done(world, order):
            sys.stdout.write(json.dumps(result) + "\n")
            sys.stdout.flush()


def _done(world: World, order: dict[str, Any]) -> Iterator[dict[str, Any]]:
    match order["task"]:
        case "random":
            for played in _conclusive(world, order["first"], order["count"]):
                yield played.as_json
        case "named":
            for schedule in named(order["names"]):
                if schedule.shape == world.backend.shape:
                    yield play(world, schedule).as_json
        case "mutants":
            for mutant in MUTANTS:
                if mutant.name in order["names"]:
                    yield {"name": mutant.name, **_tried(world, mutant)}
        case "crowd":
            answers, wrong = play_rounds(world, order["count"])
            yield {"answers": answers, "violations": wrong}


def _conclusive(world: World, first: int, count: int) -> Iterator[Played]:
    """Seeds of this shape from `first` on, until so many schedules were conclusive; the others come along."""
    seed = first + (SHAPES.index(world.backend.shape) - first) % len(SHAPES)
    while count > 0:
        played = play(world, random_schedule(seed))
        count -= played.is_conclusive or bool(played.violations)
        seed += len(SHAPES)
        yield played


def named(names: list[str]) -> list[Schedule]:
    """Schedules by their names, or by their seeds."""
    known = DIRECTED | CUT_COMMITS
    return [random_schedule(int(name)) if name.isdecimal() else known[name] for name in names]


def _tried(world: World, mutant: Mutant) -> dict[str, Any]:
    """How many schedules it took until something was noticed, and what; 0 if nothing was."""
    names = [*mutant.first, *(name for name in DIRECTED if name not in mutant.first)][:MUTANT_DIES_WITHIN]
    for number, name in enumerate(names, 1):
        played = play(world, DIRECTED[name], mutant.apply)
        if played.violations:
            return {"schedules": number, "schedule": name, "violation": played.violations[0]}
    return {"schedules": 0}


if __name__ == "__main__":
    main()
