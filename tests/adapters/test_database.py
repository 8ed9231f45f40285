"""The database through the console: nothing is written, little is sent, other shapes work, failures say what to do."""

import psycopg
import pytest
import sqlalchemy.exc
from psycopg.conninfo import conninfo_to_dict

from ecloud_pay.adapters.postgres.engine import Database
from ecloud_pay.adapters.postgres.failures import translated_connect
from ecloud_pay.adapters.postgres.login import Login, is_near, parse_login
from ecloud_pay.adapters.postgres.payments import open_reader
from ecloud_pay.adapters.postgres.tables import Names
from ecloud_pay.domain.errors import NotConfigured
from ecloud_pay.domain.search import PaymentSearch
from support.backend import Backend
from support.canaries import READER_PASSWORD
from support.console import Console, process
from support.wire import Wire

READS = [
    ("list",),
    ("list", "--client", "client1@test.com", "--status", "succeeded"),
    ("show", "11"),
    ("show", "client1@test.com"),
    ("doctor",),
]


def database(backend: Backend) -> Database:
    return Database(parse_login(backend.conninfo, "DATABASE_URL"), Names(), "UTC")


def test_no_read_command_writes_anything(console: Console, own_backend: Backend) -> None:
    before = own_backend.fingerprint()
    writes = own_backend.rows("SELECT sum(n_tup_ins + n_tup_upd + n_tup_del) FROM pg_stat_user_tables")
    for command in READS:
        assert console(*command, on=own_backend).code == 0
    assert own_backend.fingerprint() == before
    assert own_backend.rows("SELECT sum(n_tup_ins + n_tup_upd + n_tup_del) FROM pg_stat_user_tables") == writes


def test_a_write_inside_a_snapshot_is_refused_by_the_server(backend: Backend) -> None:
    with pytest.raises(NotConfigured, match="read-only"), database(backend).snapshot() as snapshot:
        snapshot.connection.exec_driver_sql("UPDATE payments_payment SET status = 'failed'")
    assert backend.rows("SELECT count(*) FROM payments_payment WHERE status = 'failed'") == [(1,)]


def test_every_read_of_a_command_sees_one_instant(own_backend: Backend) -> None:
    with open_reader(database(own_backend)) as reader:
        before = reader.page(PaymentSearch(), 20, None)
        own_backend.run("DELETE FROM payments_payment WHERE id = 13")
        assert reader.page(PaymentSearch(), 20, None) == before


def test_the_limits_and_the_name_are_in_force(backend: Backend) -> None:
    with database(backend).snapshot() as snapshot:
        row = snapshot.connection.exec_driver_sql(
            "SELECT current_setting('statement_timeout'), current_setting('lock_timeout'), current_setting('application_name'),"
            " current_setting('transaction_read_only'), current_setting('transaction_isolation')"
        ).one()
    assert tuple(row) == ("1min", "5s", "ecloud-pay", "on", "repeatable read")
    assert parse_login("postgresql://h/d", "DATABASE_URL").parameters["connect_timeout"] == "10"
    assert parse_login("postgresql://h/d?connect_timeout=3&application_name=x", "X").parameters["connect_timeout"] == "3"


@pytest.mark.parametrize("command", [("list",), ("list", "--client", "client1@test.com", "--since", "2025-01", "--refunded")])
def test_list_sends_four_statements_and_one_of_them_is_the_select(console: Console, backend: Backend, command: tuple[str, ...]) -> None:
    with Wire(backend.conninfo) as wire:
        assert console(*command, on=backend.with_(**wire.address)).code == 0
    verbs = [statement.split()[0] for statement in wire.statements]
    assert verbs == ["BEGIN", "SELECT", "SELECT", "ROLLBACK"]
    assert wire.statements[0] == "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
    assert [("payments_payment" in statement) for statement in wire.statements] == [False, False, True, False]


def test_list_needs_no_more_statements_for_a_custom_user_table(console: Console, own_backend: Backend) -> None:
    own_backend.run("ALTER TABLE auth_user RENAME TO member; ALTER TABLE member DROP COLUMN username")
    with Wire(own_backend.conninfo) as wire:
        assert console("list", on=own_backend.with_(**wire.address), ECLOUD_PAY_USER_TABLE="member").code == 0
    assert len(wire.statements) == 4


def test_custom_tables_in_another_schema_work(console: Console, own_backend: Backend) -> None:
    own_backend.run(
        """CREATE SCHEMA shop; CREATE SCHEMA "People";
        ALTER TABLE payments_payment SET SCHEMA shop; ALTER TABLE payments_transaction SET SCHEMA shop;
        ALTER TABLE payments_refund SET SCHEMA shop; ALTER TABLE payments_stripeaccount SET SCHEMA shop;
        ALTER TABLE auth_user SET SCHEMA "People"; ALTER TABLE "People".auth_user RENAME TO "Member";
        ALTER TABLE "People"."Member" DROP COLUMN username; ALTER TABLE "People"."Member" DROP COLUMN is_staff;
        ALTER TABLE jobs_cleaningjob SET SCHEMA shop; ALTER TABLE shop.jobs_cleaningjob RENAME TO visit;
        ALTER TABLE shop.visit DROP COLUMN service_type"""
    )
    names = {"ECLOUD_PAY_SCHEMA": "shop", "ECLOUD_PAY_USER_TABLE": "People.Member", "ECLOUD_PAY_JOB_TABLE": "visit"}
    result = console("show", "9", "--json", on=own_backend, **names)
    assert result.code == 0, result.err
    # Without a username column the e-mail stands in for it.
    assert result.json["client"] == {"id": 30, "email": "Zoe.Müller@example.org", "username": "Zoe.Müller@example.org"}
    assert result.json["job"]["service_type"] is None
    assert result.json["job"]["id"] == 15
    assert console("doctor", on=own_backend, **names).code == 0


def test_a_user_whose_row_is_gone_is_shown_by_number(console: Console, server: str) -> None:
    backend = Backend.create(server, "documented")
    backend.run(
        "ALTER TABLE payments_payment DROP CONSTRAINT payments_payment_client_id_fkey;"
        "UPDATE payments_payment SET client_id = 4711 WHERE id = 5"
    )
    result = console("list", "--limit", "1", "--before", "6", on=backend)
    assert "│ Client: user #4711 (N/A)\n" in result.out
    document = console("list", "--limit", "1", "--before", "6", "--json", on=backend).json[0]
    assert document["client"] == {"id": 4711, "email": None, "username": None}


def test_a_role_that_can_only_select_is_enough(console: Console, own_backend: Backend, reader_role: str) -> None:
    own_backend.run(
        f"""GRANT SELECT ON payments_payment, payments_transaction, payments_refund, payments_stripeaccount TO {reader_role};
        GRANT SELECT ON jobs_cleaningjob TO {reader_role};
        GRANT SELECT (id, username, email, is_active, is_staff) ON auth_user TO {reader_role}"""
    )
    for command in READS:
        result = console(*command, on=own_backend.with_(user=reader_role, password=READER_PASSWORD))
        assert result.code == 0, result.err


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ("ALTER TABLE payments_payment RENAME TO gone", 'relation "payments_payment" does not exist'),
        ("ALTER TABLE payments_payment DROP COLUMN paid_at", "column payments_payment.paid_at does not exist"),
        ("ALTER TABLE auth_user RENAME TO gone", 'relation "auth_user" does not exist'),
    ],
)
def test_a_missing_table_or_column_is_exit_4_and_named(console: Console, own_backend: Backend, change: str, told: str) -> None:
    own_backend.run(change)
    result = console("list", on=own_backend)
    assert (result.code, result.out) == (4, "")
    assert result.err == (
        f"ecloud-pay: the database is not laid out as expected: {told}\n"
        "Check ECLOUD_PAY_SCHEMA, ECLOUD_PAY_USER_TABLE, ECLOUD_PAY_JOB_TABLE; `ecloud-pay doctor` names each table and column.\n"
    )


def test_a_missing_privilege_is_exit_4_and_named(console: Console, own_backend: Backend, reader_role: str) -> None:
    result = console("list", on=own_backend.with_(user=reader_role, password=READER_PASSWORD))
    assert (result.code, result.out) == (4, "")
    assert "ecloud-pay: the database login may not read that: permission denied for table" in result.err


def test_a_wrong_password_is_exit_4_and_shown_nowhere(console: Console, backend: Backend, reader_role: str) -> None:
    for debugging in ((), ("--debug",), ("--debug", "--log-json")):
        result = console(*debugging, "list", on=backend.with_(user=reader_role, password="Tr0ub4dor&3"))
        assert (result.code, result.out) == (4, "")
        assert f'password authentication failed for user "{reader_role}"' in result.err
        assert "Tr0ub4dor" not in result.err
        assert ("Traceback" in result.err) == bool(debugging)


def test_a_database_that_does_not_exist_is_exit_4(console: Console, backend: Backend) -> None:
    result = console("list", on=backend.with_(dbname="nowhere"))
    assert (result.code, result.out) == (4, "")
    assert 'database "nowhere" does not exist' in result.err


def test_a_server_that_is_down_is_exit_75_and_safe_to_repeat(console: Console, backend: Backend) -> None:
    for address in ({"host": "127.0.0.1", "port": "1"}, {"host": "/nonexistent"}, {"host": "nowhere.invalid"}):
        result = console("list", on=backend.with_(**{"sslmode": "disable", **address}))
        assert (result.code, result.out) == (75, ""), result.err
        assert result.err.startswith("ecloud-pay: the database of DATABASE_URL cannot be reached: ")
        assert "Nothing was read and nothing was changed.\n" in result.err


def test_a_connection_cut_in_the_middle_is_exit_75(console: Console, backend: Backend) -> None:
    with Wire(backend.conninfo, cut_after="payments_payment") as wire:
        result = console("list", on=backend.with_(**wire.address))
    assert (result.code, result.out) == (75, ""), result.err
    assert result.err.startswith("ecloud-pay: the database gave up: ")
    assert wire.was_cut


def test_a_statement_that_takes_too_long_is_exit_75(console: Console, own_backend: Backend) -> None:
    with psycopg.connect(own_backend.conninfo) as other:
        other.execute("LOCK TABLE payments_payment IN ACCESS EXCLUSIVE MODE")
        result = console("list", on=own_backend)
    assert (result.code, result.out) == (75, "")
    assert "another session holds a lock for longer than we wait" in result.err


@pytest.mark.parametrize(
    "url", ["nonsense", "mysql://u:s3cretword@h/d", "postgresql://u:s3cret word@h/d", "postgresql://h/d?s3cretword=1", "http://x"]
)
def test_an_address_that_is_none_is_exit_4_without_quoting_it(console: Console, url: str) -> None:
    result = console("list", DATABASE_URL=url)
    assert (result.code, result.out) == (4, "")
    assert result.err.startswith("ecloud-pay: DATABASE_URL is no PostgreSQL address, or holds an option that there is not\n")
    assert "s3cret" not in result.err
    assert "s3cret" not in console("--debug", "list", DATABASE_URL=url).err


def test_without_a_database_both_ways_out_are_named(console: Console) -> None:
    for command in (("list",), ("show", "5")):
        result = console(*command)
        assert (result.code, result.out) == (4, "")
        assert result.err == (
            "ecloud-pay: no database is configured: DATABASE_URL is not set\n"
            "Nothing was read; sample data is shown only when asked for.\n"
            "Set DATABASE_URL (in the environment or in ./.env), or add --demo to look at sample data.\n"
        )


def test_reads_go_to_the_replica_where_there_is_one(console: Console, backend: Backend) -> None:
    result = console("list", DATABASE_URL="postgresql://127.0.0.1:1/down", ECLOUD_PAY_READ_DATABASE_URL=backend.conninfo)
    assert result.code == 0


def test_postgres_urls_of_both_spellings_work(backend: Backend) -> None:
    parts = conninfo_to_dict(backend.conninfo)
    for scheme in ("postgres", "postgresql"):
        url = f"{scheme}://{parts['user']}@/{parts['dbname']}?host={parts['host']}&port={parts['port']}"
        result = process("list", "--limit", "1", "--fields", "id", "--csv", environ={"DATABASE_URL": url})
        assert (result.code, result.out) == (0, "id\n13\n")


NEAR = [
    "",
    "/var/run/postgresql",
    "@abstract",
    "localhost",
    "db",
    "127.0.0.1",
    "::1",
    "10.1.2.3",
    "192.168.0.9",
    "172.16.0.1",
    "fe80::1%eth0",
    "fd00::1",
]
FAR = ["db.example.com", "8.8.8.8", "2001:4860:4860::8888", "localhost.example.com"]


def test_an_unsaid_sslmode_becomes_require_outside_the_house(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("PGSSLMODE", "PGSERVICE", "PGHOST", "PGHOSTADDR"):
        monkeypatch.delenv(name, raising=False)
    assert [host for host in [*NEAR, *FAR] if is_near(host)] == NEAR
    for host in FAR:
        assert parse_login(f"host={host}", "X").parameters["sslmode"] == "require"
        assert parse_login(f"host={host} sslmode=disable", "X").parameters["sslmode"] == "disable"
    assert parse_login("host=db,db.example.com", "X").parameters["sslmode"] == "require"
    for host in filter(None, NEAR):
        assert "sslmode" not in parse_login(f"host={host}", "X").parameters
    monkeypatch.setenv("PGSSLMODE", "prefer")
    assert "sslmode" not in parse_login("host=db.example.com", "X").parameters
    monkeypatch.delenv("PGSSLMODE")
    monkeypatch.setenv("PGHOST", "db.example.com")
    assert parse_login("dbname=x", "X").parameters["sslmode"] == "require"


def test_a_far_server_without_encryption_is_refused_with_the_suffix_to_add(backend: Backend) -> None:
    with Wire(backend.conninfo) as wire:
        enforced = Login({**conninfo_to_dict(backend.conninfo), **wire.address, "sslmode": "require"}, "DATABASE_URL", True)  # type: ignore[dict-item]
        with pytest.raises(NotConfigured) as refused, Database(enforced, Names(), "UTC").snapshot():
            pass
    assert refused.value.what == "the server of DATABASE_URL offers no encryption, and its address is not a private one"
    assert refused.value.now == "The password was not sent."
    assert refused.value.to_do == (
        "Use a server with TLS, or accept plain text by adding `?sslmode=disable` (or `&sslmode=disable` after another option)"
        " to DATABASE_URL."
    )
    assert wire.statements == []


def test_a_server_without_the_encryption_that_was_asked_for_is_told_as_that(console: Console, backend: Backend) -> None:
    with Wire(backend.conninfo) as wire:
        result = console("list", on=backend.with_(**{**wire.address, "sslmode": "require"}))
    assert result.code == 4
    assert result.err.startswith("ecloud-pay: the server of DATABASE_URL offers no encryption, which sslmode=require asks for\n")


def test_a_certificate_that_cannot_be_checked_names_the_authorities_of_this_machine() -> None:
    # In libpq's own words: the embedded server has no TLS to fail with.
    words = 'connection failed: root certificate file "/nowhere/.postgresql/root.crt" does not exist'
    with pytest.raises(NotConfigured) as refused, translated_connect(parse_login("host=db.example.com", "DATABASE_URL")):
        raise sqlalchemy.exc.OperationalError("", {}, psycopg.OperationalError(words))
    assert "sslmode=verify-full&sslrootcert=/etc/" in refused.value.to_do


@pytest.mark.parametrize(
    "parameter", [{"sslmode": "bogus"}, {"connect_timeout": "abc"}, {"port": "abc"}, {"port": "99999"}, {"service": "nosuch"}]
)
def test_a_parameter_that_makes_no_sense_is_exit_4(console: Console, backend: Backend, parameter: dict[str, str]) -> None:
    result = console("list", on=backend.with_(**parameter))
    assert (result.code, result.out) == (4, "")
    assert result.err.startswith("ecloud-pay: DATABASE_URL cannot be used: "), result.err


def test_instants_beyond_the_calendar_do_not_hide_the_other_rows(console: Console, own_backend: Backend) -> None:
    own_backend.run(
        """UPDATE payments_payment SET created_at = 'infinity', paid_at = '-infinity' WHERE id = 13;
        UPDATE payments_payment SET created_at = '0044-03-15 12:00:00 BC', paid_at = '12000-01-01' WHERE id = 12"""
    )
    payments = console("list", "--json", on=own_backend).json
    assert [(payment["created_at"], payment["paid_at"]) for payment in payments[:3]] == [
        ("infinity", "-infinity"),
        ("-infinity", "infinity"),
        ("2025-05-01T09:00:00.000000Z", "2025-05-01T09:00:30.000000Z"),
    ]
    assert "│   ├─ Created: infinity\n" in console("show", "13", on=own_backend).out
    own_backend.run("UPDATE payments_payment SET amount = 'NaN' WHERE id = 13")
    assert console("list", "--limit", "1", "--json", on=own_backend).json[0]["amount"] == "NaN"


def test_metadata_too_deep_for_python_is_shown_as_text(console: Console, own_backend: Backend) -> None:
    deep = "[" * 3000 + "]" * 3000
    own_backend.run(f"UPDATE payments_payment SET metadata = '{deep}' WHERE id = 13")
    assert console("list", "--limit", "1", "--json", on=own_backend).json[0]["metadata"] == deep
    assert console("show", "13", on=own_backend).code == 0


def test_rows_are_read_in_utf_8_whatever_the_address_asks_for(console: Console, backend: Backend) -> None:
    plain = console("list", "--json", on=backend)
    assert console("list", "--json", on=backend.with_(client_encoding="LATIN1")) == plain


def test_metadata_beyond_what_python_holds_stays_what_it_is(console: Console, own_backend: Backend) -> None:
    digits = "7" * 4500
    metadata = f'{{"whole": {digits}, "real": {digits}.5, "small": -1.250, "int": 12, "long": 0.1234567890123456789}}'
    own_backend.run(f"UPDATE payments_payment SET metadata = '{metadata}' WHERE id = 13")
    result = console("list", "--limit", "1", "--json", on=own_backend)
    assert result.json[0]["metadata"] == {
        "whole": digits,
        "real": f"{digits}.5",
        "small": -1.25,
        "int": 12,
        "long": "0.1234567890123456789",
    }


def test_an_at_sign_in_a_password_is_no_host(console: Console) -> None:
    for url in ("postgresql://u:hunter@22x@127.0.0.1:1/d", "postgresql://u:12345/secret@127.0.0.1:1/d"):
        for command in (("list",), ("--debug", "list"), ("doctor",)):
            result = console(*command, DATABASE_URL=url)
            assert result.code == 4
            for part in ("22x", "secret@", "hunter", "12345/"):
                assert part not in result.out + result.err
