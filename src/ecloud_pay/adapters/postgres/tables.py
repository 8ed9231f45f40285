"""The backend's tables and columns, named here and nowhere else.

Declared for reading and writing rows only: no keys, no defaults, no DDL, for the backend owns the schema. Types say how a value is
bound: a `timestamp` column meets a `timestamptz` parameter in the session's TimeZone, which is set to the zone of such columns.
"""

from dataclasses import dataclass

from sqlalchemy import BigInteger, Boolean, Column, DateTime, MetaData, Numeric, Table, Text
from sqlalchemy.dialects.postgresql import JSONB

_INSTANT = DateTime(timezone=True)
_MONEY = Numeric(10, 2)


@dataclass(frozen=True, slots=True)
class Names:
    """What the settings may rename. A table is `name` or `schema.name`; without a schema the login's search_path decides."""

    schema: str | None = None
    user: str | None = None
    job: str | None = None


@dataclass(frozen=True, slots=True)
class Tables:
    """The six tables. `user` and `job` may be tables of another app with some of the columns missing."""

    payment: Table
    transaction: Table
    refund: Table
    account: Table
    user: Table
    job: Table

    def roles(self) -> dict[str, Table]:
        """Each table by the part it plays."""
        return {
            "payments": self.payment,
            "transactions": self.transaction,
            "refunds": self.refund,
            "accounts": self.account,
            "users": self.user,
            "jobs": self.job,
        }


# Columns of user and job tables that a custom one may lack: then the console goes without (a missing username is the e-mail).
OPTIONAL = {"users": frozenset({"username", "is_active", "is_staff"}), "jobs": frozenset({"service_type", "property_address"})}


def tables(names: Names) -> Tables:
    """The tables under the names that the settings give them."""
    metadata = MetaData(schema=names.schema)
    return Tables(
        payment=_payment(metadata),
        transaction=_transaction(metadata),
        refund=_refund(metadata),
        account=_account(metadata),
        user=_user(metadata, *_split(names.user or "auth_user", names.schema)),
        job=_job(metadata, *_split(names.job or "jobs_cleaningjob", names.schema)),
    )


def quoted(table: Table) -> str:
    """The table's name as PostgreSQL's `regclass` input reads it, in exactly this case."""
    return ".".join(f'"{part}"' for part in (table.schema, table.name) if part)


def _split(name: str, default_schema: str | None) -> tuple[str, str | None]:
    schema, _, table = name.rpartition(".")
    return table, schema or default_schema


def _payment(metadata: MetaData) -> Table:
    return Table(
        "payments_payment",
        metadata,
        Column("id", BigInteger),
        Column("job_id", BigInteger),
        Column("client_id", BigInteger),
        Column("cleaner_id", BigInteger),
        Column("amount", _MONEY),
        Column("platform_fee", _MONEY),
        Column("cleaner_payout", _MONEY),
        Column("currency", Text),
        Column("stripe_payment_intent_id", Text),
        Column("stripe_charge_id", Text),
        Column("payment_method_type", Text),
        Column("payment_method_last4", Text),
        Column("payment_method_brand", Text),
        Column("status", Text),
        Column("refund_amount", _MONEY),
        Column("refund_reason", Text),
        Column("refunded_at", _INSTANT),
        Column("created_at", _INSTANT),
        Column("paid_at", _INSTANT),
        Column("metadata", JSONB),
        Column("description", Text),
    )


def _transaction(metadata: MetaData) -> Table:
    return Table(
        "payments_transaction",
        metadata,
        Column("id", BigInteger),
        Column("payment_id", BigInteger),
        Column("transaction_type", Text),
        Column("amount", _MONEY),
        Column("status", Text),
        Column("stripe_transaction_id", Text),
        Column("created_at", _INSTANT),
        Column("completed_at", _INSTANT),
        Column("metadata", JSONB),
    )


def _refund(metadata: MetaData) -> Table:
    return Table(
        "payments_refund",
        metadata,
        Column("id", BigInteger),
        Column("payment_id", BigInteger),
        Column("amount", _MONEY),
        Column("reason", Text),
        Column("status", Text),
        Column("stripe_refund_id", Text),
        Column("requested_by_id", BigInteger),
        Column("created_at", _INSTANT),
        Column("processed_at", _INSTANT),
    )


def _account(metadata: MetaData) -> Table:
    return Table(
        "payments_stripeaccount",
        metadata,
        Column("id", BigInteger),
        Column("user_id", BigInteger),
        Column("stripe_account_id", Text),
        Column("account_type", Text),
        Column("is_verified", Boolean),
        Column("is_payouts_enabled", Boolean),
        Column("created_at", _INSTANT),
        Column("updated_at", _INSTANT),
    )


def _user(metadata: MetaData, name: str, schema: str | None) -> Table:
    return Table(
        name,
        metadata,
        Column("id", BigInteger),
        Column("username", Text),
        Column("email", Text),
        Column("is_active", Boolean),
        Column("is_staff", Boolean),
        schema=schema,
    )


def _job(metadata: MetaData, name: str, schema: str | None) -> Table:
    return Table(
        name,
        metadata,
        Column("id", BigInteger),
        Column("service_type", Text),
        Column("property_address", Text),
        schema=schema,
    )
