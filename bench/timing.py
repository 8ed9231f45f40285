"""What a run of something took: repeated, taken in turns with its peers so that the machine's noise hits all of them alike."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import TypeVar

LIMIT_S = 600
KIB_PER_MAXRSS = 1 / 1024 if sys.platform == "darwin" else 1.0

# A child begins as a copy of its parent, and the kernel counts that towards its peak. So something small has to be the parent.
_WATCH = """
import os, sys, time
began = time.perf_counter()
child = os.fork()
if child == 0:
    os.dup2(os.open(sys.argv[1], os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), 1)
    os.execv(sys.argv[2], sys.argv[2:])
_, status, usage = os.wait4(child, 0)
print(time.perf_counter() - began, usage.ru_maxrss)
sys.exit(os.waitstatus_to_exitcode(status))
"""

_Thing = TypeVar("_Thing")
_Taken = TypeVar("_Taken")


class Unmeasurable(Exception):
    """Something did not do what it was to be measured at."""


@dataclass(frozen=True, slots=True)
class Sample:
    """What the runs of one thing came to, all in one unit."""

    values: tuple[float, ...]

    @property
    def median(self) -> float:
        return median(self.values)

    @property
    def spread(self) -> tuple[float, float]:
        return min(self.values), max(self.values)


@dataclass(frozen=True, slots=True)
class Usage:
    """What the runs of one program took, each from its start to its end: seconds, and the most memory it held at any one time."""

    seconds: Sample
    peak_mib: Sample


@dataclass(frozen=True, slots=True)
class Command:
    """A whole process, from its start to its end. Called, its stdout and stderr go into pipes that are read to the end; watched, its
    stdout goes to the file `stdout`."""

    argv: tuple[str, ...]
    environ: Mapping[str, str]
    folder: Path
    exit_code: int = 0
    stdout: str = os.devnull

    def __call__(self) -> None:
        self._run(self.argv)

    def peak_mib(self) -> float:
        """The most memory it held at any one time."""
        return self.watched()[1]

    def watched(self) -> tuple[float, float]:
        """One run: seconds and MiB."""
        seconds, peak = self._run((sys.executable, "-I", "-S", "-c", _WATCH, self.stdout, *self.argv)).split()
        return float(seconds), int(peak) * KIB_PER_MAXRSS / 1024

    def _run(self, argv: tuple[str, ...]) -> bytes:
        done = subprocess.run(argv, env=self.environ, cwd=self.folder, stdin=subprocess.DEVNULL, capture_output=True, timeout=LIMIT_S)
        if done.returncode != self.exit_code:
            told = done.stderr.decode(errors="replace").strip()
            raise Unmeasurable(f"{' '.join(self.argv)} exited with {done.returncode} instead of {self.exit_code}: {told}")
        return done.stdout


def in_turns(runs: int, things: Mapping[str, Callable[[], object]]) -> dict[str, Sample]:
    """Milliseconds of each thing: A, B, C, A, B, C, … A first turn warms the caches and is not counted."""

    def milliseconds(thing: Callable[[], object]) -> float:
        started = time.perf_counter()
        thing()
        return (time.perf_counter() - started) * 1000

    taken = _in_turns(1 + runs, things, milliseconds)
    return {name: Sample(tuple(some[1:])) for name, some in taken.items()}


def used_in_turns(runs: int, commands: Mapping[str, Command]) -> dict[str, Usage]:
    """The same for programs that take seconds and write much, every turn counted. Each begins when what the one before it wrote is on
    the disk."""

    def settled(command: Command) -> tuple[float, float]:
        os.sync()
        return command.watched()

    taken = _in_turns(runs, commands, settled)
    columns = {name: tuple(zip(*some, strict=True)) for name, some in taken.items()}
    return {name: Usage(Sample(seconds), Sample(peak_mib)) for name, (seconds, peak_mib) in columns.items()}


def _in_turns(runs: int, things: Mapping[str, _Thing], take: Callable[[_Thing], _Taken]) -> dict[str, list[_Taken]]:
    turns = [{name: take(thing) for name, thing in things.items()} for _ in range(runs)]
    return {name: [turn[name] for turn in turns] for name in things}


def as_in_real_life(environ: Mapping[str, str], drop: Iterable[str] = ()) -> dict[str, str]:
    """`environ` without what would change how Python starts (no .pyc files, no buffering) or what the console is told to do."""
    unwanted = ("PYTHON", "ECLOUD_PAY_", "_ECLOUD_PAY_", *drop)
    return {name: value for name, value in environ.items() if not name.startswith(unwanted)}


def load_average() -> str:
    """How busy the machine is, in the kernel's words."""
    return " ".join(f"{load:.1f}" for load in os.getloadavg())
