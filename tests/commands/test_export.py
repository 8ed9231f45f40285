"""`export`: which rows, as which bytes, in which order."""

import csv
import io
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from ecloud_pay.adapters.postgres import export as copying
from ecloud_pay.adapters.postgres.copying import pump
from ecloud_pay.adapters.postgres.engine import Database
from ecloud_pay.domain.export import ExportTable, field_names
from support.backend import SHAPES, Backend, drop_database
from support.console import Console

HEADER = "Payment ID,Date,Client Email,Cleaner Email,Amount,Platform Fee,Cleaner Payout,Status,Stripe Payment Intent,Card Brand,Card Last4"
SHEET = f"""{HEADER}
5,2025-01-27 14:30:15,client1@test.com,cleaner1@test.com,100.00,15.00,85.00,succeeded,pi_3SMUfcQ1SldwUSm92tASE3le,visa,4242
6,2025-02-01 00:00:00,client1@test.com,N/A,100.00,15.00,85.00,pending,pi_6,N/A,N/A
7,2025-02-01 23:59:59,client1@test.com,cleaner1@test.com,100.00,15.00,85.00,failed,pi_7,mastercard,0002
8,2025-02-02 12:00:00,Zoe.Müller@example.org,N/A,100.00,15.00,85.00,cancelled,pi_8,N/A,N/A
9,2025-03-30 01:30:00,Zoe.Müller@example.org,cleaner1@test.com,80.01,12.00,68.01,processing,pi_9,visa,4242
10,2025-04-01 00:00:00,client1@test.com,N/A,12000.00,1800.00,10200.00,succeeded,pi_10,visa,4242
11,2025-05-01 09:00:00,client1@test.com,cleaner1@test.com,100.00,15.00,85.00,succeeded,pi_11,visa,4242
12,2025-06-01 00:00:00,client1@test.com,cleaner1@test.com,100.00,15.00,85.00,succeeded,pi_12,[bold]visa[/x],4242
13,2025-07-01 00:00:00,N/A,N/A,12.34,15.00,85.00,on_hold,pi_13,N/A,N/A
"""
# Every row of 700 differs in every text, and each text is something that CSV must quote, or must not.
MANY_ROWS = """
INSERT INTO auth_user (id, password, is_superuser, username, first_name, last_name, email, is_staff, is_active, date_joined)
SELECT n, '', false, 'user' || n, '', '', (ARRAY['a"b', 'c,d', 'e''f', 'Ünï', '', '名前', 'x y ', 'N\\A'])[1 + n % 8] || n || '@x.org',
       false, true, now()
FROM generate_series(2000, 2049) AS n;
INSERT INTO payments_payment (id, amount, platform_fee, cleaner_payout, currency, stripe_payment_intent_id, payment_method_brand,
    payment_method_last4, status, refund_amount, created_at, paid_at, description, metadata, client_id, cleaner_id)
SELECT 2000 + n * 3, n * 1.01, n * 0.15, n * 0.86, (ARRAY['usd', 'eur', 'jpy'])[1 + n % 3], 'pi_many' || n,
       (ARRAY['visa', 'two words', 'a, b', '"', E'line\\nbreak', '', NULL])[1 + n % 7], lpad(n::text, 4, '0'),
       (ARRAY['succeeded', 'failed', 'pending'])[1 + n % 3], 0,
       timestamp '2024-10-20 00:00:00.999999' + n * interval '37 minutes 11 seconds', NULL, 'text ' || n, '{"n": [1, 2.50, null]}',
       2000 + n % 50, CASE WHEN n % 5 > 0 THEN 2000 + n % 49 END
FROM generate_series(1, 700) AS n;
"""


@pytest.fixture(scope="module", params=SHAPES)
def many(server: str, request: pytest.FixtureRequest) -> Iterator[Backend]:
    """The sample rows and seven hundred more, over a change of clocks in autumn."""
    made = Backend.create(server, request.param)
    made.run(MANY_ROWS)
    yield made
    drop_database(server, made.conninfo)


@pytest.fixture
def in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make few rows worth several connections."""
    monkeypatch.setattr(copying, "LEAST_ROWS_PER_PART", 1)


def naive_sheet(backend: Backend, zone: str) -> str:
    """The sheet by a loop over the rows, the way it has always been pasted into a shell."""
    people: dict[int, str] = dict(backend.rows("SELECT id, email FROM auth_user"))
    columns = "id, created_at, client_id, cleaner_id, amount, platform_fee, cleaner_payout, status, stripe_payment_intent_id"
    rows = backend.rows(f"SELECT {columns}, payment_method_brand, payment_method_last4 FROM payments_payment ORDER BY id")
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(HEADER.split(","))
    for number, created, client, cleaner, *rest in rows:
        local = (created if created.tzinfo else created.replace(tzinfo=UTC)).astimezone(ZoneInfo(zone))
        cells = [number, local.strftime("%Y-%m-%d %H:%M:%S"), people.get(client), people.get(cleaner), *rest]
        writer.writerow(["N/A" if cell in (None, "") else cell for cell in cells])
    return out.getvalue()


def exported(console: Console, backend: Backend, path: Path, *arguments: str) -> str:
    result = console("export", "-o", str(path), "--force", *arguments, on=backend)
    assert (result.code, result.out) == (0, ""), result.err
    return path.read_text()


def test_the_sheet_is_what_finance_has_always_been_given(console: Console, backend: Backend) -> None:
    result = console("export", "--csv", on=backend)
    assert (result.code, result.out, result.err) == (0, SHEET, "")


def test_csv_is_the_default(console: Console, backend: Backend) -> None:
    assert console("export", on=backend).out == SHEET


@pytest.mark.parametrize("zone", ["UTC", "Europe/Berlin", "America/New_York", "Asia/Kathmandu"])
def test_csv_is_byte_for_byte_what_a_naive_loop_writes(console: Console, many: Backend, zone: str) -> None:
    assert console("export", "--tz", zone, on=many).out == naive_sheet(many, zone)


@pytest.mark.parametrize("jobs", ["1", "2", "3", "16"])
@pytest.mark.usefixtures("in_parts")
def test_the_bytes_are_the_same_however_many_connections_wrote_them(console: Console, many: Backend, tmp_path: Path, jobs: str) -> None:
    assert exported(console, many, tmp_path / "a.csv", "--jobs", jobs) == naive_sheet(many, "UTC")
    whole = console("export", "--ndjson", on=many).out
    assert exported(console, many, tmp_path / "a.ndjson", "--ndjson", "--jobs", jobs) == whole


@pytest.mark.usefixtures("in_parts")
def test_every_connection_gets_rows_and_they_see_one_snapshot(
    console: Console, own_backend: Backend, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own_backend.run(MANY_ROWS)
    expected = naive_sheet(own_backend, "UTC")
    counts: list[list[int]] = []
    twin = Database.twin

    def twin_after_a_change(self: Any, *given: Any) -> Any:
        own_backend.run("DELETE FROM payments_payment WHERE id > 2000 AND id % 2 = 0; UPDATE payments_payment SET amount = 1")
        return twin(self, *given)

    def counted(copies: Any, take: Any) -> None:
        pump(copies, take)
        counts.append([copy.rows for copy in copies])

    monkeypatch.setattr(Database, "twin", twin_after_a_change)
    monkeypatch.setattr(copying, "pump", counted)
    assert exported(console, own_backend, tmp_path / "a.csv", "--jobs", "3") == expected
    [shares] = counts
    assert sum(shares) == 709
    assert min(shares) > 0


@pytest.mark.parametrize("arguments", ["", "--status succeeded", "--client 24", "--since 2025-03", "--refunded", "--currency usd"])
def test_documents_are_those_of_list(console: Console, backend: Backend, arguments: str) -> None:
    listed = console("list", "--json", *arguments.split(), on=backend).json[::-1]
    assert [json.loads(line) for line in console("export", "--ndjson", *arguments.split(), on=backend).out.splitlines()] == listed
    assert console("export", "--json", *arguments.split(), on=backend).json == listed


def test_documents_have_their_keys_in_the_order_of_list(console: Console, backend: Backend) -> None:
    ours = json.loads(console("export", "--ndjson", "--job", "14", on=backend).out)
    [theirs] = console("list", "--json", "--job", "14", on=backend).json
    assert (list(ours), list(ours["client"]), list(ours["job"])) == (list(theirs), list(theirs["client"]), list(theirs["job"]))


def test_a_json_array_has_a_document_a_line(console: Console, backend: Backend) -> None:
    assert console("export", "--json", "--fields", "id,amount", "--client", "30", on=backend).out == (
        '[\n{"id":8,"amount":"100.00"},\n{"id":9,"amount":"80.01"}\n]\n'
    )


def test_fields_are_headed_by_their_names(console: Console, backend: Backend) -> None:
    result = console(
        "export", "--fields", "id,client.email,refund_amount,metadata,paid_at", "--job", "14", "--tz", "Asia/Tokyo", on=backend
    )
    assert result.out == (
        'id,client.email,refund_amount,metadata,paid_at\n5,client1@test.com,0.00,"{""job_id"": ""14""}",2025-01-27 23:30:45\n'
    )
    result = console(
        "export", "--ndjson", "--fields", "client.email,refund_amount,paid_at", "--job", "14", "--tz", "Asia/Tokyo", on=backend
    )
    assert result.out == '{"client.email":"client1@test.com","refund_amount":"0.00","paid_at":"2025-01-27T14:30:45.654321Z"}\n'


def test_every_field_of_list_can_be_exported_alone(console: Console, backend: Backend) -> None:
    for name in field_names(ExportTable.PAYMENTS):
        listed = [next(iter(one.values())) for one in console("list", "--json", "--fields", name, on=backend).json[::-1]]
        ours = [json.loads(line)[name] for line in console("export", "--ndjson", "--fields", name, on=backend).out.splitlines()]
        assert ours == listed, name


def test_transactions_as_csv(console: Console, backend: Backend) -> None:
    assert console("export", "--table", "transactions", on=backend).out == (
        "id,payment_id,transaction_type,amount,currency,status,stripe_transaction_id,created_at,completed_at,metadata\n"
        "1,5,charge,100.00,usd,completed,ch_3SMUfcQ1SldwUSm92tASE3le,2025-01-27 14:30:20,2025-01-27 14:30:45,N/A\n"
        "2,11,charge,100.00,USD,completed,ch_11,2025-05-01 09:00:00,2025-05-01 09:00:00,N/A\n"
        '3,11,refund,25.00,USD,completed,re_11,2025-05-03 08:59:00,2025-05-03 09:00:00,"{""note"": ""late""}"\n'
        "4,11,payout,63.75,USD,pending,N/A,2025-05-02 10:00:00,N/A,N/A\n"
    )


def test_refunds_as_csv_and_as_documents(console: Console, backend: Backend) -> None:
    assert console("export", "--table", "refunds", on=backend).out == (
        "id,payment_id,amount,currency,reason,status,stripe_refund_id,requested_by,created_at,processed_at\n"
        "1,11,25.00,USD,requested_by_customer,completed,re_11,ops@demo,2025-05-03 08:59:00,2025-05-03 09:00:00\n"
        "2,11,10.00,USD,N/A,pending,N/A,N/A,2025-05-04 08:00:00,N/A\n"
    )
    assert json.loads(console("export", "--table", "refunds", "--ndjson", on=backend).out.splitlines()[1]) == {
        "id": 2,
        "payment_id": 11,
        "amount": "10.00",
        "currency": "USD",
        "reason": None,
        "status": "pending",
        "stripe_refund_id": None,
        "requested_by": None,
        "created_at": "2025-05-04T08:00:00.000000Z",
        "processed_at": None,
    }


def test_accounts_as_csv_and_as_documents(console: Console, own_backend: Backend) -> None:
    own_backend.run(
        "INSERT INTO payments_stripeaccount (id, user_id, stripe_account_id, account_type, is_verified, is_payouts_enabled, created_at)"
        " VALUES (3, 26, 'acct_3', 'express', true, false, '2025-01-02 03:04:05+00')"
    )
    assert console("export", "--table", "accounts", on=own_backend).out == (
        "id,user.id,user.email,user.username,stripe_account_id,account_type,is_verified,is_payouts_enabled,created_at,updated_at\n"
        "3,26,cleaner1@test.com,cleaner1@test.com,acct_3,express,true,false,2025-01-02 03:04:05,N/A\n"
    )
    assert console("export", "--table", "accounts", "--json", on=own_backend).json == [
        {
            "id": 3,
            "user": {"id": 26, "email": "cleaner1@test.com", "username": "cleaner1@test.com"},
            "stripe_account_id": "acct_3",
            "account_type": "express",
            "is_verified": True,
            "is_payouts_enabled": False,
            "created_at": "2025-01-02T03:04:05.000000Z",
            "updated_at": None,
        }
    ]


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ("transactions --since 2025-05-01", ["2", "3", "4"]),
        ("transactions --until 2025-05-02", ["1", "2"]),
        ("transactions --job 14", ["1"]),
        ("transactions --status failed", []),
        ("transactions --refunded --since 2025-05-02 --until 2025-05-03", ["4"]),
        ("transactions --paid-since 2025-05-01", ["2", "3", "4"]),
        ("refunds --since 2025-05-04", ["2"]),
        ("refunds --processed-since 2025-05-03", ["1"]),
        ("refunds --processed-until 2025-05-03", []),
        ("refunds --client 30", []),
        ("refunds --cleaner 26 --processed-since 2025-05-03 --processed-until 2025-05-04", ["1"]),
        ("accounts --cleaner cleaner1@test.com", ["3"]),
        ("accounts --cleaner 24", ["4"]),
        ("accounts --status cancelled", []),
        ("accounts --job 14", ["3"]),
        ("accounts --since 2025-01-03", ["4"]),
        ("accounts --until 2025-01-03", ["3"]),
    ],
)
def test_dates_are_the_tables_own_and_other_filters_go_through_the_payment(
    console: Console, own_backend: Backend, arguments: str, expected: list[str]
) -> None:
    own_backend.run(
        "INSERT INTO payments_stripeaccount (id, user_id, stripe_account_id, account_type, is_verified, is_payouts_enabled, created_at)"
        " VALUES (3, 26, 'acct_3', 'express', true, false, '2025-01-02'), (4, 24, 'acct_4', 'express', true, false, '2025-01-04')"
    )
    result = console("export", "--table", *arguments.split(), on=own_backend)
    assert [row[0] for row in csv.reader(io.StringIO(result.out))][1:] == expected


HOSTILE_TEXTS = [f"{blanks}{start}HYPERLINK()" for start in "=+-@|\t\r\n＝＋－＠｜" for blanks in ("", "  ", " \u00a0\u3000")]
HARMLESS_TEXTS = ["a=b", "'=1", "visa", "0", "{x}", "~x", "Ünï", "_", "[", "(1)", "\u00a01", "N/A", '"', "`", "Z", "9", "!", "A", "^"]


def with_texts(backend: Backend, texts: list[str]) -> None:
    """A payment for each text, which is its client's e-mail, its brand and its status."""
    for number, text in enumerate(texts, 3000):
        backend.rows_changed(
            "INSERT INTO auth_user (id, password, is_superuser, username, first_name, last_name, email, is_staff, is_active, date_joined)"
            " VALUES (%s, '', false, %s, '', '', %s, false, true, now())",
            number,
            f"user{number}",
            text,
        )
        backend.rows_changed(
            "INSERT INTO payments_payment (id, amount, platform_fee, cleaner_payout, currency, stripe_payment_intent_id, status,"
            " payment_method_brand, refund_amount, created_at, client_id) VALUES (%s, 1, 0, 1, 'usd', %s, %s, %s, 0, now(), %s)",
            number,
            f"pi_{number}",
            text,
            text,
            number,
        )


TEXT_FIELDS = ("--fields", "client.email,client.username,payment_method_brand,status,amount", "--amount", "1")


def rows_of(text: str) -> list[list[str]]:
    return list(csv.reader(io.StringIO(text, newline="")))[1:]


def test_text_that_a_spreadsheet_would_run_is_disarmed(console: Console, own_backend: Backend) -> None:
    with_texts(own_backend, HOSTILE_TEXTS)
    disarmed = []
    for number, text in enumerate(HOSTILE_TEXTS, 3000):
        seen = "'" + text.replace("\r", "\\r")  # a control character is written out, as on every screen
        disarmed.append([seen, f"user{number}", seen, seen, "1.00"])
    assert rows_of(console("export", *TEXT_FIELDS, on=own_backend).out) == disarmed
    assert rows_of(console("list", "--csv", "--limit", "100", *TEXT_FIELDS, on=own_backend).out) == disarmed[::-1]


def test_raw_text_is_what_is_stored(console: Console, own_backend: Backend) -> None:
    with_texts(own_backend, HOSTILE_TEXTS)
    stored = [[text, f"user{number}", text, text, "1.00"] for number, text in enumerate(HOSTILE_TEXTS, 3000)]
    assert rows_of(console("export", "--raw", *TEXT_FIELDS, on=own_backend).out) == stored


def test_harmless_text_stays_what_it_is(console: Console, own_backend: Backend) -> None:
    with_texts(own_backend, HARMLESS_TEXTS)
    stored = [[text, f"user{number}", text, text, "1.00"] for number, text in enumerate(HARMLESS_TEXTS, 3000)]
    assert rows_of(console("export", *TEXT_FIELDS, on=own_backend).out) == stored


def one_row(text: str) -> list[str]:
    _, row = csv.reader(io.StringIO(text, newline=""))
    return row


def test_negative_figures_are_numbers_and_never_disarmed(console: Console, own_backend: Backend) -> None:
    own_backend.run("UPDATE payments_payment SET amount = -3.50, metadata = '-5' WHERE id = 5")
    assert one_row(console("export", "--fields", "amount,metadata", "--job", "14", on=own_backend).out) == ["-3.50", "-5"]


def test_control_and_bidi_characters_are_written_out(console: Console, backend: Backend) -> None:
    [whole] = [
        json.loads(line)
        for line in console(
            "export", "--ndjson", "--fields", "description", "--last4", "4242", "--brand", "visa", on=backend
        ).out.splitlines()[:1]
    ]
    assert whole == {"description": "Deep cleaning"}
    result = console("export", "--fields", "id,description", "--min-amount", "100", "--since", "2025-06", "--until", "2025-07", on=backend)
    assert "\\x1b[31mred\\x9b2J \\u202egnp.exe\\u2066" in result.out
    raw = console("export", "--raw", "--fields", "id,description", "--since", "2025-06", "--until", "2025-07", on=backend)
    assert "\x1b[31mred\x9b2J \u202egnp.exe\u2066" in raw.out


def test_dates_beyond_the_calendar_do_not_stop_an_export(console: Console, own_backend: Backend) -> None:
    own_backend.run("UPDATE payments_payment SET created_at = 'infinity', paid_at = '-infinity', refunded_at = '20000-01-01' WHERE id = 5")
    fields = ("--fields", "created_at,paid_at,refunded_at", "--job", "14")
    assert one_row(console("export", *fields, on=own_backend).out) == ["infinity", "-infinity", "20000-01-01 00:00:00"]
    [document] = console("list", "--json", *fields, on=own_backend).json
    assert json.loads(console("export", "--ndjson", *fields, on=own_backend).out) == document


def test_the_servers_own_date_style_does_not_matter(console: Console, own_backend: Backend) -> None:
    own_backend.run("DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET DateStyle = ''German, DMY''', current_database()); END $$")
    assert console("export", on=own_backend).out == SHEET


def test_columns_without_a_zone_are_read_in_the_one_that_is_configured(console: Console, backend: Backend) -> None:
    result = console("export", "--fields", "created_at", "--job", "14", on=backend, ECLOUD_PAY_DB_TIMEZONE="Asia/Tokyo")
    [document] = console("list", "--json", "--job", "14", on=backend, ECLOUD_PAY_DB_TIMEZONE="Asia/Tokyo").json
    assert datetime.fromisoformat(one_row(result.out)[0]) == datetime.fromisoformat(document["created_at"]).replace(
        tzinfo=None, microsecond=0
    )


def test_nothing_that_matches_is_a_header_alone_and_a_note(console: Console, backend: Backend) -> None:
    result = console("export", "--job", "99", on=backend)
    assert (result.code, result.out, result.err) == (0, HEADER + "\n", "No payments match.\n")
    assert console("export", "--job", "99", "--json", on=backend).out == "[]\n"
    assert console("export", "--job", "99", "--ndjson", "-q", on=backend).out == ""


def test_nothing_is_written_to_the_database(console: Console, backend: Backend, tmp_path: Path) -> None:
    before = backend.fingerprint()
    for table in ("payments", "transactions", "refunds", "accounts"):
        assert console("export", "--table", table, "-o", str(tmp_path / f"{table}.csv"), on=backend).code == 0
    assert backend.fingerprint() == before


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("--csv --ndjson", "only one format at a time: csv and ndjson were asked for"),
        ("--table payment", "--table: unknown table 'payment'. Did you mean payments?"),
        ("--fields id,client_email", "--fields: unknown field 'client_email'. Did you mean client.email?"),
        ("--table refunds --fields client.email", "--fields: unknown field 'client.email'."),
        ("--jobs 2", "--jobs goes with -o and CSV or NDJSON: the parts are files until they are joined"),
        ("--jobs 2 --json -o a.json", "--jobs goes with -o and CSV or NDJSON: the parts are files until they are joined"),
        ("--jobs 0 -o a.csv", "--jobs: '0' is not a whole number from 1 to 16"),
        ("--jobs 17 -o a.csv", "--jobs: '17' is not a whole number from 1 to 16"),
        ("--force", "--force goes with -o FILE"),
        ("--manifest", "--manifest goes with -o FILE"),
        ("--ndjson --raw", "--raw is about CSV; ndjson holds text as it is anyway"),
        ("--processed-since 7d", "--processed-since and --processed-until go with --table refunds"),
        ("--table refunds --processed-since 7d --processed-until 8d", "--processed-until '8d' lies before --processed-since '7d'"),
        ("-o -", "-o: '-' is no file; without -o it goes to stdout"),
        ("-o payments.xlsx", "-o: 'payments.xlsx' would hold csv"),
        ("--since never", "--since: 'never' is not a date; write one of: "),
        ("--tz Mars/Phobos", "--tz: 'Mars/Phobos' is no time zone"),
    ],
)
def test_what_makes_no_sense_is_refused_before_anything_is_opened(console: Console, arguments: str, message: str, tmp_path: Path) -> None:
    result = console("export", *arguments.split(), DATABASE_URL="postgresql://nobody@127.0.0.1:1/nothing")
    assert (result.code, result.out) == (2, "")
    assert result.err.startswith(f"ecloud-pay: {message}")
    assert list(tmp_path.iterdir()) == []


def test_fields_without_a_name_lists_those_of_the_table(console: Console) -> None:
    result = console("export", "--table", "refunds", "--fields", "")
    assert result.code == 2
    assert result.err.splitlines()[1] == (
        "Known: id, payment_id, amount, currency, reason, status, stripe_refund_id, requested_by, created_at, processed_at"
    )


def test_the_window_is_told_with_v_in_the_tables_own_words(console: Console, backend: Backend) -> None:
    result = console("export", "--table", "refunds", "--since", "2025-05-04", "--processed-until", "2026", "-v", on=backend)
    assert result.code == 2  # 2026 is no date
    result = console("export", "--table", "refunds", "--since", "2025-05-04", "--processed-until", "2026-01", "-v", on=backend)
    assert "Refunds created from 2025-05-04 00:00:00 UTC.\n" in result.err
    assert "Refunds processed until before 2026-01-01 00:00:00 UTC.\n" in result.err


def test_debug_shows_the_statement_and_not_what_was_searched_for(console: Console, backend: Backend, tmp_path: Path) -> None:
    arguments = ("--debug", "export", "--client", "client1@test.com", "--min-amount", "12.34", "-o", "a.csv", "--jobs", "2", "--manifest")
    result = console(*arguments, on=backend)
    assert result.code == 0
    assert "debug: sent: COPY (SELECT payments_payment.id AS id, " in result.err
    assert "client1@test.com" not in result.err
    assert "12.34" not in result.err
