"""COPY … TO STDOUT as fast as libpq hands rows over: several at once, in one thread, each row as the server sent it.

    connection 1 ──rows──▶ take(0, rows)
    connection 2 ──rows──▶ take(1, rows)      whichever has some

psycopg's own `Copy` object waits for every single row, which takes three times as long as fetching it. So this speaks to its libpq
layer. https://www.psycopg.org/psycopg3/docs/api/pq.html, https://www.postgresql.org/docs/current/libpq-copy.html
"""

from collections.abc import Callable, Sequence
from selectors import EVENT_READ, DefaultSelector
from typing import Any

import psycopg
from psycopg import pq
from psycopg.errors import error_from_result

# How long one wait lasts before every connection is asked anyway: under TLS the last bytes may already be in OpenSSL's own buffer.
WAIT_S = 0.2

Rows = list[memoryview]


class CopyOut:
    """One COPY under way. `rows` counts what has come."""

    def __init__(self, connection: "psycopg.Connection[Any]", statement: bytes) -> None:
        self._connection = connection
        self._libpq = connection.pgconn
        self._is_copying = False
        self.is_done = False
        self.rows = 0
        self._libpq.send_query(statement)

    def fileno(self) -> int:
        """The socket, for a selector."""
        return self._libpq.socket

    def arrived(self) -> Rows:
        """The rows that are there by now, without waiting for more. Raises psycopg.Error."""
        self._libpq.consume_input()
        if not self._is_copying:
            if self._libpq.is_busy():
                return []
            self._expect(pq.ExecStatus.COPY_OUT)
            self._is_copying = True
        return self._rows()

    def _rows(self) -> Rows:
        rows: Rows = []
        fetch, keep = self._libpq.get_copy_data, rows.append
        size, row = fetch(1)
        while size > 0:
            keep(row)
            size, row = fetch(1)
        self.rows += len(rows)
        if size < 0:
            self._finish()
        return rows

    def _finish(self) -> None:
        status = self._expect(pq.ExecStatus.COMMAND_OK)
        while self._libpq.get_result() is not None:
            pass
        if status != f"COPY {self.rows}".encode():
            raise psycopg.OperationalError(f"the server sent {status.decode()} rows and {self.rows} arrived")
        self.is_done = True

    def _expect(self, wanted: pq.ExecStatus) -> bytes:
        result = self._libpq.get_result()
        if result is None or result.status != wanted:
            raise error_from_result(result, "utf-8") if result is not None else psycopg.OperationalError("the COPY ended without a result")
        return result.command_status or b""


def pump(copies: Sequence[CopyOut], take: Callable[[int, Rows], None]) -> None:
    """Hand the rows of every copy to `take` with the copy's index until all are done."""
    with DefaultSelector() as selector:
        for index, copy in enumerate(copies):
            selector.register(copy, EVENT_READ, index)
        while selector.get_map():
            ready = [key for key, _ in selector.select(WAIT_S)] or list(selector.get_map().values())
            for key in ready:
                copy = copies[key.data]
                if rows := copy.arrived():
                    take(key.data, rows)
                if copy.is_done:
                    selector.unregister(copy)
