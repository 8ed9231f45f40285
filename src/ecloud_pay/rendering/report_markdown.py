"""Reports as GitHub-flavoured Markdown, to paste into an issue, a wiki or a mail."""

import re
from collections.abc import Iterable, Iterator, Sequence

from ecloud_pay.domain.payment import Person
from ecloud_pay.domain.report import Booked, Owed, Report, StatementLine
from ecloud_pay.rendering import report_sheets as sheets
from ecloud_pay.rendering.look import Look
from ecloud_pay.rendering.sheet import Grid, Note, Scope, Sheet

# What would begin, end or be markup: a cell's end, emphasis, code, links, HTML, entities, references to issues and, unless it is an
# amount, mathematics. An @ where a name may follow it would call somebody; an address on its own would become a link.
_MARKUP = re.compile(r"[\\`*_\[\]<>|~&#]|\$(?!\d)|(?<!\w)@|:(?=//)|(?<=www)\.", re.IGNORECASE)


def report_markdown(report: Report, title: str, look: Look) -> str:
    """Periods or groups, totals and notes."""
    return sheet_markdown(sheets.report_sheet(report, title, _page(look)))


def booked_markdown(booked: Sequence[Booked], scope: Scope, title: str, look: Look) -> str:
    """What rows say, by status."""
    return sheet_markdown(sheets.booked_sheet(booked, scope, title, _page(look)))


def owed_markdown(owed: Sequence[Owed], scope: Scope, title: str, look: Look) -> str:
    """What is owed, a line per cleaner."""
    return sheet_markdown(sheets.owed_sheet(owed, scope, title, _page(look)))


def statement_markdown(cleaner: Person | None, lines: Sequence[StatementLine], scope: Scope, title: str, look: Look) -> str:
    """A cleaner's statement, a line per payment."""
    return sheet_markdown(sheets.statement_sheet(cleaner, lines, scope, title, _page(look)))


def sheet_markdown(sheet: Sheet) -> str:
    """Any sheet."""
    blocks = [[f"# {escaped(sheet.title)}"], _list(sheet.facts), *(list(_table(grid)) for grid in sheet.grids), _list(sheet.notes)]
    return "\n\n".join("\n".join(block) for block in blocks if block) + "\n"


def escaped(text: str) -> str:
    """`text` with a backslash before whatever Markdown would obey."""
    return _MARKUP.sub(lambda match: f"\\{match[0]}", text)


def _list(notes: Sequence[Note]) -> list[str]:
    return [f"- **{escaped(note.label)}:** {escaped(note.value)}" for note in notes]


def _table(grid: Grid) -> Iterator[str]:
    yield _row(map(escaped, grid.headings))
    yield _row("---:" if column.is_figure else "---" for column in grid.columns)
    yield from (_row(map(escaped, cells)) for cells in grid.rows)
    yield from (_row(f"**{escaped(cell)}**" if cell else "" for cell in cells) for cells in grid.totals)


def _row(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _page(look: Look) -> Look:
    """A page is no terminal."""
    return Look(look.zone, look.currency)
