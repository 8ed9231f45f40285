"""Before a refund: everything that can be known without writing. The same rules hold here and again under the lock of the payment."""

from dataclasses import dataclass
from datetime import datetime

from ecloud_pay.actions.desk import Desk
from ecloud_pay.domain.at_stripe import PaymentAtStripe, RefundState
from ecloud_pay.domain.batch import DEFAULT_BATCH
from ecloud_pay.domain.errors import Busy, NotFound, Refused, UsageError
from ecloud_pay.domain.money import Money, NotMoney
from ecloud_pay.domain.payment import Payment, PaymentStatus
from ecloud_pay.domain.preview import Preview, Wish
from ecloud_pay.domain.refund import SAME_AMOUNT_WITHIN, Ending, Intent, Order, is_open_request
from ecloud_pay.domain.remainder import Refunded, readable, refunded
from ecloud_pay.ports import Standing

_NOTHING = "Nothing was sent."


def preview(desk: Desk, payment_id: int, wish: Wish) -> Preview:
    """What the wish comes to, with every rule applied. Refused, Busy, UsageError, or whatever keeps the two books from being read."""
    standing = desk.ledger.read(payment_id)
    if standing is None:
        raise NotFound(f"there is no payment #{payment_id}")
    _our_payment_is_refundable(standing.file.payment)
    _nothing_is_unsettled(standing)
    theirs = desk.gateway.payment(_intent_id(standing.file.payment))
    captured = _books_agree_on_the_payment(standing.file.payment, theirs, desk)
    _stripe_allows_it(standing.file.payment, theirs, wish)
    before = _refunded(standing, theirs)
    order = _order(standing.file.payment, theirs, wish, desk, before.remainder(captured))
    found = Preview(
        wish,
        order,
        standing.file.payment,
        theirs,
        captured,
        before,
        desk.borne_by,
        fee=readable(standing.file.payment.platform_fee, "the platform fee"),
        payout=readable(standing.file.payment.cleaner_payout, "the cleaner payout"),
        requests=tuple(row for row in standing.file.refunds if is_open_request(row) and row.id != wish.request_row),
    )
    _books_agree_on_the_refunds(found)
    _line_is_not_made(order, standing)
    _may_be_made(found, standing)
    return found


def accept(found: Preview, standing: Standing) -> None:
    """Under the lock: the payment stands as it was shown, and the rules still hold. Refused or Busy where not."""
    _our_payment_is_refundable(standing.file.payment)
    _nothing_is_unsettled(standing)
    if found.order.request_row is not None:
        _is_still_a_request(found.order, standing)
    _line_is_not_made(found.order, standing)
    _request_id_is_unused(found.order, standing)
    if _refunded(standing, found.theirs) != found.refunded:
        raise Busy(
            f"payment #{found.payment.id} was changed by somebody else since it was shown",
            now=_NOTHING,
            to_do="Look at it again, and repeat what is still wanted.",
        )
    _may_be_made(found, standing)


def _our_payment_is_refundable(payment: Payment) -> None:
    if payment.status != PaymentStatus.SUCCEEDED:
        raise Refused(
            f"payment #{payment.id} is {payment.status or 'without a status'}: only a succeeded payment can be refunded", now=_NOTHING
        )


def _intent_id(payment: Payment) -> str:
    if payment.stripe_payment_intent_id is None:
        raise Refused(f"payment #{payment.id} has no PaymentIntent, so Stripe cannot be asked to refund it", now=_NOTHING)
    return payment.stripe_payment_intent_id


def _nothing_is_unsettled(standing: Standing) -> None:
    for intent in standing.intents:
        if not intent.is_settled:
            raise unsettled(intent)


def unsettled(intent: Intent) -> Busy:
    """That a refund of this payment has not ended yet: whose it is and since when."""
    order = intent.order
    return Busy(
        f"payment #{order.payment_id} has an unsettled refund of {order.amount}, begun by {order.actor.email}"
        f" at {intent.created_at:%Y-%m-%d %H:%M:%S} UTC",
        now=f"{_NOTHING} That one {'may have been sent to Stripe' if intent.was_sent else 'had not been sent to Stripe yet'}.",
        to_do=f"If nobody is at it just now: ecloud-pay refund --resume {order.payment_id}",
    )


def _books_agree_on_the_payment(payment: Payment, theirs: PaymentAtStripe, desk: Desk) -> Money:
    """What was captured. Refused where the PaymentIntent is not what our row says."""
    amount = readable(payment.amount, f"payment #{payment.id}")
    problem = ""
    if theirs.mode is not desk.gateway.mode:
        problem = f"is a {theirs.mode} payment at Stripe, and this is a {desk.gateway.mode} key"
    elif theirs.status != PaymentStatus.SUCCEEDED:
        problem = f"is {theirs.status} at Stripe: only a succeeded payment can be refunded"
    elif theirs.captured is None:
        problem = "has no captured charge at Stripe"
    elif theirs.received.currency != amount.currency:
        problem = f"is in {theirs.received.currency.upper()} at Stripe and in {amount.currency.upper()} here"
    elif theirs.captured != theirs.received:
        problem = f"brought in {theirs.received} at Stripe, and its charge captured {theirs.captured}"
    elif theirs.captured != amount:
        problem = f"is {theirs.captured} at Stripe and {amount} here"
    if problem or theirs.captured is None:
        raise Refused(f"payment #{payment.id} {problem}", now=_NOTHING, to_do=f"Look closer: ecloud-pay show {payment.id}")
    return theirs.captured


def _stripe_allows_it(payment: Payment, theirs: PaymentAtStripe, wish: Wish) -> None:
    for dispute in theirs.disputes:
        if dispute.forbids_refund:
            raise Refused(
                f"payment #{payment.id} is disputed ({dispute.id}, {dispute.status}): the money is with the card's bank",
                now=_NOTHING,
                to_do="Answer the dispute in Stripe's Dashboard.",
            )
    _is_chosen(_TRANSFER, theirs.has_transfer, wish.reverse_transfer, payment, wish)
    _is_chosen(_APPLICATION_FEE, theirs.has_application_fee, wish.refund_application_fee, payment, wish)


@dataclass(frozen=True, slots=True)
class _Choice:
    """Something about a connected account that only a person can decide: what it is, the option, and what yes and no mean."""

    what: str
    noun: str
    option: str
    yes: str
    no: str


_TRANSFER = _Choice("a transfer to a connected account", "transfer", "reverse-transfer", "take its share back", "leave it there")
_APPLICATION_FEE = _Choice("an application fee", "application fee", "refund-application-fee", "give its share back", "keep it")


def _is_chosen(about: _Choice, is_there: bool, choice: bool | None, payment: Payment, wish: Wish) -> None:
    if is_there and choice is None:
        raise Refused(
            f"payment #{payment.id} has {about.what}, so somebody must decide what becomes of it",
            now=_NOTHING,
            to_do=f"Add --{about.option} ({about.yes}) or --no-{about.option} ({about.no}).",
        )
    if choice is not None and not is_there and wish.line is None:  # of a batch it is said for the lines that it concerns
        typed = f"--{about.option}" if choice else f"--no-{about.option}"
        raise Refused(f"payment #{payment.id} has no {about.noun}, so {typed} has no meaning", now=_NOTHING, to_do="Leave it out.")


def _refunded(standing: Standing, theirs: PaymentAtStripe) -> Refunded:
    return refunded(theirs.refunded, standing.file.refunds, standing.file.payment.refund_amount, standing.intents)


def _order(payment: Payment, theirs: PaymentAtStripe, wish: Wish, desk: Desk, remainder: Money) -> Order:
    currency = theirs.received.currency
    if wish.currency is not None and wish.currency != currency:
        raise Refused(f"payment #{payment.id} is in {currency.upper()}, not in {wish.currency.upper()}", now=_NOTHING)
    try:
        amount = remainder if wish.amount is None else Money.of(wish.amount, currency)
    except NotMoney as error:
        raise UsageError(f"--amount: {error}") from error
    return Order(
        key=wish.key,
        payment_id=payment.id,
        payment_intent=theirs.id,
        amount=amount,
        reason=wish.reason,
        note=wish.note,
        actor=wish.actor,
        mode=theirs.mode,
        account=desk.account,
        reverse_transfer=wish.reverse_transfer if theirs.has_transfer else None,
        refund_application_fee=wish.refund_application_fee if theirs.has_application_fee else None,
        request_id=wish.request_id,
        line=wish.line,
        request_row=wish.request_row,
    )


def _books_agree_on_the_refunds(found: Preview) -> None:
    before = found.refunded
    if before.is_agreed or found.wish.accepts_drift:
        return
    raise Refused(
        f"the books disagree on what came back of payment #{found.payment.id}: {before.at_stripe} at Stripe, {before.rows} in refund rows"
        f" ({before.completed} completed), {before.booked} on the payment",
        now=_NOTHING,
        to_do=f"Heal it: ecloud-pay sync --ref {found.payment.id} --apply. Or, if it is meant to be so, add --accept-drift.",
    )


def _may_be_made(found: Preview, standing: Standing) -> None:
    """The rules about the amount."""
    amount, remainder = found.order.amount, found.refunded.remainder(found.captured)
    if not remainder:
        raise Refused(f"nothing is left to refund of payment #{found.payment.id}: {_what_came_back(found)}", now=_NOTHING)
    if amount <= Money(0, amount.currency):
        raise Refused(f"{amount} is nothing to refund of payment #{found.payment.id}", now=_NOTHING)
    if remainder < amount:
        raise Refused(f"{amount} is more than what is left to refund of payment #{found.payment.id}, {remainder}", now=_NOTHING)
    if found.wish.may_repeat:
        return
    if twin := _twin(found, standing):
        raise Refused(
            f"{amount} of payment #{found.payment.id} was refunded within the last 24 h already: {twin}",
            now=_NOTHING,
            to_do="If it is meant a second time, add --allow-duplicate.",
        )


def _what_came_back(found: Preview) -> str:
    under_way = [refund.id for refund in found.theirs.refunds if refund.state is RefundState.PENDING]
    if found.refunded.at_stripe < found.refunded.most:
        return f"{found.refunded.most} came back by our own books, {found.refunded.at_stripe} by Stripe's"
    if under_way:
        return f"{found.refunded.most} came back or is under way at Stripe ({', '.join(under_way)})"
    return f"{found.refunded.most} came back already"


def _line_is_not_made(order: Order, standing: Standing) -> None:
    """A line of a batch is refunded once, even where repeating is meant: another run of the same file may have been quicker."""
    for intent in standing.intents:
        is_this_line = order.line is not None and (intent.order.line, intent.order.amount) == (order.line, order.amount)
        if is_this_line and intent.settlement is not None and intent.settlement.state is not RefundState.FAILED:
            raise Refused(
                f"another run has refunded this line of payment #{order.payment_id} meanwhile: {intent.settlement.stripe_refund_id}",
                now=_NOTHING,
            )


def _request_id_is_unused(order: Order, standing: Standing) -> None:
    """A request id stands for one refund, even where repeating is meant: the same line, run twice at once, may have been quicker."""
    for intent in standing.intents:
        is_same = order.request_id is not None and intent.order.request_id == order.request_id and intent.order.key != order.key
        if is_same and (intent.settlement is None or intent.settlement.ending is not Ending.NOT_SENT):
            raise Busy(
                f"another run has used --request-id {order.request_id} of payment #{order.payment_id} meanwhile",
                now=_NOTHING,
                to_do="The same line again tells how that one ended.",
            )


def _twin(found: Preview, standing: Standing) -> str | None:
    """A refund of the same amount within a day, ours or Stripe's, in words; those that failed do not count."""
    order, since = found.order, standing.now - SAME_AMOUNT_WITHIN
    elsewhere = _of_other_batches(order, standing)
    for row in standing.file.refunds:
        is_same = row.amount == order.amount and row.status != RefundState.FAILED and row.id != order.request_row
        if is_same and _is_since(row.created_at, since) and row.id not in {intent.refund_id for intent in elsewhere}:
            if is_open_request(row):
                return f"a request of the backend, row #{row.id} (carry it out with --request {row.id})"
            return f"refund #{row.id}" + (f", {row.stripe_refund_id}" if row.stripe_refund_id else "")
    for refund in found.theirs.refunds:
        is_same = refund.amount == order.amount and refund.holds_money and refund.key not in {intent.order.key for intent in elsewhere}
        if is_same and refund.created >= since:
            return f"{refund.id} at Stripe"
    return None


def _of_other_batches(order: Order, standing: Standing) -> list[Intent]:
    """Refunds that a batch of another name made: who names a batch says that its lines are meant, whatever another one held."""
    if order.line is None or order.line.batch == DEFAULT_BATCH:
        return []
    return [intent for intent in standing.intents if intent.order.line is not None and intent.order.line.batch != order.line.batch]


def _is_since(created: datetime | None, since: datetime) -> bool:
    return created is None or created >= since


def _is_still_a_request(order: Order, standing: Standing) -> None:
    row = standing.file.refund(order.request_row)
    if row is None or not is_open_request(row) or row.amount != order.amount:
        raise Busy(f"refund row #{order.request_row} is no open request of that amount any more", now=_NOTHING)
