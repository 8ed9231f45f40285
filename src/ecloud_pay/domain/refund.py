"""A refund that we make: what is asked for, the intent that is recorded before anything is sent, and how it ends.

    requested ──▶ sent ──▶ completed | failed            a row's status stays `pending` until then
        └──────────────▶ failed (not sent, abandoned)

The intent is recorded with the refund's transaction before Stripe is asked; whatever happens, it says what may have been sent.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from ecloud_pay.domain.at_stripe import Mode, RefundAtStripe, RefundState
from ecloud_pay.domain.money import Money
from ecloud_pay.domain.payment import Payment, Refund

# Stripe may forget a key once it is 24 h old, and would then refund anew. https://docs.stripe.com/api/idempotent_requests
KEY_GOOD_FOR = timedelta(hours=23)
ABANDON_AFTER = timedelta(hours=24)
SAME_AMOUNT_WITHIN = timedelta(hours=24)
ADOPT_AFTER = timedelta(minutes=3)  # of its last attempt, which may be under way that long: another refund must not take its place
SEND_WITHIN_S = 60.0  # of having recorded an attempt: a machine that slept longer must not send
LONGEST_NOTE = 500


class RefundReason(StrEnum):
    """What Stripe may be told. FRAUDULENT also puts the customer's card and e-mail on its block list."""

    REQUESTED_BY_CUSTOMER = "requested_by_customer"
    DUPLICATE = "duplicate"
    FRAUDULENT = "fraudulent"


@dataclass(frozen=True, slots=True)
class Actor:
    """The staff user on whose behalf a refund is made."""

    id: int
    email: str


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a batch: the `number`-th with this payment, amount and currency. That, not its place in a file, is its identity."""

    batch: str
    number: int


@dataclass(frozen=True, slots=True)
class Order:
    """A refund that somebody asks for, complete: what the intent is recorded from, and what its bytes follow from.

    `request_row` is the row of payments_refund that a request of the backend is; None makes a row of our own. `account` is Stripe's
    id of the account. The two switches are None where the payment has no connected account to choose about.
    """

    key: str
    payment_id: int
    payment_intent: str
    amount: Money
    reason: RefundReason | None
    note: str | None
    actor: Actor
    mode: Mode
    account: str | None
    reverse_transfer: bool | None = None
    refund_application_fee: bool | None = None
    request_id: str | None = None
    line: Line | None = None
    request_row: int | None = None

    @property
    def words(self) -> str | None:
        """What the backend's reason columns get: reason and note."""
        return ": ".join(dict.fromkeys(filter(None, (self.reason, self.note)))) or None


class Ending(StrEnum):
    """How an intent ended."""

    ACCEPTED = "accepted"  # by Stripe, whatever became of it there
    DECLINED = "declined"  # by Stripe
    NOT_SENT = "not sent"  # certainly never executed
    ABANDONED = "abandoned"  # by a person


@dataclass(frozen=True, slots=True)
class Settlement:
    """How an intent ends: `refund` is Stripe's where there is one; `words` says why where it was refused, not sent or abandoned."""

    ending: Ending
    refund: RefundAtStripe | None = None
    words: str | None = None
    is_adopted: bool = False  # found in Stripe's list rather than answered
    is_replay: bool = False  # Stripe repeated the answer of an earlier attempt
    request_id: str | None = None  # Stripe's, of the call that decided it

    @property
    def state(self) -> RefundState:
        """The status that the rows get."""
        state = RefundState.FAILED if self.refund is None else self.refund.state
        assert state is not None, "a status we do not know settles nothing"
        return state


@dataclass(frozen=True, slots=True)
class Intent:
    """A refund as it was recorded. Instants are the database's. `requested_line` is the hash of its `refund_requested` audit line."""

    order: Order
    refund_id: int
    transaction_id: int
    created_at: datetime
    first_sent_at: datetime | None = None
    last_sent_at: datetime | None = None
    attempts: int = 0
    requested_line: str | None = None
    settlement: "Settled | None" = None
    is_audited: bool = False

    @property
    def is_settled(self) -> bool:
        """Whether it is known how it ended."""
        return self.settlement is not None

    @property
    def was_sent(self) -> bool:
        """Whether a request may have left."""
        return self.first_sent_at is not None


@dataclass(frozen=True, slots=True)
class Settled:
    """A settlement as the database keeps it."""

    ending: Ending
    state: RefundState
    stripe_refund_id: str | None
    words: str | None
    is_adopted: bool
    is_replay: bool
    request_id: str | None  # Stripe's
    settled_at: datetime


def is_open_request(row: Refund) -> bool:
    """Whether that row is a request of the backend that nobody has carried out or closed (or an intent of ours, which looks alike)."""
    return row.status == RefundState.PENDING and row.stripe_refund_id is None


@dataclass(frozen=True, slots=True)
class PendingRow:
    """A pending refund row that is no unsettled intent of ours: with a Stripe id, or a request made in the backend."""

    payment: Payment
    refund: Refund
