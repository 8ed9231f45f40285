"""Databases of one server, made for this run and dropped after it: of the same rows, few in one and many in the other."""

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from importlib import resources
from pathlib import Path

import psycopg
from psycopg.conninfo import make_conninfo
from psycopg.sql import SQL, Identifier, Literal

from ecloud_pay.demo.server import running, server_folder


@contextmanager
def server(folder: Path, tell: Callable[[str], None]) -> Iterator[str]:
    """The conninfo of TEST_DATABASE_URL's server, else of a private one in `folder`."""
    if given := os.environ.get("TEST_DATABASE_URL"):
        yield given
        return
    folder.chmod(0o755)  # under root the server runs as somebody else, who has to get in
    with running(server_folder(folder), _leave_empty, tell) as conninfo:
        yield conninfo


@contextmanager
def databases(conninfo: str, sizes: Sequence[int]) -> Iterator[list[str]]:
    """For each size the conninfo of a database with that many payments."""
    with ExitStack() as stack:
        yield [stack.enter_context(_database(conninfo, payments)) for payments in sizes]


@contextmanager
def _database(conninfo: str, payments: int) -> Iterator[str]:
    name = f"ecloud_bench_{os.getpid()}_{payments}"
    with psycopg.connect(conninfo, autocommit=True) as connection:
        connection.execute(SQL("CREATE DATABASE {}").format(Identifier(name)))
        try:
            filled = make_conninfo(conninfo, dbname=name)
            _fill(filled, payments)
            yield filled
        finally:
            connection.execute(SQL("DROP DATABASE {} WITH (FORCE)").format(Identifier(name)))


def _fill(conninfo: str, payments: int) -> None:
    # Rows first and keys after them takes a third of the time of the other way round.
    tables, cut, keys = resources.files("ecloud_pay.demo").joinpath("schema.sql").read_text(encoding="utf-8").partition("ALTER TABLE ONLY")
    rows = Path(__file__).with_name("fill.sql").read_bytes()
    with psycopg.connect(conninfo, autocommit=True) as connection:
        connection.execute("SET maintenance_work_mem = '256MB'")
        connection.execute(SQL("SET bench.payments = {}").format(Literal(payments)))
        with connection.transaction():
            for script in (tables.encode(), rows, (cut + keys).encode()):
                connection.execute(script)
        connection.execute("VACUUM (ANALYZE)")


def _leave_empty(_conninfo: str) -> None:
    pass
