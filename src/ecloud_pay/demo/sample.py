"""Fills the demo's database with the sample, and moves its dates on as the days pass."""

import secrets
from collections.abc import Sequence
from dataclasses import astuple, fields
from datetime import UTC, date, datetime, time, timedelta
from importlib import resources
from typing import LiteralString

import psycopg
from psycopg.sql import SQL, Composed, Identifier

from ecloud_pay.demo.rows import FIXED_JOB_ID, FIXED_PAYMENT_ID, Row, build

SAMPLE_VERSION = 2  # raise it whenever a row changes: an older sample is then replaced

# Every column that holds an instant, and the column by which a row belongs to payment #5, whose dates stay (ids are constants of ours).
_INSTANTS: dict[LiteralString, tuple[LiteralString, ...]] = {
    "auth_user": ("last_login", "date_joined"),
    "payments_stripeaccount": ("created_at", "updated_at"),
    "jobs_cleaningjob": ("created_at",),
    "payments_payment": ("created_at", "paid_at", "refunded_at"),
    "payments_refund": ("created_at", "processed_at"),
    "payments_transaction": ("created_at", "completed_at"),
}
_STAYS = {
    "jobs_cleaningjob": ("id", FIXED_JOB_ID),
    "payments_payment": ("id", FIXED_PAYMENT_ID),
    "payments_refund": ("payment_id", FIXED_PAYMENT_ID),
    "payments_transaction": ("payment_id", FIXED_PAYMENT_ID),
}


def fill(conninfo: str, today: date) -> None:
    """Make the demo database hold the sample data as of `today` (UTC date). Idempotent and atomic.

    One SELECT when nothing is to do, else one transaction: whenever it is cut off, the old state or the new one is there.
    A table held by somebody else for ten seconds raises psycopg's LockNotAvailable.
    """
    with psycopg.connect(conninfo, autocommit=True) as connection:
        as_of = _as_of(connection)
        if as_of is not None and as_of >= today:
            return
        with connection.transaction():
            connection.execute("SET LOCAL lock_timeout = '10s'")
            if as_of is None:
                _replace(connection, today)
            else:
                _move(connection, as_of, today)


def birth(conninfo: str) -> tuple[str, date]:
    """What tells this filling from every other one, and the day it stands at."""
    with psycopg.connect(conninfo) as connection:
        row = connection.execute("SELECT born, as_of FROM ecloud_demo.state").fetchone()
    assert row is not None  # fill() came first
    return row[0], row[1]


def _as_of(connection: psycopg.Connection) -> date | None:
    """The day the sample stands at; None when there is none, or one of another version."""
    try:
        row = connection.execute("SELECT as_of FROM ecloud_demo.state WHERE version = %s", (SAMPLE_VERSION,)).fetchone()
    except psycopg.errors.UndefinedTable:
        return None
    return row[0] if row else None


def _replace(connection: psycopg.Connection, today: date) -> None:
    connection.execute(SQL("DROP TABLE IF EXISTS {} CASCADE").format(SQL(", ").join(map(_public, _INSTANTS))))
    connection.execute(resources.files("ecloud_pay.demo").joinpath("schema.sql").read_bytes())
    for table, rows in build(today).items():
        _copy(connection, table, rows)
        highest = SQL("SELECT setval(pg_get_serial_sequence({}, 'id'), max(id)) FROM {}")
        connection.execute(highest.format(f"public.{table}", _public(table)))
    # The state comes last, and only then is there anything that somebody else could see.
    connection.execute("DROP SCHEMA IF EXISTS ecloud_demo CASCADE")
    connection.execute("CREATE SCHEMA ecloud_demo")
    connection.execute("CREATE TABLE ecloud_demo.state (version integer NOT NULL, as_of date NOT NULL, born text NOT NULL)")
    connection.execute("INSERT INTO ecloud_demo.state VALUES (%s, %s, %s)", (SAMPLE_VERSION, today, secrets.token_hex(8)))


def _copy(connection: psycopg.Connection, table: str, rows: Sequence[Row]) -> None:
    columns = SQL(", ").join(Identifier(field.name) for field in fields(rows[0]))
    with connection.cursor() as cursor, cursor.copy(SQL("COPY {} ({}) FROM STDIN").format(_public(table), columns)) as copy:
        for row in rows:
            copy.write_row(astuple(row))


def _move(connection: psycopg.Connection, as_of: date, today: date) -> None:
    """Move every instant on by the days since `as_of`. Moved once only: a second run finds another `as_of` and leaves."""
    moved = connection.execute("UPDATE ecloud_demo.state SET as_of = %s WHERE as_of = %s", (today, as_of))
    if moved.rowcount == 0:
        return
    # In hours, because a day of a session's zone may have 23. What people did in the demo bears the real time of day, which a day
    # later may still lie ahead: it stops at the last instant before today, where all of the sample is.
    by = {"hours": 24 * (today - as_of).days, "last": datetime.combine(today, time(), UTC) - timedelta(microseconds=1)}
    for table, columns in _INSTANTS.items():
        column, fixed = _STAYS.get(table, ("id", 0))
        moves = SQL(", ").join(_moved(name) for name in columns)
        connection.execute(SQL("UPDATE {} SET {} WHERE {} <> {}").format(_public(table), moves, Identifier(column), fixed), by)


def _moved(column: str) -> Composed:
    """NULL stays NULL, which LEAST() would not see to."""
    later = SQL("{} + make_interval(hours => %(hours)s)").format(Identifier(column))
    return SQL("{} = CASE WHEN {} > %(last)s THEN %(last)s ELSE {} END").format(Identifier(column), later, later)


def _public(table: str) -> Identifier:
    return Identifier("public", table)
