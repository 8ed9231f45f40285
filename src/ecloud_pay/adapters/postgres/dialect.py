"""SQLAlchemy's psycopg dialect without the questions it asks a server on its own."""

from typing import Any

from sqlalchemy import Connection
from sqlalchemy.dialects import registry
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg

URL = "postgresql+ecloud://"


class QuietDialect(PGDialect_psycopg):
    """Sends nothing of its own: a remote database makes every round trip felt.

    `initialize()` is where SQLAlchemy asks for version, schema, isolation level and backslash escapes, seven statements in all; none
    of the answers bears on plain SELECTs with bound parameters. (Read in SQLAlchemy 2.1's `PGDialect.initialize`.)
    """

    supports_statement_cache = True

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(use_native_hstore=False, **kwargs)  # type: ignore[no-untyped-call]  # SQLAlchemy leaves it so

    def initialize(self, connection: Connection) -> None:
        self.server_version_info = (12,)  # the oldest that is looked after anywhere; we use nothing younger


registry.register("postgresql.ecloud", __name__, QuietDialect.__name__)
