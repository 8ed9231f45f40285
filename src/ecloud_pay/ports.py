"""What the commands need from outside, in the words of the domain. Adapters fulfil these; tests may pass fakes."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Protocol

from ecloud_pay.domain.payment import Payment, PaymentFile, Person
from ecloud_pay.domain.reference import Reference
from ecloud_pay.domain.search import PaymentSearch

if TYPE_CHECKING:  # who only lists payments need not load what the other commands speak of
    from ecloud_pay.domain.export import ExportRequest, Total
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
