"""The CSV of a batch: ref, amount, reason, note and, where somebody wants to be sure, currency. Read whole; every bad line is named."""

import csv
import io
import sys
from collections.abc import Sequence

from ecloud_pay.commands import parsing
from ecloud_pay.commands.refund_options import MOST_LINES_EVER, note, positive, reason
from ecloud_pay.domain.batch import BadLine, Entry
from ecloud_pay.domain.errors import UsageError

COLUMNS = ("ref", "amount", "reason", "note", "currency")
NEEDED = ("ref", "amount")
LARGEST_BYTES = 10_000_000


def read_entries(path: str) -> tuple[list[Entry], list[BadLine]]:
    """The lines of the file (`-`: of stdin), those that make sense and those that do not. UsageError where it is no such file."""
    text = _text(path)
    if not text.strip():
        raise UsageError("--from: the file is empty")
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    entries: list[Entry] = []
    bad: list[BadLine] = []
    place = 1  # of the line that a record begins in: a quoted cell may hold line breaks
    try:
        names = next(reader, [])
        _check_header(names)
        place = reader.line_num + 1
        for cells in reader:
            if any(cell.strip() for cell in cells):
                try:
                    entries.append(_entry(place, names, cells))
                except UsageError as error:
                    bad.append(BadLine(place, error.what))
            if len(entries) + len(bad) > MOST_LINES_EVER:
                raise UsageError(f"--from: the file has more than {MOST_LINES_EVER:,} lines to refund")
            place = reader.line_num + 1
    except csv.Error as error:
        raise UsageError(f"--from: line {place} is no CSV: {error}", to_do="Look at its quotation marks.") from error
    if not entries and not bad:
        raise UsageError("--from: the file has no line to refund")
    return entries, bad


def _text(path: str) -> str:
    try:
        if path == "-" and sys.stdin is None:
            raise ValueError("stdin is closed")
        if path == "-":
            raw = sys.stdin.buffer.read(LARGEST_BYTES + 1)
        else:
            with open(path, "rb") as file:
                raw = file.read(LARGEST_BYTES + 1)
    except (OSError, ValueError) as error:
        raise UsageError(f"--from: {path!r} cannot be read: {getattr(error, 'strerror', None) or error}") from error
    if len(raw) > LARGEST_BYTES:
        raise UsageError(f"--from: the file is larger than {LARGEST_BYTES // 1_000_000} MB")
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UsageError("--from: the file is not UTF-8", to_do="In a spreadsheet: save as CSV UTF-8.") from error


def _check_header(names: Sequence[str]) -> None:
    if wrong := _wrong_with(names):
        raise UsageError(f"--from: {wrong}", to_do=f"Columns: {','.join(COLUMNS)} (the first two are needed), separated by commas.")


def _wrong_with(names: Sequence[str]) -> str | None:
    """What a first line does wrong; None where it names the columns."""
    for sign, word in ((";", "semicolons"), ("\t", "tabs")):
        if len(names) == 1 and sign in names[0]:
            return f"it is separated by {word}; use commas"
    if not set(names) & set(COLUMNS):
        return f"the first line must name the columns, and it says {','.join(names)[:80]!r}"
    once = list(dict.fromkeys(names))
    wrong = [f"{name[:80]!r} is no column" if name else "a column has no name" for name in once if name not in COLUMNS]
    wrong += [f"{name} is there {_times(names.count(name))}" for name in once if name in COLUMNS and names.count(name) > 1]
    wrong += [f"the column {name} is missing" for name in NEEDED if name not in names]
    return "; ".join(wrong) or None


def _times(number: int) -> str:
    return "twice" if number == 2 else f"{number} times"


def _entry(place: int, names: Sequence[str], written: Sequence[str]) -> Entry:
    if len(written) > len(names):
        raise UsageError("it has more cells than the first line")
    cells = dict.fromkeys(names, "") | {name: cell.strip() for name, cell in zip(names, written, strict=False)}
    if not cells["ref"]:
        raise UsageError("it names no payment in ref")
    parsing.reference(cells["ref"])
    amount = positive(cells["amount"] or None, "amount")
    if amount is None:
        raise UsageError("it has no amount")
    return Entry(
        place=place,
        ref=cells["ref"],
        amount=amount,
        currency=parsing.currency(cells.get("currency") or None, "currency"),
        reason=reason(cells.get("reason") or None, "reason"),
        note=note(cells.get("note"), "note"),
    )
