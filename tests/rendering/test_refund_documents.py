"""A refund as JSON: the whole documents, key for key."""

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from ecloud_pay.domain.at_stripe import Mode, PaymentAtStripe, RefundState
from ecloud_pay.domain.errors import OutcomeUnknown
from ecloud_pay.domain.money import Money
from ecloud_pay.domain.payment import Payment
from ecloud_pay.domain.preview import Preview, Wish
from ecloud_pay.domain.refund import Actor, Ending, Intent, Line, Order, PendingRow, RefundReason, Settled
from ecloud_pay.domain.remainder import Refunded
from ecloud_pay.domain.report import BorneBy
from ecloud_pay.rendering.machine import payment_document, refund_document
from ecloud_pay.rendering.refund_documents import (
    declined_document,
    pending_document,
    preview_document,
    resumed_document,
    settled_document,
)
from samples import payment_5, refund

NOON = datetime(2025, 2, 1, 12, 0, 0, 5, tzinfo=UTC)
ORDER = Order(
    key="a key",
    payment_id=5,
    payment_intent="pi_5",
    amount=Money(25_00, "usd"),
    reason=RefundReason.DUPLICATE,
    note="came late",
    actor=Actor(1, "ops@example.com"),
    mode=Mode.TEST,
    account="acct_1",
    reverse_transfer=False,
    refund_application_fee=True,
    request_id="complaint-4711",
    line=Line("november", 2),
)
ABOUT_THE_ORDER = {
    "amount": "25.00",
    "currency": "usd",
    "reason": "duplicate",
    "note": "came late",
    "requested_by": "ops@example.com",
    "mode": "test",
    "account": "acct_1",
    "reverse_transfer": False,
    "refund_application_fee": True,
    "request_id": "complaint-4711",
    "batch": "november",
    "line": 2,
}
BARE = replace(
    ORDER,
    amount=Money(500, "jpy"),
    reason=None,
    note=None,
    account=None,
    reverse_transfer=None,
    refund_application_fee=None,
    request_id=None,
    line=None,
)
ABOUT_THE_BARE_ONE = {
    "amount": "500.00",  # the column's two decimals, whatever the currency has
    "currency": "jpy",
    "reason": None,
    "note": None,
    "requested_by": "ops@example.com",
    "mode": "test",
    "account": None,
    "reverse_transfer": None,
    "refund_application_fee": None,
    "request_id": None,
    "batch": None,
    "line": None,
}
MADE = Intent(
    ORDER,
    7,
    9,
    NOON,
    NOON,
    NOON,
    2,
    settlement=Settled(
        ending=Ending.ACCEPTED,
        state=RefundState.COMPLETED,
        stripe_refund_id="re_1",
        words=None,
        is_adopted=True,
        is_replay=False,
        request_id="req_1",
        settled_at=NOON,
    ),
    is_audited=True,
)
OPEN = Intent(BARE, 8, 10, NOON)
ABOUT_THE_OPEN_ONE = {
    "payment_id": 5,
    "refund_id": 8,
    "transaction_id": 10,
    **ABOUT_THE_BARE_ONE,
    "created_at": "2025-02-01T12:00:00.000005Z",
    "first_sent_at": None,
    "attempts": 0,
    "status": "pending",
    "ending": None,
    "stripe_refund_id": None,
    "adopted": None,
    "words": None,
}


def preview(borne_by: BorneBy | None) -> Preview:
    """Of $25.00 after $10.00."""
    hundred, ten = Money(100_00, "usd"), Money(10_00, "usd")
    theirs = PaymentAtStripe("pi_5", "succeeded", False, hundred, hundred, "ch_5", False, False, (), ())
    refunded = Refunded(ten, ten, ten, ten, Money(0, "usd"))
    wish = Wish("a key", ORDER.actor, Decimal(25))
    return Preview(wish, ORDER, payment_5(), theirs, hundred, refunded, borne_by, Money(15_00, "usd"), Money(85_00, "usd"))


def test_what_a_refund_would_do() -> None:
    expected: dict[str, Any] = {
        "schema": "ecloud-pay/refund/1",
        "action": "preview",
        "payment": payment_document(payment_5()),
        **ABOUT_THE_ORDER,
        "paid": "100.00",
        "refunded_before": "10.00",
        "left": "65.00",
        "platform_fee_share": "3.75",
        "cleaner_payout_share": "21.25",
    }
    assert preview_document(preview(BorneBy.PROPORTIONAL)) == {
        **expected,
        "borne_by": "proportional",
        "borne_by_platform": "3.75",
        "borne_by_cleaner": "21.25",
    }
    assert preview_document(preview(None)) == {**expected, "borne_by": None, "borne_by_platform": None, "borne_by_cleaner": None}


def test_how_a_refund_ended() -> None:
    assert settled_document(MADE, Money(65_00, "usd")) == {
        "schema": "ecloud-pay/refund/1",
        "action": "refund",
        "payment_id": 5,
        "refund_id": 7,
        "transaction_id": 9,
        **ABOUT_THE_ORDER,
        "created_at": "2025-02-01T12:00:00.000005Z",
        "first_sent_at": "2025-02-01T12:00:00.000005Z",
        "attempts": 2,
        "status": "completed",
        "ending": "accepted",
        "stripe_refund_id": "re_1",
        "adopted": True,
        "words": None,
        "left": "65.00",
    }
    assert settled_document(MADE)["left"] is None


def test_what_is_open() -> None:
    row = PendingRow(payment_5(), replace(refund(), status="pending", requested_by=None))
    about_the_row = {"payment_id": 5, "currency": "usd", **refund_document(row.refund)}
    assert pending_document([(OPEN, "send it")], [row], [row, row], NOON) == {
        "schema": "ecloud-pay/refund/1",
        "action": "pending",
        "as_of": "2025-02-01T12:00:00.000005Z",
        "unsettled": [{**ABOUT_THE_OPEN_ONE, "resume_would": "send it"}],
        "at_stripe": [about_the_row],
        "requests": [about_the_row, about_the_row],
    }


def test_what_became_of_it() -> None:
    error = OutcomeUnknown("nobody knows", now="Money may have moved.", to_do="Resume it.")
    about_the_one_made = {name: value for name, value in settled_document(MADE).items() if name not in ("schema", "action", "left")}
    assert resumed_document([(MADE, None), (OPEN, error)]) == {
        "schema": "ecloud-pay/refund/1",
        "action": "resume",
        "refunds": [{**about_the_one_made, "error": None}, {**ABOUT_THE_OPEN_ONE, "error": "nobody knows"}],
    }


def test_a_request_that_was_closed() -> None:
    payment: Payment = payment_5()
    row = PendingRow(payment, replace(refund(), status="pending", stripe_refund_id=None))
    assert declined_document(row) == {
        "schema": "ecloud-pay/refund/1",
        "action": "decline-request",
        "payment_id": 5,
        "currency": "usd",
        "id": 3,
        "amount": "25.00",
        "reason": "late arrival",
        "status": "failed",
        "stripe_refund_id": None,
        "requested_by": "ops@example.com",
        "created_at": "2025-01-27T14:30:15.123456Z",
        "processed_at": "2025-01-27T14:30:45.654321Z",
    }
