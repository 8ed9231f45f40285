"""Measures the console beside its peers and prints a table, or JSON with --json.

    programs without a database ─▶ start-up
    server ── few payments ──┬─▶ list: statement, whole process, wire, memory
          ├── many payments ─┴┬▶ export, report: whole processes beside psql, memory
          └── five times that ┘  (--large: some twelve minutes and 12 GB of disk)

Slowness never fails it: every exit code but 0 means that something could not be measured.
"""

import argparse
import os
import platform
import sys
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from typing import Any

import psycopg

from bench import exports, reports
from bench.database import databases, server
from bench.disk import temporary_folder
from bench.listing import Listing, start_up
from bench.programs import Programs, find_psql
from bench.report import Line, document, table
from bench.timing import Unmeasurable, load_average
from ecloud_pay import __version__
from ecloud_pay.domain.errors import EcloudPayError
from ecloud_pay.signals import Stopped, raise_on_signals

FEW, MANY, LARGE = 1_000, 1_000_000, 5_000_000
PROCESS_RUNS = 15
EXPORT_RUNS, LARGE_EXPORT_RUNS = 5, 3
BYTES_PER_PAYMENT = 2_400  # with its job, its transaction, their indexes, and the files that are exported
LONGEST_QUOTE = 100  # characters


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench", description="Speed of ecloud-pay beside its peers, in one run.")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    parser.add_argument("--runs", type=int, default=PROCESS_RUNS, metavar="N", help=f"runs of each short process (default: {PROCESS_RUNS})")
    parser.add_argument("--large", action="store_true", help=f"also with {LARGE:,} payments, which takes some twelve minutes")
    given = parser.parse_args()
    if given.runs < 1:
        parser.error("--runs must be at least 1")
    raise_on_signals()
    try:
        lines, facts = _measure(given.runs, [FEW, MANY, LARGE] if given.large else [FEW, MANY])
    except Stopped as stop:
        return stop.exit_code
    except (Unmeasurable, EcloudPayError, psycopg.Error) as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1
    print(document(lines, facts) if given.json else _page(lines, facts))
    return 0


def _measure(runs: int, sizes: Sequence[int]) -> tuple[list[Line], dict[str, Any]]:
    with ExitStack() as stack:
        folder = stack.enter_context(temporary_folder(BYTES_PER_PAYMENT * sum(sizes)))
        conninfo = stack.enter_context(server(folder, _tell))
        _tell(f"filling databases with {' and '.join(f'{size:,}' for size in sizes)} payments…")
        filled = dict(zip(sizes, stack.enter_context(databases(conninfo, sizes)), strict=True))
        (folder / "run").mkdir()
        programs = Programs(folder / "run", find_psql())
        if programs.psql is None:
            _tell("there is no psql here: COPY by psycopg stands in for \\copy, and reports have no peer")
        _tell("measuring…")
        before = load_average()
        listing = Listing(programs, filled)
        statement, plan = listing.statement()
        wire, said = listing.wire()
        lines = [*statement, *listing.processes(runs), *start_up(programs, runs), *listing.memory(), *wire]
        lines += [*_exports(programs, filled), *_reports(programs, filled, runs)]
        facts = {
            "version": __version__,
            "python": platform.python_version(),
            "cores": os.cpu_count(),
            "psql": programs.psql,
            "load_before": before,
            "load_after": load_average(),
            "plan": plan,
            "statements": said,
        }
        return lines, facts


def _exports(programs: Programs, filled: Mapping[int, str]) -> list[Line]:
    many = exports.measured(programs, filled[MANY], MANY, EXPORT_RUNS, with_loop=True)
    lines = [*exports.speed_lines(many, exports.BESIDE_COPY), *exports.memory_lines(many, None)]
    if LARGE in filled:
        _tell(f"exporting {LARGE:,} payments…")
        large = exports.measured(programs, filled[LARGE], LARGE, LARGE_EXPORT_RUNS, with_loop=False)
        lines += [*exports.speed_lines(large, exports.BESIDE_LARGE_COPY), *exports.memory_lines(large, many)]
    return lines


def _reports(programs: Programs, filled: Mapping[int, str], runs: int) -> list[Line]:
    sizes = [size for size in filled if size != FEW]
    lines = [line for size in sizes for line in reports.speed_lines(programs, filled[FEW], filled[size], size, runs)]
    return lines + reports.memory_lines(programs, filled[MANY], MANY, (filled[LARGE], LARGE) if LARGE in filled else None)


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
            f"psql is {facts['psql'] or 'not here'}.",
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
