"""Part files: what is being written, beside the place where it will be, until it is whole.

    .payments.csv.5f0c1d2e9a7b4836.part      0600, locked by its writer; the kernel lets go of the lock when the writer dies
    .payments.xlsx.91b3770e25c4fd08.part/    0700, locked likewise: a folder for what a library needs in between

So a part whose lock can be taken was left by a writer that was killed, and whoever writes under the same name next removes it.
"""

import errno
import fcntl
import hashlib
import os
import re
import secrets
import shutil
import stat
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
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
    return Part(folder, *_create(folder, final_name, _make_file))


@contextmanager
def open_scratch(path: str | None) -> Iterator[str]:
    """A private folder beside the file `path`, or where temporary files go, for the length of the block. Raises OSError.

    It is as a part file is: locked, gone at the end in any case, and swept away by the next one if we are killed.
    """
    path = path or os.path.join(tempfile.gettempdir(), "ecloud-pay.scratch")
    beside, final_name = os.path.dirname(path) or ".", os.path.basename(path)
    folder = os.open(beside, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        sweep_parts(folder, final_name)
        name, descriptor = _create(folder, final_name, _make_folder)
        try:
            yield os.path.join(beside, name)
        finally:
            _remove(folder, name, descriptor)
    finally:
        os.close(folder)


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


def _create(folder: int, final_name: str, make: Callable[[int, str], int | None]) -> tuple[str, int]:
    """The name and the locked descriptor of what `make` makes."""
    prefix = _prefix(folder, final_name)
    for _ in range(_ATTEMPTS):
        name = f"{prefix}{secrets.token_hex(RANDOM_BYTES)}{SUFFIX}"
        descriptor = make(folder, name)
        if descriptor is None:
            continue
        try:
            is_ours = _lock(descriptor) and _is_still_there(folder, name, descriptor)
        except BaseException:
            _remove(folder, name, descriptor)
            raise
        if is_ours:
            return name, descriptor
        _remove(folder, name, descriptor)
    raise OSError(errno.EBUSY, "its part files are being removed by another program")


def _make_file(folder: int, name: str) -> int:
    descriptor = os.open(name, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600, dir_fd=folder)
    os.fchmod(descriptor, 0o600)  # whatever the umask took away
    return descriptor


def _make_folder(folder: int, name: str) -> int | None:
    os.mkdir(name, 0o700, dir_fd=folder)
    try:
        os.chmod(name, 0o700, dir_fd=folder)
        return os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=folder)
    except FileNotFoundError:  # swept away already
        return None


def _is_still_there(folder: int, name: str, descriptor: int) -> bool:
    try:
        return os.path.samestat(os.stat(name, dir_fd=folder, follow_symlinks=False), os.fstat(descriptor))
    except FileNotFoundError:
        return False


def _remove_if_dead(folder: int, name: str) -> None:
    flags = os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    try:
        try:
            descriptor = os.open(name, os.O_RDWR | flags, dir_fd=folder)
        except IsADirectoryError:
            descriptor = os.open(name, os.O_RDONLY | os.O_DIRECTORY | flags, dir_fd=folder)
    except OSError:
        return
    try:
        if _looks_like_ours(os.fstat(descriptor)):
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            _erase(folder, name, descriptor)
    except OSError:  # its writer lives, or there are no locks here and nobody can tell
        pass
    finally:
        os.close(descriptor)


def _looks_like_ours(found: os.stat_result) -> bool:
    is_private = not found.st_mode & 0o077 and found.st_uid == os.geteuid()
    return is_private and (stat.S_ISREG(found.st_mode) or stat.S_ISDIR(found.st_mode))


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
        _erase(folder, name, descriptor)
    os.close(descriptor)


def _erase(folder: int, name: str, descriptor: int) -> None:
    if stat.S_ISDIR(os.fstat(descriptor).st_mode):
        shutil.rmtree(name, ignore_errors=True, dir_fd=folder)
    else:
        os.unlink(name, dir_fd=folder)
