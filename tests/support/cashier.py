"""An operator at the console who refunds: what they type, and what the database, Stripe and the audit trail say of it afterwards.

result = cashier("5", "--amount", "25", "--yes")        # `ecloud-pay refund 5 …` in this process
with cashier.untouched():                               # whatever happens in the block, nothing was sent, written or noted down
    cashier("5", "--amount", "0")
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pexpect

from support import office
from support.backend import Backend
from support.console import Console, Result, process
from support.standin import Stripe

CONSOLE = (sys.executable, "-m", "ecloud_pay")
UNKNOWN = "html_200"  # the fault whose answer nobody can know anything from, at once


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
        return self.console("refund", *arguments, **{**self.environ, **environ})

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
            CONSOLE[0], [*CONSOLE[1:], "refund", *arguments], env=told, cwd=str(self.folder), encoding="utf-8", timeout=30, dimensions=(60, 120)
        )

    def leave_unsettled(self, ref: str = "5", amount: str = "10", fault: str = UNKNOWN, **options: Any) -> None:
        """A refund of which nobody knows how it ended."""
        self.stripe.faults(fault, **options)
        assert self("-q", ref, "--amount", amount, "--yes").code == 8
        self.stripe.forget_faults()

    def backdate(self, hours: float) -> None:
        """Let the unsettled refund have been sent that long ago."""
        [(number, metadata)] = self.backend.rows(
            "SELECT id, metadata FROM payments_transaction WHERE status = 'pending' AND metadata::jsonb ? 'ecloud_pay'"
        )
        [(then,)] = self.backend.rows("SELECT (now() - make_interval(mins => %s))::timestamptz", round(hours * 60))
        metadata["ecloud_pay"] |= {"first_sent_at": then.isoformat(), "last_sent_at": then.isoformat()}
        assert self.backend.rows_changed("UPDATE payments_transaction SET metadata = %s WHERE id = %s", json.dumps(metadata), number) == 1

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
        before = self.backend.fingerprint(), self.stripe.refunds(), len(self.stripe.posts()), self.events()
        yield
        assert (self.backend.fingerprint(), self.stripe.refunds(), len(self.stripe.posts()), self.events()) == before
