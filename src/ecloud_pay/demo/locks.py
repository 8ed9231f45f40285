"""Who is using the server: two lock files the kernel lets go of when their holder dies, however it dies."""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO

from ecloud_pay.demo.folder import ServerFolder, translated
from ecloud_pay.domain.errors import Busy

START_LOCK_LIMIT_S = 90.0
POLL_S = 0.01


@contextmanager
def start_lock(folder: ServerFolder, limit_s: float = START_LOCK_LIMIT_S) -> Iterator[None]:
    """Be the only one who starts, fills or stops the server. Raises Busy after `limit_s`."""
    with translated(folder.start_lock):
        fd = _open(os.fspath(folder.start_lock))
    try:
        with translated(folder.start_lock):
            _wait_for(fd, limit_s)
        yield
    finally:
        os.close(fd)


def take_seat(folder: ServerFolder) -> BinaryIO:
    """Count as a user of the server until the file returned is closed. Call it under start_lock: only there it never waits."""
    # It stays open as long as the console uses the server: longer than any block here.
    seat = open(_open(os.fspath(folder.in_use_lock)), "r+b", buffering=0)  # noqa: SIM115
    try:
        fcntl.flock(seat, fcntl.LOCK_SH)
    except BaseException:
        seat.close()
        raise
    return seat


def is_in_use(folder: ServerFolder) -> bool:
    """Whether a console has a seat. Under start_lock the answer holds until the lock is let go."""
    fd = _open(os.fspath(folder.in_use_lock))
    try:
        return not _try_exclusive(fd)
    finally:
        os.close(fd)


def _wait_for(fd: int, limit_s: float) -> None:
    give_up_at = time.monotonic() + limit_s
    while not _try_exclusive(fd):
        if time.monotonic() > give_up_at:
            raise Busy(
                "another console is starting or stopping the demo server",
                now=f"it has not finished in {limit_s:.0f} s",
                to_do="repeat in a moment, or end that console",
            )
        time.sleep(POLL_S)


def _try_exclusive(fd: int) -> bool:
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _open(path: str) -> int:
    # Python's descriptors are not inherited, so a server started meanwhile never holds our locks.
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
