"""The audit trail as a file of JSON lines, each of which is on the disk before anybody acts upon it.

lock ─▶ is it still the file of that name? ─▶ last line's hash ─▶ write ─▶ fsync ─▶ unlock ─▶ the new line's hash
"""

import logging
import os
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from ecloud_pay.adapters.audit.chain import hash_before, next_link
from ecloud_pay.adapters.audit.line import line_hash, line_of
from ecloud_pay.adapters.audit.locked import Deadline, locked, open_to_append, sync_folder
from ecloud_pay.adapters.audit.refusals import ELSEWHERE, refusals
from ecloud_pay.domain.audit import AuditEvent
from ecloud_pay.domain.errors import CannotWrite

LOCK_LIMIT_S = 10.0

_log = logging.getLogger("payment_audit")


def _utc_now() -> datetime:
    return datetime.now(UTC)


class AuditLog:
    """ports.AuditTrail over the file at `path`, for any number of threads and processes at once.

    The file and its missing folders are made when the first event is written, closed to other users. A symbolic link, or anything
    else that is no regular file, is refused.
    """

    def __init__(
        self, path: Path, *, clock: Callable[[], datetime] = _utc_now, host: str | None = None, lock_limit_s: float = LOCK_LIMIT_S
    ) -> None:
        self.path = path
        self._clock = clock
        self._host = os.uname().nodename if host is None else host
        self._lock_limit_s = lock_limit_s

    def check(self) -> None:
        """Raise CannotWrite where the file cannot be appended to. Writes no line and makes nothing."""
        with refusals(str(self.path), "cannot be appended to", now="No line was written."):
            try:
                descriptor = open_to_append(self.path)
            except FileNotFoundError:
                _refuse_what_cannot_be_made(self.path)
                is_empty = self.path.parent.exists()
            else:
                is_empty = os.fstat(descriptor).st_size == 0
                os.close(descriptor)
            if is_empty:  # so its first line will hang on a rotated file, which must be readable
                hash_before(self.path, Deadline(self._lock_limit_s))

    def append(self, event: AuditEvent) -> str:
        """Write the event and flush it to the disk; returns the SHA-256 of its line, in hex. Raises CannotWrite."""
        now = f"{event.type.value} of payment #{event.payment.id} is not safely in the audit trail."
        with refusals(str(self.path), "could not be appended to", now=now):
            deadline = Deadline(self._lock_limit_s)
            with locked(self.path, deadline) as descriptor:
                link = next_link(descriptor, self.path, deadline)
                # The time is told under the lock, so that lines stand in the order of their timestamps.
                line = line_of(event, when=self._clock(), host=self._host, prev_hash=link.prev_hash)
                _put_on_disk(self.path.parent, descriptor, (b"\n" if link.is_torn else b"") + line + b"\n")
        written = line_hash(line)
        _log.info("%s: payment #%s, line %s", event.type.value, event.payment.id, written[:12])
        return written


def _put_on_disk(folder: Path, descriptor: int, text: bytes) -> None:
    """Add `text` at the end of the locked file, wholly and on the disk itself, or not at all where that can be had. Raises OSError."""
    before = os.fstat(descriptor).st_size
    if before == 0:
        # First of all the file's name: a line then never is in a file that a crash of the machine could make nameless.
        sync_folder(folder)
    try:
        left = memoryview(text)
        while left:
            left = left[os.write(descriptor, left) :]
        os.fsync(descriptor)
    except OSError:
        # What got in is ours alone, under our lock, and nobody was told of it. Where it cannot be taken back it stays as a torn line.
        with suppress(OSError):
            os.ftruncate(descriptor, before)
        raise


def _refuse_what_cannot_be_made(path: Path) -> None:
    """Raise CannotWrite where the missing file, and the folders that are missing above it, could not be made."""
    nearest = next(folder for folder in path.absolute().parents if os.path.lexists(folder))
    if not nearest.is_dir():
        raise CannotWrite(f"the audit file {path} cannot be made: {nearest} is no folder", to_do=ELSEWHERE)
    if os.statvfs(nearest).f_flag & os.ST_RDONLY:
        raise CannotWrite(f"the audit file {path} cannot be made: {nearest} is on a read-only disk", to_do=ELSEWHERE)
    if not os.access(nearest, os.R_OK | os.W_OK | os.X_OK):
        remedy = "Let this user write in that folder, or name another file in ECLOUD_PAY_AUDIT_LOG."
        raise CannotWrite(f"the audit file {path} cannot be made: {nearest} is not yours to write to", to_do=remedy)
