"""Starting and stopping the one server of our folder. Everything here is called under start_lock."""

import contextlib
import os
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from ecloud_pay.demo.account import spawn
from ecloud_pay.demo.binaries import Binaries
from ecloud_pay.demo.connection import PORT, SUPERUSER
from ecloud_pay.demo.folder import SOCKET_NAME, ServerFolder, make_servers_own, scratch
from ecloud_pay.demo.pidfile import disown_stale, is_postmaster, live_postmaster
from ecloud_pay.demo.server_log import log_bytes, log_tail, new_log
from ecloud_pay.domain.errors import NotConfigured, Unavailable

START_LIMIT_S = 60.0
STOP_LIMIT_S = 30.0
QUIT_LIMIT_S = 10.0
POLL_S = 0.005
RETRY_S = 0.1
KILLED_LIMIT = 3  # a server somebody killed while it started is not broken; one that is always killed (memory) is

# What a start that lost a race says; the next attempt finds the winner, or the orphans gone.
WORTH_A_RETRY = re.compile(rb"pre-existing shared memory block|lock file \S+ already exists")

INITDB_OPTIONS = (
    f"--username={SUPERUSER}",
    "--auth-local=trust",  # whoever passes our folder's 0700 may enter
    "--auth-host=reject",
    "--encoding=UTF8",
    "--locale=C",
    "--locale-provider=builtin",
    "--builtin-locale=C.UTF-8",  # sorts like C, and lower() knows ä and Я on every system
    "--wal-segsize=1",  # MB; the usual 16 would be a third of the whole folder
    "--no-data-checksums",
    "--no-sync",
    "--no-instructions",
)


def settings(folder: ServerFolder) -> Mapping[str, str]:
    """What the server is told at every start, so that a new version of ours reaches an old data folder."""
    quoted_folder = '"' + str(folder.sockets).replace('"', '""') + '"'
    return {
        "listen_addresses": "",
        "unix_socket_directories": quoted_folder,
        "unix_socket_permissions": "0700",
        "port": str(PORT),
        "shared_buffers": "16MB",
        "max_connections": "40",
        "max_worker_processes": "2",
        "max_logical_replication_workers": "0",
        "max_wal_size": "128MB",
        "wal_level": "minimal",
        "max_wal_senders": "0",
        "io_method": "sync",
        "jit": "off",
        "timezone": "UTC",
        "log_timezone": "UTC",
        "lc_messages": "C",
        "log_checkpoints": "off",
        "log_min_error_statement": "panic",  # a statement may hold what a log should not
    }


def build_data(folder: ServerFolder, binaries: Binaries) -> None:
    """Make the data folder with initdb, under another name until it is whole. Raises NotConfigured with the log's last lines."""
    half_made = scratch(folder, "data")
    make_servers_own(folder, half_made)
    argv: list[str | Path] = [binaries.initdb, "-D", half_made, *INITDB_OPTIONS]
    with new_log(folder) as log_fd:
        process = spawn(argv, folder.account, log_fd)
    try:
        failed = process.wait(START_LIMIT_S)
    except BaseException as error:
        _kill_group(process)
        shutil.rmtree(half_made, ignore_errors=True)
        if isinstance(error, subprocess.TimeoutExpired):
            raise Unavailable(f"building the demo database took longer than {START_LIMIT_S:.0f} s", to_do="repeat") from error
        raise
    if failed:
        shutil.rmtree(half_made, ignore_errors=True)
        raise NotConfigured("the demo database could not be built", now=log_tail(folder), to_do=f"see {folder.log}")
    half_made.rename(folder.data)


def start(folder: ServerFolder, binaries: Binaries, it_answers: Callable[[], bool], give_up_at: float) -> None:
    """Start the server and return when it answers, or when another process's server turns out to be there already.

    Raises Unavailable when it dies or takes too long.
    """
    times_killed = 0
    while time.monotonic() < give_up_at:
        _clear_traces(folder)
        argv: list[str | Path] = [binaries.postgres, "-D", folder.data]
        for name, value in settings(folder).items():
            argv += ["-c", f"{name}={value}"]
        with new_log(folder) as log_fd:
            process = spawn(argv, folder.account, log_fd)
        if _became_ready(process, folder, it_answers, give_up_at) or live_postmaster(folder):
            return
        was_killed = process.returncode == -signal.SIGKILL
        times_killed += was_killed
        if not WORTH_A_RETRY.search(log_bytes(folder)) and not (was_killed and times_killed <= KILLED_LIMIT):
            break
        time.sleep(RETRY_S)
    raise Unavailable("the demo server did not start", now=log_tail(folder), to_do=f"see {folder.log}; `demo reset` begins anew")


def stop(folder: ServerFolder) -> bool:
    """Stop the server; False if there was none. Raises Unavailable when it will not go."""
    running = live_postmaster(folder)
    if running is None:
        return False
    for signum, limit_s in ((signal.SIGINT, STOP_LIMIT_S), (signal.SIGQUIT, QUIT_LIMIT_S)):
        # Asked again right before each signal: after a wait the number may be somebody else's.
        if is_postmaster(running.pid, folder):
            with contextlib.suppress(ProcessLookupError):
                os.kill(running.pid, signum)
        if _is_gone_within(limit_s, running.pid, folder):
            _reap(running.pid)
            return True
    raise Unavailable(f"the demo server (process {running.pid}) does not stop", to_do=f"see {folder.log}, then end it by hand")


def _became_ready(process: subprocess.Popen[bytes], folder: ServerFolder, it_answers: Callable[[], bool], give_up_at: float) -> bool:
    try:
        while process.poll() is None:
            found = live_postmaster(folder)
            if found and found.pid == process.pid and found.is_ready and it_answers():
                # From here on it belongs to whoever is last out. Without this Python would warn that we left a child running.
                process.returncode = 0
                return True
            if time.monotonic() > give_up_at:
                raise Unavailable(
                    "the demo server did not get ready in time",
                    now=log_tail(folder),
                    to_do=f"`ecloud-pay demo reset` makes it anew; its log is {folder.log}",
                )
            time.sleep(POLL_S)
    except BaseException:
        _end_quickly(process)
        raise
    return False


def _clear_traces(folder: ServerFolder) -> None:
    disown_stale(folder)
    for name in (SOCKET_NAME, f"{SOCKET_NAME}.lock"):
        (folder.sockets / name).unlink(missing_ok=True)


def _end_quickly(process: subprocess.Popen[bytes]) -> None:
    process.send_signal(signal.SIGINT)
    try:
        process.wait(QUIT_LIMIT_S)
    except BaseException:
        process.send_signal(signal.SIGQUIT)
        raise


def _kill_group(process: subprocess.Popen[bytes]) -> None:
    # initdb runs postgres in turn; both are in the session that spawn() began.
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait(QUIT_LIMIT_S)


def _is_gone_within(limit_s: float, pid: int, folder: ServerFolder) -> bool:
    give_up_at = time.monotonic() + limit_s
    while is_postmaster(pid, folder):
        if time.monotonic() > give_up_at:
            return False
        time.sleep(POLL_S)
    return True


def _reap(pid: int) -> None:
    with contextlib.suppress(ChildProcessError):
        os.waitpid(pid, os.WNOHANG)
