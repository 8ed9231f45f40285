"""Rows of the backend's tables as payments of the domain."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Row

from ecloud_pay.adapters.postgres import statements
from ecloud_pay.adapters.postgres.engine import Database, Snapshot
from ecloud_pay.domain.money import Amount, recorded
from ecloud_pay.domain.payment import Job, Payment, PaymentFile, Person, Refund, Transaction
from ecloud_pay.domain.reference import Reference, ReferenceKind
from ecloud_pay.domain.search import PaymentSearch
from ecloud_pay.ports import Found


@contextmanager
def open_reader(database: Database) -> Iterator["PostgresReader"]:
    """A reader on one snapshot of `database`, for the length of the block."""
    with database.snapshot() as snapshot:
        yield PostgresReader(snapshot, database.zone)


class PostgresReader:
    """ports.PaymentReader on one snapshot."""

    def __init__(self, snapshot: Snapshot, zone: str) -> None:
        self._snapshot = snapshot
        self.rows = RowReader(zone)

    def page(self, search: PaymentSearch, limit: int, before: int | None) -> Sequence[Payment]:
        return [self.rows.payment(row) for row in self._all(statements.payments_page(self._snapshot, search, limit, before))]

    def find(self, reference: Reference) -> Found | None:
        if reference.kind is not ReferenceKind.EMAIL:
            return self._newest(reference)
        return self._newest(reference, as_role="client") or self._newest(reference, as_role="cleaner")

    def _newest(self, reference: Reference, as_role: str | None = None) -> Found | None:
        wanted = statements.candidates(self._snapshot, reference, as_cleaner=as_role == "cleaner")
        payment_id, count = self._snapshot.connection.execute(wanted).one()
        if payment_id is None:
            return None
        # A refund row whose payment is gone (no foreign key in a custom schema) leads to no payment.
        file = self.file(payment_id)
        return None if file is None else Found(file, count, as_role)

    def candidates(self, reference: Reference, limit: int) -> Sequence[Payment]:
        """The payments that `reference` may mean, newest first, at most `limit`."""
        return [self.rows.payment(row) for row in self._all(statements.payments_meant(self._snapshot, reference, limit))]

    def file(self, payment_id: int) -> PaymentFile | None:
        """Everything about one payment; None where there is none."""
        rows = self._all(statements.payment_with_id(self._snapshot, payment_id))
        if not rows:
            return None
        payment = self.rows.payment(rows[0])
        transactions = self._all(statements.transactions_of(self._snapshot, payment.id))
        refunds = self._all(statements.refunds_of(self._snapshot, payment.id))
        return PaymentFile(
            payment,
            tuple(self.rows.transaction(row, payment.currency) for row in transactions),
            tuple(self.rows.refund(row, payment.currency) for row in refunds),
        )

    def _all(self, statement: Any) -> Sequence[Row[Any]]:
        return self._snapshot.connection.execute(statement).all()


class RowReader:
    """Maps rows; knows the zone of columns that have none."""

    def __init__(self, zone: str) -> None:
        self._zone = UTC if zone.upper() == "UTC" else ZoneInfo(zone)

    def payment(self, row: Row[Any]) -> Payment:
        def money(figure: Decimal) -> Amount:
            return recorded(figure, row.currency)

        return Payment(
            id=row.id,
            job=None if row.job_id is None else Job(row.job_id, row.service_type or None, row.property_address or None),
            client=person(row.client_id, row.client_email, row.client_username),
            cleaner=person(row.cleaner_id, row.cleaner_email, row.cleaner_username),
            amount=money(row.amount),
            platform_fee=money(row.platform_fee),
            cleaner_payout=money(row.cleaner_payout),
            currency=row.currency or None,
            status=row.status or None,
            stripe_payment_intent_id=row.stripe_payment_intent_id or None,
            stripe_charge_id=row.stripe_charge_id or None,
            payment_method_type=row.payment_method_type or None,
            payment_method_brand=row.payment_method_brand or None,
            payment_method_last4=row.payment_method_last4 or None,
            created_at=self._instant(row.created_at),
            paid_at=self._instant(row.paid_at),
            refund_amount=money(_NOTHING if row.refund_amount is None else row.refund_amount),
            refund_reason=row.refund_reason or None,
            refunded_at=self._instant(row.refunded_at),
            description=row.description or None,
            metadata=row.metadata,
        )

    def transaction(self, row: Row[Any], currency: str | None) -> Transaction:
        return Transaction(
            id=row.id,
            transaction_type=row.transaction_type,
            amount=recorded(row.amount, currency),
            status=row.status,
            stripe_transaction_id=row.stripe_transaction_id or None,
            created_at=self._instant(row.created_at),
            completed_at=self._instant(row.completed_at),
            metadata=row.metadata,
        )

    def refund(self, row: Row[Any], currency: str | None) -> Refund:
        return Refund(
            id=row.id,
            amount=recorded(row.amount, currency),
            reason=row.reason or None,
            status=row.status or None,
            stripe_refund_id=row.stripe_refund_id or None,
            requested_by=person(row.requested_by_id, row.email, row.username),
            created_at=self._instant(row.created_at),
            processed_at=self._instant(row.processed_at),
        )

    def _instant(self, value: datetime | None) -> datetime | None:
        if value is None:
            return None
        # A `timestamp` column comes back naive and means the database's zone; a `timestamptz` one comes back aware.
        aware = value if value.tzinfo is not None else value.replace(tzinfo=self._zone)
        return aware.astimezone(UTC)


_NOTHING = Decimal("0.00")  # refund_amount alone is nullable (in the documented shape): NULL says that nothing came back


def person(person_id: int | None, email: str | None, username: str | None) -> Person | None:
    """Whom an id and the columns beside it name; None where there is no id."""
    if person_id is None:
        return None
    # Both absent where the user's row is gone; where only the username is, the e-mail stands in for it.
    return Person(person_id, email or None, username or email or None)
