"""Deliberate bugs in the protocol, each a change of the loaded program inside one forked console. The schedules must notice every one.

A mutant names the directed schedules that it should fall over first; the others are tried after them.
"""

import sys
import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import requests
from sqlalchemy import func, select

from ecloud_pay.actions import preflight, refund, resume, sending
from ecloud_pay.adapters.audit.log import AuditLog
from ecloud_pay.adapters.postgres import ledger, ledger_statements, writing
from ecloud_pay.adapters.postgres.ledger import PostgresLedger
from ecloud_pay.adapters.postgres.payments import PostgresReader
from ecloud_pay.adapters.stripe import gateway, transport
from ecloud_pay.adapters.stripe.gateway import Gateway
from ecloud_pay.adapters.stripe.translate import page
from ecloud_pay.domain.at_stripe import Mode
from ecloud_pay.domain.audit import AuditEvent, EventType
from ecloud_pay.domain.money import Money, exponent
from ecloud_pay.domain.refund import Actor, Ending, Intent, Order, Settlement
from ecloud_pay.ports import Unfinished


@dataclass(frozen=True, slots=True)
class Mutant:
    """One bug. `apply` changes the program of this process."""

    name: str
    apply: Callable[[], None]
    first: tuple[str, ...]


def _put(owner: Any, name: str, changed: Any) -> None:
    setattr(owner, name, changed)


def _fresh_key_on_retry() -> None:
    send = Gateway.send
    _put(Gateway, "send", lambda self, intent: send(self, _with_fresh_key(intent) if intent.attempts > 1 else intent))


def _with_fresh_key(intent: Intent) -> Intent:
    return replace(intent, order=replace(intent.order, key=str(uuid.uuid4())))


def _no_intent_commit() -> None:
    class Uncommitted:
        def __init__(self, database: Any) -> None:
            self._database = database

        def run(self, work: Callable[[Any], Any]) -> Any:
            with self._database.transaction() as transaction:
                return work(transaction)

    open_intent = PostgresLedger.open_intent

    def opened(self: Any, order: Order, accept: Any) -> Intent:
        kept, self._writer = self._writer, Uncommitted(self._database)
        try:
            return open_intent(self, order, accept)
        finally:
            self._writer = kept

    _put(PostgresLedger, "open_intent", opened)
    _put(PostgresLedger, "mark_sent", lambda _self, intent, line: replace(intent, attempts=intent.attempts + 1, requested_line=line))


def _asks_inside_the_transaction() -> None:
    mark_sent = PostgresLedger.mark_sent

    def marked(self: Any, intent: Intent, line: str) -> Intent | None:
        found = mark_sent(self, intent, line)
        self.left_open = self._database.transaction()
        self.left_open.__enter__()
        return found

    _put(PostgresLedger, "mark_sent", marked)


def _no_lock() -> None:
    def unlocked(self: Any, transaction: Any, payment_id: int) -> Any:
        return ledger._standing(transaction, PostgresReader(transaction, self._database.zone), payment_id)

    _put(PostgresLedger, "_lock", unlocked)


def _no_pending_check() -> None:
    _put(preflight, "_nothing_is_unsettled", lambda _standing: None)


def _no_look_for_the_same_amount() -> None:
    _put(preflight, "_twin", lambda *_: None)


def _silence_called_failure() -> None:
    _put(
        sending.Sender,
        "_given_up",
        lambda _self, _intent, answer, _may: Settlement(Ending.NOT_SENT, words=answer.message, request_id=answer.request_id),
    )


def _refusal_trusted_without_listing() -> None:
    _put(sending.Sender, "_declined", lambda _self, _intent, answer: Settlement(Ending.DECLINED, words=answer.message))


def _sent_again_after_a_day() -> None:
    for module in (ledger, resume):
        _put(module, "KEY_GOOD_FOR", timedelta(days=400))


def _hours_counted_from_the_last_attempt() -> None:
    may_be_sent, key_is_good = ledger._may_be_sent, resume._key_is_good
    _put(ledger, "_may_be_sent", lambda standing, current: may_be_sent(standing, _as_if_first(current)))
    _put(resume, "_key_is_good", lambda intent, standing: key_is_good(_as_if_first(intent), standing))


def _as_if_first(intent: Intent) -> Intent:
    return replace(intent, first_sent_at=intent.last_sent_at)


def _only_the_first_page() -> None:
    def first(fetch: Callable[[str | None], Any], _most: int = 1) -> Iterator[Any]:
        return iter(page(fetch(None))[0])

    _put(gateway, "every", first)


def _money_as_float() -> None:
    class FloatMoney(Money):
        @classmethod
        def of(cls, figure: Any, currency: str) -> Money:
            return Money(int(float(figure) * 10 ** exponent(currency)), currency)

    _put(preflight, "Money", FloatMoney)


def _printed_before_it_is_committed() -> None:
    settle = refund.settle

    def told_first(intent: Intent, settlement: Settlement, *rest: Any) -> Intent:
        if settlement.refund is not None:
            sys.stdout.write(f"The refund {settlement.refund.id} of {intent.order.amount} was made.\n")
            sys.stdout.flush()
        return settle(intent, settlement, *rest)

    for module in (refund, resume):
        _put(module, "settle", told_first)


def _redirect_followed() -> None:
    session = transport._Session
    begin, ask = session.__init__, requests.Session.request

    def begun(self: Any, proxy: str | None) -> None:
        begin(self, proxy)
        self.max_redirects = 30

    _put(session, "__init__", begun)
    _put(session, "get_redirect_target", requests.Session.get_redirect_target)
    _put(session, "request", lambda self, method, url, **more: ask(self, method, url, **{**more, "allow_redirects": True}))


def _hand_made_part_erased() -> None:
    change = ledger_statements.payment_change

    def erased(snapshot: Any, order: Order, at: Any) -> Any:
        rows = snapshot.tables.refund
        completed = select(func.sum(rows.c.amount)).where(rows.c.payment_id == order.payment_id, rows.c.status == "completed")
        return change(snapshot, order, at).values(refund_amount=completed.scalar_subquery())

    _put(ledger_statements, "payment_change", erased)


def _matched_by_amount() -> None:
    def by_amount(intent: Intent, refunds: Sequence[Any]) -> Any:
        return next((each for each in refunds if each.amount == intent.order.amount), None)

    for module in (sending, resume):
        _put(module, "match", by_amount)


def _clicks_ignored() -> None:
    read = resume.read
    _put(resume, "read", lambda intent, sender: replace(read(intent, sender), rivals=()))


def _given_up_at_once() -> None:
    _put(resume, "ABANDON_AFTER", timedelta(0))


def _cut_commit_called_failure() -> None:
    _put(writing, "_is_cut", lambda _error: False)


class _AnyNumber(int):
    def __ne__(self, other: object) -> bool:
        return False


def _attempts_of_others_overlooked() -> None:
    settle = PostgresLedger.settle
    _put(PostgresLedger, "settle", lambda self, intent, how: settle(self, replace(intent, attempts=_AnyNumber(intent.attempts)), how))


def _never_looks_in_the_list() -> None:
    for module in (sending, resume):
        _put(module, "match", lambda _intent, _refunds: None)


def _attempt_not_recorded() -> None:
    _put(PostgresLedger, "mark_sent", lambda _self, intent, line: replace(intent, attempts=intent.attempts + 1, requested_line=line))


def _audit_line_left_out() -> None:
    append = AuditLog.append
    _put(
        AuditLog,
        "append",
        lambda self, event: "0" * 64 if _is_request(event) else append(self, event),
    )


def _is_request(event: AuditEvent) -> bool:
    return event.type is EventType.REFUND_REQUESTED


def _other_bytes_on_retry() -> None:
    form = gateway.form
    _put(gateway, "form", lambda intent: {**form(intent), "metadata[attempt]": intent.attempts})


def _resume_carries_out_requests() -> None:
    unfinished = PostgresLedger.unfinished

    def with_requests(self: Any) -> Unfinished:
        for row in self.pending():
            if row.refund.stripe_refund_id is None:
                order = Order(
                    key=str(uuid.uuid4()),
                    payment_id=row.payment.id,
                    payment_intent=row.payment.stripe_payment_intent_id,
                    amount=row.refund.amount,
                    reason=None,
                    note=row.refund.reason,
                    actor=Actor(1, "ops@demo"),
                    mode=Mode.TEST,
                    account=None,
                    request_row=row.refund.id,
                )
                self.open_intent(order, lambda _standing: None)
        return unfinished(self)

    _put(PostgresLedger, "unfinished", with_requests)


MUTANTS = (
    Mutant("a fresh key on every retry", _fresh_key_on_retry, ("the first answer is lost",)),
    Mutant("the intent is not committed", _no_intent_commit, ("the first answer is lost",)),
    Mutant("Stripe is asked inside the transaction", _asks_inside_the_transaction, ("the first answer is lost",)),
    Mutant("the payment is not locked", _no_lock, ("two at once for the same", "two at once for different amounts")),
    Mutant("no check for an unsettled refund", _no_pending_check, ("another refund while one is unsettled",)),
    Mutant("no look for the same amount", _no_look_for_the_same_amount, ("the same refund once more",)),
    Mutant("silence called failure", _silence_called_failure, ("every answer is lost",)),
    Mutant("a refusal trusted without listing", _refusal_trusted_without_listing, ("refused after the first answer was lost",)),
    Mutant("sent again after a day", _sent_again_after_a_day, ("nothing arrives for a day",)),
    Mutant("23 h counted from the last attempt", _hours_counted_from_the_last_attempt, ("nothing arrives for half a day, twice",)),
    Mutant("only the first page listed", _only_the_first_page, ("a hundred newer refunds",)),
    Mutant("money as float", _money_as_float, ("the first answer is lost",)),
    Mutant("printed before it is committed", _printed_before_it_is_committed, ("killed before the settlement is committed",)),
    Mutant("a redirect followed", _redirect_followed, ("a redirect after it was executed",)),
    Mutant("a hand-made part erased", _hand_made_part_erased, ("a part was booked by hand",)),
    Mutant("matched by amount instead of key", _matched_by_amount, ("a click after it had arrived",)),
    Mutant("a click in the Dashboard ignored", _clicks_ignored, ("a click in between, adopted",)),
    Mutant("given up while it may arrive", _given_up_at_once, ("given up while it is on its way",)),
    Mutant("a cut commit called failure", _cut_commit_called_failure, ("the intent's commit gets no answer",)),
    Mutant(
        "attempts of another run overlooked",
        _attempts_of_others_overlooked,
        ("not sent by one, and sent by a resume beside it", "given up in the very moment in which it is sent"),
    ),
    Mutant("the list never looked through", _never_looks_in_the_list, ("a hundred newer refunds",)),
    Mutant("the attempt is not recorded", _attempt_not_recorded, ("the first answer is lost",)),
    Mutant("no audit line before it is sent", _audit_line_left_out, ("the first answer is lost",)),
    Mutant("other bytes on a retry", _other_bytes_on_retry, ("the first answer is lost",)),
    Mutant("resume carries out the backend's requests", _resume_carries_out_requests, ("a request of the backend beside it",)),
)
