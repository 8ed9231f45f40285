"""A small backend database whose every row is known, in both shapes of the tables.

Where the documented shape has NULL for what is absent, Django's has '' in many columns: `absent` is whichever the shape uses, so
that one expected output holds for both.
"""

import itertools
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.types.json import Jsonb

SHAPES = ("documented", "django")
_numbers = itertools.count(1)

HOSTILE = "a\x1b[31mred\x9b2J \u202egnp.exe\u2066 [/x][bold red]b[/] [link=https://example.com]l[/link]\nnew line\ttab \\ 'q' \"d\" =1+1"


@dataclass(frozen=True)
class Backend:
    """One database and how to ask it without the console."""

    conninfo: str
    shape: str

    @classmethod
    def create(cls, server: str, shape: str) -> "Backend":
        """A new database of that shape with the rows below."""
        backend = cls(create_database(server), shape)
        backend.run(_schema(shape))
        with psycopg.connect(backend.conninfo, autocommit=True) as connection:
            connection.execute("SET TimeZone = 'UTC'")
            _insert_everything(connection, absent=None if shape == "documented" else "")
        return backend

    def run(self, statement: str) -> None:
        """Run SQL as the superuser."""
        with psycopg.connect(self.conninfo, autocommit=True) as connection:
            connection.execute(statement.encode())

    def rows(self, query: str, *parameters: Any) -> list[tuple[Any, ...]]:
        """Ask something independently of the console."""
        with psycopg.connect(self.conninfo) as connection:
            return connection.execute(query.encode(), parameters).fetchall()

    def rows_changed(self, statement: str, *parameters: Any) -> int:
        """Change something as the superuser; the number of rows that were."""
        with psycopg.connect(self.conninfo, autocommit=True) as connection:
            return connection.execute(statement.encode(), parameters).rowcount

    @contextmanager
    def holding(self, statement: str) -> Iterator[None]:
        """Keep a transaction with `statement` in it open for the length of the block."""
        with psycopg.connect(self.conninfo) as connection:
            connection.execute(statement.encode())
            yield

    def with_(self, **changes: str) -> "Backend":
        """The same database with other connection parameters: a role, an address."""
        return Backend(make_conninfo(self.conninfo, **changes), self.shape)

    def fingerprint(self) -> list[tuple[Any, ...]]:
        """Every row of every table, to see that nothing was written."""
        names = ["auth_user", "jobs_cleaningjob", "payments_payment", "payments_transaction", "payments_refund", "payments_stripeaccount"]
        return [row for name in names for row in self.rows(f"SELECT * FROM {name} ORDER BY id")]


def create_database(server: str) -> str:
    """A new, empty database on `server`; its conninfo."""
    name = f"ecp_test_{os.getpid()}_{next(_numbers)}"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {} TEMPLATE template0 ENCODING 'UTF8'").format(sql.Identifier(name)))
    return make_conninfo(server, dbname=name)


def drop_database(server: str, conninfo: str) -> None:
    """The end of it, whoever is still connected."""
    name = str(conninfo_to_dict(conninfo)["dbname"])
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


@contextmanager
def a_role_with_a_password(server: str, password: str) -> Iterator[str]:
    """A new role without privileges. The server asks it for the password whatever pg_hba.conf says of others."""
    role = f"ecp_role_{os.getpid()}_{next(_numbers)}"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE ROLE {} LOGIN PASSWORD {}").format(sql.Identifier(role), sql.Literal(password)))
        [(hba_file, rules)] = connection.execute("SELECT f, pg_read_file(f) FROM current_setting('hba_file') AS f").fetchall()
        _replace_hba(connection, hba_file, f"local all {role} scram-sha-256\nhost all {role} all scram-sha-256\n{rules}")
        _wait_until_asked(make_conninfo(server, user=role))
        yield role
        _replace_hba(connection, hba_file, rules)
        connection.execute(sql.SQL("DROP ROLE {}").format(sql.Identifier(role)))


def _replace_hba(connection: psycopg.Connection[Any], hba_file: str, rules: str) -> None:
    # COPY writes each line as it stands: neither the quote nor the delimiter can occur in one. (An empty one it would quote.)
    lines = "SELECT line FROM unnest(string_to_array({}, E'\\n')) AS line WHERE line <> ''"
    copy = f"COPY ({lines}) TO {{}} WITH (FORMAT csv, QUOTE E'\\x01', DELIMITER E'\\x02')"
    connection.execute(sql.SQL(copy).format(sql.Literal(rules), sql.Literal(hba_file)))
    connection.execute("SELECT pg_reload_conf()")


def _wait_until_asked(conninfo: str) -> None:
    """The reload is a signal, so the new rules take a moment."""
    for _ in range(500):
        try:
            psycopg.connect(conninfo).close()
        except psycopg.OperationalError:
            return
        time.sleep(0.01)
    raise AssertionError("the server does not ask for a password")


def _schema(shape: str) -> str:
    if shape == "django":
        return files("ecloud_pay.demo").joinpath("schema.sql").read_text()
    return (Path(__file__).parent.parent / "schema" / "documented.sql").read_text()


def _insert_everything(connection: psycopg.Connection[Any], absent: str | None) -> None:
    for user_id, name, is_staff in ((1, "ops@demo", True), (24, "client1@test.com", False), (26, "cleaner1@test.com", False)):
        _user(connection, user_id, name, name, is_staff)
    _user(connection, 30, "zoé", "Zoe.Müller@example.org", False)
    for job_id, service, address in ((14, "Deep Cleaning", "123 Main St"), (15, "Window Cleaning", HOSTILE)):
        _insert(
            connection,
            "jobs_cleaningjob",
            id=job_id,
            service_type=service,
            property_address=address,
            status="open",
            created_at="2025-01-20 08:00:00",
            client_id=24,
            cleaner_id=26,
        )
    for row in _payments(absent):
        _insert(connection, "payments_payment", **row)
    for row in _transactions(absent):
        _insert(connection, "payments_transaction", **row)
    for row in _refunds(absent):
        _insert(connection, "payments_refund", **row)
    for table in ("auth_user", "jobs_cleaningjob", "payments_payment", "payments_transaction", "payments_refund"):
        connection.execute(f"SELECT setval(pg_get_serial_sequence('{table}', 'id'), 1000)".encode())


def _user(connection: psycopg.Connection[Any], user_id: int, username: str, email: str, is_staff: bool) -> None:
    _insert(
        connection,
        "auth_user",
        id=user_id,
        password="!",
        is_superuser=False,
        username=username,
        first_name="",
        last_name="",
        email=email,
        is_staff=is_staff,
        is_active=True,
        date_joined="2025-01-01 00:00:00",
    )


def _payments(absent: str | None) -> list[dict[str, Any]]:
    """Nine payments: #5 of the guide, one of every status, three currencies, refunds, absence, hostility, nonsense."""
    five = {
        "id": 5,
        "job_id": 14,
        "client_id": 24,
        "cleaner_id": 26,
        "amount": "100.00",
        "platform_fee": "15.00",
        "cleaner_payout": "85.00",
        "currency": "usd",
        "stripe_payment_intent_id": "pi_3SMUfcQ1SldwUSm92tASE3le",
        "stripe_charge_id": "ch_3SMUfcQ1SldwUSm92tASE3le",
        "payment_method_type": "card",
        "payment_method_last4": "4242",
        "payment_method_brand": "visa",
        "status": "succeeded",
        "refund_amount": "0.00",
        "refund_reason": absent,
        "refunded_at": None,
        "created_at": "2025-01-27 14:30:15.123456",
        "paid_at": "2025-01-27 14:30:45.654321",
        "metadata": Jsonb({"job_id": "14"}),
        "description": "Deep cleaning",
    }
    bare = {
        **five,
        "job_id": None,
        "client_id": None,
        "cleaner_id": None,
        "stripe_charge_id": absent,
        "payment_method_type": absent,
        "payment_method_last4": absent,
        "payment_method_brand": absent,
        "paid_at": None,
        "refund_amount": "0.00" if absent == "" else None,  # only the documented shape lets it be NULL
        "metadata": None,
        "description": absent,
    }
    return [
        five,
        {
            **bare,
            "id": 6,
            "client_id": 24,
            "job_id": 15,
            "status": "pending",
            "stripe_payment_intent_id": "pi_6",
            "created_at": "2025-02-01 00:00:00",
        },
        {
            **five,
            "id": 7,
            "status": "failed",
            "stripe_payment_intent_id": "pi_7",
            "stripe_charge_id": "ch_7",
            "payment_method_brand": "mastercard",
            "payment_method_last4": "0002",
            "created_at": "2025-02-01 23:59:59.999999",
            "paid_at": None,
            "job_id": 15,
            "metadata": Jsonb({"error": "card_declined", "attempt": 2}),
        },
        {**bare, "id": 8, "client_id": 30, "status": "cancelled", "stripe_payment_intent_id": "pi_8", "created_at": "2025-02-02 12:00:00"},
        {
            **five,
            "id": 9,
            "status": "processing",
            "currency": "eur",
            "amount": "80.01",
            "platform_fee": "12.00",
            "cleaner_payout": "68.01",
            "client_id": 30,
            "stripe_payment_intent_id": "pi_9",
            "stripe_charge_id": "ch_9",
            "created_at": "2025-03-30 01:30:00",
            "paid_at": None,
            "job_id": 15,
        },
        {
            **five,
            "id": 10,
            "currency": "jpy",
            "amount": "12000.00",
            "platform_fee": "1800.00",
            "cleaner_payout": "10200.00",
            "stripe_payment_intent_id": "pi_10",
            "stripe_charge_id": "ch_10",
            "created_at": "2025-04-01 00:00:00",
            "paid_at": "2025-04-02 00:00:00",
            "job_id": 15,
            "cleaner_id": None,
        },
        {
            **five,
            "id": 11,
            "currency": "USD",
            "stripe_payment_intent_id": "pi_11",
            "stripe_charge_id": "ch_11",
            "refund_amount": "25.00",
            "refund_reason": "requested_by_customer",
            "refunded_at": "2025-05-03 09:00:00",
            "created_at": "2025-05-01 09:00:00",
            "paid_at": "2025-05-01 09:00:30",
            "job_id": 15,
        },
        {
            **five,
            "id": 12,
            "stripe_payment_intent_id": "pi_12",
            "stripe_charge_id": "ch_11",
            "description": HOSTILE,
            "metadata": Jsonb({HOSTILE: HOSTILE}),
            "payment_method_brand": "[bold]visa[/x]",
            "created_at": "2025-06-01 00:00:00",
            "paid_at": "2025-06-01 00:00:01",
            "job_id": 15,
        },
        {
            **bare,
            "id": 13,
            "status": "on_hold",
            "currency": "xyz",
            "amount": "12.34",
            "stripe_payment_intent_id": "pi_13",
            "created_at": "2025-07-01 00:00:00",
        },
    ]


def _transactions(absent: str | None) -> list[dict[str, Any]]:
    charge = {
        "id": 1,
        "payment_id": 5,
        "transaction_type": "charge",
        "amount": "100.00",
        "status": "completed",
        "stripe_transaction_id": "ch_3SMUfcQ1SldwUSm92tASE3le",
        "created_at": "2025-01-27 14:30:20",
        "completed_at": "2025-01-27 14:30:45",
        "metadata": None,
    }
    return [
        charge,
        {
            **charge,
            "id": 2,
            "payment_id": 11,
            "stripe_transaction_id": "ch_11",
            "created_at": "2025-05-01 09:00:00",
            "completed_at": "2025-05-01 09:00:00",
        },
        {
            **charge,
            "id": 3,
            "payment_id": 11,
            "transaction_type": "refund",
            "amount": "25.00",
            "stripe_transaction_id": "re_11",
            "created_at": "2025-05-03 08:59:00",
            "completed_at": "2025-05-03 09:00:00",
            "metadata": Jsonb({"note": "late"}),
        },
        {
            **charge,
            "id": 4,
            "payment_id": 11,
            "transaction_type": "payout",
            "amount": "63.75",
            "status": "pending",
            "stripe_transaction_id": absent,
            "created_at": "2025-05-02 10:00:00",
            "completed_at": None,
        },
    ]


def _refunds(absent: str | None) -> list[dict[str, Any]]:
    done = {
        "id": 1,
        "payment_id": 11,
        "amount": "25.00",
        "reason": "requested_by_customer",
        "status": "completed",
        "stripe_refund_id": "re_11",
        "created_at": "2025-05-03 08:59:00",
        "processed_at": "2025-05-03 09:00:00",
        "requested_by_id": 1,
    }
    request = {**done, "id": 2, "amount": "10.00", "reason": absent, "status": "pending", "stripe_refund_id": absent}
    return [done, {**request, "created_at": "2025-05-04 08:00:00", "processed_at": None, "requested_by_id": None}]


def _insert(connection: psycopg.Connection[Any], table: str, **values: Any) -> None:
    statement = sql.SQL("INSERT INTO {} ({}) VALUES ({})").format(
        sql.Identifier(table), sql.SQL(", ").join(map(sql.Identifier, values)), sql.SQL(", ").join([sql.Placeholder()] * len(values))
    )
    connection.execute(statement, list(values.values()))
