"""The demo server with real processes: shared, left behind, killed, out of date, in the way. Runs as root and as anybody."""

import contextlib
import os
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import threading
import time
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest

import ecloud_pay
from ecloud_pay.demo.binaries import REQUIREMENT
from ecloud_pay.demo.locks import start_lock
from ecloud_pay.demo.pidfile import live_postmaster
from ecloud_pay.demo.server import ServerFolder, reset, running, server_folder, stop
from ecloud_pay.domain.errors import Busy, NotConfigured

CONSOLE = Path(__file__).with_name("server_console.py")
AS_ROOT = os.geteuid() == 0
LIMIT_S = 30.0

Console = subprocess.Popen[str]


@contextlib.contextmanager
def _short_folder() -> Iterator[Path]:
    # Not tmp_path: pytest keeps it 0700, where root's server account cannot enter, and its name is long for a socket.
    path = Path(os.path.realpath(tempfile.mkdtemp(prefix="ecloud-")))
    path.chmod(0o755)
    yield path
    _end_servers(path)
    shutil.rmtree(path)


@pytest.fixture
def state_dir() -> Iterator[Path]:
    with _short_folder() as path:
        yield path


@pytest.fixture
def folder(state_dir: Path) -> ServerFolder:
    return server_folder(state_dir)


@pytest.fixture(scope="session")
def built() -> Iterator[Path]:
    """The demo folder after a first use: a copy of it saves a test the second that initdb takes."""
    with _short_folder() as path:
        folder = server_folder(path)
        with running(folder, _nothing):
            pass
        yield folder.root


@pytest.fixture
def used_folder(folder: ServerFolder, built: Path) -> ServerFolder:
    folder.root.mkdir()
    for part in built.iterdir():
        # Nobody writes into the copied binaries, so links will do for them; data needs files of its own.
        as_links = ["-l"] if part.name.startswith("binaries-") else []
        subprocess.run(["cp", "-a", *as_links, str(part), str(folder.root)], check=True)
    return folder


@pytest.fixture
def open_console(state_dir: Path) -> Iterator[Callable[..., Console]]:
    consoles: list[Console] = []

    def open_one(*arguments: str) -> Console:
        environment = os.environ | {"PYTHONPATH": os.pathsep.join([_source(), *sys.path])}
        argv = [sys.executable, str(CONSOLE), str(state_dir), *arguments]
        consoles.append(subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment))
        return consoles[-1]

    yield open_one
    for console in consoles:
        _kill(console)
        assert console.stdin
        assert console.stdout
        console.stdin.close()
        console.stdout.close()


def test_the_first_use_builds_a_private_server_that_knows_every_alphabet(folder: ServerFolder) -> None:
    notes: list[str] = []
    prepared: list[str] = []
    with running(folder, prepared.append, notes.append) as conninfo:
        assert conninfo.startswith(f"host={folder.sockets} ")
        assert prepared == [conninfo]
        assert _ask(conninfo, "SELECT current_user || ' ' || current_database()") == "ecloud ecloud"
        assert _ask(conninfo, "SELECT lower('ÄÉЯ') || current_setting('server_encoding') || current_setting('timezone')") == "äéяUTF8UTC"
        assert stat.S_IMODE(folder.sockets.stat().st_mode) == stat.S_IMODE(folder.data.stat().st_mode) == 0o700
        assert stat.S_IMODE(folder.root.stat().st_mode) == (0o711 if AS_ROOT else 0o700)
        assert folder.root == folder.root.parent / "demo"
    assert notes == ["building the demo database (first use)…"]
    assert live_postmaster(folder) is None


def test_the_second_use_finds_the_data_of_the_first(used_folder: ServerFolder) -> None:
    with running(used_folder, _note_a_visit):
        pass
    notes: list[str] = []
    with running(used_folder, _note_a_visit, notes.append) as conninfo:
        assert _visits(conninfo) == 2
    assert notes == []


def test_a_running_server_is_entered_at_once(used_folder: ServerFolder) -> None:
    with running(used_folder, _nothing):
        began = time.monotonic()
        with running(used_folder, _nothing):
            entered_s = time.monotonic() - began
        assert _pid(used_folder)
    assert entered_s < 0.5  # measured: 0.004


def test_two_consoles_share_one_server_and_the_last_one_out_stops_it(
    used_folder: ServerFolder, open_console: Callable[..., Console]
) -> None:
    first, second = open_console(), open_console()
    assert _read_until(first, "inside") == _read_until(second, "inside")
    pid = _pid(used_folder)
    first.communicate("", timeout=LIMIT_S)
    assert _pid(used_folder) == pid
    second.communicate("", timeout=LIMIT_S)
    assert first.returncode == second.returncode == 0
    assert live_postmaster(used_folder) is None


def test_a_server_left_by_a_killed_console_is_adopted_and_stopped_by_the_last_one_out(
    used_folder: ServerFolder, open_console: Callable[..., Console]
) -> None:
    console = open_console()
    _read_until(console, "inside")
    pid = _pid(used_folder)
    _kill(console)
    with running(used_folder, _nothing) as conninfo:
        assert _pid(used_folder) == pid
        assert _ask(conninfo, "SELECT 'here'") == "here"
    assert live_postmaster(used_folder) is None


def test_a_killed_initdb_leaves_nothing_but_scratch_that_is_swept_away(folder: ServerFolder, open_console: Callable[..., Console]) -> None:
    console = open_console()
    _wait_until(lambda: any(folder.root.glob("scratch-data-*/PG_VERSION")))
    _kill(console)
    _wait_until(
        lambda: not _processes("initdb", folder.root) + _processes("postgres", folder.root)
    )  # the orphan ends by itself; then what it wrote is surely still there
    assert not folder.data.exists()
    assert list(folder.root.glob("scratch-*"))
    with running(folder, _note_a_visit) as conninfo:
        assert _visits(conninfo) == 1
    assert not list(folder.root.glob("scratch-*"))


def test_a_console_killed_in_prepare_is_followed_by_one_that_prepares_again(
    used_folder: ServerFolder, open_console: Callable[..., Console]
) -> None:
    console = open_console("hang")
    _read_until(console, "preparing")
    pid = _pid(used_folder)
    _kill(console)
    with running(used_folder, _note_a_visit) as conninfo:
        assert _pid(used_folder) == pid
        assert _visits(conninfo) == 1
    assert live_postmaster(used_folder) is None


@pytest.mark.parametrize("delay_s", [0.25, 0.6, 1.0])
def test_a_console_killed_at_any_moment_is_healed_by_the_next(
    folder: ServerFolder, open_console: Callable[..., Console], delay_s: float
) -> None:
    console = open_console()
    time.sleep(delay_s)
    _kill(console)
    with running(folder, _note_a_visit) as conninfo:
        assert _visits(conninfo) == 1
    assert live_postmaster(folder) is None


def test_a_console_killed_while_it_stops_the_server_is_healed_by_the_next(
    used_folder: ServerFolder, open_console: Callable[..., Console]
) -> None:
    for delay_s in (0.0, 0.002, 0.005, 0.01):
        console = open_console()
        _read_until(console, "inside")
        assert console.stdin
        console.stdin.close()
        time.sleep(delay_s)
        console.kill()
        console.wait()
        with running(used_folder, _nothing) as conninfo:
            assert _ask(conninfo, "SELECT 'here'") == "here"
    assert live_postmaster(used_folder) is None


def test_what_a_killed_console_still_had_running_is_over_before_the_next_prepares(
    used_folder: ServerFolder, open_console: Callable[..., Console]
) -> None:
    console = open_console()
    with psycopg.connect(_read_until(console, "inside").removeprefix("inside ")) as left_behind:
        backend = threading.Thread(target=_keep_busy, args=(left_behind, 20.0))
        backend.start()
        _wait_until(lambda: left_behind.info.transaction_status == psycopg.pq.TransactionStatus.ACTIVE)
        _kill(console)
        with running(used_folder, _nothing) as conninfo:
            assert _ask(conninfo, "SELECT count(*)::text FROM pg_stat_activity WHERE backend_type = 'client backend'") == "1"
        backend.join()


def test_a_killed_server_is_replaced_while_the_console_that_started_it_lives(used_folder: ServerFolder) -> None:
    with running(used_folder, _note_a_visit):
        killed = _pid(used_folder)
        os.kill(killed, signal.SIGKILL)
        with running(used_folder, _note_a_visit) as conninfo:
            assert _visits(conninfo) == 2
            assert _pid(used_folder) != killed
    assert live_postmaster(used_folder) is None


def test_a_killed_server_is_replaced_once_its_last_busy_backend_is_done(used_folder: ServerFolder) -> None:
    busy_s = 1.5
    with running(used_folder, _nothing) as conninfo, psycopg.connect(conninfo, autocommit=True) as connection:
        began = time.monotonic()
        backend = threading.Thread(target=_keep_busy, args=(connection, busy_s))
        backend.start()
        time.sleep(0.2)
        os.kill(_pid(used_folder), signal.SIGKILL)
        with running(used_folder, _nothing) as again:
            assert _ask(again, "SELECT 'here'") == "here"
            assert time.monotonic() - began >= busy_s
        backend.join()


def test_data_of_another_major_version_is_built_anew(used_folder: ServerFolder) -> None:
    with running(used_folder, _note_a_visit):
        pass
    (used_folder.data / "PG_VERSION").write_text("9\n")
    notes: list[str] = []
    with running(used_folder, _note_a_visit, notes.append) as conninfo:
        assert _visits(conninfo) == 1
    assert notes == ["rebuilding the demo database: it was made by PostgreSQL 9"]


def test_stop_and_reset_refuse_while_a_console_is_inside(used_folder: ServerFolder, open_console: Callable[..., Console]) -> None:
    console = open_console()
    _read_until(console, "inside")
    pid = _pid(used_folder)
    for refused in (stop, reset):
        with pytest.raises(Busy):
            refused(used_folder)
    assert _pid(used_folder) == pid


def test_stop_ends_a_server_left_behind_and_says_whether_there_was_one(
    used_folder: ServerFolder, open_console: Callable[..., Console]
) -> None:
    console = open_console()
    _read_until(console, "inside")
    _kill(console)
    assert stop(used_folder) is True
    assert live_postmaster(used_folder) is None
    assert stop(used_folder) is False


def test_stop_and_reset_make_no_folder_where_there_was_none(folder: ServerFolder) -> None:
    assert stop(folder) is False
    reset(folder)
    assert not folder.root.exists()


def test_reset_stops_a_server_left_behind_and_leaves_no_data(used_folder: ServerFolder, open_console: Callable[..., Console]) -> None:
    console = open_console()
    _read_until(console, "inside")
    _kill(console)
    reset(used_folder)
    assert live_postmaster(used_folder) is None
    assert sorted(path.name for path in used_folder.root.iterdir()) == ["in-use.lock", "run", "server.log", "start.lock"]


def test_a_prepare_that_fails_stops_the_server_it_was_given(used_folder: ServerFolder) -> None:
    def fail(_: str) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), running(used_folder, fail):
        raise AssertionError("never inside")
    assert live_postmaster(used_folder) is None
    assert stop(used_folder) is False


def test_a_start_that_another_console_does_not_finish_is_reported_as_busy(folder: ServerFolder) -> None:
    folder.root.mkdir()
    with start_lock(folder), pytest.raises(Busy), start_lock(folder, limit_s=0.05):
        raise AssertionError("never inside")


def test_without_the_wheel_the_extra_is_named(state_dir: Path) -> None:
    program = f"""
import sys
sys.path.insert(0, {_source()!r})
from pathlib import Path
from ecloud_pay.demo.server import running, server_folder
from ecloud_pay.domain.errors import NotConfigured
try:
    with running(server_folder(Path({str(state_dir)!r})), print):
        pass
except NotConfigured as error:
    print(error.what, "|", error.to_do)
"""
    # -S: no site-packages, so neither the wheel nor psycopg.
    done = subprocess.run([sys.executable, "-I", "-S", "-c", program], capture_output=True, text=True, check=True, timeout=LIMIT_S)
    assert done.stdout == (
        "--demo needs the extra `demo`, which is not installed"
        f" | pip install {REQUIREMENT}   (pipx: pipx inject ecloud-pay {REQUIREMENT})\n"
    )


def test_the_line_to_copy_installs_what_the_extra_asks_for() -> None:
    pyproject = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())
    assert pyproject["project"]["optional-dependencies"]["demo"] == [REQUIREMENT]


def test_a_socket_path_longer_than_the_kernel_takes_names_the_way_out(state_dir: Path) -> None:
    deep = state_dir / ("a" * 100)
    deep.mkdir()
    deep.chmod(0o755)
    with pytest.raises(NotConfigured, match="bytes too long") as refused:
        server_folder(deep)
    assert "ECLOUD_PAY_STATE_DIR" in refused.value.to_do
    longest = state_dir / ("a" * (_socket_limit() - len(f"{state_dir}//demo/run/.s.PGSQL.5432")))
    longest.mkdir()
    longest.chmod(0o755)
    with running(server_folder(longest), _nothing) as conninfo:
        assert _ask(conninfo, "SELECT 'here'") == "here"


def test_a_folder_with_an_odd_name_is_as_good_as_any_unless_libpq_would_misread_it(state_dir: Path) -> None:
    odd = state_dir / 'o\'dd "näme" \\'
    odd.mkdir()
    odd.chmod(0o755)
    folder = server_folder(odd)
    try:
        with running(folder, _nothing) as conninfo:
            assert _ask(conninfo, "SELECT 'here'") == "here"
    finally:
        shutil.rmtree(folder.root)  # root's lives elsewhere


def test_the_place_does_not_depend_on_whether_the_state_folder_has_been_made(state_dir: Path) -> None:
    new = state_dir / "not" / "yet"
    before = server_folder(new).root
    assert before == new / "demo"
    with running(server_folder(new), _nothing):
        pass
    assert server_folder(new).root == before


def test_a_state_folder_that_cannot_be_one_is_refused_and_not_replaced() -> None:
    with pytest.raises(NotConfigured, match="/dev/null"), running(server_folder(Path("/dev/null/state")), _nothing):
        raise AssertionError("never inside")


def test_a_link_in_the_place_of_our_folder_is_refused(state_dir: Path) -> None:
    target = state_dir / "target"
    target.mkdir()
    (state_dir / "demo").symlink_to(target)
    with pytest.raises(NotConfigured, match="not a folder of yours"), running(server_folder(state_dir), _nothing):
        raise AssertionError("never inside")
    assert not list(target.iterdir())


def test_nothing_outside_our_folder_changes_its_mode_or_owner(folder: ServerFolder) -> None:
    watched = [*folder.root.parents, Path.home(), *Path.home().parents, Path("/var/lib"), Path("/var/tmp"), *map(Path, sys.path)]

    def modes() -> dict[Path, tuple[int, int, int]]:
        found = {path: path.stat() for path in watched if path.exists()}
        return {path: (info.st_mode, info.st_uid, info.st_gid) for path, info in found.items()}

    before = modes()
    accounts = Path("/etc/passwd").read_bytes()
    with running(folder, _nothing):
        pass
    reset(folder)
    assert modes() == before
    assert Path("/etc/passwd").read_bytes() == accounts


def test_a_state_folder_the_servers_account_cannot_enter_is_used_by_its_owner_and_replaced_for_root(state_dir: Path) -> None:
    closed = state_dir / "closed"
    closed.mkdir(0o700)
    folder = server_folder(closed)
    if not AS_ROOT:
        assert folder.root == closed / "demo"
        return
    had_parent = folder.root.parent.exists()
    try:
        assert folder.root.parent in {Path("/var/lib/ecloud-pay"), Path("/var/tmp/ecloud-pay")}
        with running(folder, _nothing) as conninfo:
            assert _ask(conninfo, "SELECT 'here'") == "here"
        assert server_folder(closed) == folder
        assert not list(closed.iterdir())
        assert stat.S_IMODE(closed.stat().st_mode) == 0o700
    finally:
        shutil.rmtree(folder.root, ignore_errors=True)
        if not had_parent:
            with contextlib.suppress(OSError):  # somebody else's demo moved in meanwhile
                folder.root.parent.rmdir()


def test_no_tcp_port_is_opened_and_ctrl_c_does_not_reach_the_server(used_folder: ServerFolder) -> None:
    with running(used_folder, _nothing) as conninfo:
        pid = _pid(used_folder)
        assert _ask(conninfo, "SHOW listen_addresses") == ""
        assert _tcp_sockets(pid) == set()
        assert os.getpgid(pid) == pid


def test_the_callers_environment_steers_neither_the_server_nor_the_way_to_it(
    used_folder: ServerFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {"PGHOSTADDR": "192.0.2.1", "PGPORT": "1", "PGDATA": "/nowhere", "PGUSER": "x", "LC_ALL": "xx_XX"}.items():
        monkeypatch.setenv(name, value)
    with running(used_folder, _nothing) as conninfo:
        assert _ask(conninfo, "SELECT 'here'") == "here"


def test_a_stale_pid_file_that_names_a_stranger_harms_neither_the_stranger_nor_the_start(used_folder: ServerFolder) -> None:
    with running(used_folder, _note_a_visit):
        pid_file = used_folder.data / "postmaster.pid"
        stale = pid_file.read_text()
    account = used_folder.account
    # The account's own process is the hard case: PostgreSQL would take it for a server of its own and refuse to start.
    stranger = subprocess.Popen(["sleep", "60"], user=account.uid if account else None, group=account.gid if account else None)
    try:
        pid_file.write_text(str(stranger.pid) + stale[stale.index("\n") :])
        assert live_postmaster(used_folder) is None
        assert stop(used_folder) is False
        with running(used_folder, _note_a_visit) as conninfo:
            assert _visits(conninfo) == 2
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


def test_an_empty_pid_file_does_not_stop_a_start(used_folder: ServerFolder) -> None:
    with running(used_folder, _nothing):
        pass
    (used_folder.data / "postmaster.pid").touch()
    with running(used_folder, _nothing) as conninfo:
        assert _ask(conninfo, "SELECT 'here'") == "here"


def _nothing(_: str) -> None:
    pass


def _note_a_visit(conninfo: str) -> None:
    with psycopg.connect(conninfo) as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS visits (at timestamptz NOT NULL DEFAULT now())")
        connection.execute("INSERT INTO visits DEFAULT VALUES")


def _visits(conninfo: str) -> int:
    return int(_ask(conninfo, "SELECT count(*)::text FROM visits"))


def _ask(conninfo: str, question: str) -> str:
    with psycopg.connect(conninfo) as connection:
        row = connection.execute(question.encode()).fetchone()
    assert row is not None
    return str(row[0])


def _keep_busy(connection: psycopg.Connection, seconds: float) -> None:
    until = f"clock_timestamp() + interval '{seconds} s'"
    with contextlib.suppress(psycopg.OperationalError):
        connection.execute(
            f"DO $$ DECLARE until timestamptz := {until}; BEGIN WHILE clock_timestamp() < until LOOP END LOOP; END $$".encode()
        )


def _pid(used_folder: ServerFolder) -> int:
    found = live_postmaster(used_folder)
    assert found is not None
    return found.pid


def _kill(console: Console) -> None:
    console.kill()
    console.wait()


def _read_until(console: Console, word: str) -> str:
    assert console.stdout
    for line in console.stdout:
        if line.startswith(word):
            return line
    raise AssertionError(f"the console ended without {word!r}")


def _wait_until(holds: Callable[[], bool]) -> None:
    give_up_at = time.monotonic() + LIMIT_S
    while not holds():
        assert time.monotonic() < give_up_at
        time.sleep(0.002)


def _source() -> str:
    return str(Path(ecloud_pay.__file__).parents[1])


def _socket_limit() -> int:
    return 103 if sys.platform == "darwin" else 107


def _processes(program: str, inside: Path) -> list[int]:
    found = subprocess.run(["ps", "-axww", "-o", "pid=,command="], capture_output=True, text=True, check=True).stdout
    lines = [line.split(None, 1) for line in found.splitlines()]
    return [int(line[0]) for line in lines if len(line) > 1 and f"/{program} " in line[1] and str(inside) in line[1]]


def _end_servers(inside: Path) -> None:
    for pid in (*_processes("initdb", inside), *_processes("postgres", inside)):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    _wait_until(lambda: not _processes("postgres", inside))


def _tcp_sockets(pid: int) -> set[str]:
    if sys.platform == "darwin":
        return set(
            subprocess.run(["lsof", "-a", "-p", str(pid), "-iTCP", "-t"], capture_output=True, text=True, check=False).stdout.split()
        )
    known = {line.split()[9] for name in ("tcp", "tcp6") for line in Path("/proc/net", name).read_text().splitlines()[1:]}
    opened = {os.readlink(fd) for fd in Path("/proc", str(pid), "fd").iterdir()}
    return known & {name.removeprefix("socket:[").removesuffix("]") for name in opened}
