"""Every SELECT of the console, written once in SQLAlchemy Core.

Kept to SQL that Citus runs too: joins with reference tables, no grouping sets, no lookups of other tables inside expressions.
"""

from typing import Any

from sqlalchemy import BigInteger, ColumnElement, FromClause, Select, func, null, or_, select

from ecloud_pay.adapters.postgres.engine import Snapshot
from ecloud_pay.domain.period import Period
from ecloud_pay.domain.reference import Reference, ReferenceKind
from ecloud_pay.domain.search import PaymentSearch


def payments_page(snapshot: Snapshot, search: PaymentSearch, limit: int, before: int | None) -> Select[Any]:
    """The newest `limit` matching payments with an id below `before`, each with its client, cleaner and job.

    The page is cut in a sub-select on the payments alone, so that the planner walks the primary key and joins only these few rows.
    """
    payment = snapshot.tables.payment
    page = select(payment).where(*matching(snapshot, search)).order_by(payment.c.id.desc()).limit(limit)
    if before is not None:
        page = page.where(payment.c.id < before)
    return with_parts(snapshot, page.subquery("page"))


def payment_with_id(snapshot: Snapshot, payment_id: int) -> Select[Any]:
    """One payment with its client, cleaner and job."""
    payment = snapshot.tables.payment
    return with_parts(snapshot, select(payment).where(payment.c.id == payment_id).subquery("page"))


def with_parts(snapshot: Snapshot, payments: FromClause) -> Select[Any]:
    """The rows of `payments`, highest id first, with the columns of client, cleaner and job beside them."""
    client = snapshot.tables.user.alias("client")
    cleaner = snapshot.tables.user.alias("cleaner")
    job = snapshot.tables.job.alias("job")
    return (
        select(
            payments,
            client.c.email.label("client_email"),
            username(snapshot, client).label("client_username"),
            cleaner.c.email.label("cleaner_email"),
            username(snapshot, cleaner).label("cleaner_username"),
            optional(job, "service_type", snapshot.job_columns),
            optional(job, "property_address", snapshot.job_columns),
        )
        .select_from(payments)
        .outerjoin(client, client.c.id == payments.c.client_id)
        .outerjoin(cleaner, cleaner.c.id == payments.c.cleaner_id)
        .outerjoin(job, job.c.id == payments.c.job_id)
        .order_by(payments.c.id.desc())
    )


def candidates(snapshot: Snapshot, reference: Reference, *, as_cleaner: bool = False) -> Select[int | None, int]:
    """The newest payment id that `reference` may mean, and how many there are. An e-mail is looked up in one role at a time."""
    payment = snapshot.tables.payment
    refund = snapshot.tables.refund
    if reference.kind is ReferenceKind.REFUND:
        return select(func.max(refund.c.payment_id, type_=BigInteger), func.count(refund.c.payment_id.distinct())).where(
            refund.c.stripe_refund_id == reference.value
        )
    counted = select(func.max(payment.c.id, type_=BigInteger), func.count())
    return counted.where(_is_meant(snapshot, reference, as_cleaner=as_cleaner))


def payments_meant(snapshot: Snapshot, reference: Reference, limit: int) -> Select[Any]:
    """The payments that `reference` may mean, newest first. An e-mail means those of its user in either role."""
    payment = snapshot.tables.payment
    refund = snapshot.tables.refund
    condition: ColumnElement[bool]
    if reference.kind is ReferenceKind.REFUND:
        condition = payment.c.id.in_(select(refund.c.payment_id).where(refund.c.stripe_refund_id == reference.value))
    elif reference.kind is ReferenceKind.EMAIL:
        condition = or_(*(_is_meant(snapshot, reference, as_cleaner=role) for role in (False, True)))
    else:
        condition = _is_meant(snapshot, reference)
    return with_parts(snapshot, select(payment).where(condition).order_by(payment.c.id.desc()).limit(limit).subquery("page"))


def _is_meant(snapshot: Snapshot, reference: Reference, *, as_cleaner: bool = False) -> ColumnElement[bool]:
    payment = snapshot.tables.payment
    if reference.kind is ReferenceKind.EMAIL:
        assert isinstance(reference.value, str)
        return is_person(snapshot, payment.c.cleaner_id if as_cleaner else payment.c.client_id, reference.value)
    columns: dict[ReferenceKind, ColumnElement[Any]] = {
        ReferenceKind.PAYMENT: payment.c.id,
        ReferenceKind.INTENT: payment.c.stripe_payment_intent_id,
        ReferenceKind.CHARGE: payment.c.stripe_charge_id,
        ReferenceKind.JOB: payment.c.job_id,
    }
    return columns[reference.kind] == reference.value


def transactions_of(snapshot: Snapshot, payment_id: int) -> Select[Any]:
    """The transaction rows of one payment, in ascending id."""
    transaction = snapshot.tables.transaction
    return select(transaction).where(transaction.c.payment_id == payment_id).order_by(transaction.c.id)


def refunds_of(snapshot: Snapshot, payment_id: int) -> Select[Any]:
    """The refund rows of one payment with who requested each, in ascending id."""
    refund = snapshot.tables.refund
    person = snapshot.tables.user.alias("person")
    return (
        select(refund, person.c.email, username(snapshot, person).label("username"))
        .outerjoin(person, person.c.id == refund.c.requested_by_id)
        .where(refund.c.payment_id == payment_id)
        .order_by(refund.c.id)
    )


def matching(snapshot: Snapshot, search: PaymentSearch) -> list[ColumnElement[bool]]:
    """The conditions on payments_payment that `search` asks for; all of them hold together."""
    column = snapshot.tables.payment.c
    wanted: list[ColumnElement[bool]] = [*within(column.created_at, search.created), *within(column.paid_at, search.paid)]
    if search.statuses:
        wanted.append(column.status.in_([status.value for status in search.statuses]))
    if search.job_id is not None:
        wanted.append(column.job_id == search.job_id)
    if search.client is not None:
        wanted.append(is_person(snapshot, column.client_id, search.client))
    if search.cleaner is not None:
        wanted.append(is_person(snapshot, column.cleaner_id, search.cleaner))
    if search.amount is not None:
        wanted.append(column.amount == search.amount)
    if search.min_amount is not None:
        wanted.append(column.amount >= search.min_amount)
    if search.max_amount is not None:
        wanted.append(column.amount <= search.max_amount)
    if search.currency is not None:
        wanted.append(func.lower(column.currency) == search.currency)
    if search.brand is not None:
        wanted.append(func.lower(column.payment_method_brand) == func.lower(search.brand))
    if search.last4 is not None:
        wanted.append(column.payment_method_last4 == search.last4)
    if search.is_refunded is True:
        wanted.append(column.refund_amount > 0)
    if search.is_refunded is False:
        wanted.append(or_(column.refund_amount == 0, column.refund_amount.is_(None)))
    return wanted


def is_person(snapshot: Snapshot, role: ColumnElement[Any], who: int | str) -> ColumnElement[bool]:
    """That the user in the column `role` is the one with this id, or one with this e-mail in whatever case."""
    if isinstance(who, int):
        return role == who
    user = snapshot.tables.user
    return role.in_(select(user.c.id).where(func.lower(user.c.email) == func.lower(who)))


def username(snapshot: Snapshot, user: FromClause) -> ColumnElement[Any]:
    """The username; the e-mail where the user table has no such column."""
    return user.c.username if not snapshot.user_columns or "username" in snapshot.user_columns else user.c.email


def optional(table: FromClause, name: str, present: frozenset[str]) -> ColumnElement[Any]:
    """A column that a custom table may lack: NULL there."""
    return table.c[name] if not present or name in present else null().label(name)


def within(column: ColumnElement[Any], period: Period) -> list[ColumnElement[bool]]:
    """That the instant in `column` lies in the half-open `period`."""
    wanted = []
    if period.since is not None:
        wanted.append(column >= period.since)
    if period.until is not None:
        wanted.append(column < period.until)
    return wanted
