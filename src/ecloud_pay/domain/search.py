"""Which payments are meant: the filters that list, export, report and check share."""

from dataclasses import dataclass, field
from decimal import Decimal

from ecloud_pay.domain.payment import PaymentStatus
from ecloud_pay.domain.period import Period

LARGEST_ID = 2**63 - 1  # bigint


@dataclass(frozen=True, slots=True)
class PaymentSearch:
    """Every filter that was given; None (or an empty tuple, an open period) asks for nothing. All of them hold together.

    `client` and `cleaner` are a user's id or an e-mail, compared without regard to case, as `brand` and `currency` are.
    Amounts are exact decimals of the column.
    """

    statuses: tuple[PaymentStatus, ...] = ()
    job_id: int | None = None
    client: int | str | None = None
    cleaner: int | str | None = None
    created: Period = field(default_factory=Period)
    paid: Period = field(default_factory=Period)
    amount: Decimal | None = None
    min_amount: Decimal | None = None
    max_amount: Decimal | None = None
    currency: str | None = None
    brand: str | None = None
    last4: str | None = None
    is_refunded: bool | None = None
