"""What the next line hangs on: the last line of the file or, where the file has none yet, of the file it was rotated from.

    audit.jsonl-20250126    …  line 40                                (closed; its last line may be torn)
    audit.jsonl             line 41, prev_hash = hash of line 40  …   (several files after rotation are one chain)

A line is everything between line breaks, be it an event or not. So one that was torn by a crash is a link as well: it is closed with
a line break by whoever comes next, and stays.
"""

import errno
import os
import re
import stat
from dataclasses import dataclass
from pathlib import Path

from ecloud_pay.adapters.audit.line import CHAIN_BEGINS, line_hash
from ecloud_pay.adapters.audit.locked import Deadline, locked_for_reading

BLOCK_BYTES = 64 * 1024
# audit.jsonl.1, audit.jsonl-20250127, audit.jsonl-20250127-143015.backup, audit.jsonl.2025-01-27: what logrotate and people call them.
_ROTATED = re.compile(r"[.-][0-9][0-9TZ:._+-]*(\.backup)?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Link:
    """The hash that the next line carries, and whether the line before it in the same file lacks its line break."""

    prev_hash: str
    is_torn: bool


def next_link(descriptor: int, path: Path, deadline: Deadline) -> Link:
    """What the next line of the locked file hangs on. Raises OSError, and CannotWrite where the rotated file is locked for too long."""
    size = os.fstat(descriptor).st_size
    if size == 0:
        return Link(hash_before(path, deadline), is_torn=False)
    return Link(_last_line_hash(descriptor, size), is_torn=os.pread(descriptor, 1, size - 1) != b"\n")


def hash_before(path: Path, deadline: Deadline) -> str:
    """The hash of the last line of the newest file that was rotated away from `path`; CHAIN_BEGINS where there is none with a line.

    The newest is the one that was last written to. Compressed files are not looked into. Raises as `next_link` does.
    """
    for rotated in _rotated(path):
        # Somebody may have got the lock of this file just before it was rotated: what he is writing is the line we look for.
        with locked_for_reading(rotated, deadline) as descriptor:
            if size := os.fstat(descriptor).st_size:
                return _last_line_hash(descriptor, size)
    return CHAIN_BEGINS


def _rotated(path: Path) -> list[Path]:
    """The rotated files of `path` in its folder, newest first."""
    found: list[tuple[int, Path]] = []
    with os.scandir(path.parent) as entries:
        for entry in entries:
            if entry.name.startswith(path.name) and _ROTATED.fullmatch(entry.name, len(path.name)):
                facts = entry.stat(follow_symlinks=False)
                if stat.S_ISREG(facts.st_mode):
                    found.append((facts.st_mtime_ns, path.parent / entry.name))
    return [rotated for _, rotated in sorted(found, reverse=True)]


def _last_line_hash(descriptor: int, size: int) -> str:
    """Of a file with at least one byte, which is read from its end in blocks."""
    end = size - 1 if os.pread(descriptor, 1, size - 1) == b"\n" else size
    start, blocks = end, list[bytes]()
    while start > 0:
        before = max(0, start - BLOCK_BYTES)
        block = _read(descriptor, before, start - before)
        line_break = block.rfind(b"\n")
        blocks.append(block[line_break + 1 :])
        if line_break >= 0:
            break
        start = before
    return line_hash(b"".join(reversed(blocks)))


def _read(descriptor: int, offset: int, count: int) -> bytes:
    """Exactly those bytes."""
    blocks = list[bytes]()
    while count > 0:
        block = os.pread(descriptor, count, offset)
        if not block:
            raise OSError(errno.EIO, "somebody cut it short meanwhile")
        blocks.append(block)
        offset, count = offset + len(block), count - len(block)
    return b"".join(blocks)
