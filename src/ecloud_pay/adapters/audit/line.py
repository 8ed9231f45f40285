"""One line of the audit trail: an event, who wrote it where, and the hash of the line before."""

import hashlib
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from ecloud_pay import __version__
from ecloud_pay.domain.audit import AuditEvent
from ecloud_pay.domain.money import column_text

CHAIN_BEGINS = "0" * 64  # the `prev_hash` of a line that has none before it


def line_of(event: AuditEvent, *, when: datetime, host: str, prev_hash: str) -> bytes:
    """The line without its line break. It is ASCII: whatever a terminal would obey is written as JSON's own escape."""
    payment = event.payment
    document = {
        "timestamp": when.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
        "event_type": event.type.value,
        "payment_id": payment.id,
        "job_id": payment.job.id if payment.job else None,
        "client_id": payment.client.id if payment.client else None,
        "cleaner_id": payment.cleaner.id if payment.cleaner else None,
        "amount": column_text(payment.amount),
        "currency": payment.currency,
        "status": payment.status,
        "stripe_payment_intent_id": payment.stripe_payment_intent_id,
        "stripe_charge_id": payment.stripe_charge_id,
        "triggered_by": event.triggered_by,
        "details": event.details,
        "host": host,
        "version": __version__,
        "request_id": event.request_id,
        "prev_hash": prev_hash,
    }
    return json.dumps(document, ensure_ascii=True, allow_nan=False, default=_as_dict).encode("ascii")


def line_hash(line: bytes) -> str:
    """The SHA-256, in hex, of a line's bytes without its line break."""
    return hashlib.sha256(line).hexdigest()


def _as_dict(value: Any) -> dict[str, Any]:
    """json writes dictionaries alone; an event may hold any mapping."""
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"{type(value).__name__} is no JSON")
