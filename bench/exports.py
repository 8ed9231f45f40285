"""`export` beside what people do today: psql's \\copy of the same rows and columns, and a loop in Python."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from bench.programs import Programs
from bench.report import Line, Target
from bench.timing import Command, Usage, used_in_turns
from ecloud_pay.domain.export import ExportTable, field_names, sheet_columns

PAYMENTS = ExportTable.PAYMENTS
SHEET = [column.name for column in sheet_columns()]
EVERYTHING = field_names(PAYMENTS)
CSV_OPTIONS = "FORMAT csv, HEADER, NULL 'N/A'"
JOINS = {"client": ("auth_user", "client_id"), "cleaner": ("auth_user", "cleaner_id"), "job": ("jobs_cleaningjob", "job_id")}
LOOP = "a loop: psycopg's server-side cursor, csv.writer"

BESIDE_COPY = Target(1.0)
BESIDE_LARGE_COPY = Target(0.85)
STDOUT_BESIDE_COPY = Target(1.25)
OTHER_FORMATS_BESIDE_COPY = Target(3)
TEXT_MIB = Target(120, is_ratio=False)
PARQUET_MIB = Target(400, is_ratio=False)
FLAT = Target(1.1, at_least=0.9)


@dataclass(frozen=True, slots=True)
class Exports:
    """What each export of one database took, and each of its peers, by name; `copier` says who copied."""

    payments: int
    took: Mapping[str, Usage]
    copier: str


def measured(programs: Programs, conninfo: str, payments: int, runs: int, *, with_loop: bool) -> Exports:
    """Every program in turns, and the loop in Python once."""
    copier = "psql's \\copy" if programs.psql else "psycopg's COPY (no psql here)"
    commands = {**_ours(programs, conninfo), **_copies(programs, conninfo)}
    took = used_in_turns(runs, commands)
    if with_loop:
        select = _written(programs.folder / "loop.sql", _select(SHEET))
        took |= used_in_turns(1, {"loop": programs.script("peer_export", "loop", select, "loop.csv", conninfo=conninfo)})
    return Exports(payments, took, copier)


def speed_lines(exports: Exports, csv: Target) -> list[Line]:
    """The time of each, beside its peer; `csv` is the target of CSV in a file."""
    eleven, everything = f"{exports.copier} of 11 columns", f"{exports.copier} of all {len(EVERYTHING)} columns"
    beside = [
        ("csv", "--csv -o FILE", "copy", eleven, csv),
        ("stdout", "--csv > FILE", "copy to stdout", f"{eleven} to stdout", STDOUT_BESIDE_COPY),
        ("ndjson", "--ndjson -o FILE", "copy all", everything, OTHER_FORMATS_BESIDE_COPY),
        ("parquet", "--parquet -o FILE", "copy all", everything, OTHER_FORMATS_BESIDE_COPY),
        ("parquet 11", "--parquet --fields … -o FILE", "copy", eleven, OTHER_FORMATS_BESIDE_COPY),
        ("csv", "--csv -o FILE", "loop", LOOP, None),
    ]
    return [
        Line(
            f"export {arguments}, {exports.payments:,} payments", "s", exports.took[ours].seconds, name, exports.took[peer].seconds, target
        )
        for ours, arguments, peer, name, target in beside
        if peer in exports.took
    ]


def memory_lines(exports: Exports, fewer: Exports | None) -> list[Line]:
    """The most memory that each held, and beside an export of `fewer` payments."""
    lines = []
    for name, target in (("csv", TEXT_MIB), ("stdout", TEXT_MIB), ("ndjson", TEXT_MIB), ("parquet", PARQUET_MIB)):
        measured = f"export, peak memory, {name}, {exports.payments:,} payments"
        peak = exports.took[name].peak_mib
        lines.append(Line(measured, "MiB", peak, target=target))
        if fewer is not None:
            lines.append(Line(measured, "MiB", peak, f"{name}, {fewer.payments:,} payments", fewer.took[name].peak_mib, FLAT))
    return lines


def _ours(programs: Programs, conninfo: str) -> dict[str, Command]:
    def export(*arguments: str, stdout: str = "stdout.csv") -> Command:
        return programs.console("export", *arguments, conninfo=conninfo, stdout=stdout)

    return {
        "csv": export("--csv", "-o", "ours.csv", "--force"),
        "stdout": export("--csv"),
        "ndjson": export("--ndjson", "-o", "ours.ndjson", "--force"),
        "parquet": export("--parquet", "-o", "ours.parquet", "--force"),
        "parquet 11": export("--parquet", "--fields", ",".join(SHEET), "-o", "eleven.parquet", "--force"),
    }


def _copies(programs: Programs, conninfo: str) -> dict[str, Command]:
    def copy(name: str, columns: list[str], to: str | None) -> Command:
        copied = f"({_select(columns)}) TO {'STDOUT' if to is None or not programs.psql else _quoted(to)} WITH ({CSV_OPTIONS})"
        stdout = "copied-stdout.csv" if to is None else "/dev/null"
        if programs.psql:
            return programs.in_psql(Path(_written(programs.folder / f"{name}.sql", f"\\copy {copied}\n")), conninfo, stdout)
        statement = _written(programs.folder / f"{name}.sql", f"COPY {copied}")
        return programs.script("peer_export", "copy", statement, to or "/dev/stdout", conninfo=conninfo, stdout=stdout)

    return {
        "copy": copy("copy", SHEET, "copied.csv"),
        "copy to stdout": copy("stdout", SHEET, None),
        "copy all": copy("all", EVERYTHING, "copied-all.csv"),
    }


def _select(fields: list[str]) -> str:
    """As a person writes it: no guard, no format for dates. On one line, which is as much as \\copy reads."""
    columns = [_column(field) for field in fields]
    roles = [role for role in JOINS if any(column.startswith(f"{role}.") for column in columns)]
    joins = "".join(f" LEFT JOIN {table} {role} ON {role}.id = payment.{key}" for role, (table, key) in JOINS.items() if role in roles)
    return f"SELECT {', '.join(columns)} FROM payments_payment payment{joins} ORDER BY payment.id"


def _column(field: str) -> str:
    role, _, name = field.rpartition(".")
    if name == "id" and role:
        return f"payment.{role}_id"
    return f"{role or 'payment'}.{name}"


def _quoted(path: str) -> str:
    return f"'{path}'"


def _written(path: Path, text: str) -> str:
    path.write_text(text, encoding="utf-8")
    return str(path)
