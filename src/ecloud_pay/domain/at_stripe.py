"""What Stripe holds of one payment: the PaymentIntent with its charge, its disputes and all of its refunds.

Read-only facts in our types. Statuses are Stripe's own words, since its enums are open: a word we do not know is shown, never guessed.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from ecloud_pay.domain.money import Money


class Mode(StrEnum):
    """Whether money is real."""

    TEST = "test"
    LIVE = "live"


class RefundState(StrEnum):
    """What `payments_refund.status` and a refund's transaction may be."""

    PENDING = "pending"
    COMPLETED = "completed"
    FAILED = "failed"


# https://docs.stripe.com/api/refunds/object#refund_object-status
_STATES = {
    "succeeded": RefundState.COMPLETED,
    "pending": RefundState.PENDING,
    "requires_action": RefundState.PENDING,
    "failed": RefundState.FAILED,
    "canceled": RefundState.FAILED,
}


@dataclass(frozen=True, slots=True)
class RefundAtStripe:
    """One refund. `key` is the idempotency key of ours that its metadata bears; None: it was made elsewhere."""

    id: str
    payment_intent: str | None
    amount: Money
    status: str
    reason: str | None
    created: datetime
    key: str | None

    @property
    def state(self) -> RefundState | None:
        """Its status as our columns say it; None where we do not know the word."""
        return _STATES.get(self.status)

    @property
    def holds_money(self) -> bool:
        """Whether it takes from what can still be refunded; one in a state we do not know is taken to."""
        return self.state is not RefundState.FAILED


@dataclass(frozen=True, slots=True)
class DisputeAtStripe:
    """One dispute of the charge."""

    id: str
    status: str
    is_charge_refundable: bool

    @property
    def forbids_refund(self) -> bool:
        """An inquiry is still refundable; otherwise Stripe says so itself."""
        return not self._is_inquiry and not self.is_charge_refundable

    @property
    def is_open_inquiry(self) -> bool:
        """Whether a bank asks about the payment, which may become a dispute yet."""
        return self._is_inquiry and self.status != "warning_closed"

    @property
    def _is_inquiry(self) -> bool:
        # https://docs.stripe.com/api/disputes/object#dispute_object-status
        return self.status.startswith("warning_")


@dataclass(frozen=True, slots=True)
class PaymentAtStripe:
    """The PaymentIntent. `received` is what it brought in; `captured` is what its latest charge did (None: there is no charge)."""

    id: str
    status: str
    is_live: bool
    received: Money
    captured: Money | None
    charge_id: str | None
    has_transfer: bool  # transfer_data or on_behalf_of: part of it went to a connected account
    has_application_fee: bool
    disputes: tuple[DisputeAtStripe, ...]
    refunds: tuple[RefundAtStripe, ...]

    @property
    def mode(self) -> Mode:
        """Whether it is real money."""
        return Mode.LIVE if self.is_live else Mode.TEST

    @property
    def refunded(self) -> Money:
        """What its refunds hold, those under way included."""
        return sum((refund.amount for refund in self.refunds if refund.holds_money), Money(0, self.received.currency))
