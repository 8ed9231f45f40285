"""What `export` was asked for: the options, and the one plan that they make."""

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Annotated

import typer

from ecloud_pay.commands import parsing
from ecloud_pay.commands.selection import Filters, payment_search, tell_window
from ecloud_pay.domain.errors import UsageError
from ecloud_pay.domain.export import Column, ExportRequest, ExportTable, Form, columns, every_column, field_names, sheet_columns
from ecloud_pay.domain.period import Period
from ecloud_pay.wiring import Wiring

FORMATS = ["csv", "ndjson", "json", "xlsx", "parquet"]
PARALLEL = ("csv", "ndjson")
BINARY = ("xlsx", "parquet")
TABLES = [table.value for table in ExportTable]
MOST_JOBS = 16
MOST_JOBS_UNASKED = 4

_FORMS = {"csv": Form.SHEET, "ndjson": Form.DOCUMENTS, "json": Form.DOCUMENTS, "xlsx": Form.VALUES, "parquet": Form.TYPED}


@dataclass(frozen=True)
class What:
    """What is exported, and how it is written."""

    csv: Annotated[bool, typer.Option("--csv", help="Comma-separated values (the default).")] = False
    ndjson: Annotated[bool, typer.Option("--ndjson", help="A JSON document a line: the documents of `list --ndjson`.")] = False
    json: Annotated[bool, typer.Option("--json", help="One JSON array.")] = False
    xlsx: Annotated[bool, typer.Option("--xlsx", help="A workbook with real dates and numbers (needs the extra xlsx).")] = False
    parquet: Annotated[bool, typer.Option("--parquet", help="A Parquet file with decimals and timestamps (needs the extra parquet).")] = (
        False
    )
    table: Annotated[
        str,
        typer.Option("--table", metavar="TABLE", help=f"{', '.join(TABLES)}.", autocompletion=lambda: TABLES),
    ] = "payments"
    fields: Annotated[str | None, typer.Option("--fields", metavar="A,B,…", help="Only these fields; --fields '' lists them.")] = None
    raw: Annotated[bool, typer.Option("--raw", help="CSV text exactly as it is stored, though a spreadsheet may run it.")] = False
    processed_since: Annotated[
        str | None, typer.Option("--processed-since", metavar="DATE", help="With --table refunds: processed at or after DATE.")
    ] = None
    processed_until: Annotated[
        str | None, typer.Option("--processed-until", metavar="DATE", help="With --table refunds: processed before DATE.")
    ] = None


@dataclass(frozen=True)
class Where:
    """Where it goes."""

    output: Annotated[str | None, typer.Option("--output", "-o", metavar="FILE", help="Write FILE, whole or not at all.")] = None
    force: Annotated[bool, typer.Option("--force", help="Replace FILE where it exists.")] = False
    manifest: Annotated[bool, typer.Option("--manifest", help="Also write FILE.manifest.json: rows, sha256, totals, filters.")] = False
    jobs: Annotated[
        str | None,
        typer.Option(
            "--jobs", metavar="N", help=f"Connections for CSV or NDJSON to a file (default: the cores, {MOST_JOBS_UNASKED} at most)."
        ),
    ] = None


@dataclass(frozen=True, slots=True)
class Plan:
    """An export that makes sense. `path` is None for stdout."""

    request: ExportRequest
    format: str
    path: str | None
    force: bool
    with_manifest: bool
    jobs: int


def plan(filters: Filters, what: What, where: Where, wiring: Wiring) -> Plan:
    """What is to be done. UsageError names the first thing that makes no sense."""
    chosen = _format(what)
    table = ExportTable(parsing.one_of(what.table, TABLES, "--table", "table"))
    if what.raw and chosen != "csv":
        raise UsageError(f"--raw is about CSV; {chosen} holds text as it is anyway")
    jobs = _jobs(where, chosen)
    _check_destination(where, chosen, wiring)
    return Plan(_request(filters, what, table, chosen, wiring), chosen, where.output, where.force, where.manifest, jobs)


def _format(what: What) -> str:
    asked = [name for name in FORMATS if getattr(what, name)]
    if len(asked) > 1:
        raise UsageError(f"only one format at a time: {' and '.join(asked)} were asked for")
    return asked[0] if asked else "csv"


def _request(filters: Filters, what: What, table: ExportTable, chosen: str, wiring: Wiring) -> ExportRequest:
    columns_asked = _columns(what, table, chosen)
    processed = _processed(what, table, wiring)
    search = payment_search(filters, wiring, created=table.value.capitalize())
    created = Period()
    if table is not ExportTable.PAYMENTS:
        created, search = search.created, replace(search, created=Period())
    return ExportRequest(
        table,
        columns_asked,
        _FORMS[chosen],
        search,
        created,
        processed,
        zone=str(wiring.zone),
        is_guarded=not what.raw,
        is_nested=what.fields is None,
    )


def _columns(what: What, table: ExportTable, chosen: str) -> Sequence[Column]:
    """People's formats get the sheet that they know, machines' ones everything."""
    if what.fields is not None:
        return columns(table, parsing.field_names(what.fields, field_names(table)))
    return sheet_columns() if table is ExportTable.PAYMENTS and chosen in ("csv", "xlsx") else every_column(table)


def _processed(what: What, table: ExportTable, wiring: Wiring) -> Period:
    options = ("--processed-since", "--processed-until")
    processed = parsing.window(what.processed_since, what.processed_until, options, wiring.zone, wiring.now)
    if processed.is_bounded and table is not ExportTable.REFUNDS:
        raise UsageError("--processed-since and --processed-until go with --table refunds")
    tell_window("Refunds", "processed", processed, wiring)
    return processed


def _jobs(where: Where, chosen: str) -> int:
    if where.jobs is not None and (where.output is None or chosen not in PARALLEL):
        raise UsageError("--jobs goes with -o and CSV or NDJSON: the parts are files until they are joined")
    if where.jobs is not None:
        return parsing.count(where.jobs, "--jobs", MOST_JOBS)
    return min(_cores(), MOST_JOBS_UNASKED) if where.output is not None and chosen in PARALLEL else 1


def _cores() -> int:
    # What this process may use: in a container that is less than what the machine has.
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _check_destination(where: Where, chosen: str, wiring: Wiring) -> None:
    if where.output is None:
        for option, is_given in (("--force", where.force), ("--manifest", where.manifest)):
            if is_given:
                raise UsageError(f"{option} goes with -o FILE")
        if chosen in BINARY and wiring.screen.width is not None:
            raise UsageError(f"{chosen} is nothing for a terminal", to_do=f"Write it to a file: -o payments.{chosen}")
        return
    parsing.output_path(where.output, chosen, {f".{name}": name for name in FORMATS})
