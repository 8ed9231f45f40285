"""One refund: wish → preview → consent → the very same preview carried out → the outcome printed."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from ecloud_pay.actions.desk import Desk
from ecloud_pay.actions.preflight import preview
from ecloud_pay.actions.refund import carry_out, earlier, told, trouble
from ecloud_pay.actions.requests import check_open, wished
from ecloud_pay.actions.sending import Sender
from ecloud_pay.commands.parsing import number
from ecloud_pay.commands.refund_confirming import ask_about_fraud, ask_consent, check_cap, consent_given
from ecloud_pay.commands.refund_counter import desk, operator, payment_meant
from ecloud_pay.commands.refund_options import Typed, make_wish
from ecloud_pay.domain.at_stripe import RefundState
from ecloud_pay.domain.errors import CannotWrite, OutcomeUnknown
from ecloud_pay.domain.money import Money
from ecloud_pay.domain.preview import Preview, Wish
from ecloud_pay.domain.refund import Ending, Intent, RefundReason
from ecloud_pay.ports import Patience
from ecloud_pay.rendering import machine
from ecloud_pay.rendering.screen import ClosedPipe
from ecloud_pay.signals import MoneyInFlight, Stopped
from ecloud_pay.wiring import Wiring

_T = TypeVar("_T")


def make(wiring: Wiring, typed: Typed) -> None:
    """`refund REF` and `refund --request ROW`."""
    wish_of = make_wish(typed.asked)
    row = number(typed.unfinished.request, "--request")
    check_cap(typed.consent.max_total, ())
    with wiring.ledger() as ledger:
        wish = wish_of(operator(wiring, ledger, typed.consent.as_))
        if row is None:
            assert typed.ref is not None  # Typed.way has seen to it
            payment_id = payment_meant(ledger, typed.ref, lambda intent: intent.order.request_id == wish.request_id is not None)
        else:
            payment_id, wish = wished(ledger, row, wish)
        if (first := earlier(ledger, payment_id, wish)) is not None:
            wiring.screen.note(f"--request-id {wish.request_id} was used before; this is how it ended then.")
            print_settled(wiring, typed, first, None)
            return
        if row is not None:
            check_open(ledger, row)
        with desk(wiring, ledger) as open_desk:
            _make(wiring, typed, open_desk, payment_id, wish)


def _make(wiring: Wiring, typed: Typed, open_desk: Desk, payment_id: int, wish: Wish) -> None:
    wiring.audit_trail().check()
    found = preview(open_desk, payment_id, wish)
    check_cap(typed.consent.max_total, [found.order.amount])
    if typed.consent.dry_run:
        _print_preview(wiring, typed, found)
        return
    found = _agreed(wiring, typed, open_desk, found)
    with wiring.money_in_flight() as patience:
        sender = Sender(open_desk.ledger, open_desk.gateway, wiring.audit_trail(), patience)
        settled = unless_stopped(found.payment.id, lambda: carry_out(found, sender))
        settlement = settled.settlement
        took_it = settlement is not None and settlement.state is not RefundState.FAILED
        print_settled(wiring, typed, settled, found.left if took_it else found.refunded.remainder(found.captured), patience)


def _agreed(wiring: Wiring, typed: Typed, open_desk: Desk, found: Preview) -> Preview:
    """The preview that somebody has agreed to. What changed while they thought is shown and asked again."""
    is_given = consent_given(typed.consent, found.order.mode, [found.order.amount])
    while True:
        if not (is_given and wiring.screen.is_quiet):
            _show_preview(wiring, found)
        if found.order.reason is RefundReason.FRAUDULENT:
            from ecloud_pay.rendering.refund_cards import BLOCK_LIST

            ask_about_fraud(wiring, typed.consent, BLOCK_LIST)
        if is_given:
            return found
        ask_consent(wiring, found.order.mode, [found.order.amount])
        fresh = preview(open_desk, found.payment.id, found.wish)
        if (fresh.order, fresh.refunded, fresh.captured) == (found.order, found.refunded, found.captured):
            return fresh
        wiring.screen.warn("It has changed meanwhile; this is how it stands now.")
        found = fresh


def unless_stopped(payment_id: int | None, act: Callable[[], _T]) -> _T:
    """What `act` comes to. A second signal stops the waiting: OutcomeUnknown."""
    try:
        return act()
    except Stopped as stop:
        which = "" if payment_id is None else f" {payment_id}"
        raise OutcomeUnknown(
            f"you stopped waiting ({stop}) while money was in flight",
            now="It is recorded as unsettled; money may have moved.",
            to_do=f"Do not repeat it. To settle it: ecloud-pay refund --resume{which}",
        ) from stop


def print_settled(wiring: Wiring, typed: Typed, settled: Intent, left: Money | None, patience: Patience | None = None) -> None:
    """The outcome on stdout, then whatever error it ends with. A refund that was made is said so even where stdout is lost."""
    with said(wiring, told(settled), f"Look at it: ecloud-pay show {settled.order.payment_id}"):
        if typed.json:
            from ecloud_pay.rendering.refund_documents import settled_document

            wiring.screen.data(machine.json_text(settled_document(settled, left)))
        else:
            from ecloud_pay.rendering.refund_cards import settled_card

            wiring.screen.show(settled_card(settled, left, wiring.look))
    was_stopped = patience is not None and patience.is_stop_asked
    if isinstance(patience, MoneyInFlight) and was_stopped and settled.settlement and settled.settlement.ending is Ending.NOT_SENT:
        patience.raise_if_stopped("nothing was sent, and that is recorded")
    if was_stopped:
        wiring.screen.note("You asked to stop while money was in flight; it was settled first.")
    error = trouble(settled)
    if error is not None and not _is_as_asked(typed, settled):
        raise error


def _is_as_asked(typed: Typed, settled: Intent) -> bool:
    """Whether it ended badly because that was wanted."""
    return typed.unfinished.abandon and settled.settlement is not None and settled.settlement.ending is Ending.ABANDONED


@contextmanager
def said(wiring: Wiring, truth: str, to_do: str) -> Iterator[None]:
    """Says what happened to the money, `truth`, where the output itself is lost."""
    try:
        yield
    except Stopped as stop:  # by a second signal, while stdout did not take it
        stop.now = f"{truth[:1].lower()}{truth[1:]} That is recorded"
        raise
    except CannotWrite as error:
        raise CannotWrite(error.what, now=f"{truth} That is recorded.", to_do=to_do) from error
    except ClosedPipe:
        wiring.screen.note(truth)
        raise


def _print_preview(wiring: Wiring, typed: Typed, found: Preview) -> None:
    if typed.json:
        from ecloud_pay.rendering.refund_documents import preview_document

        wiring.screen.data(machine.json_text(preview_document(found)))
    else:
        from ecloud_pay.rendering.refund_cards import preview_cards

        wiring.screen.show(preview_cards(found, wiring.look))
    wiring.screen.note("Dry run: nothing was sent and nothing was written.")


def _show_preview(wiring: Wiring, found: Preview) -> None:
    from ecloud_pay.rendering.refund_cards import preview_cards

    wiring.screen.aside(preview_cards(found, wiring.look))
