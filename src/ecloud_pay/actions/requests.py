"""Requests that the backend left as pending refund rows: closed without a refund. (Carrying one out is a refund like any other.)"""

from ecloud_pay.actions.events import declined_request
from ecloud_pay.domain.audit import AuditEvent
from ecloud_pay.domain.errors import CannotWrite, NotFound, Refused
from ecloud_pay.domain.money import column_text
from ecloud_pay.domain.refund import Actor, PendingRow
from ecloud_pay.ports import AuditTrail, Ledger


def decline(ledger: Ledger, audit: AuditTrail, row: int, actor: Actor) -> PendingRow:
    """Close the request in that refund row as failed. Refused where it is no open request."""
    found = ledger.request(row)
    if found is None:
        raise NotFound(f"there is no refund row #{row}")
    audit.check()
    event = declined_request(found.payment, row, column_text(found.refund.amount), actor.email)
    if not ledger.decline_request(row, lambda: _write(audit, event)):
        raise Refused(
            f"refund row #{row} is no open request of the backend",
            now="Nothing was changed.",
            to_do="`ecloud-pay refund --pending` lists those that are.",
        )
    return found


def _write(audit: AuditTrail, event: AuditEvent) -> None:
    try:
        audit.append(event)
    except CannotWrite as error:
        raise CannotWrite(error.what, now="The request is still open: nothing was changed.", to_do=error.to_do) from error
