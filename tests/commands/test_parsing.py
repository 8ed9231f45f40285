"""Each option's sense and nonsense; a refusal names the option, quotes what was typed and says what would do."""

from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from ecloud_pay.commands import parsing
from ecloud_pay.domain.errors import UsageError
from ecloud_pay.domain.payment import PaymentStatus
from ecloud_pay.domain.period import FORMS, Period
from ecloud_pay.domain.reference import Reference, ReferenceKind

NOW = datetime(2025, 1, 27, 14, 30, 15, tzinfo=UTC)
KNOWN = ["id", "amount", "client.email"]
NO_AMOUNT = "is no amount; write one like 100 or 100.00, without separators or a currency sign"


def refusal(parse: Callable[[], object]) -> tuple[str, str]:
    """What a refused option is told, and what to do about it."""
    with pytest.raises(UsageError) as refused:
        parse()
    return refused.value.what, refused.value.to_do


# --- --status, --format, --fields


def test_statuses_come_in_the_order_they_were_typed() -> None:
    assert parsing.statuses([]) == ()
    assert parsing.statuses(["failed", "pending"]) == (PaymentStatus.FAILED, PaymentStatus.PENDING)
    assert parsing.statuses([status.value for status in PaymentStatus]) == tuple(PaymentStatus)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("suceeded", "--status: unknown status 'suceeded'. Did you mean succeeded?"),
        ("SUCCEEDED", "--status: unknown status 'SUCCEEDED'. Did you mean succeeded?"),
        ("canceled", "--status: unknown status 'canceled'. Did you mean cancelled?"),
        ("zzz", "--status: unknown status 'zzz'."),
        ("", "--status: unknown status ''."),
        (" succeeded", "--status: unknown status ' succeeded'. Did you mean succeeded?"),
    ],
)
def test_an_unknown_status_gets_the_nearest_and_the_list(text: str, told: str) -> None:
    assert refusal(lambda: parsing.statuses(["failed", text])) == (told, "Known: pending, processing, succeeded, failed, cancelled")


@pytest.mark.parametrize(
    ("text", "names"), [("id", ["id"]), ("amount,id", ["amount", "id"]), (" id , client.email ", ["id", "client.email"])]
)
def test_fields_come_in_the_order_they_were_typed(text: str, names: list[str]) -> None:
    assert parsing.field_names(text, KNOWN) == names


@pytest.mark.parametrize("text", ["", " ", ",", " , ,"])
def test_no_field_lists_the_fields(text: str) -> None:
    assert refusal(lambda: parsing.field_names(text, KNOWN)) == ("--fields: no field is named", "Known: id, amount, client.email")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("id,amuont", "--fields: unknown field 'amuont'. Did you mean amount?"),
        ("ID", "--fields: unknown field 'ID'. Did you mean id?"),
        ("id;amount", "--fields: unknown field 'id;amount'. Did you mean amount?"),
        ("zzz", "--fields: unknown field 'zzz'."),
    ],
)
def test_an_unknown_field_gets_the_nearest_and_the_list(text: str, told: str) -> None:
    assert refusal(lambda: parsing.field_names(text, KNOWN)) == (told, "Known: id, amount, client.email")


# --- --job, --client, --cleaner


@pytest.mark.parametrize(("text", "number"), [(None, None), ("14", 14), ("#14", 14), ("007", 7), (str(2**63 - 1), 2**63 - 1)])
def test_a_rows_number_may_bear_a_sign(text: str | None, number: int | None) -> None:
    assert parsing.number(text, "--job") == number


@pytest.mark.parametrize(
    "text", ["", " ", "0", "#0", "#", "##1", "-1", "+1", "1.0", "1e3", "１４", "٣", "14 ", "14\n", "x", str(2**63), "9" * 5000]
)
def test_anything_else_is_no_number_of_a_row(text: str) -> None:
    assert refusal(lambda: parsing.number(text, "--job")) == (f"--job: {text!r} is no number of a row; write one like 14 or #14", "")


@pytest.mark.parametrize(
    ("text", "who"), [(None, None), ("24", 24), ("#24", 24), ("A.B+c@Test.com", "A.B+c@Test.com"), ("x" * 252 + "@b", "x" * 252 + "@b")]
)
def test_a_person_is_an_id_or_an_e_mail(text: str | None, who: int | str | None) -> None:
    assert parsing.person(text, "--client") == who


@pytest.mark.parametrize(
    "text", ["", " ", "anna", "a@", "@b", "a b@c.de", "a@b\n", "a@\u202eb", "job:14", "-1", "２４", "9" * 20, "x" * 253 + "@b", "\ud800@b"]
)
def test_anything_else_is_nobody(text: str) -> None:
    assert refusal(lambda: parsing.person(text, "--cleaner")) == (f"--cleaner: {text!r} is neither an e-mail nor a user's id", "")


@pytest.mark.parametrize("text", ["0", "#0", str(2**63)])
def test_an_id_that_no_user_can_have_is_refused(text: str) -> None:
    assert refusal(lambda: parsing.person(text, "--client")) == (f"--client: {text!r} is no number of a row; write one like 14 or #14", "")


# --- dates


def test_two_dates_make_a_half_open_window() -> None:
    assert parsing.window("2025-01-01", "2025-01-31", ("--since", "--until"), UTC, NOW) == Period(
        datetime(2025, 1, 1, tzinfo=UTC), datetime(2025, 1, 31, tzinfo=UTC)
    )
    assert parsing.window(None, None, ("--since", "--until"), UTC, NOW) == Period()
    assert parsing.window("7d", None, ("--since", "--until"), UTC, NOW) == Period(since=datetime(2025, 1, 20, 14, 30, 15, tzinfo=UTC))
    assert parsing.window(None, "now", ("--since", "--until"), UTC, NOW) == Period(until=NOW)
    assert parsing.window("today", "today", ("--since", "--until"), UTC, NOW).is_empty


@pytest.mark.parametrize(
    ("since", "until", "told"),
    [
        ("soon", None, f"--paid-since: 'soon' is not a date; write one of: {FORMS}"),
        (None, "", f"--paid-until: '' is not a date; write one of: {FORMS}"),
        (None, "2025-02-30", "--paid-until: '2025-02-30' is not a date that exists"),
        ("soon", "later", f"--paid-since: 'soon' is not a date; write one of: {FORMS}"),
        ("2025-01-02", "2025-01-01", "--paid-until '2025-01-01' lies before --paid-since '2025-01-02'"),
        ("now", "today", "--paid-until 'today' lies before --paid-since 'now'"),
    ],
)
def test_a_date_that_makes_no_sense_names_its_option(since: str | None, until: str | None, told: str) -> None:
    assert refusal(lambda: parsing.window(since, until, ("--paid-since", "--paid-until"), UTC, NOW)) == (told, "")


# --- --amount


@pytest.mark.parametrize(
    ("text", "currency", "figure"),
    [
        (None, None, None),
        ("100", None, "100"),
        ("99.50", None, "99.50"),
        ("0", None, "0"),
        ("99999999.99", None, "99999999.99"),
        ("1200", "jpy", "1200"),
        ("1200.00", "jpy", "1200"),
        ("1.50", "kwd", "1.50"),
        ("5", "isk", "5"),
    ],
)
def test_an_amount_is_an_exact_figure_of_the_column(text: str | None, currency: str | None, figure: str | None) -> None:
    assert parsing.amount(text, "--amount", currency) == (None if figure is None else Decimal(figure))


@pytest.mark.parametrize(
    ("text", "currency", "told"),
    [
        *(
            (text, None, f"{text!r} {NO_AMOUNT}")
            for text in ("", " ", "x", "$5", "1,000", "1e3", "+1", ".5", "5.", "１", "5 ", "5\n", "nan", "inf", "0x1")
        ),
        ("12.505", None, "'12.505' has more than 2 decimals"),
        ("12.505", "eur", "12.505 is not an amount in EUR: it has too many decimals"),
        ("80.50", "jpy", "80.50 is not an amount in JPY: it has too many decimals"),
        ("5.50", "isk", "5.50 is not an amount in ISK: it has too many decimals"),
        ("1.234", "kwd", "1.234 is not an amount in KWD: it has too many decimals"),
        ("1.230", "kwd", "'1.230' has more than 2 decimals"),
        ("1.000", None, "'1.000' has more than 2 decimals"),
        ("-1", None, "'-1' is out of range; amounts run from 0 to 99999999.99"),
        ("-0.01", "usd", "'-0.01' is out of range; amounts run from 0 to 99999999.99"),
        ("100000000", None, "'100000000' is out of range; amounts run from 0 to 99999999.99"),
    ],
)
def test_an_amount_that_the_column_cannot_hold_is_refused(text: str, currency: str | None, told: str) -> None:
    assert refusal(lambda: parsing.amount(text, "--amount", currency)) == (f"--amount: {told}", "")


@pytest.mark.parametrize("text", ["1" * 27, "1" * 29, "1" * 29 + ".01", "9" * 5000])
@pytest.mark.parametrize("currency", [None, "usd", "jpy"])
def test_an_amount_of_many_digits_is_refused_and_no_bug(text: str, currency: str | None) -> None:
    told, _ = refusal(lambda: parsing.amount(text, "--amount", currency))
    assert told.startswith("--amount: ")


@given(
    text=st.one_of(st.text(), st.from_regex(r"-?[0-9]{1,40}(\.[0-9]{1,40})?", fullmatch=True)),
    currency=st.sampled_from([None, "usd", "jpy", "kwd"]),
)
@example(text="-0.00", currency=None)
@settings(deadline=None, max_examples=150)
def test_any_text_is_an_amount_of_the_column_or_a_usage_error(text: str, currency: str | None) -> None:
    try:
        figure = parsing.amount(text, "--amount", currency)
    except UsageError:
        return
    assert figure is not None
    assert 0 <= figure < 10**8
    assert figure == Decimal(text)
    assert figure * 100 == int(figure * 100)


# --- --currency, --brand, --last4


@pytest.mark.parametrize(("text", "code"), [(None, None), ("usd", "usd"), ("USD", "usd"), ("Jpy", "jpy")])
def test_a_currency_may_be_typed_in_any_case(text: str | None, code: str | None) -> None:
    assert parsing.currency(text, "--currency") == code


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "--currency: '' is no currency of Stripe's; write a code such as usd, eur or jpy"),
        ("$", "--currency: '$' is no currency of Stripe's; write a code such as usd, eur or jpy"),
        ("xxx", "--currency: 'xxx' is no currency of Stripe's; write a code such as usd, eur or jpy"),
    ],
)
def test_an_unknown_currency_is_refused(text: str, told: str) -> None:
    assert refusal(lambda: parsing.currency(text, "--currency")) == (told, "")


@pytest.mark.parametrize("text", ["usd ", "usdt", "u$d", "uds"])
def test_a_misspelt_currency_gets_the_nearest(text: str) -> None:
    told, _ = refusal(lambda: parsing.currency(text, "--currency"))
    assert told.startswith(f"--currency: {text!r} is no currency of Stripe's; did you mean ")
    assert "usd" in told.rpartition("did you mean ")[2]


@pytest.mark.parametrize("text", [None, "visa", "Visa", "american express", "x" * 50])
def test_a_brand_is_taken_as_it_was_typed(text: str | None) -> None:
    assert parsing.brand(text, "--brand") == text


@pytest.mark.parametrize("text", ["", " ", "\u3000", "x" * 51, "vi\nsa", "visa\x00", "\x1b[31m", "\u202evisa", "\ud800"])
def test_anything_else_is_no_brand(text: str) -> None:
    assert refusal(lambda: parsing.brand(text, "--brand")) == (f"--brand: {text!r} is no card brand; write one like visa or mastercard", "")


@pytest.mark.parametrize("text", [None, "4242", "0000"])
def test_last4_is_four_digits(text: str | None) -> None:
    assert parsing.last4(text, "--last4") == text


@pytest.mark.parametrize("text", ["", "424", "42424", "424a", "４２４２", "٤٢٤٢", "4242\n", " 4242", "-424"])
def test_anything_else_is_no_last4(text: str) -> None:
    assert refusal(lambda: parsing.last4(text, "--last4")) == (f"--last4: {text!r} is not four digits", "")


# --- REF


def test_a_reference_is_taken_or_refused_by_name() -> None:
    assert parsing.reference("#5") == Reference(ReferenceKind.PAYMENT, 5)
    assert refusal(lambda: parsing.reference("five")) == (
        "REF: 'five' names no payment; write one of: 5, #5, pi_…, ch_…, re_…, client@example.com, job:14",
        "",
    )


@given(st.text())
@example("9" * 5000)
@example("\x00")
@settings(deadline=None, max_examples=100)
def test_no_option_raises_anything_but_a_usage_error(text: str) -> None:
    options: list[Callable[[], Any]] = [
        lambda: parsing.statuses([text]),
        lambda: parsing.number(text, "--job"),
        lambda: parsing.person(text, "--client"),
        lambda: parsing.window(text, None, ("--since", "--until"), UTC, NOW),
        lambda: parsing.currency(text, "--currency"),
        lambda: parsing.brand(text, "--brand"),
        lambda: parsing.last4(text, "--last4"),
        lambda: parsing.reference(text),
        lambda: parsing.field_names(text, KNOWN),
    ]
    for option in options:
        try:
            option()
        except UsageError as refused:
            assert refused.what  # noqa: PT017  (a refusal is one of two right outcomes)
