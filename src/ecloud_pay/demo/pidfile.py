"""Which process is our server, if any: what postmaster.pid says, believed only when that process is really it.

    line 1  process id               line 5  socket folder
    line 2  data folder              line 6  listen address (empty: no TCP)
    line 3  start time               line 7  shared memory key, the guard against a second server beside orphaned backends
    line 4  port                     line 8  "starting", "ready   " or "stopping"

Source: PostgreSQL's src/include/utils/pidfile.h.
"""

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

from ecloud_pay.demo.folder import ServerFolder, scratch

PID_FILE = "postmaster.pid"
PID_FILE_BYTES = 4096
PS_TIMEOUT_S = 5.0


@dataclass(frozen=True, slots=True)
class Postmaster:
    """A live postmaster of our data folder."""

    pid: int
    is_ready: bool


def live_postmaster(folder: ServerFolder) -> Postmaster | None:
    """Our server's process, or None if postmaster.pid is missing, stale or names a stranger."""
    lines = _lines(folder.data / PID_FILE)
    pid = _pid(lines)
    if pid is None or len(lines) < 2 or lines[1] != str(folder.data) or not is_postmaster(pid, folder):
        return None
    return Postmaster(pid, is_ready=len(lines) > 7 and lines[7].strip() == "ready")


def is_postmaster(pid: int, folder: ServerFolder) -> bool:
    """Whether the process is a live postmaster of our data folder, run by the account we run it as."""
    uid = folder.account.uid if folder.account else os.geteuid()
    command_line = ["-D", str(folder.data)]
    if Path("/proc/self/cmdline").exists():
        return _proc_says(pid, uid, command_line)
    return _ps_says(pid, uid, command_line)


def disown_stale(folder: ServerFolder) -> None:
    """Make a postmaster.pid without a postmaster harmless, whomever it names.

    PostgreSQL refuses to start while the process it names exists, although after a reboot that may be anybody. Deleting the file
    would lose the shared memory key, and with it the guard against orphaned backends. So the file is made to name us: a server
    disregards its own parent.
    """
    path = folder.data / PID_FILE
    lines = _lines(path)
    if _pid(lines) is None:
        path.unlink(missing_ok=True)
        return
    fresh = scratch(folder, PID_FILE)
    fd = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(fd, "w", encoding="utf-8", errors="surrogateescape") as file:
        file.write("\n".join([str(os.getpid()), *lines[1:], ""]))
        if folder.account:
            os.fchown(file.fileno(), folder.account.uid, folder.account.gid)
    fresh.replace(path)


def _lines(path: Path) -> list[str]:
    try:
        # The folder belongs to the server's account, which is less trusted than root: follow no link, wait for no pipe.
        fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return []
    try:
        return os.fsdecode(os.read(fd, PID_FILE_BYTES)).splitlines()
    finally:
        os.close(fd)


def _pid(lines: list[str]) -> int | None:
    if not lines or not lines[0].strip().isascii() or not lines[0].strip().isdigit():
        return None
    pid = int(lines[0])
    return pid if pid > 1 else None


def _proc_says(pid: int, uid: int, command_line: list[str]) -> bool:
    process = Path("/proc", str(pid))
    try:
        # Backends overwrite their command line, and a zombie has none: only a live postmaster matches.
        found = [os.fsdecode(part) for part in (process / "cmdline").read_bytes().split(b"\0")]
        return process.stat().st_uid == uid and os.path.basename(found[0]) == "postgres" and found[1:3] == command_line
    except OSError:
        return False


def _ps_says(pid: int, uid: int, command_line: list[str]) -> bool:
    argv = ["ps", "-ww", "-o", "uid=", "-o", "command=", "-p", str(pid)]
    try:
        answer = subprocess.run(argv, capture_output=True, timeout=PS_TIMEOUT_S, check=False).stdout
    except (OSError, subprocess.TimeoutExpired):
        return False
    found_uid, _, command = os.fsdecode(answer).strip().partition(" ")
    return found_uid == str(uid) and f"/postgres {' '.join(command_line)} " in command + " "
