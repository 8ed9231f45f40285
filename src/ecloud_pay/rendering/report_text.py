"""Reports as labelled lines, one figure a line: what scripts grep and mails carry."""

from collections.abc import Iterator, Sequence

from rich.cells import cell_len

from ecloud_pay.domain.payment import Person
from ecloud_pay.domain.report import Booked, Explained, Figures, Owed, Report, StatementLine
from ecloud_pay.rendering import report_sheets as sheets
from ecloud_pay.rendering import report_words as words
from ecloud_pay.rendering.amounts import share_text
from ecloud_pay.rendering.look import Look
from ecloud_pay.rendering.report_words import figure_text
from ecloud_pay.rendering.sanitize import visible
from ecloud_pay.rendering.sheet import Grid, Note, Scope, Sheet

_GAP = "  "
# What people call the figures that are explained; of those not named here, a status, its own word is shown.
_NAMES = {
    "payments": "Total Payments",
    "unknown": "Unknown Status",
    "gross": "Gross Volume, Platform Fees and Cleaner Payouts",
    "undated": "Undated",
    "refunds": "Refunds",
    "refunds_without_row": "Refunds without a row",
    "refunds_without_row_undated": "Refunds without a row or a date",
}


def report_text(report: Report, title: str, look: Look) -> str:
    """The figures of the whole window; what scripts rely on comes first, in this order and without a gap.

    Daily Report for 2025-01-26
    Total Payments: 12
    Total Revenue: $1,234.00
    Platform Fees: $185.10
    Succeeded: 10
    Failed: 2
    """
    totals, scope = words.totals(report, look), Scope.of(report)
    blocks = [[visible(title), *_first_lines(totals, look)], list(_other_counts(totals))]
    blocks += [[str(note) for note in _money_lines(figures, look)] for figures in totals]
    blocks.append([str(note) for note in words.after_refunds(totals, scope, look)])
    sheet = sheets.report_sheet(report, title, look)
    blocks.append([str(fact) for fact in sheet.facts])
    grids = sheet.grids if report.by is not None or len(report.groups) > 1 else sheet.grids[1:]
    blocks += [grid_lines(grid) for grid in grids]
    blocks.append([*_reasons(sheet), "Total Revenue is gross volume, what clients paid; the platform's own revenue is the Platform Fees."])
    return _joined(blocks)


def booked_text(booked: Sequence[Booked], scope: Scope, title: str, look: Look) -> str:
    """What rows say, by status."""
    return sheet_text(sheets.booked_sheet(booked, scope, title, look))


def owed_text(owed: Sequence[Owed], scope: Scope, title: str, look: Look) -> str:
    """What is owed, a line per cleaner."""
    return sheet_text(sheets.owed_sheet(owed, scope, title, look))


def statement_text(cleaner: Person | None, lines: Sequence[StatementLine], scope: Scope, title: str, look: Look) -> str:
    """A sheet to send to a cleaner, a line per payment."""
    return sheet_text(sheets.statement_sheet(cleaner, lines, scope, title, look))


def explained_text(explained: Sequence[Explained]) -> str:
    """Under each figure's name the ids behind it, where they are not too many, and the query that finds them."""
    return _joined([list(_explained_lines(one)) for one in explained])


def sheet_text(sheet: Sheet) -> str:
    """Any sheet in lines of full width."""
    heading = [sheet.title, *map(str, sheet.facts)]
    return _joined([heading, *map(grid_lines, sheet.grids), [*map(str, sheet.notes)]])


def grid_lines(grid: Grid) -> list[str]:
    """A table whose columns stand under each other, whatever script they are in."""
    lines = [grid.headings, *grid.rows, *grid.totals]
    widths = [max(map(cell_len, cells)) for cells in zip(*lines, strict=True)]
    drawn = [_line(cells, widths, grid) for cells in lines]
    rule = "─" * (sum(widths) + len(_GAP) * (len(widths) - 1))
    body = drawn[1 : 1 + len(grid.rows)]
    return [drawn[0], rule, *body, *([rule] if body and grid.totals else []), *drawn[1 + len(grid.rows) :]]


def _first_lines(totals: Sequence[Figures], look: Look) -> Iterator[str]:
    yield f"Total Payments: {sum(one.payments for one in totals)}"
    yield from (f"Total Revenue: {figure_text(one, one.gross, look)}" for one in totals)
    yield from (f"Platform Fees: {figure_text(one, one.fees, look)}" for one in totals)
    yield f"Succeeded: {sum(one.succeeded for one in totals)}"
    yield f"Failed: {sum(one.failed for one in totals)}"


def _other_counts(totals: Sequence[Figures]) -> Iterator[str]:
    for label, name in (("Pending", "pending"), ("Processing", "processing"), ("Cancelled", "cancelled"), ("Unknown Status", "unknown")):
        count = sum(getattr(one, name) for one in totals)
        if count or name != "unknown":
            yield f"{label}: {count}"
    yield f"Success Rate: {share_text(words.success_rate(totals))}"


def _money_lines(figures: Figures, look: Look) -> Iterator[Note]:
    gross = figure_text(figures, figures.gross, look)
    yield Note("Cleaner Payouts", figure_text(figures, figures.payouts, look))
    yield Note("Fees + Payouts = Revenue", words.proof(figures, look).value)
    yield Note("Average Payment", words.average_text(figures, look))
    yield Note("Largest Payment", figure_text(figures, figures.largest, look))
    yield Note("Refunds", figure_text(figures, figures.refunds, look))
    yield Note("Net Volume", figure_text(figures, figures.net, look))
    yield Note("Refunded Share", f"{share_text(figures.refunded_share)} of {gross}")
    yield from words.left_out(figures, look)


def _reasons(sheet: Sheet) -> list[str]:
    return [str(note) for note in sheet.notes if note.label == words.AS_IT_STANDS]


def _explained_lines(one: Explained) -> Iterator[str]:
    noun = "refund" if one.name == "refunds" else "payment"
    name = _NAMES.get(one.name) or visible(one.name).capitalize() or words.ABSENT
    yield f"{name}{f' ({visible(one.currency.upper())})' if one.currency else ''}: {words.counted(one.count, noun)}"
    if one.ids:
        yield f"  {', '.join(map(str, one.ids))}"
    yield from (f"  {visible(line)}" for line in one.sql.strip().split("\n"))


def _line(cells: Sequence[str], widths: Sequence[int], grid: Grid) -> str:
    padded = (
        _padding(cell, width) + cell if column.is_figure else cell + _padding(cell, width)
        for cell, width, column in zip(cells, widths, grid.columns, strict=True)
    )
    return _GAP.join(padded).rstrip()


def _padding(cell: str, width: int) -> str:
    return " " * (width - cell_len(cell))


def _joined(blocks: Sequence[Sequence[str]]) -> str:
    """Blocks with a blank line between them."""
    return "\n\n".join("\n".join(block) for block in blocks if block) + "\n"
