"""The sample of the demo, looked at with SQL of its own."""

import hashlib
import json
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import astuple
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import psycopg
import pytest
from psycopg.rows import dict_row

from ecloud_pay.demo.people import HOSTILE
from ecloud_pay.demo.rows import build
from ecloud_pay.demo.sample import SAMPLE_VERSION, fill

TODAY = date(2026, 3, 10)
MIDNIGHT = datetime(2026, 3, 10, tzinfo=UTC)
TABLES = ("auth_user", "jobs_cleaningjob", "payments_payment", "payments_refund", "payments_stripeaccount", "payments_transaction")
INSTANTS = (  # table, column, what leaves out payment #5
    ("auth_user", "last_login", "true"),
    ("auth_user", "date_joined", "true"),
    ("jobs_cleaningjob", "created_at", "id <> 14"),
    ("payments_payment", "created_at", "id <> 5"),
    ("payments_payment", "paid_at", "id <> 5"),
    ("payments_payment", "refunded_at", "id <> 5"),
    ("payments_refund", "created_at", "payment_id <> 5"),
    ("payments_refund", "processed_at", "payment_id <> 5"),
    ("payments_stripeaccount", "created_at", "true"),
    ("payments_stripeaccount", "updated_at", "true"),
    ("payments_transaction", "created_at", "payment_id <> 5"),
    ("payments_transaction", "completed_at", "payment_id <> 5"),
)
# What SAMPLE_VERSION 2 stands for. Another digest means other rows: raise the version, or no running demo gets them.
DIGESTS = {2: "5a1e720f059bf5e4292a9e8f9269a8707bd9460c13a55e400a88e4e6e3b76474"}


@pytest.fixture
def filled(empty_database: str) -> str:
    fill(empty_database, TODAY)
    return empty_database


def ask(conninfo: str, query: str, *values: object) -> list[tuple[object, ...]]:
    with psycopg.connect(conninfo, autocommit=True) as connection:
        connection.execute("SET TIME ZONE 'UTC'")
        return connection.execute(query.encode(), values).fetchall()


def run(conninfo: str, statement: str) -> None:
    with psycopg.connect(conninfo, autocommit=True) as connection:
        connection.execute(statement.encode())


def everything(conninfo: str) -> dict[str, list[dict[str, object]]]:
    """Every row of every table, and the state, with columns by name."""
    with psycopg.connect(conninfo, autocommit=True, row_factory=dict_row) as connection:
        connection.execute("SET TIME ZONE 'UTC'")
        rows = {table: connection.execute(f"SELECT * FROM public.{table} ORDER BY id".encode()).fetchall() for table in TABLES}
        return rows | {"state": connection.execute("SELECT version, as_of FROM ecloud_demo.state").fetchall()}


def belongs_to_payment_5(table: str, row: dict[str, object]) -> bool:
    match table:
        case "payments_payment":
            return row["id"] == 5
        case "payments_transaction" | "payments_refund":
            return row["payment_id"] == 5
        case "jobs_cleaningjob":
            return row["id"] == 14
        case _:
            return False


# -- what is in it


def test_payment_5_is_the_documented_one(filled: str) -> None:
    with psycopg.connect(filled, row_factory=dict_row) as connection:
        connection.execute("SET TIME ZONE 'UTC'")
        assert connection.execute("SELECT * FROM payments_payment WHERE id = 5").fetchall() == [
            {
                "id": 5,
                "amount": Decimal("100.00"),
                "platform_fee": Decimal("15.00"),
                "cleaner_payout": Decimal("85.00"),
                "currency": "usd",
                "stripe_payment_intent_id": "pi_3SMUfcQ1SldwUSm92tASE3le",
                "stripe_charge_id": "ch_3SMUfcQ1SldwUSm92tASE3le",
                "payment_method_type": "card",
                "payment_method_last4": "4242",
                "payment_method_brand": "visa",
                "status": "succeeded",
                "refund_amount": Decimal("0.00"),
                "refund_reason": None,
                "refunded_at": None,
                "created_at": datetime(2025, 1, 27, 14, 30, 15, 123456, UTC),
                "paid_at": datetime(2025, 1, 27, 14, 30, 45, 654321, UTC),
                "metadata": {"job_id": "14", "platform": "ecloud"},
                "description": "Deep cleaning of 123 Main St",
                "cleaner_id": 26,
                "client_id": 24,
                "job_id": 14,
            }
        ]


def test_the_people_and_the_job_of_payment_5_are_the_documented_ones(filled: str) -> None:
    assert ask(filled, "SELECT id, username, email, is_staff, is_active, password FROM auth_user WHERE id IN (1, 24, 26) ORDER BY id") == [
        (1, "ops@demo", "ops@demo", True, True, "!"),
        (24, "client1@test.com", "client1@test.com", False, True, "!"),
        (26, "cleaner1@test.com", "cleaner1@test.com", False, True, "!"),
    ]
    job = ask(filled, "SELECT service_type, property_address, client_id, cleaner_id FROM jobs_cleaningjob WHERE id = 14")
    assert job == [("Deep Cleaning", "123 Main St", 24, 26)]
    assert ask(filled, "SELECT id FROM payments_payment WHERE job_id = 14") == [(5,)]
    movements = ask(filled, "SELECT transaction_type, status, amount, stripe_transaction_id FROM payments_transaction WHERE payment_id = 5")
    assert movements == [("charge", "completed", Decimal("100.00"), "ch_3SMUfcQ1SldwUSm92tASE3le")]
    assert ask(filled, "SELECT id FROM payments_refund WHERE payment_id = 5") == []


def test_there_are_enough_payments_of_every_status_and_of_three_currencies(filled: str) -> None:
    [(total, succeeded)] = ask(filled, "SELECT count(*), count(*) FILTER (WHERE status = 'succeeded') FROM payments_payment")
    assert isinstance(total, int)
    assert isinstance(succeeded, int)
    assert total >= 420
    assert 0.75 < succeeded / total < 0.85
    statuses = ask(filled, "SELECT status FROM payments_payment GROUP BY 1 HAVING count(*) >= 5 ORDER BY 1")
    assert statuses == [("cancelled",), ("failed",), ("pending",), ("processing",), ("succeeded",)]
    currencies = ask(filled, "SELECT currency FROM payments_payment GROUP BY 1 ORDER BY count(*) DESC")
    assert currencies == [("usd",), ("eur",), ("jpy",)]


def test_fee_and_payout_are_the_amount(filled: str) -> None:
    assert ask(filled, "SELECT id FROM payments_payment WHERE platform_fee + cleaner_payout <> amount OR platform_fee <= 0") == []


def test_the_fee_is_15_percent_half_up_but_for_a_few_promotions_at_10(filled: str) -> None:
    rule = "round(amount * {}, CASE currency WHEN 'jpy' THEN 0 ELSE 2 END) = platform_fee"  # numeric's round() is half away from zero
    query = f"SELECT count(*) FROM payments_payment WHERE NOT ({rule.format('0.15')})"
    [(others,)] = ask(filled, query)
    assert others in range(2, 21)
    assert ask(filled, f"{query} AND NOT ({rule.format('0.10')})") == [(0,)]
    halves = "SELECT count(*) > 0 FROM payments_payment WHERE currency <> 'jpy' AND mod(amount * 15, 1) = 0.5"
    assert ask(filled, halves) == [(True,)]


def test_amounts_are_what_a_cleaning_costs_and_yen_are_whole(filled: str) -> None:
    assert ask(filled, "SELECT id FROM payments_payment WHERE currency <> 'jpy' AND amount NOT BETWEEN 45 AND 480") == []
    assert ask(filled, "SELECT id FROM payments_payment WHERE currency = 'jpy' AND amount NOT BETWEEN 45 * 150 AND 480 * 150") == []
    figures = "SELECT amount, platform_fee, cleaner_payout, refund_amount FROM payments_payment WHERE currency = 'jpy'"
    yen = [figure for row in ask(filled, figures) for figure in row]
    yen += [
        row[0]
        for row in ask(filled, "SELECT r.amount FROM payments_refund r JOIN payments_payment p ON p.id = payment_id WHERE currency = 'jpy'")
    ]
    yen += [
        row[0]
        for row in ask(
            filled, "SELECT t.amount FROM payments_transaction t JOIN payments_payment p ON p.id = payment_id WHERE currency = 'jpy'"
        )
    ]
    assert len(yen) > 100
    assert [figure for figure in yen if figure % 1 != 0] == []  # type: ignore[operator]  # a row's figure is an object to mypy


def test_every_instant_lies_in_the_ninety_days_before_today(filled: str) -> None:
    for table, column, but_5 in INSTANTS:
        outside = f"SELECT id, {column} FROM {table} WHERE {but_5} AND NOT ({column} >= %s AND {column} < %s)"
        assert ask(filled, outside, MIDNIGHT - timedelta(days=90), MIDNIGHT) == [], (table, column)


def test_every_column_of_instants_is_known_here(filled: str) -> None:
    query = """SELECT table_name, column_name FROM information_schema.columns
        WHERE table_schema = 'public' AND data_type = 'timestamp with time zone'"""
    assert sorted(ask(filled, query)) == sorted((table, column) for table, column, _ in INSTANTS)


def test_time_runs_forward_in_every_story(filled: str) -> None:
    for backwards in (
        "SELECT id FROM payments_payment WHERE paid_at <= created_at OR refunded_at <= paid_at",
        "SELECT id FROM payments_payment WHERE (status = 'succeeded') <> (paid_at IS NOT NULL)",
        "SELECT p.id FROM payments_payment p JOIN jobs_cleaningjob j ON j.id = job_id WHERE j.created_at >= p.created_at",
        "SELECT r.id FROM payments_refund r JOIN payments_payment p ON p.id = payment_id WHERE r.created_at <= paid_at",
        "SELECT id FROM payments_refund WHERE processed_at <= created_at OR (status = 'pending') <> (processed_at IS NULL)",
        "SELECT id FROM payments_transaction WHERE completed_at <= created_at OR (status = 'pending') <> (completed_at IS NULL)",
        """SELECT j.id FROM jobs_cleaningjob j JOIN auth_user u ON u.id IN (client_id, cleaner_id)
            WHERE j.id <> 14 AND date_joined >= created_at""",
    ):
        assert ask(filled, backwards) == [], backwards


def test_each_of_the_ninety_days_has_payments_and_some_cross_the_end_of_a_month(filled: str) -> None:
    assert ask(filled, "SELECT count(DISTINCT created_at::date) FROM payments_payment WHERE id <> 5") == [(90,)]
    crossing = "SELECT count(*) FROM payments_payment WHERE extract(month FROM paid_at) <> extract(month FROM created_at)"
    [(crossings,)] = ask(filled, crossing)
    assert isinstance(crossings, int)
    assert crossings >= 2  # the window holds three ends of a month, or two
    assert ask(filled, "SELECT count(*) > 10 FROM payments_payment WHERE paid_at - created_at BETWEEN '1 hour' AND '9 hours'") == [(True,)]


@pytest.mark.parametrize("zone", ["UTC", "Pacific/Kiritimati", "America/Los_Angeles", "Asia/Tokyo", "Etc/GMT+12"])
def test_yesterday_has_succeeded_payments_in_every_zone_at_every_hour(filled: str, zone: str) -> None:
    for hours in (0, 6, 12, 18, 23.99):
        yesterday = (MIDNIGHT + timedelta(hours=hours)).astimezone(ZoneInfo(zone)).date() - timedelta(days=1)
        for column in ("created_at", "paid_at"):
            day = f"SELECT count(*) >= 2 FROM payments_payment WHERE status = 'succeeded' AND ({column} AT TIME ZONE %s)::date = %s"
            assert ask(filled, day, zone, yesterday) == [(True,)], (hours, column)


def test_each_of_the_last_two_days_has_six_succeeded_payments_spread_over_its_hours(filled: str) -> None:
    query = """SELECT created_at::date, count(*) >= 6, count(DISTINCT floor(extract(hour FROM created_at) / 4)) FROM payments_payment
        WHERE status = 'succeeded' AND created_at >= %s GROUP BY 1 ORDER BY 1"""
    days = [TODAY - timedelta(days=2), TODAY - timedelta(days=1)]
    assert ask(filled, query, MIDNIGHT - timedelta(days=2)) == [(day, True, 6) for day in days]


def test_ids_ascend_with_created_at(filled: str) -> None:
    query = "SELECT id FROM (SELECT id, {at} <= lag({at}) OVER (ORDER BY id) AS falls FROM {table} WHERE {but_5}) AS rows WHERE falls"
    for table, column, but_5 in INSTANTS:
        if column in ("created_at", "date_joined"):
            strictly = query if table == "payments_payment" else query.replace("<=", "<")
            assert ask(filled, strictly.format(at=column, table=table, but_5=but_5)) == [], table


def test_stripe_ids_have_stripes_shape_and_are_unique(filled: str) -> None:
    for query, shape in (
        ("SELECT stripe_payment_intent_id FROM payments_payment", "^pi_3[0-9A-Za-z]{23}$"),
        ("SELECT stripe_charge_id FROM payments_payment WHERE stripe_charge_id <> ''", "^ch_3[0-9A-Za-z]{23}$"),
        ("SELECT stripe_refund_id FROM payments_refund WHERE stripe_refund_id IS NOT NULL", "^re_3[0-9A-Za-z]{23}$"),
        ("SELECT stripe_transaction_id FROM payments_transaction WHERE transaction_type = 'payout'", "^tr_1[0-9A-Za-z]{23}$"),
        ("SELECT stripe_account_id FROM payments_stripeaccount", "^acct_1[0-9A-Za-z]{15}$"),
    ):
        asked = f"SELECT count(*) > 0, count(*) = count(DISTINCT id), bool_and(id ~ '{shape}') FROM ({query}) AS ids(id)"
        assert ask(filled, asked) == [(True, True, True)], query


def test_every_succeeded_payment_has_its_charge_and_no_other_status_has_a_completed_one(filled: str) -> None:
    query = """SELECT p.id FROM payments_payment p LEFT JOIN payments_transaction t
        ON t.payment_id = p.id AND t.transaction_type = 'charge' AND t.status = 'completed'
           AND t.amount = p.amount AND t.stripe_transaction_id = p.stripe_charge_id AND t.completed_at = p.paid_at
        GROUP BY p.id HAVING count(t.id) <> (p.status = 'succeeded')::int"""
    assert ask(filled, query) == []
    failed = """SELECT p.id FROM payments_payment p LEFT JOIN payments_transaction t
        ON t.payment_id = p.id AND t.transaction_type = 'charge' AND t.status = 'failed'
        WHERE p.status = 'failed' GROUP BY p.id HAVING count(t.id) <> 1 OR NOT p.metadata ? 'error'"""
    assert ask(filled, failed) == []
    declined = (
        'SELECT count(*) > 0 FROM payments_payment WHERE metadata @> \'{"error": "card_declined", "decline_code": "insufficient_funds"}\''
    )
    assert ask(filled, declined) == [(True,)]


def test_payouts_go_to_cleaners_whose_account_may_be_paid(filled: str) -> None:
    query = """SELECT count(*) > 100, bool_and(t.amount = p.cleaner_payout AND a.is_payouts_enabled AND a.is_verified
               AND t.metadata ->> 'destination' = a.stripe_account_id) FROM payments_transaction t
        JOIN payments_payment p ON p.id = t.payment_id LEFT JOIN payments_stripeaccount a ON a.user_id = p.cleaner_id
        WHERE t.transaction_type = 'payout'"""
    assert ask(filled, query) == [(True, True)]
    accounts = """SELECT bool_or(NOT is_verified), bool_or(is_verified AND NOT is_payouts_enabled), count(DISTINCT account_type)
        FROM payments_stripeaccount"""
    assert ask(filled, accounts) == [(True, True, 2)]


def test_refund_amount_is_the_sum_of_completed_refunds_but_for_one_made_by_hand(filled: str) -> None:
    query = """SELECT p.id, count(r.id) FROM payments_payment p LEFT JOIN payments_refund r ON r.payment_id = p.id
        GROUP BY p.id HAVING p.refund_amount <> coalesce(sum(r.amount) FILTER (WHERE r.status = 'completed'), 0)"""
    assert [rows for _, rows in ask(filled, query)] == [0]
    assert ask(filled, "SELECT id FROM payments_payment WHERE refund_amount > amount OR refund_amount > 0 AND status <> 'succeeded'") == []
    marks = """SELECT id FROM payments_payment
        WHERE (refund_amount > 0) <> (refunded_at IS NOT NULL) OR (refund_amount > 0) <> (refund_reason IS NOT NULL)"""
    assert ask(filled, marks) == []


def test_refunds_are_full_and_partial_pending_and_failed_and_one_is_only_requested(filled: str) -> None:
    kinds = "SELECT bool_or(refund_amount = amount), bool_or(refund_amount > 0 AND refund_amount < amount) FROM payments_payment"
    assert ask(filled, kinds) == [(True, True)]
    by_status = "SELECT status, stripe_refund_id IS NULL, count(*) FROM payments_refund GROUP BY 1, 2 ORDER BY 1, 2"
    assert ask(filled, by_status) == [("completed", False, 21), ("failed", False, 1), ("pending", False, 2), ("pending", True, 1)]
    assert ask(filled, "SELECT DISTINCT requested_by_id FROM payments_refund") == [(1,)]


def test_every_refund_sent_to_stripe_has_its_transaction_and_the_request_has_none(filled: str) -> None:
    query = """SELECT r.stripe_refund_id FROM payments_refund r FULL JOIN
        (SELECT * FROM payments_transaction WHERE transaction_type = 'refund') t
        ON t.stripe_transaction_id = r.stripe_refund_id AND t.payment_id = r.payment_id AND t.amount = r.amount AND t.status = r.status
           AND t.created_at = r.created_at AND t.completed_at IS NOT DISTINCT FROM r.processed_at
        WHERE r.id IS NULL OR t.id IS NULL"""
    assert ask(filled, query) == [(None,)]


def test_parts_are_missing_as_in_real_life(filled: str) -> None:
    query = """SELECT count(*) FILTER (WHERE cleaner_id IS NULL) > 5,
        count(*) FILTER (WHERE client_id IS NULL AND cleaner_id IS NULL AND job_id IS NULL),
        bool_or(stripe_charge_id = ''), bool_or(stripe_charge_id IS NULL),
        bool_or(payment_method_brand = ''), bool_or(payment_method_brand IS NULL), bool_or(payment_method_last4 = ''),
        bool_or(description = ''), bool_or(description IS NULL), bool_or(metadata IS NULL), bool_or(metadata = '{}'),
        bool_or(status = 'pending' AND coalesce(payment_method_type, '') = ''), bool_or(payment_method_type = 'link'),
        bool_or(payment_method_type = 'sepa_debit' AND currency = 'eur')
        FROM payments_payment"""
    assert ask(filled, query) == [(True, 1, *[True] * 12)]
    assert ask(filled, "SELECT id FROM payments_payment WHERE payment_method_type <> 'card' AND payment_method_brand <> ''") == []
    brands = ask(filled, "SELECT DISTINCT payment_method_brand FROM payments_payment WHERE payment_method_brand <> '' ORDER BY 1")
    assert brands == [("amex",), ("discover",), ("mastercard",), ("visa",)]


def test_hostile_text_is_in_every_place_that_people_write(filled: str) -> None:
    assert [text for text in HOSTILE if ask(filled, "SELECT count(*) FROM payments_payment WHERE description = %s", text) == [(0,)]] == []
    for place in (
        "SELECT property_address FROM jobs_cleaningjob",
        "SELECT username || first_name || last_name FROM auth_user",
        "SELECT refund_reason FROM payments_payment",
        "SELECT metadata ->> 'note' FROM payments_payment",
    ):
        texts = "\n".join(str(text) for (text,) in ask(filled, place))
        assert [mark for mark in ("\u202e", "[/x]", "\x1b[31m", "=1+") if mark in texts] != [], place
    addresses = "\n".join(
        str(text)
        for (text,) in ask(filled, "SELECT property_address || '\n' || coalesce(description, '') FROM jobs_cleaningjob, payments_payment")
    )
    for mark in (
        "\x1b[31m",
        "\x9b",
        "\u202e",
        "\u2066",
        "[link=",
        "[bold red]",
        "\r",
        "\t",
        "\u200d",
        "\u0301",
        "東京",
        "تنظيف",
        "=HYPERLINK",
        "\\",
    ):
        assert mark in addresses, mark


def test_mail_addresses_are_of_names_kept_for_examples(filled: str) -> None:
    strangers = r"SELECT email FROM auth_user WHERE email !~ '^[a-z.]+@example\.(com|org|net)$' ORDER BY id"
    assert ask(filled, strangers) == [("ops@demo",), ("client1@test.com",), ("cleaner1@test.com",)]


@pytest.mark.parametrize("table", TABLES)
def test_the_next_insert_gets_the_next_id(filled: str, table: str) -> None:
    query = f"SELECT nextval(pg_get_serial_sequence('public.{table}', 'id')) = max(id) + 1 FROM {table}"
    assert ask(filled, query) == [(True,)]


# -- how it gets there


def test_filling_twice_changes_nothing(filled: str) -> None:
    where = "SELECT ctid::text, xmin::text FROM payments_payment ORDER BY id"
    before, rows_before = everything(filled), ask(filled, where)
    fill(filled, TODAY)
    fill(filled, TODAY - timedelta(days=1))
    assert everything(filled) == before
    assert ask(filled, where) == rows_before  # not a row was touched
    assert before["state"] == [{"version": SAMPLE_VERSION, "as_of": TODAY}]


@pytest.mark.parametrize("zone", ["UTC", "America/New_York"])  # its clocks change on 2026-03-08, inside the sample
def test_three_days_later_every_instant_is_three_days_later_but_those_of_payment_5(filled: str, zone: str) -> None:
    before = everything(filled)
    fill(f"{filled} options='-c TimeZone={zone}'", TODAY + timedelta(days=3))
    expected = {
        table: [
            row
            if belongs_to_payment_5(table, row)
            else {name: value + timedelta(days=3) if isinstance(value, datetime) else value for name, value in row.items()}
            for row in rows
        ]
        for table, rows in before.items()
    }
    expected["state"] = [{"version": SAMPLE_VERSION, "as_of": TODAY + timedelta(days=3)}]
    assert everything(filled) == expected


def test_a_sample_moved_to_a_day_is_the_sample_made_on_that_day(filled: str) -> None:
    fill(filled, TODAY + timedelta(days=40))
    moved = everything(filled)
    run(filled, "DROP SCHEMA ecloud_demo CASCADE")
    fill(filled, TODAY + timedelta(days=40))
    assert everything(filled) == moved


def test_what_people_did_in_the_demo_never_comes_to_lie_in_the_future(filled: str) -> None:
    run(filled, "UPDATE payments_payment SET refunded_at = '2026-03-10 15:00+00' WHERE id = 440")
    fill(filled, TODAY + timedelta(days=1))
    assert ask(filled, "SELECT refunded_at FROM payments_payment WHERE id = 440") == [(MIDNIGHT + timedelta(days=1, microseconds=-1),)]


def test_another_version_is_replaced_with_all_that_was_done_to_it(filled: str) -> None:
    before = everything(filled)
    run(filled, "UPDATE ecloud_demo.state SET version = 0; DELETE FROM payments_refund; UPDATE payments_payment SET amount = 1")
    fill(filled, TODAY)
    assert everything(filled) == before


def test_the_rows_are_those_that_the_version_stands_for() -> None:
    rows = json.dumps({table: [astuple(row) for row in rows] for table, rows in build(TODAY).items()}, default=str)
    assert hashlib.sha256(rows.encode()).hexdigest() == DIGESTS[SAMPLE_VERSION]


# -- and when it is cut off


def test_a_first_filling_cut_off_at_its_end_leaves_nothing(empty_database: str) -> None:
    with holding(empty_database, "CREATE SCHEMA ecloud_demo"):
        cut_off_when_blocked(empty_database, TODAY)
    assert ask(empty_database, "SELECT tablename FROM pg_tables WHERE schemaname IN ('public', 'ecloud_demo')") == []
    fill(empty_database, TODAY)
    assert len(everything(empty_database)["payments_payment"]) >= 420


def test_a_replacement_cut_off_at_its_end_leaves_the_old_rows(filled: str) -> None:
    run(filled, "UPDATE ecloud_demo.state SET version = 0; DELETE FROM payments_refund")
    before = everything(filled)
    with holding(filled, "LOCK TABLE ecloud_demo.state IN ACCESS SHARE MODE"):
        cut_off_when_blocked(filled, TODAY)
    assert everything(filled) == before


@pytest.mark.parametrize("table", TABLES)
def test_a_move_cut_off_at_any_table_moves_none(filled: str, table: str) -> None:
    before = everything(filled)
    held = f"SELECT 1 FROM public.{table} WHERE id = (SELECT max(id) FROM public.{table}) FOR UPDATE"
    with holding(filled, held):
        cut_off_when_blocked(filled, TODAY + timedelta(days=3))
    assert everything(filled) == before


def test_two_movers_at_once_move_it_once(filled: str) -> None:
    with holding(filled, "SELECT 1 FROM ecloud_demo.state FOR UPDATE") as holder, ThreadPoolExecutor(2) as pool:
        movers = [pool.submit(fill, filled, TODAY + timedelta(days=3)) for _ in range(2)]
        wait_for_blocked(filled, 2)
        holder.rollback()
        for mover in movers:
            mover.result(timeout=10)
    [(last,)] = ask(filled, "SELECT max(created_at) FROM payments_payment")
    assert isinstance(last, datetime)
    assert MIDNIGHT + timedelta(days=2) < last < MIDNIGHT + timedelta(days=3)


@contextmanager
def holding(conninfo: str, statement: str) -> Iterator[psycopg.Connection]:
    """Somebody else's open transaction, undone at the end."""
    with psycopg.connect(conninfo) as connection:
        connection.execute(statement.encode())
        yield connection
        connection.rollback()


def cut_off_when_blocked(conninfo: str, today: date) -> None:
    """Fill until it waits for a lock, then end its connection. Fails when the fault did not strike."""
    with ThreadPoolExecutor(1) as pool:
        filling = pool.submit(fill, conninfo, today)
        [pid] = wait_for_blocked(conninfo, 1)
        assert ask(conninfo, "SELECT pg_terminate_backend(%s)", pid) == [(True,)]
        with pytest.raises(psycopg.OperationalError):
            filling.result(timeout=10)


def wait_for_blocked(conninfo: str, number: int) -> list[object]:
    deadline = time.monotonic() + 8  # less than the ten seconds that fill() waits for a lock
    while time.monotonic() < deadline:
        blocked = ask(conninfo, "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'")
        if len(blocked) == number:
            return [pid for (pid,) in blocked]
        time.sleep(0.02)
    raise AssertionError(f"{number} connections should have been waiting for a lock")
