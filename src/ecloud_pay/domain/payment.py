"""A payment and its parts, as one read of the database found them.

`None` is absence whichever way the row says it (NULL or ''). Instants are aware and in UTC. Statuses and types are the row's own
words: a word we do not know is shown, never guessed at.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

from ecloud_pay.domain.money import Amount

Json = Mapping[str, "Json"] | list["Json"] | str | int | float | bool | None


# Instants that lie outside Python's calendar: PostgreSQL holds infinities, years above 9999 and years BC. Each is a microsecond that
# nobody writes: the very first instant is what some programs store for "none".
AFTER_ALL_TIME = datetime.max.replace(tzinfo=UTC)
BEFORE_ALL_TIME = datetime.min.replace(tzinfo=UTC, microsecond=1)


class PaymentStatus(StrEnum):
    """What `payments_payment.status` may be. A refunded payment stays `succeeded`."""

    PENDING = "pending"
    PROCESSING = "processing"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class Person:
    """A client, a cleaner or an operator. Only `id` is certain: the user's row may be gone."""

    id: int
    email: str | None
    username: str | None


@dataclass(frozen=True, slots=True)
class Job:
    """The cleaning job that is paid for. Only `id` is certain."""

    id: int
    service_type: str | None
    property_address: str | None


@dataclass(frozen=True, slots=True)
class Payment:
    """One row of payments_payment with the people and the job it names."""

    id: int
    job: Job | None
    client: Person | None
    cleaner: Person | None
    amount: Amount
    platform_fee: Amount
    cleaner_payout: Amount
    currency: str | None
    status: str | None
    stripe_payment_intent_id: str | None
    stripe_charge_id: str | None
    payment_method_type: str | None
    payment_method_brand: str | None
    payment_method_last4: str | None
    created_at: datetime | None
    paid_at: datetime | None
    refund_amount: Amount
    refund_reason: str | None
    refunded_at: datetime | None
    description: str | None
    metadata: Json


@dataclass(frozen=True, slots=True)
class Transaction:
    """One row of payments_transaction: a charge, a refund or a payout, in the payment's currency."""

    id: int
    transaction_type: str
    amount: Amount
    status: str
    stripe_transaction_id: str | None
    created_at: datetime | None
    completed_at: datetime | None
    metadata: Json


@dataclass(frozen=True, slots=True)
class Refund:
    """One row of payments_refund, in the payment's currency."""

    id: int
    amount: Amount
    reason: str | None
    status: str | None
    stripe_refund_id: str | None
    requested_by: Person | None
    created_at: datetime | None
    processed_at: datetime | None


@dataclass(frozen=True, slots=True)
class PaymentFile:
    """Everything the database holds about one payment: what `show` shows. Parts are in ascending id."""

    payment: Payment
    transactions: tuple[Transaction, ...]
    refunds: tuple[Refund, ...]

    def refund(self, id: int | None) -> Refund | None:
        """The refund row of that number; None where there is none (any more)."""
        return next((row for row in self.refunds if row.id == id), None)
