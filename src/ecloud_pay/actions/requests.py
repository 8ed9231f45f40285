"""Requests that the backend left as pending refund rows: wished for like any other refund, or closed without one."""

from dataclasses import replace

from ecloud_pay.actions.events import declined_request
from ecloud_pay.domain.at_stripe import RefundState
from ecloud_pay.domain.audit import AuditEvent
from ecloud_pay.domain.errors import CannotWrite, NotFound, Refused
from ecloud_pay.domain.money import column_text
from ecloud_pay.domain.preview import Wish
from ecloud_pay.domain.refund import Actor, PendingRow, is_open_request
from ecloud_pay.domain.remainder import readable
from ecloud_pay.ports import AuditTrail, Ledger


def wished(ledger: Ledger, row: int, wish: Wish) -> tuple[int, Wish]:
    """The payment and the wish of the request in that refund row. NotFound; Refused where the row holds no amount."""
    found = _row(ledger, row)
    amount = readable(found.refund.amount, f"refund row #{row}")
    return found.payment.id, replace(wish, amount=amount.figure, note=found.refund.reason, request_row=row)


def check_open(ledger: Ledger, row: int) -> None:
    """Refused where the request in that refund row has been carried out or closed."""
    refund = _row(ledger, row).refund
    if is_open_request(refund):
        return
    is_pending = refund.status == RefundState.PENDING
    problem = f"it is at Stripe already, as {refund.stripe_refund_id}" if is_pending else f"it is {refund.status}"
    raise Refused(f"refund row #{row} is no open request: {problem}", now="Nothing was sent.")


def decline(ledger: Ledger, audit: AuditTrail, row: int, actor: Actor) -> PendingRow:
    """Close the request in that refund row as failed. Refused where it is no open request."""
    found = _row(ledger, row)
    audit.check()
    event = declined_request(found.payment, row, column_text(found.refund.amount), actor.email)
    if not ledger.decline_request(row, lambda: _write(audit, event)):
        raise Refused(
            f"refund row #{row} is no open request of the backend",
            now="Nothing was changed.",
            to_do="`ecloud-pay refund --pending` lists those that are.",
        )
    return found


def _row(ledger: Ledger, row: int) -> PendingRow:
    found = ledger.request(row)
    if found is None:
        raise NotFound(f"there is no refund row #{row}")
    return found


def _write(audit: AuditTrail, event: AuditEvent) -> None:
    try:
        audit.append(event)
    except CannotWrite as error:
        raise CannotWrite(error.what, now="The request is still open: nothing was changed.", to_do=error.to_do) from error
