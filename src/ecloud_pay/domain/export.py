"""What may be exported: four tables, their columns, and which of their rows are meant."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum

from ecloud_pay.domain.period import Period
from ecloud_pay.domain.search import PaymentSearch


class ExportTable(StrEnum):
    """The tables that `--table` names."""

    PAYMENTS = "payments"
    TRANSACTIONS = "transactions"
    REFUNDS = "refunds"
    ACCOUNTS = "accounts"


class Kind(StrEnum):
    """What a column's values are: each format writes each kind in its own way."""

    NUMBER = "number"
    MONEY = "money"
    TEXT = "text"
    INSTANT = "instant"
    FLAG = "flag"
    JSON = "json"


class Form(StrEnum):
    """How the server writes rows.

    SHEET: CSV for people, dates in their zone, `N/A` for absence. DOCUMENTS: a JSON document a line. TYPED: CSV for a program that
    knows the types, instants in UTC, nothing for absence. VALUES: Python's own objects, of no text at all.
    """

    SHEET = "sheet"
    DOCUMENTS = "documents"
    TYPED = "typed"
    VALUES = "values"


@dataclass(frozen=True, slots=True)
class Column:
    """One column of an export. `name` is the field's, as `list` has it; `heading` is what the file's first line calls it."""

    name: str
    heading: str
    kind: Kind


@dataclass(frozen=True, slots=True)
class ExportRequest:
    """Rows of `table`, in ascending id: those that `search` means, or that belong to the payments it means.

    For another table than payments `created` is that table's own created_at and `search.created` is open. `processed` is a refund's.
    `zone` is that of a sheet's dates, and `is_guarded` keeps a spreadsheet from running a sheet's text. `is_nested` writes documents with
    job, client, cleaner and user as objects, as the backend's API does.
    """

    table: ExportTable
    columns: Sequence[Column]
    form: Form
    search: PaymentSearch = field(default_factory=PaymentSearch)
    created: Period = field(default_factory=Period)
    processed: Period = field(default_factory=Period)
    zone: str = "UTC"
    is_guarded: bool = True
    is_nested: bool = False


@dataclass(frozen=True, slots=True)
class Total:
    """What the exported rows of one currency and status come to; None where rows say none, and of a table without money."""

    currency: str | None
    status: str | None
    rows: int
    amount: Decimal | None


def _kinds(text: str) -> dict[str, Kind]:
    """`amount:money` is a column of that kind; a bare name is text."""
    parts = (word.partition(":") for word in text.split())
    return {name: Kind(kind or Kind.TEXT) for name, _, kind in parts}


_KINDS = {
    ExportTable.PAYMENTS: _kinds(
        """id:number job.id:number job.service_type job.property_address client.id:number client.email client.username
        cleaner.id:number cleaner.email cleaner.username amount:money platform_fee:money cleaner_payout:money currency status
        stripe_payment_intent_id stripe_charge_id payment_method_type payment_method_brand payment_method_last4 created_at:instant
        paid_at:instant refund_amount:money refund_reason refunded_at:instant description metadata:json"""
    ),
    ExportTable.TRANSACTIONS: _kinds(
        """id:number payment_id:number transaction_type amount:money currency status stripe_transaction_id created_at:instant
        completed_at:instant metadata:json"""
    ),
    ExportTable.REFUNDS: _kinds(
        """id:number payment_id:number amount:money currency reason status stripe_refund_id requested_by created_at:instant
        processed_at:instant"""
    ),
    ExportTable.ACCOUNTS: _kinds(
        """id:number user.id:number user.email user.username stripe_account_id account_type is_verified:flag is_payouts_enabled:flag
        created_at:instant updated_at:instant"""
    ),
}

# The spreadsheet that finance has always been given: its headings and their order are a contract.
_SHEET = {
    "id": "Payment ID",
    "created_at": "Date",
    "client.email": "Client Email",
    "cleaner.email": "Cleaner Email",
    "amount": "Amount",
    "platform_fee": "Platform Fee",
    "cleaner_payout": "Cleaner Payout",
    "status": "Status",
    "stripe_payment_intent_id": "Stripe Payment Intent",
    "payment_method_brand": "Card Brand",
    "payment_method_last4": "Card Last4",
}


def field_names(table: ExportTable) -> list[str]:
    """The names that `--fields` may choose from."""
    return list(_KINDS[table])


def kind_of(table: ExportTable, name: str) -> Kind:
    """The kind of one field."""
    return _KINDS[table][name]


def columns(table: ExportTable, names: Sequence[str]) -> list[Column]:
    """The columns of these fields, headed by their names."""
    return [Column(name, name, _KINDS[table][name]) for name in names]


def every_column(table: ExportTable) -> list[Column]:
    """All columns of a table."""
    return columns(table, field_names(table))


def sheet_columns() -> list[Column]:
    """The eleven columns of the payments sheet, under its own headings."""
    return [Column(name, heading, _KINDS[ExportTable.PAYMENTS][name]) for name, heading in _SHEET.items()]
