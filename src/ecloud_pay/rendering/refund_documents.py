"""A refund as JSON: `ecloud-pay/refund/1`, told apart by `action`."""

from collections.abc import Iterable, Sequence
from datetime import datetime

from ecloud_pay.domain.batch import Due, Item, Result, totals
from ecloud_pay.domain.errors import EcloudPayError
from ecloud_pay.domain.money import Money, column_text
from ecloud_pay.domain.payment import Json
from ecloud_pay.domain.preview import Preview
from ecloud_pay.domain.refund import Intent, Order, PendingRow
from ecloud_pay.rendering.machine import Document, payment_document, refund_document
from ecloud_pay.rendering.times import api_time

SCHEMA = "ecloud-pay/refund/1"


def preview_document(found: Preview) -> Document:
    """What a refund would do."""
    borne = found.borne
    return {
        "schema": SCHEMA,
        "action": "preview",
        "payment": payment_document(found.payment),
        **_order(found.order),
        "paid": column_text(found.captured),
        "refunded_before": column_text(found.refunded.most),
        "left": column_text(found.left),
        "platform_fee_share": column_text(found.fee_share),
        "cleaner_payout_share": column_text(found.payout_share),
        "borne_by": found.borne_by,
        "borne_by_platform": column_text(borne[0]) if borne else None,
        "borne_by_cleaner": column_text(borne[1]) if borne else None,
    }


def settled_document(intent: Intent, left: Money | None = None) -> Document:
    """How a refund ended."""
    return {"schema": SCHEMA, "action": "refund", **intent_document(intent), "left": None if left is None else column_text(left)}


def intent_document(intent: Intent) -> Document:
    """One intent, ended or not."""
    settled = intent.settlement
    return {
        "payment_id": intent.order.payment_id,
        "refund_id": intent.refund_id,
        "transaction_id": intent.transaction_id,
        **_order(intent.order),
        "created_at": api_time(intent.created_at),
        "first_sent_at": api_time(intent.first_sent_at),
        "attempts": intent.attempts,
        "status": settled.state if settled else "pending",
        "ending": settled.ending if settled else None,
        "stripe_refund_id": settled.stripe_refund_id if settled else None,
        "adopted": settled.is_adopted if settled else None,
        "words": settled.words if settled else None,
    }


def pending_document(
    unsettled: Sequence[tuple[Intent, str]], at_stripe: Sequence[PendingRow], requests: Sequence[PendingRow], now: datetime
) -> Document:
    """What is open, in its three groups."""
    return {
        "schema": SCHEMA,
        "action": "pending",
        "as_of": api_time(now),
        "unsettled": [{**intent_document(intent), "resume_would": would} for intent, would in unsettled],
        "at_stripe": [_row(row) for row in at_stripe],
        "requests": [_row(row) for row in requests],
    }


def resumed_document(resumed: Sequence[tuple[Intent, EcloudPayError | None]]) -> Document:
    """What became of what was open."""
    return {
        "schema": SCHEMA,
        "action": "resume",
        "refunds": [{**intent_document(intent), "error": error.what if error else None} for intent, error in resumed],
    }


def declined_document(declined: PendingRow) -> Document:
    """A request of the backend that was closed; its row as it was before."""
    return {"schema": SCHEMA, "action": "decline-request", **_row(declined), "status": "failed"}


RESULT_FIELDS = ("line", "ref", "payment_id", "amount", "currency", "status", "stripe_refund_id", "refund_id", "words")


def result_document(result: Result) -> Document:
    """What became of one line of a batch."""
    item, intent = result.item, result.intent
    return {
        **_item(item),
        "status": result.status,
        "stripe_refund_id": intent.settlement.stripe_refund_id if intent and intent.settlement else None,
        "refund_id": intent.refund_id if intent else None,
        "words": result.words,
    }


def batch_document(results: Sequence[Result], batch: str) -> Document:
    """What became of a batch."""
    return {
        "schema": SCHEMA,
        "action": "batch",
        "batch": batch,
        "refunded": _totals(result.item for result in results if result.is_done and result.item.due is not Due.DONE),
        "lines": [result_document(result) for result in results],
    }


def plan_document(items: Sequence[Item], batch: str) -> Document:
    """What a batch would do."""
    return {
        "schema": SCHEMA,
        "action": "batch-preview",
        "batch": batch,
        "to_refund": _totals(item for item in items if item.moves_money),
        "lines": [{**_item(item), "due": item.due.value} for item in items],
    }


def _totals(items: Iterable[Item]) -> list[Json]:
    return [{"amount": column_text(total), "currency": total.currency} for total in totals(items)]


def _item(item: Item) -> Document:
    return {
        "line": item.entry.place,
        "ref": item.entry.ref,
        "payment_id": item.payment_id,
        "amount": column_text(item.amount),
        "currency": item.amount.currency,
    }


def _order(order: Order) -> Document:
    return {
        "amount": column_text(order.amount),
        "currency": order.amount.currency,
        "reason": order.reason,
        "note": order.note,
        "requested_by": order.actor.email,
        "mode": order.mode,
        "account": order.account,
        "reverse_transfer": order.reverse_transfer,
        "refund_application_fee": order.refund_application_fee,
        "request_id": order.request_id,
        "batch": order.line.batch if order.line else None,
        "line": order.line.number if order.line else None,
    }


def _row(row: PendingRow) -> Document:
    return {"payment_id": row.payment.id, "currency": row.payment.currency, **refund_document(row.refund)}
