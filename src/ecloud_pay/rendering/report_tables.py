"""Reports as tables for `Screen.show`. On a terminal there are bars and colours, and what does not fit is left out and named."""

from collections.abc import Iterator, Sequence

from rich import box
from rich.cells import cell_len
from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

from ecloud_pay.domain.payment import Person
from ecloud_pay.domain.report import Booked, Figures, Owed, Report, StatementLine
from ecloud_pay.rendering import charts, theme
from ecloud_pay.rendering import report_sheets as sheets
from ecloud_pay.rendering import report_words as words
from ecloud_pay.rendering.look import Look
from ecloud_pay.rendering.sanitize import visible
from ecloud_pay.rendering.sheet import Grid, Note, Scope, Sheet

_GAP = 2  # columns between two columns
_FOLDED_WIDTH = 20  # columns that a name needs to stay legible when it is folded
_BESIDE_SPARKLINE = 45  # columns, for what it is called
_BAR_WIDTHS = range(24, 7, -4)  # the widest that fits


def report_table(report: Report, title: str, look: Look) -> list[RenderableType]:
    """A row per period or group and currency, the totals and what is to be said about them; on a terminal with bars and sparklines."""
    sheet = sheets.report_sheet(report, title, look)
    first, *others = sheet.grids
    drawn = [_grid(first, look, _bars(report, look)), *(_grid(grid, look) for grid in others)]
    return _page(sheet, drawn, look, list(_sparklines(report, look)))


def booked_table(booked: Sequence[Booked], scope: Scope, title: str, look: Look) -> list[RenderableType]:
    """What rows say, by status."""
    return _sheet(sheets.booked_sheet(booked, scope, title, look), look)


def owed_table(owed: Sequence[Owed], scope: Scope, title: str, look: Look) -> list[RenderableType]:
    """What is owed, a row per cleaner and currency."""
    return _sheet(sheets.owed_sheet(owed, scope, title, look), look)


def statement_table(cleaner: Person | None, lines: Sequence[StatementLine], scope: Scope, title: str, look: Look) -> list[RenderableType]:
    """A cleaner's statement, a row per payment."""
    return _sheet(sheets.statement_sheet(cleaner, lines, scope, title, look), look)


def _sheet(sheet: Sheet, look: Look) -> list[RenderableType]:
    return _page(sheet, [_grid(grid, look) for grid in sheet.grids], look)


def _page(sheet: Sheet, grids: Sequence[RenderableType], look: Look, lines: Sequence[Note] = ()) -> list[RenderableType]:
    page: list[RenderableType] = [Text(sheet.title, style=theme.STRONG), *_notes(sheet.facts, look)]
    for grid in grids:
        page += [Text(""), grid]
    notes = [*lines, *sheet.notes]
    return [*page, Text(""), *_notes(notes, look)] if notes else page


def _notes(notes: Sequence[Note], look: Look) -> Iterator[Text]:
    """A line each, folded between words: a terminal would break a figure in two."""
    for note in notes:
        line = _note(note)
        yield from [line] if look.width is None or line.cell_len <= look.width else line.wrap(Console(), look.width)


def _note(note: Note) -> Text:
    style = "" if note.verdict is None else theme.mark(note.verdict).style
    return Text.assemble((f"{note.label}: ", theme.LABEL), (note.value, style))


# --- Tables


def _grid(grid: Grid, look: Look, bars: Sequence[tuple[int, int]] = ()) -> Table:
    """`bars` are how high each row stands and the highest of its kind."""
    if look.width is None:
        return _table(grid, [], [], True)
    bar_width = next((width for width in _BAR_WIDTHS if _width(grid, []) + _GAP + width <= look.width), 0) if bars else 0
    hidden: list[str] = []
    for heading in grid.dispensable:
        if _width(grid, hidden) <= look.width:
            break
        hidden.append(heading)
    if _width(grid, hidden) > look.width:
        return _stacked(grid)
    table = _table(grid, hidden, [charts.bar(*one, bar_width) for one in bars] if bar_width else [], False)
    unseen = [*(["Bars"] if bars and not bar_width else []), *hidden]
    if unseen:
        table.caption = Text(f"Not shown at this width: {', '.join(unseen)}", style=theme.NOTE)
        table.caption_justify = "left"
    return table


def _table(grid: Grid, hidden: Sequence[str], bars: Sequence[str], is_whole: bool) -> Table:
    kept = [index for index, heading in enumerate(grid.headings) if heading not in hidden]
    table = Table(box=box.SIMPLE_HEAD, padding=(0, _GAP - 1, 0, 0), pad_edge=False, show_edge=False, header_style=theme.STRONG)
    for index in kept:
        column = grid.columns[index]
        table.add_column(
            Text(column.heading), justify="right" if column.is_figure else "left", overflow="fold", no_wrap=column.is_figure or is_whole
        )
    if bars:
        table.add_column(Text(""), no_wrap=True)
    for number, cells in enumerate(grid.rows):
        row = [_cell(cells[index], grid, index) for index in kept]
        table.add_row(*row, *([Text(bars[number], style=theme.BAR)] if bars else []), end_section=number == len(grid.rows) - 1)
    for cells in grid.totals:
        table.add_row(*(Text(cells[index], style=theme.STRONG) for index in kept))
    return table


def _stacked(grid: Grid) -> Table:
    """A line a figure, where the terminal is too narrow for a row: half an amount would be another amount."""
    table = Table(box=None, padding=(0, _GAP, 0, 0), pad_edge=False, show_header=False)
    table.add_column(style=theme.LABEL, no_wrap=True)
    table.add_column(overflow="fold")
    for cells in (*grid.rows, *grid.totals):
        for heading, cell in zip(grid.headings, cells, strict=True):
            if cell:
                table.add_row(Text(heading), Text(cell))
        table.add_row("", "")
    return table


def _cell(text: str, grid: Grid, index: int) -> Text:
    if grid.headings[index] == "Change":
        return Text(text, style=theme.GAIN if text.startswith("+") else theme.LOSS if text.startswith("-") else theme.LABEL)
    return Text(text)


def _width(grid: Grid, hidden: Sequence[str]) -> int:
    """How wide the table would be without `hidden`, its names folded."""
    lines = (grid.headings, *grid.rows, *grid.totals)
    shown = [
        (column, max(map(cell_len, cells)))
        for column, cells in zip(grid.columns, zip(*lines, strict=True), strict=True)
        if column.heading not in hidden
    ]
    return sum(width if column.is_figure else min(width, _FOLDED_WIDTH) for column, width in shown) + _GAP * (len(shown) - 1)


# --- Bars and sparklines


def _bars(report: Report, look: Look) -> list[tuple[int, int]]:
    rows = list(words.rows(report, look))
    highest = {row.figures.currency: 0 for row in rows}
    for row in rows:
        highest[row.figures.currency] = max(highest[row.figures.currency], _height(row.figures))
    return [(_height(row.figures), highest[row.figures.currency]) for row in rows]


def _height(figures: Figures) -> int:
    return charts.height(figures.amount(figures.gross))


def _sparklines(report: Report, look: Look) -> Iterator[Note]:
    """One per currency, of as many of the newest periods as a line holds."""
    if look.width is None or report.by is not None or len(report.groups) < 2:
        return
    groups = report.groups[-max(look.width - _BESIDE_SPARKLINE, 8) :]
    label = f"Gross Volume by {report.every or 'period'}"
    label += f" (newest {len(groups)})" if len(groups) < len(report.groups) else ""
    totals = words.totals(report, look)
    for figures in totals:
        code = f"{visible(figures.currency.upper()) or '(no currency)'} " if len(totals) > 1 else ""
        yield Note(label, code + charts.sparkline([charts.height(words.gross_of(group, figures.currency)) for group in groups]))
