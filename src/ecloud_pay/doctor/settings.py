"""Checks of the settings: what each is, where it came from, whether it makes sense. Secrets are told by their shape alone."""

import re
from collections.abc import Callable
from decimal import Decimal, InvalidOperation

from ecloud_pay.domain.at_stripe import Mode
from ecloud_pay.domain.checkup import Check, Verdict
from ecloud_pay.domain.errors import EcloudPayError, NotConfigured
from ecloud_pay.domain.reference import is_email
from ecloud_pay.settings import TABLE, Setting, Settings
from ecloud_pay.stripe_access import SCOPES, checked_base, checked_key, checked_proxy

GROUP = "Settings"


def settings_checks(settings: Settings, *, is_demo: bool) -> list[Check]:
    """One check a setting, and one of the .env file. The demo listens to some settings only."""
    return [_env_file(settings), *(_setting(setting, settings) for setting in TABLE if setting.in_demo or not is_demo)]


def key_mode(settings: Settings) -> Mode | None:
    """Whose money STRIPE_SECRET_KEY moves, where it has the shape of a key; else None."""
    try:
        return checked_key(settings.secret("STRIPE_SECRET_KEY"))[1]
    except NotConfigured:
        return None


def _env_file(settings: Settings) -> Check:
    if settings.env_file is None:
        return Check(GROUP, ".env file", Verdict.OK, "none; settings come from the environment")
    if settings.is_env_file_open_to_others:
        return Check(GROUP, ".env file", Verdict.WARNING, f"{settings.env_file} can be read by others", f"chmod 600 {settings.env_file}")
    return Check(GROUP, ".env file", Verdict.OK, f"{settings.env_file}, readable by you alone")


def _setting(setting: Setting, settings: Settings) -> Check:
    blocks = setting.name in _READING_RESTS_ON
    if not settings.is_set(setting.name):
        return _unset(setting, settings)
    shown = "set, not shown" if setting.is_secret else repr(settings.text(setting.name))
    origin = settings.source(setting.name)
    try:
        problem = _PROBLEMS.get(setting.name, _no_problem)(settings)
    except EcloudPayError as error:
        problem = error.what
    if problem:
        fix = f"{setting.name}={setting.example}" if setting.example else f"unset {setting.name}"
        return Check(GROUP, setting.name, Verdict.ERROR, f"{shown} (from {origin}): {problem}", fix, blocks_reading=blocks)
    told = _TOLD.get(setting.name, _no_problem)(settings)
    return Check(GROUP, setting.name, Verdict.OK, f"{shown} (from {origin}){told and ': ' + told}")


def _unset(setting: Setting, settings: Settings) -> Check:
    if setting.name == "DATABASE_URL" and not settings.is_set("ECLOUD_PAY_READ_DATABASE_URL"):
        detail = "unset: there is no database to read"
        return Check(GROUP, setting.name, Verdict.ERROR, detail, f"DATABASE_URL={setting.example}", blocks_reading=True)
    if setting.name == "ECLOUD_PAY_TZ":
        detail = "unset: days are days in UTC, which moves money between days and months for anybody elsewhere"
        return Check(GROUP, setting.name, Verdict.WARNING, detail, f"ECLOUD_PAY_TZ={setting.example}")
    detail = f"{setting.default} (default)" if setting.default else "unset"
    return Check(GROUP, setting.name, Verdict.OK if setting.default else Verdict.SKIPPED, detail)


def _no_problem(_settings: Settings) -> str:
    return ""


def _key_told(settings: Settings) -> str:
    key, mode = checked_key(settings.secret("STRIPE_SECRET_KEY"))
    needs = ", ".join(SCOPES.values())
    kind = f"a restricted key (it needs: {needs})" if key.startswith("rk_") else "a full secret key; a restricted rk_ key would do"
    return f"{mode.upper()} mode, {kind}"


def _account(settings: Settings) -> str:
    return "" if re.fullmatch(r"acct_[A-Za-z0-9]+", settings.text("STRIPE_ACCOUNT_ID") or "") else "it does not look like acct_…"


def _live_database(settings: Settings) -> str:
    host, _, name = (settings.text("ECLOUD_PAY_LIVE_DATABASE") or "").partition("/")
    return "" if host and name and "/" not in name else "it is not of the form host/dbname"


def _operator(settings: Settings) -> str:
    return "" if is_email(settings.text("ECLOUD_PAY_OPERATOR") or "") else "it is no e-mail"


def _fee_rate(settings: Settings) -> str:
    try:
        rate = Decimal(settings.text("ECLOUD_PAY_FEE_RATE") or "")
    except InvalidOperation:
        return "it is no number"
    return "" if rate.is_finite() and 0 <= rate < 1 else "it is not between 0 and 1"


def _alert_urls(settings: Settings) -> str:
    urls = settings.secret("ECLOUD_PAY_ALERT_URLS")
    words = re.split(r"[\s,]+", urls.reveal()) if urls else []
    return "" if all("://" in word for word in words if word) else "one of them is no address like mailto://…"


def _scope(settings: Settings) -> str:
    key, equals, value = (settings.text("ECLOUD_PAY_STRIPE_SCOPE") or "").partition("=")
    return "" if key and equals and value else "it is not of the form key=value"


def _raises(read: Callable[[Settings], object]) -> Callable[[Settings], str]:
    """A setting that the code itself refuses to use when it is wrong: the same rule, and the same words."""

    def problem(settings: Settings) -> str:
        read(settings)
        return ""

    return problem


_PROBLEMS: dict[str, Callable[[Settings], str]] = {
    "STRIPE_SECRET_KEY": _raises(lambda settings: checked_key(settings.secret("STRIPE_SECRET_KEY"))),
    "STRIPE_API_BASE": _raises(lambda settings: checked_base(settings.text("STRIPE_API_BASE"), key_mode(settings) or Mode.TEST)),
    "STRIPE_ACCOUNT_ID": _account,
    "STRIPE_PROXY": _raises(lambda settings: checked_proxy(settings.secret("STRIPE_PROXY"))),
    "ECLOUD_PAY_LIVE_DATABASE": _live_database,
    "ECLOUD_PAY_OPERATOR": _operator,
    "ECLOUD_PAY_TZ": _raises(lambda settings: settings.zone),
    "ECLOUD_PAY_CURRENCY": _raises(lambda settings: settings.currency),
    "ECLOUD_PAY_FEE_RATE": _fee_rate,
    "ECLOUD_PAY_REFUND_BORNE_BY": _raises(lambda settings: settings.refund_borne_by),
    "ECLOUD_PAY_DB_TIMEZONE": _raises(lambda settings: settings.database_zone),
    "ECLOUD_PAY_SCHEMA": _raises(lambda settings: settings.table_name("ECLOUD_PAY_SCHEMA")),
    "ECLOUD_PAY_USER_TABLE": _raises(lambda settings: settings.table_name("ECLOUD_PAY_USER_TABLE")),
    "ECLOUD_PAY_JOB_TABLE": _raises(lambda settings: settings.table_name("ECLOUD_PAY_JOB_TABLE")),
    "ECLOUD_PAY_ALERT_URLS": _alert_urls,
    "ECLOUD_PAY_STRIPE_SCOPE": _scope,
}
_TOLD: dict[str, Callable[[Settings], str]] = {"STRIPE_SECRET_KEY": _key_told}
_READING_RESTS_ON = {
    "ECLOUD_PAY_TZ",
    "ECLOUD_PAY_CURRENCY",
    "ECLOUD_PAY_DB_TIMEZONE",
    "ECLOUD_PAY_SCHEMA",
    "ECLOUD_PAY_USER_TABLE",
    "ECLOUD_PAY_JOB_TABLE",
}
