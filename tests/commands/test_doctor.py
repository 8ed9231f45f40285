"""`doctor`: every check has its line, every failure the line that mends it, and nothing is stopped early."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from ecloud_pay.settings import TABLE
from support.backend import Backend
from support.canaries import READER_PASSWORD
from support.console import Console, Result


def by_name(result: Result) -> dict[str, dict[str, Any]]:
    """The checks by name; of several with one name the last."""
    assert result.json["schema"] == "ecloud-pay/doctor/1"
    return {check["name"]: check for check in result.json["checks"]}


def problems(result: Result) -> dict[str, str]:
    """What is wrong, by name, with the verdict."""
    return {check["name"]: check["verdict"] for check in result.json["checks"] if check["verdict"] in ("error", "warning")}


def test_a_good_set_up_has_only_advice(console: Console, backend: Backend) -> None:
    result = console("doctor", "--json", on=backend, ECLOUD_PAY_TZ="Europe/Berlin", ECLOUD_PAY_OPERATOR="ops@demo")
    assert (result.code, result.err) == (0, "")
    assert problems(result) == {"index on created_at": "warning"}
    checks = by_name(result)
    assert checks["operator"]["detail"] == "ops@demo is an active staff user"
    assert checks["privileges for refunds"]["verdict"] == "ok"
    assert checks["index on created_at"]["fix"] == "CREATE INDEX CONCURRENTLY payments_payment_created_at ON payments_payment (created_at);"
    assert {setting.name for setting in TABLE} <= set(checks)


def test_every_table_is_listed_with_the_types_of_its_columns(console: Console, backend: Backend) -> None:
    checks = by_name(console("doctor", "--json", on=backend))
    zone = "timestamptz" if backend.shape == "django" else "timestamp"
    assert f"created_at {zone}, paid_at {zone}, metadata jsonb, description text" in checks["payments_payment"]["detail"]
    assert "email varchar(254)" in checks["auth_user"]["detail"]
    in_words = "created_at, paid_at, refunded_at have no zone and are read as UTC" in checks["time zones"]["detail"]
    assert in_words == (backend.shape == "documented")


def test_the_index_it_asked_for_is_seen(console: Console, own_backend: Backend) -> None:
    own_backend.run("CREATE INDEX CONCURRENTLY payments_payment_created_at ON payments_payment (created_at)")
    assert by_name(console("doctor", "--json", on=own_backend))["index on created_at"]["verdict"] == "ok"
    # An index that serves only some rows does not serve a search by date.
    own_backend.run("DROP INDEX payments_payment_created_at; CREATE INDEX partial ON payments_payment (created_at) WHERE id > 7")
    assert by_name(console("doctor", "--json", on=own_backend))["index on created_at"]["verdict"] == "warning"


def test_a_broken_layout_is_named_column_by_column_and_is_exit_4(console: Console, own_backend: Backend) -> None:
    own_backend.run(
        """ALTER TABLE payments_payment DROP COLUMN paid_at, DROP COLUMN metadata;
        ALTER TABLE jobs_cleaningjob RENAME TO gone; ALTER TABLE auth_user DROP COLUMN username"""
    )
    result = console("doctor", "--json", on=own_backend)
    assert result.code == 4
    checks = by_name(result)
    assert checks["payments_payment"]["detail"] == "lacks the columns paid_at, metadata"
    assert checks["jobs_cleaningjob"]["detail"] == "no such table, or not in sight of this login"
    assert checks["jobs_cleaningjob"]["fix"].startswith("ECLOUD_PAY_JOB_TABLE=")
    assert checks["auth_user"]["verdict"] == "ok"
    assert checks["audit file"]["verdict"] == "ok"


def test_missing_privileges_come_with_the_grants(console: Console, own_backend: Backend, reader_role: str) -> None:
    asked = own_backend.with_(user=reader_role, password=READER_PASSWORD)
    result = console("doctor", "--json", on=asked)
    assert result.code == 4
    fixes = [check["fix"] for check in result.json["checks"] if check["verdict"] == "error"]
    assert f"GRANT SELECT (id, username, email, is_active, is_staff) ON auth_user TO {reader_role};" in fixes
    for fix in fixes:
        own_backend.run(fix)
    mended = console("doctor", "--json", on=asked)
    assert mended.code == 0
    advice = [check["fix"] for check in mended.json["checks"] if check["name"] == "privileges for refunds"]
    assert len(advice) == 5
    for fix in advice:
        own_backend.run(fix.split(";")[0])
    # A serial column draws from a sequence with a privilege of its own; an identity column needs none.
    left = by_name(console("doctor", "--json", on=asked))["privileges for refunds"]
    assert left["verdict"] == ("warning" if own_backend.shape == "documented" else "ok")
    for fix in advice:
        own_backend.run(fix)
    assert by_name(console("doctor", "--json", on=asked))["privileges for refunds"]["verdict"] == "ok"


def test_a_column_that_a_refund_could_not_fill_is_named(console: Console, own_backend: Backend) -> None:
    own_backend.run(
        "ALTER TABLE payments_refund ADD COLUMN ticket text; UPDATE payments_refund SET ticket = '';"
        "ALTER TABLE payments_refund ALTER ticket SET NOT NULL"
    )
    check = by_name(console("doctor", "--json", on=own_backend))["unknown columns"]
    assert check["detail"] == "payments_refund demands a value for ticket, which a refund does not know"
    assert check["fix"] == "ALTER TABLE payments_refund ALTER COLUMN ticket SET DEFAULT …;"


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ("UPDATE auth_user SET is_staff = false", "this user is not staff"),
        ("UPDATE auth_user SET is_active = false", "this user is not active"),
        ("ALTER TABLE auth_user DROP COLUMN is_staff", "the user table has no is_staff, so nobody can be known to be staff"),
        ("UPDATE auth_user SET email = 'x@example.com'", "no user of the backend has this e-mail"),
    ],
)
def test_an_operator_who_may_not_refund_is_told_why(console: Console, own_backend: Backend, change: str, told: str) -> None:
    own_backend.run(change)
    check = by_name(console("doctor", "--json", on=own_backend, ECLOUD_PAY_OPERATOR="OPS@demo"))["operator"]
    assert (check["verdict"], check["detail"]) == ("warning", f"OPS@demo: {told}; refunds will be refused")


def test_a_database_out_of_reach_does_not_stop_the_other_checks(console: Console) -> None:
    result = console("doctor", "--json", DATABASE_URL="postgresql://app:s3cretword@127.0.0.1:1/backend")
    assert result.code == 4
    checks = by_name(result)
    assert checks["connection"]["verdict"] == "error"
    assert checks["tables, privileges, zones, size"]["verdict"] == "skipped"
    assert checks["audit file"]["verdict"] == "ok"
    assert "s3cretword" not in result.out + result.err


def test_without_a_database_url_the_line_to_set_is_printed(console: Console) -> None:
    result = console("doctor")
    assert result.code == 4
    assert "✘ error   DATABASE_URL: unset: there is no database to read\n             → DATABASE_URL=postgresql://" in result.out
    assert result.err == "Warning: ECLOUD_PAY_TZ is not set, so a day is a day in UTC.\n"


def test_a_replica_and_the_primary_are_both_asked(console: Console, backend: Backend) -> None:
    result = console("doctor", "--json", on=backend, ECLOUD_PAY_READ_DATABASE_URL=backend.conninfo)
    assert list(dict.fromkeys(check["group"] for check in result.json["checks"])) == [
        "Settings",
        "Database (ECLOUD_PAY_READ_DATABASE_URL)",
        "Database (DATABASE_URL)",
        "Files",
    ]
    # The replica is read from: reads do not care that the primary is down.
    down = console("doctor", "--json", DATABASE_URL="postgresql://127.0.0.1:1/x", ECLOUD_PAY_READ_DATABASE_URL=backend.conninfo)
    assert down.code == 0
    assert problems(down)["connection"] == "error"


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("STRIPE_SECRET_KEY", "pk_test_51abcdefgh", "publishable key"),
        ("STRIPE_SECRET_KEY", "nonsense", "does not look like"),
        ("STRIPE_API_BASE", "https://evil.example.com", "leads to another machine"),
        ("STRIPE_ACCOUNT_ID", "account", "does not look like acct_"),
        ("STRIPE_PROXY", "ftp://x", "no proxy's address"),
        ("ECLOUD_PAY_LIVE_DATABASE", "db.example.com", "not of the form host/dbname"),
        ("ECLOUD_PAY_OPERATOR", "ops", "no e-mail"),
        ("ECLOUD_PAY_TZ", "Mars/Olympus", "no time zone"),
        ("ECLOUD_PAY_CURRENCY", "gold", "no currency of Stripe's"),
        ("ECLOUD_PAY_FEE_RATE", "fifteen", "no number"),
        ("ECLOUD_PAY_FEE_RATE", "15", "not between 0 and 1"),
        ("ECLOUD_PAY_FEE_RATE", "NaN", "not between 0 and 1"),
        ("ECLOUD_PAY_REFUND_BORNE_BY", "nobody", "none of proportional, platform, cleaner"),
        ("ECLOUD_PAY_DB_TIMEZONE", "Mars", "no time zone"),
        ("ECLOUD_PAY_SCHEMA", "a; DROP TABLE x", "no name of a table or schema"),
        ("ECLOUD_PAY_USER_TABLE", "a.b.c", "no name of a table or schema"),
        ("ECLOUD_PAY_JOB_TABLE", '"', "no name of a table or schema"),
        ("ECLOUD_PAY_ALERT_URLS", "mailto://a@b nonsense", "no address like mailto://"),
        ("ECLOUD_PAY_STRIPE_SCOPE", "platform", "not of the form key=value"),
    ],
)
def test_a_setting_that_makes_no_sense_is_told_with_a_line_to_copy(
    console: Console, backend: Backend, name: str, value: str, told: str
) -> None:
    result = console("doctor", "--json", on=backend, **{name: value})
    check = by_name(result)[name]
    assert check["verdict"] == "error"
    assert told in check["detail"]
    assert check["fix"]
    stops_reading = name in (
        "ECLOUD_PAY_TZ",
        "ECLOUD_PAY_CURRENCY",
        "ECLOUD_PAY_DB_TIMEZONE",
        "ECLOUD_PAY_SCHEMA",
        "ECLOUD_PAY_USER_TABLE",
        "ECLOUD_PAY_JOB_TABLE",
    )
    # What doctor says about reading is what reading does.
    assert (result.code, console("list", "--since", "today", on=backend, **{name: value}).code) == ((4, 4) if stops_reading else (0, 0))


def test_a_stripe_key_is_told_by_its_mode_and_never_shown(console: Console, backend: Backend) -> None:
    keys = {
        "sk_test_51abcDEFghijk": "TEST mode, a full secret key",
        "rk_live_51abcDEFghijk": "LIVE mode, a restricted key (it needs: Account: read, Charges: read, Disputes: read,"
        " PaymentIntents: read, Refunds: write)",
    }
    for key, told in keys.items():
        result = console("doctor", "--json", on=backend, STRIPE_SECRET_KEY=key)
        assert told in by_name(result)["STRIPE_SECRET_KEY"]["detail"]
        assert key not in result.out
        assert "51abc" not in result.out + console("doctor", on=backend, STRIPE_SECRET_KEY=key).out


@pytest.mark.parametrize("name", [setting.name for setting in TABLE])
def test_a_secret_in_whatever_setting_is_shown_by_no_command(console: Console, backend: Backend, name: str) -> None:
    for secret in ("postgresql://app:S3cretWord@db.example.com/x", "sk_live_51S3cretWord", "https://u:S3cretWord@evil.example.com"):
        for command in (("doctor",), ("doctor", "--json"), ("--debug", "list")):
            result = console(*command, on=backend, **{name: secret})
            assert "S3cretWord" not in result.out + result.err
    assert "S3cretWord" not in console("list", "--env-file", "postgresql://a:S3cretWord@b/c").err


def test_a_live_key_needs_its_database_and_account_named(console: Console, backend: Backend) -> None:
    result = console(
        "doctor", "--json", on=backend, STRIPE_SECRET_KEY="sk_live_51abcDEFghijk", ECLOUD_PAY_LIVE_DATABASE="db.example.com/other"
    )
    assert problems(result)["live database"] == "warning"
    assert problems(result)["live account"] == "warning"
    fix = by_name(result)["live database"]["fix"]
    name, _, value = fix.partition("=")
    agreed = console("doctor", "--json", on=backend, STRIPE_SECRET_KEY="sk_live_51abcDEFghijk", STRIPE_ACCOUNT_ID="acct_1", **{name: value})
    assert "live database" not in by_name(agreed)
    assert "live account" not in by_name(agreed)


def test_files_that_cannot_be_written_are_told(console: Console, backend: Backend, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    result = console("doctor", "--json", on=backend, ECLOUD_PAY_STATE_DIR=str(tmp_path / "file"), ECLOUD_PAY_AUDIT_LOG=str(tmp_path))
    assert problems(result)["state folder"] == "warning"
    assert problems(result)["audit file"] == "warning"
    assert result.code == 0


def test_nothing_is_created_to_find_out(console: Console, backend: Backend, tmp_path: Path) -> None:
    before = sorted(tmp_path.rglob("*"))
    assert console("doctor", on=backend).code == 0
    assert sorted(tmp_path.rglob("*")) == before


def test_an_env_file_that_others_can_read_is_told(console: Console, backend: Backend, tmp_path: Path) -> None:
    env_file = tmp_path / ".env"
    env_file.write_text(f"DATABASE_URL={backend.conninfo!r}\nECLOUD_PAY_TZ=Asia/Tokyo\n".replace("'", '"', 0))
    env_file.chmod(0o644)
    result = console("doctor", "--json", on=backend)
    assert result.err == "Warning: '.env' holds secrets and can be read by others: chmod 600 it.\n"
    assert by_name(result)[".env file"]["fix"] == "chmod 600 .env"
    assert by_name(result)["ECLOUD_PAY_TZ"]["detail"] == "'Asia/Tokyo' (from .env)"
    env_file.chmod(0o600)
    assert console("doctor", on=backend).err == ""


def test_it_works_for_a_user_without_a_home_or_an_entry_in_passwd(backend: Backend) -> None:
    # As in a container: no HOME, and a uid that nobody knows. psycopg's own look-up of parameters dies there.
    code = """
import pwd, sys
def getpwuid(uid):
    raise KeyError(uid)
pwd.getpwuid = getpwuid
from ecloud_pay.cli import run
sys.exit(run(["doctor"]))
"""
    done = subprocess.run([sys.executable, "-c", code], env={"DATABASE_URL": backend.conninfo}, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "! warning state folder: there is no folder to keep state in: this user has no home\n" in done.stdout
