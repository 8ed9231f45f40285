"""An order to refund 25.00 of pi_1, and what Stripe answers to it."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from ecloud_pay.adapters.stripe.gateway import Gateway, Limits, open_gateway
from ecloud_pay.domain.at_stripe import Mode, RefundAtStripe
from ecloud_pay.domain.money import Money
from ecloud_pay.domain.refund import Actor, Intent, Order
from ecloud_pay.secret import Secret

KEY = "sk_test_canary51AbCdEfGhIjKlMnOp"
IDEMPOTENCY_KEY = "3f1e2d4c-5b6a-4798-8a9b-0c1d2e3f4a5b"
SOON = Limits(connect_s=0.3, send_s=0.5, read_s=0.5, pauses_s=())

ORDER = Order(
    key=IDEMPOTENCY_KEY,
    payment_id=5,
    payment_intent="pi_1",
    amount=Money(2500, "eur"),
    reason=None,
    note="a note that stays here",
    actor=Actor(1, "ops@example.org"),
    mode=Mode.TEST,
    account="acct_1",
)
METADATA = {"ecloud_pay_key": IDEMPOTENCY_KEY, "ecloud_pay_payment": "5", "ecloud_pay_refund": "7"}
REFUND: dict[str, Any] = {
    "id": "re_1",
    "object": "refund",
    "amount": 2500,
    "charge": "ch_1",
    "created": 1764000000,
    "currency": "eur",
    "metadata": METADATA,
    "payment_intent": "pi_1",
    "status": "succeeded",
}
MADE = RefundAtStripe(
    id="re_1",
    payment_intent="pi_1",
    amount=Money(2500, "eur"),
    status="succeeded",
    reason=None,
    created=datetime(2025, 11, 24, 16, 0, tzinfo=UTC),
    key=IDEMPOTENCY_KEY,
)


def intent(**changes: Any) -> Intent:
    """The intent of ORDER, changed so."""
    return Intent(replace(ORDER, **changes), refund_id=7, transaction_id=8, created_at=datetime(2025, 11, 24, tzinfo=UTC))


def gateway(base: str, key: str = KEY, limits: Limits | None = None, proxy: str | None = None) -> Gateway:
    """A gateway that pauses for nothing."""
    return open_gateway(Secret(key), base=base, proxy=None if proxy is None else Secret(proxy), limits=limits, sleep=lambda _: None)
