"""What every way of `refund` opens: the books, Stripe, the audit trail; and which payment was meant."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from ecloud_pay.actions.desk import Desk, Expected, open_desk
from ecloud_pay.commands.parsing import reference
from ecloud_pay.domain.errors import NotConfigured, NotFound, UsageError
from ecloud_pay.domain.payment import Payment, PaymentStatus
from ecloud_pay.domain.reference import Reference, ReferenceKind
from ecloud_pay.domain.refund import Actor, Intent
from ecloud_pay.ports import Ledger
from ecloud_pay.wiring import Wiring

MOST_LISTED = 8  # whole, on one line


@contextmanager
def desk(wiring: Wiring, ledger: Ledger) -> Iterator[Desk]:
    """The desk of the settings, on a ledger that is open."""
    settings = wiring.settings
    with wiring.gateway() as gateway:
        expected = Expected(settings.text("STRIPE_ACCOUNT_ID"), settings.text("ECLOUD_PAY_LIVE_DATABASE"))
        yield open_desk(ledger, gateway, expected, settings.refund_borne_by)


def operator(wiring: Wiring, ledger: Ledger, named: str | None) -> Actor:
    """The staff user that --as or ECLOUD_PAY_OPERATOR names."""
    email = named if named is not None else wiring.settings.text("ECLOUD_PAY_OPERATOR")
    if email is None:
        raise NotConfigured(
            "nobody is named on whose behalf the refund is made",
            now="Nothing was sent.",
            to_do="Name an active staff user with --as EMAIL or ECLOUD_PAY_OPERATOR.",
        )
    return ledger.operator(email)


def payment_meant(ledger: Ledger, text: str, is_begun: Callable[[Intent], bool] = lambda _: False) -> int:
    """The one payment that REF names for certain. UsageError with the candidates where it could be several.

    What `job:14` means changes with its refunds and with every further payment of the job. So where the same line may be run again,
    `is_begun` knows the refunds that it has made before: the payment of such a one is what it means for ever.
    """
    wanted = reference(text)
    found = ledger.candidates(wanted)
    if wanted.kind in (ReferenceKind.EMAIL, ReferenceKind.REFUND):
        raise UsageError(f"{wanted} does not name one payment for certain", to_do=_candidates(found))
    if not found:
        raise NotFound(f"there is no payment {wanted}" if wanted.kind is ReferenceKind.PAYMENT else f"no payment belongs to {wanted}")
    if wanted.kind is ReferenceKind.JOB:
        found = _with(is_begun, found, ledger) or _refundable(found, wanted)
    if len(found) > 1:
        raise UsageError(f"{wanted} could be {len(found)} payments", to_do=_candidates(found))
    return found[0].id


def _with(is_begun: Callable[[Intent], bool], found: Sequence[Payment], ledger: Ledger) -> list[Payment]:
    standings = ((payment, ledger.read(payment.id)) for payment in found)
    return [payment for payment, standing in standings if standing is not None and any(map(is_begun, standing.intents))]


def _refundable(found: Sequence[Payment], wanted: Reference) -> Sequence[Payment]:
    open_ones = [payment for payment in found if payment.status == PaymentStatus.SUCCEEDED and payment.refund_amount != payment.amount]
    if not open_ones:
        raise UsageError(f"{wanted} has no payment that can be refunded", to_do=f"It has: {_listed(found)}")
    return open_ones


def _candidates(found: Sequence[Payment]) -> str:
    if not found:
        return "It has no payment. Write one as 5, #5, pi_…, ch_… or job:14."
    return f"Name one of: {_listed(found)}"


def _listed(found: Sequence[Payment]) -> str:
    shown = [f"{payment.id} ({_words(payment)})" for payment in found[:MOST_LISTED]]
    return ", ".join([*shown, *(["and older ones"] if len(found) > MOST_LISTED else [])])


def _words(payment: Payment) -> str:
    return f"{payment.amount.figure} {(payment.currency or '').upper()} {payment.status}"
