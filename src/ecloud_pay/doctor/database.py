"""Checks of one database: can it be reached, is it laid out as expected, may this login read it and make refunds."""

from collections.abc import Iterator

from ecloud_pay.doctor.settings import key_mode
from ecloud_pay.domain.at_stripe import Mode
from ecloud_pay.domain.checkup import Check, Verdict
from ecloud_pay.ports import DatabaseFacts, TableFacts
from ecloud_pay.settings import Settings

# What a refund writes; the payment's row is updated and locked.
INSERTED = ("refunds", "transactions")
UPDATED = ("payments", "refunds", "transactions")


def database_checks(facts: DatabaseFacts, settings: Settings, group: str, *, is_read_from: bool, is_written_to: bool) -> list[Check]:
    """Every check of the database that `facts` describe."""
    checks = [
        Check(group, "connection", Verdict.OK, f"{facts.host or 'socket'}/{facts.database} as {facts.user}"),
        Check(group, "server", Verdict.OK, f"PostgreSQL {facts.server_version}{', a standby' if facts.is_standby else ''}"),
        _tls(facts, group),
        *(_table(facts, role, group, is_read_from) for role in facts.tables),
        *_select(facts, group, is_read_from),
        _zones(facts, settings, group),
        *_size(facts.tables["payments"], group),
    ]
    if is_written_to:
        checks += [*_writing(facts, group), *_demanding(facts, group), *_operator(facts, settings, group), *_live(facts, settings, group)]
    return checks


def _tls(facts: DatabaseFacts, group: str) -> Check:
    if facts.is_encrypted and facts.sslmode in ("verify-full", "verify-ca"):
        return Check(group, "TLS", Verdict.OK, f"encrypted, certificate checked ({facts.sslmode})")
    if facts.is_near:
        return Check(group, "TLS", Verdict.OK, f"{'encrypted' if facts.is_encrypted else 'plain'}, on a private address or socket")
    state = "encrypted, but anybody's certificate is accepted" if facts.is_encrypted else "plain text over a public network"
    return Check(group, "TLS", Verdict.WARNING, state, "sslmode=verify-full&sslrootcert=/etc/ssl/certs/ca-certificates.crt")


def _table(facts: DatabaseFacts, role: str, group: str, is_read_from: bool) -> Check:
    table = facts.tables[role]
    # Accounts are looked at by no read of payments.
    blocks = is_read_from and role != "accounts"
    if not table.columns:
        setting = {"users": "ECLOUD_PAY_USER_TABLE", "jobs": "ECLOUD_PAY_JOB_TABLE"}.get(role, "ECLOUD_PAY_SCHEMA")
        fix = f"{setting}=…   (the schema or table that holds the backend's {role})"
        return Check(group, table.name, Verdict.ERROR, "no such table, or not in sight of this login", fix, blocks_reading=blocks)
    if table.missing:
        detail = f"lacks the column{'s' if len(table.missing) > 1 else ''} {', '.join(table.missing)}"
        fix = f"SELECT column_name FROM information_schema.columns WHERE table_name = '{table.name.rpartition('.')[2]}';"
        return Check(group, table.name, Verdict.ERROR, detail, fix, blocks_reading=blocks)
    types = {column.name: _short(column.type) for column in table.columns}
    return Check(group, table.name, Verdict.OK, ", ".join(f"{name} {types[name]}" for name in table.expected if name in types))


def _select(facts: DatabaseFacts, group: str, is_read_from: bool) -> Iterator[Check]:
    refused = [table for table in facts.tables.values() if table.unreadable]
    if not refused:
        yield Check(group, "privilege SELECT", Verdict.OK, "on every column that is read")
    for table in refused:
        detail = f"{table.name}: not on {', '.join(table.unreadable)}"
        # A user table holds password hashes: only the columns that are read.
        only = f" ({', '.join(table.expected)})" if table is facts.tables["users"] else ""
        fix = f"GRANT SELECT{only} ON {table.name} TO {facts.user};"
        yield Check(group, "privilege SELECT", Verdict.ERROR, detail, fix, blocks_reading=is_read_from)


def _writing(facts: DatabaseFacts, group: str) -> Iterator[Check]:
    if facts.is_standby:
        yield Check(group, "privileges for refunds", Verdict.WARNING, "a standby takes no writes", "DATABASE_URL=… (the primary)")
        return
    lacking = [("INSERT", facts.tables[role].name) for role in INSERTED if facts.tables[role].columns and not facts.tables[role].can_insert]
    lacking += [("UPDATE", facts.tables[role].name) for role in UPDATED if facts.tables[role].columns and not facts.tables[role].can_update]
    if not lacking:
        yield Check(group, "privileges for refunds", Verdict.OK, "INSERT and UPDATE where a refund writes")
    for privilege, table in lacking:
        fix = f"GRANT {privilege} ON {table} TO {facts.user};"
        if privilege == "INSERT":
            fix += f" GRANT USAGE ON ALL SEQUENCES IN SCHEMA {table.rpartition('.')[0] or 'public'} TO {facts.user};"
        yield Check(group, "privileges for refunds", Verdict.WARNING, f"no {privilege} on {table}: it can read, not refund", fix)


def _demanding(facts: DatabaseFacts, group: str) -> Iterator[Check]:
    for table in (facts.tables[role] for role in INSERTED):
        if table.columns and table.demanding:
            detail = f"{table.name} demands a value for {', '.join(table.demanding)}, which a refund does not know"
            fix = " ".join(f"ALTER TABLE {table.name} ALTER COLUMN {name} SET DEFAULT …;" for name in table.demanding)
            yield Check(group, "unknown columns", Verdict.WARNING, detail, fix)


def _zones(facts: DatabaseFacts, settings: Settings, group: str) -> Check:
    types = {column.name: column.type for column in facts.tables["payments"].columns}
    without = sorted(name for name, type_ in types.items() if type_.endswith("without time zone"))
    meaning = f"; {', '.join(without)} have no zone and are read as {settings.text('ECLOUD_PAY_DB_TIMEZONE')}" if without else ""
    return Check(group, "time zones", Verdict.OK, f"server {facts.server_time_zone}{meaning}")


def _size(table: TableFacts, group: str) -> Iterator[Check]:
    if not table.columns:
        return
    count = "an unknown number of" if table.rows_estimate is None else f"about {table.rows_estimate:,}"
    yield Check(group, "size", Verdict.OK, f"{count} payments, {_bytes(table.bytes_total)} with indexes")
    if table.is_created_at_indexed:
        yield Check(group, "index on created_at", Verdict.OK, "there is one")
        return
    fix = f"CREATE INDEX CONCURRENTLY payments_payment_created_at ON {table.name} (created_at);"
    detail = "none: searches by date read the whole table (for the backend's owner to decide)"
    yield Check(group, "index on created_at", Verdict.WARNING, detail, fix)


def _operator(facts: DatabaseFacts, settings: Settings, group: str) -> Iterator[Check]:
    email = settings.text("ECLOUD_PAY_OPERATOR")
    if email is None:
        return
    if facts.operator is None:
        problem = "no user of the backend has this e-mail"
    elif facts.operator.is_active is False:
        problem = "this user is not active"
    elif facts.operator.is_staff is None:
        problem = "the user table has no is_staff, so nobody can be known to be staff"
    elif facts.operator.is_staff is False:
        problem = "this user is not staff"
    else:
        yield Check(group, "operator", Verdict.OK, f"{email} is an active staff user")
        return
    yield Check(
        group, "operator", Verdict.WARNING, f"{email}: {problem}; refunds will be refused", "ECLOUD_PAY_OPERATOR=… (an active staff user)"
    )


def _live(facts: DatabaseFacts, settings: Settings, group: str) -> Iterator[Check]:
    if key_mode(settings) is not Mode.LIVE:
        return
    here = f"{facts.host}/{facts.database}"
    if settings.text("ECLOUD_PAY_LIVE_DATABASE") != here:
        detail = "a live key is set, and this is not the database named for it; refunds will be refused"
        yield Check(group, "live database", Verdict.WARNING, detail, f"ECLOUD_PAY_LIVE_DATABASE={here}")
    if not settings.is_set("STRIPE_ACCOUNT_ID"):
        detail = "a live key is set without the account it must belong to; refunds will be refused"
        yield Check(group, "live account", Verdict.WARNING, detail, "STRIPE_ACCOUNT_ID=acct_…")


_SHORT_TYPES = {"character varying": "varchar", "timestamp with time zone": "timestamptz", "timestamp without time zone": "timestamp"}


def _short(type_name: str) -> str:
    for long, short in _SHORT_TYPES.items():
        type_name = type_name.replace(long, short)
    return type_name


def _bytes(count: int) -> str:
    size = float(count)
    for unit in ("B", "kB", "MB"):
        if size < 1024:
            return f"{size:.0f} {unit}"
        size /= 1024
    return f"{size:.1f} GB"
