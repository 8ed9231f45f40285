"""Where every setting comes from: environment > .env > default (an option, where one exists, goes before all three).

`TABLE` is the whole list; .env.example and the README are compared with it by a test. A secret is a type that does not print.
"""

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, tzinfo
from pathlib import Path
from typing import TYPE_CHECKING

from ecloud_pay.domain.errors import NotConfigured
from ecloud_pay.domain.money import CURRENCIES
from ecloud_pay.env_file import find_env_file, is_open_to_others, read_env_file
from ecloud_pay.secret import Secret, passwords_in

if TYPE_CHECKING:
    from ecloud_pay.domain.report import BorneBy


@dataclass(frozen=True, slots=True)
class Setting:
    """One row of the table. `in_demo`: whether --demo, which is an island, still listens to it."""

    name: str
    meaning: str
    example: str = ""
    default: str = ""
    is_secret: bool = False
    in_demo: bool = False


TABLE: tuple[Setting, ...] = (
    Setting(
        "DATABASE_URL",
        "the backend's PostgreSQL; postgres:// and postgresql:// both",
        "postgresql://reader:password@db.example.com/backend?sslmode=verify-full&sslrootcert=/etc/ssl/certs/ca-certificates.crt",
        is_secret=True,
    ),
    Setting(
        "ECLOUD_PAY_READ_DATABASE_URL",
        "a replica that list, show, export, report and doctor read from instead",
        "postgresql://reader:password@replica.example.com/backend",
        is_secret=True,
    ),
    Setting("STRIPE_SECRET_KEY", "Stripe key: sk_… or, better, a restricted rk_…", "rk_test_…", is_secret=True),
    Setting("STRIPE_API_BASE", "another Stripe address: loopback and a test key only", "http://127.0.0.1:12111"),
    Setting("STRIPE_ACCOUNT_ID", "the Stripe account that the key must belong to", "acct_…"),
    Setting("STRIPE_PROXY", "the proxy through which Stripe is reached", "http://proxy.example.com:3128", is_secret=True),
    Setting("ECLOUD_PAY_LIVE_DATABASE", "host/dbname that a live key may be used with", "db.example.com/backend"),
    Setting("ECLOUD_PAY_OPERATOR", "e-mail of the staff user on whose behalf refunds are made", "ops@example.com"),
    Setting("ECLOUD_PAY_TZ", "the time zone of days and of printed times", "Europe/Berlin", default="UTC", in_demo=True),
    Setting("ECLOUD_PAY_CURRENCY", "the currency that may go by its bare symbol", "usd", default="usd", in_demo=True),
    Setting("ECLOUD_PAY_FEE_RATE", "the platform's share of a payment", "0.15", default="0.15", in_demo=True),
    Setting(
        "ECLOUD_PAY_REFUND_BORNE_BY",
        "who bears a refund: proportional, platform or cleaner (unset: not recorded)",
        "proportional",
        in_demo=True,
    ),
    Setting("ECLOUD_PAY_DB_TIMEZONE", "the zone of columns that have none", "UTC", default="UTC"),
    Setting("ECLOUD_PAY_SCHEMA", "the schema of the backend's tables (unset: the login's search_path)", "public"),
    Setting("ECLOUD_PAY_USER_TABLE", "the backend's user table", "auth_user", default="auth_user"),
    Setting("ECLOUD_PAY_JOB_TABLE", "the backend's job table", "jobs_cleaningjob", default="jobs_cleaningjob"),
    Setting(
        "ECLOUD_PAY_STATE_DIR",
        "the folder for what the console keeps"
        " (unset: $XDG_STATE_HOME/ecloud-pay, else .local/state/ecloud-pay in the home that passwd names)",
        "/var/lib/ecloud-pay",
        in_demo=True,
    ),
    Setting("ECLOUD_PAY_AUDIT_LOG", "the audit file (unset: audit.jsonl in the state folder)", "/var/log/ecloud-pay/audit.jsonl"),
    Setting("ECLOUD_PAY_ALERT_URLS", "where alerts go: mailto://, slack://, …", "mailto://ops:password@example.com", is_secret=True),
    Setting("ECLOUD_PAY_STRIPE_SCOPE", "key=value of the metadata of those PaymentIntents that are this backend's", "platform=ecloud"),
)

_BY_NAME = {setting.name: setting for setting in TABLE}
# What a failed check of a setting tells; a value is only ever quoted for settings that are no secret.
_IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_$]{0,62}(\.[A-Za-z_][A-Za-z0-9_$]{0,62})?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Settings:
    """The values as text, and where each came from (`environment`, a file's path, `default`, `unset`)."""

    values: Mapping[str, str] = field(repr=False)
    sources: Mapping[str, str]
    env_file: Path | None = None
    is_env_file_open_to_others: bool = False

    def text(self, name: str) -> str | None:
        """The value of a setting that is no secret; None where it is unset and has no default."""
        setting = _BY_NAME[name]
        if setting.is_secret:
            raise TypeError(f"{name} is a secret")
        return self.values.get(name) or setting.default or None

    def secret(self, name: str) -> Secret | None:
        """The value of a setting that may hold a secret; None where it is unset."""
        value = self.values.get(name)
        return Secret(value) if value else None

    def source(self, name: str) -> str:
        """Where the value comes from, in words."""
        return self.sources.get(name) or ("default" if _BY_NAME[name].default else "unset")

    def is_set(self, name: str) -> bool:
        """Whether the operator said anything, default or no."""
        return bool(self.values.get(name))

    @property
    def zone(self) -> tzinfo:
        """ECLOUD_PAY_TZ."""
        return configured_zone("ECLOUD_PAY_TZ", self.text("ECLOUD_PAY_TZ") or "UTC")

    @property
    def database_zone(self) -> str:
        """ECLOUD_PAY_DB_TIMEZONE, known to be a zone's name."""
        name = self.text("ECLOUD_PAY_DB_TIMEZONE") or "UTC"
        configured_zone("ECLOUD_PAY_DB_TIMEZONE", name)
        return name

    @property
    def currency(self) -> str:
        """ECLOUD_PAY_CURRENCY in lower case."""
        code = (self.text("ECLOUD_PAY_CURRENCY") or "usd").lower()
        if code not in CURRENCIES:
            raise NotConfigured(
                f"ECLOUD_PAY_CURRENCY is {code!r}, which is no currency of Stripe's",
                to_do="set it to a code such as usd or eur",
            )
        return code

    @property
    def refund_borne_by(self) -> "BorneBy | None":
        """ECLOUD_PAY_REFUND_BORNE_BY; None where nobody has recorded it."""
        from ecloud_pay.domain.report import BorneBy

        value = self.text("ECLOUD_PAY_REFUND_BORNE_BY")
        words = ", ".join(BorneBy)
        if value is not None and value not in list(BorneBy):
            raise NotConfigured(
                f"ECLOUD_PAY_REFUND_BORNE_BY is {value!r}, which is none of {words}",
                to_do=f"set it to one of {words}, or to nothing",
            )
        return None if value is None else BorneBy(value)

    def table_name(self, name: str) -> str | None:
        """A setting that names a table or schema, known to be a plain identifier (`schema.table` for tables)."""
        value = self.text(name)
        if value is not None and not _IDENTIFIER.fullmatch(value):
            raise NotConfigured(f"{name} is {value!r}, which is no name of a table or schema", to_do=f"set {name} to a plain name")
        return value

    @property
    def state_dir(self) -> Path:
        """The folder for what the console keeps between runs; it need not exist yet."""
        if given := self.text("ECLOUD_PAY_STATE_DIR"):
            return Path(given).expanduser().absolute()
        # $XDG_STATE_HOME must be absolute to count. https://specifications.freedesktop.org/basedir/latest/
        xdg = os.environ.get("XDG_STATE_HOME", "")
        if xdg.startswith("/"):
            return Path(xdg) / "ecloud-pay"
        return _home() / ".local" / "state" / "ecloud-pay"

    @property
    def audit_log(self) -> Path:
        """The audit file; it need not exist yet."""
        given = self.text("ECLOUD_PAY_AUDIT_LOG")
        return Path(given).expanduser().absolute() if given else self.state_dir / "audit.jsonl"

    def for_demo(self) -> "Settings":
        """These settings as `--demo` sees them: nothing that leads to a real database, Stripe account, audit file or alert."""
        allowed = {name for name, setting in _BY_NAME.items() if setting.in_demo}
        values = {name: value for name, value in self.values.items() if name in allowed}
        return Settings(
            {**values, "ECLOUD_PAY_OPERATOR": "ops@demo", "ECLOUD_PAY_AUDIT_LOG": str(self.state_dir / "demo-audit.jsonl")},
            {
                **{name: source for name, source in self.sources.items() if name in allowed},
                "ECLOUD_PAY_OPERATOR": "demo",
                "ECLOUD_PAY_AUDIT_LOG": "demo",
            },
            self.env_file,
            self.is_env_file_open_to_others,
        )

    def secrets(self) -> Iterator[str]:
        """Every text that must not leave, longest first: the secret settings, and the passwords inside their URLs."""
        found: set[str] = set()
        for setting in TABLE:
            value = self.values.get(setting.name, "")
            # An address pasted into the wrong setting keeps its password to itself, too.
            found.update(passwords_in(value))
            if setting.is_secret and value:
                # Each address of a list by itself too: what quotes one of them seldom quotes them all.
                found.update((value, *re.findall(r"[^\s,]+://[^\s,]+", value)))
        # As they are, and as `repr` writes them inside a traceback. One of three letters would blank out half of every message.
        forms = {form for text in found for form in (text, repr(text)[1:-1]) if len(form) > 3}
        return iter(sorted(forms, key=len, reverse=True))


def from_environment(environ: Mapping[str, str]) -> Settings:
    """The settings that the environment alone gives; reads no file."""
    return _settings({}, "", environ)


def load(environ: Mapping[str, str], env_file: str | None = None) -> Settings:
    """Read the environment and the .env file: `env_file` > ECLOUD_PAY_ENV_FILE > ./.env, which alone may be missing."""
    path = find_env_file(environ, env_file)
    if path is None:
        return from_environment(environ)
    return replace(_settings(read_env_file(path), str(path), environ), env_file=path, is_env_file_open_to_others=is_open_to_others(path))


def zone_named(name: str) -> tzinfo:
    """The time zone called `name`; ValueError where there is none."""
    if name.upper() == "UTC":
        return UTC
    from zoneinfo import ZoneInfo

    try:
        return ZoneInfo(name)
    except (OSError, ValueError, LookupError) as error:  # a folder's name, a NUL or ../ in it, an unknown name
        raise ValueError(name) from error


def configured_zone(name: str, value: str) -> tzinfo:
    """The zone that the setting `name` holds; NotConfigured where it is none."""
    try:
        return zone_named(value)
    except ValueError as error:
        raise NotConfigured(
            f"{name} is {value!r}, which is no time zone", to_do=f"set {name} to a name such as UTC or Europe/Berlin"
        ) from error


def _settings(from_file: Mapping[str, str | None], path: str, environ: Mapping[str, str]) -> Settings:
    values: dict[str, str] = {}
    sources: dict[str, str] = {}
    for setting in TABLE:
        for given, source in ((environ.get(setting.name), "environment"), (from_file.get(setting.name), path)):
            # Blank counts as unset, as in `X= ecloud-pay …`. A trailing line break, as `$(cat key)` in a file leaves, is no part of it.
            if given is not None and given.strip():
                values[setting.name] = given.strip()
                sources[setting.name] = source
                break
    return Settings(values, sources)


def _home() -> Path:
    # The passwd entry, not $HOME: cron runs without it and sudo with somebody else's, and one person's state is in one place.
    import pwd

    try:
        return Path(pwd.getpwuid(os.getuid()).pw_dir)
    except KeyError as error:
        raise NotConfigured(
            "there is no folder to keep state in: this user has no home", to_do="set ECLOUD_PAY_STATE_DIR to a folder that is yours"
        ) from error
