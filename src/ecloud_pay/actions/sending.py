"""Sending an intent to Stripe until it is known how it ends, by the answer table of `domain/answers.py`.

    record the attempt ──▶ POST ──▶ Accepted ──────────────▶ ending
        ▲                    ├────▶ Declined ──▶ list ─────▶ ending
        └── pause ◀──────────┼────▶ NotSent  (nothing sent before: ending "not sent")
                             └────▶ Unknown ──▶ list ──────▶ ending, or it stays pending

No transaction of the database is open while Stripe is asked. Whatever is not known to have failed stays pending.
"""

import random
from collections import Counter
from dataclasses import dataclass

from ecloud_pay.actions.events import requested, sent
from ecloud_pay.domain.answers import RULES, Accepted, Answer, Cause, Declined, NotSent, Unknown
from ecloud_pay.domain.at_stripe import RefundAtStripe
from ecloud_pay.domain.errors import CannotWrite, EcloudPayError
from ecloud_pay.domain.payment import Payment
from ecloud_pay.domain.refund import SEND_WITHIN_S, Ending, Intent, Settlement
from ecloud_pay.ports import AuditTrail, Ledger, Patience, StripeGateway

MOST_ATTEMPTS = 12  # of one run, whatever the causes


@dataclass(frozen=True, slots=True)
class Open:
    """It stays pending: `words` says why, `may_have_arrived` whether Stripe may have acted on it."""

    words: str
    may_have_arrived: bool = True


@dataclass(frozen=True, slots=True)
class Sender:
    """What it takes to send."""

    ledger: Ledger
    gateway: StripeGateway
    audit: AuditTrail
    patience: Patience

    def send(self, intent: Intent, payment: Payment) -> tuple[Settlement | Open, Intent]:
        """How the intent ends, and the intent as this run last recorded it. Raises nothing that Stripe could cause."""
        may_have_arrived = intent.was_sent
        tries: Counter[Cause] = Counter()
        while True:
            attempts = intent.attempts
            try:
                answer, intent = self._attempt(intent, payment)
            except EcloudPayError as error:  # the database's: an attempt that cannot be recorded is not made
                return Open(error.what, may_have_arrived), intent
            if isinstance(answer, Accepted):
                return _accepted(answer), intent
            # More attempts than ours: another run has sent it in between, and nobody here knows what came of that.
            may_have_arrived |= isinstance(answer, Unknown) or intent.attempts > attempts + 1
            if isinstance(answer, Declined):
                return self._declined(intent, answer), intent
            if not self._goes_on(answer.cause, tries):
                return self._given_up(intent, answer, may_have_arrived), intent
            tries[answer.cause] += 1

    def _attempt(self, intent: Intent, payment: Payment) -> tuple[Answer, Intent]:
        """One attempt: written down, then made; and the intent as it was written down, from which the next one goes on."""
        if self.patience.is_stop_asked:
            return NotSent(Cause.HELD_BACK, "it was stopped before it was sent"), intent
        began_s = self.patience.elapsed_s()
        try:
            line = intent.requested_line or self.audit.append(requested(intent, payment))
            marked = self.ledger.mark_sent(intent, line)
            if marked is None:
                return NotSent(
                    Cause.HELD_BACK, "it may not be sent any more: it has ended meanwhile, or its key is older than 23 h"
                ), intent
            intent = marked
            self.audit.append(sent(intent, payment))
        except CannotWrite as error:
            return NotSent(Cause.HELD_BACK, error.what), intent
        if self.patience.elapsed_s() - began_s > SEND_WITHIN_S:
            slept = f"more than {SEND_WITHIN_S:.0f} s passed before it could be sent; the machine may have slept"
            return NotSent(Cause.HELD_BACK, slept), intent
        return self.gateway.send(intent), intent

    def _goes_on(self, cause: Cause, tries: "Counter[Cause]") -> bool:
        """Let the rule's pause pass before the same key is sent again; False where it is not to be."""
        rule = RULES[cause]
        if tries[cause] >= len(rule.resend_after_s) or tries.total() + 1 >= MOST_ATTEMPTS:
            return False
        pause_s = rule.resend_after_s[tries[cause]]
        self.patience.wait(pause_s * random.uniform(0.5, 1.0) if rule.has_jitter else pause_s)  # noqa: S311  (spreads load, hides nothing)
        return not self.patience.is_stop_asked

    def _declined(self, intent: Intent, answer: Declined) -> Settlement | Open:
        """An earlier attempt may have won, and then this answer speaks of a payment that has been refunded by us."""
        try:
            found = self.find(intent)
        except EcloudPayError as error:
            return Open(f"Stripe said no ({answer.message}), and its list could not be read: {error.what}")
        if found is not None:
            return self._adopted(found)
        words = f"{answer.code}: {answer.message}" if answer.code else answer.message
        return Settlement(Ending.DECLINED, words=words, request_id=answer.request_id)

    def _given_up(self, intent: Intent, answer: NotSent | Unknown, may_have_arrived: bool) -> Settlement | Open:
        if not may_have_arrived:
            return Settlement(Ending.NOT_SENT, words=answer.message, request_id=answer.request_id)
        for pause_s in RULES[answer.cause].list_after_s:
            self.patience.wait(pause_s)
            try:
                found = self.find(intent)
            except EcloudPayError:
                continue
            if found is not None:
                return self._adopted(found)
        return Open(answer.message)

    def find(self, intent: Intent) -> RefundAtStripe | None:
        """The refund that bears the intent's key, in Stripe's list of the payment's refunds."""
        return match(intent, self.gateway.refunds(intent.order.payment_intent))

    def _adopted(self, found: RefundAtStripe) -> Settlement | Open:
        if found.state is None:
            return Open(f"Stripe has {found.id}, whose status {found.status!r} is not known here")
        return Settlement(Ending.ACCEPTED, found, is_adopted=True)


def _accepted(answer: Accepted) -> Settlement | Open:
    if answer.refund.state is None:
        return Open(f"Stripe answered with {answer.refund.id}, whose status {answer.refund.status!r} is not known here")
    return Settlement(Ending.ACCEPTED, answer.refund, is_replay=answer.is_replay, request_id=answer.request_id)


def match(intent: Intent, refunds: tuple[RefundAtStripe, ...]) -> RefundAtStripe | None:
    """The one that bears the intent's key."""
    return next((refund for refund in refunds if refund.key == intent.order.key), None)
