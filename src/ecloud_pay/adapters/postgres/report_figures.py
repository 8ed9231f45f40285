"""The one statement behind the figures of a report.

    payments by created_at ──┐
    payments by paid_at      ├── UNION ALL ──▶ GROUP BY key, currency
    refund rows              │
    refunds without a row  ──┘

Every branch is summed up on its own, so that what is joined and united is a line per group and no longer a row per payment. A branch
says zero for what is not its subject.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import (
    ARRAY,
    BigInteger,
    ColumnElement,
    DateTime,
    FromClause,
    Numeric,
    Select,
    String,
    Text,
    any_,
    bindparam,
    cast,
    func,
    literal,
    literal_column,
    null,
    select,
    text,
    union_all,
)

from ecloud_pay.adapters.postgres.engine import Snapshot
from ecloud_pay.adapters.postgres.report_rows import COMPLETED, ReportRows, on_fees
from ecloud_pay.adapters.postgres.statements import optional, username
from ecloud_pay.domain.payment import PaymentStatus
from ecloud_pay.domain.report import Basis, BorneBy, By, ReportRequest

COUNTS = (
    *("payments", "succeeded", "failed", "pending", "processing", "cancelled", "unknown"),
    *("charged", "undated", "refunded", "unrowed", "unrowed_undated"),
)
SUMS = (
    *("gross", "fees", "payouts", "undated_gross", "undated_fees", "undated_payouts"),
    *("refunds", "refunds_on_fees", "refunds_without_row", "refunds_without_row_undated"),
)
LARGEST = "largest"
# Stands for "no client", "no cleaner", "no job" where groups are joined and compared: NULL equals nothing, and no row has this id.
NO_ID = -(2**63)

_Measures = Mapping[str, ColumnElement[Any]]
_ZERO = literal_column("0", Numeric)
_NO_ROWS = literal_column("0::bigint", BigInteger)
_NO_MONEY = literal_column("0::numeric", Numeric)
_NONE = literal_column("''", Text)
_ZONED = DateTime(timezone=True)
_ROLES = (By.CLIENT, By.CLEANER)
_ID_COLUMNS = {By.CLIENT: "client_id", By.CLEANER: "cleaner_id", By.JOB: "job_id"}


@dataclass(frozen=True, slots=True)
class Keys:
    """What rows are grouped by: the key of a row that belongs at an instant, the payments joined with what that takes, and a choice."""

    of: Callable[[ColumnElement[Any]], ColumnElement[Any]]
    joined: Callable[[FromClause], FromClause] = lambda payments: payments
    wanted: Sequence[ColumnElement[bool]] = ()


def no_keys() -> Keys:
    """All rows are one group."""
    return Keys(lambda _: literal_column("0"))


def period_keys(boundaries: Sequence[datetime]) -> Keys:
    """The number of the period: 1 from the first boundary to the second, and so on. Days are as long as the caller made them."""
    # One parameter for all branches. A column without a zone is read in the session's, as in comparisons.
    ends = bindparam("boundaries", list(boundaries), ARRAY(_ZONED))
    return Keys(lambda instant: func.width_bucket(cast(instant, _ZONED), ends))


def group_keys(snapshot: Snapshot, by: By, chosen: Sequence[Any] | None = None) -> Keys:
    """The group of a payment, whenever it was: an id (NO_ID for none) or a word ('' for none). `chosen` leaves out the other groups."""
    key = _group_key(snapshot, by)
    wanted = [] if chosen is None else [key == any_(bindparam("chosen", list(chosen), ARRAY(key.type)))]
    if by is not By.SERVICE:
        return Keys(lambda _: key, wanted=wanted)
    payment, job = snapshot.tables.payment, snapshot.tables.job
    return Keys(lambda _: key, lambda payments: payments.outerjoin(job, job.c.id == payment.c.job_id), wanted)


def _group_key(snapshot: Snapshot, by: By) -> ColumnElement[Any]:
    payment = snapshot.tables.payment.c
    match by:
        case By.CLIENT | By.CLEANER | By.JOB:
            return func.coalesce(payment[_ID_COLUMNS[by]], literal(NO_ID, BigInteger))
        case By.BRAND:
            return func.lower(func.coalesce(payment.payment_method_brand, _NONE), type_=Text)
        case By.CURRENCY:
            return func.lower(func.coalesce(payment.currency, _NONE), type_=Text)
        case By.SERVICE:
            return func.coalesce(optional(snapshot.tables.job, "service_type", snapshot.job_columns), _NONE, type_=Text)
        case By.STATUS:
            return func.coalesce(payment.status, _NONE)


def figures_by(rows: ReportRows, request: ReportRequest, keys: Keys) -> Select[Any]:
    """A line per key and currency with every measure."""
    branches = [_created(rows, request.basis, keys)]
    if request.basis is Basis.PAID:
        branches.append(_paid(rows, keys))
    branches += [_refunds(rows, request.borne_by, keys), _without_row(rows, keys)]
    part = union_all(*branches).subquery("part")
    return select(
        part.c.key,
        part.c.currency,
        *(cast(func.sum(part.c[name]), BigInteger).label(name) for name in COUNTS),
        *(func.coalesce(func.sum(part.c[name]), _ZERO).label(name) for name in SUMS),
        func.max(part.c[LARGEST]).label(LARGEST),
    ).group_by(part.c.key, part.c.currency)


def greatest_keys(rows: ReportRows, request: ReportRequest, by: By, currencies: Sequence[str]) -> Select[Any]:
    """The keys of the `request.top` greatest groups, greatest first, each beside the number of all `groups`.

    A group is as great as its gross volume in the first of `currencies`; where that is equal, in the second, and so on; then by key.
    """
    # The server leaves out what nobody asks for: of the figures, only the gross volume is summed up.
    figure = figures_by(rows, request, group_keys(rows.snapshot, by)).subquery("figure")
    greatness = (func.coalesce(func.sum(figure.c.gross).filter(figure.c.currency == currency), _ZERO).desc() for currency in currencies)
    key = figure.c.key.collate("C") if isinstance(figure.c.key.type, String) else figure.c.key
    return select(figure.c.key, func.count().over().label("groups")).group_by(figure.c.key).order_by(*greatness, key).limit(request.top)


def figures_by_group(rows: ReportRows, request: ReportRequest, by: By, chosen: Sequence[Any] | None = None) -> Select[Any]:
    """A line per group and currency, of all groups or of those with the `chosen` keys; clients and cleaners with their names."""
    figure = figures_by(rows, request, group_keys(rows.snapshot, by, chosen)).subquery("figure")
    if by not in _ROLES:
        return select(figure)
    user = rows.snapshot.tables.user
    named = select(figure, user.c.email, username(rows.snapshot, user).label("username"))
    return named.select_from(figure.outerjoin(user, user.c.id == figure.c.key))


def booked_by_status(rows: ReportRows) -> Select[Any]:
    """What the payments of each status and currency add up to, by created_at."""
    payment = rows.payment
    return (
        select(
            rows.status.label("status"),
            rows.currency.label("currency"),
            func.count().label("payments"),
            func.sum(payment.amount).label("amount"),
            func.sum(payment.platform_fee).label("fee"),
            func.sum(payment.cleaner_payout).label("payout"),
        )
        .where(*rows.created())
        .group_by(text("1"), text("2"))
    )


def _created(rows: ReportRows, basis: Basis, keys: Keys) -> Select[Any]:
    """Counts; and the money of succeeded payments, where the basis is `created`, else of those that do not say when they were paid."""
    counts = {"payments": func.count()} | {
        name: func.count().filter(rows.is_of_status(status)) for name, status in {**_BY_NAME, "unknown": None}.items()
    }
    money = _charged(rows, rows.is_of_status(PaymentStatus.SUCCEEDED)) if basis is Basis.CREATED else _undated(rows)
    return _branch(rows, keys, rows.snapshot.tables.payment, rows.payment.created_at, rows.created(), counts | money)


def _paid(rows: ReportRows, keys: Keys) -> Select[Any]:
    return _branch(rows, keys, rows.snapshot.tables.payment, rows.payment.paid_at, rows.charged(Basis.PAID), _charged(rows))


def _charged(rows: ReportRows, condition: ColumnElement[bool] | None = None) -> dict[str, ColumnElement[Any]]:
    payment = rows.payment

    def of(aggregate: Any) -> Any:
        return aggregate if condition is None else aggregate.filter(condition)

    return {
        "charged": of(func.count()),
        "gross": of(func.sum(payment.amount)),
        "fees": of(func.sum(payment.platform_fee)),
        "payouts": of(func.sum(payment.cleaner_payout)),
        LARGEST: of(func.max(payment.amount)),
    }


def _undated(rows: ReportRows) -> dict[str, ColumnElement[Any]]:
    payment, undated = rows.payment, rows.is_undated()
    return {
        "undated": func.count().filter(undated),
        "undated_gross": func.sum(payment.amount).filter(undated),
        "undated_fees": func.sum(payment.platform_fee).filter(undated),
        "undated_payouts": func.sum(payment.cleaner_payout).filter(undated),
    }


def _refunds(rows: ReportRows, borne_by: BorneBy | None, keys: Keys) -> Select[Any]:
    if borne_by is BorneBy.PROPORTIONAL:
        return _refunds_shared(rows, keys)
    amount = rows.refund.amount
    measures = {
        "refunded": func.count(),
        "refunds": func.sum(amount),
        "refunds_on_fees": func.sum(on_fees(borne_by, rows.payment, amount, amount)),
    }
    instant = func.coalesce(rows.refund.processed_at, rows.refund.created_at)
    return _branch(rows, keys, rows.refunds_and_payments(), instant, rows.refunded(), measures)


def _refunds_shared(rows: ReportRows, keys: Keys) -> Select[Any]:
    """The same where each refund takes back its share of the fee, which depends on the refunds before it, within the window or not."""
    refund, payment = rows.snapshot.tables.refund, rows.snapshot.tables.payment
    concerned = select(refund.c.payment_id).where(*rows.is_refund_of_window(refund.c)).distinct().subquery("concerned")
    in_turn = [func.coalesce(refund.c.processed_at, refund.c.created_at), refund.c.id]
    cumulative = func.sum(refund.c.amount).over(partition_by=refund.c.payment_id, order_by=in_turn)
    taken = (
        select(refund, cumulative.label("cumulative"))
        .select_from(refund.join(concerned, concerned.c.payment_id == refund.c.payment_id))
        .where(refund.c.status == COMPLETED)
        .subquery("taken")
    )
    measures = {
        "refunded": func.count(),
        "refunds": func.sum(taken.c.amount),
        "refunds_on_fees": func.sum(on_fees(BorneBy.PROPORTIONAL, payment.c, taken.c.amount, taken.c.cumulative)),
    }
    instant = func.coalesce(taken.c.processed_at, taken.c.created_at)
    source = taken.join(payment, payment.c.id == taken.c.payment_id)
    return _branch(rows, keys, source, instant, [*rows.is_refund_of_window(taken.c), *rows.matching()], measures)


def _without_row(rows: ReportRows, keys: Keys) -> Select[Any]:
    instant = func.coalesce(rows.payment.refunded_at, rows.payment.created_at)
    source = keys.joined(rows.snapshot.tables.payment)
    gap = rows.without_row(source, keys.of(instant).label("key"), rows.currency.label("currency")).where(*keys.wanted).subquery("gap")
    dated = ~gap.c.is_undated
    measures = {
        "unrowed": func.count().filter(dated),
        "refunds_without_row": func.sum(gap.c.missing).filter(dated),
        "unrowed_undated": func.count().filter(gap.c.is_undated),
        "refunds_without_row_undated": func.sum(gap.c.missing).filter(gap.c.is_undated),
    }
    return _grouped(gap.c.key, gap.c.currency, measures).select_from(gap)


def _branch(
    rows: ReportRows,
    keys: Keys,
    source: FromClause,
    instant: ColumnElement[Any],
    wanted: Sequence[ColumnElement[bool]],
    measures: _Measures,
) -> Select[Any]:
    return _grouped(keys.of(instant), rows.currency, measures).select_from(keys.joined(source)).where(*wanted, *keys.wanted)


def _grouped(key: ColumnElement[Any], currency: ColumnElement[Any], measures: _Measures) -> Select[Any]:
    # Of one type in every branch: only then is UNION ALL a mere appending for the planner.
    every = {**dict.fromkeys(COUNTS, _NO_ROWS), **dict.fromkeys(SUMS, _NO_MONEY), LARGEST: cast(null(), Numeric), **measures}
    columns = [every[name].label(name) for name in (*COUNTS, *SUMS, LARGEST)]
    return select(key.label("key"), currency.label("currency"), *columns).group_by(text("1"), text("2"))


_BY_NAME = {status.value: status for status in PaymentStatus}
