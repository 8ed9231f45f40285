"""Money is whole minor units, printed and parsed without ever rounding."""

from decimal import Decimal
from typing import Any, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ecloud_pay.domain.money import (
    CURRENCIES,
    THREE_DECIMAL,
    TWO_DECIMAL,
    WHOLE_THOUGH_TWO_DECIMAL,
    ZERO_DECIMAL,
    MixedCurrencies,
    Money,
    NotMoney,
    Unreadable,
    column_text,
    exponent,
    recorded,
    screen_decimals,
    share,
    written_decimal,
)

currencies = st.sampled_from(sorted(CURRENCIES))


def step(currency: str) -> int:
    """The smallest chargeable amount, in minor units."""
    if currency in ("isk", "ugx"):
        return 100
    return 10 if currency in ("bhd", "jod", "kwd", "omr", "tnd") else 1


@st.composite
def moneys(draw: st.DrawFn) -> Money:
    currency = draw(currencies)
    return Money(draw(st.integers(-(10**13), 10**13)) * step(currency), currency)


def test_the_tables_are_stripes() -> None:
    assert set("bif clp djf gnf jpy kmf krw mga pyg rwf vnd vuv xaf xof xpf".split()) == ZERO_DECIMAL
    assert set("bhd jod kwd omr tnd".split()) == THREE_DECIMAL
    assert {"isk", "ugx"} == WHOLE_THOUGH_TWO_DECIMAL
    assert {"usd", "eur", "gbp", "huf", "twd", "isk", "ugx"} <= TWO_DECIMAL
    assert len(CURRENCIES) == len(ZERO_DECIMAL) + len(TWO_DECIMAL) + len(THREE_DECIMAL), "a currency is in two tables"
    assert all(len(code) == 3 and code.isascii() and code.islower() for code in CURRENCIES)


@pytest.mark.parametrize(
    ("currency", "minor_unit_decimals", "people_write"),
    [("jpy", 0, 0), ("krw", 0, 0), ("usd", 2, 2), ("eur", 2, 2), ("isk", 2, 0), ("ugx", 2, 0), ("kwd", 3, 3), ("tnd", 3, 3)],
)
def test_each_kind_of_currency_has_its_decimals(currency: str, minor_unit_decimals: int, people_write: int) -> None:
    assert exponent(currency) == minor_unit_decimals
    assert screen_decimals(currency) == people_write


@pytest.mark.parametrize(
    ("text", "currency", "minor"),
    [
        ("100", "usd", 10000),
        ("100.00", "usd", 10000),
        ("12.5", "eur", 1250),
        ("12.500", "eur", 1250),
        ("0.01", "usd", 1),
        ("0", "usd", 0),
        ("007", "usd", 700),
        ("1200", "jpy", 1200),
        ("1200.00", "jpy", 1200),
        ("1.5", "kwd", 1500),
        ("1.230", "kwd", 1230),
        ("5", "isk", 500),
        ("5.00", "ugx", 500),
        ("99999999.99", "usd", 9_999_999_999),
    ],
)
def test_a_written_amount_becomes_minor_units(text: str, currency: str, minor: int) -> None:
    assert Money.parse(text, currency) == Money(minor, currency)


@pytest.mark.parametrize(
    ("text", "currency"),
    [
        ("12.505", "eur"),
        ("0.001", "usd"),
        ("80.50", "jpy"),
        ("0.1", "krw"),
        ("5.50", "isk"),
        ("5.01", "ugx"),
        ("1.234", "kwd"),
        ("1.235", "kwd"),
        ("1.2345", "bhd"),
    ],
)
def test_surplus_decimals_are_refused_and_never_rounded(text: str, currency: str) -> None:
    with pytest.raises(NotMoney) as refusal:
        Money.parse(text, currency)
    assert str(refusal.value) == f"{text} is not an amount in {currency.upper()}: it has too many decimals"


@pytest.mark.parametrize(
    "text",
    [
        *("", " ", "1 ", " 1", "1\n", "+1", ".5", "5.", "1,000", "1.000,00", "1_000", "1e3", "1E3", "0x10", "$5", "5 EUR", "inf", "NaN"),
        *("--1", "１２", "٣", "1.٣", "½", "1\x00", "1.2.3"),
    ],
)
def test_nothing_but_digits_and_a_point_is_an_amount(text: str) -> None:
    with pytest.raises(NotMoney):
        written_decimal(text)


@pytest.mark.parametrize("text", ["1" * 5000, "0." + "0" * 5000, "1" * 100_000 + ".5"])
def test_an_amount_longer_than_any_column_is_refused(text: str) -> None:
    with pytest.raises(NotMoney):
        written_decimal(text)


@pytest.mark.parametrize("currency", ["", "zzz", "USD", "us", "usdt", "ｕｓｄ", "usd\n", "btc", "xxx"])
def test_an_unknown_currency_is_refused(currency: str) -> None:
    with pytest.raises(NotMoney, match="unknown currency" if currency else "no currency"):
        Money.parse("1", currency)


@pytest.mark.parametrize("figure", ["NaN", "sNaN", "-NaN", "Infinity", "-Infinity"])
def test_a_figure_that_is_no_number_is_no_money(figure: str) -> None:
    with pytest.raises(NotMoney, match="is not an amount"):
        Money.of(Decimal(figure), "usd")


@pytest.mark.parametrize("figure", [12.5, 0.1, 100.0])
def test_a_float_never_becomes_money(figure: float) -> None:
    with pytest.raises((TypeError, AttributeError)):
        Money.of(cast(Any, figure), "usd")
    with pytest.raises(TypeError):
        Money.parse(cast(Any, figure), "usd")


@pytest.mark.parametrize("digits", [28, 29, 40, 60])
def test_a_long_amount_is_kept_to_the_last_digit_or_refused(digits: int) -> None:
    text = "1" * digits + ".01"
    try:
        money = Money.parse(text, "usd")
    except NotMoney:
        return
    assert money.amount_minor == int("1" * digits + "01")


@given(moneys())
@settings(deadline=None, max_examples=150)
def test_what_is_printed_parses_to_the_same_money(money: Money) -> None:
    figure, code = str(money).split(" ")
    assert code == money.currency.upper()
    assert Money.parse(figure, money.currency) == money


@pytest.mark.parametrize("currency", sorted(CURRENCIES))
def test_every_currency_prints_its_smallest_amount_so_that_it_parses_back(currency: str) -> None:
    for minor in (0, step(currency), -step(currency), 1234567 * step(currency)):
        money = Money(minor, currency)
        assert Money.of(money.figure, currency) == money
        assert Money.parse(str(money).removesuffix(f" {currency.upper()}"), currency) == money


@given(moneys())
@settings(deadline=None, max_examples=100)
def test_the_figure_is_exact(money: Money) -> None:
    assert money.figure * 10 ** exponent(money.currency) == money.amount_minor


@given(figure=st.decimals(allow_nan=False, allow_infinity=False, places=4, min_value=-(10**8), max_value=10**8), currency=currencies)
@settings(deadline=None, max_examples=150)
def test_a_figure_is_either_kept_exactly_or_refused(figure: Decimal, currency: str) -> None:
    smallest = Decimal(step(currency)).scaleb(-exponent(currency))
    try:
        money = Money.of(figure, currency)
    except NotMoney:
        assert figure % smallest != 0
    else:
        assert money.figure == figure
        assert figure % smallest == 0


@given(one=moneys(), other=moneys(), third=st.integers(-(10**9), 10**9))
@settings(deadline=None, max_examples=100)
def test_sums_and_comparisons_are_those_of_the_minor_units(one: Money, other: Money, third: int) -> None:
    other = Money(other.amount_minor + third, one.currency)
    assert (one + other).amount_minor == one.amount_minor + other.amount_minor
    assert one + other - other == one
    negative = -one
    assert (negative.amount_minor, -negative) == (-one.amount_minor, one)
    assert (one < other, one <= other, one > other, one >= other) == (
        one.amount_minor < other.amount_minor,
        one.amount_minor <= other.amount_minor,
        one.amount_minor > other.amount_minor,
        one.amount_minor >= other.amount_minor,
    )


@given(pair=st.lists(currencies, min_size=2, max_size=2, unique=True), minor=st.integers(-(10**9), 10**9))
@settings(deadline=None, max_examples=50)
def test_two_currencies_never_meet_in_a_sum_or_comparison(pair: list[str], minor: int) -> None:
    ours, theirs = Money(minor, pair[0]), Money(minor, pair[1])
    for meet in (
        lambda: ours + theirs,
        lambda: ours - theirs,
        lambda: ours < theirs,
        lambda: ours <= theirs,
        lambda: ours > theirs,
        lambda: ours >= theirs,
    ):
        with pytest.raises(MixedCurrencies, match="cannot be added or compared"):
            meet()
    assert ours != theirs


def test_mixing_currencies_names_both() -> None:
    with pytest.raises(MixedCurrencies) as refusal:
        Money(1, "usd") + Money(1, "eur")
    assert (refusal.value.ours, refusal.value.theirs) == ("usd", "eur")
    assert str(refusal.value) == "USD and EUR cannot be added or compared"


def test_money_cannot_be_summed_from_a_bare_zero() -> None:
    with pytest.raises(TypeError):
        sum([Money(1, "usd")])  # type: ignore[list-item]


def test_only_nothing_is_false() -> None:
    assert not Money(0, "usd")
    assert Money(1, "usd")
    assert Money(-1, "usd")


@pytest.mark.parametrize(
    ("money", "printed"),
    [
        (Money(10000, "usd"), "100.00 USD"),
        (Money(-1, "usd"), "-0.01 USD"),
        (Money(1200, "jpy"), "1200 JPY"),
        (Money(1500, "kwd"), "1.500 KWD"),
        (Money(500, "isk"), "5 ISK"),
    ],
)
def test_money_prints_with_its_currencys_decimals(money: Money, printed: str) -> None:
    assert str(money) == printed


def test_a_row_becomes_money_whatever_the_case_of_its_currency() -> None:
    assert recorded(Decimal("100.00"), "USD") == Money(10000, "usd")
    assert recorded(Decimal("100.00"), "usd") == Money(10000, "usd")


@pytest.mark.parametrize(
    ("figure", "currency", "why"),
    [
        ("80.50", "jpy", "80.50 is not an amount in JPY: it has too many decimals"),
        ("5.50", "isk", "5.50 is not an amount in ISK: it has too many decimals"),
        ("1.00", "zzz", "unknown currency 'zzz'"),
        ("1.00", "", "no currency"),
        ("1.00", None, "no currency"),
        ("1.00", "usd ", "unknown currency 'usd '"),
    ],
)
def test_a_row_that_is_no_money_is_kept_as_it_stands(figure: str, currency: str | None, why: str) -> None:
    found = recorded(Decimal(figure), currency)
    assert found == Unreadable(Decimal(figure), currency, why)
    assert column_text(found) == figure


def test_a_row_of_nan_is_unreadable_and_prints_as_such() -> None:
    found = recorded(Decimal("NaN"), "usd")
    assert isinstance(found, Unreadable)
    assert (found.why, column_text(found), bool(found)) == ("NaN is not an amount", "NaN", True)


@given(cents=st.integers(-(10**10) + 1, 10**10 - 1), currency=st.one_of(currencies, st.none(), st.text(max_size=4)))
@settings(deadline=None, max_examples=150)
def test_every_cell_of_the_column_is_read_and_written_back_unchanged(cents: int, currency: str | None) -> None:
    figure = Decimal(cents).scaleb(-2)
    assert column_text(recorded(figure, currency)) == f"{figure:.2f}"


@pytest.mark.parametrize(
    ("amount", "text"),
    [(Money(1200, "jpy"), "1200.00"), (Money(1500, "kwd"), "1.50"), (Money(500, "isk"), "5.00"), (Money(-5, "usd"), "-0.05")],
)
def test_the_column_has_two_decimals_in_every_currency(amount: Money, text: str) -> None:
    assert column_text(amount) == text


def test_a_share_is_a_percentage() -> None:
    assert share(Money(1500, "usd"), Money(10000, "usd")) == 15
    assert share(Money(1, "usd"), Money(3, "usd")) == Decimal("33.33333333333333333333333333")
    assert share(Money(-50, "usd"), Money(100, "usd")) == -50


@pytest.mark.parametrize(
    ("part", "whole"),
    [
        (Money(1, "usd"), Money(0, "usd")),
        (Money(1, "usd"), Money(2, "eur")),
        (Unreadable(Decimal(1), "zzz", "unknown"), Money(2, "usd")),
        (Money(1, "usd"), Unreadable(Decimal(1), "zzz", "unknown")),
    ],
)
def test_there_is_no_share_of_nothing_of_another_currency_or_of_no_money(part: Money | Unreadable, whole: Money | Unreadable) -> None:
    assert share(part, whole) is None
