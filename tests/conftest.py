"""One real PostgreSQL for the whole run: the wheel's, or the server of TEST_DATABASE_URL (a superuser there)."""

import os
import shutil
import signal
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from psycopg.conninfo import make_conninfo

from ecloud_pay.demo.server import running, server_folder
from support.backend import SHAPES, Backend, a_role_with_a_password, create_database, drop_database
from support.canaries import LOOSE, READER_PASSWORD, Canaries
from support.console import Console
from support.standin import Stripe, running_stripe

# Under nohup or in a shell's background they come ignored, and every console started from here would keep ignoring them.
signal.signal(signal.SIGHUP, signal.SIG_DFL)
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def server() -> Iterator[str]:
    """The conninfo of a superuser's connection."""
    if given := os.environ.get("TEST_DATABASE_URL"):
        yield make_conninfo(given)
        return
    with an_open_folder() as state_dir, running(server_folder(state_dir), prepare=lambda _: None) as conninfo:
        yield conninfo


@pytest.fixture(scope="session")
def state_dir() -> Iterator[Path]:
    """The state folder of every console of this run, where they share one demo."""
    with an_open_folder() as folder:
        yield folder


@contextmanager
def an_open_folder() -> Iterator[Path]:
    """A temporary folder that everybody may enter: pytest's own is closed to the account that root's PostgreSQL runs under."""
    folder = Path(tempfile.mkdtemp(prefix="ecp-", dir="/tmp"))
    folder.chmod(0o755)
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


@pytest.fixture
def empty_database(server: str) -> Iterator[str]:
    """The conninfo of a new database without a table in it."""
    conninfo = create_database(server)
    yield conninfo
    drop_database(server, conninfo)


@pytest.fixture(scope="session", params=SHAPES)
def backend(server: str, request: pytest.FixtureRequest) -> Iterator[Backend]:
    """The backend's database with the sample rows of `support.backend`, in both shapes of its tables. Nobody may change it."""
    made = Backend.create(server, request.param)
    yield made
    drop_database(server, made.conninfo)


@pytest.fixture(params=SHAPES)
def own_backend(server: str, request: pytest.FixtureRequest) -> Iterator[Backend]:
    """The same, for one test alone that may do to it what it likes."""
    made = Backend.create(server, request.param)
    yield made
    drop_database(server, made.conninfo)


@pytest.fixture
def console(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path, state_dir: Path) -> Console:
    """The console in this process, in an environment without settings and a folder without a .env file."""
    for name in list(os.environ):
        if name.startswith(("ECLOUD_PAY_", "STRIPE_", "PG")) or name in ("DATABASE_URL", "NO_COLOR", "FORCE_COLOR"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("ECLOUD_PAY_STATE_DIR", str(state_dir))
    monkeypatch.chdir(tmp_path)
    return Console(monkeypatch, capsys)


@pytest.fixture(scope="session")
def reader_role(server: str) -> Iterator[str]:
    """A login of its own, with a password that the server really asks for, and no privilege until a test grants it some."""
    with a_role_with_a_password(server, READER_PASSWORD) as role:
        yield role


@pytest.fixture(scope="session")
def one_standin(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stripe]:
    """The stand-in for Stripe: one process for the whole run, in memory. In the end no file that a test left may hold a secret."""
    with running_stripe() as stripe:
        yield stripe
    assert Canaries(LOOSE).heard_in_files(tmp_path_factory.getbasetemp()) == []


@pytest.fixture
def stripe(one_standin: Stripe) -> Stripe:
    """The stand-in as at the start."""
    one_standin.reset()
    return one_standin
