"""Settling what a run left behind: adopt what Stripe has, send again what it has not, leave to a person what nobody can know."""

from collections.abc import Iterator
from dataclasses import dataclass

from ecloud_pay.actions.refund import finish, settle, told, trouble, write_audit_line
from ecloud_pay.actions.sending import Sender, match
from ecloud_pay.domain.at_stripe import RefundAtStripe, RefundState
from ecloud_pay.domain.errors import Busy, EcloudPayError, NotFound, OutcomeUnknown, Refused
from ecloud_pay.domain.payment import Payment, Refund
from ecloud_pay.domain.refund import ABANDON_AFTER, ADOPT_AFTER, KEY_GOOD_FOR, Ending, Intent, Settlement
from ecloud_pay.ports import Ledger, Standing, Unfinished


@dataclass(frozen=True, slots=True)
class Resumed:
    """What became of one unsettled intent: `error` is what stands in the way of its end, or what it ended badly with."""

    intent: Intent
    error: EcloudPayError | None = None

    @property
    def words(self) -> str:
        """As a sentence."""
        return told(self.intent) if self.intent.is_settled else (self.error.what if self.error else "it is unsettled")


@dataclass(frozen=True, slots=True)
class Reading:
    """What is known of an unsettled intent before anything is done: Stripe's refund that bears its key, and those that may stand for it.

    `rivals` are refunds of the same amount without a key of ours, made since: somebody may have clicked in the Dashboard meanwhile.
    """

    mine: RefundAtStripe | None
    rivals: tuple[RefundAtStripe, ...]


def resume(unfinished: Unfinished, sender: Sender, account: str | None) -> Iterator[Resumed]:
    """Every unsettled intent, one after the other; then the audit lines that are missing. No error of one stops the others."""
    for intent in unfinished.unsettled:
        if sender.patience.is_stop_asked:
            return
        try:
            settled = resumed(intent, sender, account)
            yield Resumed(settled, trouble(settled))
        except EcloudPayError as error:
            yield Resumed(intent, error)
    for intent in unfinished.unaudited:
        try:
            write_audit_line(intent, _standing(sender, intent).file.payment, sender, is_late=True)
        except EcloudPayError as error:
            yield Resumed(intent, error)


def would(intent: Intent, sender: Sender, account: str | None) -> str:
    """What `resume` would do with it, in words, by the same rules."""
    try:
        found = _looked_at(intent, sender, account)
    except EcloudPayError as error:
        return f"leave it: {error.what}"
    if found.mine is None:
        obstacle = _obstacle(intent, _standing(sender, intent))
        return f"end it as not sent: {obstacle}" if obstacle else "send it, under the same key"
    if found.mine.state is None:
        return f"leave it: Stripe has {found.mine.id}, whose status {found.mine.status!r} is not known here"
    return f"record {found.mine.id}, which Stripe has"


def send_anyway(intent: Intent, sender: Sender, account: str | None) -> Intent:
    """Send it although Stripe holds a refund that may stand for it; never after its key may have been forgotten."""
    _is_of_this_account(intent, sender, account)
    standing = _standing(sender, intent)
    found = read(intent, sender)
    if found.mine is not None:
        return _adopt(intent, found.mine, standing.file.payment, sender)
    _key_is_good(intent, standing)
    _rows_are_good(intent, standing)
    return _send(intent, standing, sender)


def adopt(intent: Intent, refund_id: str, sender: Sender, account: str | None) -> Intent:
    """Take a refund that Stripe holds as this one. Refused where it cannot be: another payment, amount, already somebody's, or Stripe
    has the one that bears the intent's own key. Busy where the intent's own may still be on its way."""
    _is_of_this_account(intent, sender, account)
    standing = _standing(sender, intent)
    refund = sender.gateway.refund(refund_id)
    mine = read(intent, sender).mine
    order = intent.order
    # Its own row may bear that id already: somebody has written it there by hand.
    others = (one for one in standing.file.refunds if one.id != intent.refund_id)
    owner = next((one for one in others if one.stripe_refund_id == refund.id), None)
    row = standing.file.refund(intent.refund_id)
    problem = ""
    if refund.payment_intent != order.payment_intent:
        problem = f"belongs to {refund.payment_intent or 'no PaymentIntent'}, not to {order.payment_intent}"
    elif refund.amount != order.amount:
        problem = f"is of {refund.amount}, not of {order.amount}"
    elif refund.key not in (None, order.key):
        problem = "bears the key of another refund of ours"
    elif owner is not None:
        problem = f"is recorded as refund #{owner.id} already"
    elif mine is not None and mine.id != refund.id:
        problem = f"was made elsewhere, and Stripe has this one as {mine.id}"
    elif row is not None and not _takes(row, refund, order.key):
        problem = f"comes too late: refund #{intent.refund_id} is {row.status} here already"
    elif refund.state is None:
        problem = f"has the status {refund.status!r}, which is not known here"
    if problem:
        raise Refused(f"{refund.id} cannot be adopted: it {problem}", now="Nothing was changed.")
    if refund.key is None and intent.last_sent_at is not None and standing.now - intent.last_sent_at < ADOPT_AFTER:
        raise Busy(
            f"the refund of {order.amount} of payment #{order.payment_id} was sent at {intent.last_sent_at:%H:%M:%S} UTC"
            " and may still arrive",
            now=f"Nothing was changed: {refund.id} would stand beside it.",
            to_do=f"Adopt it {ADOPT_AFTER.total_seconds() / 60:.0f} minutes after that, if Stripe has no other one by then.",
        )
    return _adopt(intent, refund, standing.file.payment, sender)


def abandon(intent: Intent, sender: Sender, account: str | None) -> Intent:
    """Give it up: at once where it was never sent, else a day after its last attempt and only if Stripe has no refund with its key."""
    standing = _standing(sender, intent)
    if intent.was_sent:
        _is_of_this_account(intent, sender, account)
        found = read(intent, sender)
        if found.mine is not None:
            return _adopt(intent, found.mine, standing.file.payment, sender)
        if intent.last_sent_at is not None and standing.now - intent.last_sent_at < ABANDON_AFTER:
            raise Refused(
                f"the refund of {intent.order.amount} of payment #{intent.order.payment_id} was sent less than 24 h ago"
                f" ({intent.last_sent_at:%Y-%m-%d %H:%M:%S} UTC) and may still arrive",
                now="It stays unsettled.",
                to_do=f"Until then: ecloud-pay refund --resume {intent.order.payment_id}",
            )
    return settle(intent, Settlement(Ending.ABANDONED, words="given up by a person"), standing.file.payment, sender)


def unsettled_of(ledger: Ledger, payment_id: int) -> Intent:
    """The payment's unsettled intent. NotFound where it has none."""
    standing = ledger.read(payment_id)
    if standing is None:
        raise NotFound(f"there is no payment #{payment_id}")
    open_ones = [intent for intent in standing.intents if not intent.is_settled]
    if not open_ones:
        raise NotFound(f"payment #{payment_id} has no unsettled refund of ours", to_do="`ecloud-pay refund --pending` lists what is open.")
    return open_ones[0]


def read(intent: Intent, sender: Sender) -> Reading:
    """What Stripe's list says of the intent."""
    refunds = sender.gateway.refunds(intent.order.payment_intent)
    # Stripe's instants are whole seconds of another clock, so what is a little older counts too.
    since = intent.created_at.timestamp() - CLOCKS_APART_S
    rivals = (
        refund
        for refund in refunds
        if refund.key is None and refund.amount == intent.order.amount and refund.holds_money and refund.created.timestamp() >= since
    )
    return Reading(match(intent, refunds), tuple(rivals))


CLOCKS_APART_S = 600.0


def resumed(intent: Intent, sender: Sender, account: str | None) -> Intent:
    """One unsettled intent, settled. Raises where that is for a person to do, or cannot be done now."""
    found = _looked_at(intent, sender, account)
    standing = _standing(sender, intent)
    return _send(intent, standing, sender) if found.mine is None else _adopt(intent, found.mine, standing.file.payment, sender)


def _looked_at(intent: Intent, sender: Sender, account: str | None) -> Reading:
    """What Stripe has; raises whatever forbids to go on without a person."""
    _is_of_this_account(intent, sender, account)
    found = read(intent, sender)
    if found.mine is None:
        if found.rivals:
            raise _ambiguous(intent, found.rivals)
        standing = _standing(sender, intent)
        _key_is_good(intent, standing)
        _rows_are_good(intent, standing)
    return found


def _send(intent: Intent, standing: Standing, sender: Sender) -> Intent:
    """Send it. One that was never sent ends here where somebody's change of its rows forbids to send it: the ledger would refuse."""
    payment, obstacle = standing.file.payment, _obstacle(intent, standing)
    if obstacle is None:
        return finish(intent, payment, sender)
    return settle(intent, Settlement(Ending.NOT_SENT, words=obstacle), payment, sender)


def _adopt(intent: Intent, refund: RefundAtStripe, payment: Payment, sender: Sender) -> Intent:
    if refund.state is None:
        raise OutcomeUnknown(
            f"Stripe has {refund.id} for payment #{payment.id}, whose status {refund.status!r} is not known here",
            now="It stays unsettled, and nothing was written.",
            to_do="Look at it in Stripe's Dashboard.",
        )
    return settle(intent, Settlement(Ending.ACCEPTED, refund, is_adopted=True), payment, sender)


def _standing(sender: Sender, intent: Intent) -> Standing:
    standing = sender.ledger.read(intent.order.payment_id)
    if standing is None:
        raise NotFound(f"there is no payment #{intent.order.payment_id} any more", now="Nothing was changed.")
    return standing


def _is_of_this_account(intent: Intent, sender: Sender, account: str | None) -> None:
    order = intent.order
    is_other_account = None not in (order.account, account) and order.account != account
    if order.mode is not sender.gateway.mode or is_other_account:
        raise Busy(
            f"the refund of {order.amount} of payment #{order.payment_id} was begun with a {order.mode} key"
            f" of {order.account or 'an unknown account'}, and this is a {sender.gateway.mode} key of {account or 'an unknown account'}",
            now="It stays unsettled.",
            to_do="Resume it with a key of that mode and account.",
        )


def _key_is_good(intent: Intent, standing: Standing) -> None:
    if intent.first_sent_at is not None and standing.now - intent.first_sent_at >= KEY_GOOD_FOR:
        order = intent.order
        raise OutcomeUnknown(
            f"the refund of {order.amount} of payment #{order.payment_id} was first sent more than 23 h ago, and Stripe's list has none",
            now="It is never sent again: Stripe may have forgotten its key, and would refund anew.",
            to_do=f"24 h after its last attempt: ecloud-pay refund --abandon {order.payment_id}",
        )


def _rows_are_good(intent: Intent, standing: Standing) -> None:
    """Raises where an earlier attempt may still arrive, and somebody's change of its rows forbids another one."""
    obstacle, order = _obstacle(intent, standing), intent.order
    if intent.was_sent and obstacle:
        raise OutcomeUnknown(
            f"the refund of {order.amount} of payment #{order.payment_id} was sent, Stripe's list has none, and {obstacle}",
            now="It is not sent again while that is so, and stays unsettled.",
            to_do=f"24 h after its last attempt: ecloud-pay refund --abandon {order.payment_id}",
        )


def _obstacle(intent: Intent, standing: Standing) -> str | None:
    """What the backend or a person has made of its rows, so that it cannot be sent; None where they are as we left them."""
    row = standing.file.refund(intent.refund_id)
    transaction = next((one for one in standing.file.transactions if one.id == intent.transaction_id), None)
    if row is None:
        return f"somebody has deleted refund #{intent.refund_id} here"
    if row.status != RefundState.PENDING:
        return f"somebody has made refund #{intent.refund_id} {row.status} here"
    if row.stripe_refund_id is not None:
        return f"somebody has written {row.stripe_refund_id} into refund #{intent.refund_id} here"
    if transaction is not None and transaction.status != RefundState.PENDING:
        return f"somebody has made transaction #{intent.transaction_id} {transaction.status} here"
    return None


def _takes(row: Refund, refund: RefundAtStripe, key: str) -> bool:
    """Whether the intent's row can stand for that refund; one that has failed does only for the refund that bears the intent's key."""
    is_completed_as_it = row.status == RefundState.COMPLETED and row.stripe_refund_id in (None, refund.id)
    return refund.key == key or row.status == RefundState.PENDING or is_completed_as_it


def _ambiguous(intent: Intent, rivals: tuple[RefundAtStripe, ...]) -> OutcomeUnknown:
    order = intent.order
    listed = ", ".join(f"{rival.id} ({rival.amount}, {rival.created:%Y-%m-%d %H:%M:%S} UTC)" for rival in rivals)
    return OutcomeUnknown(
        f"the refund of {order.amount} of payment #{order.payment_id} is not at Stripe; one of the same amount made elsewhere is: {listed}",
        now="Nothing was sent: it may be the same refund, clicked in the Dashboard.",
        to_do=f"If it is: ecloud-pay refund {order.payment_id} --adopt {rivals[0].id}. If another one is wanted: --send-anyway",
    )
