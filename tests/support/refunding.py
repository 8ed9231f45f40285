"""A place where refunds are made, of real parts: the backend's database, the stand-in for Stripe, an audit file. Only time is ours.

till.refund(amount="25.00")                       # the whole way, as one run does it
assert till.events() == ["refund_requested", "refund_sent", "refunded"]
assert till.row("payments_refund", 1001)["status"] == "completed"
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import psycopg
from psycopg.rows import dict_row
from psycopg.types.json import Jsonb

from ecloud_pay.actions.desk import Desk
from ecloud_pay.actions.preflight import preview
from ecloud_pay.actions.refund import carry_out
from ecloud_pay.actions.resume import Resumed, resume
from ecloud_pay.actions.sending import Sender
from ecloud_pay.adapters.audit.log import AuditLog
from ecloud_pay.adapters.postgres.engine import Database
from ecloud_pay.adapters.postgres.ledger import PostgresLedger
from ecloud_pay.adapters.postgres.login import parse_login
from ecloud_pay.adapters.postgres.tables import Names
from ecloud_pay.adapters.postgres.writing import Writer
from ecloud_pay.adapters.stripe.gateway import Gateway, Limits, open_gateway
from ecloud_pay.domain.at_stripe import Mode, RefundAtStripe
from ecloud_pay.domain.audit import AuditEvent
from ecloud_pay.domain.errors import CannotWrite, EcloudPayError
from ecloud_pay.domain.money import Money
from ecloud_pay.domain.preview import Preview, Wish
from ecloud_pay.domain.refund import Actor, Ending, Intent, Order, Settlement
from ecloud_pay.domain.report import BorneBy
from ecloud_pay.secret import Secret
from support.backend import Backend
from support.office import FIVE
from support.standin import Seen, Stripe
from support.trail import chain, trail

OPS = Actor(1, "ops@demo")
KEY = "3f1e2d4c-5b6a-4798-8a9b-0c1d2e3f4a5b"
REFUND, TRANSACTION = 1001, 1001  # the first rows that a test makes
SOON = Limits(connect_s=0.5, send_s=0.4, read_s=2.0, pauses_s=())

# setval gives the next row the number 1001 again, whatever the test before made.
_KEEP = """CREATE SCHEMA kept;
CREATE TABLE kept.payments_payment AS TABLE payments_payment;
CREATE TABLE kept.payments_transaction AS TABLE payments_transaction;
CREATE TABLE kept.payments_refund AS TABLE payments_refund"""
_PUT_BACK = """DELETE FROM payments_refund; DELETE FROM payments_transaction; DELETE FROM payments_payment;
INSERT INTO payments_payment SELECT * FROM kept.payments_payment;
INSERT INTO payments_transaction SELECT * FROM kept.payments_transaction;
INSERT INTO payments_refund SELECT * FROM kept.payments_refund;
SELECT setval(pg_get_serial_sequence('payments_refund', 'id'), 1000);
SELECT setval(pg_get_serial_sequence('payments_transaction', 'id'), 1000)"""


def keep(backend: Backend) -> Backend:
    """Remember its rows of money, so that `put_back` can bring them back between tests: cheaper than a database for each."""
    backend.run(_KEEP)
    return backend


def put_back(backend: Backend) -> Backend:
    """The rows as they were kept, whatever a test has made of them."""
    backend.run(_PUT_BACK)
    return backend


def open_ledger(
    backend: Backend, zone: str = "UTC", pause: Callable[[float], None] = lambda _: None, names: Names | None = None
) -> PostgresLedger:
    """The ledger on that database; it pauses for nothing."""
    database = Database(parse_login(backend.conninfo, "DATABASE_URL"), names or Names(), zone)
    return PostgresLedger(database, Writer(database, pause))


def row(backend: Backend, table: str, id: int, zone: str = "UTC") -> dict[str, Any]:
    """One row whole. What a `timestamp` column holds is taken to be in `zone`; every instant comes back in UTC."""
    with psycopg.connect(backend.conninfo, row_factory=dict_row) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        [found] = connection.execute(f"SELECT * FROM {table} WHERE id = %s".encode(), [id]).fetchall()
    return {name: _in_utc(value, zone) for name, value in found.items()}


def _in_utc(value: Any, zone: str) -> Any:
    if not isinstance(value, datetime):
        return value
    return (value if value.tzinfo else value.replace(tzinfo=ZoneInfo(zone))).astimezone(UTC)


def backdate(backend: Backend, transaction: int, **ages: timedelta) -> None:
    """Let instants of an intent be so much earlier: `first_sent_at=timedelta(hours=23)`."""
    for name, age in ages.items():
        [(text,)] = backend.rows(f"SELECT metadata #>> '{{ecloud_pay,{name}}}' FROM payments_transaction WHERE id = %s", transaction)
        earlier = (datetime.fromisoformat(text) - age).isoformat(timespec="microseconds")
        damage(backend, transaction, **{name: earlier})


def damage(backend: Backend, transaction: int, **values: Any) -> None:
    """Put other JSON in the place of those parts of an intent."""
    ours = "jsonb_build_object('ecloud_pay', metadata -> 'ecloud_pay' || %s)"
    sql = f"UPDATE payments_transaction SET metadata = metadata || {ours} WHERE id = %s"
    assert backend.rows_changed(sql, Jsonb(values), transaction) == 1


def order(**changes: Any) -> Order:
    """$25.00 of payment #5."""
    plain = Order(
        key=KEY,
        payment_id=5,
        payment_intent=FIVE,
        amount=Money(25_00, "usd"),
        reason=None,
        note=None,
        actor=OPS,
        mode=Mode.TEST,
        account="acct_1",
    )
    return replace(plain, **changes)


def at_stripe(**changes: Any) -> RefundAtStripe:
    """What Stripe makes of `order()`."""
    plain = RefundAtStripe(
        id="re_1",
        payment_intent=FIVE,
        amount=Money(25_00, "usd"),
        status="succeeded",
        reason=None,
        created=datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC),
        key=KEY,
    )
    return replace(plain, **changes)


def accepted(**changes: Any) -> Settlement:
    """That Stripe took it."""
    return Settlement(Ending.ACCEPTED, at_stripe(**changes))


@dataclass
class Clockwork:
    """ports.Patience that lets no time pass but counts it. `on_wait` is called in every wait, as if it happened meanwhile."""

    waited: list[float] = field(default_factory=list)
    is_stop_asked: bool = False
    now_s: float = 0.0
    on_wait: Callable[[], None] = lambda: None

    def wait(self, seconds: float) -> None:
        self.waited.append(seconds)
        self.now_s += seconds
        self.on_wait()

    def elapsed_s(self) -> float:
        return self.now_s


class FullDisk:
    """The audit trail, on a disk that is full from that event on."""

    def __init__(self, audit: AuditLog, event_type: str) -> None:
        self._audit = audit
        self._event_type = event_type

    def check(self) -> None:
        self._audit.check()

    def append(self, event: AuditEvent) -> str:
        if event.type == self._event_type:
            raise CannotWrite("the disk is full")
        return self._audit.append(event)


@dataclass
class Till:
    """The parts of one run."""

    backend: Backend
    stripe: Stripe
    ledger: PostgresLedger
    gateway: Gateway
    audit: AuditLog
    patience: Clockwork = field(default_factory=Clockwork)
    account: str | None = None
    borne_by: BorneBy | None = None

    @property
    def desk(self) -> Desk:
        return Desk(self.ledger, self.gateway, self.account, self.borne_by)

    @property
    def sender(self) -> Sender:
        return Sender(self.ledger, self.gateway, self.audit, self.patience)

    def wish(self, amount: str | None = "25.00", **changes: Any) -> Wish:
        """What somebody asks for."""
        return Wish(**{"key": KEY, "actor": OPS, "amount": None if amount is None else Decimal(amount), **changes})

    def preview(self, payment: int = 5, amount: str | None = "25.00", **changes: Any) -> Preview:
        """What it comes to."""
        return preview(self.desk, payment, self.wish(amount, **changes))

    def refund(self, payment: int = 5, amount: str | None = "25.00", **changes: Any) -> Intent:
        """The whole way."""
        return carry_out(self.preview(payment, amount, **changes), self.sender)

    def begin(self, **changes: Any) -> Intent:
        """An intent that was recorded and never sent: its run was killed behind the commit."""
        return self.ledger.open_intent(order(**{"account": self.account, **changes}), lambda _: None)

    def resume(self, payment: int | None = None) -> list[Resumed]:
        """What a later run makes of what is open."""
        return list(resume(self.ledger.unfinished().of(payment), self.sender, self.account))

    def events(self) -> list[str]:
        """The types of the audit lines, in order; every line must hang on the one before."""
        return [line["event_type"] for line in self.lines()]

    def lines(self) -> list[dict[str, Any]]:
        """The audit lines."""
        return chain([self.audit.path]) if self.audit.path.exists() else []

    def posts(self) -> list[Seen]:
        """What Stripe was asked for."""
        return self.stripe.posts()

    def row(self, table: str, id: int) -> dict[str, Any]:
        """One row whole."""
        return row(self.backend, table, id)

    def books(self, payment: int = 5) -> dict[str, Any]:
        """What the database says of a payment's refunds, short: status and Stripe's id of the rows of ours, and refund_amount."""
        ours = "WHERE payment_id = %s AND id > 1000 ORDER BY id"
        refunds = self.backend.rows(f"SELECT status, coalesce(stripe_refund_id, '') FROM payments_refund {ours}", payment)
        transactions = self.backend.rows(f"SELECT status, coalesce(stripe_transaction_id, '') FROM payments_transaction {ours}", payment)
        [(booked, status)] = self.backend.rows("SELECT coalesce(refund_amount, 0), status FROM payments_payment WHERE id = %s", payment)
        return {"refunds": refunds, "transactions": transactions, "booked": booked, "payment": status}

    def intent(self, transaction: int = TRANSACTION) -> dict[str, Any]:
        """The intent as the row holds it."""
        found: dict[str, Any] = self.row("payments_transaction", transaction)["metadata"]["ecloud_pay"]
        return found


@contextmanager
def open_till(backend: Backend, stripe: Stripe, folder: Path, **options: Any) -> Iterator[Till]:
    """A till on these; Stripe's answers are waited for as `SOON` says."""
    gateway = open_gateway(Secret(stripe.key), base=stripe.url, limits=SOON, sleep=lambda _: None)
    try:
        yield Till(backend, stripe, open_ledger(backend), gateway, trail(folder / "audit.jsonl"), account=stripe.account, **options)
    finally:
        gateway.close()


def sentences(error: EcloudPayError) -> tuple[str, str, str]:
    """What happened, what is true now, what to do."""
    return error.what, error.now, error.to_do
