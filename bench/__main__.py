"""Measures the console beside its peers and prints a table, or JSON with --json.

    server ── few payments ──┐
          └── many payments ─┴─▶ statement, whole process, wire, memory      programs without a database ─▶ start-up

Slowness never fails it: every exit code but 0 means that something could not be measured.
"""

import argparse
import json
import os
import platform
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import psycopg
from sqlalchemy import Select

from bench.database import databases, server
from bench.report import Line, Target, document, table
from bench.timing import Command, Sample, Unmeasurable, as_in_real_life, in_turns, load_average
from bench.wire import Traffic, overheard
from ecloud_pay import __version__
from ecloud_pay.adapters.postgres.engine import Database, Snapshot
from ecloud_pay.adapters.postgres.login import parse_login
from ecloud_pay.adapters.postgres.statements import payments_page
from ecloud_pay.adapters.postgres.tables import Names
from ecloud_pay.domain.errors import EcloudPayError
from ecloud_pay.domain.search import PaymentSearch
from ecloud_pay.signals import Stopped, raise_on_signals

FEW, MANY = 1_000, 1_000_000
PAGE = 20
STATEMENT_RUNS = 201
PROCESS_RUNS = 15
MEMORY_RUNS = 7
LONGEST_QUOTE = 100  # characters

PYTHON = Path(sys.executable)
CONSOLE = str(PYTHON.with_name("ecloud-pay"))
PEER = str(Path(__file__).with_name("peer_list.py"))
PEER_NAME = "the same SELECT by SQLAlchemy"
BARE_PEER_NAME = "the same by psycopg, SQLAlchemy only imported"

GROWTH = Target(1.3)
BESIDE_SCRIPT = Target(1.5)
BESIDE_NOTHING = Target(10)
STATEMENTS = Target(4, is_ratio=False)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench", description="Speed of ecloud-pay beside its peers, in one run.")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    parser.add_argument("--runs", type=int, default=PROCESS_RUNS, metavar="N", help=f"runs of each whole process (default: {PROCESS_RUNS})")
    given = parser.parse_args()
    if given.runs < 1:
        parser.error("--runs must be at least 1")
    raise_on_signals()
    try:
        lines, facts = _measure(given.runs)
    except Stopped as stop:
        return stop.exit_code
    except (Unmeasurable, EcloudPayError, psycopg.Error) as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1
    print(document(lines, facts) if given.json else _page(lines, facts))
    return 0


@dataclass(frozen=True, slots=True)
class Bench:
    """Where the measured programs run. `asked` is the file with the SELECT of `list`, for the peer."""

    folder: Path
    asked: Path
    runs: int

    def console(self, *arguments: str, conninfo: str = "", exit_code: int = 0) -> Command:
        return self._command([CONSOLE, *arguments], conninfo, exit_code)

    def peer(self, conninfo: str, *options: str) -> Command:
        return self._command([str(PYTHON), PEER, str(self.asked), *options], conninfo)

    def nothing(self) -> Command:
        return self._command([str(PYTHON), "-c", "pass"], "")

    def listing(self, conninfo: str) -> Command:
        return self.console("list", "--limit", str(PAGE), conninfo=conninfo)

    def _command(self, argv: Sequence[str], conninfo: str, exit_code: int = 0) -> Command:
        environ = as_in_real_life(os.environ, drop=("DATABASE_URL", "FORCE_COLOR"))
        return Command(tuple(argv), {**environ, "DATABASE_URL": conninfo}, self.folder, exit_code)


def _measure(runs: int) -> tuple[list[Line], dict[str, Any]]:
    with ExitStack() as stack:
        # An empty folder to run in, so that nobody's ./.env is read.
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="ecloud-bench-")))
        conninfo = stack.enter_context(server(_tell))
        _tell(f"filling two databases with {FEW:,} and {MANY:,} payments…")
        few, many = stack.enter_context(databases(conninfo, [FEW, MANY]))
        bench = Bench(folder, folder / "select.json", runs)
        _tell("measuring…")
        before = load_average()
        statement, plan = _statement(few, many, bench.asked)
        wire, said = _wire(bench, many)
        lines = [*statement, *_processes(bench, few, many), *_start_up(bench), *_memory(bench, many), *wire]
        facts = {
            "version": __version__,
            "python": platform.python_version(),
            "cores": os.cpu_count(),
            "load_before": before,
            "load_after": load_average(),
            "plan": plan,
            "statements": said,
        }
        return lines, facts


def _statement(few: str, many: str, asked: Path) -> tuple[list[Line], list[str]]:
    """The SELECT of `list` in this process, connected already; and how the server goes about it. Leaves it in `asked` for the peer."""
    with _database(few).snapshot() as small, _database(many).snapshot() as large:
        compiled = _select(large).compile(dialect=large.connection.dialect)
        asked.write_text(json.dumps({"sql": str(compiled), "parameters": compiled.params}), encoding="utf-8")
        plan = large.connection.exec_driver_sql(f"EXPLAIN {compiled}", compiled.params).scalars().all()
        took = in_turns(STATEMENT_RUNS, {"small": partial(_rows, small), "large": partial(_rows, large)})
    line = Line(f"list, statement alone, {MANY:,} payments", "ms", took["large"], f"on {FEW:,} payments", took["small"], GROWTH)
    return [line], list(plan)


def _database(conninfo: str) -> Database:
    return Database(parse_login(conninfo, "the bench"), Names(), "UTC")


def _select(snapshot: Snapshot) -> Select[Any]:
    return payments_page(snapshot, PaymentSearch(), PAGE + 1, None)  # `list` asks for one more, to know whether there is more


def _rows(snapshot: Snapshot) -> None:
    snapshot.connection.execute(_select(snapshot)).all()


def _processes(bench: Bench, few: str, many: str) -> list[Line]:
    commands = {"few": bench.listing(few), "many": bench.listing(many), "peer": bench.peer(many), "bare": bench.peer(many, "--bare")}
    took = in_turns(bench.runs, commands)
    name = f"list, whole process, {MANY:,} payments"
    return [
        Line(name, "ms", took["many"], f"on {FEW:,} payments", took["few"], GROWTH),
        Line(name, "ms", took["many"], PEER_NAME, took["peer"], BESIDE_SCRIPT),
        Line(name, "ms", took["many"], BARE_PEER_NAME, took["bare"], BESIDE_SCRIPT),
    ]


def _start_up(bench: Bench) -> list[Line]:
    commands: Mapping[str, tuple[Command, Target | None]] = {
        "--version": (bench.console("--version"), BESIDE_NOTHING),
        "list --limit 0 (usage error)": (bench.console("list", "--limit", "0", exit_code=2), BESIDE_NOTHING),
        "lisst (unknown command)": (bench.console("lisst", exit_code=2), BESIDE_NOTHING),
        "--help": (bench.console("--help"), None),
    }
    took = in_turns(bench.runs, {"": bench.nothing(), **{name: command for name, (command, _) in commands.items()}})
    return [Line(name, "ms", took[name], "python -c pass", took[""], target) for name, (_, target) in commands.items()]


def _memory(bench: Bench, many: str) -> list[Line]:
    commands = {"list": bench.listing(many), "peer": bench.peer(many)}
    peaks = {name: Sample(tuple(command.peak_mib() for _ in range(MEMORY_RUNS))) for name, command in commands.items()}
    return [Line("list, peak memory", "MiB", peaks["list"], PEER_NAME, peaks["peer"])]


def _wire(bench: Bench, many: str) -> tuple[list[Line], list[str]]:
    """What `list` and `show` say to the server; and the statements of `list`."""
    peer = _traffic(bench, many, bench.peer)
    listed = _traffic(bench, many, bench.listing)
    shown = _traffic(bench, many, lambda conninfo: bench.console("show", "5", conninfo=conninfo))
    lines = [
        _count("list, statements once connected", "", len(listed.statements), len(peer.statements), STATEMENTS),
        _count("list, round trips once connected", "", listed.round_trips, peer.round_trips),
        _count("list, sent", "bytes", listed.bytes_sent, peer.bytes_sent),
        _count("list, received", "bytes", listed.bytes_received, peer.bytes_received),
        _count("show 5, statements once connected", "", len(shown.statements)),
        _count("show 5, round trips once connected", "", shown.round_trips),
        _count("show 5, sent", "bytes", shown.bytes_sent),
        _count("show 5, received", "bytes", shown.bytes_received),
    ]
    return lines, listed.statements


def _traffic(bench: Bench, conninfo: str, command: Callable[[str], Command]) -> Traffic:
    with overheard(conninfo, bench.folder) as (by_way_of_us, traffic):
        command(by_way_of_us)()
    return traffic


def _count(name: str, unit: str, ours: int, peer: int | None = None, target: Target | None = None) -> Line:
    if peer is None:
        return Line(name, unit, Sample((ours,)))
    return Line(name, unit, Sample((ours,)), PEER_NAME, Sample((peer,)), target)


def _page(lines: Sequence[Line], facts: Mapping[str, Any]) -> str:
    plan = facts["plan"]
    walk = next((line.strip() for line in plan if "on payments_payment" in line), "(payments_payment is not in the plan)")
    return "\n".join(
        [
            f"ecloud-pay {facts['version']}, Python {facts['python']}, {facts['cores']} cores, "
            f"load {facts['load_before']} before and {facts['load_after']} after; median (least–most)",
            "",
            table(lines),
            "",
            f"The plan of list on {MANY:,} payments: {plan[0].strip()}",
            f"  it reads payments by: {walk}",
            "What list says to the server:",
            *(f"  {statement[:LONGEST_QUOTE]}" for statement in facts["statements"]),
        ]
    )


def _tell(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
