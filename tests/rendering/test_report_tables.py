"""Reports as tables, compared whole at the widths that people have; a figure is never cut."""

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from rich.cells import cell_len
from rich.table import Table

from ecloud_pay.domain.payment import Person
from ecloud_pay.domain.report import By, Group, Report
from ecloud_pay.rendering.report_tables import booked_table, owed_table, report_table, statement_table
from ecloud_pay.rendering.sanitize import UNSAFE
from support.reports import (
    HOSTILE,
    MARIA,
    PIPE,
    booked,
    by_client,
    compared,
    daily,
    drawn,
    eur,
    everybody,
    scope,
    statement,
    terminal,
    three_days,
    usd,
)

TITLE = "Daily Report for 2025-01-26"
IN_A_PIPE = """\
Report by day
Period: 2025-01-24 00:00:00 CET until before 2025-01-27 00:00:00 CET
Time Zone: Europe/Berlin
Basis: paid (money by paid_at, counts by created_at)
As Of: 2025-01-27 09:00:05 CET

Day             Payments  Succeeded  Failed  Success  Gross Volume        Fees      Payouts    Refunds   Net Volume   Change
────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────
2025-01-24             7          6       1   85.71%       $617.00      $92.55      $524.45     $50.00      $567.00    +2.8%
2025-01-25             7          6       1   85.71%       $617.00      $92.55      $524.45    $700.00      -$83.00     0.0%
2025-01-25             2          1       0     100%    €80.01 EUR  €12.00 EUR   €68.01 EUR  €0.00 EUR   €80.01 EUR      n/a
2025-01-26            12         10       2   83.33%     $1,234.00     $185.10    $1,048.90     $50.00    $1,184.00  +100.0%
2025-01-26             1          1       0     100%    €80.01 EUR  €12.00 EUR   €68.01 EUR  €0.00 EUR   €80.01 EUR     0.0%

Total                 26         22       4   84.62%     $2,468.00     $370.20    $2,097.80    $800.00    $1,668.00
Total                  3          2       0     100%   €160.02 EUR  €24.00 EUR  €136.02 EUR  €0.00 EUR  €160.02 EUR
All currencies        29         24       4   85.71%

Fees + Payouts = Gross Volume: $370.20 + $2,097.80 = $2,468.00 adds up
Fees + Payouts = Gross Volume: €24.00 EUR + €136.02 EUR = €160.02 EUR adds up
After Refunds: borne by: not recorded
Other Statuses: 1 pending, 0 processing, 0 cancelled
Gross Volume: what clients paid; the platform's own revenue is the fees
"""
AT_60 = """\
Report by day
Period: 2025-01-24 00:00:00 CET until before 2025-01-27
00:00:00 CET
Time Zone: Europe/Berlin
Basis: paid (money by paid_at, counts by created_at)
As Of: 2025-01-27 09:00:05 CET

Day             Payments  Gross Volume        Fees
──────────────────────────────────────────────────
2025-01-24             7       $617.00      $92.55
2025-01-25             7       $617.00      $92.55
2025-01-25             2    €80.01 EUR  €12.00 EUR
2025-01-26            12     $1,234.00     $185.10
2025-01-26             1    €80.01 EUR  €12.00 EUR

Total                 26     $2,468.00     $370.20
Total                  3   €160.02 EUR  €24.00 EUR
All currencies        29
Not shown at this width: Bars, Success, Payouts,
Succeeded, Failed, Change, Refunds, Net Volume

Gross Volume by day: USD ▅▅█
Gross Volume by day: EUR ▁██
Fees + Payouts = Gross Volume: $370.20 + $2,097.80 =
$2,468.00 ✔ adds up
Fees + Payouts = Gross Volume: €24.00 EUR + €136.02 EUR =
€160.02 EUR ✔ adds up
After Refunds: borne by: not recorded
Other Statuses: 1 pending, 0 processing, 0 cancelled
Gross Volume: what clients paid; the platform's own revenue
is the fees
"""
AT_80 = """\
Report by day
Period: 2025-01-24 00:00:00 CET until before 2025-01-27 00:00:00 CET
Time Zone: Europe/Berlin
Basis: paid (money by paid_at, counts by created_at)
As Of: 2025-01-27 09:00:05 CET

Day             Payments  Gross Volume        Fees    Refunds   Net Volume
──────────────────────────────────────────────────────────────────────────
2025-01-24             7       $617.00      $92.55     $50.00      $567.00
2025-01-25             7       $617.00      $92.55    $700.00      -$83.00
2025-01-25             2    €80.01 EUR  €12.00 EUR  €0.00 EUR   €80.01 EUR
2025-01-26            12     $1,234.00     $185.10     $50.00    $1,184.00
2025-01-26             1    €80.01 EUR  €12.00 EUR  €0.00 EUR   €80.01 EUR

Total                 26     $2,468.00     $370.20    $800.00    $1,668.00
Total                  3   €160.02 EUR  €24.00 EUR  €0.00 EUR  €160.02 EUR
All currencies        29
Not shown at this width: Bars, Success, Payouts, Succeeded, Failed, Change

Gross Volume by day: USD ▅▅█
Gross Volume by day: EUR ▁██
Fees + Payouts = Gross Volume: $370.20 + $2,097.80 = $2,468.00 ✔ adds up
Fees + Payouts = Gross Volume: €24.00 EUR + €136.02 EUR = €160.02 EUR ✔ adds up
After Refunds: borne by: not recorded
Other Statuses: 1 pending, 0 processing, 0 cancelled
Gross Volume: what clients paid; the platform's own revenue is the fees
"""
AT_100 = """\
Report by day
Period: 2025-01-24 00:00:00 CET until before 2025-01-27 00:00:00 CET
Time Zone: Europe/Berlin
Basis: paid (money by paid_at, counts by created_at)
As Of: 2025-01-27 09:00:05 CET

Day             Payments  Failed  Gross Volume        Fees    Refunds   Net Volume   Change
───────────────────────────────────────────────────────────────────────────────────────────
2025-01-24             7       1       $617.00      $92.55     $50.00      $567.00    +2.8%
2025-01-25             7       1       $617.00      $92.55    $700.00      -$83.00     0.0%
2025-01-25             2       0    €80.01 EUR  €12.00 EUR  €0.00 EUR   €80.01 EUR      n/a
2025-01-26            12       2     $1,234.00     $185.10     $50.00    $1,184.00  +100.0%
2025-01-26             1       0    €80.01 EUR  €12.00 EUR  €0.00 EUR   €80.01 EUR     0.0%

Total                 26       4     $2,468.00     $370.20    $800.00    $1,668.00
Total                  3       0   €160.02 EUR  €24.00 EUR  €0.00 EUR  €160.02 EUR
All currencies        29       4
Not shown at this width: Bars, Success, Payouts, Succeeded

Gross Volume by day: USD ▅▅█
Gross Volume by day: EUR ▁██
Fees + Payouts = Gross Volume: $370.20 + $2,097.80 = $2,468.00 ✔ adds up
Fees + Payouts = Gross Volume: €24.00 EUR + €136.02 EUR = €160.02 EUR ✔ adds up
After Refunds: borne by: not recorded
Other Statuses: 1 pending, 0 processing, 0 cancelled
Gross Volume: what clients paid; the platform's own revenue is the fees
"""
AT_140 = """\
Report by day
Period: 2025-01-24 00:00:00 CET until before 2025-01-27 00:00:00 CET
Time Zone: Europe/Berlin
Basis: paid (money by paid_at, counts by created_at)
As Of: 2025-01-27 09:00:05 CET

Day             Payments  Succeeded  Failed  Success  Gross Volume        Fees      Payouts    Refunds   Net Volume   Change
──────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────
2025-01-24             7          6       1   85.71%       $617.00      $92.55      $524.45     $50.00      $567.00    +2.8%  ██████
2025-01-25             7          6       1   85.71%       $617.00      $92.55      $524.45    $700.00      -$83.00     0.0%  ██████
2025-01-25             2          1       0     100%    €80.01 EUR  €12.00 EUR   €68.01 EUR  €0.00 EUR   €80.01 EUR      n/a  ████████████
2025-01-26            12         10       2   83.33%     $1,234.00     $185.10    $1,048.90     $50.00    $1,184.00  +100.0%  ████████████
2025-01-26             1          1       0     100%    €80.01 EUR  €12.00 EUR   €68.01 EUR  €0.00 EUR   €80.01 EUR     0.0%  ████████████

Total                 26         22       4   84.62%     $2,468.00     $370.20    $2,097.80    $800.00    $1,668.00
Total                  3          2       0     100%   €160.02 EUR  €24.00 EUR  €136.02 EUR  €0.00 EUR  €160.02 EUR
All currencies        29         24       4   85.71%

Gross Volume by day: USD ▅▅█
Gross Volume by day: EUR ▁██
Fees + Payouts = Gross Volume: $370.20 + $2,097.80 = $2,468.00 ✔ adds up
Fees + Payouts = Gross Volume: €24.00 EUR + €136.02 EUR = €160.02 EUR ✔ adds up
After Refunds: borne by: not recorded
Other Statuses: 1 pending, 0 processing, 0 cancelled
Gross Volume: what clients paid; the platform's own revenue is the fees
"""
AT_200 = AT_140.replace("█" * 6, "█" * 12).replace("─\n", "─" * 13 + "\n")  # twelve columns more, all of them for the bars
COMPARED = """\
Daily Report for 2025-01-26
Period: 2025-01-26 00:00:00 CET until before 2025-01-27 00:00:00 CET
Time Zone: Europe/Berlin
Basis: created (money by created_at)
As Of: 2025-01-27 09:00:05 CET
Compared With: 2025-01-25 00:00:00 CET until before 2025-01-26 00:00:00 CET

       Payments  Succeeded  Failed  Gross Volume     Fees  Refunds  Net Volume
──────────────────────────────────────────────────────────────────────────────
Total        12         10       2     $1,234.00  $185.10   $50.00   $1,184.00
Not shown at this width: Success, Payouts

Figure        This Period  Compared With       Change
─────────────────────────────────────────────────────
Payments               12             12         0.0%
Succeeded              10              8       +25.0%
Failed                  2              2         0.0%
Success Rate       83.33%            80%  +3.3 points
Gross Volume    $1,234.00      $1,000.00       +23.4%
Fees              $185.10        $185.10         0.0%
Payouts         $1,048.90      $1,048.90         0.0%
Refunds            $50.00         $50.00         0.0%
Net Volume      $1,184.00        $950.00       +24.6%

Fees + Payouts = Gross Volume: $185.10 + $1,048.90 = $1,234.00 ✔ adds up
After Refunds: borne by: not recorded
Gross Volume: what clients paid; the platform's own revenue is the fees
"""
BY_CLIENT = """\
Report by client
Period: 2025-01-26 00:00:00 CET until before 2025-01-27 00:00:00 CET
Time Zone: Europe/Berlin
Basis: paid (money by paid_at, counts by created_at)
As Of: 2025-01-27 09:00:05 CET

Client               Payments  Succeeded  Failed  Gross Volume        Fees    Refunds  Net Volume
─────────────────────────────────────────────────────────────────────────────────────────────────
anna@example.com           12         10       2     $1,234.00     $185.10     $50.00   $1,184.00
anna@example.com            2          1       0    €80.01 EUR  €12.00 EUR  €0.00 EUR  €80.01 EUR
no client                  12         10       2     $1,234.00     $185.10  $2,000.00    -$766.00
the other 2 clients        24         20       4     $2,468.00     $370.20    $100.00   $2,368.00

Total                      48         40       8     $4,936.00     $740.40  $2,150.00   $2,786.00
Total                       2          1       0    €80.01 EUR  €12.00 EUR  €0.00 EUR  €80.01 EUR
All currencies             50         41       8
Not shown at this width: Bars, Success, Payouts

Fees + Payouts = Gross Volume: $740.40 + $4,195.60 = $4,936.00 ✔ adds up
Fees + Payouts = Gross Volume: €12.00 EUR + €68.01 EUR = €80.01 EUR ✔ adds up
After Refunds: borne by: not recorded
Other Statuses: 1 pending, 0 processing, 0 cancelled
Gross Volume: what clients paid; the platform's own revenue is the fees
"""
OWED = """\
Owed for 2025-01-26
Period: 2025-01-26 00:00:00 CET until before 2025-01-27 00:00:00 CET
Time Zone: Europe/Berlin
Basis: paid (payments by the day they were paid)
As Of: 2025-01-27 09:00:05 CET

Cleaner                Payout  After Refunds  Paid Out        Open  Under Way
─────────────────────────────────────────────────────────────────────────────
maria@example.com      $85.00         $68.00    $60.00       $8.00      $0.00
li@example.com     ¥8,500 JPY     ¥8,500 JPY    ¥0 JPY  ¥8,500 JPY     ¥0 JPY
no cleaner             $85.00         $85.00    $90.00      -$5.00      $5.00

Total                 $170.00        $153.00   $150.00       $3.00      $5.00
Total              ¥8,500 JPY     ¥8,500 JPY    ¥0 JPY  ¥8,500 JPY     ¥0 JPY
Not shown at this width: Payments, Jobs, Gross Volume, Refunds

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

Date        Job  Your Payout  After Refunds   Paid Out          Open
────────────────────────────────────────────────────────────────────
2025-01-26  #14       $85.00         $85.00     $85.00         $0.00
2025-01-27  #15       $85.00   not recorded      $0.00  not recorded
N/A         N/A   €85.00 EUR     €85.00 EUR  €0.00 EUR    €85.00 EUR

Total                $170.00   not recorded     $85.00  not recorded
Total             €85.00 EUR     €85.00 EUR  €0.00 EUR    €85.00 EUR
Not shown at this width: Payment, Under Way, Service, Refunded,
Amount

After Refunds: borne by: not recorded
Open: what is still to be paid out; payouts under way are part of it
"""


_AMOUNT = re.compile(r"-?[$€][\d,.]+")


def table(report: Report, width: int | None = None) -> str:
    look = PIPE if width is None else terminal(width)
    return drawn(report_table(report, "Report by day", look), look)


def row(text: str, label: str) -> list[str]:
    """The cells of the one row with this label."""
    (found,) = [line for line in text.split("\n") if line.startswith(label) and "  " in line]
    return re.split(r" {2,}", found)


@pytest.mark.parametrize(("width", "expected"), [(None, IN_A_PIPE), (60, AT_60), (80, AT_80), (100, AT_100), (140, AT_140), (200, AT_200)])
def test_a_report_over_time_fits_the_terminal_and_a_pipe_gets_all_of_it(width: int | None, expected: str) -> None:
    assert table(three_days(), width) == expected


def test_the_window_stands_beside_the_one_before() -> None:
    before = replace(usd(), gross=Decimal("1000.00"), succeeded=8)
    assert drawn(report_table(compared(daily(usd()), before), TITLE, terminal(80)), terminal(80)) == COMPARED


def test_what_a_top_leaves_out_is_a_row_of_its_own() -> None:
    report = replace(by_client(), groups=(by_client().groups[0], by_client().groups[2]))
    assert drawn(report_table(report, "Report by client", terminal(100)), terminal(100)) == BY_CLIENT


@pytest.mark.parametrize(
    ("by", "others", "label"),
    [
        (By.CLIENT, 1, "the other client"),
        (By.CURRENCY, 2, "the other 2 currencies"),
        (By.SERVICE, 1200, "the other 1,200 services"),
    ],
)
def test_the_others_are_called_what_they_are(by: By, others: int, label: str) -> None:
    text = table(replace(by_client(), by=by, others=others, groups=()))
    assert re.findall(rf"^{label} +(\d+)", text, re.MULTILINE) == ["48", "2"]


def test_groups_and_the_others_add_up_to_the_totals() -> None:
    text = table(by_client())
    payments = [int(re.split(r" {2,}", line)[1]) for line in text.split("\n") if re.match(r"(anna|=cmd|no client|the other)", line)]
    assert sum(payments) == int(row(text, "All currencies")[1]) == 50


@pytest.mark.parametrize("width", [24, 30, 40, 50, 60, 70, 80, 90, 100, 120, 140, 160, 200])
@pytest.mark.parametrize("report", [three_days(), by_client(), compared(daily(usd(), eur()), usd())])
def test_however_narrow_the_terminal_no_figure_is_cut_and_no_row_too_wide(report: Report, width: int) -> None:
    look = terminal(width)
    tables = [thing for thing in report_table(report, "Report", look) if isinstance(thing, Table)]
    text = drawn([*tables], look)
    assert max(map(cell_len, text.split("\n"))) <= width
    # Every amount that is shown is one of those that there are.
    assert set(_AMOUNT.findall(text)) <= set(_AMOUNT.findall(table(report)))
    assert "…" not in text


def test_gross_volume_is_the_last_that_a_narrow_terminal_shows() -> None:
    text = drawn([thing for thing in report_table(three_days(), "Report", terminal(40)) if isinstance(thing, Table)], terminal(40))
    assert text.split("\n")[0].split("  ")[0] == "Day"
    assert "Gross Volume" in text
    assert "Not shown at this width: Bars, Success, Payouts, Succeeded, Failed, Change, Refunds, Net Volume, Fees" in " ".join(text.split())


def test_a_name_folds_within_its_column() -> None:
    text = table(by_client(), 100)
    assert "https://evil.example\n" in text
    assert "Not shown at this width: Bars, Success, Payouts\n" in text


def test_hostile_names_are_harmless_everywhere() -> None:
    texts = [
        drawn(things, terminal(100))
        for things in (
            report_table(by_client(), HOSTILE, terminal(100)),
            booked_table(booked(), scope(), HOSTILE, terminal(100)),
            owed_table(everybody(), scope(), HOSTILE, terminal(100)),
            statement_table(Person(1, HOSTILE, None), statement(), scope(), HOSTILE, terminal(100)),
        )
    ]
    assert [UNSAFE.search(text.replace("\n", "")) for text in texts] == [None] * 4
    assert all("[bold]b" in text for text in texts)  # Rich has not taken it for its own


def test_an_empty_report_is_a_row_of_zeros() -> None:
    assert row(table(daily()), "Total") == ["Total", "0", "0", "0", "n/a", "$0.00", "$0.00", "$0.00", "$0.00", "$0.00"]


def test_a_sum_in_no_known_currency_stands_as_it_is_and_without_a_bar() -> None:
    strange = replace(usd(), currency="xyz", gross=Decimal("NaN"))
    report = replace(three_days(), groups=tuple(replace(group, figures=(strange,)) for group in three_days().groups), totals=(strange,))
    text = table(report, 200)
    assert row(text, "2025-01-24")[5:] == ["NaN XYZ", "185.10 XYZ", "1048.90 XYZ", "50.00 XYZ", "NaN XYZ", "n/a"]
    assert "█" not in text
    assert "Gross Volume by day: ▁▁▁\n" in text
    assert text.count("Shown as it stands: unknown currency 'xyz'\n") == 1


def test_the_change_is_that_of_gross_volume_to_the_period_before() -> None:
    grosses = ("600.00", "0.00", "617.00", "308.50", "308.50", "308.51", "3000000.00")
    days = [Group(f"day-{number}", (replace(usd(), gross=Decimal(gross)),), span=None) for number, gross in enumerate(grosses)]
    report = replace(three_days(), preceding=days[0], groups=tuple(days[1:]))
    text = table(report)
    changes = [row(text, f"day-{number}")[-1] for number in range(1, 7)]
    assert changes == ["-100.0%", "n/a", "-50.0%", "0.0%", "0.0%", "+972,315.8%"]


def test_the_first_period_has_no_change_where_nothing_precedes_it() -> None:
    assert row(table(replace(three_days(), preceding=None)), "2025-01-24")[-1] == "n/a"


def test_a_period_that_is_cut_or_not_over_is_marked_and_compared_with_nothing() -> None:
    days = three_days().groups
    spans = [group.span for group in days]
    assert spans[0]
    assert spans[2]
    cut = replace(days[0], span=replace(spans[0], since=spans[0].since + timedelta(hours=1), is_cut=True))
    text = table(replace(three_days(as_of=datetime(2025, 1, 26, 12, tzinfo=UTC)), groups=(cut, *days[1:])))
    changes = {line.split("  ")[0]: re.split(r" {2,}", line)[-1] for line in text.split("\n") if line.startswith("2025")}
    assert changes == {"2025-01-24 (part)": "n/a", "2025-01-25": "n/a", "2025-01-26 (so far)": "n/a"}
    assert "As Of: 2025-01-26 13:00:00 CET, not complete yet\n" in text


@pytest.mark.parametrize(
    ("width", "line"), [(80, f"Gross Volume by day (newest 35): {'▇' * 20}{'█' * 15}"), (40, "Gross Volume by day (newest 8): ████████")]
)
def test_a_long_sparkline_shows_the_newest_periods(width: int, line: str) -> None:
    many = tuple(Group(str(number), (replace(usd(), gross=Decimal(100 if number > 84 else 80)),)) for number in range(100))
    report = replace(three_days(), groups=many, totals=(usd(),))
    assert line in table(report, width).split("\n")


def test_what_belongs_to_no_figure_is_told_beneath() -> None:
    odd = replace(usd(), undated=1, undated_gross=Decimal("5.00"), unrowed=1, refunds_without_row=Decimal("7.00"), pending=2)
    text = table(daily(odd))
    assert "Undated: $5.00 of 1 succeeded payment without paid_at, in no money above (fees $0.00, payouts $0.00)\n" in text
    assert "Refunds without a row: $7.00 of 1 payment, in neither refunds nor net volume\n" in text
    assert "Other Statuses: 2 pending, 0 processing, 0 cancelled\n" in text


def test_a_pipe_has_neither_glyph_nor_bar() -> None:
    texts = [table(three_days()), drawn(booked_table(booked(), scope(), "t", PIPE), PIPE)]
    assert [re.search("[✔✘○◐█▁]", text) for text in texts] == [None, None]


def test_a_status_is_told_by_glyph_and_word() -> None:
    text = drawn(booked_table(booked()[:2], scope(), "Report by status", terminal(80)), terminal(80))
    assert row(text, "✔ succeeded") == ["✔ succeeded", "USD", "10", "$1,234.00", "$185.10", "$1,048.90"]
    assert row(text, "✘ failed") == ["✘ failed", "USD", "2", "$99.00", "$14.85", "$84.15"]


def test_what_is_owed_fits_eighty_columns() -> None:
    first, second, third = everybody()
    owed = [first, replace(second, cleaner=Person(27, "li@example.com", None)), third]
    assert drawn(owed_table(owed, scope(), "Owed for 2025-01-26", terminal(80)), terminal(80)) == OWED


def test_a_statement_fits_eighty_columns() -> None:
    first, second, third = statement()
    lines = [first, replace(second, service_type="Window Cleaning"), third]
    assert drawn(statement_table(MARIA, lines, scope(), "Statement for 2025-01-26", terminal(80)), terminal(80)) == STATEMENT


def test_a_period_in_which_nothing_of_a_currency_happened_is_a_row_of_zeros() -> None:
    report = replace(three_days(), groups=(replace(three_days().groups[0], figures=()), *three_days().groups[1:]))
    assert row(table(report), "2025-01-24")[1:6] == ["0", "0", "0", "n/a", "$0.00"]
