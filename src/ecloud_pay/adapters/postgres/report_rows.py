"""Which rows the figures of a report are made of: said once, for the sums and for the ids that explain them."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, FromClause, Numeric, Select, Text, and_, case, func, literal_column, or_, select, text

from ecloud_pay.adapters.postgres.engine import Snapshot
from ecloud_pay.adapters.postgres.statements import matching, within
from ecloud_pay.domain.money import WHOLE_THOUGH_TWO_DECIMAL, ZERO_DECIMAL
from ecloud_pay.domain.payment import PaymentStatus
from ecloud_pay.domain.period import Period
from ecloud_pay.domain.report import Basis, BorneBy
from ecloud_pay.domain.search import PaymentSearch

Condition = ColumnElement[bool]

COMPLETED = "completed"
_STATUSES = [status.value for status in PaymentStatus]
_NONE = literal_column("''", Text)
_ZERO = literal_column("0", Numeric)


@dataclass(frozen=True, slots=True)
class ReportRows:
    """The rows of one window. `search` narrows the payments, and the refunds through their payment."""

    snapshot: Snapshot
    search: PaymentSearch
    window: Period

    @property
    def payment(self) -> Any:
        """The columns of payments_payment."""
        return self.snapshot.tables.payment.c

    @property
    def refund(self) -> Any:
        """The columns of payments_refund."""
        return self.snapshot.tables.refund.c

    @property
    def currency(self) -> ColumnElement[str]:
        """The payment's currency in lower case, '' where it has none."""
        return func.lower(func.coalesce(self.payment.currency, _NONE))

    @property
    def status(self) -> ColumnElement[str]:
        """The payment's status as its row says it, '' where it says none."""
        return func.coalesce(self.payment.status, _NONE)

    def created(self) -> list[Condition]:
        """Payments that were created in the window, whatever became of them."""
        return [*within(self.payment.created_at, self.window), *self.matching()]

    def is_of_status(self, status: PaymentStatus | None) -> Condition:
        """That a payment is in this status; None: in one that there is not, or in none."""
        column = self.payment.status
        return or_(column.is_(None), column.not_in(_STATUSES)) if status is None else column == status.value

    def charged(self, basis: Basis) -> list[Condition]:
        """Succeeded payments whose money belongs to the window."""
        instant = self.payment.created_at if basis is Basis.CREATED else self.payment.paid_at
        return [*within(instant, self.window), self.is_of_status(PaymentStatus.SUCCEEDED), *self.matching()]

    def is_undated(self) -> Condition:
        """That a payment has succeeded and does not say when it was paid."""
        return and_(self.is_of_status(PaymentStatus.SUCCEEDED), self.payment.paid_at.is_(None))

    def refunded(self) -> list[Condition]:
        """Completed refund rows of the window, beside their payment."""
        return [*self.is_refund_of_window(self.refund), *self.matching()]

    def is_refund_of_window(self, refund: Any) -> list[Condition]:
        """That a row of payments_refund is completed, and was so in the window: processed_at says it, else created_at."""
        # Two bare columns rather than one COALESCE, so that an index on either serves.
        processed = and_(*within(refund.processed_at, self.window))
        unprocessed = and_(refund.processed_at.is_(None), *within(refund.created_at, self.window))
        return [refund.status == COMPLETED, or_(processed, unprocessed)]

    def refunds_and_payments(self) -> FromClause:
        """Refund rows with the payment each is of."""
        refund, payment = self.snapshot.tables.refund, self.snapshot.tables.payment
        return refund.join(payment, payment.c.id == refund.c.payment_id)

    def without_row(self, source: FromClause, *columns: ColumnElement[Any]) -> Select[Any]:
        """Payments of the window whose refund_amount is not the sum of their completed refund rows: id, `missing`, `is_undated`, `columns`.

        They belong to the window by refunded_at; those that do not say it, by created_at.
        """
        payment, refund = self.payment, self.refund
        completed = and_(refund.payment_id == payment.id, refund.status == COMPLETED)
        missing = func.coalesce(payment.refund_amount, _ZERO) - func.coalesce(func.sum(refund.amount), _ZERO)
        undated = payment.refunded_at.is_(None)
        parts = [payment.id, undated.label("is_undated"), payment.refund_amount, *columns]
        return (
            select(*parts, missing.label("missing"))
            .select_from(source.outerjoin(self.snapshot.tables.refund, completed))
            .where(
                or_(and_(*within(payment.refunded_at, self.window)), and_(undated, *within(payment.created_at, self.window))),
                # Most payments were never refunded: they are left out before anything is summed.
                or_(payment.refund_amount != _ZERO, refund.id.is_not(None)),
                *self.matching(),
            )
            .group_by(*(text(str(place)) for place in range(1, len(parts) + 1)))
            .having(missing != _ZERO)
        )

    def matching(self) -> list[Condition]:
        """What the search asks of a payment."""
        return matching(self.snapshot, self.search)


def on_fees(borne_by: BorneBy | None, payment: Any, refund: ColumnElement[Any], cumulative: ColumnElement[Any]) -> ColumnElement[Any]:
    """What the platform bears of one refund, after which `cumulative` has been refunded of the payment."""
    match borne_by:
        case BorneBy.PLATFORM:
            return refund
        case BorneBy.PROPORTIONAL:
            return share_of_fee(payment, cumulative) - share_of_fee(payment, cumulative - refund)
        case BorneBy.CLEANER | None:
            return _ZERO


def share_of_fee(payment: Any, refunded: ColumnElement[Any]) -> ColumnElement[Any]:
    """domain.report.share_of_fee in SQL. Whole numbers are divided, since numeric's own division stops at sixteen digits."""

    def shared(units: str, unit: str) -> ColumnElement[Any]:
        doubled = literal_column(units, Numeric) * 2 * payment.platform_fee * refunded + payment.amount
        return func.div(doubled, 2 * payment.amount, type_=Numeric) * literal_column(unit, Numeric)

    is_whole = func.lower(payment.currency).in_(sorted(ZERO_DECIMAL | WHOLE_THOUGH_TWO_DECIMAL))
    return case((payment.amount == _ZERO, _ZERO), (is_whole, shared("1", "1")), else_=shared("100", "0.01"))
