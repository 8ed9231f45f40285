"""Payments as a table, one row each."""

from collections.abc import Sequence

from rich import box
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


def payments_table(payments: Sequence[Payment], look: Look) -> Table:
    """The columns that people look for first. Long text folds inside its column; nothing is cut."""
    table = _table(("ID", "right"), ("Created", "left"), ("Status", "left"), ("Amount", "right"), ("Refunded", "right"),
                   ("Client", "left"), ("Cleaner", "left"), ("Job", "right"), ("Card", "left"))  # fmt: skip
    for payment in payments:
        table.add_row(
            Text(f"#{payment.id}"),
            Text(local_time(payment.created_at, look.zone)),
            status_text(payment.status, look),
            Text(amount_text(payment.amount, look.currency), style=theme.STRONG),
            Text(amount_text(payment.refund_amount, look.currency) if payment.refund_amount else ""),
            _email(payment.client),
            _email(payment.cleaner),
            Text(f"#{payment.job.id}" if payment.job else ABSENT),
            Text(card_text(payment)),
        )
    return table


def fields_table(records: Sequence[Document], fields: Sequence[str]) -> Table:
    """The asked-for fields of flat records, as scripts would get them."""
    table = _table(*((field, "left") for field in fields))
    for record in records:
        table.add_row(*(Text(visible(cell_text(record[field]))) for field in fields))
    return table


def _email(person: Person | None) -> Text:
    return Text(visible(person.email or person.username or f"user #{person.id}") if person else ABSENT)


def _table(*columns: tuple[str, str]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False, header_style=theme.STRONG)
    for name, justify in columns:
        table.add_column(Text(name), justify="right" if justify == "right" else "left", overflow="fold")
    return table
