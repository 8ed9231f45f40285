"""Sums that the server makes, beside the same sums made one row after another, in both shapes of the tables."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import psycopg
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Numeric, column, select, values

from ecloud_pay.adapters.postgres import reports
from ecloud_pay.adapters.postgres.engine import Database, Snapshot
from ecloud_pay.adapters.postgres.login import parse_login
from ecloud_pay.adapters.postgres.report_rows import share_of_fee as share_in_sql
from ecloud_pay.adapters.postgres.reports import PostgresReporter, open_reporter
from ecloud_pay.adapters.postgres.tables import Names
from ecloud_pay.domain import report as domain
from ecloud_pay.domain.money import THREE_DECIMAL, TWO_DECIMAL, WHOLE_THOUGH_TWO_DECIMAL, ZERO_DECIMAL, Money, recorded
from ecloud_pay.domain.payment import PaymentStatus, Person
from ecloud_pay.domain.period import Period, day_begins
from ecloud_pay.domain.report import Basis, BorneBy, By, Figures, Group, Report, ReportRequest
from ecloud_pay.domain.search import PaymentSearch
from ecloud_pay.domain.spans import Every, Span, span_before, spans
from support.backend import SHAPES, Backend, drop_database
from support.ledger import Row, create_ledger, naive_figures, naive_share, read_ledger

BERLIN = ZoneInfo("Europe/Berlin")
NOW = datetime(2025, 5, 1, tzinfo=UTC)
BORNE_BY = [None, *BorneBy]


@dataclass(frozen=True)
class Ledger:
    """The rows in the database and the same rows here."""

    backend: Backend
    rows: list[Row]
    reporter: PostgresReporter


@contextmanager
def reporter_on(backend: Backend) -> Iterator[PostgresReporter]:
    database = Database(parse_login(backend.conninfo, "DATABASE_URL"), Names(), "UTC")
    with open_reporter(database) as reporter:
        yield reporter


@pytest.fixture(scope="module", params=SHAPES)
def ledger(server: str, request: pytest.FixtureRequest) -> Iterator[Ledger]:
    backend = create_ledger(server, request.param)
    with reporter_on(backend) as reporter:
        yield Ledger(backend, read_ledger(backend), reporter)
    drop_database(server, backend.conninfo)


def day(text: str) -> datetime:
    return day_begins(datetime.fromisoformat(text).date(), BERLIN)


def asked(since: str, until: str, every: Every | None = Every.DAY, **more: Any) -> ReportRequest:
    """A request for these days in Berlin."""
    window = Period(day(since), day(until))
    cut = tuple(spans(day(since), day(until), every, BERLIN)) if every else ()
    return ReportRequest(
        **{"window": window, "basis": Basis.PAID, "main_currency": "usd", "as_of": NOW, "every": every, "spans": cut, **more}
    )


def in_place(figures: dict[str, Figures], borne_by: BorneBy | None) -> tuple[Figures, ...]:
    """The main currency first; its zeros where there is nothing."""
    nothing = Figures("usd", refunds_on_fees=None if borne_by is None else Decimal(0))
    return tuple(figures[code] for code in sorted(figures, key=lambda code: (code != "usd", code))) or (nothing,)


def test_the_ledger_holds_whatever_makes_sums_go_wrong(ledger: Ledger) -> None:
    rows = ledger.rows
    assert {row.currency.lower() for row in rows} == {"", "usd", "eur", "jpy", "isk", "xyz"}
    assert {row.currency for row in rows} >= {"usd", "USD", "eur", "Eur"}
    assert sum(row.status == "succeeded" and row.paid_at is None for row in rows) > 20
    assert sum(row.amount == 0 for row in rows) > 10
    assert sum(len(row.refunds) > 1 for row in rows) > 50
    gaps = [row for row in rows if row.refund_amount != sum(refund.amount for refund in row.refunds)]
    assert sum(row.refunded_at is None for row in gaps) > 10
    assert sum(row.refunded_at is not None for row in gaps) > 10


@pytest.mark.parametrize("basis", Basis)
@pytest.mark.parametrize("borne_by", BORNE_BY)
def test_every_day_and_the_totals_are_what_the_rows_come_to(ledger: Ledger, basis: Basis, borne_by: BorneBy | None) -> None:
    request = asked("2025-03-22", "2025-04-06", basis=basis, borne_by=borne_by)
    report = ledger.reporter.report(request)
    by_day = naive_figures(ledger.rows, request.window, basis, borne_by, lambda _, instant: instant.astimezone(BERLIN).date().isoformat())
    [all_of_it] = naive_figures(ledger.rows, request.window, basis, borne_by).values()
    assert [group.name for group in report.groups] == [f"2025-03-{number}" for number in range(22, 32)] + [
        f"2025-04-0{number}" for number in range(1, 6)
    ]
    assert {group.name: group.figures for group in report.groups} == {
        group.name: in_place(by_day[group.name], borne_by) for group in report.groups
    }
    assert report.totals == in_place(all_of_it, borne_by)
    assert [figures.currency for figures in report.totals] == ["usd", "", "eur", "isk", "jpy", "xyz"]
    assert sum(figures.payments for figures in report.totals) > 200


@pytest.mark.parametrize("every", Every)
def test_longer_periods_cut_the_same_rows_otherwise(ledger: Ledger, every: Every) -> None:
    request = asked("2025-03-22", "2025-04-06", every)
    report = ledger.reporter.report(request)

    def span_of(_: Row, instant: datetime) -> str:
        return next(span.label for span in request.spans if span.since <= instant < span.until)

    found = naive_figures(ledger.rows, request.window, Basis.PAID, None, span_of)
    assert {group.name: group.figures for group in report.groups} == {
        span.label: in_place(found[span.label], None) for span in request.spans
    }
    assert [group.span for group in report.groups] == list(request.spans)


def test_the_days_on_which_clocks_change_have_23_and_25_hours(server: str) -> None:
    for shape in SHAPES:
        backend = Backend.create(server, shape)
        # One payment of a dollar in every hour of these days, in UTC.
        backend.run("""TRUNCATE payments_refund, payments_transaction, payments_payment;
            INSERT INTO payments_payment (id, amount, platform_fee, cleaner_payout, currency, stripe_payment_intent_id, status,
                                          refund_amount, created_at, paid_at)
            SELECT n, 1, 0.15, 0.85, 'usd', 'pi_' || n, 'succeeded', 0, at, at
            FROM (SELECT row_number() OVER () AS n, hour AT TIME ZONE 'UTC' AT TIME ZONE 'UTC' AS at FROM (
                  SELECT generate_series(timestamp '2025-03-28', '2025-04-02', '1 hour') UNION ALL
                  SELECT generate_series(timestamp '2025-10-24', '2025-10-29', '1 hour')) AS hours (hour)) AS payments""")
        with reporter_on(backend) as reporter:
            spring = reporter.report(asked("2025-03-29", "2025-04-01"))
            autumn = reporter.report(asked("2025-10-25", "2025-10-28", as_of=datetime(2026, 1, 1, tzinfo=UTC)))
        assert [(group.name, group.figures[0].payments, int(group.figures[0].gross)) for group in (*spring.groups, *autumn.groups)] == [
            ("2025-03-29", 24, 24),
            ("2025-03-30", 23, 23),
            ("2025-03-31", 24, 24),
            ("2025-10-25", 24, 24),
            ("2025-10-26", 25, 25),
            ("2025-10-27", 24, 24),
        ]
        assert (spring.totals[0].payments, autumn.totals[0].payments) == (71, 73)
        drop_database(server, backend.conninfo)


def test_the_period_before_the_first_is_beside_the_report_and_not_in_it(ledger: Ledger) -> None:
    plain = asked("2025-03-25", "2025-03-28")
    preceding = Span(day("2025-03-24"), day("2025-03-25"), "2025-03-24")
    without, report = ledger.reporter.report(plain), ledger.reporter.report(replace(plain, preceding=preceding))
    alone = ledger.reporter.report(asked("2025-03-24", "2025-03-25"))
    assert (report.totals, report.groups) == (without.totals, without.groups)
    assert report.preceding == Group("2025-03-24", alone.totals, span=preceding)
    assert without.preceding is None


def test_what_it_is_compared_with_is_summed_up_the_same_way(ledger: Ledger) -> None:
    plain = asked("2025-03-25", "2025-04-01", borne_by=BorneBy.PROPORTIONAL)
    before = span_before(day("2025-03-25"), day("2025-04-01"), BERLIN)
    report = ledger.reporter.report(replace(plain, before=before))
    alone = ledger.reporter.report(asked("2025-03-18", "2025-03-25", borne_by=BorneBy.PROPORTIONAL))
    assert ledger.reporter.report(plain).before_totals == ()
    assert before == alone.window
    assert (report.before, report.before_totals) == (before, alone.totals)


def test_where_nothing_happened_there_are_zeros_of_the_main_currency(ledger: Ledger) -> None:
    report = ledger.reporter.report(asked("2024-01-01", "2024-01-03", main_currency="eur"))
    empty = ledger.reporter.report(asked("2025-03-25", "2025-03-25", borne_by=BorneBy.PLATFORM))
    by_client = ledger.reporter.report(asked("2024-01-01", "2024-01-03", every=None, by=By.CLIENT))
    assert report.totals == (Figures("eur"),)
    assert [group.figures for group in report.groups] == [(Figures("eur"),)] * 2
    assert (empty.totals, empty.groups) == ((Figures("usd", refunds_on_fees=Decimal(0)),), ())
    assert (by_client.totals, by_client.groups, by_client.others) == ((Figures("usd"),), (), 0)


_GROUPS: dict[By, Callable[[Row], Any]] = {
    By.CLIENT: lambda row: row.client_id,
    By.CLEANER: lambda row: row.cleaner_id,
    By.JOB: lambda row: row.job_id,
    By.BRAND: lambda row: row.brand.lower() or None,
    By.CURRENCY: lambda row: row.currency.upper() or None,
}


@pytest.mark.parametrize("by", [*_GROUPS, By.SERVICE])
@pytest.mark.parametrize("basis", Basis)
def test_groups_are_what_their_rows_come_to_the_greatest_first(ledger: Ledger, by: By, basis: Basis) -> None:
    request = asked("2025-03-22", "2025-04-06", every=None, by=by, basis=basis, borne_by=BorneBy.PROPORTIONAL)
    services = {number: service or None for number, service in ledger.backend.rows("SELECT id, service_type FROM jobs_cleaningjob")}

    def service_of(row: Row) -> str | None:
        return services.get(row.job_id or 0)

    group_of = _GROUPS.get(by, service_of)
    report, first_three = ledger.reporter.report(request), ledger.reporter.report(replace(request, top=3))
    found = naive_figures(ledger.rows, request.window, basis, BorneBy.PROPORTIONAL, lambda row, _: group_of(row))
    assert {group.key: group.figures for group in report.groups} == {
        key: in_place(figures, BorneBy.PROPORTIONAL) for key, figures in found.items()
    }
    assert len(report.groups) == len(found) > 3
    codes = [figures.currency for figures in report.totals]
    greatness = [[group_gross(group, code) for code in codes] for group in report.groups]
    assert greatness == sorted(greatness, reverse=True)
    [all_of_it] = naive_figures(ledger.rows, request.window, basis, BorneBy.PROPORTIONAL).values()
    assert report.totals == in_place(all_of_it, BorneBy.PROPORTIONAL)
    assert (first_three.groups, first_three.totals) == (report.groups[:3], report.totals)
    assert (report.others, first_three.others) == (0, len(report.groups) - 3)


@pytest.mark.parametrize("by", [By.SERVICE, By.BRAND, By.CURRENCY])
def test_words_are_ranked_the_same_way_when_there_are_too_many_to_fetch(ledger: Ledger, by: By, monkeypatch: pytest.MonkeyPatch) -> None:
    request = asked("2025-03-22", "2025-04-06", every=None, by=by, top=2)
    few = ledger.reporter.report(request)
    monkeypatch.setattr(reports, "MOST_LINES", 1)
    assert ledger.reporter.report(request) == few
    assert len(few.groups) == 2


def group_gross(group: Group, currency: str) -> Decimal:
    return next((figures.gross for figures in group.figures if figures.currency == currency), Decimal(0))


def names(report: Report) -> set[str]:
    return {group.name for group in report.groups}


def test_groups_are_called_by_what_people_call_them(ledger: Ledger) -> None:
    ledger_window = ("2025-03-22", "2025-04-06", None)
    told = {by: ledger.reporter.report(asked(*ledger_window, by=by)) for by in By if by is not By.STATUS}
    # User 9 has no e-mail; only a row that is gone leaves nothing but a number.
    assert names(told[By.CLIENT]) == {"no client", "user9", *(f"user{number}@example.com" for number in (2, 3, 4, 5, 6, 7, 8, 10, 11))}
    assert names(told[By.CLEANER]) == {"no cleaner", *(f"user{number}@example.com" for number in range(2, 8))}
    assert names(told[By.JOB]) == {"no job", *(f"#{number}" for number in range(101, 131))}
    assert names(told[By.SERVICE]) == {"no service", "Deep Cleaning", "Window Cleaning", "Office Cleaning"}
    assert names(told[By.BRAND]) == {"no brand", "visa", "amex", "discover"}
    assert names(told[By.CURRENCY]) == {"no currency", "USD", "EUR", "JPY", "ISK", "XYZ"}


def test_a_client_whose_row_is_gone_is_a_group_with_a_number(own_backend: Backend) -> None:
    own_backend.run("""ALTER TABLE payments_payment DROP CONSTRAINT IF EXISTS payments_payment_client_id_fkey,
        DROP CONSTRAINT IF EXISTS payments_payment_client_id_fcbb7eb4_fk_auth_user_id;
        UPDATE payments_payment SET client_id = 4711 WHERE id = 5""")
    with reporter_on(own_backend) as reporter:
        report = reporter.report(asked("2025-01-01", "2025-02-01", every=None, by=By.CLIENT))
    assert [(group.key, group.name) for group in report.groups] == [(4711, "user #4711")]


def test_a_job_table_without_services_has_one_group(own_backend: Backend) -> None:
    own_backend.run("ALTER TABLE jobs_cleaningjob DROP COLUMN service_type")
    with reporter_on(own_backend) as reporter:
        report = reporter.report(asked("2025-01-01", "2025-06-02", every=None, by=By.SERVICE))
        lines = reporter.statement(asked("2025-01-01", "2025-02-01"), Person(26, None, None))
    assert names(report) == {"no service"}
    assert [(line.payment_id, line.service_type) for line in lines] == [(5, None)]


@pytest.mark.parametrize(
    ("search", "is_meant"),
    [
        (PaymentSearch(statuses=(PaymentStatus.SUCCEEDED,)), lambda row: row.status == "succeeded"),
        (PaymentSearch(client=5), lambda row: row.client_id == 5),
        (PaymentSearch(cleaner="USER3@example.com"), lambda row: row.cleaner_id == 3),
        (PaymentSearch(currency="eur"), lambda row: row.currency.lower() == "eur"),
        (PaymentSearch(is_refunded=True), lambda row: row.refund_amount > 0),
        (PaymentSearch(is_refunded=False), lambda row: row.refund_amount == 0),
        (PaymentSearch(min_amount=Decimal(100)), lambda row: row.amount >= 100),
        (
            PaymentSearch(paid=Period(day("2025-03-25"), day("2025-03-27"))),
            lambda row: row.paid_at and day("2025-03-25") <= row.paid_at < day("2025-03-27"),
        ),
    ],
)
@pytest.mark.parametrize("borne_by", [None, BorneBy.PROPORTIONAL])
def test_filters_are_on_the_payments_that_every_figure_is_made_of(
    ledger: Ledger, search: PaymentSearch, is_meant: Callable[[Row], bool], borne_by: BorneBy | None
) -> None:
    request = asked("2025-03-22", "2025-04-06", search=search, borne_by=borne_by)
    report = ledger.reporter.report(request)
    rows = [row for row in ledger.rows if is_meant(row)]
    assert report.totals == in_place(naive_figures(rows, request.window, Basis.PAID, borne_by)[None], borne_by)
    assert 0 < len(rows) < len(ledger.rows)


def test_booked_is_what_rows_say_by_status(ledger: Ledger) -> None:
    request = asked("2025-03-22", "2025-04-06", every=None, by=By.STATUS, basis=Basis.CREATED)
    booked = ledger.reporter.booked(request)
    expected: dict[tuple[str, str], list[Decimal]] = {}
    for row in ledger.rows:
        if day("2025-03-22") <= row.created_at < day("2025-04-06"):
            sums = expected.setdefault((row.status or "", row.currency.lower()), [Decimal(0)] * 4)
            for place, figure in enumerate((Decimal(1), row.amount, row.fee, row.payout)):
                sums[place] += figure
    assert {(one.status, one.currency): [one.payments, one.amount, one.fee, one.payout] for one in booked} == expected
    assert {one.status for one in booked} == {"", "on_hold", *PaymentStatus}
    in_dollars = [one.amount for one in booked if one.currency == "usd"]
    assert in_dollars == sorted(in_dollars, reverse=True)
    assert booked[0].currency == "usd"
    statuses = [one.status for one in booked]
    assert [status for place, status in enumerate(statuses) if status not in statuses[:place]] == list(dict.fromkeys(statuses))


@pytest.mark.parametrize("basis", Basis)
@pytest.mark.parametrize("borne_by", BORNE_BY)
def test_what_is_owed_looks_at_all_that_became_of_the_payments_of_the_window(
    ledger: Ledger, basis: Basis, borne_by: BorneBy | None
) -> None:
    request = asked("2025-03-22", "2025-03-29", every=None, by=By.CLEANER, basis=basis, borne_by=borne_by)
    owed, undated = ledger.reporter.owed(request), ledger.reporter.undated(request)
    succeeded = [row for row in ledger.rows if row.status == "succeeded"]
    groups: dict[tuple[int | None, str], list[Row]] = {}
    for row in succeeded:
        dated = row.created_at if basis is Basis.CREATED else row.paid_at
        if dated is not None and day("2025-03-22") <= dated < day("2025-03-29"):
            groups.setdefault((row.cleaner_id, row.currency.lower()), []).append(row)
    assert {(one.cleaner.id if one.cleaner else None, one.currency): one for one in owed} == {
        (cleaner, currency): naive_owed(cleaner, currency, rows, borne_by) for (cleaner, currency), rows in groups.items()
    }
    assert len(owed) > 12
    late = [refund for row in succeeded for refund in row.refunds if refund.at >= day("2025-03-29")]
    assert late
    if basis is Basis.PAID:
        assert undated == sum(row.paid_at is None and day("2025-03-22") <= row.created_at < day("2025-03-29") for row in succeeded) > 0
    else:
        assert undated == 0
    # The cleaners stand together, the one with the most in dollars first.
    cleaners = [one.cleaner for one in owed]
    assert [who for place, who in enumerate(cleaners) if place == 0 or cleaners[place - 1] != who] == list(dict.fromkeys(cleaners))
    in_dollars = [one.gross for one in owed if one.currency == "usd"]
    assert in_dollars == sorted(in_dollars, reverse=True)


def naive_owed(cleaner: int | None, currency: str, rows: list[Row], borne_by: BorneBy | None) -> domain.Owed:
    def paid(status: str) -> Decimal:
        return sum((amount for row in rows for state, amount in row.payouts if state == status), Decimal(0))

    def borne(row: Row) -> Decimal:
        refunded = sum((refund.amount for refund in row.refunds), Decimal(0))
        return {
            BorneBy.PLATFORM: Decimal(0),
            BorneBy.CLEANER: refunded,
            BorneBy.PROPORTIONAL: refunded - naive_share(row, refunded),
        }[borne_by or BorneBy.PLATFORM]

    return domain.Owed(
        cleaner=None if cleaner is None else Person(cleaner, f"user{cleaner}@example.com", f"user{cleaner}"),
        currency=currency,
        jobs=len({row.job_id for row in rows if row.job_id is not None}),
        payments=len(rows),
        gross=sum((row.amount for row in rows), Decimal(0)),
        payout=sum((row.payout for row in rows), Decimal(0)),
        refunds=sum((refund.amount for row in rows for refund in row.refunds), Decimal(0)),
        borne=None if borne_by is None else sum((borne(row) for row in rows), Decimal(0)),
        paid_out=paid("completed"),
        under_way=paid("pending"),
    )


@pytest.mark.parametrize("basis", Basis)
def test_a_statement_is_what_is_owed_payment_by_payment_in_order(ledger: Ledger, basis: Basis) -> None:
    request = asked("2025-03-22", "2025-04-02", basis=basis, borne_by=BorneBy.PROPORTIONAL)
    [cleaner] = ledger.reporter.cleaners("User3@Example.com")
    lines = ledger.reporter.statement(request, cleaner)
    owed = [one for one in ledger.reporter.owed(request) if one.cleaner == cleaner]
    assert cleaner == Person(3, "user3@example.com", "user3")
    rows = {row.id: row for row in ledger.rows}
    services = dict(ledger.backend.rows("SELECT id, service_type FROM jobs_cleaningjob"))
    for line in lines:
        row = rows[line.payment_id]
        assert line.owed == naive_owed(3, row.currency.lower(), [row], BorneBy.PROPORTIONAL)
        assert line.dated == (row.created_at if basis is Basis.CREATED else row.paid_at)
        assert (line.job_id, line.service_type) == (row.job_id, services.get(row.job_id) or None)
    assert [(line.dated, line.payment_id) for line in lines] == sorted((line.dated, line.payment_id) for line in lines if line.dated)
    assert len(lines) > 10
    for one in owed:
        mine = [line.owed for line in lines if line.owed.currency == one.currency]
        for name in ("payments", "gross", "payout", "refunds", "borne", "paid_out", "under_way"):
            assert sum(getattr(line, name) for line in mine) == getattr(one, name)


def test_a_cleaner_is_found_by_id_and_by_e_mail(ledger: Ledger) -> None:
    assert ledger.reporter.cleaners(3) == [Person(3, "user3@example.com", "user3")]
    assert ledger.reporter.cleaners("nobody@example.com") == []
    assert ledger.reporter.cleaners(4711) == []


def test_a_cleaner_whose_row_is_gone_is_found_by_the_id_in_payments(own_backend: Backend) -> None:
    own_backend.run("""ALTER TABLE payments_payment DROP CONSTRAINT IF EXISTS payments_payment_cleaner_id_fkey,
        DROP CONSTRAINT IF EXISTS payments_payment_cleaner_id_2f70dc19_fk_auth_user_id;
        UPDATE payments_payment SET cleaner_id = 4711 WHERE id = 5""")
    with reporter_on(own_backend) as reporter:
        assert reporter.cleaners(4711) == [Person(4711, None, None)]


def test_everybody_who_shares_an_e_mail_is_found(own_backend: Backend) -> None:
    own_backend.run("UPDATE auth_user SET email = 'CLEANER1@test.com' WHERE id = 30")
    with reporter_on(own_backend) as reporter:
        assert [person.id for person in reporter.cleaners("cleaner1@test.com")] == [26, 30]


@pytest.mark.parametrize("basis", Basis)
@pytest.mark.parametrize("search", [PaymentSearch(), PaymentSearch(cleaner="user3@example.com", statuses=(PaymentStatus.SUCCEEDED,))])
def test_the_query_behind_a_figure_finds_the_rows_that_make_it(ledger: Ledger, basis: Basis, search: PaymentSearch) -> None:
    request = asked("2025-03-22", "2025-04-06", basis=basis, search=search)
    report, explained = ledger.reporter.report(request), ledger.reporter.explain(request)
    payments = {row.id: row for row in ledger.rows}
    refunds = {refund.id: refund for row in ledger.rows for refund in row.refunds}
    figures = {one.currency: one for one in report.totals}
    seen = set()
    for one in explained:
        found = run_as_it_stands(ledger.backend, one.sql)
        assert len(found) == one.count
        assert list(one.ids) == (found if one.count <= 50 else [])
        whole = figures[one.currency]
        sums = {
            "gross": (whole.gross, [payments[key].amount for key in found] if one.name == "gross" else []),
            "undated": (whole.undated_gross, [payments[key].amount for key in found] if one.name == "undated" else []),
            "refunds": (whole.refunds, [refunds[key].amount for key in found] if one.name == "refunds" else []),
            "refunds_without_row": (whole.refunds_without_row, [gap(payments[key]) for key in found if key in payments]),
            "refunds_without_row_undated": (whole.refunds_without_row_undated, [gap(payments[key]) for key in found if key in payments]),
        }
        if one.name in sums:
            figure, parts = sums[one.name]
            assert sum(parts) == figure
        else:
            assert one.count == getattr(whole, one.name)
            assert one.name in ("payments", "unknown") or {payments[key].status for key in found} == {one.name}
        seen.add(one.name)
    assert seen >= {"payments", "succeeded", "gross", "refunds", "refunds_without_row", "refunds_without_row_undated"}
    assert ("undated" in seen) == (basis is Basis.PAID)


def gap(row: Row) -> Decimal:
    return row.refund_amount - sum((refund.amount for refund in row.refunds), Decimal(0))


def run_as_it_stands(backend: Backend, sql: str) -> list[int]:
    """What psql would print, in a session of any zone."""
    with psycopg.connect(backend.conninfo, options="-c TimeZone=Asia/Tokyo") as connection:
        cursor = connection.execute(sql.encode())
        while cursor.nextset():
            pass
        return [key for (key,) in cursor.fetchall()]


def test_the_query_behind_a_status_finds_its_payments(ledger: Ledger) -> None:
    request = asked("2025-03-22", "2025-04-06", every=None, by=By.STATUS, basis=Basis.CREATED)
    booked, explained = ledger.reporter.booked(request), ledger.reporter.explain(request)
    assert [(one.name, one.currency, one.count) for one in explained] == [(one.status, one.currency, one.payments) for one in booked]
    amounts = {row.id: row.amount for row in ledger.rows}
    for row, one in zip(booked, explained, strict=True):
        assert sum(amounts[key] for key in run_as_it_stands(ledger.backend, one.sql)) == row.amount


def test_a_figure_that_is_no_number_is_no_reason_to_fail(own_backend: Backend) -> None:
    own_backend.run("UPDATE payments_payment SET amount = 'NaN' WHERE id = 5")
    with reporter_on(own_backend) as reporter:
        report = reporter.report(asked("2025-01-01", "2025-06-02", Every.MONTH))
        by_client = reporter.report(asked("2025-01-01", "2025-06-02", every=None, by=By.CLIENT, top=1))
        reporter.owed(asked("2025-01-01", "2025-06-02"))
        reporter.booked(asked("2025-01-01", "2025-06-02"))
    assert report.totals[0].gross.is_nan()
    assert report.totals[0].largest is not None
    assert report.totals[0].largest.is_nan()
    assert by_client.groups[0].figures[0].gross.is_nan()


_UNITS = {code: 0 if code in ZERO_DECIMAL | WHOLE_THOUGH_TWO_DECIMAL else 2 for code in ZERO_DECIMAL | TWO_DECIMAL | THREE_DECIMAL}


@st.composite
def refunded_payments(draw: st.DrawFn) -> tuple[str, Decimal, Decimal, Decimal]:
    """A currency and an amount, fee and cumulative refund that there are in it, within the column's eight digits."""
    currency = draw(st.sampled_from(["usd", "eur", "jpy", "isk", "ugx", "bhd", *sorted(_UNITS)]))
    most = 10**8 * 10 ** _UNITS[currency] - 1
    amount = draw(st.integers(0, most) | st.sampled_from([1, 2, 3, 7, 30, 99, 101, most]))
    fee, refunded = (draw(st.integers(0, amount)) for _ in range(2))
    parts = [Decimal(figure).scaleb(-_UNITS[currency]) for figure in (amount, fee, refunded)]
    return currency, parts[0], parts[1], parts[2]


def test_the_fee_is_shared_in_sql_as_it_is_in_the_domain(server: str) -> None:
    with Database(parse_login(server, "DATABASE_URL"), Names(), "UTC").snapshot() as snapshot:

        @settings(max_examples=15, deadline=None)
        @given(st.lists(refunded_payments(), min_size=100, max_size=300))
        def shares_agree(cases: list[tuple[str, Decimal, Decimal, Decimal]]) -> None:
            for share, (currency, amount, fee, refunded) in zip(shares_in_sql(snapshot, cases), cases, strict=True):
                ours = domain.share_of_fee(*(Money.of(figure, currency) for figure in (fee, amount, refunded)))
                assert recorded(share, currency) == ours

        shares_agree()


def shares_in_sql(snapshot: Snapshot, cases: list[tuple[str, Decimal, Decimal, Decimal]]) -> list[Decimal]:
    money = [column(name, Numeric(10, 2)) for name in ("amount", "platform_fee", "refunded")]
    rows = [(place, *case) for place, case in enumerate(cases)]
    table = values(column("place"), column("currency"), *money, name="payment").data(rows)
    statement = select(share_in_sql(table.c, table.c.refunded)).order_by(table.c.place)
    return list(snapshot.connection.execute(statement).scalars())


def test_the_shares_of_partial_refunds_add_up_to_the_fee(own_backend: Backend) -> None:
    # $15.01 of $100.01 in three refunds: 1/3, 1/3 and the rest; each takes its rounded share, and the last what is left.
    own_backend.run("""DELETE FROM payments_refund; UPDATE payments_payment SET amount = 100.01, platform_fee = 15.01, cleaner_payout = 85,
        refund_amount = 100.01, refunded_at = '2025-02-03' WHERE id = 5;
        INSERT INTO payments_refund (id, payment_id, amount, status, created_at, processed_at) VALUES
        (11, 5, 33.33, 'completed', '2025-01-28', '2025-01-29'), (12, 5, 33.33, 'completed', '2025-02-01', NULL),
        (13, 5, 33.35, 'completed', '2025-02-02', '2025-02-03'), (14, 5, 1.00, 'failed', '2025-02-02', NULL)""")
    with reporter_on(own_backend) as reporter:
        report = reporter.report(asked("2025-01-01", "2025-03-01", Every.MONTH, borne_by=BorneBy.PROPORTIONAL))
        february = reporter.report(asked("2025-02-01", "2025-03-01", Every.MONTH, borne_by=BorneBy.PROPORTIONAL))
    assert [group.figures[0].refunds_on_fees for group in report.groups] == [Decimal("5.00"), Decimal("10.01")]
    assert report.totals[0].refunds_on_fees == Decimal("15.01")
    assert february.totals[0].refunds_on_fees == Decimal("10.01")
    assert report.totals[0].fees_after_refunds == Decimal(0)
    assert report.totals[0].payouts_after_refunds == Decimal(0)


def test_a_payment_made_on_the_31st_and_paid_on_the_2nd_belongs_to_the_month_in_which_it_was_paid(own_backend: Backend) -> None:
    own_backend.run("UPDATE payments_payment SET created_at = '2025-01-31 20:00', paid_at = '2025-02-02 08:00' WHERE id = 5")
    with reporter_on(own_backend) as reporter:
        by_paid = reporter.report(asked("2025-01-01", "2025-03-01", Every.MONTH))
        by_created = reporter.report(asked("2025-01-01", "2025-03-01", Every.MONTH, basis=Basis.CREATED))
    assert [group.figures[0].gross for group in by_paid.groups] == [0, 100]
    assert [group.figures[0].gross for group in by_created.groups] == [100, 0]
    # Counts go by created_at either way.
    assert [group.figures[0].succeeded for group in by_paid.groups] == [1, 0]


def test_a_report_writes_nothing(ledger: Ledger) -> None:
    before = ledger.backend.fingerprint()
    ledger.reporter.report(asked("2025-03-22", "2025-04-06"))
    ledger.reporter.explain(asked("2025-03-22", "2025-04-06"))
    assert ledger.backend.fingerprint() == before


def test_a_window_of_a_thousand_periods_is_one_statement(ledger: Ledger) -> None:
    since = datetime(2025, 3, 22, tzinfo=UTC)
    cut = tuple(Span(since + timedelta(minutes=15 * n), since + timedelta(minutes=15 * (n + 1)), str(n)) for n in range(1000))
    report = ledger.reporter.report(asked("2025-03-22", "2025-04-06", window=Period(cut[0].since, cut[-1].until), spans=cut))
    assert len(report.groups) == 1000
    [all_of_it] = naive_figures(ledger.rows, report.window, Basis.PAID, None).values()
    assert report.totals == in_place(all_of_it, None)
