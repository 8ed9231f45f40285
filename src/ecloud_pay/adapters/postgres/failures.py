"""psycopg's and SQLAlchemy's exceptions in our words, told apart by SQLSTATE and, before a session exists, by libpq's text."""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
import sqlalchemy.exc

from ecloud_pay.adapters.postgres.login import CA_BUNDLES, Login
from ecloud_pay.domain.errors import Busy, EcloudPayError, NotConfigured, Unavailable

# https://www.postgresql.org/docs/current/errcodes-appendix.html
_TEMPORARY_CLASSES = ("08", "53", "57", "58", "40", "55")
_HINTS = {
    "57014": "the statement ran into its time limit; narrow the search",
    "55P03": "another session holds a lock for longer than we wait",
    "57P01": "it ended the connection (a shutdown, or an administrator did)",
}
_NOT_YET = re.compile(
    r"starting up|shutting down|too many|remaining connection slots|in recovery|not yet accepting|no more connections", re.IGNORECASE
)
_NO_TLS = re.compile(r"does not support SSL|invalid response to SSL", re.IGNORECASE)
_CERTIFICATE = re.compile(r"certificate|SSL error|sslrootcert", re.IGNORECASE)
# libpq refusing to use what it was given, before it speaks to any server.
_UNUSABLE = re.compile(
    r"invalid .* value|invalid (port|integer|connection option|channel_binding)|bad value for|definition of service|channel binding"
)
# A server that answers with FATAL was reached.
_REFUSED = re.compile(r"FATAL:|no password supplied", re.IGNORECASE)


@contextmanager
def translated() -> Iterator[None]:
    """Let only errors of ours out of the block; what they quote of the server's words carries no value of a row and no secret."""
    try:
        yield
    except (sqlalchemy.exc.DBAPIError, psycopg.Error) as error:
        if foreign := original(error):
            raise _of_statement(foreign) from error
        raise


@contextmanager
def translated_connect(login: Login) -> Iterator[None]:
    """The same for the attempt to connect."""
    try:
        yield
    except sqlalchemy.exc.DBAPIError as error:
        if foreign := original(error):
            raise _of_connect(foreign, login) from error
        raise


def _of_connect(error: psycopg.Error, login: Login) -> EcloudPayError:
    text = _first_line(error)
    if _NO_TLS.search(text):
        return _of_plain_server(login)
    if _CERTIFICATE.search(text):
        return NotConfigured(
            f"the encrypted connection of {login.setting} failed: {text}",
            to_do=f"Name the certificate authority: add {suffix(f'sslmode=verify-full&sslrootcert={ca_bundle()}')} to {login.setting}.",
        )
    if _UNUSABLE.search(text):
        return NotConfigured(
            f"{login.setting} cannot be used: {text}", to_do="Correct it, or the PG… variable of the environment it rests on."
        )
    if _NOT_YET.search(text) or not _REFUSED.search(text):
        return Unavailable(
            f"the database of {login.setting} cannot be reached: {text}",
            now="Nothing was read and nothing was changed.",
            to_do="Check that the server runs and the address is right, then repeat.",
        )
    return NotConfigured(
        f"the database of {login.setting} refused the login: {text}",
        to_do=f"Correct user, password or database name in {login.setting}; `ecloud-pay doctor` checks it.",
    )


def _of_plain_server(login: Login) -> NotConfigured:
    if login.is_encryption_enforced:
        what = f"the server of {login.setting} offers no encryption, and its address is not a private one"
    else:
        what = f"the server of {login.setting} offers no encryption, which sslmode={login.sslmode} asks for"
    return NotConfigured(
        what,
        now="The password was not sent.",
        to_do=f"Use a server with TLS, or accept plain text by adding {suffix('sslmode=disable')} to {login.setting}.",
    )


def suffix(text: str) -> str:
    """`text` (of the form `a=b&c=d`) with the words that say how it joins an address."""
    return f"`?{text}` (or `&{text}` after another option)"


def ca_bundle() -> str:
    """The file of public certificate authorities on this machine; the commonest path where there is none."""
    return next((path for path in CA_BUNDLES if os.path.exists(path)), CA_BUNDLES[0])


def original(error: Exception) -> psycopg.Error | None:
    """The driver's own error behind SQLAlchemy's; None where there is none."""
    if isinstance(error, sqlalchemy.exc.DBAPIError):
        return original(error.orig) if isinstance(error.orig, Exception) else None
    return error if isinstance(error, psycopg.Error) else None


def of_write(error: psycopg.Error) -> EcloudPayError:
    """What stopped a transaction that writes, in our words. It was rolled back."""
    words = error.diag.message_primary or ""
    if error.sqlstate == "42501":
        return NotConfigured(
            f"the database login may not write that: {words}",
            now="Nothing was written and nothing was sent.",
            to_do="Have the backend's owner GRANT it what a refund needs; `ecloud-pay doctor` prints the lines.",
        )
    if error.sqlstate == "25006":
        return NotConfigured(
            "the database takes no writes: it is a replica, or the login is a read-only one",
            now="Nothing was written and nothing was sent.",
            to_do="Set DATABASE_URL to the primary, with a login that may write.",
        )
    if error.sqlstate == "55P03":
        return Busy("another session holds this payment for longer than we wait", now="Nothing was written.", to_do="Repeat in a moment.")
    return _of_statement(error)


def _of_statement(error: psycopg.Error) -> EcloudPayError:
    state = error.sqlstate or ""
    words = error.diag.message_primary or ""
    if state == "42501":
        return NotConfigured(
            f"the database login may not read that: {words}",
            to_do="Have the backend's owner GRANT it SELECT; `ecloud-pay doctor` prints the line.",
        )
    if state.startswith(("42", "3F")):
        return NotConfigured(
            f"the database is not laid out as expected: {words}",
            to_do="Check ECLOUD_PAY_SCHEMA, ECLOUD_PAY_USER_TABLE, ECLOUD_PAY_JOB_TABLE; `ecloud-pay doctor` names each table and column.",
        )
    if state and not state.startswith(_TEMPORARY_CLASSES):
        return NotConfigured(
            f"the database refused a statement ({state}): {words}",
            to_do="Run `ecloud-pay doctor`, and show its answer to the backend's owner.",
        )
    if not state and isinstance(error, psycopg.DataError):
        return NotConfigured(
            "a row holds a value that cannot be read",
            to_do="Narrow the search to find the row, and have the backend's owner correct it.",
        )
    reason = _HINTS.get(state) or words or _first_line(error)
    return Unavailable(f"the database gave up: {reason}", now="Nothing was changed.", to_do="Repeat the command; it is safe to.")


def _first_line(error: psycopg.Error) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0].removeprefix("connection failed: ").removeprefix("connection is bad: ") if lines else type(error).__name__
