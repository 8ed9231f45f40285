"""The rules that make one figure out of others."""

from dataclasses import fields, replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecloud_pay.domain.money import MixedCurrencies, Money
from ecloud_pay.domain.payment import Person
from ecloud_pay.domain.report import BorneBy, Figures, Owed, added_up, in_order, share_of_fee

D = Decimal


def figures(**changes: object) -> Figures:
    """Two charged payments of $100.00 and $50.00, a refund of $30.00."""
    plain = Figures("usd", payments=3, succeeded=2, failed=1, charged=2, gross=D("150.00"), fees=D("22.50"), payouts=D("127.50"))
    return replace(plain, **{"largest": D("100.00"), "refunded": 1, "refunds": D("30.00"), **changes})  # type: ignore[arg-type]


def test_net_volume_is_gross_less_refunds() -> None:
    assert figures().net == D("120.00")
    assert figures(refunds=D("200.00")).net == D("-50.00")


def test_the_average_is_per_charged_payment() -> None:
    assert figures().average == D("75")
    assert figures(charged=0).average is None


def test_the_success_rate_is_of_what_has_been_decided() -> None:
    assert figures(succeeded=3, failed=1).success_rate == D("75")
    assert figures(succeeded=0, failed=0, pending=4).success_rate is None
    assert figures(succeeded=0, failed=2).success_rate == D("0")


def test_the_refunded_share_may_pass_a_hundred_percent_and_is_unknown_at_nothing() -> None:
    assert figures().refunded_share == D("20")
    assert figures(refunds=D("300.00")).refunded_share == D("200")
    assert figures(gross=D("0.00")).refunded_share is None
    assert figures(currency="xyz").refunded_share == D("20")  # a share needs no currency
    assert figures(gross=D("NaN")).refunded_share is None
    assert figures(refunds=D("NaN")).refunded_share is None


def test_fees_and_payouts_prove_gross_volume() -> None:
    assert figures().unproven == 0
    assert figures(fees=D("22.49")).unproven == D("0.01")


def test_after_refunds_is_unknown_until_somebody_records_who_bears_them() -> None:
    assert figures().fees_after_refunds is None
    assert figures().payouts_after_refunds is None
    shared = figures(refunds_on_fees=D("4.50"))
    assert (shared.fees_after_refunds, shared.payouts_after_refunds) == (D("18.00"), D("102.00"))


def test_figures_add_up_field_by_field() -> None:
    one = figures(refunds_on_fees=D("4.50"), unrowed=1, refunds_without_row=D("1.00"))
    summed = one + figures(refunds_on_fees=D("0.50"), largest=D("120.00"))
    for field in fields(Figures):
        if field.name not in ("currency", "largest"):
            assert getattr(summed, field.name) == getattr(one, field.name) + getattr(figures(refunds_on_fees=D("0.50")), field.name)
    assert (summed.currency, summed.largest) == ("usd", D("120.00"))


def test_the_largest_of_nothing_is_nothing() -> None:
    assert (Figures("usd") + Figures("usd")).largest is None
    assert (Figures("usd") + figures()).largest == D("100.00")
    largest = (figures(largest=D("NaN")) + figures()).largest
    assert largest is not None
    assert largest.is_nan()


def test_what_nobody_recorded_stays_unrecorded_in_a_sum() -> None:
    assert (figures(refunds_on_fees=D("4.50")) + figures()).refunds_on_fees is None


def test_currencies_are_never_added_together() -> None:
    with pytest.raises(ValueError, match="usd and eur are not added together"):
        figures() + figures(currency="eur")


def test_added_up_has_one_sum_for_each_currency() -> None:
    summed = added_up([figures(), figures(currency="eur"), figures()])
    assert {one.currency: one.gross for one in summed} == {"usd": D("300.00"), "eur": D("150.00")}
    assert added_up([]) == []


def test_the_main_currency_comes_first_and_the_others_by_their_codes() -> None:
    assert [one.currency for one in in_order(map(Figures, ("usd", "jpy", "", "eur")), "jpy")] == ["jpy", "", "eur", "usd"]


def money(text: str, currency: str = "usd") -> Money:
    return Money.parse(text, currency)


@pytest.mark.parametrize(
    ("currency", "fee", "amount", "refunded", "share"),
    [
        ("usd", "15.00", "100.00", "100.00", "15.00"),
        ("usd", "15.00", "100.00", "33.33", "5.00"),
        ("usd", "0.15", "1.00", "0.10", "0.02"),  # 1.5 cents, half up
        ("usd", "0.01", "100.00", "49.99", "0.00"),
        ("usd", "0.01", "100.00", "50.00", "0.01"),
        ("usd", "15.00", "100.00", "150.00", "22.50"),
        ("usd", "15.00", "0.00", "10.00", "0.00"),
        ("jpy", "1", "2", "1", "1"),  # half a yen, half up
        ("jpy", "15", "100", "3", "0"),
        ("isk", "15", "100", "3", "0"),  # Stripe counts in hundredths, and there are none
        ("isk", "15", "100", "4", "1"),
        ("kwd", "0.15", "1.00", "0.10", "0.02"),  # 15 fils, of which Stripe moves tens
    ],
)
def test_the_share_of_the_fee_is_rounded_half_up_to_what_there_is(currency: str, fee: str, amount: str, refunded: str, share: str) -> None:
    assert share_of_fee(*(money(text, currency) for text in (fee, amount, refunded))) == money(share, currency)


@given(st.integers(1, 10**10), st.data())
def test_partial_refunds_take_back_exactly_the_fee_in_the_end(amount: int, data: st.DataObject) -> None:
    fee = data.draw(st.integers(0, amount))
    cuts = sorted(data.draw(st.lists(st.integers(0, amount), max_size=6)))
    shares = [share_of_fee(Money(fee, "usd"), Money(amount, "usd"), Money(cut, "usd")).amount_minor for cut in [0, *cuts, amount]]
    assert shares[0] == 0
    assert shares == sorted(shares)
    assert shares[-1] == fee


def test_the_share_of_a_fee_in_another_currency_is_refused() -> None:
    with pytest.raises(MixedCurrencies):
        share_of_fee(money("1.00", "eur"), money("10.00"), money("5.00"))
    with pytest.raises(MixedCurrencies):
        share_of_fee(money("1.00"), money("10.00"), money("5.00", "eur"))


def owed(**changes: object) -> Owed:
    plain = Owed(Person(26, "cleaner1@test.com", None), "usd", 1, 1, D("100.00"), D("85.00"), D("20.00"), D("17.00"), D("60.00"), D("5.00"))
    return replace(plain, **changes)  # type: ignore[arg-type]


def test_what_is_open_is_the_payout_less_refunds_borne_and_less_what_was_paid_out() -> None:
    assert (owed().after_refunds, owed().open) == (D("68.00"), D("8.00"))


def test_what_is_open_is_unknown_where_refunds_are_and_nobody_recorded_who_bears_them() -> None:
    assert (owed(borne=None).after_refunds, owed(borne=None).open) == (None, None)
    untouched = owed(borne=None, refunds=D("0.00"))
    assert (untouched.after_refunds, untouched.open) == (D("85.00"), D("25.00"))


def test_the_words_of_the_setting_are_these() -> None:
    assert list(BorneBy) == ["proportional", "platform", "cleaner"]
