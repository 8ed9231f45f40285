"""Part files: what is being written, beside the place where it will be, until it is whole.

    .payments.csv.5f0c1d2e9a7b4836.part     0600, locked by its writer; the kernel lets go of the lock when the writer dies

So a part whose lock can be taken was left by a writer that was killed, and whoever writes under the same name next removes it.
"""

import errno
import fcntl
import hashlib
import os
import re
import secrets
import stat
import sys
from contextlib import suppress
from typing import BinaryIO

SUFFIX = ".part"
RANDOM_BYTES = 8
# "." + name + "." + random + ".part"
_OVERHEAD = len("..") + 2 * RANDOM_BYTES + len(SUFFIX)
_DIGEST_LENGTH = 16
_FALLBACK_NAME_MAX = 255
# A sweeping neighbour can get hold of a part between its creation and its lock; it does so once, not for ever.
_ATTEMPTS = 100
_BUFFER_BYTES = 256 * 1024
# So much is copied by one call of the kernel, which no signal interrupts: some 50 ms.
CHUNK_BYTES = 64 * 1024 * 1024
# What file systems without locks, links or copying inside the kernel answer.
UNSUPPORTED = frozenset({errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOTSUP, errno.EINVAL, errno.EPERM, errno.EXDEV, errno.ENOLCK})


class Part:
    """One part file, open for writing as `file`. It stays locked until `discard`, even when `file` has been closed."""

    def __init__(self, folder: int, name: str, descriptor: int) -> None:
        self.name = name
        self._folder = folder
        self._descriptor = descriptor
        # Of a duplicate, which shares the lock: a library that closes what it was given does not let go of it.
        self.file: BinaryIO = open(os.dup(descriptor), "wb", buffering=_BUFFER_BYTES)  # noqa: SIM115  (closed by discard)

    def settle(self) -> None:
        """Have everything written so far on the disk itself. Raises OSError."""
        self.flush()
        os.fsync(self._descriptor)

    def flush(self) -> None:
        """Hand everything written so far to the kernel. Raises OSError."""
        if not self.file.closed:
            self.file.flush()

    def read(self) -> BinaryIO:
        """The part from its beginning, for reading, with an offset of its own. Whoever called closes it."""
        self.flush()
        return open(os.open(self.name, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=self._folder), "rb", buffering=0)

    def discard(self) -> None:
        """Remove the part, unless it has been put in place under another name, and let go of the lock."""
        with suppress(OSError):
            os.unlink(self.name, dir_fd=self._folder)
        # On a full disk closing fails once more on what is still in the buffer; the descriptor is closed all the same.
        with suppress(OSError):
            self.file.close()
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


def create_part(folder: int, final_name: str) -> Part:
    """A new part of `final_name` in the open folder. Raises OSError."""
    prefix = _prefix(folder, final_name)
    for _ in range(_ATTEMPTS):
        name = f"{prefix}{secrets.token_hex(RANDOM_BYTES)}{SUFFIX}"
        descriptor = os.open(name, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600, dir_fd=folder)
        try:
            os.fchmod(descriptor, 0o600)  # whatever the umask took away
            is_ours = _lock(descriptor) and os.fstat(descriptor).st_nlink > 0
        except BaseException:
            _remove(folder, name, descriptor)
            raise
        if is_ours:
            return Part(folder, name, descriptor)
        _remove(folder, name, descriptor)
    raise OSError(errno.EBUSY, "its part files are being removed by another program")


def sweep_parts(folder: int, final_name: str) -> None:
    """Remove the parts of `final_name` that dead writers left in the open folder. Raises nothing: they are in nobody's way."""
    pattern = re.compile(re.escape(_prefix(folder, final_name)) + f"[0-9a-f]{{{2 * RANDOM_BYTES}}}" + re.escape(SUFFIX))
    with suppress(OSError):
        for name in os.listdir(folder):
            if pattern.fullmatch(name):
                _remove_if_dead(folder, name)


def append(to: BinaryIO, part: BinaryIO) -> None:
    """Add all of `part` at the end of `to`: inside the kernel where it can, in pieces, so that a signal is noticed. Raises OSError.

    Both are the `file` of a Part: opened so that their descriptors can be read.
    """
    to.flush()
    part.flush()
    to.seek(0, os.SEEK_END)
    copied = _copied_inside_the_kernel(to.fileno(), part.fileno())
    to.seek(0, os.SEEK_END)
    while piece := os.pread(part.fileno(), _BUFFER_BYTES, copied):
        to.write(piece)
        copied += len(piece)
    to.flush()


def _copied_inside_the_kernel(to: int, part: int) -> int:
    """How many bytes of the part could be copied this way, from its beginning."""
    copied = 0
    if sys.platform == "linux":
        size = os.fstat(part).st_size
        try:
            while copied < size and (count := os.copy_file_range(part, to, min(CHUNK_BYTES, size - copied), offset_src=copied)):
                copied += count
        except OSError as error:
            if error.errno not in UNSUPPORTED:
                raise
    return copied


def _prefix(folder: int, final_name: str) -> str:
    """`.payments.csv.`; of a name too long for more, its beginning and a digest of it."""
    try:
        room = os.fpathconf(folder, "PC_NAME_MAX") - _OVERHEAD
    except (OSError, ValueError):
        room = _FALLBACK_NAME_MAX - _OVERHEAD
    encoded = os.fsencode(final_name)
    if len(encoded) > room:
        digest = hashlib.sha256(encoded).hexdigest()[:_DIGEST_LENGTH]
        # Cut between characters: some file systems refuse names that are not UTF-8.
        final_name = encoded[: room - _DIGEST_LENGTH - 1].decode("utf-8", "ignore") + "~" + digest
    return f".{final_name}."


def _remove_if_dead(folder: int, name: str) -> None:
    try:
        descriptor = os.open(name, os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=folder)
    except OSError:
        return
    try:
        if _looks_like_ours(os.fstat(descriptor)):
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            os.unlink(name, dir_fd=folder)
    except OSError:  # its writer lives, or there are no locks here and nobody can tell
        pass
    finally:
        os.close(descriptor)


def _looks_like_ours(found: os.stat_result) -> bool:
    return stat.S_ISREG(found.st_mode) and found.st_uid == os.geteuid() and not found.st_mode & 0o177


def _lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:
        if error.errno not in UNSUPPORTED:
            raise
    return True


def _remove(folder: int, name: str, descriptor: int) -> None:
    with suppress(OSError):
        os.unlink(name, dir_fd=folder)
    os.close(descriptor)
