"""Two workers, one per shape of the tables, and what they report: how a test has schedules played."""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from support.backend import SHAPES

TESTS = Path(__file__).parents[2]


@dataclass(slots=True)
class Report:
    """What came of all schedules. `failed` tells each that something was wrong with, and how to play it again."""

    took_s: float = 0.0
    conclusive: int = 0
    inconclusive: int = 0
    fired: Counter[str] = field(default_factory=Counter)
    unfired: Counter[str] = field(default_factory=Counter)
    kills: set[str] = field(default_factory=set)
    failed: list[str] = field(default_factory=list)
    told: list[str] = field(default_factory=list)

    def add(self, played: dict[str, Any]) -> None:
        """One more."""
        self.fired.update(played["fired"])
        self.unfired.update(played["unfired"])
        self.kills.update(played["boundaries"])
        self.told += [f"{played['name']}:", *played["told"]]
        if played["violations"]:
            name = played["name"].removeprefix("seed ")
            told = "\n    ".join(line for line in played["told"])
            wrong = "\n  ".join(played["violations"])
            self.failed.append(f"{played['name']}\n  {wrong}\n    {told}\n  Once more: make simulate SEED='{name}'")
        if played["unfired"]:
            self.inconclusive += 1
        else:
            self.conclusive += 1

    @property
    def text(self) -> str:
        """For a person."""
        kinds = "\n".join(f"  {times:6}  {kind}" for kind, times in sorted(self.fired.items(), key=lambda each: (-each[1], each[0])))
        return (
            f"{self.conclusive} schedules in {self.took_s:.0f} s, {len(self.failed)} failed;"
            f" {self.inconclusive} more were inconclusive: a fault of theirs did not fire\n"
            f"killed at {len(self.kills)} boundaries of a refund by number and moment; what fired:\n{kinds}"
        )


def run_random(server: str, count: int, first: int = 1) -> Report:
    """So many conclusive schedules from seed `first` on."""
    half = count // 2
    return _reported(server, {"task": "random", "first": first}, [{"count": count - half}, {"count": half}])


def run_named(server: str, names: Sequence[str]) -> Report:
    """These schedules, or seeds."""
    return _reported(server, {"task": "named", "names": list(names)}, [{}, {}])


def try_mutants(server: str, names: Sequence[str]) -> dict[str, dict[str, Any]]:
    """What became of each mutant."""
    orders = [{"names": list(names[0::2])}, {"names": list(names[1::2])}]
    return {found["name"]: found for found in _work(server, {"task": "mutants"}, orders)}


def crowd(server: str, rounds: int) -> list[dict[str, Any]]:
    """Rounds of many operators on one payment, half of them in each shape."""
    return list(_work(server, {"task": "crowd"}, [{"count": rounds - rounds // 2}, {"count": rounds // 2}]))


def _reported(server: str, order: dict[str, Any], own: Sequence[dict[str, Any]]) -> Report:
    started, report = time.monotonic(), Report()
    for played in _work(server, order, own):
        report.add(played)
    report.took_s = time.monotonic() - started
    return report


def _work(server: str, order: dict[str, Any], own: Sequence[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    with tempfile.TemporaryDirectory(prefix="ecp-") as folder:
        outputs = [Path(folder, f"{shape}.jsonl") for shape in SHAPES]
        workers = []
        for shape, more, output in zip(SHAPES, own, outputs, strict=True):
            state = Path(folder, shape)
            state.mkdir()
            told = json.dumps({"server": server, "shape": shape, "folder": str(state), **order, **more})
            with output.open("wb") as stream:
                worker = subprocess.Popen(
                    [sys.executable, "-m", "simulation.refunds.worker"],
                    stdin=subprocess.PIPE,
                    stdout=stream,
                    cwd=folder,
                    env={
                        "PATH": os.environ["PATH"],
                        "PYTHONPATH": os.pathsep.join(filter(None, (os.environ.get("PYTHONPATH"), os.fspath(TESTS)))),
                    },
                )
            assert worker.stdin is not None
            worker.stdin.write(told.encode() + b"\n")
            worker.stdin.close()
            workers.append(worker)
        codes = [worker.wait() for worker in workers]
        assert codes == [0, 0], f"the workers ended with {codes}; see their stderr"
        for output in outputs:
            yield from map(json.loads, output.read_text().splitlines())
