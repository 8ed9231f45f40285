"""One event of the audit trail: what happened to a payment, on whose behalf."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from ecloud_pay.domain.payment import Json, Payment


class EventType(StrEnum):
    """The closed list of events. CREATED, CONFIRMED and FAILED are a payment's own, which the backend writes."""

    CREATED = "created"
    CONFIRMED = "confirmed"
    FAILED = "failed"
    REFUND_REQUESTED = "refund_requested"
    REFUND_SENT = "refund_sent"
    REFUNDED = "refunded"
    REFUND_FAILED = "refund_failed"
    REFUND_ADOPTED = "refund_adopted"
    REFUND_ABANDONED = "refund_abandoned"
    REPAIRED = "repaired"


@dataclass(frozen=True, slots=True)
class AuditEvent:
    """What is written down. The payment gives ids, amount, currency and status; a refund's own figures are in `details`.

    `triggered_by` is the e-mail of the actor; `request_id` is the operator's --request-id.
    """

    type: EventType
    payment: Payment
    triggered_by: str
    request_id: str | None = None
    details: Mapping[str, Json] = field(default_factory=dict)
