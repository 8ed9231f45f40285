"""The server's log: begun anew at every start, cut when it grows, quoted when a start fails."""

import contextlib
import os
from collections.abc import Iterator

from ecloud_pay.demo.folder import ServerFolder

LOG_BYTES = 1 << 20
TAIL_LINES = 5


@contextlib.contextmanager
def new_log(folder: ServerFolder) -> Iterator[int]:
    """A descriptor to hand to a program of PostgreSQL as its output."""
    fd = os.open(folder.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        yield fd
    finally:
        os.close(fd)


def log_bytes(folder: ServerFolder) -> bytes:
    """What the log says, up to LOG_BYTES of it."""
    with contextlib.suppress(OSError):
        return folder.log.read_bytes()[-LOG_BYTES:]
    return b""


def log_tail(folder: ServerFolder) -> str:
    """The last lines of the log as one line, for an error."""
    lines = log_bytes(folder).decode(errors="replace").split("\n")
    return " | ".join([line.strip() for line in lines if line.strip()][-TAIL_LINES:])


def trim_log(folder: ServerFolder) -> None:
    """Keep the log of a server that runs for weeks from filling the disk; it appends, so it may be cut while it writes."""
    with contextlib.suppress(FileNotFoundError):
        if folder.log.stat().st_size > LOG_BYTES:
            os.truncate(folder.log, 0)
