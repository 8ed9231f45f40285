"""What another run, or a person, does while this one waits: nothing is lost, and nothing untrue is said."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from ecloud_pay.actions.refund import carry_out, told
from ecloud_pay.actions.requests import decline
from ecloud_pay.actions.resume import adopt, resume, unsettled_of
from ecloud_pay.domain.answers import Answer
from ecloud_pay.domain.errors import CannotWrite, OutcomeUnknown, Unavailable
from ecloud_pay.domain.refund import Intent, Settlement
from support.office import FIVE
from support.refunding import OPS, Clockwork, FullDisk, Till, backdate, sentences


class Slow:
    """A gateway whose POST is under way for so long that somebody acts meanwhile."""

    def __init__(self, till: Till) -> None:
        self._till = till

    def __getattr__(self, name: str) -> Any:
        return getattr(self._till.gateway, name)

    def send(self, intent: Intent) -> Answer:
        till = self._till
        click = till.stripe.dashboard_refund(FIVE, 25_00)
        backdate(till.backend, 1001, first_sent_at=timedelta(minutes=4), last_sent_at=timedelta(minutes=4))
        adopt(unsettled_of(till.ledger, 5), str(click["id"]), till.sender, till.account)
        return till.gateway.send(intent)


def test_a_refund_of_ours_that_is_made_after_another_one_was_adopted_is_told_and_audited(till: Till) -> None:
    with pytest.raises(OutcomeUnknown) as raised:
        carry_out(till.preview(), replace(till.sender, gateway=Slow(till)))
    ours, click = sorted(till.gateway.refunds(FIVE), key=lambda refund: refund.key is None)
    assert sentences(raised.value) == (
        f"Stripe has made {ours.id} of 25.00 USD of payment #5, for which somebody took {click.id} meanwhile",
        f"Both are at Stripe; only {click.id} is recorded here.",
        f"Do not repeat it. Look at both in Stripe's Dashboard: {ours.id} was not wanted twice.",
    )
    last = till.lines()[-1]
    assert (last["event_type"], last["details"]["stripe_refund_id"], last["details"]["words"]) == (
        "refunded",
        ours.id,
        f"made beside {click.id}, which is what is recorded",
    )


def test_both_ids_are_told_even_where_the_trail_cannot_be_written(till: Till) -> None:
    sender = replace(till.sender, gateway=Slow(till), audit=FullDisk(till.audit, "refunded"))
    with pytest.raises(OutcomeUnknown) as raised:
        carry_out(till.preview(), sender)
    assert all(refund.id in raised.value.what for refund in till.gateway.refunds(FIVE))


def test_what_another_run_has_settled_in_a_pause_is_told_as_it_ended(till: Till) -> None:
    till.stripe.faults("reset_before", "decline")
    ended: list[Any] = []

    def meanwhile() -> None:
        if not ended:
            ended.append(None)
            other = replace(till.sender, patience=Clockwork())
            ended[:] = resume(till.ledger.unfinished(), other, till.account)

    till.patience.on_wait = meanwhile
    settled = till.refund()
    assert settled == replace(ended[0].intent, is_audited=True)
    assert told(settled).startswith("The refund of 25.00 USD was refused by Stripe: ")


class _Dying:
    """A ledger whose database is gone once it has settled."""

    def __init__(self, ledger: Any) -> None:
        self._ledger = ledger
        self.is_dead = False

    def __getattr__(self, name: str) -> Any:
        if self.is_dead:
            raise Unavailable("the database is gone")
        return getattr(self._ledger, name)

    def settle(self, intent: Intent, settlement: Settlement) -> Intent:
        settled: Intent = self._ledger.settle(intent, settlement)
        self.is_dead = True
        return settled


def test_a_full_disk_and_a_lost_database_at_once_still_say_that_it_was_made(till: Till) -> None:
    sender = replace(till.sender, ledger=_Dying(till.ledger), audit=FullDisk(till.audit, "refunded"))
    with pytest.raises(CannotWrite) as raised:
        carry_out(till.preview(), sender)
    [refund] = till.stripe.refunds(FIVE)
    what, now, to_do = sentences(raised.value)
    assert what.startswith("the audit line could not be written: ")
    assert now == f"The refund {refund['id']} of 25.00 USD was made. That is recorded in the database."
    assert to_do == "When the file can be written again: ecloud-pay refund --resume"


def test_a_request_that_cannot_be_noted_down_stays_open(till: Till) -> None:
    before = till.backend.fingerprint()
    with pytest.raises(CannotWrite) as raised:
        decline(till.ledger, FullDisk(till.audit, "refund_failed"), 2, OPS)
    assert raised.value.now == "The request is still open: nothing was changed."
    assert till.backend.fingerprint() == before


def test_books_stay_right_where_the_other_one_was_adopted(till: Till) -> None:
    with pytest.raises(OutcomeUnknown):
        carry_out(till.preview(), replace(till.sender, gateway=Slow(till)))
    assert till.books()["booked"] == Decimal("25.00")
