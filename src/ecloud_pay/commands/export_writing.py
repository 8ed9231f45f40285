"""From the snapshot to the disk or to stdout: which format writes what, and what is said about it."""

import os
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from typing import BinaryIO

from ecloud_pay.commands.export_manifest import manifest_of
from ecloud_pay.commands.export_options import Plan
from ecloud_pay.domain.manifest import manifest_path
from ecloud_pay.ports import Exporter
from ecloud_pay.rendering.lines import CsvLines, JsonArray, JsonLines, Lines
from ecloud_pay.rendering.progress import Progress
from ecloud_pay.rendering.screen import writing_to_stdout
from ecloud_pay.wiring import Wiring

# What turns the refusals of a disk or a pipe into our errors while something is written to it.
Writing = Callable[[], AbstractContextManager[None]]


def export_to_stdout(plan: Plan, wiring: Wiring) -> None:
    """All rows on stdout. Raises ClosedPipe or CannotWrite."""
    out = Door([wiring.screen.binary], writing_to_stdout)
    with wiring.exporter() as exporter:
        rows = _poured(plan, out, exporter, wiring)
    with writing_to_stdout():
        wiring.screen.binary.flush()
    if not rows:
        wiring.screen.note(f"No {plan.request.table} match.")


def export_to_file(plan: Plan, path: str, wiring: Wiring) -> None:
    """All rows in the file `path`, with its manifest where one is wanted. Raises CannotWrite."""
    with ExitStack() as stack:
        target = stack.enter_context(wiring.target(path, force=plan.force))
        beside = stack.enter_context(wiring.target(manifest_path(path), force=plan.force)) if plan.with_manifest else None
        door = Door([target.file, *(target.more() for _ in range(plan.jobs - 1))], target.writing)
        with wiring.exporter() as exporter:
            rows = _poured(plan, door, exporter, wiring)
            for part in door.files[1:]:
                target.join(part)
            size = target.file.tell()
            if beside is not None:
                wiring.write_manifest(beside, manifest_of(plan, path, rows, wiring.digest(target), exporter))
        wiring.commit([target] if beside is None else [target, beside])
    records = plan.request.table.removesuffix("s") if rows == 1 else plan.request.table
    wiring.screen.note(f"Wrote {rows:,} {records} to {path} ({size:,} bytes).")
    if beside is None and os.path.lexists(manifest_path(path)):
        wiring.screen.warn(f"{manifest_path(path)} was not renewed; --verify tells whether it still fits.")


@dataclass(frozen=True, slots=True)
class Door:
    """Where bytes go: one file, or several whose contents will be joined in order."""

    files: list[BinaryIO]
    writing: Writing


def _poured(plan: Plan, door: Door, exporter: Exporter, wiring: Wiring) -> int:
    """Write everything through `door`; returns the number of rows."""
    is_watched = plan.path is not None or wiring.screen.width is None
    expected = exporter.estimate(plan.request) if len(door.files) > 1 or (is_watched and wiring.screen.notes_reach_a_person) else 0
    with Progress(wiring.screen if is_watched else None, expected) as progress:
        match plan.format:
            case "parquet":
                return _parquet(plan, door, exporter, wiring, progress)
            case "xlsx":
                return _workbook(plan, door, exporter, wiring, progress)
            case _:
                return _lines(plan, door, exporter, wiring, expected, progress)


def _lines(plan: Plan, door: Door, exporter: Exporter, wiring: Wiring, expected: int, progress: Progress) -> int:
    lines = _lines_of(plan, wiring)
    sinks = [
        _LineSink(file, door.writing, lines, progress, head=lines.head if index == 0 else b"") for index, file in enumerate(door.files)
    ]
    rows = exporter.copy(plan.request, sinks, expected)
    sinks[0].finish()
    return rows


def _lines_of(plan: Plan, wiring: Wiring) -> Lines:
    match plan.format:
        case "ndjson":
            return JsonLines()
        case "json":
            return JsonArray()
        case _:
            # A terminal obeys control characters, whatever was asked for.
            is_shown = plan.path is None and wiring.screen.width is not None
            return CsvLines(plan.request.columns, is_raw=not plan.request.is_guarded and not is_shown)


class _LineSink:
    """Writes the lines of one part. The head is held back until the first row: a statement that fails leaves stdout empty."""

    def __init__(self, file: BinaryIO, writing: Writing, lines: Lines, progress: Progress, *, head: bytes) -> None:
        self._file = file
        self._writing = writing
        self._lines = lines
        self._progress = progress
        self._head = head

    def __call__(self, lines: bytes, rows: int, /) -> None:
        written = self._lines.written(lines)
        self._write(written)
        self._progress.add(len(written), rows)

    def finish(self) -> None:
        """What a format has at its end, and the head where no row came."""
        self._write(self._lines.tail())

    def _write(self, text: bytes) -> None:
        with self._writing():
            if self._head:
                self._file.write(self._head)
                self._head = b""
            self._file.write(text)


def _parquet(plan: Plan, door: Door, exporter: Exporter, wiring: Wiring, progress: Progress) -> int:
    with door.writing(), wiring.parquet_file(door.files[0], plan.request.columns) as file:

        def sink(lines: bytes, rows: int, /) -> None:
            file.write(lines)
            progress.add(len(lines), rows)

        return exporter.copy(plan.request, [sink], 0)


def _workbook(plan: Plan, door: Door, exporter: Exporter, wiring: Wiring, progress: Progress) -> int:
    name = plan.request.table.capitalize()
    with door.writing(), wiring.sheets(door.files[0], plan.request.columns, name=name, path=plan.path) as sheets:
        rows = sheets.write(progress.counted(exporter.rows(plan.request)))
    if sheets.cut:
        texts, end = ("1 text", "ends") if sheets.cut == 1 else (f"{sheets.cut:,} texts", "end")
        wiring.screen.warn(f"{texts} too long for a cell of a spreadsheet {end} in a mark; CSV holds all of it.")
    return rows
