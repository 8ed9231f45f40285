"""`list` and the start-up: the statement alone, whole processes, memory, and what goes over the wire."""

import json
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from sqlalchemy import Select

from bench.programs import Programs
from bench.report import Line, Target
from bench.timing import Command, Sample, in_turns
from bench.wire import Traffic, overheard
from ecloud_pay.adapters.postgres.engine import Database, Snapshot
from ecloud_pay.adapters.postgres.login import parse_login
from ecloud_pay.adapters.postgres.statements import payments_page
from ecloud_pay.adapters.postgres.tables import Names
from ecloud_pay.domain.search import PaymentSearch

PAGE = 20
STATEMENT_RUNS = 201
MEMORY_RUNS = 7

PEER_NAME = "the same SELECT by SQLAlchemy"
BARE_PEER_NAME = "the same by psycopg, SQLAlchemy only imported"

GROWTH = Target(1.3)
BESIDE_SCRIPT = Target(1.5)
BESIDE_NOTHING = Target(10)
STATEMENTS = Target(4, is_ratio=False)


class Listing:
    """Two databases of so many payments, and the programs that list them."""

    def __init__(self, programs: Programs, databases: Mapping[int, str]) -> None:
        (self._few, self._few_conninfo), (self._many, self._many_conninfo) = sorted(databases.items())[:2]
        self._programs = programs
        # The SELECT of `list`, for the peer.
        self._asked = programs.folder / "select.json"

    def statement(self) -> tuple[list[Line], list[str]]:
        """The SELECT in this process, connected already; and how the server goes about it. First of all: it leaves it for the peer."""
        with _database(self._few_conninfo).snapshot() as small, _database(self._many_conninfo).snapshot() as large:
            compiled = _select(large).compile(dialect=large.connection.dialect)
            self._asked.write_text(json.dumps({"sql": str(compiled), "parameters": compiled.params}), encoding="utf-8")
            plan = large.connection.exec_driver_sql(f"EXPLAIN {compiled}", compiled.params).scalars().all()
            took = in_turns(STATEMENT_RUNS, {"small": partial(_rows, small), "large": partial(_rows, large)})
        name = f"list, statement alone, {self._many:,} payments"
        return [Line(name, "ms", took["large"], f"on {self._few:,} payments", took["small"], GROWTH)], list(plan)

    def processes(self, runs: int) -> list[Line]:
        few, many = self._list(self._few_conninfo), self._list(self._many_conninfo)
        took = in_turns(runs, {"few": few, "many": many, "peer": self._peer(), "bare": self._peer("--bare")})
        name = f"list, whole process, {self._many:,} payments"
        return [
            Line(name, "ms", took["many"], f"on {self._few:,} payments", took["few"], GROWTH),
            Line(name, "ms", took["many"], PEER_NAME, took["peer"], BESIDE_SCRIPT),
            Line(name, "ms", took["many"], BARE_PEER_NAME, took["bare"], BESIDE_SCRIPT),
        ]

    def memory(self) -> list[Line]:
        commands = {"list": self._list(self._many_conninfo), "peer": self._peer()}
        peaks = {name: Sample(tuple(command.peak_mib() for _ in range(MEMORY_RUNS))) for name, command in commands.items()}
        return [Line("list, peak memory", "MiB", peaks["list"], PEER_NAME, peaks["peer"])]

    def wire(self) -> tuple[list[Line], list[str]]:
        """What `list` and `show` say to the server; and the statements of `list`."""
        peer = self._traffic(lambda conninfo: self._peer(conninfo=conninfo))
        listed = self._traffic(self._list)
        shown = self._traffic(lambda conninfo: self._programs.console("show", "5", conninfo=conninfo))
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

    def _list(self, conninfo: str) -> Command:
        return self._programs.console("list", "--limit", str(PAGE), conninfo=conninfo)

    def _peer(self, *options: str, conninfo: str = "") -> Command:
        return self._programs.script("peer_list", str(self._asked), *options, conninfo=conninfo or self._many_conninfo)

    def _traffic(self, command: Callable[[str], Command]) -> Traffic:
        with overheard(self._many_conninfo, self._programs.folder) as (by_way_of_us, traffic):
            command(by_way_of_us)()
        return traffic


def start_up(programs: Programs, runs: int) -> list[Line]:
    """What needs no database, beside a Python that does nothing."""
    commands: Mapping[str, tuple[Command, Target | None]] = {
        "--version": (programs.console("--version"), BESIDE_NOTHING),
        "list --limit 0 (usage error)": (programs.console("list", "--limit", "0", exit_code=2), BESIDE_NOTHING),
        "lisst (unknown command)": (programs.console("lisst", exit_code=2), BESIDE_NOTHING),
        "--help": (programs.console("--help"), None),
    }
    took = in_turns(runs, {"": programs.nothing(), **{name: command for name, (command, _) in commands.items()}})
    return [Line(name, "ms", took[name], "python -c pass", took[""], target) for name, (_, target) in commands.items()]


def _database(conninfo: str) -> Database:
    return Database(parse_login(conninfo, "the bench"), Names(), "UTC")


def _select(snapshot: Snapshot) -> Select[Any]:
    return payments_page(snapshot, PaymentSearch(), PAGE + 1, None)  # `list` asks for one more, to know whether there is more


def _rows(snapshot: Snapshot) -> None:
    snapshot.connection.execute(_select(snapshot)).all()


def _count(name: str, unit: str, ours: int, peer: int | None = None, target: Target | None = None) -> Line:
    if peer is None:
        return Line(name, unit, Sample((ours,)))
    return Line(name, unit, Sample((ours,)), PEER_NAME, Sample((peer,)), target)
