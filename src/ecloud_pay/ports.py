"""What the commands need from outside, in the words of the domain. Adapters fulfil these; tests may pass fakes."""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol

from ecloud_pay.domain.payment import Payment, PaymentFile
from ecloud_pay.domain.reference import Reference
from ecloud_pay.domain.search import PaymentSearch


@dataclass(frozen=True, slots=True)
class Found:
    """One payment that a reference led to, and how many it could have meant (`as_role` says in which role an e-mail was found)."""

    file: PaymentFile
    candidates: int = 1
    as_role: str | None = None


class PaymentReader(Protocol):
    """Reads payments out of one READ ONLY snapshot. Raises NotConfigured or Unavailable."""

    def page(self, search: PaymentSearch, limit: int, before: int | None) -> Sequence[Payment]:
        """At most `limit` matching payments with an id below `before`, newest (highest id) first."""

    def find(self, reference: Reference) -> Found | None:
        """The payment that `reference` means (of several, the newest), with its transactions and refunds; None where there is none."""


class OpensReader(Protocol):
    """Opens a snapshot for the length of a `with` block."""

    def __call__(self) -> AbstractContextManager[PaymentReader]: ...


@dataclass(frozen=True, slots=True)
class Column:
    """A column as the catalogue knows it."""

    name: str
    type: str
    is_nullable: bool
    has_default: bool


@dataclass(frozen=True, slots=True)
class TableFacts:
    """What the catalogue says of one table; `columns` is empty where the table is missing or out of sight."""

    role: str
    name: str
    columns: tuple[Column, ...]
    can_select: bool
    can_insert: bool
    can_update: bool
    rows_estimate: int
    bytes_total: int
    created_at_is_indexed: bool


@dataclass(frozen=True, slots=True)
class DatabaseFacts:
    """What `doctor` asks a database. `host` is what the connection really went to; a socket's folder begins with /."""

    host: str
    database: str
    user: str
    server_version: str
    is_standby: bool
    is_encrypted: bool
    tls: str
    time_zone: str
    encoding: str
    tables: tuple[TableFacts, ...]


class InspectsDatabase(Protocol):
    """Connects and asks the catalogue, read-only. Raises NotConfigured or Unavailable."""

    def __call__(self) -> DatabaseFacts: ...
