"""What a person writes to mean one payment."""

import time

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from ecloud_pay.domain.reference import FORMS, NotAReference, Reference, ReferenceKind, is_email, parse_reference

LARGEST = 9_223_372_036_854_775_807


@pytest.mark.parametrize(
    ("text", "kind", "value"),
    [
        ("5", ReferenceKind.PAYMENT, 5),
        ("#5", ReferenceKind.PAYMENT, 5),
        ("0005", ReferenceKind.PAYMENT, 5),
        (str(LARGEST), ReferenceKind.PAYMENT, LARGEST),
        ("job:14", ReferenceKind.JOB, 14),
        ("job:#14", ReferenceKind.JOB, 14),
        ("pi_3SMUfcQ1SldwUSm92tASE3le", ReferenceKind.INTENT, "pi_3SMUfcQ1SldwUSm92tASE3le"),
        ("ch_3SMUfcQ1SldwUSm92tASE3le", ReferenceKind.CHARGE, "ch_3SMUfcQ1SldwUSm92tASE3le"),
        ("py_1ABC", ReferenceKind.CHARGE, "py_1ABC"),
        ("re_3SMUfc", ReferenceKind.REFUND, "re_3SMUfc"),
        ("pyr_1ABC", ReferenceKind.REFUND, "pyr_1ABC"),
        ("client1@test.com", ReferenceKind.EMAIL, "client1@test.com"),
        ("Client.One+tag@Test.COM", ReferenceKind.EMAIL, "Client.One+tag@Test.COM"),
        ("josé@münchen.example", ReferenceKind.EMAIL, "josé@münchen.example"),
        ("pi_x@test.com", ReferenceKind.EMAIL, "pi_x@test.com"),
    ],
)
def test_each_form_names_its_column(text: str, kind: ReferenceKind, value: int | str) -> None:
    assert parse_reference(text) == Reference(kind, value)


@pytest.mark.parametrize(
    "text",
    [
        *("", " ", "#", "##5", "# 5", " 5", "5 ", "5\n", "-5", "+5", "5.0", "1e3", "0x5", "five", "٥", "５", "#５", "²", "5\x00", "\x00"),
        *("job:", "job:#", "job: 14", "job:x", "job:-1", "JOB:14", "job:１４", "job", "job14"),
        *("pi_", "pi", "PI_abc", "pi-abc", "pi_a b", "pi_é", "pi_a\n", "cus_123", "txn_1", "evt_1", "_pi_1", "ch_a;--", "ch_'"),
        *("@", "a@", "@b", "a b@c.de", "a@b\n", "a@\x1b[31m", "a@\u202eb", "a@b\u2028", "😀", "\ud800@b"),
    ],
)
def test_nonsense_names_no_payment(text: str) -> None:
    with pytest.raises(NotAReference) as refusal:
        parse_reference(text)
    assert str(refusal.value) == f"{text!r} names no payment; write one of: {FORMS}"


@pytest.mark.parametrize(
    ("text", "told"), [("0", "0"), ("#0", "0"), ("000", "000"), ("job:0", "0"), (str(LARGEST + 1), str(LARGEST + 1)), ("9" * 20, "9" * 20)]
)
def test_a_number_that_no_row_can_have_is_told_the_range(text: str, told: str) -> None:
    with pytest.raises(NotAReference) as refusal:
        parse_reference(text)
    assert str(refusal.value) == f"there is no number {told}: they run from 1 to {LARGEST}"


@pytest.mark.parametrize("prefix", ["", "#", "job:"])
def test_a_huge_number_is_refused_at_once_and_quoted_in_part(prefix: str) -> None:
    begun = time.perf_counter()
    with pytest.raises(NotAReference) as refusal:
        parse_reference(prefix + "9" * 100_000)
    assert time.perf_counter() - begun < 1
    assert str(refusal.value) == f"there is no number {'9' * 24}…: they run from 1 to {LARGEST}"


@pytest.mark.parametrize("text", ["x" * 102_400, "pi_" + "x" * 102_400, "x" * 102_400 + "@b", "@" * 102_400, "job:" + "x" * 102_400])
def test_a_hundred_kilobytes_are_refused_at_once_and_quoted_in_part(text: str) -> None:
    begun = time.perf_counter()
    with pytest.raises(NotAReference) as refusal:
        parse_reference(text)
    assert time.perf_counter() - begun < 1
    assert str(refusal.value) == f"{text[:60]!r} names no payment; write one of: {FORMS}"


def test_an_id_as_wide_as_the_column_is_a_reference_and_a_wider_one_is_none() -> None:
    assert parse_reference("pi_" + "a" * 252).kind is ReferenceKind.INTENT
    with pytest.raises(NotAReference):
        parse_reference("pi_" + "a" * 253)


@pytest.mark.parametrize("text", ["#5", "job:14", "pi_1", "ch_1", "re_1", "a@b.de"])
def test_a_reference_prints_as_it_may_be_typed(text: str) -> None:
    assert str(parse_reference(text)) == text


@given(st.text())
@example("#")
@example("job:" + "9" * 5000)
@example("a@b\ud800")
@settings(deadline=None, max_examples=200)
def test_any_text_is_a_reference_that_prints_as_itself_or_is_refused(text: str) -> None:
    try:
        found = parse_reference(text)
    except NotAReference:
        return
    assert parse_reference(str(found)) == found
    assert str(found).isprintable()


@pytest.mark.parametrize("text", ["a@b", "a@b@c", "a.b+c@d.ef", "名@例.jp"])
def test_an_e_mail_has_something_on_both_sides(text: str) -> None:
    assert is_email(text)


@pytest.mark.parametrize("text", ["", "@", "a", "a@", "@b", "a @b", "a@b c", "a@b\t", "a@\xa0b", "a@b\u200b"])
def test_blanks_and_invisible_characters_make_no_e_mail(text: str) -> None:
    assert not is_email(text)
