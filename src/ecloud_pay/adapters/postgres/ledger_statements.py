"""The statements of the ledger, written once. Every NOT NULL column is named: the backend's real tables have no defaults.

Kept to SQL that Citus runs too: rows are locked and changed by their primary key.
"""

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Select, Table, Update, and_, func, insert, or_, select, union, update
from sqlalchemy.sql.dml import ReturningInsert

from ecloud_pay.adapters.postgres.engine import Snapshot
from ecloud_pay.adapters.postgres.intents import OUR_KEY, intent_json
from ecloud_pay.domain.at_stripe import RefundState
from ecloud_pay.domain.refund import Intent, Order, Settlement

REFUND = "refund"  # payments_transaction.transaction_type


def payment_of_refund(snapshot: Snapshot, refund_row: int) -> Select[Any]:
    """The payment's id that a refund row names."""
    refund = snapshot.tables.refund
    return select(refund.c.payment_id).where(refund.c.id == refund_row)


def recent_intents(snapshot: Snapshot, within: timedelta) -> Select[Any]:
    """The transactions that carry intents of ours, of refunds that are pending, or made or ended within that time; oldest first.

    Led by both tables, since the backend may edit or delete either row: what is open in one of them is never out of sight.
    """
    refund, transaction, payment = snapshot.tables.refund, snapshot.tables.transaction, snapshot.tables.payment
    chosen = union(
        select(refund.c.payment_id).where(_is_recent(refund, refund.c.processed_at, within)),
        select(transaction.c.payment_id).where(
            transaction.c.transaction_type == REFUND, _is_recent(transaction, transaction.c.completed_at, within)
        ),
    ).subquery("chosen")
    return (
        select(transaction, payment.c.currency)
        .join(chosen, chosen.c.payment_id == transaction.c.payment_id)
        .join(payment, payment.c.id == transaction.c.payment_id)
        .where(transaction.c.transaction_type == REFUND, transaction.c.metadata.has_key(OUR_KEY))
        .order_by(transaction.c.id)
    )


def _is_recent(table: Table, ended_at: ColumnElement[Any], within: timedelta) -> ColumnElement[bool]:
    since = func.clock_timestamp() - within
    return or_(table.c.status == RefundState.PENDING, table.c.created_at > since, ended_at > since)


def pending_refunds(snapshot: Snapshot) -> Select[Any]:
    """Every pending refund row with its payment's id, oldest first."""
    refund = snapshot.tables.refund
    return select(refund.c.id, refund.c.payment_id).where(refund.c.status == RefundState.PENDING).order_by(refund.c.id)


def refund_row(snapshot: Snapshot, order: Order, now: datetime) -> ReturningInsert[Any]:
    """A pending refund."""
    refund = snapshot.tables.refund
    return (
        insert(refund)
        .values(
            payment_id=order.payment_id,
            amount=order.amount.figure,
            reason=order.words,
            status=RefundState.PENDING.value,
            stripe_refund_id=None,
            requested_by_id=order.actor.id,
            created_at=now,
            processed_at=None,
        )
        .returning(refund.c.id)
    )


def transaction_row(snapshot: Snapshot, order: Order, now: datetime, metadata: Any) -> ReturningInsert[Any]:
    """The pending transaction that carries the intent."""
    transaction = snapshot.tables.transaction
    return (
        insert(transaction)
        .values(
            payment_id=order.payment_id,
            transaction_type=REFUND,
            amount=order.amount.figure,
            status=RefundState.PENDING.value,
            stripe_transaction_id=None,
            created_at=now,
            completed_at=None,
            metadata=metadata,
        )
        .returning(transaction.c.id)
    )


def transaction_change(
    snapshot: Snapshot, intent: Intent, *, settlement: Settlement | None = None, completed_at: datetime | None = None
) -> Update:
    """The intent's transaction with our part of its metadata replaced and, where it ends, with how it ended.

    Replaced by the server: what the backend keeps beside it need not come through here, where a long number would not stay itself.
    """
    transaction = snapshot.tables.transaction
    metadata = transaction.c.metadata.concat({OUR_KEY: intent_json(intent)})
    change = update(transaction).where(transaction.c.id == intent.transaction_id).values(metadata=metadata)
    if settlement is None:
        return change
    is_final = settlement.state is not RefundState.PENDING
    change = change.values(status=settlement.state.value, completed_at=completed_at if is_final else None)
    return change if settlement.refund is None else change.values(stripe_transaction_id=settlement.refund.id)


def refund_change(snapshot: Snapshot, intent: Intent, settlement: Settlement, at: datetime) -> Update:
    """The refund row as it ends, unless it has ended otherwise meanwhile.

    pending → completed | failed; failed → completed only for a refund of Stripe's that bears our key. No row is changed where the
    backend has deleted it.
    """
    refund = snapshot.tables.refund
    status = settlement.state.value
    bears_our_key = settlement.refund is not None and settlement.refund.key == intent.order.key
    changeable = [RefundState.PENDING.value] + ([RefundState.FAILED.value] if bears_our_key else [])
    change = update(refund).where(refund.c.id == intent.refund_id)
    bears_no_id = func.coalesce(refund.c.stripe_refund_id, "") == ""
    if settlement.refund is None:
        # Somebody who wrote an id of Stripe's there by hand says that money moved: only our attempt has failed, not that refund.
        return change.where(refund.c.status.in_(changeable), bears_no_id).values(status=status, processed_at=at)
    is_ours_to_end = or_(refund.c.status.in_(changeable), and_(refund.c.status == RefundState.COMPLETED.value, bears_no_id))
    is_final = settlement.state is not RefundState.PENDING
    return change.where(is_ours_to_end).values(status=status, stripe_refund_id=settlement.refund.id, processed_at=at if is_final else None)


def payment_change(snapshot: Snapshot, order: Order, at: datetime) -> Update:
    """What came back of the payment. Its status never changes, and a refund booked by hand without a row is not erased."""
    so_far = _booked(snapshot) + order.amount.figure
    return _payment_as_refunded(snapshot, order, at).values(refund_amount=func.greatest(so_far, _completed(snapshot, order)))


def payment_catching_up(snapshot: Snapshot, order: Order, at: datetime) -> Update:
    """What came back of the payment where somebody has completed this refund's row before us, with or without booking it.

    Nothing is added, since the completed rows hold it already; where they come to no more than is booked, all stays as it was left.
    """
    completed = _completed(snapshot, order)
    return _payment_as_refunded(snapshot, order, at).where(_booked(snapshot) < completed).values(refund_amount=completed)


def _payment_as_refunded(snapshot: Snapshot, order: Order, at: datetime) -> Update:
    payment = snapshot.tables.payment
    return update(payment).where(payment.c.id == order.payment_id).values(refund_reason=order.words, refunded_at=at)


def _booked(snapshot: Snapshot) -> ColumnElement[Any]:
    return func.coalesce(snapshot.tables.payment.c.refund_amount, 0)


def _completed(snapshot: Snapshot, order: Order) -> ColumnElement[Any]:
    refund = snapshot.tables.refund
    return (
        select(func.coalesce(func.sum(refund.c.amount), 0))
        .where(and_(refund.c.payment_id == order.payment_id, refund.c.status == RefundState.COMPLETED.value))
        .scalar_subquery()
    )


def declined_request(snapshot: Snapshot, refund_row: int, now: datetime) -> Update:
    """A request of the backend, closed."""
    refund = snapshot.tables.refund
    return (
        update(refund)
        .where(
            refund.c.id == refund_row,
            refund.c.status == RefundState.PENDING.value,
            func.coalesce(refund.c.stripe_refund_id, "") == "",
        )
        .values(status=RefundState.FAILED.value, processed_at=now)
    )
