"""The intent of a refund as JSON, under one key of its transaction's metadata.

    payments_transaction.metadata = {"ecloud_pay": {"version": 1, "key": "…", "refund_id": 12, "amount_minor": 2500, …}}

`payments_refund` has neither metadata nor a unique key, so the refund's transaction carries it. What the backend keeps beside our key
in the same column is never touched.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, TypeVar

from ecloud_pay.domain.at_stripe import Mode, RefundState
from ecloud_pay.domain.errors import NotConfigured
from ecloud_pay.domain.money import Money, exponent
from ecloud_pay.domain.payment import Transaction
from ecloud_pay.domain.refund import Actor, Ending, Intent, Line, Order, RefundReason, Settled

OUR_KEY = "ecloud_pay"
VERSION = 1

_T = TypeVar("_T")


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
    if _value(found, "version", int) != VERSION:
        raise ValueError("another version wrote it")
    reason, batch = _maybe(found, "reason", str), _maybe(found, "batch", str)
    amount = Money(_value(found, "amount_minor", int), _value(found, "currency", str))
    exponent(amount.currency)  # NotMoney, which is a ValueError, for a currency that there is not
    order = Order(
        key=_value(found, "key", str),
        payment_id=_value(found, "payment_id", int),
        payment_intent=_value(found, "payment_intent", str),
        amount=amount,
        reason=None if reason is None else RefundReason(reason),
        note=_maybe(found, "note", str),
        actor=Actor(_value(found["actor"], "id", int), _value(found["actor"], "email", str)),
        mode=Mode(_value(found, "mode", str)),
        account=_maybe(found, "account", str),
        reverse_transfer=_maybe(found, "reverse_transfer", bool),
        refund_application_fee=_maybe(found, "refund_application_fee", bool),
        request_id=_maybe(found, "request_id", str),
        line=None if batch is None else Line(batch, _value(found, "line", int)),
        request_row=_maybe(found, "request_row", int),
    )
    return Intent(
        order=order,
        refund_id=_value(found, "refund_id", int),
        transaction_id=transaction_id,
        created_at=_instant(found, "created_at"),
        first_sent_at=_maybe_instant(found, "first_sent_at"),
        last_sent_at=_maybe_instant(found, "last_sent_at"),
        attempts=_value(found, "attempts", int),
        requested_line=_maybe(found, "requested_line", str),
        settlement=None if _maybe(found, "ending", str) is None else _settled(found),
        is_audited=_value(found, "audited", bool),
    )


def _settled(found: Any) -> Settled:
    return Settled(
        ending=Ending(_value(found, "ending", str)),
        state=RefundState(_value(found, "state", str)),
        stripe_refund_id=_maybe(found, "stripe_refund", str),
        words=_maybe(found, "words", str),
        is_adopted=_value(found, "adopted", bool),
        is_replay=_value(found, "replayed", bool),
        request_id=_maybe(found, "stripe_request", str),
        settled_at=_instant(found, "settled_at"),
    )


def _value(found: Any, name: str, kind: type[_T]) -> _T:
    """What was written down there, which must still be of that very type. KeyError or TypeError where it is not."""
    value = found[name]
    if type(value) is not kind:  # a bool is an int to Python, but not to us
        raise TypeError(f"{name} is no {kind.__name__}")
    return value


def _maybe(found: Any, name: str, kind: type[_T]) -> _T | None:
    return None if found[name] is None else _value(found, name, kind)


def _instant(found: Any, name: str) -> datetime:
    instant = datetime.fromisoformat(_value(found, name, str))
    if instant.tzinfo is None:
        raise ValueError(f"{name} says no zone")
    return instant


def _maybe_instant(found: Any, name: str) -> datetime | None:
    return None if found[name] is None else _instant(found, name)


def _text(instant: datetime | None) -> str | None:
    return None if instant is None else instant.isoformat(timespec="microseconds")
