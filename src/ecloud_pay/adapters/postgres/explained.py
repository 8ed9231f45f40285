"""The rows behind each figure of a report: their ids, and the query that finds them."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import psycopg
from psycopg import sql
from sqlalchemy import ColumnElement, Select, select
from sqlalchemy.dialects.postgresql.base import PGDialect

from ecloud_pay.adapters.postgres.literal import driver
from ecloud_pay.adapters.postgres.report_rows import ReportRows
from ecloud_pay.domain.payment import PaymentStatus
from ecloud_pay.domain.report import Basis, Booked, Explained, Figures

MOST_IDS = 50  # beyond that nobody reads them
# psycopg's own dialect would cast every value, which mogrify has done already.
_PLAIN = PGDialect(paramstyle="pyformat")  # type: ignore[no-untyped-call]  # SQLAlchemy leaves it so


def explained_figures(rows: ReportRows, zone: str, basis: Basis, totals: Iterable[Figures]) -> list[Explained]:
    """Every figure that is made of any rows, currency by currency. Fees and payouts are of the same payments as `gross`."""
    return [
        _explained(rows, zone, name, figures.currency, getattr(figures, counted), select_ids(figures.currency))
        for figures in totals
        for name, counted, select_ids in _figures(rows, basis)
        if getattr(figures, counted)
    ]


def explained_statuses(rows: ReportRows, zone: str, booked: Iterable[Booked]) -> list[Explained]:
    """The payments of every status and currency."""

    def ids(one: Booked) -> Select[Any]:
        return _payments(rows, one.currency, [*rows.created(), rows.status == one.status])

    return [_explained(rows, zone, one.status, one.currency, one.payments, ids(one)) for one in booked]


def _figures(rows: ReportRows, basis: Basis) -> Iterator[tuple[str, str, Callable[[str], Select[Any]]]]:
    """What each figure is called, the field that counts its rows, and the ids of those rows in one currency."""

    def payments(*wanted: ColumnElement[bool]) -> Callable[[str], Select[Any]]:
        return lambda currency: _payments(rows, currency, wanted)

    created = rows.created()
    yield "payments", "payments", payments(*created)
    for status in PaymentStatus:
        yield status.value, status.value, payments(*created, rows.is_of_status(status))
    yield "unknown", "unknown", payments(*created, rows.is_of_status(None))
    yield "gross", "charged", payments(*rows.charged(basis))
    yield "undated", "undated", payments(*created, rows.is_undated())
    yield "refunds", "refunded", lambda currency: _refunds(rows, currency)
    yield "refunds_without_row", "unrowed", lambda currency: _without_row(rows, currency, is_undated=False)
    yield "refunds_without_row_undated", "unrowed_undated", lambda currency: _without_row(rows, currency, is_undated=True)


def _payments(rows: ReportRows, currency: str, wanted: Iterable[ColumnElement[bool]]) -> Select[Any]:
    return select(rows.payment.id).where(*wanted, rows.currency == currency).order_by(rows.payment.id)


def _refunds(rows: ReportRows, currency: str) -> Select[Any]:
    ids = select(rows.refund.id).select_from(rows.refunds_and_payments())
    return ids.where(*rows.refunded(), rows.currency == currency).order_by(rows.refund.id)


def _without_row(rows: ReportRows, currency: str, *, is_undated: bool) -> Select[Any]:
    gap = rows.without_row(rows.snapshot.tables.payment, rows.currency.label("currency")).subquery("gap")
    of_kind = gap.c.is_undated if is_undated else ~gap.c.is_undated
    return select(gap.c.id).where(gap.c.currency == currency, of_kind).order_by(gap.c.id)


def _explained(rows: ReportRows, zone: str, name: str, currency: str, count: int, ids: Select[Any]) -> Explained:
    connection = rows.snapshot.connection
    found = tuple(connection.execute(ids).scalars()) if count <= MOST_IDS else ()
    return Explained(name, currency, count, found, _script(ids, zone, driver(connection)))


def _script(ids: Select[Any], zone: str, connection: "psycopg.Connection[Any]") -> str:
    """What psql runs as it stands, in whatever session."""
    # A column without a zone is compared in the session's.
    setting = sql.SQL("SET TimeZone = {};").format(sql.Literal(zone)).as_string(connection)
    compiled = ids.compile(dialect=_PLAIN, compile_kwargs={"render_postcompile": True})
    return f"{setting}\n{psycopg.ClientCursor(connection).mogrify(str(compiled), compiled.params)};"
