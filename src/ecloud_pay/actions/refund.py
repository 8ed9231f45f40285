"""The refund: record the intent and commit, ask Stripe with no transaction open, settle. Money moves once, whatever happens.

    preview ─▶ open_intent ─▶ (record attempt ─▶ POST)… ─▶ settle ─▶ audit line ─▶ output
               committed      committed                    committed   on the disk

A crash between any two of these leaves a row that says what may have been sent, and `resume` goes on from there.
"""

from collections.abc import Callable
from contextlib import suppress
from functools import partial

from ecloud_pay.actions.events import beside, ended
from ecloud_pay.actions.preflight import accept
from ecloud_pay.actions.sending import Open, Sender
from ecloud_pay.domain.at_stripe import RefundState
from ecloud_pay.domain.errors import Busy, CannotWrite, EcloudPayError, OutcomeUnknown, Refused, Unavailable
from ecloud_pay.domain.payment import Payment
from ecloud_pay.domain.preview import Preview, Wish
from ecloud_pay.domain.refund import Ending, Intent, Settlement
from ecloud_pay.ports import Ledger


def carry_out(found: Preview, sender: Sender) -> Intent:
    """Make the refund that was previewed; the intent as it ended. What ended badly is for `trouble` to say.

    Raises Refused or Busy before anything is sent, OutcomeUnknown where it may have been, CannotWrite where only the audit line of a
    refund that was made is missing.
    """
    sender.audit.check()
    intent = sender.ledger.open_intent(found.order, partial(accept, found))
    return finish(intent, found.payment, sender)


def finish(intent: Intent, payment: Payment, sender: Sender) -> Intent:
    """Send an open intent and settle it."""
    ending, sent = sender.send(intent, payment)
    if isinstance(ending, Open):
        if (ended_elsewhere := _settled_meanwhile(sent, sender.ledger)) is not None:
            return ended_elsewhere
        raise _left_open(sent, ending)
    return settle(sent, ending, payment, sender)


def _settled_meanwhile(intent: Intent, ledger: Ledger) -> Intent | None:
    """The intent as another run has settled it while this one was waiting; None where it is open, or nobody can say."""
    try:
        standing = ledger.read(intent.order.payment_id)
    except EcloudPayError:
        return None
    found = standing.intent(intent.order.key) if standing else None
    return found if found and found.is_settled else None


def earlier(ledger: Ledger, payment_id: int, wish: Wish) -> Intent | None:
    """The refund that the wish's request id has made before; None where there is none, or it was certainly never sent.

    Raises OutcomeUnknown where that one is unsettled, Refused where it was of another amount or for another reason.
    """
    standing = ledger.read(payment_id) if wish.request_id is not None else None
    before = [intent for intent in standing.intents if intent.order.request_id == wish.request_id] if standing else []
    if not before or (before[-1].settlement is not None and before[-1].settlement.ending is Ending.NOT_SENT):
        return None
    first = before[-1]
    is_same_amount = wish.amount in (None, first.order.amount.figure)
    if not is_same_amount or wish.reason not in (None, first.order.reason) or wish.request_row != first.order.request_row:
        raise Refused(
            f"--request-id {wish.request_id} was used for another refund of payment #{payment_id}: {first.order.amount}",
            now="Nothing was sent.",
            to_do="Use a new id for a new refund.",
        )
    if not first.is_settled:
        raise _left_open(first, Open("nobody knows yet how it ended", first.was_sent))
    return first


def settle(intent: Intent, settlement: Settlement, payment: Payment, sender: Sender) -> Intent:
    """Write down how it ended: the rows, then the audit line."""
    try:
        settled = sender.ledger.settle(intent, settlement)
    except Busy as error:
        if settlement.refund is not None:
            raise _untold(intent, settlement, error) from error
        raise _left_open(intent, Open(error.what)) from error
    except EcloudPayError as error:
        raise _untold(intent, settlement, error) from error
    _is_not_beside_another(settled, settlement, payment, sender)
    write_audit_line(settled, payment, sender)
    return settled


def _is_not_beside_another(settled: Intent, settlement: Settlement, payment: Payment, sender: Sender) -> None:
    """Another refund was taken for this one meanwhile, and ours was made after all: no row has room for it, so it is said and audited."""
    ours, taken = settlement.refund, settled.settlement
    assert taken is not None
    if ours is None or ours.key != settled.order.key or taken.stripe_refund_id == ours.id:
        return
    with suppress(CannotWrite):  # both ids must be told whatever becomes of the line
        sender.audit.append(beside(settled, ours, payment))
    raise OutcomeUnknown(
        f"Stripe has made {ours.id} of {ours.amount} of payment #{payment.id}, for which somebody took {taken.stripe_refund_id} meanwhile",
        now=f"Both are at Stripe; only {taken.stripe_refund_id} is recorded here.",
        to_do=f"Do not repeat it. Look at both in Stripe's Dashboard: {ours.id} was not wanted twice.",
    )


def write_audit_line(settled: Intent, payment: Payment, sender: Sender, *, is_late: bool = False) -> None:
    """The last line of the intent, once. CannotWrite where the file does not take it; the rows are settled by then."""
    has_written = False

    def write(current: Intent) -> None:
        nonlocal has_written
        if not has_written:
            sender.audit.append(ended(current, payment, is_late=is_late))
            has_written = True

    try:
        _write_and_mark(settled, sender.ledger, write)
    except CannotWrite as error:
        raise CannotWrite(
            f"the audit line could not be written: {error.what}",
            now=f"{told(settled)} That is recorded in the database.",
            to_do="When the file can be written again: ecloud-pay refund --resume",
        ) from error


def _write_and_mark(settled: Intent, ledger: Ledger, write: Callable[[Intent], None]) -> None:
    try:
        ledger.record_audited(settled, write)
    except CannotWrite:
        raise
    except EcloudPayError:
        write(settled)  # the line matters: without its mark in the row, a later resume writes it once more, as late


def told(settled: Intent) -> str:
    """How the intent ended, as a sentence."""
    settlement, amount = settled.settlement, settled.order.amount
    assert settlement is not None
    if settlement.ending is Ending.ACCEPTED:
        made = {RefundState.COMPLETED: "was made", RefundState.PENDING: "is under way at Stripe", RefundState.FAILED: "failed at Stripe"}
        return f"The refund {settlement.stripe_refund_id} of {amount} {made[settlement.state]}."
    words = {Ending.DECLINED: "was refused by Stripe", Ending.NOT_SENT: "was not sent", Ending.ABANDONED: "was abandoned"}
    return f"The refund of {amount} {words[settlement.ending]}: {(settlement.words or 'no reason was given').removesuffix('.')}."


def trouble(settled: Intent) -> EcloudPayError | None:
    """The error that a settled intent ends a command with; None where the refund was made or is under way."""
    settlement, order = settled.settlement, settled.order
    assert settlement is not None
    if settlement.ending is Ending.NOT_SENT:
        return Unavailable(
            f"the refund of {order.amount} of payment #{order.payment_id} was not sent: {settlement.words}",
            now="No money moved, and that is recorded.",
            to_do="It is safe to repeat.",
        )
    if settlement.state is not RefundState.FAILED:
        return None
    if settlement.ending is Ending.ACCEPTED:
        return Refused(
            f"Stripe took the refund {settlement.stripe_refund_id} of {order.amount} of payment #{order.payment_id}, and it failed there",
            now="No money moved, and that is recorded.",
        )
    who = "Stripe refused" if settlement.ending is Ending.DECLINED else "somebody abandoned"
    return Refused(
        f"{who} the refund of {order.amount} of payment #{order.payment_id}: {settlement.words}",
        now="No money moved, and that is recorded.",
    )


def _left_open(intent: Intent, left: Open) -> OutcomeUnknown:
    order = intent.order
    return OutcomeUnknown(
        f"the outcome of the refund of {order.amount} of payment #{order.payment_id} is unknown: {left.words}",
        now=f"It is recorded as unsettled; {'money may have moved' if left.may_have_arrived else 'this run sent nothing'}.",
        to_do=f"Do not repeat it. To settle it: ecloud-pay refund --resume {order.payment_id}",
    )


def _untold(intent: Intent, settlement: Settlement, error: EcloudPayError) -> OutcomeUnknown:
    order = intent.order
    whose = f"of {order.amount} of payment #{order.payment_id}"
    what = f"Stripe has the refund {settlement.refund.id} {whose}" if settlement.refund else f"the refund {whose} ended"
    return OutcomeUnknown(
        f"{what}, and the database could not be told: {error.what}",
        # Without a refund it is only known that this run's attempts came to nothing: another one may have sent it, too.
        now="Money has moved." if settlement.refund and settlement.refund.holds_money else "It stays recorded as unsettled.",
        to_do=f"Do not repeat it. When the database is back: ecloud-pay refund --resume {order.payment_id}",
    )
