"""Reports as scripts read them: JSON and CSV, compared whole where they are short."""

import csv
import io
import json
import subprocess
import sys
from dataclasses import replace
from decimal import Decimal

import pytest

from ecloud_pay.domain.period import Period
from ecloud_pay.domain.report import BorneBy, Explained, Figures
from ecloud_pay.rendering.machine import json_text
from ecloud_pay.rendering.report_documents import (
    booked_csv,
    booked_document,
    explained_document,
    owed_csv,
    owed_document,
    report_csv,
    report_document,
    statement_csv,
    statement_document,
)
from support.reports import BERLIN, HOSTILE, MARIA, booked, by_client, compared, daily, eur, everybody, scope, statement, three_days, usd

JSON = """\
{
  "schema": "ecloud-pay/report/1",
  "window": {
    "since": "2025-01-25T23:00:00.000000Z",
    "until": "2025-01-26T23:00:00.000000Z"
  },
  "time_zone": "Europe/Berlin",
  "basis": "created",
  "as_of": "2025-01-27T08:00:05.000000Z",
  "borne_by": null,
  "every": null,
  "by": null,
  "totals": [
    {
      "currency": "usd",
      "payments": 12,
      "succeeded": 10,
      "failed": 2,
      "pending": 0,
      "processing": 0,
      "cancelled": 0,
      "unknown_status": 0,
      "success_rate_percent": "83.33",
      "charged": 10,
      "gross_volume": "1234.00",
      "platform_fees": "185.10",
      "cleaner_payouts": "1048.90",
      "unproven": "0.00",
      "average": "123.40",
      "largest": "300.00",
      "completed_refunds": 1,
      "refunds": "50.00",
      "net_volume": "1184.00",
      "refunded_share_percent": "4.05",
      "platform_fees_after_refunds": null,
      "cleaner_payouts_after_refunds": null,
      "undated": 0,
      "undated_gross_volume": "0.00",
      "undated_platform_fees": "0.00",
      "undated_cleaner_payouts": "0.00",
      "payments_refunded_without_row": 0,
      "refunds_without_row": "0.00",
      "payments_refunded_without_row_or_date": 0,
      "refunds_without_row_or_date": "0.00"
    }
  ],
  "groups": [],
  "others": {
    "groups": 0,
    "figures": []
  },
  "preceding": null,
  "compare": {
    "window": {
      "since": "2025-01-24T23:00:00.000000Z",
      "until": "2025-01-25T23:00:00.000000Z"
    },
    "totals": [
      {
        "currency": "usd",
        "payments": 12,
        "succeeded": 10,
        "failed": 2,
        "pending": 0,
        "processing": 0,
        "cancelled": 0,
        "unknown_status": 0,
        "success_rate_percent": "83.33",
        "charged": 10,
        "gross_volume": "1234.00",
        "platform_fees": "185.10",
        "cleaner_payouts": "1048.90",
        "unproven": "0.00",
        "average": "123.40",
        "largest": "300.00",
        "completed_refunds": 1,
        "refunds": "50.00",
        "net_volume": "1184.00",
        "refunded_share_percent": "4.05",
        "platform_fees_after_refunds": null,
        "cleaner_payouts_after_refunds": null,
        "undated": 0,
        "undated_gross_volume": "0.00",
        "undated_platform_fees": "0.00",
        "undated_cleaner_payouts": "0.00",
        "payments_refunded_without_row": 0,
        "refunds_without_row": "0.00",
        "payments_refunded_without_row_or_date": 0,
        "refunds_without_row_or_date": "0.00"
      }
    ]
  }
}
"""
CSV_BY_DAY = """\
name,since,until,is_cut,currency,payments,succeeded,failed,pending,processing,cancelled,unknown_status,success_rate_percent,charged,gross_volume,platform_fees,cleaner_payouts,unproven,average,largest,completed_refunds,refunds,net_volume,refunded_share_percent,platform_fees_after_refunds,cleaner_payouts_after_refunds,undated,undated_gross_volume,undated_platform_fees,undated_cleaner_payouts,payments_refunded_without_row,refunds_without_row,payments_refunded_without_row_or_date,refunds_without_row_or_date
2025-01-24,2025-01-23T23:00:00.000000Z,2025-01-24T23:00:00.000000Z,false,usd,7,6,1,0,0,0,0,85.71,6,617.00,92.55,524.45,0.00,102.83,300.00,1,50.00,567.00,8.10,N/A,N/A,0,0.00,0.00,0.00,0,0.00,0,0.00
2025-01-25,2025-01-24T23:00:00.000000Z,2025-01-25T23:00:00.000000Z,false,usd,7,6,1,0,0,0,0,85.71,6,617.00,92.55,524.45,0.00,102.83,300.00,1,700.00,-83.00,113.45,N/A,N/A,0,0.00,0.00,0.00,0,0.00,0,0.00
2025-01-25,2025-01-24T23:00:00.000000Z,2025-01-25T23:00:00.000000Z,false,eur,2,1,0,1,0,0,0,100.00,1,80.01,12.00,68.01,0.00,80.01,80.01,0,0.00,80.01,0.00,N/A,N/A,0,0.00,0.00,0.00,0,0.00,0,0.00
2025-01-26,2025-01-25T23:00:00.000000Z,2025-01-26T23:00:00.000000Z,false,usd,12,10,2,0,0,0,0,83.33,10,1234.00,185.10,1048.90,0.00,123.40,300.00,1,50.00,1184.00,4.05,N/A,N/A,0,0.00,0.00,0.00,0,0.00,0,0.00
2025-01-26,2025-01-25T23:00:00.000000Z,2025-01-26T23:00:00.000000Z,false,eur,1,1,0,0,0,0,0,100.00,1,80.01,12.00,68.01,0.00,80.01,80.01,0,0.00,80.01,0.00,N/A,N/A,0,0.00,0.00,0.00,0,0.00,0,0.00
"""
FLAT_HOSTILE = r"'=cmd()\x1b[31m|[bold]b[/] <b>&`x` *y* _z_ @all #1 https://evil.example \u202e"
SCOPE = {
    "window": {"since": "2025-01-25T23:00:00.000000Z", "until": "2025-01-26T23:00:00.000000Z"},
    "time_zone": "Europe/Berlin",
    "basis": "paid",
    "as_of": "2025-01-27T08:00:05.000000Z",
    "borne_by": None,
}


def records(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text, newline="")))


def test_a_report_is_one_document_of_a_named_schema() -> None:
    assert json_text(report_document(compared(daily(usd()), usd()), BERLIN)) == JSON


def test_the_document_of_periods_has_them_and_the_one_before_them() -> None:
    document = json.loads(json_text(report_document(three_days(), BERLIN)))
    assert (document["every"], document["by"]) == ("day", None)
    assert [group["name"] for group in document["groups"]] == ["2025-01-24", "2025-01-25", "2025-01-26"]
    first = document["groups"][0]
    assert (first["since"], first["until"], first["is_cut"], first["key"]) == (
        *("2025-01-23T23:00:00.000000Z", "2025-01-24T23:00:00.000000Z"),
        False,
        None,
    )
    assert [figures["currency"] for figures in document["groups"][1]["figures"]] == ["usd", "eur"]
    assert document["preceding"]["figures"][0]["gross_volume"] == "600.00"
    assert document["others"] == {"groups": 0, "figures": []}


def test_the_document_of_groups_keeps_keys_and_names_as_they_are() -> None:
    document = json.loads(json_text(report_document(by_client(), BERLIN)))
    assert [(group["key"], group["name"]) for group in document["groups"]] == [(7, "anna@example.com"), (8, HOSTILE), (None, "no client")]
    assert document["others"]["groups"] == 2
    assert [(one["currency"], one["payments"], one["largest"]) for one in document["others"]["figures"]] == [("usd", 12, None)]


@pytest.mark.parametrize(
    ("figures", "key", "value"),
    [
        (replace(usd(), currency=""), "currency", None),
        (replace(usd(), succeeded=15, failed=1), "success_rate_percent", "93.75"),
        (replace(usd(), succeeded=1, failed=2), "success_rate_percent", "33.33"),
        (replace(usd(), succeeded=1, failed=5), "success_rate_percent", "16.67"),
        (Figures("usd"), "success_rate_percent", None),
        (Figures("usd"), "refunded_share_percent", None),
        (Figures("usd"), "average", None),
        (Figures("usd"), "largest", None),
        (replace(usd(), refunds=Decimal("2000.00")), "refunded_share_percent", "162.07"),
        (replace(usd(), refunds=Decimal("2000.00")), "net_volume", "-766.00"),
        (replace(usd(), gross=Decimal("0.05"), charged=2), "average", "0.03"),
        (replace(usd(), currency="jpy", gross=Decimal("1000.00"), charged=3), "average", "333.33"),
        (replace(usd(), currency="jpy"), "gross_volume", "1234.00"),
        (replace(usd(), currency="xyz"), "gross_volume", "1234.00"),
        (replace(usd(), gross=Decimal("NaN")), "gross_volume", "NaN"),
        (replace(usd(), gross=Decimal("NaN")), "unproven", "NaN"),
        (replace(usd(), fees=Decimal("185.00")), "unproven", "0.10"),
        (replace(usd(), refunds_on_fees=Decimal("7.50")), "platform_fees_after_refunds", "177.60"),
        (replace(usd(), refunds_on_fees=Decimal("7.50")), "cleaner_payouts_after_refunds", "1006.40"),
        (usd(), "platform_fees_after_refunds", None),
        (replace(usd(), unrowed_undated=3), "payments_refunded_without_row_or_date", 3),
    ],
)
def test_money_and_rates_are_text_counts_are_numbers_and_absence_is_null(figures: Figures, key: str, value: object) -> None:
    (total,) = json.loads(json_text(report_document(daily(figures), BERLIN)))["totals"]
    assert total[key] == value


def test_an_open_window_is_null() -> None:
    assert report_document(replace(daily(usd()), window=Period()), BERLIN)["window"] == {"since": None, "until": None}


def test_the_csv_has_a_line_per_period_and_currency() -> None:
    assert report_csv(three_days()) == CSV_BY_DAY


def test_the_csv_of_groups_names_them_and_whatever_was_left_out() -> None:
    lines = records(report_csv(by_client()))
    assert [(line["key"], line["name"], line["currency"], line["payments"]) for line in lines] == [
        ("7", "anna@example.com", "usd", "12"),
        ("7", "anna@example.com", "eur", "2"),
        ("8", FLAT_HOSTILE, "usd", "12"),
        ("N/A", "no client", "usd", "12"),
        ("N/A", "the other 2 clients", "usd", "12"),
    ]


def test_the_csv_of_a_whole_window_is_its_totals() -> None:
    lines = records(report_csv(daily(usd(), eur())))
    assert [(line["name"], line["since"], line["currency"], line["gross_volume"]) for line in lines] == [
        ("total", "2025-01-25T23:00:00.000000Z", "usd", "1234.00"),
        ("total", "2025-01-25T23:00:00.000000Z", "eur", "80.01"),
    ]


def test_a_negative_number_is_no_formula_but_a_currency_may_be() -> None:
    (line,) = records(report_csv(daily(replace(usd(), currency="=1+1", refunds=Decimal("2000.00"), unrowed=1))))
    assert (line["net_volume"], line["currency"], line["refunds_without_row"]) == ("-766.00", "'=1+1", "0.00")


def test_what_is_booked_is_told_by_created_at() -> None:
    document = booked_document(booked(), scope(), BERLIN)
    assert document == {
        "schema": "ecloud-pay/report-by-status/1",
        **SCOPE,
        "basis": "created",
        "by": "status",
        "groups": [
            {"status": status, "currency": code, "payments": count, "amount": amount, "platform_fee": fee, "cleaner_payout": payout}
            for status, code, count, amount, fee, payout in (
                ("succeeded", "usd", 10, "1234.00", "185.10", "1048.90"),
                ("failed", "usd", 2, "99.00", "14.85", "84.15"),
                (HOSTILE, "xyz", 1, "-5.00", "0.00", "NaN"),
                (None, None, 1, "5.00", "0.75", "4.25"),
            )
        ],
    }
    assert booked_csv(booked()) == (
        "status,currency,payments,amount,platform_fee,cleaner_payout\nsucceeded,usd,10,1234.00,185.10,1048.90\n"
        f"failed,usd,2,99.00,14.85,84.15\n{FLAT_HOSTILE},xyz,1,-5.00,0.00,NaN\nN/A,N/A,1,5.00,0.75,4.25\n"
    )


def test_what_is_owed_names_each_cleaner() -> None:
    document = owed_document(everybody(), scope(BorneBy.CLEANER), BERLIN)
    first, second, third = json.loads(json_text(document))["owed"]
    assert document["borne_by"] == "cleaner"
    assert first == {
        "cleaner": {"id": 26, "email": "maria@example.com", "username": "maria"},
        "jobs": 1,
        "payments": 1,
        "currency": "usd",
        "gross_volume": "100.00",
        "cleaner_payout": "85.00",
        "refunds": "20.00",
        "after_refunds": "68.00",
        "paid_out": "60.00",
        "open": "8.00",
        "under_way": "0.00",
    }
    assert second["cleaner"] == {"id": 27, "email": HOSTILE, "username": None}
    assert (third["cleaner"], third["open"]) == (None, "-5.00")
    assert owed_csv(everybody()) == (
        "cleaner.id,cleaner.email,cleaner.username,jobs,payments,currency,gross_volume,cleaner_payout,refunds,after_refunds,paid_out,open,"
        "under_way\n26,maria@example.com,maria,1,1,usd,100.00,85.00,20.00,68.00,60.00,8.00,0.00\n"
        f"27,{FLAT_HOSTILE},N/A,1,1,jpy,10000.00,8500.00,0.00,8500.00,0.00,8500.00,0.00\n"
        "N/A,N/A,N/A,1,1,usd,100.00,85.00,0.00,85.00,90.00,-5.00,5.00\n"
    )


def test_a_statement_has_a_line_per_payment() -> None:
    document = statement_document(MARIA, statement(), scope(), BERLIN)
    assert document["schema"] == "ecloud-pay/report-statement/1"
    assert document["cleaner"] == {"id": 26, "email": "maria@example.com", "username": "maria"}
    assert json.loads(json_text(document))["payments"][1] == {
        "payment_id": 6,
        "dated": "2025-01-26T23:00:00.000000Z",
        "job_id": 15,
        "service_type": HOSTILE,
        "currency": "usd",
        "amount": "100.00",
        "cleaner_payout": "85.00",
        "refunded": "20.00",
        "after_refunds": None,
        "paid_out": "0.00",
        "open": None,
        "under_way": "0.00",
    }
    assert statement_csv(statement()) == (
        "payment_id,dated,job_id,service_type,currency,amount,cleaner_payout,refunded,after_refunds,paid_out,open,under_way\n"
        "5,2025-01-26T12:00:00.000000Z,14,Deep Cleaning,usd,100.00,85.00,0.00,85.00,85.00,0.00,0.00\n"
        f"6,2025-01-26T23:00:00.000000Z,15,{FLAT_HOSTILE},usd,100.00,85.00,20.00,N/A,0.00,N/A,0.00\n"
        "7,N/A,N/A,N/A,eur,100.00,85.00,0.00,85.00,0.00,85.00,0.00\n"
    )


def test_ids_that_are_too_many_to_list_are_null() -> None:
    explained = [Explained("payments", "usd", 2, (5, 7), "SELECT 1;"), Explained("gross", "", 1200, (), "SELECT 2;")]
    assert explained_document(explained) == {
        "schema": "ecloud-pay/report-explained/1",
        "figures": [
            {"figure": "payments", "currency": "usd", "count": 2, "ids": [5, 7], "sql": "SELECT 1;"},
            {"figure": "gross_volume", "currency": None, "count": 1200, "ids": None, "sql": "SELECT 2;"},
        ],
    }


def test_documents_and_pages_are_made_without_rich() -> None:
    modules = [f"ecloud_pay.rendering.report_{name}" for name in ("documents", "markdown", "html")]
    code = f"import sys, {', '.join(modules)}; sys.exit('rich' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
