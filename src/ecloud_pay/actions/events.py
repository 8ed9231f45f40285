"""What the audit trail is told of a refund."""

from collections.abc import Mapping

from ecloud_pay.domain.at_stripe import RefundAtStripe, RefundState
from ecloud_pay.domain.audit import AuditEvent, EventType
from ecloud_pay.domain.money import column_text
from ecloud_pay.domain.payment import Json, Payment
from ecloud_pay.domain.refund import Ending, Intent


def requested(intent: Intent, payment: Payment) -> AuditEvent:
    """That a refund was asked for, with what will be asked of Stripe."""
    order = intent.order
    details: dict[str, Json] = {
        "reason": order.reason,
        "note": order.note,
        "mode": order.mode,
        "account": order.account,
        "reverse_transfer": order.reverse_transfer,
        "refund_application_fee": order.refund_application_fee,
        "request_row": order.request_row,
        "batch": order.line.batch if order.line else None,
        "line": order.line.number if order.line else None,
    }
    return _event(EventType.REFUND_REQUESTED, intent, payment, details)


def sent(intent: Intent, payment: Payment) -> AuditEvent:
    """That an attempt is about to leave."""
    return _event(EventType.REFUND_SENT, intent, payment, {"attempt": intent.attempts})


def ended(intent: Intent, payment: Payment, *, is_late: bool = False) -> AuditEvent:
    """How it ended. `is_late`: another run wrote this than the one that ended it."""
    settled = intent.settlement
    assert settled is not None
    details: dict[str, Json] = {
        "ending": settled.ending,
        "refund_status": settled.state,
        "stripe_refund_id": settled.stripe_refund_id,
        "words": settled.words,
        "replayed": settled.is_replay,
        "stripe_request_id": settled.request_id,
    }
    if is_late:
        details["late"] = True
    return _event(_type(intent), intent, payment, details)


def beside(intent: Intent, refund: RefundAtStripe, payment: Payment) -> AuditEvent:
    """That Stripe has made it as `refund`, though another one was recorded in its place."""
    settled = intent.settlement
    details: dict[str, Json] = {
        "ending": Ending.ACCEPTED,
        "refund_status": refund.state,
        "stripe_refund_id": refund.id,
        "words": f"made beside {settled.stripe_refund_id if settled else None}, which is what is recorded",
    }
    return _event(EventType.REFUNDED, intent, payment, details)


def declined_request(payment: Payment, refund_row: int, amount: str, actor: str) -> AuditEvent:
    """That a request of the backend was closed by a person."""
    return AuditEvent(
        EventType.REFUND_FAILED,
        payment,
        actor,
        details={"refund_id": refund_row, "refund_amount": amount, "words": "the request was declined"},
    )


def _type(intent: Intent) -> EventType:
    settled = intent.settlement
    assert settled is not None
    if settled.ending is Ending.ABANDONED:
        return EventType.REFUND_ABANDONED
    if settled.state is RefundState.FAILED:
        return EventType.REFUND_FAILED
    return EventType.REFUND_ADOPTED if settled.is_adopted else EventType.REFUNDED


def _event(type: EventType, intent: Intent, payment: Payment, details: Mapping[str, Json]) -> AuditEvent:
    order = intent.order
    own: dict[str, Json] = {
        "refund_id": intent.refund_id,
        "refund_amount": column_text(order.amount),
        "key": order.key,
    }
    return AuditEvent(type, payment, order.actor.email, order.request_id, {**own, **details})
