"""Domain objects that tests start from: payment #5 of the documentation, and a payment whose row says nothing."""

from datetime import UTC, datetime
from decimal import Decimal

from ecloud_pay.domain.money import Amount, recorded
from ecloud_pay.domain.payment import Job, Payment, PaymentFile, Person, Refund, Transaction

CREATED = datetime(2025, 1, 27, 14, 30, 15, 123456, tzinfo=UTC)
PAID = datetime(2025, 1, 27, 14, 30, 45, 654321, tzinfo=UTC)
# The card of payment #5 as the backend's guide draws it, for a pipe.
CARD_5 = """\
┌─ Payment #5 ─────────────────────────────────────
│ Status: SUCCEEDED
│ Amount: $100.00 USD
│   ├─ Platform Fee (15%): $15.00
│   └─ Cleaner Payout (85%): $85.00
│
│ Client: client1@test.com (client1@test.com)
│ Cleaner: cleaner1@test.com (cleaner1@test.com)
│ Job ID: #14
│
│ Stripe Details:
│   ├─ Payment Intent: pi_3SMUfcQ1SldwUSm92tASE3le
│   ├─ Charge ID: ch_3SMUfcQ1SldwUSm92tASE3le
│   └─ Payment Method: visa •••• 4242
│
│ Timestamps:
│   ├─ Created: 2025-01-27 14:30:15 UTC
│   └─ Paid: 2025-01-27 14:30:45 UTC
└──────────────────────────────────────────────────"""

OPERATOR = Person(1, "ops@example.com", "ops")


def amount(figure: str, currency: str | None = "usd") -> Amount:
    """What a row with this figure and currency holds."""
    return recorded(Decimal(figure), currency)


def payment_5() -> Payment:
    """The payment that the documentation shows."""
    return Payment(
        id=5,
        job=Job(14, "Deep Cleaning", "123 Main St"),
        client=Person(24, "client1@test.com", "client1@test.com"),
        cleaner=Person(26, "cleaner1@test.com", "cleaner1@test.com"),
        amount=amount("100.00"),
        platform_fee=amount("15.00"),
        cleaner_payout=amount("85.00"),
        currency="usd",
        status="succeeded",
        stripe_payment_intent_id="pi_3SMUfcQ1SldwUSm92tASE3le",
        stripe_charge_id="ch_3SMUfcQ1SldwUSm92tASE3le",
        payment_method_type="card",
        payment_method_brand="visa",
        payment_method_last4="4242",
        created_at=CREATED,
        paid_at=PAID,
        refund_amount=amount("0.00"),
        refund_reason=None,
        refunded_at=None,
        description=None,
        metadata={},
    )


def empty_payment() -> Payment:
    """A payment with everything absent that a row may lack."""
    return Payment(
        id=6,
        job=None,
        client=None,
        cleaner=None,
        amount=amount("0.00", None),
        platform_fee=amount("0.00", None),
        cleaner_payout=amount("0.00", None),
        currency=None,
        status=None,
        stripe_payment_intent_id=None,
        stripe_charge_id=None,
        payment_method_type=None,
        payment_method_brand=None,
        payment_method_last4=None,
        created_at=None,
        paid_at=None,
        refund_amount=amount("0.00", None),
        refund_reason=None,
        refunded_at=None,
        description=None,
        metadata=None,
    )


def charge() -> Transaction:
    """The charge of payment #5."""
    return Transaction(1, "charge", amount("100.00"), "completed", "ch_3SMUfcQ1SldwUSm92tASE3le", CREATED, PAID, {"attempt": 1})


def refund() -> Refund:
    """A refund of $25.00, carried out."""
    return Refund(3, amount("25.00"), "late arrival", "completed", "re_3SMUfc", OPERATOR, CREATED, PAID)


def file_of(payment: Payment, *, transactions: tuple[Transaction, ...] = (), refunds: tuple[Refund, ...] = ()) -> PaymentFile:
    """The payment with its parts."""
    return PaymentFile(payment, transactions, refunds)
