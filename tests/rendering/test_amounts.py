"""Amounts and shares as people read them."""

from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ecloud_pay.domain.money import CURRENCIES, Money, recorded
from ecloud_pay.rendering.amounts import amount_text, share_text


@pytest.mark.parametrize(
    ("figure", "currency", "text"),
    [
        ("100.00", "usd", "$100.00"),
        ("0.00", "usd", "$0.00"),
        ("0.05", "usd", "$0.05"),
        ("-0.01", "usd", "-$0.01"),
        ("1234567.89", "usd", "$1,234,567.89"),
        ("80.01", "eur", "€80.01 EUR"),
        ("-80.01", "eur", "-€80.01 EUR"),
        ("80.01", "aud", "$80.01 AUD"),
        ("1200.00", "jpy", "¥1,200 JPY"),
        ("1200.00", "krw", "₩1,200 KRW"),
        ("12.50", "chf", "12.50 CHF"),
        ("1200.00", "isk", "1,200 ISK"),
        ("12.50", "kwd", "12.500 KWD"),
        ("100.00", "USD", "$100.00"),
    ],
)
def test_the_bare_symbol_belongs_to_the_main_currency(figure: str, currency: str, text: str) -> None:
    assert amount_text(recorded(Decimal(figure), currency), "usd") == text


@pytest.mark.parametrize(
    ("currency", "main_currency", "text"),
    [("eur", "eur", "€5.00"), ("usd", "eur", "$5.00 USD"), ("chf", "chf", "5.00 CHF"), ("jpy", "jpy", "¥5"), ("cny", "jpy", "¥5.00 CNY")],
)
def test_another_main_currency_gets_the_bare_symbol(currency: str, main_currency: str, text: str) -> None:
    assert amount_text(recorded(Decimal("5.00"), currency), main_currency) == text


@pytest.mark.parametrize(("currency", "text"), [("usd", "$5.00 USD"), ("eur", "€5.00 EUR"), ("chf", "5.00 CHF")])
def test_the_code_is_written_where_it_is_asked_for(currency: str, text: str) -> None:
    assert amount_text(recorded(Decimal("5.00"), currency), "usd", with_code=True) == text


def test_yen_has_no_decimals() -> None:
    assert amount_text(Money(1200, "jpy"), "jpy") == "¥1,200"


@pytest.mark.parametrize(
    ("figure", "currency", "text"),
    [
        ("80.50", "jpy", "80.50 JPY (80.50 is not an amount in JPY: it has too many decimals)"),
        ("80.50", "zzz", "80.50 ZZZ (unknown currency 'zzz')"),
        ("80.50", None, "80.50 (no currency)"),
        ("NaN", "usd", "NaN USD (NaN is not an amount)"),
    ],
)
def test_a_figure_that_is_no_money_is_shown_with_the_reason(figure: str, currency: str | None, text: str) -> None:
    assert amount_text(recorded(Decimal(figure), currency), "usd") == text


def test_a_hostile_currency_is_shown_harmless() -> None:
    text = amount_text(recorded(Decimal("1.00"), "\x1b[2J\n\u202e"), "usd")
    assert text == "1.00 \\x1b[2J\\n\\u202e (unknown currency '\\x1b[2j\\n\\u202e')"


@given(hundreds=st.integers(-(10**7), 10**7), currency=st.sampled_from(sorted(CURRENCIES)), main=st.sampled_from(["usd", "eur", "jpy"]))
@settings(deadline=None, max_examples=150)
def test_an_amount_shows_every_digit_and_says_which_currency_it_is(hundreds: int, currency: str, main: str) -> None:
    money = Money(hundreds * 100, currency)
    text = amount_text(money, main)
    digits = "".join(character for character in text if character in "-.0123456789")
    assert Money.parse(digits, currency) == money
    assert (currency.upper() in text) or (currency == main and text.lstrip("-")[0] in "$€¥")


@pytest.mark.parametrize(
    ("percent", "text"),
    [
        (None, "n/a"),
        ("0", "0%"),
        ("15", "15%"),
        ("15.00", "15%"),
        ("12.5", "12.5%"),
        ("14.99", "14.99%"),
        ("10", "10%"),
        ("100", "100%"),
        ("1E+2", "100%"),
        ("-12.5", "-12.5%"),
        ("14.994", "14.99%"),
        ("14.996", "15.00%"),
        ("14.995", "15.00%"),
        ("33.33333333333333333333333333", "33.33%"),
        ("99.999", "100.00%"),
        ("0.001", "0.00%"),
    ],
)
def test_a_share_that_is_not_exact_shows_both_decimals(percent: str | None, text: str) -> None:
    assert share_text(None if percent is None else Decimal(percent)) == text
