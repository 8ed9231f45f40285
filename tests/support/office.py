"""The sample backend and the stand-in for Stripe, agreed with each other: where refunds are tried."""

from pathlib import Path

from support.backend import Backend
from support.canaries import STRIPE_EMAIL
from support.standin import Stripe

FIVE = "pi_3SMUfcQ1SldwUSm92tASE3le"
OPERATOR = "ops@demo"


def put_payments(stripe: Stripe) -> None:
    """The succeeded payments of `support.backend` as Stripe would hold them: #5 $100, #10 ¥12,000, #11 $100 of which $25 came back."""
    stripe.put_payment(FIVE, 100_00, charge="ch_3SMUfcQ1SldwUSm92tASE3le")
    stripe.put_payment("pi_10", 12_000, currency="jpy", charge="ch_10")
    stripe.put_payment("pi_11", 100_00, charge="ch_11", refunds=[{"id": "re_11", "amount": 25_00, "created": 1_746_262_800}])
    stripe.put_payment("pi_12", 100_00, charge="ch_12")
    for id in (FIVE, "pi_10", "pi_11", "pi_12"):
        stripe.overwrite(id, receipt_email=STRIPE_EMAIL)


def environ(backend: Backend, stripe: Stripe, folder: Path) -> dict[str, str]:
    """The settings of a console that may refund there."""
    return {
        "DATABASE_URL": backend.conninfo,
        "STRIPE_SECRET_KEY": stripe.key,
        "STRIPE_API_BASE": stripe.url,
        "ECLOUD_PAY_OPERATOR": OPERATOR,
        "ECLOUD_PAY_AUDIT_LOG": str(folder / "audit.jsonl"),
        "ECLOUD_PAY_TZ": "UTC",
    }
