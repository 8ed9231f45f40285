"""The SELECT of an export: the cells of one table, in ascending id, each written by the server in the form that was asked for."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import ColumnElement, FromClause, Numeric, Select, Subquery, Table, case, cast, func, select

from ecloud_pay.adapters.postgres.cells import Cells
from ecloud_pay.adapters.postgres.engine import Snapshot
from ecloud_pay.adapters.postgres.statements import is_person, matching, optional, username, within
from ecloud_pay.domain.export import ExportRequest, ExportTable, Form, Kind, field_names, kind_of

# Objects inside a document; each is one column of the SELECT.
_OBJECTS = ("job", "client", "cleaner", "user")
_NOTHING = cast("0.00", Numeric(10, 2))  # refund_amount alone is nullable (in the documented shape): NULL says that nothing came back


@dataclass(frozen=True, slots=True)
class KeyRange:
    """Ids from `low` on and below `high`; None is open on that side."""

    low: int | None = None
    high: int | None = None


@dataclass(frozen=True, slots=True)
class _Source:
    """Where the rows come from: `key` is their id, `cells` the written fields by name, `wanted` the conditions."""

    key: ColumnElement[Any]
    rows: FromClause
    cells: Mapping[str, ColumnElement[Any]]
    wanted: list[ColumnElement[bool]]


def export_rows(snapshot: Snapshot, request: ExportRequest, cells: Cells, keys: KeyRange) -> Select[Any]:
    """The rows that `request` means, one column a field."""
    source = _source(snapshot, request, cells)
    columns = [source.cells[column.name].label(column.name) for column in request.columns]
    return _in_range(select(*columns).select_from(source.rows).where(*source.wanted), source, keys)


def export_documents(snapshot: Snapshot, request: ExportRequest, cells: Cells, keys: KeyRange) -> Select[Any]:
    """The same as one JSON document a row, objects inside it where `request.is_nested`."""
    source = _source(snapshot, request, cells)
    names = list(dict.fromkeys(_outer(column.name) if request.is_nested else column.name for column in request.columns))
    inner = _in_range(
        select(*(source.cells[name].label(name) for name in names)).select_from(source.rows).where(*source.wanted), source, keys
    )
    documents = inner.subquery("document")
    return select(func.row_to_json(documents.table_valued()))


def export_keys(snapshot: Snapshot, request: ExportRequest) -> Select[Any]:
    """The least and the greatest id of the rows that are meant."""
    source = _source(snapshot, request, _PLAIN)
    return select(func.min(source.key), func.max(source.key)).select_from(source.rows).where(*source.wanted)


def export_totals(snapshot: Snapshot, request: ExportRequest) -> Select[Any]:
    """Rows and the sum of their amounts per currency and status; an account has neither."""
    source = _source(snapshot, request, _PLAIN)
    if request.table is ExportTable.ACCOUNTS:
        return select(func.count().label("rows")).select_from(source.rows).where(*source.wanted)
    currency = func.lower(func.coalesce(source.cells["currency"], ""))
    status = func.coalesce(source.cells["status"], "")
    return (
        select(
            currency.label("currency"), status.label("status"), func.count().label("rows"), func.sum(source.cells["amount"]).label("amount")
        )
        .select_from(source.rows)
        .where(*source.wanted)
        .group_by(currency, status)
        .order_by(currency, status)
    )


_PLAIN = Cells(Form.TYPED, "UTC", "")


def _outer(name: str) -> str:
    outer, _, _ = name.partition(".")
    return outer if outer in _OBJECTS else name


def _in_range(rows: Select[Any], source: _Source, keys: KeyRange) -> Select[Any]:
    if keys.low is not None:
        rows = rows.where(source.key >= keys.low)
    if keys.high is not None:
        rows = rows.where(source.key < keys.high)
    return rows.order_by(source.key)


def _source(snapshot: Snapshot, request: ExportRequest, cells: Cells) -> _Source:
    match request.table:
        case ExportTable.PAYMENTS:
            return _payments(snapshot, request, cells)
        case ExportTable.ACCOUNTS:
            return _accounts(snapshot, request, cells)
        case ExportTable.TRANSACTIONS:
            return _transactions(snapshot, request, cells)
        case ExportTable.REFUNDS:
            return _refunds(snapshot, request, cells)


def _payments(snapshot: Snapshot, request: ExportRequest, cells: Cells) -> _Source:
    payment = snapshot.tables.payment
    written = _own(request.table, payment, cells)
    written["refund_amount"] = cells.cell(Kind.MONEY, func.coalesce(payment.c.refund_amount, _NOTHING))
    rows: FromClause = payment
    asked = {_outer(column.name) for column in request.columns}
    for role in ("client", "cleaner"):
        if role in asked:
            people = _people(snapshot, cells, role)
            rows = rows.outerjoin(people, people.c.id == payment.c[f"{role}_id"])
            written |= _person(role, payment.c[f"{role}_id"], people)
    if "job" in asked:
        jobs = _jobs(snapshot, cells)
        rows = rows.outerjoin(jobs, jobs.c.id == payment.c.job_id)
        written |= _object("job", payment.c.job_id, jobs, ("service_type", "property_address"))
    return _Source(payment.c.id, rows, written, matching(snapshot, request.search))


def _transactions(snapshot: Snapshot, request: ExportRequest, cells: Cells) -> _Source:
    transaction, payment = snapshot.tables.transaction, snapshot.tables.payment
    written = _own(request.table, transaction, cells) | {"currency": cells.cell(Kind.TEXT, payment.c.currency)}
    rows = transaction.outerjoin(payment, payment.c.id == transaction.c.payment_id)
    return _Source(transaction.c.id, rows, written, _through_payment(snapshot, request, transaction))


def _refunds(snapshot: Snapshot, request: ExportRequest, cells: Cells) -> _Source:
    refund, payment = snapshot.tables.refund, snapshot.tables.payment
    operators = _people(snapshot, cells, "operator")
    written = _own(request.table, refund, cells) | {
        "currency": cells.cell(Kind.TEXT, payment.c.currency),
        "requested_by": func.coalesce(operators.c.email, operators.c.username),
    }
    rows = refund.outerjoin(payment, payment.c.id == refund.c.payment_id).outerjoin(operators, operators.c.id == refund.c.requested_by_id)
    wanted = [*_through_payment(snapshot, request, refund), *within(refund.c.processed_at, request.processed)]
    return _Source(refund.c.id, rows, written, wanted)


def _accounts(snapshot: Snapshot, request: ExportRequest, cells: Cells) -> _Source:
    """A payment leads to the account of its cleaner."""
    account, payment = snapshot.tables.account, snapshot.tables.payment
    people = _people(snapshot, cells, "owner")
    written = _own(request.table, account, cells) | _person("user", account.c.user_id, people)
    wanted = within(account.c.created_at, request.created)
    if request.search.cleaner is not None:
        wanted.append(is_person(snapshot, account.c.user_id, request.search.cleaner))
    if others := matching(snapshot, replace(request.search, cleaner=None)):
        wanted.append(account.c.user_id.in_(select(payment.c.cleaner_id).where(*others)))
    return _Source(account.c.id, account.outerjoin(people, people.c.id == account.c.user_id), written, wanted)


def _through_payment(snapshot: Snapshot, request: ExportRequest, table: Table) -> list[ColumnElement[bool]]:
    return [*within(table.c.created_at, request.created), *matching(snapshot, request.search)]


def _own(table: ExportTable, rows: Table, cells: Cells) -> dict[str, ColumnElement[Any]]:
    """The fields that are columns of the table itself."""
    return {name: cells.cell(kind_of(table, name), rows.c[name]) for name in field_names(table) if name in rows.c}


def _people(snapshot: Snapshot, cells: Cells, role: str) -> Subquery:
    """Users with their cells written: once a user, however many payments they have."""
    user = snapshot.tables.user
    name = func.coalesce(func.nullif(username(snapshot, user), ""), user.c.email)
    written = select(user.c.id, cells.cell(Kind.TEXT, user.c.email).label("email"), cells.cell(Kind.TEXT, name).label("username")).subquery(
        f"{role}_cells"
    )
    return _with_document(written, role)


def _jobs(snapshot: Snapshot, cells: Cells) -> Subquery:
    job = snapshot.tables.job
    parts = [cells.cell(Kind.TEXT, optional(job, name, snapshot.job_columns)).label(name) for name in ("service_type", "property_address")]
    return _with_document(select(job.c.id, *parts).subquery("job_cells"), "job")


def _with_document(written: Subquery, role: str) -> Subquery:
    """The cells and, beside them, all of them as one JSON object; whichever is not asked for is never computed."""
    return select(written, func.row_to_json(written.table_valued()).label("document")).subquery(role)


def _person(role: str, key: ColumnElement[Any], people: Subquery) -> dict[str, ColumnElement[Any]]:
    return _object(role, key, people, ("email", "username"))


def _object(role: str, key: ColumnElement[Any], parts: Subquery, names: tuple[str, ...]) -> dict[str, ColumnElement[Any]]:
    """`client.id`, `client.email`, … and the object `client`, which has an id even where the row it names is gone."""
    gone = func.json_build_object("id", key, *(word for name in names for word in (name, None)))
    whole = case((key.is_not(None), func.coalesce(parts.c.document, gone)))
    return {role: whole, f"{role}.id": key, **{f"{role}.{name}": parts.c[name] for name in names}}
