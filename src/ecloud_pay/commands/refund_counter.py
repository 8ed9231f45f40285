"""What every way of `refund` opens: the books, Stripe, the audit trail; and which payment was meant."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from ecloud_pay.actions.desk import Desk, Expected, open_desk
from ecloud_pay.commands.parsing import reference
from ecloud_pay.domain.errors import NotConfigured, NotFound, UsageError
from ecloud_pay.domain.payment import Payment, PaymentStatus
from ecloud_pay.domain.reference import Reference, ReferenceKind
from ecloud_pay.domain.refund import Actor
from ecloud_pay.ports import Ledger
from ecloud_pay.wiring import Wiring


@contextmanager
def desk(wiring: Wiring, ledger: Ledger) -> Iterator[Desk]:
    """The desk of the settings, on a ledger that is open."""
    settings = wiring.settings
    with wiring.gateway() as gateway:
        expected = Expected(settings.text("STRIPE_ACCOUNT_ID"), settings.text("ECLOUD_PAY_LIVE_DATABASE"))
        yield open_desk(ledger, gateway, expected, settings.refund_borne_by)


def operator(wiring: Wiring, ledger: Ledger, named: str | None) -> Actor:
    """The staff user that --as or ECLOUD_PAY_OPERATOR names."""
    email = named or wiring.settings.text("ECLOUD_PAY_OPERATOR")
    if email is None:
        raise NotConfigured(
            "nobody is named on whose behalf the refund is made",
            now="Nothing was sent.",
            to_do="Name an active staff user with --as EMAIL or ECLOUD_PAY_OPERATOR.",
        )
    return ledger.operator(email)


def payment_meant(ledger: Ledger, text: str) -> int:
    """The one payment that REF names for certain. UsageError with the candidates where it could be several."""
    wanted = reference(text)
    found = ledger.candidates(wanted)
    if wanted.kind in (ReferenceKind.EMAIL, ReferenceKind.REFUND):
        raise UsageError(f"{wanted} does not name one payment for certain", to_do=_candidates(found))
    if not found:
        raise NotFound(f"there is no payment {wanted}" if wanted.kind is ReferenceKind.PAYMENT else f"no payment belongs to {wanted}")
    if wanted.kind is ReferenceKind.JOB:
        found = _refundable(found, wanted)
    if len(found) > 1:
        raise UsageError(f"{wanted} could be {len(found)} payments", to_do=_candidates(found))
    return found[0].id


def _refundable(found: Sequence[Payment], wanted: Reference) -> Sequence[Payment]:
    open_ones = [payment for payment in found if payment.status == PaymentStatus.SUCCEEDED and payment.refund_amount != payment.amount]
    if not open_ones:
        raise UsageError(f"{wanted} has no payment that can be refunded", to_do=_candidates(found))
    return open_ones


def _candidates(found: Sequence[Payment]) -> str:
    if not found:
        return "It has no payment. Write one as 5, #5, pi_…, ch_… or job:14."
    return "Name one of: " + ", ".join(f"{payment.id} ({_words(payment)})" for payment in found)


def _words(payment: Payment) -> str:
    return f"{payment.amount.figure} {(payment.currency or '').upper()} {payment.status}"
