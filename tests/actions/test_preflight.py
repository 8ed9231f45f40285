"""Every rule that a refund must pass before anything is written: what is refused, in which words, and that nothing was touched."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from ecloud_pay.domain.at_stripe import Mode
from ecloud_pay.domain.errors import Busy, EcloudPayError, NotFound, Refused, Unavailable, UnknownAtStripe, UsageError
from ecloud_pay.domain.money import Money
from ecloud_pay.domain.refund import Line, RefundReason
from ecloud_pay.domain.report import BorneBy
from support.office import FIVE
from support.refunding import KEY, OPS, Till, sentences

NOTHING = "Nothing was sent."
LOOK = "Look closer: ecloud-pay show 5"
HEAL = "Heal it: ecloud-pay sync --ref 5 --apply. Or, if it is meant to be so, add --accept-drift."


def said(till: Till, act: Callable[[], Any]) -> tuple[Any, ...]:
    """What was refused; nothing may have been written, sent or noted down."""
    before = repr(till.backend.fingerprint())  # a NaN is not equal to itself
    with pytest.raises(EcloudPayError) as raised:
        act()
    assert repr(till.backend.fingerprint()) == before
    assert (till.posts(), till.events()) == ([], [])
    return (type(raised.value), *sentences(raised.value))


def test_what_a_plain_wish_comes_to(till: Till) -> None:
    till.borne_by = BorneBy.PROPORTIONAL
    found = till.preview(reason=RefundReason.DUPLICATE, note="twice", request_id="r-1")
    order = found.order
    assert (order.key, order.payment_id, order.payment_intent, order.amount) == (KEY, 5, FIVE, Money(25_00, "usd"))
    assert (order.reason, order.note, order.actor, order.request_id) == (RefundReason.DUPLICATE, "twice", OPS, "r-1")
    assert (order.mode, order.account, order.line, order.request_row) == (Mode.TEST, till.stripe.account, None, None)
    assert (found.captured, found.left, found.fee, found.payout) == tuple(Money(figure, "usd") for figure in (100_00, 75_00, 15_00, 85_00))
    assert found.borne == (Money(3_75, "usd"), Money(21_25, "usd"))
    assert till.events() == []


def test_without_an_amount_it_is_all_that_is_left(till: Till) -> None:
    assert till.preview(11, None).order.amount == Money(75_00, "usd")
    assert till.preview(10, None).order.amount == Money(12_000, "jpy")


@pytest.mark.parametrize(
    ("payment", "what"),
    [
        (6, "payment #6 is pending: only a succeeded payment can be refunded"),
        (7, "payment #7 is failed: only a succeeded payment can be refunded"),
        (8, "payment #8 is cancelled: only a succeeded payment can be refunded"),
        (9, "payment #9 is processing: only a succeeded payment can be refunded"),
        (13, "payment #13 is on_hold: only a succeeded payment can be refunded"),
    ],
)
def test_a_payment_of_another_status_here(till: Till, payment: int, what: str) -> None:
    assert said(till, lambda: till.preview(payment)) == (Refused, what, NOTHING, "")
    assert till.stripe.journal() == []


def test_a_payment_that_there_is_not(till: Till) -> None:
    assert said(till, lambda: till.preview(999)) == (NotFound, "there is no payment #999", "", "")


def test_a_payment_that_stripe_does_not_know(till: Till) -> None:
    till.stripe.reset()
    kind, what, now, _ = said(till, lambda: till.preview())
    assert (kind, now) == (UnknownAtStripe, "Nothing was changed.")
    assert what == f"Stripe does not know it under this key: No such payment_intent: '{FIVE}'"


def test_a_payment_of_the_other_mode(till: Till) -> None:
    till.stripe.put_payment(FIVE, 100_00, livemode=True)
    kind, what, _, to_do = said(till, lambda: till.preview())
    assert kind is UnknownAtStripe
    assert what.startswith("Stripe has it in the other mode: ")
    assert to_do == "Use the live key of the same account, or the database that belongs to this one."


@pytest.mark.parametrize(
    ("amount", "spec", "problem"),
    [
        (100_00, {"status": "processing"}, "is processing at Stripe: only a succeeded payment can be refunded"),
        (100_00, {"status": "canceled"}, "is canceled at Stripe: only a succeeded payment can be refunded"),
        (100_00, {"status": "requires_capture"}, "is requires_capture at Stripe: only a succeeded payment can be refunded"),
        (100_00, {"currency": "eur"}, "is in EUR at Stripe and in USD here"),
        (99_99, {}, "is 99.99 USD at Stripe and 100.00 USD here"),
        (100_00, {"amount_captured": 60_00}, "is 60.00 USD at Stripe and 100.00 USD here"),
    ],
)
def test_a_payment_that_is_another_at_stripe(till: Till, amount: int, spec: dict[str, Any], problem: str) -> None:
    till.stripe.reset()
    till.stripe.put_payment(FIVE, amount, **spec)
    assert said(till, lambda: till.preview()) == (Refused, f"payment #5 {problem}", NOTHING, LOOK)


@pytest.mark.parametrize(
    ("status", "is_refundable", "is_refused"),
    [
        ("needs_response", False, True),
        ("lost", False, True),
        ("under_review", True, False),
        ("warning_needs_response", False, False),
        ("warning_under_review", False, False),
    ],
)
def test_a_dispute_forbids_it_unless_stripe_says_otherwise_or_it_is_an_inquiry(
    till: Till, status: str, is_refundable: bool, is_refused: bool
) -> None:
    till.stripe.put_payment(FIVE, 100_00, disputes=[{"id": "dp_1", "status": status, "is_charge_refundable": is_refundable}])
    if not is_refused:
        assert till.preview().order.amount == Money(25_00, "usd")
        return
    what = f"payment #5 is disputed (dp_1, {status}): the money is with the card's bank"
    assert said(till, lambda: till.preview()) == (Refused, what, NOTHING, "Answer the dispute in Stripe's Dashboard.")


TRANSFER = "payment #5 has a transfer to a connected account, so somebody must decide what becomes of it"
FEE = "payment #5 has an application fee, so somebody must decide what becomes of it"


@pytest.mark.parametrize(
    ("spec", "wish", "what", "to_do"),
    [
        (
            {"destination": "acct_x"},
            {},
            TRANSFER,
            "Add --reverse-transfer (take its share back) or --no-reverse-transfer (leave it there).",
        ),
        (
            {"destination": "acct_x", "application_fee_amount": 5_00},
            {"reverse_transfer": False},
            FEE,
            "Add --refund-application-fee (give its share back) or --no-refund-application-fee (keep it).",
        ),
        ({}, {"reverse_transfer": True}, "payment #5 has no transfer, so --reverse-transfer has no meaning", "Leave it out."),
        ({}, {"reverse_transfer": False}, "payment #5 has no transfer, so --no-reverse-transfer has no meaning", "Leave it out."),
        (
            {},
            {"refund_application_fee": True},
            "payment #5 has no application fee, so --refund-application-fee has no meaning",
            "Leave it out.",
        ),
    ],
)
def test_what_is_connected_must_be_chosen_where_it_applies(
    till: Till, spec: dict[str, Any], wish: dict[str, Any], what: str, to_do: str
) -> None:
    till.stripe.put_payment(FIVE, 100_00, **spec)
    assert said(till, lambda: till.preview(**wish)) == (Refused, what, NOTHING, to_do)


@pytest.mark.parametrize("reverse_transfer", [True, False])
@pytest.mark.parametrize("refund_application_fee", [True, False])
def test_what_was_chosen_is_in_the_order(till: Till, reverse_transfer: bool, refund_application_fee: bool) -> None:
    till.stripe.put_payment(FIVE, 100_00, destination="acct_x", application_fee_amount=5_00)
    order = till.preview(reverse_transfer=reverse_transfer, refund_application_fee=refund_application_fee).order
    assert (order.reverse_transfer, order.refund_application_fee) == (reverse_transfer, refund_application_fee)


@pytest.mark.parametrize(
    ("amount", "expected"),
    [
        ("100.01", (Refused, "100.01 USD is more than what is left to refund of payment #5, 100.00 USD", NOTHING, "")),
        ("0", (Refused, "0.00 USD is nothing to refund of payment #5", NOTHING, "")),
        ("-1", (Refused, "-1.00 USD is nothing to refund of payment #5", NOTHING, "")),
        ("1.001", (UsageError, "--amount: 1.001 is not an amount in USD: it has too many decimals", "", "")),
        ("NaN", (UsageError, "--amount: NaN is not an amount", "", "")),
    ],
)
def test_an_amount_that_cannot_be_refunded(till: Till, amount: str, expected: tuple[Any, ...]) -> None:
    assert said(till, lambda: till.preview(amount=amount)) == expected


def test_half_a_yen(till: Till) -> None:
    what = "--amount: 0.5 is not an amount in JPY: it has too many decimals"
    assert said(till, lambda: till.preview(10, "0.5")) == (UsageError, what, "", "")


def test_another_currency_than_was_meant(till: Till) -> None:
    assert till.preview(currency="usd").order.amount == Money(25_00, "usd")
    assert said(till, lambda: till.preview(currency="eur")) == (Refused, "payment #5 is in USD, not in EUR", NOTHING, "")


def test_nothing_is_left(till: Till) -> None:
    till.stripe.dashboard_refund("pi_11", 75_00)
    till.backend.run("UPDATE payments_payment SET refund_amount = 100 WHERE id = 11")
    what = "nothing is left to refund of payment #11: 100.00 USD came back already"
    assert said(till, lambda: till.preview(11, "1.00", accepts_drift=True)) == (Refused, what, NOTHING, "")


DRIFT = "the books disagree on what came back of payment #5: {} at Stripe, {} in refund rows ({} completed), {} on the payment"


@pytest.mark.parametrize(
    ("at_stripe", "rows", "booked", "figures", "left"),
    [
        (30_00, None, "0", ("30.00 USD", "0.00 USD", "0.00 USD", "0.00 USD"), "70.00"),
        (0, None, "40", ("0.00 USD", "0.00 USD", "0.00 USD", "40.00 USD"), "60.00"),
        (0, "completed", "0", ("0.00 USD", "20.00 USD", "20.00 USD", "0.00 USD"), "80.00"),
        (0, "pending", "0", ("0.00 USD", "20.00 USD", "0.00 USD", "0.00 USD"), "80.00"),
        (20_00, "completed", "0", ("20.00 USD", "20.00 USD", "20.00 USD", "0.00 USD"), "80.00"),
    ],
)
def test_where_the_books_disagree(till: Till, at_stripe: int, rows: str | None, booked: str, figures: tuple[str, ...], left: str) -> None:
    if at_stripe:
        till.stripe.dashboard_refund(FIVE, at_stripe)
    if rows:
        till.backend.rows_changed(
            """INSERT INTO payments_refund (payment_id, amount, status, stripe_refund_id, created_at)
            VALUES (5, 20, %s, 're_x', '2025-01-28')""",
            rows,
        )
    till.backend.rows_changed("UPDATE payments_payment SET refund_amount = %s WHERE id = 5", Decimal(booked))
    assert said(till, lambda: till.preview()) == (Refused, DRIFT.format(*figures), NOTHING, HEAL)
    assert till.preview(amount=None, accepts_drift=True).order.amount == Money.of(Decimal(left), "usd")
    kind, what, _, _ = said(till, lambda: till.preview(amount=str(Decimal(left) + 1), accepts_drift=True))
    assert (kind, what) == (Refused, f"{Decimal(left) + 1} USD is more than what is left to refund of payment #5, {left} USD")


def test_a_pending_refund_at_stripe_that_a_row_knows_is_agreed_and_reserves(till: Till) -> None:
    refund = till.stripe.dashboard_refund(FIVE, 20_00)
    till.stripe.move(refund["id"], "pending")
    till.backend.rows_changed(
        """INSERT INTO payments_refund (payment_id, amount, status, stripe_refund_id, created_at) VALUES (5, 20, 'pending', %s, now())""",
        refund["id"],
    )
    assert till.preview(amount=None).order.amount == Money(80_00, "usd")


def test_a_figure_of_ours_that_is_no_money(till: Till) -> None:
    till.backend.run("UPDATE payments_payment SET refund_amount = 'NaN' WHERE id = 5")
    kind, what, now, to_do = said(till, lambda: till.preview())
    assert (kind, what.split(":")[0], now, to_do) == (
        Refused,
        "its refund_amount is NaN usd, which cannot be refunded",
        NOTHING,
        "Have the backend's owner correct the row.",
    )


AGAIN = "If it is meant a second time, add --allow-duplicate."


class TestTwins:
    """The same amount within a day."""

    def twin(self, till: Till, **wish: Any) -> tuple[Any, ...]:
        with pytest.raises(EcloudPayError) as raised:
            till.preview(**{"key": "second", **wish})
        return (type(raised.value), *sentences(raised.value))

    def test_ours(self, till: Till) -> None:
        till.refund()
        [refund] = till.stripe.refunds(FIVE)
        what = f"25.00 USD of payment #5 was refunded within the last 24 h already: refund #1001, {refund['id']}"
        assert self.twin(till) == (Refused, what, NOTHING, AGAIN)
        assert till.preview(key="second", amount="25.01").order.amount == Money(25_01, "usd")
        assert till.preview(key="second", may_repeat=True).order.key == "second"

    def test_somebody_elses_in_stripes_list(self, till: Till) -> None:
        refund = till.stripe.dashboard_refund(FIVE, 25_00)
        what = f"25.00 USD of payment #5 was refunded within the last 24 h already: {refund['id']} at Stripe"
        assert self.twin(till, accepts_drift=True) == (Refused, what, NOTHING, AGAIN)

    def test_a_request_of_the_backend(self, till: Till) -> None:
        till.backend.run("INSERT INTO payments_refund (payment_id, amount, status, created_at) VALUES (5, 25, 'pending', now())")
        what = "25.00 USD of payment #5 was refunded within the last 24 h already: a request of the backend, row #1001"
        assert self.twin(till) == (Refused, f"{what} (carry it out with --request 1001)", NOTHING, AGAIN)
        assert till.preview(key="second", request_row=1001).order.request_row == 1001

    def test_what_failed_does_not_count(self, till: Till) -> None:
        till.stripe.faults("decline", message="No.")
        till.refund()
        till.stripe.move(till.stripe.dashboard_refund(FIVE, 25_00)["id"], "failed")
        assert till.preview(key="second").order.key == "second"

    @pytest.mark.parametrize(("hours", "is_refused"), [(23.9, True), (24.1, False)])
    def test_for_a_day(self, till: Till, hours: float, is_refused: bool) -> None:
        at = datetime.now(UTC) - timedelta(hours=hours)
        till.stripe.put_payment(FIVE, 100_00, refunds=[{"id": "re_x", "amount": 25_00, "created": int(at.timestamp())}])
        till.backend.rows_changed(
            """INSERT INTO payments_refund (payment_id, amount, status, stripe_refund_id, created_at)
            VALUES (5, 25, 'completed', 're_x', %s)""",
            at,
        )
        till.backend.run("UPDATE payments_payment SET refund_amount = 25 WHERE id = 5")
        if is_refused:
            assert self.twin(till)[0] is Refused
        else:
            assert till.preview(key="second").order.key == "second"

    def test_a_batch_of_another_name_is_meant_and_the_default_one_is_not(self, till: Till) -> None:
        till.refund(line=Line("May", 1))
        assert till.preview(key="second", line=Line("June", 1)).order.line == Line("June", 1)
        assert self.twin(till, line=Line("May", 2))[0] is Refused
        assert self.twin(till, line=Line("default", 1))[0] is Refused
        assert self.twin(till, line=None)[0] is Refused


@pytest.mark.parametrize("was_sent", [False, True])
def test_an_unsettled_refund_is_in_the_way(till: Till, was_sent: bool) -> None:
    intent = till.begin()
    if was_sent:
        till.ledger.mark_sent(intent, "line")
    assert said(till, lambda: till.preview(amount="1.00", key="second", may_repeat=True, accepts_drift=True)) == (
        Busy,
        f"payment #5 has an unsettled refund of 25.00 USD, begun by ops@demo at {intent.created_at:%Y-%m-%d %H:%M:%S} UTC",
        f"Nothing was sent. That one {'may have been sent to Stripe' if was_sent else 'had not been sent to Stripe yet'}.",
        "If nobody is at it just now: ecloud-pay refund --resume 5",
    )
    assert till.preview(12).order.payment_id == 12


def test_stripe_out_of_reach(till: Till) -> None:
    till.stripe.faults("503", match="GET /v1/payment_intents")
    assert said(till, lambda: till.preview())[0] is Unavailable


def test_a_list_whose_last_page_is_missing_is_not_believed(till: Till) -> None:
    till.stripe.faults("empty_page_200", match="GET /v1/refunds")
    assert said(till, lambda: till.preview())[0] is Unavailable
