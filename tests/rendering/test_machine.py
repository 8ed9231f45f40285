"""What scripts read: the backend's JSON key for key, and flat cells that neither a shell nor a spreadsheet stumbles over."""

import csv
import io
import json
import unicodedata
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ecloud_pay.domain.payment import Job, Person
from ecloud_pay.rendering.machine import (
    PAYMENT_FIELDS,
    cell_text,
    csv_text,
    file_document,
    flat,
    json_text,
    ndjson_text,
    payment_document,
    tsv_text,
)
from samples import amount, charge, empty_payment, file_of, payment_5, refund

PAYMENT_5_JSON = """\
{
  "id": 5,
  "job": {
    "id": 14,
    "service_type": "Deep Cleaning",
    "property_address": "123 Main St"
  },
  "client": {
    "id": 24,
    "email": "client1@test.com",
    "username": "client1@test.com"
  },
  "cleaner": {
    "id": 26,
    "email": "cleaner1@test.com",
    "username": "cleaner1@test.com"
  },
  "amount": "100.00",
  "platform_fee": "15.00",
  "cleaner_payout": "85.00",
  "currency": "usd",
  "status": "succeeded",
  "stripe_payment_intent_id": "pi_3SMUfcQ1SldwUSm92tASE3le",
  "stripe_charge_id": "ch_3SMUfcQ1SldwUSm92tASE3le",
  "payment_method_type": "card",
  "payment_method_brand": "visa",
  "payment_method_last4": "4242",
  "created_at": "2025-01-27T14:30:15.123456Z",
  "paid_at": "2025-01-27T14:30:45.654321Z",
  "refund_amount": "0.00",
  "refund_reason": null,
  "refunded_at": null,
  "description": null,
  "metadata": {}
}
"""
EMPTY_JSON = (
    '{"id": 6, "job": null, "client": null, "cleaner": null, "amount": "0.00", "platform_fee": "0.00", "cleaner_payout": "0.00", '
    '"currency": null, "status": null, "stripe_payment_intent_id": null, "stripe_charge_id": null, "payment_method_type": null, '
    '"payment_method_brand": null, "payment_method_last4": null, "created_at": null, "paid_at": null, "refund_amount": "0.00", '
    '"refund_reason": null, "refunded_at": null, "description": null, "metadata": null}\n'
)
FIELDS = [
    *("id", "job.id", "job.service_type", "job.property_address", "client.id", "client.email", "client.username"),
    *("cleaner.id", "cleaner.email", "cleaner.username", "amount", "platform_fee", "cleaner_payout", "currency", "status"),
    *("stripe_payment_intent_id", "stripe_charge_id", "payment_method_type", "payment_method_brand", "payment_method_last4"),
    *("created_at", "paid_at", "refund_amount", "refund_reason", "refunded_at", "description", "metadata"),
]
anything = st.text(st.characters(codec=None), max_size=30)


def rows(text: str) -> list[list[str]]:
    return list(csv.reader(io.StringIO(text, newline="")))


def csv_cells(value: Any, field: str = "description") -> str:
    """The one cell of a CSV with this one value."""
    header, row = rows(csv_text([{field: value}], [field]))
    assert header == [field]
    return row[0]


# --- JSON


def test_payment_5_is_the_backends_document_and_then_ours() -> None:
    assert json_text(payment_document(payment_5())) == PAYMENT_5_JSON


def test_what_is_absent_is_null() -> None:
    assert ndjson_text([payment_document(empty_payment())]) == EMPTY_JSON


def test_a_job_or_person_of_whom_only_the_id_is_left_keeps_every_key() -> None:
    document = payment_document(replace(payment_5(), job=Job(14, None, None), client=Person(24, None, None)))
    assert document["job"] == {"id": 14, "service_type": None, "property_address": None}
    assert document["client"] == {"id": 24, "email": None, "username": None}


@pytest.mark.parametrize(
    ("figure", "currency", "text"),
    [
        ("1200.00", "jpy", "1200.00"),
        ("12.50", "kwd", "12.50"),
        ("80.50", "jpy", "80.50"),
        ("80.50", "zzz", "80.50"),
        ("-0.05", "usd", "-0.05"),
    ],
)
def test_money_is_text_with_the_columns_two_decimals(figure: str, currency: str, text: str) -> None:
    document = payment_document(replace(payment_5(), amount=amount(figure, currency), currency=currency))
    assert document["amount"] == text
    assert document["currency"] == currency


def test_show_adds_transactions_and_refunds() -> None:
    document = file_document(file_of(payment_5(), transactions=(charge(),), refunds=(refund(),)))
    assert list(document) == [*payment_document(payment_5()), "transactions", "refunds"]
    assert json_text(document["transactions"]) == (
        '[\n  {\n    "id": 1,\n    "transaction_type": "charge",\n    "amount": "100.00",\n    "status": "completed",\n'
        '    "stripe_transaction_id": "ch_3SMUfcQ1SldwUSm92tASE3le",\n    "created_at": "2025-01-27T14:30:15.123456Z",\n'
        '    "completed_at": "2025-01-27T14:30:45.654321Z",\n    "metadata": {\n      "attempt": 1\n    }\n  }\n]\n'
    )
    assert json_text(document["refunds"]) == (
        '[\n  {\n    "id": 3,\n    "amount": "25.00",\n    "reason": "late arrival",\n    "status": "completed",\n'
        '    "stripe_refund_id": "re_3SMUfc",\n    "requested_by": "ops@example.com",\n'
        '    "created_at": "2025-01-27T14:30:15.123456Z",\n    "processed_at": "2025-01-27T14:30:45.654321Z"\n  }\n]\n'
    )


@pytest.mark.parametrize(("operator", "told"), [(None, None), (Person(1, None, "ops"), "ops"), (Person(1, None, None), None)])
def test_a_refund_names_its_operator_as_well_as_the_row_does(operator: Person | None, told: str | None) -> None:
    document = file_document(file_of(payment_5(), refunds=(replace(refund(), requested_by=operator),)))
    assert [row["requested_by"] for row in json.loads(json_text(document["refunds"]))] == [told]


def test_a_payment_without_parts_has_empty_lists() -> None:
    document = file_document(file_of(payment_5()))
    assert (document["transactions"], document["refunds"]) == ([], [])


def test_nothing_is_an_empty_array_and_no_lines() -> None:
    assert json_text([]) == "[]\n"
    assert ndjson_text([]) == ""


def test_ndjson_is_one_document_a_line_whatever_the_text() -> None:
    hostile = replace(payment_5(), description="a\nb\r\u2028\x85\x1b[2J", metadata={"k\n": "\u202e"})
    text = ndjson_text([payment_document(payment_5()), payment_document(hostile)])
    assert [json.loads(line)["description"] for line in text.splitlines()] == [None, "a\nb\r\u2028\x85\x1b[2J"]
    assert text.count("\n") == 2
    assert text.replace("\n", "").isprintable()


# --- flat fields


@pytest.mark.parametrize("payment", [payment_5(), empty_payment()], ids=["full", "empty"])
def test_every_payment_has_the_same_flat_fields(payment: Any) -> None:
    assert list(flat(payment_document(payment))) == list(PAYMENT_FIELDS) == FIELDS


def test_the_flat_fields_hold_the_documents_values() -> None:
    record = flat(payment_document(replace(payment_5(), metadata={"a": {"b": 1}})))
    assert (record["job.service_type"], record["client.email"], record["cleaner.id"]) == ("Deep Cleaning", "client1@test.com", 26)
    assert record["metadata"] == {"a": {"b": 1}}
    assert flat(payment_document(empty_payment()))["cleaner.email"] is None


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "N/A"),
        ("", ""),
        ("x", "x"),
        (5, "5"),
        (True, "true"),
        ({"é": [1, None]}, '{"é": [1, null]}'),
        ([], "[]"),
    ],
)
def test_a_cell_is_text_and_absence_is_told(value: Any, text: str) -> None:
    assert cell_text(value) == text


# --- CSV


def test_the_csv_of_payment_5_and_of_an_empty_one() -> None:
    records = [flat(payment_document(payment)) for payment in (payment_5(), empty_payment())]
    assert csv_text(records, FIELDS) == (
        ",".join(FIELDS) + "\n"
        "5,14,Deep Cleaning,123 Main St,24,client1@test.com,client1@test.com,26,cleaner1@test.com,cleaner1@test.com,100.00,15.00,85.00,usd,"
        "succeeded,pi_3SMUfcQ1SldwUSm92tASE3le,ch_3SMUfcQ1SldwUSm92tASE3le,card,visa,4242,2025-01-27T14:30:15.123456Z,"
        "2025-01-27T14:30:45.654321Z,0.00,N/A,N/A,N/A,{}\n"
        "6,N/A,N/A,N/A,N/A,N/A,N/A,N/A,N/A,N/A,0.00,0.00,0.00,N/A,N/A,N/A,N/A,N/A,N/A,N/A,N/A,N/A,0.00,N/A,N/A,N/A,N/A\n"
    )


def test_without_records_there_is_a_header() -> None:
    assert csv_text([], ["id", "amount"]) == "id,amount\n"
    assert tsv_text([], ["id", "amount"]) == "id\tamount\n"


def test_only_the_fields_that_were_asked_for_come_in_their_order() -> None:
    record = flat(payment_document(payment_5()))
    assert csv_text([record], ["status", "id"]) == "status,id\nsucceeded,5\n"
    assert tsv_text([record], ["status", "id"]) == "status\tid\nsucceeded\t5\n"


@pytest.mark.parametrize("starter", [*"=+-@|\t\n＝＋－＠｜"])
@pytest.mark.parametrize("blanks", ["", " ", "   "])
def test_text_that_a_spreadsheet_would_run_is_quoted(starter: str, blanks: str) -> None:
    value = f"{blanks}{starter}cmd|' /C calc'!A0"
    assert csv_cells(value) == f"'{value}"


def test_a_carriage_return_is_written_out_behind_the_quote() -> None:
    assert csv_cells("\r=1+1") == "'\\r=1+1"


@pytest.mark.parametrize("text", ["plain", "a=b", "1+1", "a@b.de", "{}", "", "N/A", "'=1", "2025-01-27", "#5", "日本語"])
def test_harmless_text_is_left_alone(text: str) -> None:
    assert csv_cells(text) == text


@pytest.mark.parametrize("field", ["amount", "platform_fee", "cleaner_payout", "refund_amount"])
def test_a_negative_amount_stays_a_number(field: str) -> None:
    assert csv_cells("-85.00", field) == "-85.00"


@pytest.mark.parametrize(("number", "text"), [(-5, "-5"), (-1.5, "-1.5"), (-1e-7, "-1e-07"), (0, "0")])
def test_a_number_is_never_guarded(number: float, text: str) -> None:
    assert csv_cells(number, "metadata") == text


def test_hostile_text_is_harmless_in_csv_and_keeps_its_line_breaks() -> None:
    assert csv_cells('a\nb,"c"\x1b[2J\u202e\x00\r') == 'a\nb,"c"\\x1b[2J\\u202e\\x00\\r'


@given(st.lists(st.lists(anything, min_size=2, max_size=2), max_size=5))
@settings(deadline=None, max_examples=150)
def test_a_csv_reader_gets_every_cell_back(values: list[list[str]]) -> None:
    header, *cells = rows(csv_text([dict(zip(["a", "b"], row, strict=True)) for row in values], ["a", "b"]))
    assert header == ["a", "b"]
    assert len(cells) == len(values)
    for row, wanted in zip(cells, values, strict=True):
        assert len(row) == 2
        for found, text in zip(row, wanted, strict=True):
            assert not found.lstrip(" ").startswith(tuple("=+-@|\t\r\n＝＋－＠｜"))
            harmless = all(
                unicodedata.category(character) not in ("Cc", "Cf", "Cs", "Zl", "Zp") or character in "\n\t" for character in text
            )
            if harmless:
                assert found.removeprefix("'") == text.removeprefix("'")


# --- TSV


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("a\tb", "a\\tb"),
        ("a\nb\r", "a\\nb\\r"),
        ("C:\\temp\\new", "C:\\\\temp\\\\new"),
        ("\\t", "\\\\t"),
        ("\x1b[2J\u202e\u2028", "\\x1b[2J\\u202e\\u2028"),
        ("=1+1", "=1+1"),
        ('"quoted"', '"quoted"'),
        (None, "N/A"),
        ({"a\n": "\\"}, '{"a\\\\n": "\\\\\\\\"}'),
    ],
)
def test_a_tsv_cell_escapes_what_would_end_it(value: Any, text: str) -> None:
    assert tsv_text([{"x": value}], ["x"]) == f"x\n{text}\n"


@given(st.lists(st.lists(anything, min_size=3, max_size=3), max_size=5))
@settings(deadline=None, max_examples=150)
def test_a_tsv_has_one_line_a_record_and_one_column_a_field(values: list[list[str]]) -> None:
    text = tsv_text([dict(zip("abc", row, strict=True)) for row in values], list("abc"))
    assert text.endswith("\n")
    lines = text.removesuffix("\n").split("\n")
    assert len(lines) == len(values) + 1
    assert all(line.count("\t") == 2 for line in lines)
    simple = [
        [
            cell.replace("\\\\", "\0").replace("\\t", "\t").replace("\\n", "\n").replace("\\r", "\r").replace("\0", "\\")
            for cell in line.split("\t")
        ]
        for line in lines[1:]
    ]
    for row, wanted in zip(simple, values, strict=True):
        if all(each.replace("\t", "").replace("\n", "").replace("\r", "").isprintable() for each in wanted):
            assert row == wanted
