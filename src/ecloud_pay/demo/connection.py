"""The way to the demo server: its conninfo, and whether it answers."""

from typing import TYPE_CHECKING

from ecloud_pay.demo.folder import SOCKET_NAME, ServerFolder
from ecloud_pay.domain.errors import NotConfigured, Unavailable

if TYPE_CHECKING:
    import psycopg
    from psycopg.rows import TupleRow

SUPERUSER = "ecloud"
DATABASE = "ecloud"
PORT = int(SOCKET_NAME.rpartition(".")[2])  # of no port: it only names the socket
CONNECT_TIMEOUT_S = 5
EVICT_LIMIT_MS = 5000
SHUTTING_DOWN = "57P"  # the class of SQLSTATEs of a server that is going or not there yet

# A killed console's last statement runs on: it must not finish, or hold its locks, beside what the next console prepares.
EVICT = """
SELECT pg_terminate_backend(pid, %s) FROM pg_stat_activity
WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()
"""


def conninfo(folder: ServerFolder, database: str = DATABASE) -> str:
    """The way to a database of the server, in libpq's keyword form."""
    from psycopg.conninfo import make_conninfo

    # An empty hostaddr counts as given: otherwise PGHOSTADDR in the environment would lead elsewhere.
    return make_conninfo(host=str(folder.sockets), hostaddr="", port=PORT, user=SUPERUSER, dbname=database)


def answers(folder: ServerFolder, *, evict: bool) -> bool:
    """Whether our server accepts connections; makes the database if it is not there.

    `evict` ends the sessions there are. Ask for it when no console is inside: then they are a killed console's.

    Raises NotConfigured when a server of other data sits on our socket, Unavailable when the database cannot be made.
    """
    if not (folder.sockets / SOCKET_NAME).exists():
        return False
    import psycopg  # heavy, and not needed to find out that nothing runs

    try:
        connection = psycopg.connect(conninfo(folder, "postgres"), connect_timeout=CONNECT_TIMEOUT_S, options="", autocommit=True)
    except psycopg.OperationalError:
        return False
    try:
        with connection:
            _make_fit(connection, folder, evict=evict)
    except psycopg.Error as error:
        if error.sqlstate is None or error.sqlstate.startswith(SHUTTING_DOWN):
            return False
        raise Unavailable("the demo server could not make its database", now=str(error.diag.message_primary)) from error
    return True


def _make_fit(connection: "psycopg.Connection[TupleRow]", folder: ServerFolder, *, evict: bool) -> None:
    (data,) = connection.execute("SELECT current_setting('data_directory')").fetchone() or ("",)
    if data != str(folder.data):
        raise NotConfigured(f"the server in {folder.sockets} is not the demo's", to_do="end it, then repeat")
    if evict:
        connection.execute(EVICT, [EVICT_LIMIT_MS])
    if not connection.execute("SELECT FROM pg_database WHERE datname = %s", [DATABASE]).rowcount:
        connection.execute(f"CREATE DATABASE {DATABASE}")
