"""Reports as labelled lines: the lines that scripts grep, and whole outputs compared."""

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from ecloud_pay.domain.payment import Person
from ecloud_pay.domain.period import Period
from ecloud_pay.domain.report import BorneBy, Explained, Figures
from ecloud_pay.rendering.report_text import booked_text, explained_text, grid_lines, owed_text, report_text, statement_text
from ecloud_pay.rendering.sanitize import UNSAFE
from ecloud_pay.rendering.sheet import Column, Grid
from support.reports import (
    AS_OF,
    HOSTILE,
    MARIA,
    PIPE,
    booked,
    by_client,
    compared,
    daily,
    eur,
    everybody,
    owed,
    scope,
    statement,
    terminal,
    three_days,
    usd,
)

TITLE = "Daily Report for 2025-01-26"
DAILY = """\
Daily Report for 2025-01-26
Total Payments: 12
Total Revenue: $1,234.00
Platform Fees: $185.10
Succeeded: 10
Failed: 2

Pending: 0
Processing: 0
Cancelled: 0
Success Rate: 83.33%

Cleaner Payouts: $1,048.90
Fees + Payouts = Revenue: $185.10 + $1,048.90 = $1,234.00 adds up
Average Payment: $123.40
Largest Payment: $300.00
Refunds: $50.00
Net Volume: $1,184.00
Refunded Share: 4.05% of $1,234.00

After Refunds: borne by: not recorded

Period: 2025-01-26 00:00:00 CET until before 2025-01-27 00:00:00 CET
Time Zone: Europe/Berlin
Basis: created (money by created_at)
As Of: 2025-01-27 09:00:05 CET

Total Revenue is gross volume, what clients paid; the platform's own revenue is the Platform Fees.
"""
EVERYTHING = """\
Daily Report for 2025-01-26
Total Payments: 21
Total Revenue: $1,234.00
Total Revenue: €80.01 EUR
Platform Fees: $185.10
Platform Fees: €12.00 EUR
Succeeded: 11
Failed: 2

Pending: 2
Processing: 2
Cancelled: 3
Unknown Status: 1
Success Rate: 84.62%

Cleaner Payouts: $1,048.90
Fees + Payouts = Revenue: $185.10 + $1,048.90 = $1,234.00 ✔ adds up
Average Payment: $123.40
Largest Payment: $300.00
Refunds: $50.00
Net Volume: $1,184.00
Refunded Share: 4.05% of $1,234.00
Undated: $300.00 of 3 succeeded payments without paid_at, in no money above (fees $45.00, payouts $255.00)
Refunds without a row: $25.00 of 1 payment, in neither refunds nor net volume
Refunds without a row or a date: -$5.00 of 2 payments without refunded_at, in neither refunds nor net volume

Cleaner Payouts: €68.01 EUR
Fees + Payouts = Revenue: €12.00 EUR + €68.01 EUR = €80.01 EUR ✔ adds up
Average Payment: €80.01 EUR
Largest Payment: €80.01 EUR
Refunds: €0.00 EUR
Net Volume: €80.01 EUR
Refunded Share: 0% of €80.01 EUR

After Refunds: borne by: proportional
Platform Fees after Refunds: $177.60
Cleaner Payouts after Refunds: $1,006.40
Platform Fees after Refunds: €12.00 EUR
Cleaner Payouts after Refunds: €68.01 EUR

Period: 2025-01-26 00:00:00 CET until before 2025-01-27 00:00:00 CET
Time Zone: Europe/Berlin
Basis: created (money by created_at)
As Of: 2025-01-27 09:00:05 CET
Compared With: 2025-01-25 00:00:00 CET until before 2025-01-26 00:00:00 CET

Figure        This Period  Compared With       Change
─────────────────────────────────────────────────────
Payments               21             12       +75.0%
Succeeded              11             10       +10.0%
Failed                  2              2         0.0%
Success Rate       84.62%         83.33%  +1.3 points
Gross Volume    $1,234.00      $1,234.00         0.0%
Fees              $185.10        $185.10         0.0%
Payouts         $1,048.90      $1,048.90         0.0%
Refunds            $50.00         $50.00         0.0%
Net Volume      $1,184.00      $1,184.00         0.0%
Gross Volume   €80.01 EUR      €0.00 EUR          n/a
Fees           €12.00 EUR      €0.00 EUR          n/a
Payouts        €68.01 EUR      €0.00 EUR          n/a
Refunds         €0.00 EUR      €0.00 EUR          n/a
Net Volume     €80.01 EUR      €0.00 EUR          n/a

Total Revenue is gross volume, what clients paid; the platform's own revenue is the Platform Fees.
"""
BOOKED = """\
Report by status for 2025-01-26
Period: 2025-01-26 00:00:00 CET until before 2025-01-27 00:00:00 CET
Time Zone: Europe/Berlin
Basis: created (money by created_at)
As Of: 2025-01-27 09:00:05 CET

Status     Currency  Payments     Amount      Fee     Payout
────────────────────────────────────────────────────────────
succeeded  USD             10  $1,234.00  $185.10  $1,048.90
failed     USD              2     $99.00   $14.85     $84.15

Amount: what the rows say, whether or not any money moved; it is no volume
"""
OWED = """\
Owed for 2025-01-26
Period: 2025-01-26 00:00:00 CET until before 2025-01-27 00:00:00 CET
Time Zone: Europe/Berlin
Basis: paid (payments by the day they were paid)
As Of: 2025-01-27 09:00:05 CET

Cleaner            Jobs  Payments  Gross Volume      Payout  Refunds  After Refunds  Paid Out        Open  Under Way
────────────────────────────────────────────────────────────────────────────────────────────────────────────────────
maria@example.com     1         1       $100.00      $85.00   $20.00         $68.00    $60.00       $8.00      $0.00
li@example.com        1         1   ¥10,000 JPY  ¥8,500 JPY   ¥0 JPY     ¥8,500 JPY    ¥0 JPY  ¥8,500 JPY     ¥0 JPY
no cleaner            1         1       $100.00      $85.00    $0.00         $85.00    $90.00      -$5.00      $5.00
────────────────────────────────────────────────────────────────────────────────────────────────────────────────────
Total                 2         2       $200.00     $170.00   $20.00        $153.00   $150.00       $3.00      $5.00
Total                 1         1   ¥10,000 JPY  ¥8,500 JPY   ¥0 JPY     ¥8,500 JPY    ¥0 JPY  ¥8,500 JPY     ¥0 JPY

After Refunds: borne by: not recorded
Open: what is still to be paid out; payouts under way are part of it
Below zero: more was paid out than is due
"""
STATEMENT = """\
Statement for 2025-01-26
Cleaner: maria (maria@example.com)
Period: 2025-01-26 00:00:00 CET until before 2025-01-27 00:00:00 CET
Time Zone: Europe/Berlin
Basis: paid (payments by the day they were paid)
As Of: 2025-01-27 09:00:05 CET

Date        Payment     Job  Service               Amount  Your Payout   Refunded  After Refunds   Paid Out          Open  Under Way
────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────
2025-01-26  #5          #14  Deep Cleaning        $100.00       $85.00      $0.00         $85.00     $85.00         $0.00      $0.00
2025-01-27  #6          #15  Window Cleaning      $100.00       $85.00     $20.00   not recorded      $0.00  not recorded      $0.00
N/A         #7          N/A  N/A              €100.00 EUR   €85.00 EUR  €0.00 EUR     €85.00 EUR  €0.00 EUR    €85.00 EUR  €0.00 EUR
────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────
Total       2 payments                            $200.00      $170.00     $20.00   not recorded     $85.00  not recorded      $0.00
Total       1 payment                         €100.00 EUR   €85.00 EUR  €0.00 EUR     €85.00 EUR  €0.00 EUR    €85.00 EUR  €0.00 EUR

After Refunds: borne by: not recorded
Open: what is still to be paid out; payouts under way are part of it
"""


def value_of(text: str, label: str) -> str:
    """What the one line with this label says."""
    (found,) = [line.removeprefix(f"{label}: ") for line in text.split("\n") if line.startswith(f"{label}: ")]
    return found


def test_the_daily_report_begins_with_the_lines_that_scripts_rely_on() -> None:
    assert report_text(daily(usd()), TITLE, PIPE) == DAILY


def test_whatever_there_is_to_say_is_said_per_currency_with_the_main_one_first() -> None:
    full = replace(
        usd(),
        payments=19,
        pending=1,
        processing=2,
        cancelled=3,
        unknown=1,
        refunds_on_fees=Decimal("7.50"),
        unrowed=1,
        refunds_without_row=Decimal("25.00"),
        unrowed_undated=2,
        refunds_without_row_undated=Decimal("-5.00"),
        undated=3,
        undated_gross=Decimal("300.00"),
        undated_fees=Decimal("45.00"),
        undated_payouts=Decimal("255.00"),
    )
    report = daily(full, replace(eur(), refunds_on_fees=Decimal(0)), borne_by=BorneBy.PROPORTIONAL)
    assert report_text(compared(report, usd()), TITLE, terminal(80)) == EVERYTHING


@pytest.mark.parametrize("totals", [(), (Figures("usd"),)])
def test_an_empty_day_is_all_zeros(totals: tuple[Figures, ...]) -> None:
    lines = report_text(daily(*totals), TITLE, PIPE).split("\n")
    assert lines[:6] == [TITLE, "Total Payments: 0", "Total Revenue: $0.00", "Platform Fees: $0.00", "Succeeded: 0", "Failed: 0"]
    assert {"Success Rate: n/a", "Average Payment: n/a", "Largest Payment: n/a", "Refunded Share: n/a of $0.00"} < set(lines)


def test_counts_are_without_separators_for_the_scripts_that_read_them() -> None:
    text = report_text(daily(replace(usd(), payments=12345, succeeded=12000, failed=345)), TITLE, PIPE)
    assert text.split("\n")[1] == "Total Payments: 12345"


@pytest.mark.parametrize(
    ("fees", "told"),
    [
        ("185.00", "$185.00 + $1,048.90 = $1,233.90, not $1,234.00: {}$0.10 missing"),
        ("185.20", "$185.20 + $1,048.90 = $1,234.10, not $1,234.00: {}$0.10 too much"),
        ("NaN", "NaN USD + $1,048.90 and $1,234.00: {}cannot be compared"),
    ],
)
def test_what_does_not_add_up_is_told_with_the_difference(fees: str, told: str) -> None:
    report = daily(replace(usd(), fees=Decimal(fees)))
    assert value_of(report_text(report, TITLE, PIPE), "Fees + Payouts = Revenue") == told.format("")
    assert value_of(report_text(report, TITLE, terminal(80)), "Fees + Payouts = Revenue") == told.format("✘ ")


def test_more_may_come_back_than_was_charged() -> None:
    text = report_text(daily(replace(usd(), refunds=Decimal("2000.00"))), TITLE, PIPE)
    assert value_of(text, "Net Volume") == "-$766.00"
    assert value_of(text, "Refunded Share") == "162.07% of $1,234.00"


def test_a_sum_in_no_known_currency_stands_as_it_is_and_is_told_once() -> None:
    text = report_text(daily(replace(usd(), currency="xyz")), TITLE, PIPE)
    assert value_of(text, "Total Revenue") == "1234.00 XYZ"
    assert value_of(text, "Fees + Payouts = Revenue") == "185.10 XYZ + 1048.90 XYZ = 1234.00 XYZ adds up"
    assert value_of(text, "Average Payment") == "123.40 XYZ"
    assert value_of(text, "Refunded Share") == "4.05% of 1234.00 XYZ"
    assert value_of(text, "Shown as it stands") == "unknown currency 'xyz'"


def test_rows_without_a_currency_and_sums_that_are_no_number_break_nothing() -> None:
    nan = Decimal("NaN")
    lost = replace(usd(), currency="", gross=nan, fees=nan, payouts=nan, refunds=nan, largest=nan, undated=1, undated_gross=nan)
    text = report_text(compared(daily(lost), lost), TITLE, PIPE)
    assert value_of(text, "Total Revenue") == "NaN (no currency)"
    assert value_of(text, "Average Payment") == "NaN (no currency)"


@pytest.mark.parametrize(
    ("currency", "gross", "charged", "average"),
    [
        ("usd", "100.00", 3, "$33.33"),
        ("usd", "200.00", 3, "$66.67"),
        ("usd", "100.01", 2, "$50.01"),
        ("jpy", "1000.00", 16, "¥63 JPY"),
        ("jpy", "1000.00", 3, "¥333 JPY"),
        ("kwd", "10.00", 3, "3.333 KWD"),
        ("isk", "1000.00", 16, "63 ISK"),
        ("usd", "-100.01", 2, "-$50.01"),
        ("usd", "9999999999999999.99", 3, "$3,333,333,333,333,333.33"),
    ],
)
def test_an_average_is_rounded_half_up_to_what_people_write(currency: str, gross: str, charged: int, average: str) -> None:
    text = report_text(daily(replace(usd(), currency=currency, gross=Decimal(gross), charged=charged)), TITLE, PIPE)
    assert value_of(text, "Average Payment") == average


def test_a_window_that_is_not_over_says_so() -> None:
    text = report_text(replace(daily(usd()), as_of=datetime(2025, 1, 26, 12, tzinfo=UTC)), TITLE, PIPE)
    assert value_of(text, "As Of") == "2025-01-26 13:00:00 CET, not complete yet"


@pytest.mark.parametrize(
    ("window", "told"),
    [
        (Period(), "all time"),
        (Period(since=AS_OF), "from 2025-01-27 09:00:05 CET"),
        (Period(until=AS_OF), "until before 2025-01-27 09:00:05 CET"),
    ],
)
def test_an_open_window_is_told(window: Period, told: str) -> None:
    assert value_of(report_text(replace(daily(usd()), window=window), TITLE, PIPE), "Period") == told


def test_after_refunds_waits_for_somebody_to_record_who_bears_them() -> None:
    text = report_text(daily(replace(usd(), refunds_on_fees=Decimal("50.00")), borne_by=BorneBy.PLATFORM), TITLE, PIPE)
    assert value_of(text, "After Refunds") == "borne by: platform"
    assert value_of(text, "Platform Fees after Refunds") == "$135.10"
    assert value_of(text, "Cleaner Payouts after Refunds") == "$1,048.90"


def test_the_periods_or_groups_follow_as_lines() -> None:
    assert "\nDay             Payments  Succeeded  Failed  Success  Gross Volume" in report_text(three_days(), TITLE, PIPE)
    assert "\nthe other 2 clients    " in report_text(by_client(), TITLE, PIPE)


def test_a_hostile_name_is_harmless() -> None:
    texts = [
        report_text(by_client(), HOSTILE, PIPE),
        booked_text(booked(), scope(), HOSTILE, PIPE),
        owed_text(everybody(), scope(), HOSTILE, PIPE),
        statement_text(Person(1, HOSTILE, "x"), statement(), scope(), HOSTILE, PIPE),
        explained_text([Explained(HOSTILE, "\x1b", 1, (1,), "\x1b[2J")]),
    ]
    assert [UNSAFE.search(text.replace("\n", "")) for text in texts] == [None] * 5


def test_what_is_booked_by_status_is_an_amount_and_by_created_at() -> None:
    assert booked_text(booked()[:2], scope(), "Report by status for 2025-01-26", PIPE) == BOOKED


def test_what_is_owed_is_a_line_per_cleaner_and_currency() -> None:
    first, second, third = everybody()
    text = owed_text([first, replace(second, cleaner=Person(27, "li@example.com", None)), third], scope(), "Owed for 2025-01-26", PIPE)
    assert text == OWED


def test_a_period_in_which_nobody_is_owed_anything_says_so() -> None:
    text = owed_text([], scope(), "Owed", PIPE)
    assert value_of(text, "Nothing") == "no succeeded payment in this period"


def test_a_statement_is_a_line_per_payment_and_says_nothing_of_clients() -> None:
    first, second, third = statement()
    lines = [first, replace(second, service_type="Window Cleaning"), third]
    assert statement_text(MARIA, lines, scope(), "Statement for 2025-01-26", PIPE) == STATEMENT


@pytest.mark.parametrize(
    ("cleaner", "told"),
    [
        (MARIA, "maria (maria@example.com)"),
        (Person(1, "a@example.com", "a@example.com"), "a@example.com"),
        (Person(1, None, "ana"), "ana"),
        (Person(1, None, None), "user #1"),
        (None, "N/A"),
    ],
)
def test_a_statement_names_the_cleaner_as_well_as_the_row_does(cleaner: Person | None, told: str) -> None:
    assert value_of(statement_text(cleaner, [], scope(), "Statement", PIPE), "Cleaner") == told


def test_one_refund_that_nobody_is_known_to_bear_leaves_the_whole_sum_open() -> None:
    text = owed_text([owed("20.00"), owed()], scope(), "Owed", PIPE)
    (total,) = [line.split("  ") for line in text.split("\n") if line.startswith("Total")]
    assert [cell.strip() for cell in total if cell] == [
        "Total",
        *("2", "2", "$200.00", "$170.00", "$20.00", "not recorded", "$0.00", "not recorded", "$0.00"),
    ]


def test_each_figure_is_explained_by_its_ids_and_by_the_query_that_finds_them() -> None:
    explained = [
        Explained("payments", "usd", 2, (5, 7), "SELECT id\nFROM payments_payment;\n"),
        Explained("gross", "usd", 1200, (), "SELECT 1;"),
        Explained("refunds", "eur", 1, (3,), "SELECT 2;"),
        Explained("disputed", "", 1, (9,), "SELECT 3;"),
    ]
    assert explained_text(explained) == (
        "Total Payments (USD): 2 payments\n  5, 7\n  SELECT id\n  FROM payments_payment;\n\n"
        "Gross Volume, Platform Fees and Cleaner Payouts (USD): 1,200 payments\n  SELECT 1;\n\n"
        "Refunds (EUR): 1 refund\n  3\n  SELECT 2;\n\n"
        "Disputed: 1 payment\n  9\n  SELECT 3;\n"
    )


def test_columns_stand_under_each_other_in_every_script() -> None:
    grid = Grid((Column("Name", is_figure=False), Column("N")), (("山田", "1"), ("ana", "22")))
    assert grid_lines(grid) == ["Name   N", "────────", "山田   1", "ana   22"]
