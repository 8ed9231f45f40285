"""Stripe's side of the demo's sample: a PaymentIntent for every payment of the demo database, and the refunds that Stripe would know.

It follows the database: `born` names the data that the database holds. Other data: everything is made anew. The same data, moved on
by some days: so are the instants here. What is not at Stripe, on purpose: the refund that was booked by hand, and the mere request.
"""

import contextlib
import json
import os
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import TYPE_CHECKING

from ecloud_pay.demo.standin.bodies import DisputeSpec, PaymentSpec, RefundSpec, payment_objects
from ecloud_pay.demo.standin.store import Body, Store

if TYPE_CHECKING:  # loaded only to make the sample
    from decimal import Decimal

    from ecloud_pay.demo.rows import Payment, Refund, Row

SAMPLE_VERSION = 1  # raise it whenever an object changes: an older sample is then replaced

_SECONDS_A_DAY = 86_400
# Stripe's words for ours; a payment that failed awaits another method.
_PAYMENT_STATUS = {
    "pending": "requires_payment_method",
    "failed": "requires_payment_method",
    "processing": "processing",
    "succeeded": "succeeded",
    "cancelled": "canceled",
}
_REFUND_STATUS = {"completed": "succeeded", "pending": "pending", "failed": "failed"}
_REFUND_REASONS = frozenset(("requested_by_customer", "duplicate", "fraudulent"))
_FIXED_PAYMENT_INTENT = "pi_3SMUfcQ1SldwUSm92tASE3le"  # payment #5's, whose dates stay
_METADATA = ("job_id", "platform")
# Counted from the newest of the payments that nothing went back of: an inquiry that may still be refunded, and a dispute that may not.
_DISPUTED = {-60: ("warning_needs_response", True, "general"), -40: ("needs_response", False, "fraudulent")}
_DISPUTED_AFTER_S = 3 * _SECONDS_A_DAY


def fill(state: Path, born: str, as_of: date) -> None:
    """Make the state file hold Stripe's side of the database that is called `born` and stands at the day `as_of`.

    Idempotent and atomic, also beside another console that does the same. A few milliseconds when nothing is to be done.
    """
    with contextlib.closing(_opened(state)) as store:
        if _is_current(store, born, as_of):
            return
        with store.writing():
            if _is_current(store, born, as_of):
                return
            stands_at = _stands_at(store, born)
            if stands_at is None:
                _replace(store, as_of)
            else:
                _move(store, stands_at, as_of)
            for name, value in (("born", born), ("version", str(SAMPLE_VERSION)), ("as_of", as_of.isoformat())):
                store.remember(name, value)


def _opened(state: Path) -> Store:
    """The state; a file that is no database any more is begun anew, since all of it can be made again."""
    try:
        return Store(os.fspath(state))
    except sqlite3.OperationalError:
        raise
    except sqlite3.DatabaseError:
        for leftover in (state, *(state.with_name(state.name + suffix) for suffix in ("-wal", "-shm"))):
            leftover.unlink(missing_ok=True)
        return Store(os.fspath(state))


def _is_current(store: Store, born: str, as_of: date) -> bool:
    stands_at = _stands_at(store, born)
    return stands_at is not None and stands_at >= as_of


def _stands_at(store: Store, born: str) -> date | None:
    """The day the sample stands at; None when there is none of that data, or one of another version."""
    if store.fact("born") != born or store.fact("version") != str(SAMPLE_VERSION):
        return None
    return date.fromisoformat(store.fact("as_of") or "")


def _replace(store: Store, as_of: date) -> None:
    from ecloud_pay.demo.rows import build

    store.clear()
    rows = build(as_of)
    now = int(datetime.combine(as_of, time(), UTC).timestamp())
    store.put_all(each for spec in payment_specs(rows) for each in payment_objects(spec, now))


def payment_specs(rows: "Mapping[str, Sequence[Row]]") -> Iterator[PaymentSpec]:
    """What Stripe holds of the payments in those rows, oldest first."""
    from ecloud_pay.demo.rows import Payment, Refund

    payments = [row for row in rows["payments_payment"] if isinstance(row, Payment)]
    refunds: dict[int, list[Refund]] = {}
    for row in rows["payments_refund"]:
        if isinstance(row, Refund):
            refunds.setdefault(row.payment_id, []).append(row)
    disputes = _disputes(payments, refunds)
    for payment in sorted(payments, key=lambda payment: payment.created_at):
        yield _payment(payment, refunds.get(payment.id, []), disputes.get(payment.id, ()))


def _payment(payment: "Payment", refunds: "Sequence[Refund]", disputes: Sequence[DisputeSpec]) -> PaymentSpec:
    told: dict[str, str] = json.loads(payment.metadata or "{}")
    error = {"code": told["error"]} if payment.status == "failed" else None
    if error is not None and "decline_code" in told:
        error["decline_code"] = told["decline_code"]
    return PaymentSpec(
        id=payment.stripe_payment_intent_id,
        amount=_minor(payment.amount, payment.currency),
        currency=payment.currency,
        status=_PAYMENT_STATUS[payment.status],
        created=_second(payment.created_at),
        paid=_second(payment.paid_at or payment.created_at),
        charge=payment.stripe_charge_id or "",
        method=payment.payment_method_type or "card",
        brand=payment.payment_method_brand or None,
        last4=payment.payment_method_last4 or None,
        description=payment.description or None,
        metadata={name: told[name] for name in _METADATA if name in told},
        error=error,
        refunds=[_refund(refund, payment.currency) for refund in refunds if refund.stripe_refund_id is not None],
        disputes=disputes,
    )


def _refund(refund: "Refund", currency: str) -> RefundSpec:
    return RefundSpec(
        id=refund.stripe_refund_id,
        amount=_minor(refund.amount, currency),
        status=_REFUND_STATUS[refund.status],
        reason=refund.reason if refund.reason in _REFUND_REASONS else None,
        # Our processed_at is the instant at which Stripe made it.
        created=_second(refund.processed_at or refund.created_at),
    )


def _disputes(payments: "Sequence[Payment]", refunds: "Mapping[int, Sequence[Refund]]") -> dict[int, tuple[DisputeSpec, ...]]:
    from ecloud_pay.demo.rows import FIXED_PAYMENT_ID

    untouched = [
        payment
        for payment in payments
        if payment.status == "succeeded"
        and payment.id not in (FIXED_PAYMENT_ID, *refunds)
        and not payment.refund_amount
        and (payment.payment_method_type, payment.currency) == ("card", "usd")
    ]
    return {
        (payment := untouched[place]).id: (
            DisputeSpec(
                id="du_1" + payment.stripe_payment_intent_id[4:],
                status=status,
                is_charge_refundable=is_refundable,
                reason=reason,
                created=_second(payment.paid_at or payment.created_at) + _DISPUTED_AFTER_S,
            ),
        )
        for place, (status, is_refundable, reason) in _DISPUTED.items()
    }


def _move(store: Store, stands_at: date, as_of: date) -> None:
    """Move every instant on as the database's were: whole days, never beyond the last second before `as_of`, payment #5's not at all."""
    later_s = _SECONDS_A_DAY * (as_of - stands_at).days
    last = int(datetime.combine(as_of, time(), UTC).timestamp()) - 1
    moved = []
    for found in store.all():
        body = found.body
        if _FIXED_PAYMENT_INTENT not in (body["id"], body.get("payment_intent")):
            moved.append((found.kind, found.livemode, _moved(body, later_s, last)))
    store.put_all(moved)


def _moved(body: Body, later_s: int, last: int) -> Body:
    moved = body | {"created": min(body["created"] + later_s, last)}
    if body.get("canceled_at") is not None:
        moved["canceled_at"] = min(body["canceled_at"] + later_s, last)
    if "evidence_details" in body:  # what is due lies ahead, so it may pass the last second
        moved["evidence_details"] = body["evidence_details"] | {"due_by": body["evidence_details"]["due_by"] + later_s}
    return moved


def _second(instant: datetime) -> int:
    return int(instant.timestamp())


def _minor(figure: "Decimal", currency: str) -> int:
    from ecloud_pay.domain.money import Money

    return Money.of(figure, currency).amount_minor
