"""An operator at the console who refunds: what they type, and what the database, Stripe and the audit trail say of it afterwards.

result = cashier("5", "--amount", "25", "--yes")        # `ecloud-pay refund 5 …` in this process
with cashier.untouched():                               # whatever happens in the block, nothing was sent, written or noted down
    cashier("5", "--amount", "0")
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pexpect
import psycopg
import pytest

from support import office
from support.backend import SHAPES, Backend
from support.console import Console, Result, process
from support.standin import Stripe

CONSOLE = (sys.executable, "-m", "ecloud_pay")
LIMIT_S = 20.0  # for what another process does
UNKNOWN = "html_200"  # the fault whose answer nobody can know anything from, at once
BOTH_SHAPES = pytest.mark.parametrize("lent_backend", SHAPES, indirect=True)

_CHANGEABLE = ("payments_refund", "payments_transaction", "payments_payment")  # in the order in which they let go of each other
_USER = "is_staff = kept.is_staff, is_active = kept.is_active, email = kept.email"


def keep_rows(backend: Backend) -> None:
    """Copy what `put_rows_back` puts back."""
    for table in (*_CHANGEABLE, "auth_user"):
        backend.run(f"CREATE SCHEMA IF NOT EXISTS kept; CREATE TABLE kept.{table} AS TABLE {table}")


def put_rows_back(backend: Backend) -> None:
    """Payments, transactions, refunds and users as they were at the start; the next new row has the number 1001 again."""
    steps = [f"DELETE FROM {table}" for table in _CHANGEABLE]
    steps += [f"INSERT INTO {table} SELECT * FROM kept.{table}" for table in reversed(_CHANGEABLE)]
    steps += [f"SELECT setval(pg_get_serial_sequence('{table}', 'id'), 1000)" for table in _CHANGEABLE]
    steps += [f"UPDATE auth_user SET {_USER} FROM kept.auth_user AS kept WHERE kept.id = auth_user.id"]
    backend.run("; ".join(steps))


@dataclass(frozen=True)
class Cashier:
    """Everything around one console that may refund."""

    console: Console
    backend: Backend
    stripe: Stripe
    folder: Path
    environ: dict[str, str]

    @classmethod
    def at(cls, console: Console, backend: Backend, stripe: Stripe, folder: Path) -> "Cashier":
        """At a backend and a Stripe that agree with each other."""
        office.put_payments(stripe)
        return cls(console, backend, stripe, folder, office.environ(backend, stripe, folder))

    def __call__(self, *arguments: str, **environ: str) -> Result:
        """`ecloud-pay refund …` in this process."""
        return self.console("refund", *arguments, on=None, **{**self.environ, **environ})

    def process(self, *arguments: str, **options: Any) -> Result:
        """`ecloud-pay refund …` as a process with nothing in its environment but the settings."""
        return process("refund", *arguments, environ=self.environ, cwd=self.folder, **options)

    def started(self, *arguments: str, **options: Any) -> "subprocess.Popen[str]":
        """The same, running."""
        pipes: dict[str, Any] = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        environ = {"PATH": os.environ["PATH"], **self.environ}
        return subprocess.Popen([*CONSOLE, "refund", *arguments], env=environ, cwd=self.folder, text=True, **{**pipes, **options})

    def terminal(self, *arguments: str, **environ: str) -> "pexpect.spawn[str]":
        """The same on a terminal of 120 columns without colour, where a person can answer."""
        told = {"PATH": os.environ["PATH"], "TERM": "dumb", **self.environ, **environ}
        return pexpect.spawn(
            CONSOLE[0],
            [*CONSOLE[1:], "refund", *arguments],
            env=told,
            cwd=str(self.folder),
            encoding="utf-8",
            timeout=30,
            dimensions=(60, 120),
        )

    def leave_unsettled(self, ref: str = "5", amount: str = "10", fault: str = UNKNOWN, **options: Any) -> None:
        """A refund of which nobody knows how it ended."""
        self.stripe.faults(fault, **options)
        assert self("-q", ref, "--amount", amount, "--yes").code == 8
        self.stripe.forget_faults()

    def amend_intent(self, **changes: Any) -> None:
        """Change what is recorded of the one unsettled refund, as only time, another machine or a crash would."""
        [(number, metadata)] = self.backend.rows(
            "SELECT id, metadata FROM payments_transaction WHERE status = 'pending' AND metadata::jsonb ? 'ecloud_pay'"
        )
        metadata["ecloud_pay"] |= changes
        assert self.backend.rows_changed("UPDATE payments_transaction SET metadata = %s WHERE id = %s", json.dumps(metadata), number) == 1

    def backdate(self, **age: float) -> None:
        """Let the one unsettled refund have been sent that long ago: `backdate(hours=23)`."""
        then = (datetime.now(UTC) - timedelta(**age)).isoformat(timespec="microseconds")
        self.amend_intent(first_sent_at=then, last_sent_at=then)

    def refund_rows(self) -> list[tuple[Any, ...]]:
        """(payment, amount, status, Stripe's id, reason, who) of every refund row that was not there at the start."""
        return self.backend.rows(
            "SELECT payment_id, amount::text, status, coalesce(stripe_refund_id, ''), coalesce(reason, ''), requested_by_id"
            " FROM payments_refund WHERE id > 1000 ORDER BY id"
        )

    def refunds(self, payment_intent: str = office.FIVE) -> list[int]:
        """The amounts that Stripe refunded of a payment, oldest first."""
        return [refund["amount"] for refund in self.stripe.refunds(payment_intent)]

    def events(self) -> list[str]:
        """The types of the audit trail's events."""
        path = Path(self.environ["ECLOUD_PAY_AUDIT_LOG"])
        return [json.loads(line)["event_type"] for line in path.read_text().splitlines()] if path.exists() else []

    @contextmanager
    def untouched(self) -> Iterator[None]:
        """Nothing is sent, written or noted down in the block."""
        before = self._everything()
        yield
        assert self._everything() == before

    def _everything(self) -> tuple[Any, ...]:
        with psycopg.connect(self.backend.conninfo) as connection:
            rows = [connection.execute(f"SELECT * FROM {table} ORDER BY id".encode()).fetchall() for table in (*_CHANGEABLE, "auth_user")]
        return rows, self.stripe.refunds(), len(self.stripe.posts()), self.events()


def await_(is_so: Callable[[], bool]) -> None:
    """Until it is so."""
    give_up_at = time.monotonic() + LIMIT_S
    while not is_so():
        assert time.monotonic() < give_up_at, "it never came to that"
        time.sleep(0.005)
