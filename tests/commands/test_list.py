"""`list`: which payments, in which order, and what is said about the rest."""

import csv
import io
import json
from collections.abc import Callable
from typing import Any

import pytest

from support.backend import Backend
from support.console import Console


def ids(console: Console, backend: Backend, *arguments: str, **environ: str) -> list[int]:
    result = console("list", *arguments, "--json", on=backend, **environ)
    assert result.code == 0, result.err
    return [payment["id"] for payment in result.json]


def test_the_newest_payment_by_primary_key_comes_first(console: Console, backend: Backend) -> None:
    assert ids(console, backend) == [13, 12, 11, 10, 9, 8, 7, 6, 5]


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ("--status succeeded", [12, 11, 10, 5]),
        ("--status failed --status pending", [7, 6]),
        ("--status processing", [9]),
        ("--status cancelled", [8]),
        ("--job 14", [5]),
        ("--job #15", [12, 11, 10, 9, 7, 6]),
        ("--job 99", []),
        ("--client 24", [12, 11, 10, 7, 6, 5]),
        ("--client client1@test.com", [12, 11, 10, 7, 6, 5]),
        ("--client CLIENT1@Test.Com", [12, 11, 10, 7, 6, 5]),
        ("--client zoe.müller@EXAMPLE.org", [9, 8]),
        ("--client nobody@test.com", []),
        ("--client 9223372036854775807", []),
        ("--cleaner cleaner1@test.com", [12, 11, 9, 7, 5]),
        ("--cleaner 26 --client 30", [9]),
        ("--since 2025-02-01", [13, 12, 11, 10, 9, 8, 7, 6]),
        ("--since 2025-02-01 --until 2025-02-02", [7, 6]),
        ("--until 2025-02-01", [5]),
        ("--since 2025-01-27T14:30:15.123456Z --until 2025-01-27T14:30:15.123457Z", [5]),
        ("--until 2025-01-27T14:30:15.123456Z", []),
        ("--since 2025-02 --until 2025-03", [8, 7, 6]),
        ("--since 2025-04-01T02:00:00+02:00 --until 2025-04-01T02:00:01+02:00", [10]),
        ("--paid-since 2025-04-01", [12, 11, 10]),
        ("--paid-since 2025-04 --paid-until 2025-05", [10]),
        ("--paid-until 2025-02-01", [5]),
        ("--amount 100", [12, 11, 8, 7, 6, 5]),
        ("--amount 80.01", [9]),
        ("--min-amount 100.01", [10]),
        ("--max-amount 80.01", [13, 9]),
        ("--min-amount 80.01 --max-amount 80.01", [9]),
        ("--currency usd", [12, 11, 8, 7, 6, 5]),
        ("--currency JPY", [10]),
        ("--brand visa", [11, 10, 9, 5]),
        ("--brand MasterCard", [7]),
        ("--last4 4242", [12, 11, 10, 9, 5]),
        ("--last4 0002", [7]),
        ("--refunded", [11]),
        ("--not-refunded", [13, 12, 10, 9, 8, 7, 6, 5]),
        ("--status succeeded --client 24 --since 2025-05-01 --max-amount 100 --currency usd", [12, 11]),
    ],
)
def test_a_filter_lets_exactly_these_through(console: Console, backend: Backend, arguments: str, expected: list[int]) -> None:
    assert ids(console, backend, *arguments.split()) == expected


def test_a_day_is_a_day_in_the_chosen_zone(console: Console, backend: Backend) -> None:
    # 2025-02-01 in Tokyo begins at 15:00 UTC on January 31st and ends at 15:00 UTC on the 1st.
    assert ids(console, backend, "--since", "2025-02-01", "--until", "2025-02-02", "--tz", "Asia/Tokyo") == [6]
    assert ids(console, backend, "--since", "2025-02-01", "--until", "2025-02-02", ECLOUD_PAY_TZ="Asia/Tokyo") == [6]


def test_columns_without_a_zone_are_read_in_the_database_zone(console: Console, server: str) -> None:
    backend = Backend.create(server, "documented")
    result = console("list", "--limit", "1", "--before", "6", "--json", on=backend, ECLOUD_PAY_DB_TIMEZONE="America/New_York")
    assert result.json[0]["created_at"] == "2025-01-27T19:30:15.123456Z"
    window = ("--since", "2025-01-27T19:30:15Z", "--until", "2025-01-27T19:30:16Z")
    assert ids(console, backend, *window, ECLOUD_PAY_DB_TIMEZONE="America/New_York") == [5]


def test_paging_by_before_shows_every_payment_once(console: Console, backend: Backend) -> None:
    pages = [ids(console, backend, "--limit", "2")]
    for _ in range(5):
        pages.append(ids(console, backend, "--limit", "2", "--before", str(pages[-1][-1])) if pages[-1] else [])
    assert pages == [[13, 12], [11, 10], [9, 8], [7, 6], [5], []]


def test_stderr_names_the_command_of_the_next_page(console: Console, backend: Backend) -> None:
    result = console("-v", "list", "--limit", "2", "--client", "client1@test.com", "--before=12", "--json", on=backend)
    assert [payment["id"] for payment in result.json] == [11, 10]
    assert "More payments match. The next ones: ecloud-pay -v list --limit 2 --client client1@test.com --json --before 10\n" in result.err


def test_the_last_page_says_nothing_about_more(console: Console, backend: Backend) -> None:
    result = console("list", "--limit", "9", on=backend)
    assert (result.code, result.err) == (0, "")


def test_no_match_is_said_and_is_no_failure(console: Console, backend: Backend) -> None:
    result = console("list", "--job", "99", on=backend)
    assert (result.code, result.out, result.err) == (0, "", "No payments match.\n")
    assert console("list", "--job", "99", "--json", on=backend).out == "[]\n"
    assert console("-q", "list", "--job", "99", on=backend).err == ""


def test_the_resolved_window_is_told_with_v(console: Console, backend: Backend) -> None:
    result = console(
        "list", "-v", "--since", "2025-02", "--until", "2025-03", "--tz", "Europe/Berlin", "--limit", "1", "--json", on=backend
    )
    assert "Payments created from 2025-02-01 00:00:00 CET until before 2025-03-01 00:00:00 CET.\n" in result.err


def test_an_empty_window_is_explained(console: Console, backend: Backend) -> None:
    result = console("list", "--since", "2025-02-01", "--until", "2025-02-01", on=backend)
    assert (result.code, result.out) == (0, "")
    assert "The window in which they were created is empty: its end is left out.\n" in result.err


def test_one_payment_has_the_same_json_in_both_shapes(console: Console, backend: Backend) -> None:
    payment = console("list", "--before", "6", "--json", on=backend).json
    assert payment == [
        {
            "id": 5,
            "job": {"id": 14, "service_type": "Deep Cleaning", "property_address": "123 Main St"},
            "client": {"id": 24, "email": "client1@test.com", "username": "client1@test.com"},
            "cleaner": {"id": 26, "email": "cleaner1@test.com", "username": "cleaner1@test.com"},
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
            "refund_reason": None,
            "refunded_at": None,
            "description": "Deep cleaning",
            "metadata": {"job_id": "14"},
        }
    ]


def test_absence_is_null_in_json_and_n_a_on_cards_in_both_shapes(console: Console, backend: Backend) -> None:
    [payment] = console("list", "--before", "14", "--limit", "1", "--json", on=backend).json
    absent = [name for name, value in payment.items() if value is None]
    assert absent == [
        "job", "client", "cleaner", "stripe_charge_id", "payment_method_type", "payment_method_brand", "payment_method_last4", "paid_at",
        "refund_reason", "refunded_at", "description", "metadata",
    ]  # fmt: skip
    assert (
        console("list", "--limit", "1", on=backend).out
        == """\
┌─ Payment #13 ────────────────────────────────────
│ Status: ON_HOLD
│ Amount: 12.34 XYZ (unknown currency 'xyz')
│   ├─ Platform Fee (n/a): 15.00 XYZ (unknown currency 'xyz')
│   └─ Cleaner Payout (n/a): 85.00 XYZ (unknown currency 'xyz')
│
│ Client: N/A
│ Cleaner: N/A
│ Job ID: N/A
│
│ Stripe Details:
│   ├─ Payment Intent: pi_13
│   ├─ Charge ID: N/A
│   └─ Payment Method: N/A
│
│ Timestamps:
│   ├─ Created: 2025-07-01 00:00:00 UTC
│   └─ Paid: N/A
└──────────────────────────────────────────────────
"""
    )


def test_the_formats_tell_the_same_payments(console: Console, backend: Backend) -> None:
    documents = console("list", "--json", on=backend).json
    lines = console("list", "--ndjson", on=backend).out.splitlines()
    assert [json.loads(line) for line in lines] == documents
    rows = list(csv.DictReader(io.StringIO(console("list", "--csv", on=backend).out, newline="")))
    assert [row["id"] for row in rows] == [str(document["id"]) for document in documents]
    assert rows[1]["description"] == documents[1]["description"].replace("\x1b", "\\x1b").replace("\x9b", "\\x9b").replace(
        "\u202e", "\\u202e"
    ).replace("\u2066", "\\u2066")
    tsv = [line.split("\t") for line in console("list", "--format", "tsv", on=backend).out.splitlines()]
    assert [line[0] for line in tsv] == ["id", *(row["id"] for row in rows)]
    assert {len(line) for line in tsv} == {27}


def test_fields_narrow_every_format(console: Console, backend: Backend) -> None:
    def printed(*form: str) -> str:
        return console("list", "--limit", "1", "--before", "6", "--fields", "id,client.email,amount", *form, on=backend).out

    assert printed("--csv") == "id,client.email,amount\n5,client1@test.com,100.00\n"
    assert printed("--format", "tsv") == "id\tclient.email\tamount\n5\tclient1@test.com\t100.00\n"
    assert printed("--ndjson") == '{"id": 5, "client.email": "client1@test.com", "amount": "100.00"}\n'
    assert json.loads(printed("--json")) == [{"id": 5, "client.email": "client1@test.com", "amount": "100.00"}]
    assert printed() == printed("--format", "table")
    assert "client1@test.com" in printed()


def test_a_table_shows_what_people_look_for(console: Console, backend: Backend) -> None:
    out = console("list", "--format", "table", "--limit", "3", "--before", "12", on=backend).out
    assert [" ".join(line.split()) for line in out.splitlines()[0:1] + out.splitlines()[2:]] == [
        "ID Created Status Amount Refunded Client Cleaner Job Card",
        "#11 2025-05-01 09:00:00 UTC SUCCEEDED $100.00 $25.00 client1@test.com cleaner1@test.com #15 visa •••• 4242",
        "#10 2025-04-01 00:00:00 UTC SUCCEEDED ¥12,000 JPY client1@test.com N/A #15 visa •••• 4242",
        "#9 2025-03-30 01:30:00 UTC PROCESSING €80.01 EUR Zoe.Müller@example.org cleaner1@test.com #15 visa •••• 4242",
    ]


def test_the_main_currency_goes_by_its_bare_symbol(console: Console, backend: Backend) -> None:
    out = console("list", "--format", "table", "--limit", "1", "--before", "10", on=backend, ECLOUD_PAY_CURRENCY="EUR").out
    assert " €80.01 " in out
    assert "EUR" not in out


NONSENSE: dict[str, tuple[str, ...]] = {
    "--status": ("", "refunded", "SUCCEEDED;DROP TABLE", "😀", "a\x00b", "x" * 100_000, "\udcff"),
    "--job": ("", "0", "-1", "1.5", "abc", "9223372036854775808", "9" * 5000, "１", "1 OR 1=1", "\x00", "\udcff"),
    "--client": ("", " ", "@", "a@", "@b", "nobody", "0", "a b@c", "a\x00@b", "'; DROP TABLE x; --", "x" * 300 + "@y", "\udcff@x"),
    "--cleaner": ("", "9" * 30, "\x1b[31m@x", "a\n@b"),
    "--since": ("", " ", "2025-13-01", "2025-02-30", "0000-01-01", "2025-1-1", "tomorrow", "-7d", "99999999999d", "7 d", "2025-01-27T10:00",
                "2025-01-27T25:00Z", "\x00", "😀", "now; SELECT 1", "999999999w"),
    "--until": ("2025", "20250101", "１2d", "\udcff"),
    "--paid-since": ("", "yes"),
    "--paid-until": ("", "0"),
    "--amount": ("", "-1", "1e5", "1,000", "12.505", "NaN", "Infinity", "$5", "100000000", "9" * 5000, "0x10", "１", "\x00", " 1", "1 "),
    "--min-amount": ("", "a", "-0.01"),
    "--max-amount": ("", "--", "99999999999999999999"),
    "--currency": ("", "xyz", "dollar", "us", "😀", "\x00", "u" * 100_000),
    "--brand": ("", " ", "😀", "-1", "'; DROP TABLE x", "\x00", "v\x1bisa", "x" * 51, "\udcff"),
    "--last4": ("", "424", "42424", "abcd", "４２４２", "-242", "\x00"),
    "--limit": ("", "0", "-1", "10001", "1.5", "abc", "9" * 5000, "1e2", "\x00"),
    "--before": ("", "0", "-5", "abc", "9223372036854775808", "\x00"),
    "--format": ("", "xml", "CARDS", "json;", "\x00"),
    "--fields": ("", " ", ",", "nope", "id,nope", "client", "id;DROP", "\x00", "\udcff"),
    "--tz": ("", "Mars/Olympus", "../../etc/passwd", "/etc/passwd", "\x00", "Europe", "x" * 100_000, "\udcff"),
    "--env-file": ("", "/nonexistent", "/tmp", "\x00", "\udcff"),
}  # fmt: skip


@pytest.mark.parametrize(("option", "value"), [(option, value) for option, values in NONSENSE.items() for value in values])
def test_nonsense_is_a_usage_error_in_a_clear_line(console: Console, option: str, value: str) -> None:
    # No database is configured: nonsense must be found before anything is connected.
    result = console("list", option, value)
    assert (result.code, result.out) == (2, "")
    first, *rest = result.err.splitlines()
    assert first.startswith("ecloud-pay: ")
    assert option in first
    assert len(first) <= 400
    assert len(rest) <= 2
    assert all(character.isprintable() for line in [first, *rest] for character in line)


def test_an_unknown_status_lists_the_known_ones_and_the_nearest(console: Console) -> None:
    result = console("list", "--status", "canceled")
    assert result.code == 2
    assert result.err == (
        "ecloud-pay: --status: unknown status 'canceled'. Did you mean cancelled?\n"
        "Known: pending, processing, succeeded, failed, cancelled\n"
    )


def test_an_amount_must_be_one_of_the_currency_asked_for(console: Console) -> None:
    result = console("list", "--amount", "12.50", "--currency", "jpy")
    assert (result.code, result.err) == (2, "ecloud-pay: --amount: 12.50 is not an amount in JPY: it has too many decimals\n")


def test_a_least_amount_above_the_most_is_refused(console: Console) -> None:
    result = console("list", "--min-amount", "10", "--max-amount", "5")
    assert (result.code, result.err) == (2, "ecloud-pay: --min-amount 10 is above --max-amount 5\n")


def test_two_formats_at_once_are_refused(console: Console) -> None:
    assert console("list", "--json", "--csv").err == "ecloud-pay: only one format at a time: json and csv were asked for\n"
    assert console("list", "--format", "json", "--json", "--status", "x").code == 2


def test_a_window_that_ends_before_it_begins_is_refused(console: Console) -> None:
    result = console("list", "--since", "2025-02-02", "--until", "2025-02-01")
    assert (result.code, result.err) == (2, "ecloud-pay: --until '2025-02-01' lies before --since '2025-02-02'\n")


def test_hostile_text_reaches_a_screen_harmless_and_json_intact(console: Console, backend: Backend) -> None:
    from support.backend import HOSTILE

    document: dict[str, Any] = console("show", "12", "--json", on=backend).json
    assert document["description"] == HOSTILE
    assert document["metadata"] == {HOSTILE: HOSTILE}
    assert document["job"]["property_address"] == HOSTILE
    printing: list[Callable[[], str]] = [
        lambda: console("show", "12", on=backend).out,
        lambda: console("show", "12", "--json", on=backend).out,
        lambda: console("list", "--format", "table", "--fields", "id,description,metadata", on=backend).out,
        lambda: console("list", "--format", "tsv", on=backend).out,
        lambda: console("list", "--csv", on=backend).out,
        lambda: console("list", "--ndjson", on=backend).out,
    ]
    for printed in printing:
        text = printed()
        assert not {"\x1b", "\x9b", "\u202e", "\u2066", "\r"} & set(text)
        assert "[bold red]" in text or "[bold]visa[/x]" in text
