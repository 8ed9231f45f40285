"""What a refund will do, told before it is done: the very object that is then carried out."""

from dataclasses import dataclass
from decimal import Decimal

from ecloud_pay.domain.at_stripe import PaymentAtStripe
from ecloud_pay.domain.money import Money
from ecloud_pay.domain.payment import Payment, Refund
from ecloud_pay.domain.refund import Actor, Line, Order, RefundReason
from ecloud_pay.domain.remainder import Refunded
from ecloud_pay.domain.report import BorneBy, share_of_fee


@dataclass(frozen=True, slots=True)
class Wish:
    """What somebody asks for. `amount` None is the remainder; `currency` is what they take the payment to be in, where they say so.

    `key` is the idempotency key that the refund will have. `may_repeat`: a refund of the same amount within a day is meant.
    `accepts_drift`: that the books disagree is known.
    """

    key: str
    actor: Actor
    amount: Decimal | None = None
    currency: str | None = None
    reason: RefundReason | None = None
    note: str | None = None
    reverse_transfer: bool | None = None
    refund_application_fee: bool | None = None
    may_repeat: bool = False
    accepts_drift: bool = False
    request_id: str | None = None
    line: Line | None = None
    request_row: int | None = None


@dataclass(frozen=True, slots=True)
class Preview:
    """One refund, complete. `refunded` is what the books said before it; `requests` are the backend's other open ones of the payment."""

    wish: Wish
    order: Order
    payment: Payment
    theirs: PaymentAtStripe
    captured: Money
    refunded: Refunded
    borne_by: BorneBy | None
    fee: Money
    payout: Money
    requests: tuple[Refund, ...] = ()

    @property
    def left(self) -> Money:
        """What can be refunded after it."""
        return self.refunded.remainder(self.captured) - self.order.amount

    @property
    def fee_share(self) -> Money:
        """The platform fee's proportional part of it: what a cumulative refund takes back, less what earlier ones did."""
        before = self.refunded.most
        return share_of_fee(self.fee, self.captured, before + self.order.amount) - share_of_fee(self.fee, self.captured, before)

    @property
    def payout_share(self) -> Money:
        """The cleaner payout's proportional part of it."""
        return self.order.amount - self.fee_share

    @property
    def borne(self) -> tuple[Money, Money] | None:
        """What platform and cleaner bear; None where it is not recorded who does."""
        nothing = Money(0, self.order.amount.currency)
        match self.borne_by:
            case None:
                return None
            case BorneBy.PLATFORM:
                return self.order.amount, nothing
            case BorneBy.CLEANER:
                return nothing, self.order.amount
            case BorneBy.PROPORTIONAL:
                return self.fee_share, self.payout_share
