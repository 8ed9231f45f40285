"""Where settings come from, which of them --demo still hears, and that a secret never prints."""

import os
import pwd
import tempfile
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import settings as limits
from hypothesis import strategies as st

from ecloud_pay.domain.errors import NotConfigured, UsageError
from ecloud_pay.env_file import ENV_FILE
from ecloud_pay.secret import Secret, redacted
from ecloud_pay.settings import TABLE, Setting, Settings, configured_zone, from_environment, load, zone_named

# What --demo may hear. A new setting belongs here only after somebody has thought about it.
HEARD_IN_DEMO = {"ECLOUD_PAY_TZ", "ECLOUD_PAY_CURRENCY", "ECLOUD_PAY_FEE_RATE", "ECLOUD_PAY_REFUND_BORNE_BY", "ECLOUD_PAY_STATE_DIR"}
SECRET = {"DATABASE_URL", "ECLOUD_PAY_READ_DATABASE_URL", "STRIPE_SECRET_KEY", "STRIPE_PROXY", "ECLOUD_PAY_ALERT_URLS"}

by_name = pytest.mark.parametrize("setting", TABLE, ids=lambda setting: setting.name)


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working folder, and nothing of ours in the environment."""
    for name in (*(setting.name for setting in TABLE), ENV_FILE, "XDG_STATE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def env_file(folder: Path) -> Path:
    """A file that only its owner reads, outside the working folder's own .env."""
    path = folder / "some.env"
    path.touch(mode=0o600)
    return path


def value(settings: Settings, name: str) -> str | None:
    """The value whether secret or not."""
    (setting,) = [each for each in TABLE if each.name == name]
    if setting.is_secret:
        secret = settings.secret(name)
        return secret.reveal() if secret else None
    return settings.text(name)


def of(**values: str) -> Settings:
    return from_environment(values)


# --- the table


def test_the_secrets_are_those_that_may_hold_a_password_or_key() -> None:
    assert {setting.name for setting in TABLE if setting.is_secret} == SECRET


def test_every_setting_is_named_once_and_explained() -> None:
    names = [setting.name for setting in TABLE]
    assert len(set(names)) == len(names)
    assert all(setting.meaning and setting.name == setting.name.upper() for setting in TABLE)


# --- precedence


@by_name
def test_the_environment_goes_before_the_file_and_the_file_before_the_default(setting: Setting, env_file: Path) -> None:
    env_file.write_text(f"{setting.name}=from-file\n")
    path = str(env_file)
    both, file_alone, neither = load({setting.name: "from-env"}, path), load({}, path), load({})
    assert (value(both, setting.name), both.source(setting.name), both.is_set(setting.name)) == ("from-env", "environment", True)
    assert (value(file_alone, setting.name), file_alone.source(setting.name)) == ("from-file", path)
    default = None if setting.is_secret else setting.default or None
    assert (value(neither, setting.name), neither.source(setting.name)) == (default, "default" if setting.default else "unset")
    assert not neither.is_set(setting.name)


@by_name
@pytest.mark.parametrize("blank", ["", " ", "\t\n"])
def test_blank_is_unset(setting: Setting, blank: str, env_file: Path) -> None:
    assert not load({setting.name: blank}).is_set(setting.name)
    env_file.write_text(f"{setting.name}={blank.strip()}\n")
    assert not load({}, str(env_file)).is_set(setting.name)
    env_file.write_text(f"{setting.name}=from-file\n")
    assert value(load({setting.name: blank}, str(env_file)), setting.name) == "from-file"


def test_blanks_and_line_breaks_around_a_value_are_no_part_of_it() -> None:
    assert value(of(STRIPE_SECRET_KEY=" sk_test_1\n"), "STRIPE_SECRET_KEY") == "sk_test_1"


def test_a_setting_of_somebody_else_is_not_taken(env_file: Path) -> None:
    env_file.write_text("PGPASSWORD=x\nECLOUD_PAY_NEW=y\n")
    assert load({"PGPASSWORD": "x"}, str(env_file)).values == {}


# --- which file


def test_the_option_names_the_file_before_the_variable_and_the_variable_before_the_folders_own(folder: Path) -> None:
    for name in ("option", "variable", ".env"):
        (folder / name).write_text(f"ECLOUD_PAY_OPERATOR={name}\n")
    variable = {ENV_FILE: str(folder / "variable")}
    assert load(variable, str(folder / "option")).text("ECLOUD_PAY_OPERATOR") == "option"
    assert load(variable).text("ECLOUD_PAY_OPERATOR") == "variable"
    assert load({}).text("ECLOUD_PAY_OPERATOR") == ".env"
    assert load({ENV_FILE: ""}).text("ECLOUD_PAY_OPERATOR") == ".env"


def test_only_the_folders_own_file_may_be_missing(folder: Path) -> None:
    assert load({}) == Settings({}, {})
    with pytest.raises(UsageError) as usage:
        load({}, "no.env")
    assert usage.value.what == "--env-file: there is no file 'no.env'"
    with pytest.raises(NotConfigured) as refusal:
        load({ENV_FILE: "no.env"})
    assert refusal.value.what == f"{ENV_FILE} names 'no.env', which is no file"
    assert refusal.value.to_do == f"unset {ENV_FILE}, or write that file"


@pytest.mark.parametrize("option", ["", "\x00", ".", "x" * 5000, "\ud800"])
def test_what_is_no_file_is_refused_as_usage(option: str) -> None:
    with pytest.raises(UsageError, match="--env-file: there is no file"):
        load({}, option)


def test_the_file_is_looked_for_in_this_folder_alone(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / ".env").write_text("ECLOUD_PAY_OPERATOR=above\n")
    (folder / "below").mkdir()
    monkeypatch.chdir(folder / "below")
    assert load({}) == Settings({}, {})


def test_the_file_cannot_name_another_file(folder: Path) -> None:
    (folder / "other.env").write_text("ECLOUD_PAY_OPERATOR=other\n")
    (folder / ".env").write_text(f"{ENV_FILE}={folder / 'other.env'}\n")
    assert load({}).text("ECLOUD_PAY_OPERATOR") is None


# --- what stands in it


@pytest.mark.parametrize(
    ("line", "password"),
    [
        ("DATABASE_URL=postgres://u:pa$HOME${HOME}$$x@h/d", "pa$HOME${HOME}$$x"),
        ('DATABASE_URL="postgres://u:pa$HOME@h/d"', "pa$HOME"),
        ("DATABASE_URL='postgres://u:pa${HOME}@h/d'", "pa${HOME}"),
        ("DATABASE_URL=postgres://u:pa#ss@h/d", "pa#ss"),
        ("DATABASE_URL=postgres://u:pass@h/d # the reader", "pass"),
        ("export DATABASE_URL=postgres://u:pass@h/d", "pass"),
        ("DATABASE_URL = postgres://u:pass@h/d", "pass"),
        ("DATABASE_URL=postgres://u:pass@h/d\r", "pass"),
        ("DATABASE_URL=postgres://u:pässwörd@h/d", "pässwörd"),
        ("# DATABASE_URL=postgres://no\nDATABASE_URL=postgres://u:pass@h/d", "pass"),
        ("DATABASE_URL=postgres://u:first@h/d\nDATABASE_URL=postgres://u:last@h/d", "last"),
    ],
)
@pytest.mark.parametrize("mark", ["", "\ufeff"], ids=["plain", "BOM"])
def test_a_value_is_taken_as_it_stands(line: str, password: str, mark: str, env_file: Path) -> None:
    env_file.write_bytes((mark + line + "\nECLOUD_PAY_CURRENCY=eur\n").encode())
    settings = load({"HOME": "/wrong"}, str(env_file))
    assert value(settings, "DATABASE_URL") == f"postgres://u:{password}@h/d"
    assert settings.currency == "eur"


def test_a_file_in_another_encoding_is_refused_without_quoting_it(env_file: Path) -> None:
    env_file.write_bytes(b"DATABASE_URL=postgres://u:p\xe4ssw\xf6rd@h/d\n")
    with pytest.raises(NotConfigured) as refusal:
        load({}, str(env_file))
    assert refusal.value.what == f"{str(env_file)!r} cannot be read: it is not UTF-8"


def test_a_file_that_may_not_be_read_is_told() -> None:
    # Outside pytest's folders, which nobody but root could enter; and root, who may read everything, plays nobody for a moment.
    with tempfile.NamedTemporaryFile(dir="/tmp") as env_file:
        is_root = os.geteuid() == 0
        Path(env_file.name).chmod(0)
        try:
            if is_root:
                os.seteuid(65534)
            with pytest.raises(NotConfigured) as refusal:
                load({}, env_file.name)
        finally:
            if is_root:
                os.seteuid(0)
    assert refusal.value.what == f"{env_file.name!r} cannot be read: Permission denied"
    assert refusal.value.to_do == "Mend the file, or name another with --env-file."


def test_a_line_that_cannot_be_read_stops_instead_of_dropping_a_setting(env_file: Path) -> None:
    env_file.write_text("ECLOUD_PAY_TZ=UTC\nDATABASE_URL='postgresql://u:s3cret@h/d\nECLOUD_PAY_CURRENCY=eur\n")
    with pytest.raises(NotConfigured) as refusal:
        load({}, str(env_file))
    assert refusal.value.what == f"{str(env_file)!r} cannot be understood from line 2 on"
    assert "s3cret" not in refusal.value.what + refusal.value.to_do


@pytest.mark.parametrize(
    ("mode", "is_open"), [(0o600, False), (0o400, False), (0o700, False), (0o640, True), (0o604, True), (0o644, True), (0o620, True)]
)
def test_a_file_that_others_can_open_is_flagged(mode: int, is_open: bool, env_file: Path) -> None:
    env_file.chmod(mode)
    settings = load({}, str(env_file))
    assert (settings.is_env_file_open_to_others, settings.env_file) == (is_open, env_file)


# --- --demo is an island


def everything_set() -> Settings:
    given = {setting.name: f"real-{setting.name.lower()}" for setting in TABLE} | {"ECLOUD_PAY_STATE_DIR": "/real/state"}
    return replace(from_environment(given), env_file=Path("real.env"))


def test_demo_hears_only_what_leads_nowhere_real() -> None:
    assert {setting.name for setting in TABLE if setting.in_demo} == HEARD_IN_DEMO
    assert everything_set().for_demo().values == {
        "ECLOUD_PAY_TZ": "real-ecloud_pay_tz",
        "ECLOUD_PAY_CURRENCY": "real-ecloud_pay_currency",
        "ECLOUD_PAY_FEE_RATE": "real-ecloud_pay_fee_rate",
        "ECLOUD_PAY_REFUND_BORNE_BY": "real-ecloud_pay_refund_borne_by",
        "ECLOUD_PAY_STATE_DIR": "/real/state",
        "ECLOUD_PAY_OPERATOR": "ops@demo",
        "ECLOUD_PAY_AUDIT_LOG": "/real/state/demo-audit.jsonl",
    }


@by_name
def test_no_real_setting_is_left_in_demo(setting: Setting) -> None:
    demo = everything_set().for_demo()
    if setting.name in HEARD_IN_DEMO:
        assert value(demo, setting.name) == value(everything_set(), setting.name)
    elif setting.name not in ("ECLOUD_PAY_OPERATOR", "ECLOUD_PAY_AUDIT_LOG"):
        assert value(demo, setting.name) == (None if setting.is_secret else setting.default or None)
        assert not demo.is_set(setting.name)
    assert setting.name in HEARD_IN_DEMO or f"real-{setting.name.lower()}" not in repr(demo)


def test_demo_says_of_each_setting_where_its_own_value_comes_from() -> None:
    demo = everything_set().for_demo()
    elsewhere = dict.fromkeys(HEARD_IN_DEMO, "environment") | {"ECLOUD_PAY_OPERATOR": "demo", "ECLOUD_PAY_AUDIT_LOG": "demo"}
    assert {setting.name: demo.source(setting.name) for setting in TABLE} == {
        setting.name: elsewhere.get(setting.name, "default" if setting.default else "unset") for setting in TABLE
    }


def test_demo_holds_no_secret() -> None:
    assert list(everything_set().for_demo().secrets()) == []


def test_demo_keeps_its_audit_beside_the_real_one_and_not_in_it(folder: Path) -> None:
    settings = of(ECLOUD_PAY_STATE_DIR="state", ECLOUD_PAY_AUDIT_LOG="/real/audit.jsonl")
    assert settings.audit_log == Path("/real/audit.jsonl")
    assert settings.for_demo().audit_log == folder / "state" / "demo-audit.jsonl"
    assert of(ECLOUD_PAY_STATE_DIR="/s").for_demo().audit_log != of(ECLOUD_PAY_STATE_DIR="/s").audit_log


# --- secrets


@pytest.mark.parametrize("text", ["hunter2", "", "***", "%s{}"])
def test_a_secret_never_prints(text: str) -> None:
    secret = Secret(text)
    assert [repr(secret), str(secret), f"{secret}", f"{secret!r}", repr([secret])] == ["***", "***", "***", "***", "[***]"]
    assert "%s %r" % (secret, secret) == "*** ***"  # noqa: UP031  (logging formats like this)
    assert secret.reveal() == text
    assert bool(secret) == bool(text)


def test_a_secret_has_no_attributes_that_a_dump_would_show() -> None:
    with pytest.raises(TypeError):
        vars(Secret("hunter2"))


@by_name
def test_a_secret_setting_is_never_had_as_text(setting: Setting) -> None:
    settings = everything_set()
    if setting.is_secret:
        with pytest.raises(TypeError, match=f"{setting.name} is a secret"):
            settings.text(setting.name)
        assert repr(settings.secret(setting.name)) == "***"
    else:
        assert settings.text(setting.name)


def test_settings_print_without_their_secrets() -> None:
    settings = of(DATABASE_URL="postgres://u:hunter22@h/d", STRIPE_SECRET_KEY="sk_test_1")
    assert "hunter22" not in repr(settings)
    assert "sk_test_1" not in str(settings)


@pytest.mark.parametrize(
    ("url", "forms"),
    [
        ("postgresql://u:hunter22@h/d", ["hunter22"]),
        ("postgresql://u:p%40ss%3Aw%24rd@h/d", ["p%40ss%3Aw%24rd", "p@ss:w$rd"]),
        ("postgresql://:hunter22@h/d", ["hunter22"]),
        ("postgresql://u:p@ssw@rd@h/d", ["p@ssw@rd"]),
        ("postgresql://u:two words@h/d", ["two words"]),
        ("postgresql://h/d?user=u&password=hunt%24er&sslmode=require", ["hunt%24er", "hunt$er"]),
        ("host=h user=u password=hunter22 dbname=d", ["hunter22"]),
        ("host=h password='hunter 22' dbname=d", ["hunter 22"]),
        ("password=hunter22", ["hunter22"]),
        ("host=h password = hunter22", ["hunter22"]),
        ("host=h password='hunt\\'er 22'", ["hunt\\'er 22", "hunt'er 22"]),
        ("host=h password=hunt\\ er22", ["hunt er22"]),
        ("postgresql://u:first/second@h/d", ["first/second"]),
        ("postgresql://u:first#second@h/d", ["first#second"]),
        ("postgresql://u:first?second@h/d", ["first?second"]),
    ],
)
def test_the_password_inside_an_address_is_a_secret_in_every_form(url: str, forms: list[str]) -> None:
    secrets = list(of(DATABASE_URL=url).secrets())
    assert url in secrets
    assert set(forms) <= set(secrets)
    for form in forms:
        assert redacted(f"password authentication failed with {form}.", secrets) == "password authentication failed with ***."


@by_name
def test_every_secret_setting_is_blanked_out_and_of_the_others_a_password_alone(setting: Setting) -> None:
    settings = from_environment({setting.name: "https://user:long-password@host.example"})
    # A password inside an address is one wherever somebody pasted it.
    expected = ["https://user:long-password@host.example"] * setting.is_secret + ["long-password"]
    assert list(settings.secrets()) == expected


def test_secrets_come_longest_first_so_that_none_hides_a_part_of_another() -> None:
    settings = of(
        DATABASE_URL="postgres://u:hunter@h", ECLOUD_PAY_READ_DATABASE_URL="postgres://u:hunter22@h", STRIPE_SECRET_KEY="sk_test_1"
    )
    secrets = list(settings.secrets())
    assert secrets == sorted(secrets, key=len, reverse=True)
    assert redacted("hunter22 hunter", secrets) == "*** ***"


def test_a_password_of_a_few_letters_does_not_blank_out_half_of_every_message() -> None:
    assert redacted("a database", of(DATABASE_URL="postgres://u:a@h/d").secrets()) == "a database"


@given(password=st.text(st.characters(min_codepoint=33, max_codepoint=0x2FF, exclude_characters="/?#@:'\"\\&*"), min_size=4, max_size=20))
@limits(deadline=None, max_examples=100)
def test_any_password_is_blanked_out_encoded_and_decoded(password: str) -> None:
    from urllib.parse import quote

    encoded = quote(password, safe="")
    secrets = list(of(DATABASE_URL=f"postgresql://u:{encoded}@h.example/d").secrets())
    assert {encoded, password} <= set(secrets)


# --- values that are checked


@pytest.mark.parametrize("name", ["UTC", "utc"])
def test_utc_is_utc_without_a_zone_database(name: str) -> None:
    assert zone_named(name) is UTC


def test_the_zone_is_the_one_that_is_set() -> None:
    assert from_environment({}).zone is UTC
    assert datetime(2025, 7, 1, tzinfo=of(ECLOUD_PAY_TZ="Europe/Berlin").zone).utcoffset() == timedelta(hours=2)
    assert of(ECLOUD_PAY_DB_TIMEZONE="Europe/Berlin").database_zone == "Europe/Berlin"
    assert from_environment({}).database_zone == "UTC"


@pytest.mark.parametrize(
    "name", ["", " ", "Nope/Zone", "Europe", ".", "..", "../etc/passwd", "/etc/passwd", "a\x00b", "\ud800", "x" * 5000, "zone.tab", "GMT+1"]
)
def test_what_is_no_zone_is_refused(name: str) -> None:
    with pytest.raises(ValueError):
        zone_named(name)
    with pytest.raises(NotConfigured) as refusal:
        configured_zone("ECLOUD_PAY_TZ", name)
    assert refusal.value.what == f"ECLOUD_PAY_TZ is {name!r}, which is no time zone"
    assert refusal.value.to_do == "set ECLOUD_PAY_TZ to a name such as UTC or Europe/Berlin"


def test_each_zone_setting_is_named_in_its_own_refusal() -> None:
    with pytest.raises(NotConfigured, match=r"^ECLOUD_PAY_TZ is 'Nope'"):
        _ = of(ECLOUD_PAY_TZ="Nope").zone
    with pytest.raises(NotConfigured, match=r"^ECLOUD_PAY_DB_TIMEZONE is 'Nope'"):
        _ = of(ECLOUD_PAY_DB_TIMEZONE="Nope").database_zone


def test_the_currency_is_known_and_in_lower_case() -> None:
    assert from_environment({}).currency == "usd"
    assert of(ECLOUD_PAY_CURRENCY="EUR").currency == "eur"
    with pytest.raises(NotConfigured) as refusal:
        _ = of(ECLOUD_PAY_CURRENCY="Dollar").currency
    assert refusal.value.what == "ECLOUD_PAY_CURRENCY is 'dollar', which is no currency of Stripe's"


@pytest.mark.parametrize("name", ["auth_user", "public.auth_user", "_u", "User2", "a$b", "x" * 63])
def test_a_table_is_named_plainly(name: str) -> None:
    assert of(ECLOUD_PAY_USER_TABLE=name).table_name("ECLOUD_PAY_USER_TABLE") == name


@pytest.mark.parametrize("name", ["a;drop table x", "a b", '"a"', "a.b.c", ".a", "a.", "1a", "a-b", "ä", "a\nb", "x" * 64, "a'--", "a\x00"])
def test_anything_else_is_no_name_of_a_table(name: str) -> None:
    with pytest.raises(NotConfigured) as refusal:
        of(ECLOUD_PAY_USER_TABLE=name).table_name("ECLOUD_PAY_USER_TABLE")
    assert refusal.value.what == f"ECLOUD_PAY_USER_TABLE is {name!r}, which is no name of a table or schema"


def test_tables_have_the_backends_names_and_the_schema_none() -> None:
    settings = from_environment({})
    names = ("ECLOUD_PAY_USER_TABLE", "ECLOUD_PAY_JOB_TABLE", "ECLOUD_PAY_SCHEMA")
    assert [settings.table_name(name) for name in names] == ["auth_user", "jobs_cleaningjob", None]


# --- where state is kept


@pytest.fixture
def passwd_home(monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home by passwd, with $HOME pointing elsewhere."""
    entry = pwd.struct_passwd(("me", "x", 1000, 1000, "", "/passwd/home", "/bin/sh"))
    monkeypatch.setattr(pwd, "getpwuid", lambda _uid: entry)
    monkeypatch.setenv("HOME", "/somebody/else")
    return Path("/passwd/home")


@pytest.mark.parametrize(
    ("given", "xdg", "expected"),
    [
        ("/state", "/xdg", "/state"),
        ("/state", "", "/state"),
        ("", "/xdg", "/xdg/ecloud-pay"),
        ("", "relative/xdg", "/passwd/home/.local/state/ecloud-pay"),
        ("", "", "/passwd/home/.local/state/ecloud-pay"),
    ],
)
def test_state_is_kept_where_we_are_told_then_by_xdg_then_in_the_passwd_home(
    given: str, xdg: str, expected: str, passwd_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", xdg)
    settings = of(ECLOUD_PAY_STATE_DIR=given)
    assert settings.state_dir == Path(expected)
    assert settings.audit_log == Path(expected) / "audit.jsonl"


def test_a_relative_state_folder_is_in_the_working_folder(folder: Path) -> None:
    assert of(ECLOUD_PAY_STATE_DIR="here").state_dir == folder / "here"


def test_a_user_without_a_home_is_told_to_name_a_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    def nobody(_uid: int) -> None:
        raise KeyError("uid not found")

    monkeypatch.setattr(pwd, "getpwuid", nobody)
    with pytest.raises(NotConfigured) as refusal:
        _ = from_environment({}).state_dir
    assert refusal.value.what == "there is no folder to keep state in: this user has no home"
    assert of(ECLOUD_PAY_STATE_DIR="/state").state_dir == Path("/state")
