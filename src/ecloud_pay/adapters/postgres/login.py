"""DATABASE_URL as libpq's connection parameters, and the rule for servers that would be reached without encryption."""

import ipaddress
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ecloud_pay.domain.errors import NotConfigured

if TYPE_CHECKING:
    import psycopg

CONNECT_TIMEOUT_S = 10
APPLICATION_NAME = "ecloud-pay"
# Where distributions keep the public certificate authorities: the path built into psycopg's wheel exists on none of Debian's family.
CA_BUNDLES = ("/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/cert.pem")


@dataclass(frozen=True, slots=True)
class Login:
    """Connection parameters of libpq. `setting` names where they came from, for messages. Never printed: it holds the password."""

    parameters: Mapping[str, str]
    setting: str
    is_encryption_enforced: bool

    def __repr__(self) -> str:
        return f"Login({self.setting})"

    @property
    def sslmode(self) -> str:
        """What the connection asks for: the address, the environment, or libpq's own default."""
        return self.parameters.get("sslmode") or os.environ.get("PGSSLMODE") or "prefer"

    def connect(self) -> "psycopg.Connection[tuple[object, ...]]":
        """A new connection; psycopg.Error where there is none to be had."""
        import psycopg

        # Prepared statements off: behind pgbouncer in transaction mode the next one may run on another server connection.
        return psycopg.connect("", prepare_threshold=None, **dict(self.parameters))  # type: ignore[arg-type]


def parse_login(url: str, setting: str) -> Login:
    """The login that `url` (a URL or libpq's keyword form) describes; NotConfigured where it is neither."""
    import psycopg

    try:
        given = {key: str(value) for key, value in psycopg.conninfo.conninfo_to_dict(url).items()}
        # An @ in a password that is not percent-encoded ends it early, and its rest would be printed as the name of a host.
        if "://" in url and any("@" in given.get(part, "") for part in ("host", "port", "dbname")):
            raise ValueError
    except (psycopg.Error, ValueError):
        # psycopg's own message quotes the part it stumbled over, which may be the password.
        raise NotConfigured(
            f"{setting} is no PostgreSQL address, or holds an option that there is not",
            to_do="write it as postgresql://user:password@host:5432/database, with special characters percent-encoded (a space: %20)",
        ) from None
    # Rows hold any character there is, whatever encoding an address asks for.
    return Login({**_defaults(), **given, **_enforced(given), "client_encoding": "UTF8"}, setting, bool(_enforced(given)))


def _defaults() -> dict[str, str]:
    return {
        "connect_timeout": os.environ.get("PGCONNECT_TIMEOUT") or str(CONNECT_TIMEOUT_S),
        "application_name": os.environ.get("PGAPPNAME") or APPLICATION_NAME,
        # A peer that vanished without a word is noticed after about a minute instead of two hours.
        "keepalives_idle": "30",
        "keepalives_interval": "10",
        "keepalives_count": "3",
    }


def _enforced(given: Mapping[str, str]) -> dict[str, str]:
    """What the operator left unsaid and must not be left to libpq's `prefer`, which falls back to plain text without a word."""
    has_said = any(word in given or os.environ.get(variable) for word, variable in (("sslmode", "PGSSLMODE"), ("service", "PGSERVICE")))
    return {} if has_said or all(is_near(host) for host in _hosts(given)) else {"sslmode": "require"}


def _hosts(given: Mapping[str, str]) -> Iterator[str]:
    address = given.get("hostaddr") or os.environ.get("PGHOSTADDR") or given.get("host") or os.environ.get("PGHOST") or ""
    return iter(address.split(","))


def is_near(host: str) -> bool:
    """Whether `host` is a socket, a loopback or private address or a single-label name: places where plain text stays in the house."""
    if not host or host.startswith(("/", "@")):
        return True
    try:
        return not ipaddress.ip_address(host.partition("%")[0]).is_global
    except ValueError:
        return "." not in host
