"""The audit file, opened and locked: whoever holds it is its only writer, among threads and processes alike."""

import errno
import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from ecloud_pay.adapters.audit.refusals import refuse_all_but_files
from ecloud_pay.domain.errors import CannotWrite

POLL_S = 0.002
# Without O_NONBLOCK, opening a FIFO that appeared after the look at it would wait for somebody at its other end.
_CAREFULLY = os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


class Deadline:
    """Until when locks are waited for: so many seconds after somebody was last seen to get on with it."""

    def __init__(self, limit_s: float) -> None:
        self.limit_s = limit_s
        self.renew()

    def renew(self) -> None:
        """Begin anew."""
        self._at_s = time.monotonic() + self.limit_s

    @property
    def has_passed(self) -> bool:
        return time.monotonic() > self._at_s


@contextmanager
def locked(path: Path, deadline: Deadline) -> Iterator[int]:
    """The file at `path`, made where it is missing, as a descriptor that no other holds locked, for the length of the block.

    Raises CannotWrite where something else is in the way or the lock is not let go, and OSError.
    """
    descriptor = _open_and_lock(path, deadline)
    try:
        yield descriptor
    finally:
        _let_go(descriptor)


@contextmanager
def locked_for_reading(path: Path, deadline: Deadline) -> Iterator[int]:
    """An existing file that nobody appends to for the length of the block. Raises as `locked` does."""
    descriptor = os.open(path, os.O_RDONLY | _CAREFULLY)
    try:
        _wait_for(descriptor, fcntl.LOCK_SH, path, deadline)
        yield descriptor
    finally:
        _let_go(descriptor)


def open_to_append(path: Path) -> int:
    """A descriptor of the existing regular file at `path`, which it leaves as it is. Raises CannotWrite and OSError."""
    return _open(path, 0)


def sync_folder(folder: Path) -> None:
    """Have the names in `folder` on the disk itself. Raises OSError."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):  # some network file systems keep names without being asked
            raise
    finally:
        os.close(descriptor)


def _open_and_lock(path: Path, deadline: Deadline) -> int:
    while True:
        descriptor = _open_or_make(path)
        try:
            _wait_for(descriptor, fcntl.LOCK_EX, path, deadline)
            if _is_at(path, descriptor):
                return descriptor
        except BaseException:
            os.close(descriptor)
            raise
        # It was rotated away while we waited: the lines go into the file that bears the name now.
        _let_go(descriptor)
        _refuse_if_late(path, deadline)


def _open_or_make(path: Path) -> int:
    try:
        return _open(path, os.O_CREAT)
    except FileNotFoundError:
        _make_folder(path.parent)
        return _open(path, os.O_CREAT)


def _open(path: Path, creation: int) -> int:
    # Looked at before it is opened, since opening alone makes some devices act; and after, in case it was exchanged in between.
    with suppress(FileNotFoundError):
        refuse_all_but_files(str(path), path.lstat())
    descriptor = os.open(path, os.O_RDWR | os.O_APPEND | creation | _CAREFULLY, 0o600)
    try:
        refuse_all_but_files(str(path), os.fstat(descriptor))
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def _make_folder(folder: Path) -> None:
    """Make `folder` and its missing parents, closed to others, and have their names on the disk."""
    missing = [one for one in (folder, *folder.parents) if not one.exists()]
    for one in reversed(missing):
        with suppress(FileExistsError):
            one.mkdir(mode=0o700)
        sync_folder(one.parent)


def _wait_for(descriptor: int, lock: int, path: Path, deadline: Deadline) -> None:
    size = os.fstat(descriptor).st_size
    while True:
        try:
            return fcntl.flock(descriptor, lock | fcntl.LOCK_NB)
        except BlockingIOError:
            # Others who write their lines, even if one of them is always quicker than we are, do not keep it locked.
            if (grown := os.fstat(descriptor).st_size) != size:
                size = grown
                deadline.renew()
            _refuse_if_late(path, deadline)
            time.sleep(POLL_S)


def _refuse_if_late(path: Path, deadline: Deadline) -> None:
    if deadline.has_passed:
        what = f"the audit file {path} has been locked for longer than {deadline.limit_s:g} s by somebody else"
        raise CannotWrite(what, to_do=f"`fuser -v {path}` names the process.")


def _is_at(path: Path, descriptor: int) -> bool:
    try:
        return os.path.samestat(path.lstat(), os.fstat(descriptor))
    except FileNotFoundError:
        return False


def _let_go(descriptor: int) -> None:
    # Said aloud, because closing alone would leave the lock to a child that another thread is just about to start.
    with suppress(OSError):
        fcntl.flock(descriptor, fcntl.LOCK_UN)
    os.close(descriptor)
