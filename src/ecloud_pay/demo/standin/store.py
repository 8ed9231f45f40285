"""What the stand-in knows: one SQLite database, in memory or in a file that several processes share.

objects   every payment_intent, charge, refund and dispute: its body as JSON beside what lists are filtered and ordered by
answers   what was answered under an idempotency key
facts     the account, how far the clock was moved, and what the demo remembers of its sample
"""

import json
import os
import sqlite3
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

Body = dict[str, Any]

SHAPE = 1  # raise it whenever a table changes: a file of another shape is begun anew
KEY_KEPT_S = 24 * 60 * 60
LOCK_LIMIT_S = 10.0
TABLES = ("objects", "answers", "facts")
_SCHEMA = """
CREATE TABLE objects (seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, kind TEXT NOT NULL, livemode INTEGER NOT NULL,
                      created INTEGER NOT NULL, payment_intent TEXT, charge TEXT, body TEXT NOT NULL);
CREATE INDEX objects_newest ON objects (kind, livemode, created DESC, seq DESC);
CREATE INDEX objects_of_payment ON objects (payment_intent, kind);
CREATE INDEX objects_of_charge ON objects (charge, kind);
CREATE TABLE answers (livemode INTEGER NOT NULL, key TEXT NOT NULL, created INTEGER NOT NULL, fingerprint TEXT NOT NULL,
                      status INTEGER NOT NULL, body TEXT NOT NULL, request_id TEXT NOT NULL, PRIMARY KEY (livemode, key)) WITHOUT ROWID;
CREATE INDEX answers_oldest ON answers (created);
CREATE TABLE facts (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
"""


@dataclass(frozen=True, slots=True)
class Stored:
    """One object and where it stands in the order of lists."""

    seq: int
    created: int
    livemode: bool
    kind: str
    text: str

    @property
    def body(self) -> Body:
        """The object."""
        found: Body = json.loads(self.text)
        return found


@dataclass(frozen=True, slots=True)
class Kept:
    """What was answered under an idempotency key."""

    fingerprint: str
    status: int
    text: str
    request_id: str


@dataclass(frozen=True, slots=True)
class Cut:
    """Which objects of a kind a list is about. `before` and `after` are places in the order: (created, seq)."""

    kind: str
    livemode: bool
    where: Sequence[tuple[str, str]] = ()
    created: Sequence[tuple[str, int]] = ()
    older_than: tuple[int, int] | None = None
    newer_than: tuple[int, int] | None = None


class Store:
    """One connection that threads take turns at; other processes wait at BEGIN IMMEDIATE."""

    def __init__(self, path: str) -> None:
        if path != ":memory:":
            os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))  # nobody else's to read, from the start
        self._lock = threading.RLock()
        self._connection = sqlite3.connect(path, timeout=LOCK_LIMIT_S, isolation_level=None, check_same_thread=False)
        try:
            self._prepare()
        except BaseException:
            self._connection.close()
            raise

    def _prepare(self) -> None:
        self._use_wal()
        self._connection.execute("PRAGMA synchronous = NORMAL")
        if self._shape() == SHAPE:
            return
        with self.writing():
            if self._shape() != SHAPE:
                for table in TABLES:
                    self._connection.execute(f"DROP TABLE IF EXISTS {table}")
                for statement in _SCHEMA.split(";"):
                    self._connection.execute(statement)
                self._connection.execute(f"PRAGMA user_version = {SHAPE}")

    def _use_wal(self) -> None:
        """So that readers and the writer do not wait for each other. Turning it on fails at once while another process does the same."""
        give_up_at = time.monotonic() + LOCK_LIMIT_S
        while True:
            try:
                self._connection.execute("PRAGMA journal_mode = WAL")
                return
            except sqlite3.OperationalError:
                if time.monotonic() > give_up_at:
                    raise
                time.sleep(0.01)

    def _shape(self) -> int:
        shape: int = self._connection.execute("PRAGMA user_version").fetchone()[0]
        return shape

    def close(self) -> None:
        """Let go of the file."""
        with self._lock:
            self._connection.close()

    @contextmanager
    def writing(self) -> Iterator[None]:
        """A transaction that nobody else writes beside; undone if the block raises."""
        with self._transaction("BEGIN IMMEDIATE"):
            yield

    @contextmanager
    def reading(self) -> Iterator[None]:
        """One view of everything for as long as the block takes."""
        with self._transaction("BEGIN"):
            yield

    @contextmanager
    def _transaction(self, begin: str) -> Iterator[None]:
        with self._lock:
            self._connection.execute(begin)
            try:
                yield
            except BaseException:
                self._connection.execute("ROLLBACK")
                raise
            self._connection.execute("COMMIT")

    def clear(self) -> None:
        """Forget everything."""
        for table in TABLES:
            self._connection.execute(f"DELETE FROM {table}")

    # -- the clock

    def now(self) -> int:
        """Whole seconds, as Stripe counts them."""
        return int(time.time() + float(self.fact("clock_offset_s") or 0))

    def advance(self, seconds: float) -> None:
        """Move the clock, back as well as on."""
        self.remember("clock_offset_s", str(float(self.fact("clock_offset_s") or 0) + seconds))

    # -- facts

    def fact(self, name: str) -> str | None:
        """What was remembered under that name."""
        row = self._connection.execute("SELECT value FROM facts WHERE name = ?", (name,)).fetchone()
        return row[0] if row else None

    def remember(self, name: str, value: str) -> None:
        """Remember it."""
        self._connection.execute("INSERT OR REPLACE INTO facts (name, value) VALUES (?, ?)", (name, value))

    # -- objects

    def put(self, kind: str, livemode: bool, body: Body) -> None:
        """Add the object, or replace it where it stands."""
        self.put_all([(kind, livemode, body)])

    def put_all(self, objects: Iterable[tuple[str, bool, Body]]) -> None:
        """Add or replace them, in that order."""
        self._connection.executemany(
            "INSERT INTO objects (id, kind, livemode, created, payment_intent, charge, body) VALUES (?, ?, ?, ?, ?, ?, ?)"
            " ON CONFLICT (id) DO UPDATE SET created = excluded.created, body = excluded.body, livemode = excluded.livemode",
            (
                (body["id"], kind, livemode, body["created"], body.get("payment_intent"), body.get("charge"), text(body))
                for kind, livemode, body in objects
            ),
        )

    def get(self, id: str, kind: str | None = None) -> Stored | None:
        """One object, whichever its mode."""
        found = self._select("SELECT seq, created, livemode, kind, body FROM objects WHERE id = ?", (id,))
        return found[0] if found and kind in (None, found[0].kind) else None

    def of_payment(self, payment_intent: str, kind: str) -> list[Stored]:
        """The objects of a kind that belong to a PaymentIntent, oldest first."""
        sql = "SELECT seq, created, livemode, kind, body FROM objects WHERE payment_intent = ? AND kind = ? ORDER BY created, seq"
        return self._select(sql, (payment_intent, kind))

    def of_charge(self, charge: str, kind: str) -> list[Stored]:
        """The objects of a kind that belong to a charge, oldest first."""
        sql = "SELECT seq, created, livemode, kind, body FROM objects WHERE charge = ? AND kind = ? ORDER BY created, seq"
        return self._select(sql, (charge, kind))

    def all(self) -> list[Stored]:
        """Everything, in the order in which it came."""
        return self._select("SELECT seq, created, livemode, kind, body FROM objects ORDER BY seq", ())

    def page(self, cut: Cut, limit: int) -> list[Stored]:
        """At most `limit` objects, newest first; beside `newer_than` the ones next to it, else the newest of all."""
        conditions, values = ["kind = ?", "livemode = ?"], [cut.kind, cut.livemode]
        for column, value in cut.where:
            conditions.append(f"{column} = ?")
            values.append(value)
        for comparison, instant in cut.created:
            conditions.append(f"created {comparison} ?")
            values.append(instant)
        for comparison, place in (("<", cut.older_than), (">", cut.newer_than)):
            if place is not None:
                conditions.append(f"(created, seq) {comparison} (?, ?)")
                values.extend(place)
        order = "created, seq" if cut.newer_than is not None else "created DESC, seq DESC"
        where = " AND ".join(conditions)
        found = self._select(
            f"SELECT seq, created, livemode, kind, body FROM objects WHERE {where} ORDER BY {order} LIMIT ?", (*values, limit)
        )
        return found[::-1] if cut.newer_than is not None else found

    def _select(self, sql: str, values: Sequence[object]) -> list[Stored]:
        rows = self._connection.execute(sql, values).fetchall()
        return [Stored(seq, created, bool(livemode), kind, body) for seq, created, livemode, kind, body in rows]

    # -- answers

    def kept(self, livemode: bool, key: str) -> Kept | None:
        """What was answered under the key in the last 24 hours. Older keys are forgotten, as Stripe may."""
        self._connection.execute("DELETE FROM answers WHERE created <= ?", (self.now() - KEY_KEPT_S,))
        sql = "SELECT fingerprint, status, body, request_id FROM answers WHERE livemode = ? AND key = ?"
        row = self._connection.execute(sql, (livemode, key)).fetchone()
        return Kept(*row) if row else None

    def keep(self, livemode: bool, key: str, kept: Kept) -> None:
        """Remember what is answered under the key."""
        values = (livemode, key, self.now(), kept.fingerprint, kept.status, kept.text, kept.request_id)
        self._connection.execute("INSERT INTO answers VALUES (?, ?, ?, ?, ?, ?, ?)", values)


def text(body: Body) -> str:
    """A body as it is kept and sent."""
    return json.dumps(body, separators=(",", ":"))
