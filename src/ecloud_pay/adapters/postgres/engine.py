"""A connection to the backend's database: the READ ONLY snapshot in which every read happens, and the transaction that writes.

Around one SELECT the server sees four statements: BEGIN … READ ONLY, the preamble, the SELECT, ROLLBACK.
"""

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import psycopg
from psycopg import sql
from sqlalchemy import Connection, Engine, Row, create_engine, event, func, select, text
from sqlalchemy.pool import NullPool

from ecloud_pay.adapters.postgres import dialect, values
from ecloud_pay.adapters.postgres.failures import translated, translated_connect
from ecloud_pay.adapters.postgres.login import Login
from ecloud_pay.adapters.postgres.tables import Names, Tables, quoted, tables

STATEMENT_TIMEOUT_S = 60
LOCK_TIMEOUT_S = 5

_log = logging.getLogger("payments")


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One READ ONLY REPEATABLE READ transaction. `user_columns` and `job_columns` are what those tables really have."""

    connection: Connection
    tables: Tables
    user_columns: frozenset[str]
    job_columns: frozenset[str]


class Database:
    """The backend's database behind one login. Nothing is connected before the first snapshot."""

    def __init__(self, login: Login, names: Names, zone: str) -> None:
        self.login = login
        self.zone = zone
        self.tables = tables(names)

    @contextmanager
    def snapshot(self) -> Iterator[Snapshot]:
        """A snapshot for the length of the block; always rolled back. Raises NotConfigured or Unavailable."""
        with translated_connect(self.login):
            connection = self._engine.connect()
        with translated(), connection:
            columns = connection.execute(self._preamble()).one()
            yield Snapshot(connection, self.tables, _names(columns, "user_columns"), _names(columns, "job_columns"))

    @contextmanager
    def transaction(self) -> Iterator[Snapshot]:
        """A transaction that may write, READ COMMITTED so that what a lock was waited for is seen. Rolled back unless committed.

        Raises psycopg's and SQLAlchemy's own errors but for a connection that cannot be made: who writes must tell them apart.
        """
        with translated_connect(self.login):
            connection = self._writing_engine.connect()
        with connection:
            columns = connection.execute(self._preamble()).one()
            connection.execute(_DURABLE)
            yield Snapshot(connection, self.tables, _names(columns, "user_columns"), _names(columns, "job_columns"))

    @contextmanager
    def twin(self, snapshot_name: str, settings: str) -> "Iterator[psycopg.Connection[Any]]":
        """A bare connection on a snapshot that another one exported, after the statement `settings`; closed with the block.

        Raises psycopg.Error: the caller can do without.
        """
        with closing(self._connect()) as connection:
            connection.execute(sql.SQL("SET TRANSACTION SNAPSHOT {}").format(snapshot_name))
            connection.execute(settings.encode())
            yield connection

    @cached_property
    def _engine(self) -> Engine:
        return self._engine_on(self._connect)

    @cached_property
    def _writing_engine(self) -> Engine:
        return self._engine_on(self._connect_to_write)

    def _engine_on(self, connect: Callable[[], Any]) -> Engine:
        # NullPool: a command needs one connection, once. hide_parameters: an error must not print what somebody searched for.
        engine = create_engine(dialect.URL, creator=connect, poolclass=NullPool, hide_parameters=True)
        if _log.isEnabledFor(logging.DEBUG):
            event.listen(engine, "before_cursor_execute", _log_statement)
        return engine

    def _connect(self) -> Any:
        connection = self._connect_to_write()
        # psycopg says this in its BEGIN, so it costs no statement of its own.
        connection.read_only = True
        connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        return connection

    def _connect_to_write(self) -> Any:
        started = time.monotonic()
        connection = self.login.connect()
        values.register(connection)
        info = connection.info
        _log.info("connected to %s/%s as %s in %.0f ms", info.host or "socket", info.dbname, info.user, (time.monotonic() - started) * 1000)
        return connection

    def _preamble(self) -> Any:
        """One statement for the limits and the zone (local to the transaction, as pgbouncer needs) and the shape of the custom tables."""
        return select(
            func.set_config("TimeZone", self.zone, True),
            func.set_config("statement_timeout", f"{STATEMENT_TIMEOUT_S}s", True),
            func.set_config("lock_timeout", f"{LOCK_TIMEOUT_S}s", True),
            func.set_config("jit", "off", True),  # compiling a plan costs more than these statements do
            text(f"({_COLUMNS_OF.format('users')}) AS user_columns").bindparams(users=quoted(self.tables.user)),
            text(f"({_COLUMNS_OF.format('jobs')}) AS job_columns").bindparams(jobs=quoted(self.tables.job)),
        )


# A server that answers COMMIT before it is on the disk could forget a refund that Stripe has made. Stronger settings stay as they are.
_DURABLE = text("SELECT set_config('synchronous_commit', 'on', true) WHERE current_setting('synchronous_commit') = 'off'")
_COLUMNS_OF = (
    "SELECT array_agg(attname::text) FROM pg_catalog.pg_attribute WHERE attrelid = to_regclass(:{}) AND attnum > 0 AND NOT attisdropped"
)


def _names(row: Row[Any], label: str) -> frozenset[str]:
    return frozenset(getattr(row, label) or ())


def _log_statement(_connection: Connection, _cursor: object, statement: str, *_rest: object) -> None:
    _log.debug("sent: %s", " ".join(statement.split()))
