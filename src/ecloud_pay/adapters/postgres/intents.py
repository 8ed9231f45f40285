"""The intent of a refund as JSON, under one key of its transaction's metadata.

    payments_transaction.metadata = {"ecloud_pay": {"version": 1, "key": "…", "refund_id": 12, "amount_minor": 2500, …}}

`payments_refund` has neither metadata nor a unique key, so the refund's transaction carries it. What the backend keeps beside our key
in the same column is never touched.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from ecloud_pay.domain.at_stripe import Mode, RefundState
from ecloud_pay.domain.errors import NotConfigured
from ecloud_pay.domain.money import Money
from ecloud_pay.domain.payment import Transaction
from ecloud_pay.domain.refund import Actor, Ending, Intent, Line, Order, RefundReason, Settled

OUR_KEY = "ecloud_pay"
VERSION = 1


def intent_json(intent: Intent) -> dict[str, Any]:
    """All of the intent but the transaction's id, which is that of the row it lies in."""
    order, settled = intent.order, intent.settlement
    return {
        "version": VERSION,
        "key": order.key,
        "payment_id": order.payment_id,
        "refund_id": intent.refund_id,
        "payment_intent": order.payment_intent,
        "amount_minor": order.amount.amount_minor,
        "currency": order.amount.currency,
        "reason": order.reason,
        "note": order.note,
        "actor": {"id": order.actor.id, "email": order.actor.email},
        "mode": order.mode,
        "account": order.account,
        "reverse_transfer": order.reverse_transfer,
        "refund_application_fee": order.refund_application_fee,
        "request_id": order.request_id,
        "batch": order.line.batch if order.line else None,
        "line": order.line.number if order.line else None,
        "request_row": order.request_row,
        "created_at": _text(intent.created_at),
        "first_sent_at": _text(intent.first_sent_at),
        "last_sent_at": _text(intent.last_sent_at),
        "attempts": intent.attempts,
        "requested_line": intent.requested_line,
        "ending": settled.ending if settled else None,
        "state": settled.state if settled else None,
        "stripe_refund": settled.stripe_refund_id if settled else None,
        "words": settled.words if settled else None,
        "adopted": settled.is_adopted if settled else None,
        "replayed": settled.is_replay if settled else None,
        "stripe_request": settled.request_id if settled else None,
        "settled_at": _text(settled.settled_at) if settled else None,
        "audited": intent.is_audited,
    }


def intent_of(transaction: Transaction) -> Intent | None:
    """The intent that a transaction carries; None where it carries none. NotConfigured where somebody has made it unreadable."""
    if not isinstance(transaction.metadata, Mapping) or OUR_KEY not in transaction.metadata:
        return None
    try:
        return _intent(transaction.id, transaction.metadata[OUR_KEY])
    except (KeyError, TypeError, ValueError) as error:
        raise NotConfigured(
            f"the refund recorded in transaction #{transaction.id} cannot be read: somebody has changed its metadata",
            now="Nothing was sent.",
            to_do=f"Have the backend's owner restore metadata.{OUR_KEY} of payments_transaction {transaction.id}.",
        ) from error


def _intent(transaction_id: int, found: Any) -> Intent:
    order = Order(
        key=found["key"],
        payment_id=found["payment_id"],
        payment_intent=found["payment_intent"],
        amount=Money(int(found["amount_minor"]), found["currency"]),
        reason=RefundReason(found["reason"]) if found["reason"] else None,
        note=found["note"],
        actor=Actor(found["actor"]["id"], found["actor"]["email"]),
        mode=Mode(found["mode"]),
        account=found["account"],
        reverse_transfer=found["reverse_transfer"],
        refund_application_fee=found["refund_application_fee"],
        request_id=found["request_id"],
        line=Line(found["batch"], found["line"]) if found["batch"] is not None else None,
        request_row=found["request_row"],
    )
    return Intent(
        order=order,
        refund_id=found["refund_id"],
        transaction_id=transaction_id,
        created_at=datetime.fromisoformat(found["created_at"]),
        first_sent_at=_instant(found["first_sent_at"]),
        last_sent_at=_instant(found["last_sent_at"]),
        attempts=found["attempts"],
        requested_line=found["requested_line"],
        settlement=_settled(found) if found["ending"] else None,
        is_audited=found["audited"],
    )


def _settled(found: Any) -> Settled:
    return Settled(
        ending=Ending(found["ending"]),
        state=RefundState(found["state"]),
        stripe_refund_id=found["stripe_refund"],
        words=found["words"],
        is_adopted=found["adopted"],
        is_replay=found["replayed"],
        request_id=found["stripe_request"],
        settled_at=datetime.fromisoformat(found["settled_at"]),
    )


def _text(instant: datetime | None) -> str | None:
    return None if instant is None else instant.isoformat(timespec="microseconds")


def _instant(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)
