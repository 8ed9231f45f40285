"""Exports: rows copied out of one READ ONLY snapshot, over one connection or several that share it.

ids … 500,000      connection 1 ──▶ sink 1
ids 500,000 …      connection 2 ──▶ sink 2      the parts in order are the whole, however many they are
"""

import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

import psycopg
from sqlalchemy import ColumnElement, Select, Text, cast, func, select

from ecloud_pay.adapters.postgres.cells import Cells
from ecloud_pay.adapters.postgres.copying import CopyOut, Rows, pump
from ecloud_pay.adapters.postgres.engine import Database, Snapshot
from ecloud_pay.adapters.postgres.export_select import KeyRange, export_documents, export_keys, export_rows, export_totals
from ecloud_pay.adapters.postgres.literal import bound, driver
from ecloud_pay.domain.export import ExportRequest, Form, Total
from ecloud_pay.ports import Sink

# From here on a part is worth a connection of its own: before, opening one takes longer than it saves.
LEAST_ROWS_PER_PART = 25_000
CHUNK_BYTES = 256 * 1024
ROWS_PER_FETCH = 2_000

_COPY_OPTIONS = {
    Form.SHEET: "FORMAT csv, NULL 'N/A'",
    Form.TYPED: "FORMAT csv",
    # COPY's text format would double backslashes. These two cannot occur in JSON, so nothing is ever quoted.
    Form.DOCUMENTS: r"FORMAT csv, QUOTE E'\x01', DELIMITER E'\x02'",
}
# Several connections are parallel enough: workers on top would only take the cores from each other. One connection writes rows as fast
# as it can when a worker joins them meanwhile, which the planner finds too dear until it is told that it is not.
_WITHOUT_WORKERS = {"max_parallel_workers_per_gather": "0"}
_WITH_A_WORKER = {"max_parallel_workers_per_gather": "1", "parallel_setup_cost": "0", "parallel_tuple_cost": "0"}
_log = logging.getLogger("payments")


@contextmanager
def open_exporter(database: Database) -> Iterator["PostgresExporter"]:
    """An exporter on one snapshot of `database`, for the length of the block."""
    with database.snapshot() as snapshot:
        yield PostgresExporter(database, snapshot)


class PostgresExporter:
    """ports.Exporter on one snapshot."""

    def __init__(self, database: Database, snapshot: Snapshot) -> None:
        self._database = database
        self._snapshot = snapshot
        self._connection = snapshot.connection
        self._server_encoding = driver(self._connection).info.parameter_status("server_encoding") or ""
        about = select(func.now(), cast(func.txid_current_snapshot(), Text), *_session(database.zone))
        as_of, self.snapshot_name = self._connection.execute(about).one()[:2]
        self.as_of: datetime = as_of.astimezone(UTC)

    def estimate(self, request: ExportRequest) -> int:
        """How many rows the planner expects."""
        explain = f"EXPLAIN (FORMAT JSON) {bound(self._select(request, KeyRange()), self._connection)}"
        # Past SQLAlchemy, whose log would show what was searched for.
        [[plan]] = driver(self._connection).execute(explain.encode()).fetchall()
        return int(plan[0]["Plan"]["Plan Rows"])

    def totals(self, request: ExportRequest) -> list[Total]:
        """What the rows come to per currency and status."""
        rows = self._connection.execute(export_totals(self._snapshot, request)).mappings()
        return [Total(row.get("currency") or None, row.get("status") or None, row["rows"], row.get("amount")) for row in rows]

    def copy(self, request: ExportRequest, sinks: Sequence[Sink], rows_expected: int) -> int:
        """Pour the rows into as many of `sinks` as pay off for that many rows; returns how many there were.

        A sink gets whole lines of its range of ids, in ascending id; the ranges ascend with the sinks.
        """
        with ExitStack() as stack:
            stack.enter_context(self._left_on_error())
            twins = self._twins(stack, min(len(sinks), max(1, rows_expected // LEAST_ROWS_PER_PART)) - 1)
            if not twins:
                self._connection.execute(select(*_local(_WITH_A_WORKER)))
            statements = [self._copy_statement(request, keys) for keys in self._ranges(request, 1 + len(twins))]
            # Every twin has its snapshot by now; a range too short to be cut leaves some of them without work.
            copies = [CopyOut(*each) for each in zip([driver(self._connection), *twins], statements, strict=False)]
            chunks = [_Chunk(sink) for sink in sinks]
            pump(copies, lambda index, rows: chunks[index].add(rows))
            for chunk in chunks:
                chunk.pass_on()
        return sum(copy.rows for copy in copies)

    def rows(self, request: ExportRequest) -> Iterator[Sequence[object]]:
        """The rows as Python's values, fetched bit by bit."""
        streaming = self._connection.execution_options(stream_results=True, yield_per=ROWS_PER_FETCH)
        return iter(streaming.execute(self._select(request, KeyRange())))

    @contextmanager
    def _left_on_error(self) -> Iterator[None]:
        """A connection in the middle of a COPY can do nothing any more, not even roll back."""
        try:
            yield
        except BaseException:
            self._connection.invalidate()
            raise

    def _twins(self, stack: ExitStack, wanted: int) -> "list[psycopg.Connection[Any]]":
        """At most `wanted` connections that see what this one sees; fewer where the server gives no more."""
        twins: list[psycopg.Connection[Any]] = []
        if wanted:
            alone = _local(_WITHOUT_WORKERS)
            snapshot = self._connection.execute(select(func.pg_export_snapshot(), *alone)).scalars().one()
            limits = bound(select(*alone, *_session(self._database.zone)), self._connection)
            try:
                for _ in range(wanted):
                    twins.append(stack.enter_context(self._database.twin(snapshot, limits)))
            except psycopg.Error as error:
                _log.info("exporting over %d connections instead of %d: %s", len(twins) + 1, wanted + 1, error)
        return twins

    def _ranges(self, request: ExportRequest, parts: int) -> list[KeyRange]:
        if parts == 1:
            return [KeyRange()]
        low, high = self._connection.execute(export_keys(self._snapshot, request)).one()
        return [KeyRange()] if low is None else key_ranges(low, high, parts)

    def _copy_statement(self, request: ExportRequest, keys: KeyRange) -> bytes:
        statement = self._select(request, keys)
        _log.debug("sent: COPY (%s)", " ".join(str(statement.compile(dialect=self._connection.dialect)).split()))
        rows = bound(statement, self._connection)
        return f"COPY ({rows}) TO STDOUT WITH ({_COPY_OPTIONS[request.form]})".encode()

    def _select(self, request: ExportRequest, keys: KeyRange) -> Select[Any]:
        cells = Cells(request.form, request.zone, self._server_encoding, is_guarded=request.is_guarded)
        build = export_documents if request.form is Form.DOCUMENTS else export_rows
        return build(self._snapshot, request, cells, keys)


def key_ranges(low: int, high: int, parts: int) -> list[KeyRange]:
    """`[low, high]` in at most `parts` even ranges, open at both ends: what lies beyond them belongs to the first or last."""
    cuts = sorted({low + (high + 1 - low) * part // parts for part in range(1, parts)} - {low})
    return [KeyRange(since, until) for since, until in pairwise([None, *cuts, None])]


class _Chunk:
    """Gathers rows, so that what follows is done once in thousands of rows."""

    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self._rows: Rows = []
        self._bytes = 0

    def add(self, rows: Rows) -> None:
        self._rows += rows
        self._bytes += sum(map(len, rows))
        if self._bytes >= CHUNK_BYTES:
            self.pass_on()

    def pass_on(self) -> None:
        if self._rows:
            self._sink(b"".join(self._rows), len(self._rows))
            self._rows, self._bytes = [], 0


def _session(zone: str) -> list[ColumnElement[Any]]:
    """Settings of the transaction. No time limits: whoever reads us through a pipe decides how long a row takes."""
    return _local(
        {
            "TimeZone": zone,
            "DateStyle": "ISO, YMD",
            "statement_timeout": "0",
            "idle_in_transaction_session_timeout": "0",
            "jit": "off",
        }
    )


def _local(settings: Mapping[str, str]) -> list[ColumnElement[Any]]:
    return [func.set_config(name, value, True) for name, value in settings.items()]
