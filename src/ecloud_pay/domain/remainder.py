"""What of a payment has come back already, by three books, and what can still be refunded."""

from collections.abc import Iterable
from dataclasses import dataclass

from ecloud_pay.domain.at_stripe import RefundState
from ecloud_pay.domain.errors import Refused
from ecloud_pay.domain.money import Amount, Money
from ecloud_pay.domain.payment import Refund
from ecloud_pay.domain.refund import Intent


@dataclass(frozen=True, slots=True)
class Refunded:
    """What each book says came back. `rows` are completed refund rows and pending ones with a Stripe id; `completed` only the former;
    `booked` is the payment's refund_amount; `unsettled` are intents of ours that may have been sent."""

    at_stripe: Money
    rows: Money
    completed: Money
    booked: Money
    unsettled: Money

    @property
    def most(self) -> Money:
        """The largest of the three: what is certainly not there to be refunded again."""
        return max(self.at_stripe, self.rows, self.booked)

    @property
    def is_agreed(self) -> bool:
        """Whether the books say the same: Stripe what our rows say, and the payment what its completed rows come to."""
        return self.at_stripe == self.rows and self.booked == self.completed

    def remainder(self, captured: Money) -> Money:
        """What can still be refunded of what was captured; never below nothing."""
        return max(captured - self.most - self.unsettled, Money(0, captured.currency))


def refunded(at_stripe: Money, refunds: Iterable[Refund], booked: Amount, intents: Iterable[Intent]) -> Refunded:
    """What the books say of one payment. Refused where a figure of ours is no amount."""
    nothing = Money(0, at_stripe.currency)
    rows = completed = nothing
    for refund in refunds:
        amount = readable(refund.amount, f"refund #{refund.id}")
        if refund.status == RefundState.COMPLETED:
            completed, rows = completed + amount, rows + amount
        elif refund.status == RefundState.PENDING and refund.stripe_refund_id is not None:
            rows = rows + amount
    unsettled = sum((intent.order.amount for intent in intents if not intent.is_settled), nothing)
    return Refunded(at_stripe, rows, completed, readable(booked, "its refund_amount"), unsettled)


def readable(amount: Amount, what: str) -> Money:
    """The amount as money; Refused where the row holds none."""
    if isinstance(amount, Money):
        return amount
    raise Refused(
        f"{what} is {amount.figure} {amount.currency or ''}, which cannot be refunded: {amount.why}",
        now="Nothing was sent.",
        to_do="Have the backend's owner correct the row.",
    )
