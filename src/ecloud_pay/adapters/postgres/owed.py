"""What cleaners are owed: succeeded payments of a window with all that was refunded of them and paid out for them since.

payments of the window ──┬── their completed refund rows, whenever they came
                         └── their transactions of type payout
"""

from typing import Any

from sqlalchemy import (
    CTE,
    ColumnElement,
    DateTime,
    FromClause,
    Numeric,
    Select,
    Subquery,
    Text,
    case,
    cast,
    distinct,
    func,
    literal_column,
    null,
    select,
)

from ecloud_pay.adapters.postgres.engine import Snapshot
from ecloud_pay.adapters.postgres.report_rows import COMPLETED, ReportRows, share_of_fee
from ecloud_pay.adapters.postgres.statements import is_person, optional, username
from ecloud_pay.domain.report import Basis, BorneBy

PAYOUT = "payout"
PENDING = "pending"
_ZERO = literal_column("0", Numeric)


def owed_by_cleaner(rows: ReportRows, basis: Basis, borne_by: BorneBy | None) -> Select[Any]:
    """A line per cleaner and currency, with the cleaner's names beside it."""
    payment = _payments(rows, basis)
    refunded, paid = _refunded(rows, payment), _paid_out(rows, payment)
    user = rows.snapshot.tables.user
    summed = (
        select(
            payment.c.cleaner_id,
            payment.c.currency,
            func.count(distinct(payment.c.job_id)).label("jobs"),
            func.count().label("payments"),
            func.sum(payment.c.amount).label("gross"),
            func.sum(payment.c.cleaner_payout).label("payout"),
            func.sum(refunded.c.amount).label("refunds"),
            func.sum(_borne(payment, refunded.c.amount, borne_by)).label("borne"),
            func.sum(paid.c.completed).label("paid_out"),
            func.sum(paid.c.pending).label("under_way"),
        )
        .select_from(_joined(payment, refunded, paid))
        .group_by(payment.c.cleaner_id, payment.c.currency)
        .subquery("summed")
    )
    return select(summed, user.c.email, username(rows.snapshot, user).label("username")).outerjoin(user, user.c.id == summed.c.cleaner_id)


def statement_lines(rows: ReportRows, basis: Basis, borne_by: BorneBy | None, cleaner_id: int) -> Select[Any]:
    """The payments one by one, by date."""
    payment = _payments(rows, basis, rows.payment.cleaner_id == cleaner_id)
    refunded, paid = _refunded(rows, payment), _paid_out(rows, payment)
    job = rows.snapshot.tables.job
    return (
        select(
            payment.c.id,
            payment.c.job_id,
            cast(optional(job, "service_type", rows.snapshot.job_columns), Text).label("service_type"),
            payment.c.dated,
            payment.c.currency,
            case((payment.c.job_id.is_(None), 0), else_=1).label("jobs"),
            literal_column("1").label("payments"),
            payment.c.amount.label("gross"),
            payment.c.cleaner_payout.label("payout"),
            refunded.c.amount.label("refunds"),
            _borne(payment, refunded.c.amount, borne_by).label("borne"),
            paid.c.completed.label("paid_out"),
            paid.c.pending.label("under_way"),
        )
        .select_from(_joined(payment, refunded, paid).outerjoin(job, job.c.id == payment.c.job_id))
        .order_by(payment.c.dated, payment.c.id)
    )


def cleaners(snapshot: Snapshot, who: int | str) -> Select[Any]:
    """The users that an id or an e-mail means; an id that payments name and no user's row has is one, too."""
    user, payment = snapshot.tables.user, snapshot.tables.payment
    known = select(user.c.id, user.c.email, username(snapshot, user).label("username")).where(is_person(snapshot, user.c.id, who))
    if isinstance(who, str):
        return known.order_by(user.c.id)
    named = select(payment.c.cleaner_id, cast(null(), Text), cast(null(), Text)).where(payment.c.cleaner_id == who).limit(1)
    found = known.union_all(named).subquery("found")
    return select(found.c.id, func.max(found.c.email).label("email"), func.max(found.c.username).label("username")).group_by(found.c.id)


def _payments(rows: ReportRows, basis: Basis, *wanted: ColumnElement[bool]) -> CTE:
    payment = rows.payment
    dated = payment.created_at if basis is Basis.CREATED else payment.paid_at
    parts = [payment[name] for name in ("id", "cleaner_id", "job_id", "amount", "platform_fee", "cleaner_payout")]
    return (
        select(*parts, rows.currency.label("currency"), cast(dated, DateTime(timezone=True)).label("dated"))
        .where(*rows.charged(basis), *wanted)
        .cte("charged")
    )


def _refunded(rows: ReportRows, payment: CTE) -> Subquery:
    refund = rows.refund
    return (
        select(refund.payment_id, func.sum(refund.amount).label("amount"))
        .select_from(rows.snapshot.tables.refund.join(payment, payment.c.id == refund.payment_id))
        .where(refund.status == COMPLETED)
        .group_by(refund.payment_id)
        .subquery("refunded")
    )


def _paid_out(rows: ReportRows, payment: CTE) -> Subquery:
    transaction = rows.snapshot.tables.transaction
    amount = func.sum(transaction.c.amount)
    return (
        select(
            transaction.c.payment_id,
            amount.filter(transaction.c.status == COMPLETED).label("completed"),
            amount.filter(transaction.c.status == PENDING).label("pending"),
        )
        .select_from(transaction.join(payment, payment.c.id == transaction.c.payment_id))
        .where(transaction.c.transaction_type == PAYOUT)
        .group_by(transaction.c.payment_id)
        .subquery("paid")
    )


def _joined(payment: CTE, refunded: Subquery, paid: Subquery) -> FromClause:
    return payment.outerjoin(refunded, refunded.c.payment_id == payment.c.id).outerjoin(paid, paid.c.payment_id == payment.c.id)


def _borne(payment: CTE, refunded: ColumnElement[Any], borne_by: BorneBy | None) -> ColumnElement[Any]:
    match borne_by:
        case BorneBy.CLEANER:
            return refunded
        case BorneBy.PROPORTIONAL:
            return refunded - share_of_fee(payment.c, refunded)
        case BorneBy.PLATFORM | None:
            return _ZERO
