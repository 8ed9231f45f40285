"""Reports as one HTML file that needs nothing else: no script, no address, its chart drawn inline. For a phone, a desk and paper.

A page may be mailed and opened anywhere, so its own Content-Security-Policy forbids whatever a hostile name might still try.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from html import escape

from ecloud_pay.domain.money import Amount, recorded
from ecloud_pay.domain.payment import Person
from ecloud_pay.domain.report import Booked, Figures, Owed, Report, StatementLine
from ecloud_pay.rendering import charts
from ecloud_pay.rendering import report_sheets as sheets
from ecloud_pay.rendering import report_words as words
from ecloud_pay.rendering.charts import Point
from ecloud_pay.rendering.look import Look
from ecloud_pay.rendering.report_style import STYLE
from ecloud_pay.rendering.sanitize import visible
from ecloud_pay.rendering.sheet import Column, Grid, Note, Scope, Sheet

_POLICY = "default-src 'none'; style-src 'unsafe-inline'"
_MOST_LINES = 20  # of a chart of groups; the table has them all
_INSTANT = re.compile(r"(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d)", re.ASCII)
_LONGEST_LABEL = 20  # of a row; a longer one is a name, which may be folded
_MOST_LABELS = 6  # beneath upright bars, on a phone


def report_html(report: Report, title: str, look: Look) -> str:
    """Large figures, a chart per currency, the table and the notes."""
    page = _page_look(look)
    return sheet_html(sheets.report_sheet(report, title, page), list(_charts(report, page)))


def booked_html(booked: Sequence[Booked], scope: Scope, title: str, look: Look) -> str:
    """What rows say, by status."""
    amounts = ((visible(one.status) or words.ABSENT, recorded(one.amount, one.currency)) for one in booked)
    return sheet_html(sheets.booked_sheet(booked, scope, title, _page_look(look)), list(_amount_bars(amounts, "Amount by status", look)))


def owed_html(owed: Sequence[Owed], scope: Scope, title: str, look: Look) -> str:
    """What is owed, a line per cleaner."""
    names = sheets.cleaner_names(owed)
    payouts = ((name, recorded(one.payout, one.currency)) for name, one in zip(names, owed, strict=True))
    return sheet_html(sheets.owed_sheet(owed, scope, title, _page_look(look)), list(_amount_bars(payouts, "Payout by cleaner", look)))


def statement_html(cleaner: Person | None, lines: Sequence[StatementLine], scope: Scope, title: str, look: Look) -> str:
    """A sheet to send to a cleaner, a line per payment."""
    payouts = ((f"#{line.payment_id}", recorded(line.owed.payout, line.owed.currency)) for line in lines)
    figures = list(_amount_bars(payouts, "Your payout by payment", look))
    return sheet_html(sheets.statement_sheet(cleaner, lines, scope, title, _page_look(look)), figures)


def sheet_html(sheet: Sheet, figures: Sequence[str] = ()) -> str:
    """Any sheet as a page; `figures` are ready-made charts."""
    title = escape(sheet.title)
    parts = [
        f"<h1>{title}</h1>",
        _notes(sheet.facts, "facts"),
        *map(_tiles, sheet.highlights),
        *figures,
        *map(_table, sheet.grids),
        f"<section>\n{_notes(sheet.notes, 'notes')}\n</section>" if sheet.notes else "",
    ]
    body = "\n".join(filter(None, parts))
    return f"""\
<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{_POLICY}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>
{STYLE}
</style>
</head>
<body>
<main>
{body}
</main>
</body>
</html>
"""


# --- Parts of a page


def _notes(notes: Sequence[Note], name: str) -> str:
    lines = "\n".join(f"<dt>{escape(note.label)}</dt><dd{_class(note.verdict)}>{_whole_times(note.value)}</dd>" for note in notes)
    return f'<dl class="{name}">\n{lines}\n</dl>'


def _tiles(notes: Sequence[Note]) -> str:
    tiles = "\n".join(f"<div><dt>{escape(note.label)}</dt><dd>{escape(note.value)}</dd></div>" for note in notes)
    return f'<dl class="tiles">\n{tiles}\n</dl>'


def _table(grid: Grid) -> str:
    """It scrolls in a box of its own, which a keyboard reaches too."""
    head = "".join(f'<th scope="col"{_right(column)}>{escape(column.heading)}</th>' for column in grid.columns)
    body = "\n".join(_table_row(cells, grid.columns) for cells in grid.rows)
    foot = "\n".join(_table_row(cells, grid.columns) for cells in grid.totals)
    sections = [
        f"<thead>\n<tr>{head}</tr>\n</thead>",
        f"<tbody>\n{body}\n</tbody>" if body else "",
        f"<tfoot>\n{foot}\n</tfoot>" if foot else "",
    ]
    table = "\n".join(filter(None, sections))
    return f'<section class="scroll" tabindex="0" aria-label="Table">\n<table>\n{table}\n</table>\n</section>'


def _table_row(cells: Sequence[str], columns: Sequence[Column]) -> str:
    first, *others = cells
    rest = "".join(f"<td{_right(column)}>{escape(cell)}</td>" for cell, column in zip(others, columns[1:], strict=True))
    name = ' class="name"' if len(first) > _LONGEST_LABEL else ""
    return f'<tr><th scope="row"{name}>{escape(first)}</th>{rest}</tr>'


def _right(column: Column) -> str:
    return ' class="n"' if column.is_figure else ""


def _whole_times(text: str) -> str:
    """Escaped, and no line is broken within an instant."""
    return _INSTANT.sub(r"<time>\1</time>", escape(text))


def _class(verdict: object) -> str:
    return f' class="{verdict}"' if verdict else ""


# --- Charts


def _charts(report: Report, look: Look) -> Iterator[str]:
    if len(report.groups) < 2:
        yield from (_parts(figures, look) for figures in words.totals(report, look))
        return
    for number, figures in enumerate(words.totals(report, look)):
        caption = f"Gross volume by {report.by or report.every or 'period'} in {_currency_name(figures.currency)}"
        if report.by is None:
            yield _columns(list(_every_point(report, figures.currency, look)), caption, f"chart-{number + 1}")
        elif points := [_point(row, look) for row in words.rows(report, look) if row.figures.currency == figures.currency]:
            yield _lines(points, caption)


def _parts(figures: Figures, look: Look) -> str:
    """Where the gross volume of one period goes."""
    parts = (("Platform Fees", figures.fees), ("Cleaner Payouts", figures.payouts), ("Refunds", figures.refunds))
    whole = (("Gross Volume", figures.gross), *parts)
    points = [Point(name, charts.height(figures.amount(one)), words.figure_text(figures, one, look)) for name, one in whole]
    return _lines(points, f"Gross volume and its parts in {_currency_name(figures.currency)}")


def _amount_bars(amounts: Iterable[tuple[str, Amount]], what: str, look: Look) -> Iterator[str]:
    """A chart per currency of named amounts."""
    points: dict[str, list[Point]] = {}
    for name, amount in amounts:
        points.setdefault(amount.currency or "", []).append(Point(name, charts.height(amount), words.money_text(amount, look)))
    for currency, bars in points.items():
        yield _lines(bars, f"{what} in {_currency_name(currency)}")


def _currency_name(currency: str) -> str:
    return visible(currency.upper()) or "no currency"


def _point(row: words.Row, look: Look) -> Point:
    return Point(row.label, charts.height(row.figures.amount(row.figures.gross)), words.figure_text(row.figures, row.figures.gross, look))


def _every_point(report: Report, currency: str, look: Look) -> Iterator[Point]:
    """A bar for every period, also for one that saw nothing of this currency: time goes on."""
    for group in report.groups:
        amount = words.gross_of(group, currency)
        yield Point(visible(group.name), charts.height(amount), words.money_text(amount, look))


def _columns(points: Sequence[Point], caption: str, name: str) -> str:
    highest = max(points, key=lambda point: point.height)
    told = f"{len(points)} bars from {points[0].label} to {points[-1].label}"
    told += f"; the highest is {highest.label} with {highest.text}." if highest.height else ", none of any height."
    peak = f"; highest {highest.label}: {highest.text}" if highest.height else ""
    has_room = len(points) <= _MOST_LABELS
    shown = points if has_room else (points[0], points[len(points) // 2], points[-1])
    labels = "".join(f"<span>{escape(point.label)}</span>" for point in shown)
    axis = f'<div class="axis{" each" if has_room else ""}" aria-hidden="true">{labels}</div>'
    return (
        f"<figure>\n<figcaption>{escape(caption)}{escape(peak)}</figcaption>\n"
        f"{charts.column_chart(points, name, caption, told)}\n{axis}\n</figure>"
    )


def _lines(points: Sequence[Point], caption: str) -> str:
    shown = points[:_MOST_LINES]
    highest = max(point.height for point in shown)
    more = f" (the first {len(shown)} of {len(points)})" if len(shown) < len(points) else ""
    lines = "\n".join(
        f'<div class="line"><span>{escape(point.label)}</span>{charts.row_bar(point, highest)}'
        f'<span class="amount">{escape(point.text)}</span></div>'
        for point in shown
    )
    return f"<figure>\n<figcaption>{escape(caption)}{more}</figcaption>\n{lines}\n</figure>"


def _page_look(look: Look) -> Look:
    """A page is no terminal."""
    return Look(look.zone, look.currency)
