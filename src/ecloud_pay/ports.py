"""What the commands need from outside, in the words of the domain. Adapters fulfil these; tests may pass fakes."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Protocol

from ecloud_pay.domain.errors import EcloudPayError
from ecloud_pay.domain.payment import Payment, PaymentFile, Person
from ecloud_pay.domain.reference import Reference
from ecloud_pay.domain.search import PaymentSearch

if TYPE_CHECKING:  # who only lists payments need not load what the other commands speak of
    from ecloud_pay.domain.answers import Answer
    from ecloud_pay.domain.at_stripe import Mode, PaymentAtStripe, RefundAtStripe
    from ecloud_pay.domain.audit import AuditEvent
    from ecloud_pay.domain.export import ExportRequest, Total
    from ecloud_pay.domain.refund import Actor, Intent, Order, PendingRow, Settlement
    from ecloud_pay.domain.report import Booked, Explained, Owed, Report, ReportRequest, StatementLine


@dataclass(frozen=True, slots=True)
class Found:
    """One payment that a reference led to, and how many it could have meant (`as_role` says in which role an e-mail was found)."""

    file: PaymentFile
    candidates: int = 1
    as_role: str | None = None


class Sink(Protocol):
    """Takes what an export copies, bit by bit."""

    def __call__(self, lines: bytes, rows: int, /) -> None:
        """Whole lines, and how many rows they are."""


class Exporter(Protocol):
    """Copies rows out of one READ ONLY snapshot, taken at `as_of` (UTC). Raises NotConfigured or Unavailable."""

    as_of: datetime
    snapshot_name: str

    def estimate(self, request: "ExportRequest") -> int:
        """How many rows the planner expects."""

    def totals(self, request: "ExportRequest") -> "Sequence[Total]":
        """What the rows come to per currency and status."""

    def copy(self, request: "ExportRequest", sinks: Sequence[Sink], rows_expected: int) -> int:
        """Pour the rows into `sinks`, whose parts in order are the whole; returns how many rows there were.

        The first sink gets the rows of the lowest ids. As many are used as pay off for `rows_expected`.
        """

    def rows(self, request: "ExportRequest") -> Iterator[Sequence[object]]:
        """The rows as Python's values, fetched bit by bit."""


class PaymentReader(Protocol):
    """Reads payments out of one READ ONLY snapshot. Raises NotConfigured or Unavailable."""

    def page(self, search: PaymentSearch, limit: int, before: int | None) -> Sequence[Payment]:
        """At most `limit` matching payments with an id below `before`, newest (highest id) first."""

    def find(self, reference: Reference) -> Found | None:
        """The payment that `reference` means (of several, the newest), with its transactions and refunds; None where there is none."""


class ReportReader(Protocol):
    """Sums up one READ ONLY snapshot. Raises NotConfigured or Unavailable."""

    def report(self, request: "ReportRequest") -> "Report":
        """The figures of the window and of its periods or groups. By status: see `booked`."""

    def booked(self, request: "ReportRequest") -> "Sequence[Booked]":
        """What the rows say by status, the status with the most in the main currency first."""

    def owed(self, request: "ReportRequest") -> "Sequence[Owed]":
        """A line per cleaner and currency, the cleaner with the most in the main currency first; the rows without a cleaner are one."""

    def undated(self, request: "ReportRequest") -> int:
        """How many succeeded payments of the window say no paid_at, so that `owed` and `statement` by that leave them out."""

    def cleaners(self, who: int | str) -> Sequence[Person]:
        """Whom an id or an e-mail means: nobody, one, or everybody who shares that e-mail."""

    def statement(self, request: "ReportRequest", cleaner: Person) -> "Sequence[StatementLine]":
        """The succeeded payments of that cleaner, one by one, by date."""

    def explain(self, request: "ReportRequest") -> "Sequence[Explained]":
        """Whence each figure of the totals comes, zeros aside; by status, each line of `booked`."""


class StripeGateway(Protocol):
    """Stripe behind one key. Every operation has an overall deadline.

    Reads retry by themselves and raise NotConfigured (401, 403), UnknownAtStripe (404) or Unavailable (network, 429, 5xx, an answer
    that is not Stripe's). `send` makes one attempt and raises nothing of the kind: what came of it is its answer.
    """

    mode: "Mode"

    def account(self) -> str:
        """The id of the account that the key belongs to."""

    def payment(self, payment_intent: str) -> "PaymentAtStripe":
        """The PaymentIntent with its latest charge, its disputes and all of its refunds."""

    def refunds(self, payment_intent: str) -> "tuple[RefundAtStripe, ...]":
        """All refunds of a PaymentIntent, every page of them, newest first."""

    def refund(self, refund_id: str) -> "RefundAtStripe":
        """One refund."""

    def send(self, intent: "Intent") -> "Answer":
        """POST the refund once, under the intent's key. The bytes follow from the intent alone, so they are the same every time."""


class AuditTrail(Protocol):
    """The file in which every event is a line that carries the hash of the one before."""

    def check(self) -> None:
        """Raise CannotWrite where the file cannot be appended to. Writes no line."""

    def append(self, event: "AuditEvent") -> str:
        """Write the event and flush it to the disk; returns the SHA-256 of its line, in hex. Raises CannotWrite."""


class Patience(Protocol):
    """Time while money is in flight, and whether somebody has asked us to stop meanwhile."""

    @property
    def is_stop_asked(self) -> bool:
        """Whether a signal has come; it waits until the money has landed."""

    def wait(self, seconds: float) -> None:
        """Let that time pass; returns early once asked to stop."""

    def elapsed_s(self) -> float:
        """Seconds on a clock that goes on while the machine sleeps."""


@dataclass(frozen=True, slots=True)
class Place:
    """Which database this is, as ECLOUD_PAY_LIVE_DATABASE would name it (`host/dbname`), and what a refund could not do there.

    `lacks` names privileges; `takes_writes` is false on a replica and for a login that only reads.
    """

    name: str
    takes_writes: bool
    lacks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Standing:
    """One payment with its file as it stands, and the intents of ours among its refunds, oldest first. `now` is the database's clock."""

    file: PaymentFile
    intents: "tuple[Intent, ...]"
    now: datetime

    def intent(self, key: str) -> "Intent | None":
        """The intent that is sent under that idempotency key; None where there is none."""
        return next((one for one in self.intents if one.order.key == key), None)


@dataclass(frozen=True, slots=True)
class Unfinished:
    """Intents that wait for something, oldest first. `unaudited` have ended, and their last audit line is not known to be written;
    `damaged` are those that nobody can read any more, each as the error that says where."""

    unsettled: "Sequence[Intent]"
    unaudited: "Sequence[Intent]"
    damaged: Sequence[EcloudPayError]

    def of(self, payment_id: int | None) -> "Unfinished":
        """Those of one payment, where one is named; what is damaged may be anybody's."""
        if payment_id is None:
            return self
        unsettled = [intent for intent in self.unsettled if intent.order.payment_id == payment_id]
        unaudited = [intent for intent in self.unaudited if intent.order.payment_id == payment_id]
        return Unfinished(unsettled, unaudited, self.damaged)


class Ledger(Protocol):
    """The rows that a refund reads and writes, always on DATABASE_URL. Each call is one short transaction of its own.

    Raises NotConfigured, Unavailable, Busy (a lock is held for too long); OutcomeUnknown where a commit may or may not have happened
    and the database could not be asked again.
    """

    def place(self) -> Place:
        """Where this is."""

    def candidates(self, reference: Reference) -> Sequence[Payment]:
        """The payments that a reference may mean, newest first, at most 20."""

    def read(self, payment_id: int) -> Standing | None:
        """One payment as it stands; None where there is none."""

    def request(self, refund_row: int) -> "PendingRow | None":
        """A refund row and its payment; None where there is no such row."""

    def operator(self, email: str) -> "Actor":
        """The active staff user with that e-mail. Refused where there is none, or where the user table cannot tell."""

    def open_intent(self, order: "Order", accept: "Callable[[Standing], None]") -> "Intent":
        """Record the refund and its transaction as pending, under a lock of the payment.

        `accept` sees the payment as it stands under the lock and raises to refuse. An intent of the same key that is there already is
        returned as it is: so a commit whose answer was lost is found again.
        """

    def mark_sent(self, intent: "Intent", requested_line: str) -> "Intent | None":
        """Record one more attempt, before it is made. None, and then nothing may be sent: the intent is pending no longer, or its
        first attempt is more than KEY_GOOD_FOR ago by the database's clock."""

    def settle(self, intent: "Intent", settlement: "Settlement") -> "Intent":
        """End the intent, once: whoever comes second gets it as it was settled. Refund, transaction and payment in one transaction.

        Busy where it ends without a refund of Stripe's although another run has recorded an attempt that `intent` does not know of.
        """

    def record_audited(self, intent: "Intent", write: "Callable[[Intent], None]") -> None:
        """`write` the intent's last audit line and say so in it, under a lock, if that has not been done."""

    def unfinished(self) -> "Unfinished":
        """Every intent of ours that has not ended, or has not been audited; of the last 45 days, or of a pending row or transaction."""

    def pending(self) -> "Sequence[PendingRow]":
        """Pending refund rows that are no unsettled intents of ours, oldest first."""

    def decline_request(self, refund_row: int, write: Callable[[], None]) -> bool:
        """Close a request of the backend as failed, and `write` that before it is committed; False where it is one no longer."""


@dataclass(frozen=True, slots=True)
class Column:
    """A column as the catalogue knows it. `is_required`: an INSERT that leaves it out fails."""

    name: str
    type: str
    is_required: bool
    is_readable: bool


@dataclass(frozen=True, slots=True)
class TableFacts:
    """What the catalogue says of one table. `columns` is empty where the table is missing or out of sight."""

    name: str
    expected: tuple[str, ...]
    optional: frozenset[str]
    columns: tuple[Column, ...]
    can_insert: bool
    can_update: bool
    rows_estimate: int | None  # None until the table is first analysed
    bytes_total: int
    is_created_at_indexed: bool

    @property
    def missing(self) -> list[str]:
        """Columns that the console cannot do without and that are not there."""
        present = {column.name for column in self.columns}
        return [name for name in self.expected if name not in present and name not in self.optional]

    @property
    def unreadable(self) -> list[str]:
        """Columns of ours that this login may not SELECT."""
        return [column.name for column in self.columns if column.name in self.expected and not column.is_readable]

    @property
    def demanding(self) -> list[str]:
        """Columns that are not ours and that an INSERT of ours would leave out in vain."""
        return [column.name for column in self.columns if column.is_required and column.name not in self.expected]


@dataclass(frozen=True, slots=True)
class Operator:
    """A user found by e-mail. None: the user table has no such column."""

    is_active: bool | None
    is_staff: bool | None


@dataclass(frozen=True, slots=True)
class DatabaseFacts:
    """What `doctor` learns from one database. `host` begins with / for a socket; `sslmode` is what the connection asked for."""

    host: str
    database: str
    user: str
    server_version: str
    is_standby: bool
    is_encrypted: bool
    sslmode: str
    is_near: bool
    server_time_zone: str
    tables: dict[str, TableFacts]
    operator: Operator | None
