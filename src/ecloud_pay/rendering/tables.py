"""Payments as a table, one row each."""

from collections.abc import Sequence

from rich import box
from rich.cells import cell_len
from rich.table import Table
from rich.text import Text

from ecloud_pay.domain.payment import Payment, Person
from ecloud_pay.rendering import theme
from ecloud_pay.rendering.amounts import amount_text
from ecloud_pay.rendering.cards import ABSENT, card_text, status_text
from ecloud_pay.rendering.look import Look
from ecloud_pay.rendering.machine import Document, cell_text
from ecloud_pay.rendering.sanitize import visible
from ecloud_pay.rendering.times import local_time

# What a narrow terminal goes without, in this order; the caption says so. Never money, and in a pipe nothing.
_DISPENSABLE = ("Card", "Job", "Cleaner")


def payments_table(payments: Sequence[Payment], look: Look) -> Table:
    """The columns that people look for first. E-mails fold inside their column, on a very narrow terminal every cell; nothing is cut."""
    rows = [_cells(payment, look) for payment in payments]
    hidden: list[str] = []
    for name in _DISPENSABLE:
        if look.width is None or _width(rows, hidden) <= look.width:
            break
        hidden.append(name)
    shown = [name for name in _COLUMNS if name not in hidden]
    # Where even that is too wide everything folds: an unwrapped column would be cut, and half an amount is another amount.
    fits = look.width is None or _width(rows, hidden) <= look.width
    table = _table(*((name, _COLUMNS[name]) for name in shown), whole=[name for name in shown if fits and name not in _FOLDED])
    for row in rows:
        table.add_row(*(row[name] for name in shown))
    if hidden:
        table.caption = Text(f"Not shown at this width: {', '.join(hidden)}", style=theme.NOTE)
        table.caption_justify = "left"
    return table


_COLUMNS = {
    "ID": "right",
    "Created": "left",
    "Status": "left",
    "Amount": "right",
    "Refunded": "right",
    "Client": "left",
    "Cleaner": "left",
    "Job": "right",
    "Card": "left",
}
_FOLDED = ("Client", "Cleaner")
_FOLDED_WIDTH = 20  # columns that an e-mail needs to stay legible when it is folded


def _cells(payment: Payment, look: Look) -> dict[str, Text]:
    return {
        "ID": Text(f"#{payment.id}"),
        "Created": Text(local_time(payment.created_at, look.zone)),
        "Status": status_text(payment.status, look),
        "Amount": Text(amount_text(payment.amount, look.currency), style=theme.STRONG),
        "Refunded": Text(amount_text(payment.refund_amount, look.currency) if payment.refund_amount else ""),
        "Client": _email(payment.client),
        "Cleaner": _email(payment.cleaner),
        "Job": Text(f"#{payment.job.id}" if payment.job else ABSENT),
        "Card": Text(card_text(payment)),
    }


def _width(rows: Sequence[dict[str, Text]], hidden: Sequence[str]) -> int:
    """How wide the table would be without `hidden`, its e-mails folded."""
    shown = [name for name in _COLUMNS if name not in hidden]
    widths = {name: max([len(name), *(row[name].cell_len for row in rows)]) for name in shown}
    return sum(min(width, _FOLDED_WIDTH) if name in _FOLDED else width for name, width in widths.items()) + _GAP * len(shown)


def fields_table(records: Sequence[Document], fields: Sequence[str], width: int | None) -> Table:
    """The asked-for fields of flat records, as scripts would get them; a terminal too narrow for a row gets a line a field."""
    rows = [[visible(cell_text(record[field])) for field in fields] for record in records]
    natural = sum(max(map(cell_len, column)) + _GAP for column in zip(fields, *rows, strict=True))
    if width is None or natural <= width:
        table = _table(*((field, "left") for field in fields))
        for row in rows:
            table.add_row(*map(Text, row))
        return table
    table = Table(box=None, padding=(0, _GAP, 0, 0), pad_edge=False, show_header=False)
    table.add_column(style=theme.LABEL, no_wrap=True)
    table.add_column(overflow="fold")
    for row in rows:
        for field, value in zip(fields, row, strict=True):
            table.add_row(Text(field), Text(value))
        table.add_row("", "")  # a blank line ends a record
    return table


def _email(person: Person | None) -> Text:
    return Text(visible(person.email or person.username or f"user #{person.id}") if person else ABSENT)


_GAP = 2  # columns between two columns


def _table(*columns: tuple[str, str], whole: Sequence[str] = ()) -> Table:
    table = Table(box=box.SIMPLE_HEAD, padding=(0, _GAP - 1, 0, 0), pad_edge=False, show_edge=False, header_style=theme.STRONG)
    for name, justify in columns:
        table.add_column(Text(name), justify="right" if justify == "right" else "left", overflow="fold", no_wrap=name in whole)
    return table
