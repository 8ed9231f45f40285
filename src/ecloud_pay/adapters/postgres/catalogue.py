"""What the catalogue says about the database, for `doctor` alone: no other command needs to ask it."""

from typing import Any

from sqlalchemy import Row, Table, func, select, text

from ecloud_pay.adapters.postgres.engine import Database, Snapshot
from ecloud_pay.adapters.postgres.login import is_near
from ecloud_pay.adapters.postgres.tables import OPTIONAL, quoted
from ecloud_pay.ports import Column, DatabaseFacts, Operator, TableFacts

_SERVER = text(
    """SELECT current_database() AS database, current_user AS "user", current_setting('server_version') AS version,
              pg_is_in_recovery() AS is_standby,
              (SELECT reset_val FROM pg_catalog.pg_settings WHERE name = 'TimeZone') AS time_zone"""
)
_COLUMNS = text(
    """SELECT attname AS name, format_type(atttypid, atttypmod) AS type,
              attnotnull AND NOT atthasdef AND attidentity = '' AS is_required,
              has_column_privilege(attrelid, attnum, 'SELECT') AS is_readable
       FROM pg_catalog.pg_attribute
       WHERE attrelid = to_regclass(:name) AND attnum > 0 AND NOT attisdropped
       ORDER BY attnum"""
)
# An INSERT into a `serial` table draws from a sequence that needs a privilege of its own; an identity column does not.
_TABLE = text(
    """SELECT has_table_privilege(c.oid, 'INSERT') AND coalesce((
                SELECT bool_and(has_sequence_privilege(s.oid, 'USAGE'))
                FROM pg_catalog.pg_depend d JOIN pg_catalog.pg_class s ON s.oid = d.objid AND s.relkind = 'S'
                WHERE d.refobjid = c.oid AND d.deptype = 'a'), true) AS can_insert,
              has_table_privilege(c.oid, 'UPDATE') AS can_update,
              nullif(c.reltuples, -1)::bigint AS rows_estimate,
              pg_total_relation_size(c.oid) AS bytes_total,
              EXISTS (SELECT FROM pg_catalog.pg_index i
                      JOIN pg_catalog.pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[0]
                      WHERE i.indrelid = c.oid AND a.attname = 'created_at' AND i.indisvalid AND i.indpred IS NULL
              ) AS is_created_at_indexed
       FROM pg_catalog.pg_class c WHERE c.oid = to_regclass(:name)"""
)


def inspect(database: Database, operator_email: str | None) -> DatabaseFacts:
    """Connect to `database` and ask. A table out of sight is reported as one without columns."""
    with database.snapshot() as snapshot:
        server = snapshot.connection.execute(_SERVER).one()
        driver: Any = snapshot.connection.connection.driver_connection
        host = driver.info.host
        tables = {role: _table(snapshot, role, table) for role, table in snapshot.tables.roles().items()}
        users_are_readable = tables["users"].columns and not tables["users"].missing and not tables["users"].unreadable
        return DatabaseFacts(
            host=host,
            database=server.database,
            user=server.user,
            server_version=server.version,
            is_standby=server.is_standby,
            is_encrypted=driver.pgconn.ssl_in_use,
            sslmode=database.login.sslmode,
            is_near=is_near(host),
            server_time_zone=server.time_zone,
            tables=tables,
            operator=_operator(snapshot, operator_email) if operator_email and users_are_readable else None,
        )


def _table(snapshot: Snapshot, role: str, table: Table) -> TableFacts:
    name = {"name": quoted(table)}
    columns = snapshot.connection.execute(_COLUMNS, name).all()
    facts: Row[Any] | None = snapshot.connection.execute(_TABLE, name).one_or_none()
    return TableFacts(
        name=snapshot.connection.dialect.identifier_preparer.format_table(table),
        expected=tuple(table.columns.keys()),
        optional=OPTIONAL.get(role, frozenset()),
        columns=tuple(Column(row.name, row.type, row.is_required, row.is_readable) for row in columns),
        can_insert=facts is not None and facts.can_insert,
        can_update=facts is not None and facts.can_update,
        rows_estimate=facts.rows_estimate if facts else None,
        bytes_total=facts.bytes_total if facts else 0,
        is_created_at_indexed=facts is not None and facts.is_created_at_indexed,
    )


def _operator(snapshot: Snapshot, email: str) -> Operator | None:
    user = snapshot.tables.user
    flags = [user.c[name] for name in ("is_active", "is_staff") if name in snapshot.user_columns]
    row = snapshot.connection.execute(select(user.c.id, *flags).where(func.lower(user.c.email) == func.lower(email))).first()
    if row is None:
        return None
    known = row._mapping
    return Operator(known.get("is_active"), known.get("is_staff"))
