"""`report`: which window, which figures, in which form; and what is refused."""

import csv
import io
import os
import re
import shlex
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import psycopg
import pytest

from ecloud_pay.commands.report_options import FORMATS, Plan, Printed, ReportOptions, plan
from ecloud_pay.commands.report_window import WindowOptions
from ecloud_pay.commands.selection import Filters
from ecloud_pay.domain.report import Basis, BorneBy
from ecloud_pay.domain.spans import Every
from ecloud_pay.wiring import Choices, Wiring
from support.backend import Backend
from support.canaries import READER_PASSWORD
from support.console import Console, Result
from support.wire import Wire

BERLIN = ZoneInfo("Europe/Berlin")
NOW = datetime(2025, 1, 27, 14, 30, tzinfo=UTC)  # a Monday
SPRING = ("--since", "2025-01", "--until", "2025-07")


def report(console: Console, backend: Backend, *arguments: str, **environ: str) -> Result:
    """What `report` does in UTC, said so that nobody is warned."""
    result = console("report", *arguments, on=backend, **{"ECLOUD_PAY_TZ": "UTC", **environ})
    assert result.code == 0, result.err
    return result


def asked(*, zone: str = "Europe/Berlin", filters: Filters | None = None, printed: Printed | None = None, **options: Any) -> Plan:
    """The plan that these options make at NOW."""
    window = {name: options.pop(name) for name in ("daily", "weekly", "monthly", "date", "every") if name in options}
    wiring = Wiring(Choices(tz=zone, quiet=True), {}, NOW)
    return plan(filters or Filters(), WindowOptions(**window), ReportOptions(**options), printed or Printed(), wiring)


# --- What it prints


@pytest.mark.parametrize(
    "arguments", [("--daily", "--date", "2025-01-27"), ("--daily", "--date", "2025-01-27T23:59:59Z", "--format", "text")]
)
def test_the_daily_report_begins_with_the_lines_that_scripts_grep(console: Console, backend: Backend, arguments: tuple[str, ...]) -> None:
    result = report(console, backend, *arguments)
    assert result.out.splitlines()[:6] == [
        "Daily Report for 2025-01-27",
        "Total Payments: 1",
        "Total Revenue: $100.00",
        "Platform Fees: $15.00",
        "Succeeded: 1",
        "Failed: 0",
    ]
    assert result.err == ""


def test_an_empty_day_is_zeros_and_no_failure(console: Console, backend: Backend) -> None:
    lines = report(console, backend, "--daily", "--date", "2020-02-29").out.splitlines()
    assert lines[:6] == [
        "Daily Report for 2020-02-29",
        "Total Payments: 0",
        "Total Revenue: $0.00",
        "Platform Fees: $0.00",
        "Succeeded: 0",
        "Failed: 0",
    ]


def test_money_lines_repeat_for_every_currency_the_main_one_first(console: Console, backend: Backend) -> None:
    lines = report(console, backend, *SPRING, "--format", "text").out.splitlines()
    assert [line for line in lines if line.startswith("Total Revenue:")] == [
        "Total Revenue: $300.00",
        "Total Revenue: €0.00 EUR",
        "Total Revenue: ¥12,000 JPY",
    ]
    in_yen = report(console, backend, *SPRING, "--format", "text", ECLOUD_PAY_CURRENCY="jpy").out.splitlines()
    assert [line for line in in_yen if line.startswith("Platform Fees:")] == [
        "Platform Fees: ¥1,800",
        "Platform Fees: €0.00 EUR",
        "Platform Fees: $45.00 USD",
    ]


MONEY = ("gross_volume", "platform_fees", "cleaner_payouts", "largest")


def totals(result: Result) -> dict[str, dict[str, Any]]:
    return {figures["currency"]: figures for figures in result.json["totals"]}


def test_failed_and_pending_payments_are_counted_and_are_no_revenue(console: Console, backend: Backend) -> None:
    in_february = totals(report(console, backend, "--since", "2025-02", "--until", "2025-03", "--json"))["usd"]
    assert {name: in_february[name] for name in ("payments", "succeeded", "failed", "pending", "cancelled", "gross_volume")} == {
        "payments": 3,
        "succeeded": 0,
        "failed": 1,
        "pending": 1,
        "cancelled": 1,
        "gross_volume": "0.00",
    }


def test_the_figures_are_what_independent_sql_makes_of_the_rows(console: Console, backend: Backend) -> None:
    found = totals(report(console, backend, *SPRING, "--json"))
    money = backend.rows(
        """SELECT lower(currency), count(*), sum(amount), sum(platform_fee), sum(cleaner_payout), max(amount) FROM payments_payment
        WHERE status = 'succeeded' AND paid_at >= '2025-01-01' AND paid_at < '2025-07-01' GROUP BY 1"""
    )
    told = {code: [found[code]["charged"], *(Decimal(found[code][name]) for name in MONEY)] for code in ("usd", "jpy")}
    assert told == {code: sums for code, *sums in money}
    [[refunds]] = backend.rows("SELECT sum(amount) FROM payments_refund WHERE status = 'completed'")
    assert (Decimal(found["usd"]["refunds"]), found["usd"]["completed_refunds"]) == (refunds, 1)
    assert Decimal(found["usd"]["net_volume"]) == Decimal(found["usd"]["gross_volume"]) - refunds


def test_a_day_is_a_day_in_the_zone(console: Console, backend: Backend) -> None:
    # Payment #10 was made at midnight UTC on April 1st: on the 1st in Berlin, on March 31st in New York.
    for zone, day, payments in (
        ("Europe/Berlin", "2025-04-01", 1),
        ("America/New_York", "2025-04-01", 0),
        ("America/New_York", "2025-03-31", 1),
    ):
        result = report(console, backend, "--daily", "--date", day, "--tz", zone)
        assert f"Total Payments: {payments}\n" in result.out
        assert f"Time Zone: {zone}\n" in result.out


def test_columns_without_a_zone_are_read_in_the_database_zone(console: Console, server: str) -> None:
    backend = Backend.create(server, "documented")
    backend.run("UPDATE payments_payment SET created_at = '2025-01-27 22:00' WHERE id = 5")
    # 22:00 in New York is 03:00 UTC on the next day.
    result = report(console, backend, "--daily", "--date", "2025-01-28", "--explain", ECLOUD_PAY_DB_TIMEZONE="America/New_York")
    assert "Total Payments: 1\n" in result.out
    assert "SET TimeZone = 'America/New_York';" in result.out


def test_undated_payments_are_a_line_of_their_own(console: Console, own_backend: Backend) -> None:
    own_backend.run("UPDATE payments_payment SET paid_at = NULL WHERE id = 5")
    result = report(console, own_backend, "--monthly", "--date", "2025-01", "--json")
    usd = totals(result)["usd"]
    assert (usd["charged"], usd["gross_volume"], usd["undated"], usd["undated_gross_volume"]) == (0, "0.00", 1, "100.00")
    by_created = totals(report(console, own_backend, "--monthly", "--date", "2025-01", "--basis", "created", "--json"))["usd"]
    assert (by_created["charged"], by_created["gross_volume"], by_created["undated"]) == (1, "100.00", 0)


def test_a_refund_without_a_row_is_a_line_of_its_own_and_in_neither_refunds_nor_net(console: Console, own_backend: Backend) -> None:
    own_backend.run("UPDATE payments_payment SET refund_amount = 40 WHERE id = 11")
    usd = totals(report(console, own_backend, "--monthly", "--date", "2025-05", "--json"))["usd"]
    assert (usd["refunds"], usd["refunds_without_row"], usd["payments_refunded_without_row"], usd["net_volume"]) == (
        "25.00",
        "15.00",
        1,
        "75.00",
    )


def test_after_refunds_is_told_once_somebody_recorded_who_bears_them(console: Console, backend: Backend) -> None:
    may = ("--monthly", "--date", "2025-05", "--json")
    unrecorded = totals(report(console, backend, *may))["usd"]
    assert (unrecorded["platform_fees_after_refunds"], unrecorded["cleaner_payouts_after_refunds"]) == (None, None)
    for word, fees, payouts in (("proportional", "11.25", "63.75"), ("platform", "-10.00", "85.00"), ("cleaner", "15.00", "60.00")):
        usd = totals(report(console, backend, *may, ECLOUD_PAY_REFUND_BORNE_BY=word))["usd"]
        assert (usd["platform_fees_after_refunds"], usd["cleaner_payouts_after_refunds"]) == (fees, payouts)


def test_who_bears_refunds_is_one_of_three_words(console: Console, backend: Backend) -> None:
    result = console("report", "--daily", on=backend, ECLOUD_PAY_REFUND_BORNE_BY="nobody")
    assert (result.code, result.out) == (4, "")
    assert "ECLOUD_PAY_REFUND_BORNE_BY is 'nobody', which is none of proportional, platform, cleaner\n" in result.err


def test_filters_select_the_payments_of_every_figure(console: Console, backend: Backend) -> None:
    usd = totals(report(console, backend, *SPRING, "--json", "--cleaner", "cleaner1@test.com", "--max-amount", "100", "--refunded"))["usd"]
    assert (usd["payments"], usd["gross_volume"], usd["refunds"]) == (1, "100.00", "25.00")
    nobody = totals(report(console, backend, *SPRING, "--json", "--client", "nobody@test.com"))
    assert (list(nobody), nobody["usd"]["payments"], nobody["usd"]["refunds"]) == (["usd"], 0, "0.00")


def test_every_period_of_the_window_is_there_also_an_empty_one(console: Console, backend: Backend) -> None:
    result = report(console, backend, *SPRING, "--every", "month", "--json")
    assert [group["name"] for group in result.json["groups"]] == ["2025-01", "2025-02", "2025-03", "2025-04", "2025-05", "2025-06"]
    assert result.json["groups"][2]["figures"][0]["gross_volume"] == "0.00"
    assert result.json["preceding"]["name"] == "2024-12"


def test_groups_beyond_top_are_summed_up_as_the_others(console: Console, backend: Backend) -> None:
    result = report(console, backend, *SPRING, "--by", "currency", "--top", "1", "--json")
    assert [group["name"] for group in result.json["groups"]] == ["USD"]
    assert result.json["others"]["groups"] == 2
    assert {figures["currency"] for figures in result.json["others"]["figures"]} == {"jpy", "eur"}
    everything = report(console, backend, *SPRING, "--by", "currency", "--json").json
    assert [group["name"] for group in everything["groups"]] == ["USD", "JPY", "EUR"]


def test_people_get_twenty_groups_and_scripts_all(console: Console, own_backend: Backend) -> None:
    own_backend.run("""INSERT INTO payments_payment (id, amount, platform_fee, cleaner_payout, currency, stripe_payment_intent_id, status,
            refund_amount, created_at, paid_at, payment_method_brand)
        SELECT 100 + n, n, 0, n, 'usd', 'pi_x' || n, 'succeeded', 0, '2025-02-10', '2025-02-10', 'brand' || n
        FROM generate_series(1, 30) AS n""")
    february = ("--monthly", "--date", "2025-02", "--by", "brand")
    lines = report(console, own_backend, *february, "--csv").out.splitlines()
    # The pending, failed and cancelled ones of the sample are of mastercard and of no brand.
    assert len(lines) == 1 + 32
    table = report(console, own_backend, *february).out
    assert (table.count("\nbrand"), table.count("the other 12 brands")) == (20, 1)
    assert report(console, own_backend, *february, "--top", "31").out.count("\nbrand") == 30


def test_by_status_says_what_rows_say(console: Console, backend: Backend) -> None:
    result = report(console, backend, "--since", "2025-02", "--until", "2025-04", "--by", "status", "--csv")
    rows = list(csv.DictReader(io.StringIO(result.out)))
    assert [
        (row["status"], row["currency"], row["payments"], row["amount"], row["platform_fee"], row["cleaner_payout"]) for row in rows
    ] == [
        ("cancelled", "usd", "1", "100.00", "15.00", "85.00"),
        ("failed", "usd", "1", "100.00", "15.00", "85.00"),
        ("pending", "usd", "1", "100.00", "15.00", "85.00"),
        ("processing", "eur", "1", "80.01", "12.00", "68.01"),
    ]
    short = report(console, backend, "--since", "2025-02", "--until", "2025-04", "--by", "status", "--top", "1", "--csv")
    assert len(short.out.splitlines()) == 2
    assert short.err == "3 more statuses; --top 4 shows all.\n"


def test_compare_puts_the_window_before_or_a_year_ago_beside_it(console: Console, backend: Backend) -> None:
    previous = report(console, backend, "--monthly", "--date", "2025-06", "--compare", "previous", "--json").json["compare"]
    assert previous["window"]["since"] == "2025-05-01T00:00:00.000000Z"
    assert previous["totals"][0]["refunds"] == "25.00"
    year = report(console, backend, "--monthly", "--date", "2025-06", "--compare", "year", "--json").json["compare"]
    assert (year["window"]["since"], year["totals"][0]["payments"]) == ("2024-06-01T00:00:00.000000Z", 0)


def test_owed_is_what_is_still_to_be_paid_out(console: Console, own_backend: Backend) -> None:
    own_backend.run("""INSERT INTO payments_transaction (id, payment_id, transaction_type, amount, status, created_at)
        VALUES (50, 11, 'payout', 20, 'completed', '2025-06-10')""")
    may = ("--monthly", "--date", "2025-05", "--by", "cleaner", "--owed")
    [line] = report(console, own_backend, *may, "--json", ECLOUD_PAY_REFUND_BORNE_BY="proportional").json["owed"]
    assert line["cleaner"]["email"] == "cleaner1@test.com"
    assert {
        name: line[name] for name in ("jobs", "payments", "cleaner_payout", "refunds", "after_refunds", "paid_out", "under_way", "open")
    } == {
        "jobs": 1,
        "payments": 1,
        "cleaner_payout": "85.00",
        "refunds": "25.00",
        "after_refunds": "63.75",
        "paid_out": "20.00",
        "under_way": "63.75",
        "open": "43.75",
    }
    assert "Owed to Cleaners for 2025-05\n" in report(console, own_backend, *may).out


def test_a_payment_without_a_cleaner_is_owed_to_nobody_by_name(console: Console, backend: Backend) -> None:
    owed = report(console, backend, "--monthly", "--date", "2025-04", "--by", "cleaner", "--owed", "--json").json["owed"]
    assert [(line["cleaner"], line["currency"], line["cleaner_payout"]) for line in owed] == [(None, "jpy", "10200.00")]


def test_what_is_owed_for_undated_payments_is_left_out_and_said(console: Console, own_backend: Backend) -> None:
    own_backend.run("UPDATE payments_payment SET paid_at = NULL WHERE id = 5")
    january = ("--monthly", "--date", "2025-01")
    told = "Warning: 1 succeeded payment says no paid_at and is not in these figures; --basis created takes all of the window.\n"
    owed = report(console, own_backend, *january, "--by", "cleaner", "--owed", "--csv")
    assert (len(owed.out.splitlines()), owed.err) == (1, told)
    statement = report(console, own_backend, *january, "--statement", "--cleaner", "26")
    assert ("#5" in statement.out, statement.err) == (False, told)
    by_created = report(console, own_backend, *january, "--by", "cleaner", "--owed", "--csv", "--basis", "created")
    assert (len(by_created.out.splitlines()), by_created.err) == (2, "")


@pytest.mark.parametrize("who", ["CLEANER1@test.com", "26"])
def test_a_statement_is_a_sheet_to_send(console: Console, backend: Backend, who: str) -> None:
    statement = report(console, backend, *SPRING, "--statement", "--cleaner", who, ECLOUD_PAY_REFUND_BORNE_BY="cleaner").out
    assert statement.startswith("Statement\nCleaner: cleaner1@test.com\n")
    assert re.findall(r"^(2025-\d\d-\d\d)  +#(\d+)  +#(\d+)", statement, re.MULTILINE) == [
        ("2025-01-27", "5", "14"),
        ("2025-05-01", "11", "15"),
        ("2025-06-01", "12", "15"),
    ]
    html = report(console, backend, *SPRING, "--statement", "--cleaner", who, "--format", "html").out
    assert html.startswith("<!DOCTYPE html>")
    assert "cleaner1@test.com" in html


def test_a_cleaner_that_there_is_not_is_exit_6(console: Console, backend: Backend) -> None:
    for who, named in (("nobody@test.com", "'nobody@test.com'"), ("4711", "4711")):
        result = console("report", "--statement", "--cleaner", who, "--monthly", "--tz", "UTC", on=backend)
        assert (result.code, result.out) == (6, "")
        assert f"ecloud-pay: there is no user {named}\n" in result.err


def test_an_e_mail_that_several_users_share_is_refused_with_their_ids(console: Console, own_backend: Backend) -> None:
    own_backend.run("UPDATE auth_user SET email = 'CLEANER1@test.com' WHERE id = 30")
    result = console("report", "--statement", "--cleaner", "cleaner1@test.com", "--monthly", "--tz", "UTC", on=own_backend)
    assert (result.code, result.out) == (2, "")
    assert "several users have this e-mail\nSay which one by its id: 26, 30\n" in result.err


def test_explain_tells_the_ids_and_a_query_that_runs(console: Console, backend: Backend) -> None:
    explained = report(console, backend, *SPRING, "--json", "--explain").json["explained"]
    found = {(one["figure"], one["currency"]): one for one in explained}
    assert found["gross_volume", "usd"]["ids"] == [5, 11, 12]
    assert found["failed", "usd"]["ids"] == [7]
    assert found["refunds", "usd"]["ids"] == [1]
    assert ("failed", "jpy") not in found
    with psycopg.connect(backend.conninfo, options="-c TimeZone=Asia/Tokyo") as connection:
        cursor = connection.execute(found["gross_volume", "usd"]["sql"].encode())
        assert cursor.nextset()
        assert [key for (key,) in cursor.fetchall()] == [5, 11, 12]
    text = report(console, backend, *SPRING, "--format", "text", "--explain").out
    assert "\n  5, 11, 12\n  SET TimeZone = 'UTC';\n  SELECT " in text
    assert "\n  5, 11, 12\n  SET TimeZone = 'UTC';\n  SELECT " in report(console, backend, *SPRING, "--explain").out


def test_explain_of_nothing_says_nothing_more(console: Console, backend: Backend) -> None:
    daily = ("--daily", "--date", "2020-01-01")
    for format in ("text", "table"):
        plain, explained = (as_of_nothing(report(console, backend, *daily, *more, "--format", format).out) for more in ((), ("--explain",)))
        assert plain == explained
    assert report(console, backend, *daily, "--json", "--explain").json["explained"] == []


def as_of_nothing(text: str) -> str:
    return re.sub(r"As Of: .*", "", text)


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize(
    "arguments",
    [(), ("--by", "client"), ("--by", "status"), ("--by", "cleaner", "--owed"), ("--compare", "previous"), ("--every", "month")],
)
def test_everything_is_told_in_every_format(console: Console, backend: Backend, arguments: tuple[str, ...], format: str) -> None:
    result = report(console, backend, *SPRING, *arguments, "--format", format)
    assert (result.err, len(result.out.splitlines()) >= 3) == ("", True)
    assert result.out.endswith("\n")
    assert "\x1b" not in result.out


# --- Where it goes


def test_a_file_holds_what_stdout_would(console: Console, backend: Backend, tmp_path: Path) -> None:
    for format in FORMATS:
        path = tmp_path / f"report.{format}"
        on_stdout = report(console, backend, *SPRING, "--format", format).out
        result = report(console, backend, *SPRING, "--format", format, "-o", str(path), FORCE_COLOR="1")
        assert result.out == ""
        assert f"Wrote {path}." in result.err
        assert without_instants(path.read_text()) == without_instants(on_stdout)


def without_instants(text: str) -> str:
    return re.sub(r"\d\d:\d\d:\d\d(\.\d+)?", "", text)


def test_a_file_that_exists_is_replaced_only_with_force(console: Console, backend: Backend, tmp_path: Path) -> None:
    path = tmp_path / "report.csv"
    path.write_text("mine")
    refused = console("report", "--csv", "-o", str(path), "--tz", "UTC", on=backend)
    assert (refused.code, refused.out, path.read_text()) == (74, "", "mine")
    assert "--force" in refused.err
    assert report(console, backend, "--csv", "-o", str(path), "--force").code == 0
    assert path.read_text().startswith("name,since,until,")


def test_a_folder_that_there_is_not_is_exit_74(console: Console, backend: Backend, tmp_path: Path) -> None:
    result = console("report", "-o", str(tmp_path / "no" / "report.txt"), "--tz", "UTC", on=backend)
    assert (result.code, result.out) == (74, "")
    assert os.listdir(tmp_path) == []


# --- What is said beside it


def test_a_silent_utc_is_warned_of(console: Console, backend: Backend) -> None:
    warning = "Warning: ECLOUD_PAY_TZ is not set, so a day is a day in UTC.\n"
    assert console("report", "--daily", on=backend).err == warning
    assert console("report", "--daily", "-q", on=backend).err == ""
    assert console("report", "--daily", "--tz", "UTC", on=backend).err == ""


def test_the_window_is_told_with_v_and_nothing_is_under_q(console: Console, backend: Backend) -> None:
    daily = ("--daily", "--date", "2025-03-30", "--tz", "Europe/Berlin")
    assert "The window: from 2025-03-30 00:00:00 CET until before 2025-03-31 00:00:00 CEST.\n" in report(console, backend, *daily, "-v").err
    assert report(console, backend, *daily, "-q").err == ""


def test_a_window_that_is_not_over_is_said_to_be_incomplete(console: Console, backend: Backend) -> None:
    note = "The window is not over yet: these figures are not complete.\n"
    for window in (("--daily", "--date", "today"), ("--weekly", "--date", "now"), ("--monthly", "--date", "this-month")):
        assert report(console, backend, *window).err == note
    assert report(console, backend, "--since", "7d").err == ""


def test_an_empty_window_is_explained_and_is_zeros(console: Console, backend: Backend) -> None:
    result = report(console, backend, "--since", "2025-01-27", "--until", "2025-01-27", "--format", "text")
    assert result.err == "The window is empty: its end is left out.\n"
    assert "Total Revenue: $0.00\n" in result.out
    for format in FORMATS:
        report(console, backend, "--since", "2025-01-27", "--until", "2025-01-27", "--format", format, "--compare", "year")


def test_the_daily_report_is_one_select(console: Console, backend: Backend) -> None:
    with Wire(backend.conninfo) as wire:
        report(console, backend.with_(**wire.address), "--daily")
        report(console, backend.with_(**wire.address))
    verbs = [statement.split()[0] for statement in wire.statements]
    assert verbs == ["BEGIN", "SELECT", "SELECT", "ROLLBACK"] * 2
    assert wire.statements[0] == "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"


def test_a_role_that_can_only_select_is_enough(console: Console, own_backend: Backend, reader_role: str) -> None:
    own_backend.run(
        f"""GRANT SELECT ON payments_payment, payments_transaction, payments_refund, jobs_cleaningjob TO {reader_role};
        GRANT SELECT (id, username, email, is_active, is_staff) ON auth_user TO {reader_role}"""
    )
    reader = own_backend.with_(user=reader_role, password=READER_PASSWORD)
    for arguments in (
        ("--by", "client"),
        ("--by", "service"),
        ("--by", "cleaner", "--owed"),
        ("--statement", "--cleaner", "26"),
        ("--explain",),
    ):
        report(console, reader, *SPRING, *arguments)


# --- Which window


def window(plan: Plan) -> tuple[str, str]:
    since, until = plan.request.window.since, plan.request.window.until
    assert since is not None
    assert until is not None
    return f"{since.astimezone(BERLIN):%Y-%m-%d %H:%M}", f"{until.astimezone(BERLIN):%Y-%m-%d %H:%M}"


@pytest.mark.parametrize(
    ("options", "expected", "title"),
    [
        ({}, ("2024-12-28 00:00", "2025-01-27 00:00"), "Report"),
        ({"daily": True}, ("2025-01-26 00:00", "2025-01-27 00:00"), "Daily Report for 2025-01-26"),
        ({"daily": True, "date": "today"}, ("2025-01-27 00:00", "2025-01-28 00:00"), "Daily Report for 2025-01-27"),
        ({"daily": True, "date": "2024-02-29"}, ("2024-02-29 00:00", "2024-03-01 00:00"), "Daily Report for 2024-02-29"),
        ({"weekly": True}, ("2025-01-20 00:00", "2025-01-27 00:00"), "Weekly Report for 2025-W04"),
        ({"weekly": True, "date": "2025-01-01"}, ("2024-12-30 00:00", "2025-01-06 00:00"), "Weekly Report for 2025-W01"),
        ({"monthly": True}, ("2024-12-01 00:00", "2025-01-01 00:00"), "Monthly Report for 2024-12"),
        ({"monthly": True, "date": "2024-02"}, ("2024-02-01 00:00", "2024-03-01 00:00"), "Monthly Report for 2024-02"),
        ({"monthly": True, "by": "client"}, ("2024-12-01 00:00", "2025-01-01 00:00"), "Monthly Report for 2024-12 by Client"),
        ({"monthly": True, "by": "cleaner", "owed": True}, ("2024-12-01 00:00", "2025-01-01 00:00"), "Owed to Cleaners for 2024-12"),
        ({"filters": Filters(since="2025-01-10")}, ("2025-01-10 00:00", "2025-01-27 15:30"), "Report"),
        ({"filters": Filters(since="2025-01-10", until="2025-01-12")}, ("2025-01-10 00:00", "2025-01-12 00:00"), "Report"),
    ],
)
def test_the_window_and_its_name(options: dict[str, Any], expected: tuple[str, str], title: str) -> None:
    plan = asked(**options)
    assert (window(plan), plan.title) == (expected, title)
    assert plan.request.as_of == NOW


def test_since_and_until_are_the_window_and_no_filter() -> None:
    plan = asked(filters=Filters(since="2025-01-10", until="2025-01-12", paid_since="2025-01-11"))
    assert not plan.request.search.created.is_bounded
    assert plan.request.search.paid.since is not None


def test_money_goes_by_created_on_a_day_and_by_paid_otherwise() -> None:
    assert asked(daily=True).request.basis is Basis.CREATED
    assert asked(weekly=True).request.basis is asked(monthly=True).request.basis is asked().request.basis is Basis.PAID
    assert asked(daily=True, basis="paid").request.basis is Basis.PAID
    assert asked(monthly=True, basis="created").request.basis is Basis.CREATED
    assert asked(monthly=True, by="status").request.basis is Basis.CREATED


def test_the_window_is_cut_into_days_unless_said_otherwise() -> None:
    assert len(asked().request.spans) == 30
    assert [span.label for span in asked(monthly=True, every="week").request.spans] == [f"2024-W{week}" for week in range(48, 53)] + [
        "2025-W01"
    ]
    assert asked(every="quarter", filters=Filters(since="2024-01", until="2025-01")).request.every is Every.QUARTER
    assert asked(by="client").request.spans == ()


def test_the_formats_are_for_whom_they_are_for() -> None:
    assert [asked(**options).format for options in ({}, {"daily": True}, {"daily": True, "by": "client"})] == ["table", "text", "table"]
    assert asked(by="cleaner", owed=True, daily=True).format == "table"
    assert asked(statement=True, filters=Filters(cleaner="26")).format == "text"
    assert [asked(by="client", printed=Printed(format=format)).request.top for format in FORMATS] == [20, 20, None, None, 20, 20]
    assert asked(by="client", top="7", printed=Printed(csv=True)).request.top == 7


def test_who_bears_refunds_is_in_the_request(console: Console, monkeypatch: pytest.MonkeyPatch) -> None:
    wiring = Wiring(Choices(tz="UTC"), {"ECLOUD_PAY_REFUND_BORNE_BY": "platform"}, NOW)
    assert plan(Filters(), WindowOptions(), ReportOptions(), Printed(), wiring).request.borne_by is BorneBy.PLATFORM


# --- What is refused


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("--daily --weekly", "only one window at a time: --daily and --weekly were asked for"),
        ("--daily --since 2025-01", "--daily is a window already and does not go with --since"),
        ("--monthly --until 2025-01", "--monthly is a window already and does not go with --until"),
        ("--date 2025-01-26", "--date goes with --daily, --weekly or --monthly"),
        ("--daily --date 2999-01-01", "--date: '2999-01-01' lies in the future"),
        ("--daily --date nonsense", "--date: 'nonsense' is not a date; write one of: 2025-01-27,"),
        ("--until 2025-01", "--until alone is no window of a report\nSay where it begins: --since DATE."),
        ("--since 2025-01 --until ''", "--until: '' is not a date"),
        ("--since 2025-02 --until 2025-01", "--until '2025-01' lies before --since '2025-02'"),
        ("--since 2020-01 --until 2025-01", "the window holds more than 1,000 periods of a day\nUse --every week, or a shorter window."),
        (
            "--since 0900-01-01 --until 2025-01 --every month",
            "more than 1,000 periods of a month\nUse a shorter window.",
        ),
        ("--since 0001-01-01 --until 2025-01 --every year", "more than 1,000 periods of a year\nUse a shorter window."),
        ("--since 9999-12-30 --until 9999-12-31 --every year", "the report's window lies at the end of the calendar"),
        ("--since 0001-01-01T00:00Z --until 0001-01-02 --tz America/New_York", "the report's window lies at the end of the calendar"),
        ("--since 0001-01-02 --until 0001-01-03 --compare year", "--compare year: there is no such window before the beginning"),
        ("--every fortnight", "--every: unknown length 'fortnight'."),
        ("--every week --by client", "--every does not go with --by"),
        ("--by wheather", "--by: unknown group 'wheather'."),
        ("--by cliend", "Did you mean client?\nKnown: status, client, cleaner, job, service, brand, currency"),
        ("--top 5", "--top goes with --by"),
        ("--by client --top 0", "--top: '0' is not a whole number from 1 to 10000"),
        ("--by client --top 10001", "--top: '10001' is not a whole number from 1 to 10000"),
        ("--basis booked", "--basis: unknown basis 'booked'.\nKnown: created, paid"),
        ("--by status --basis paid", "--by status goes by created_at"),
        ("--by status --compare year", "--compare does not go with --by status"),
        ("--compare yesterday", "--compare: unknown window 'yesterday'."),
        ("--owed", "--owed goes with --by cleaner"),
        ("--owed --by client", "--owed goes with --by cleaner"),
        ("--owed --by cleaner --top 3", "--owed does not go with --top"),
        ("--owed --by cleaner --explain", "--owed does not go with --explain"),
        ("--owed --by cleaner --compare year", "--owed does not go with --compare"),
        ("--statement --monthly", "--statement is one cleaner's\nSay whose: --cleaner EMAIL or --cleaner ID."),
        ("--statement --cleaner 26 --format csv", "--statement is a sheet to send, not csv\nChoose --format text or --format html."),
        ("--statement --cleaner 26 --json", "--statement is a sheet to send, not json"),
        ("--statement --cleaner 26 --by client", "--statement does not go with --by"),
        ("--statement --cleaner 26 --owed", "--statement does not go with --owed"),
        ("--statement --cleaner 26 --every week", "--statement does not go with --every"),
        ("--explain --csv", "--explain does not go with csv\nChoose --format text, table or json."),
        ("--explain --format html", "--explain does not go with html"),
        ("--format pdf", "--format: unknown format 'pdf'.\nKnown: text, table, csv, json, markdown, html"),
        ("--format htm", "Did you mean html?"),
        ("--format text --json", "only one format at a time: json and text were asked for"),
        ("--force", "--force goes with -o FILE"),
        ("-o -", "-o: '-' is no file; without -o it goes to stdout"),
        ("-o y.html", "-o: 'y.html' would hold table\nAsk for html, or choose another name."),
        ("-o y.json --csv", "-o: 'y.json' would hold csv\nAsk for json, or choose another name."),
        ("--daily --every week", "--every week is longer than the window of --daily"),
        ("--weekly --every month", "--every month is longer than the window of --weekly"),
        ("--daily --date 2025-01", "--date: '2025-01' is a month, and --daily asks for a day\nSay a day, or --monthly."),
        ("--since 9998-01", "--since: '9998-01' lies in the future"),
        ("--tz Europe/Berlim", "--tz: 'Europe/Berlim' is no time zone; did you mean Europe/Berlin"),
        ("--status nonsense", "--status: unknown status 'nonsense'."),
        ("--min-amount 5 --max-amount 4", "--min-amount 5 is above --max-amount 4"),
    ],
)
def test_what_makes_no_sense_is_refused_before_anything_is_read(console: Console, line: str, told: str) -> None:
    result = console("report", *shlex.split(line))
    assert (result.code, result.out) == (2, "")
    assert told in result.err
    assert "bug" not in result.err


def test_without_a_database_nothing_is_reported(console: Console) -> None:
    result = console("report", "--daily", "--tz", "UTC")
    assert (result.code, result.out) == (4, "")


def test_the_help_defines_every_figure_with_its_sql(console: Console) -> None:
    text = console("report", "--help").out
    for figure in ("Counts", "Gross volume", "Undated", "Refunds", "Refunds without a row", "Net volume", "After refunds", "Owed"):
        assert f"    {figure}" in text
    assert "What clients pay is not the platform's revenue: that is the platform fees." in " ".join(text.split())
    assert text.count("SELECT") >= 4
    assert max(map(len, text.splitlines())) <= 100


@pytest.mark.parametrize("arguments", ["--by currency", "--by status", "--by cleaner --owed", "--statement --cleaner 26"])
def test_a_report_without_periods_may_be_of_any_length(console: Console, backend: Backend, arguments: str) -> None:
    assert report(console, backend, "--since", "2020-01", *arguments.split()).code == 0


def test_two_people_with_one_e_mail_are_told_apart(console: Console, own_backend: Backend) -> None:
    own_backend.run(
        "UPDATE auth_user SET email = 'same@test.com' WHERE id IN (24, 30); UPDATE payments_payment SET cleaner_id = 24 WHERE id = 5"
    )
    own_backend.run("UPDATE payments_payment SET cleaner_id = 30 WHERE id = 10")
    by_client = report(console, own_backend, *SPRING, "--by", "client").out
    assert "same@test.com (user #24)" in by_client
    assert "same@test.com (user #30)" in by_client
    owed = report(console, own_backend, *SPRING, "--by", "cleaner", "--owed").out
    assert "same@test.com (user #24)" in owed
    assert "same@test.com (user #30)" in owed


def test_by_currency_a_row_is_its_own_total(console: Console, backend: Backend) -> None:
    out = report(console, backend, *SPRING, "--by", "currency").out
    assert [line.split()[0] for line in out.splitlines() if line.startswith(("USD", "JPY", "EUR", "XYZ", "Total", "All"))] == [
        "USD",
        "JPY",
        "EUR",
        "All",
    ]
