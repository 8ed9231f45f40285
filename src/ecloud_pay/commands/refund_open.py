"""What is open: `--pending` shows it, `--resume` settles it, and a person decides what no program can know."""

from collections.abc import Sequence
from contextlib import ExitStack
from datetime import UTC, datetime

from ecloud_pay.actions import resume as resuming
from ecloud_pay.actions.desk import Desk
from ecloud_pay.actions.requests import decline
from ecloud_pay.actions.sending import Sender
from ecloud_pay.commands.parsing import number
from ecloud_pay.commands.refund_confirming import ask_consent, ask_whether, consent_given
from ecloud_pay.commands.refund_counter import desk, operator, payment_meant
from ecloud_pay.commands.refund_making import print_settled, said, unless_stopped
from ecloud_pay.commands.refund_options import Typed, Way
from ecloud_pay.domain.errors import CannotWrite, EcloudPayError, OutcomeUnknown, Unavailable
from ecloud_pay.domain.refund import Intent, is_open_request
from ecloud_pay.ports import Ledger
from ecloud_pay.rendering import machine
from ecloud_pay.signals import MoneyInFlight
from ecloud_pay.wiring import Wiring


def see_to(wiring: Wiring, typed: Typed) -> None:
    """Whichever of these was asked for."""
    with wiring.ledger() as ledger:
        match typed.way:
            case Way.PENDING:
                _pending(wiring, typed, ledger)
            case Way.RESUME:
                _resume(wiring, typed, ledger)
            case Way.DECLINE:
                _decline(wiring, typed, ledger)
            case _:
                _decide(wiring, typed, ledger)


def _pending(wiring: Wiring, typed: Typed, ledger: Ledger) -> None:
    only = payment_meant(ledger, typed.ref) if typed.ref else None
    unfinished = ledger.unfinished().of(only)
    rows = [row for row in ledger.pending() if only in (None, row.payment.id)]
    told = _would(wiring, ledger, unfinished.unsettled)
    at_stripe = [row for row in rows if not is_open_request(row.refund)]
    requests = [row for row in rows if is_open_request(row.refund)]
    now = datetime.now(UTC)
    if typed.json:
        from ecloud_pay.rendering.refund_documents import pending_document

        wiring.screen.data(machine.json_text(pending_document(told, at_stripe, requests, now)))
    else:
        from ecloud_pay.rendering.refund_cards import pending_lines

        wiring.screen.show(pending_lines(told, at_stripe, requests, now, wiring.look))
    _raise_first(unfinished.damaged)


def _would(wiring: Wiring, ledger: Ledger, unsettled: Sequence[Intent]) -> list[tuple[Intent, str]]:
    """What resume would do with each; where Stripe cannot be asked, that is said instead."""
    if not unsettled:
        return []
    with ExitStack() as stack:
        try:
            open_desk = stack.enter_context(desk(wiring, ledger))
        except EcloudPayError as error:
            return [(intent, f"have to ask Stripe first: {error.what}") for intent in unsettled]
        sender = _sender(wiring, open_desk, wiring.money_in_flight())
        return [(intent, resuming.would(intent, sender, open_desk.account)) for intent in unsettled]


def _resume(wiring: Wiring, typed: Typed, ledger: Ledger) -> None:
    only = payment_meant(ledger, typed.ref) if typed.ref else None
    unfinished = ledger.unfinished().of(only)
    if not unfinished.unsettled and not unfinished.unaudited:
        # Nothing to ask Stripe about, so a cron line needs no key on a quiet day.
        _print_resumed(wiring, typed, [], only)
        _raise_first(unfinished.damaged)
        return
    with desk(wiring, ledger) as open_desk, wiring.money_in_flight() as patience:
        done: list[resuming.Resumed] = []
        unless_stopped(only, lambda: done.extend(resuming.resume(unfinished, _sender(wiring, open_desk, patience), open_desk.account)))
        _print_resumed(wiring, typed, done, only)
        worst = _worst(done)
        if not isinstance(worst, OutcomeUnknown):
            patience.raise_if_stopped()
    _raise_first([*([] if worst is None else [worst]), *unfinished.damaged])


def _raise_first(errors: Sequence[EcloudPayError]) -> None:
    for error in errors:
        raise error


def _worst(done: Sequence[resuming.Resumed]) -> EcloudPayError | None:
    """The error to end with: that something is unknown counts more than that something was not sent."""
    found = filter(None, map(_trouble, done))
    return min(found, key=lambda error: (not isinstance(error, OutcomeUnknown), not isinstance(error, Unavailable)), default=None)


def _trouble(resumed: resuming.Resumed) -> EcloudPayError | None:
    """What a cron line should hear of: that it is open still, or was not sent. That Stripe said no is an end like any other."""
    is_open = not resumed.intent.is_settled
    return resumed.error if is_open or isinstance(resumed.error, Unavailable | CannotWrite) else None


def _print_resumed(wiring: Wiring, typed: Typed, done: Sequence[resuming.Resumed], only: int | None) -> None:
    truth = " ".join(f"{each.words.removesuffix('.')}." for each in done) or "Nothing was unsettled."
    with said(wiring, truth, "ecloud-pay refund --pending"):
        if typed.json:
            from ecloud_pay.rendering.refund_documents import resumed_document

            wiring.screen.data(machine.json_text(resumed_document([(each.intent, each.error) for each in done])))
        elif not done:
            wiring.screen.note("Nothing is unsettled." if only is None else f"Nothing of payment #{only} is unsettled.")
        else:
            from ecloud_pay.rendering.refund_cards import resumed_lines

            wiring.screen.show(resumed_lines([(each.intent, each.words) for each in done], wiring.look))


def _decline(wiring: Wiring, typed: Typed, ledger: Ledger) -> None:
    row = number(typed.unfinished.decline_request, "--decline-request")
    assert row is not None  # or this would be another way
    actor = operator(wiring, ledger, typed.consent.as_)
    ask_whether(wiring, typed.consent, f"Close the request in refund row #{row} without a refund?")
    with wiring.money_in_flight():
        declined = decline(ledger, wiring.audit_trail(), row, actor)
        told = f"The request in refund row #{row} of payment #{declined.payment.id} is closed; no money moved."
        with said(wiring, told, "ecloud-pay refund --pending"):
            if typed.json:
                from ecloud_pay.rendering.refund_documents import declined_document

                wiring.screen.data(machine.json_text(declined_document(declined)))
            else:
                wiring.screen.note(told)


def _decide(wiring: Wiring, typed: Typed, ledger: Ledger) -> None:
    assert typed.ref is not None  # Typed.way has seen to it
    intent = resuming.unsettled_of(ledger, payment_meant(ledger, typed.ref))
    with desk(wiring, ledger) as open_desk:
        _ask(wiring, typed, open_desk, intent)
        with wiring.money_in_flight() as patience:
            sender = _sender(wiring, open_desk, patience)
            settled = unless_stopped(intent.order.payment_id, lambda: _decided(typed, intent, sender, open_desk))
            print_settled(wiring, typed, settled, None, patience)


def _ask(wiring: Wiring, typed: Typed, open_desk: Desk, intent: Intent) -> None:
    order = intent.order
    if typed.way is Way.SEND_ANYWAY:
        if not consent_given(typed.consent, order.mode, [order.amount]):
            ask_consent(wiring, order.mode, [order.amount])
    elif typed.way is Way.ABANDON:
        ask_whether(wiring, typed.consent, f"Give up the refund of {order.amount} of payment #{order.payment_id}?")
    else:
        refund = typed.unfinished.adopt
        ask_whether(wiring, typed.consent, f"Record {refund} as the refund of {order.amount} of payment #{order.payment_id}?")


def _decided(typed: Typed, intent: Intent, sender: Sender, open_desk: Desk) -> Intent:
    if typed.way is Way.SEND_ANYWAY:
        return resuming.send_anyway(intent, sender, open_desk.account)
    if typed.way is Way.ABANDON:
        return resuming.abandon(intent, sender, open_desk.account)
    assert typed.unfinished.adopt is not None
    return resuming.adopt(intent, typed.unfinished.adopt, sender, open_desk.account)


def _sender(wiring: Wiring, open_desk: Desk, patience: MoneyInFlight) -> Sender:
    return Sender(open_desk.ledger, open_desk.gateway, wiring.audit_trail(), patience)
