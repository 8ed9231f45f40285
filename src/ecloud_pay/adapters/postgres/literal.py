"""A statement with its values written into it: COPY takes no parameters, and people copy a query as one text."""

from typing import Any

import psycopg
from sqlalchemy import ClauseElement, Connection


def driver(connection: Connection) -> "psycopg.Connection[Any]":
    """psycopg's connection behind SQLAlchemy's."""
    inner = connection.connection.driver_connection
    assert isinstance(inner, psycopg.Connection)
    return inner


def bound(statement: ClauseElement, connection: Connection) -> str:
    """`statement` as one text, quoted by psycopg the way this connection's server reads it."""
    compiled = statement.compile(dialect=connection.dialect, compile_kwargs={"render_postcompile": True})
    return psycopg.ClientCursor(driver(connection)).mogrify(str(compiled), compiled.params)
