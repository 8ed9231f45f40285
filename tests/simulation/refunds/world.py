"""One shape of the backend's tables with a stand-in for Stripe: where schedules are played, and the two that are asked for the truth."""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.types.json import Jsonb

from ecloud_pay.domain.money import exponent
from simulation.refunds.wires import Pool
from support.backend import Backend, drop_database
from support.office import OPERATOR
from support.standin import Stripe, running_stripe

OURS = "ecloud_pay"
KEY = "ecloud_pay_key"  # in the metadata of a refund of ours at Stripe
_VACUUM_EVERY = 200
_INSTANTS = ("created_at", "first_sent_at", "last_sent_at", "settled_at")


@dataclass(frozen=True, slots=True)
class Row:
    """A transaction that carries an intent, with the refund row it speaks of."""

    id: int
    status: str
    stripe_id: str | None
    intent: dict[str, Any]
    refund_status: str | None
    refund_stripe_id: str | None
    refund_minor: int

    @property
    def key(self) -> str:
        """The idempotency key."""
        return str(self.intent["key"])

    @property
    def is_settled(self) -> bool:
        """Whether the intent has ended."""
        return self.intent["ending"] is not None


class World:
    """A database of one shape and Stripe, with the connection of a superuser."""

    def __init__(self, backend: Backend, stripe: Stripe, connection: "psycopg.Connection[tuple[Any, ...]]", folder: Path) -> None:
        self.backend = backend
        self.stripe = stripe
        self.folder = folder
        self._sql = connection
        self._payments = 0
        self.pool: Pool = {}
        self.postgres = (connection.info.host, connection.info.port)
        host, _, port = stripe.url.removeprefix("http://").partition(":")
        self.stripe_at = (host, int(port))

    @classmethod
    @contextmanager
    def open(cls, server: str, shape: str, folder: Path) -> "Iterator[World]":
        """A new one, thrown away with the block."""
        backend = Backend.create(server, shape)
        try:
            backend.run("TRUNCATE payments_refund, payments_transaction, payments_payment")
            with running_stripe() as stripe, psycopg.connect(backend.conninfo, autocommit=True) as connection:
                connection.execute("SET TimeZone = 'UTC'")
                world = cls(backend, stripe, connection, folder)
                yield world
                for idle, _ in (each for kept in world.pool.values() for each in kept):
                    idle.close()
        finally:
            drop_database(server, backend.conninfo)

    @property
    def payments(self) -> int:
        """How many payments there have been, which is the id of the last one."""
        return self._payments

    def environ(self, pg_port: int, stripe_port: int, key: str, audit: Path) -> dict[str, str]:
        """The settings of a console that reaches both through doors of its own."""
        given = conninfo_to_dict(self.backend.conninfo)
        door: dict[str, str | int | None] = {
            "host": "127.0.0.1",
            "hostaddr": "",
            "port": str(pg_port),
            "sslmode": "disable",
            "gssencmode": "disable",
        }
        return self.environ_without_doors() | {
            "DATABASE_URL": make_conninfo("", **{**given, **door}),
            "STRIPE_SECRET_KEY": key,
            "STRIPE_API_BASE": f"http://127.0.0.1:{stripe_port}",
            "ECLOUD_PAY_AUDIT_LOG": str(audit),
        }

    def environ_without_doors(self) -> dict[str, str]:
        """The settings of a console."""
        return {
            "PATH": "/usr/bin:/bin",
            "DATABASE_URL": self.backend.conninfo,
            "STRIPE_SECRET_KEY": self.stripe.key,
            "STRIPE_API_BASE": self.stripe.url,
            "ECLOUD_PAY_OPERATOR": OPERATOR,
            "ECLOUD_PAY_STATE_DIR": str(self.folder),
            "ECLOUD_PAY_TZ": "UTC",
        }

    def ask(self, query: str, *parameters: Any) -> list[tuple[Any, ...]]:
        """SQL, as a superuser."""
        return self._sql.execute(query.encode(), parameters).fetchall()

    def do(self, statement: str, *parameters: Any) -> None:
        """SQL that gives nothing back."""
        self._sql.execute(statement.encode(), parameters)

    def put_payment(self, currency: str, paid_minor: int, hand_minor: int) -> int:
        """A succeeded payment on both sides; its id."""
        self._payments += 1
        number = self._payments
        self.stripe.reset()
        self.stripe.put_payment(f"pi_sim{number}", paid_minor, currency=currency, charge=f"ch_sim{number}")
        paid = figure(paid_minor, currency)
        fee = (paid / 10).quantize(Decimal("0.01") if exponent(currency) else Decimal(1))
        self.do(
            """INSERT INTO payments_payment (id, job_id, client_id, cleaner_id, amount, platform_fee, cleaner_payout, currency,
            stripe_payment_intent_id, stripe_charge_id, status, refund_amount, created_at, paid_at, description)
            VALUES (%s, 14, 24, 26, %s, %s, %s, %s, %s, %s, 'succeeded', %s, now() - interval '3 days', now() - interval '3 days', 'x')""",
            *(number, paid, fee, paid - fee, currency, f"pi_sim{number}", f"ch_sim{number}", figure(hand_minor, currency)),
        )
        return number

    def put_request(self, payment_id: int, amount: Decimal) -> int:
        """A request that the backend left in a refund row; its id."""
        [(row,)] = self.ask(
            """INSERT INTO payments_refund (payment_id, amount, reason, status, requested_by_id, created_at)
            VALUES (%s, %s, 'by request', 'pending', 24, now()) RETURNING id""",
            *(payment_id, amount),
        )
        return int(row)

    def forget(self, payment_id: int) -> None:
        """Take the payment's rows away, so that the tables stay small."""
        self.do("DELETE FROM payments_refund WHERE payment_id = %s", payment_id)
        self.do("DELETE FROM payments_transaction WHERE payment_id = %s", payment_id)
        self.do("DELETE FROM payments_payment WHERE id = %s", payment_id)
        if payment_id % _VACUUM_EVERY == 0:
            self.do("VACUUM payments_refund, payments_transaction, payments_payment")

    def rows(self, payment_id: int) -> list[Row]:
        """The intents as they stand, in the order of their making."""
        found = self.ask(
            f"""SELECT t.id, t.status, nullif(t.stripe_transaction_id, ''), t.metadata -> '{OURS}', r.status,
            nullif(r.stripe_refund_id, '') FROM payments_transaction t LEFT JOIN payments_refund r
            ON r.id = (t.metadata -> '{OURS}' ->> 'refund_id')::int
            WHERE t.payment_id = %s AND t.metadata ? '{OURS}' ORDER BY t.id""",
            payment_id,
        )
        return [Row(row[0], row[1], row[2], row[3], row[4], row[5], row[3]["amount_minor"]) for row in found]

    def age(self, payment_id: int, hours: float) -> None:
        """Let the rows of a payment be so much older."""
        by = timedelta(hours=hours)
        self.do(
            "UPDATE payments_refund SET created_at = created_at - %s, processed_at = processed_at - %s WHERE payment_id = %s",
            by,
            by,
            payment_id,
        )
        for number, metadata in self.ask("SELECT id, metadata FROM payments_transaction WHERE payment_id = %s", payment_id):
            if metadata and OURS in metadata:
                for name in _INSTANTS:
                    if metadata[OURS][name] is not None:
                        metadata[OURS][name] = (datetime.fromisoformat(metadata[OURS][name]) - by).isoformat(timespec="microseconds")
            self.do(
                """UPDATE payments_transaction SET created_at = created_at - %s, completed_at = completed_at - %s, metadata = %s
                WHERE id = %s""",
                *(by, by, Jsonb(metadata), number),
            )


def figure(minor: int, currency: str) -> Decimal:
    """Minor units as the decimal of the columns."""
    return Decimal(minor).scaleb(-exponent(currency))


def ours(refunds: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Those of Stripe's refunds that bear a key of ours."""
    return [refund for refund in refunds if KEY in (refund.get("metadata") or {})]


def audit_events(path: Path) -> list[dict[str, Any]]:
    """The whole lines of an audit file."""
    if not path.exists():
        return []
    events = []
    for line in path.read_bytes().split(b"\n"):
        try:
            events.append(json.loads(line))
        except ValueError:
            continue
    return events
