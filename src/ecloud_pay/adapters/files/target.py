"""The file a command was asked to write: under its final name it is whole, or it is not there.

    open_target ──▶ .payments.csv.5f0c….part ──▶ written, fsync ──▶ payments.csv ──▶ fsync of the folder

Leaving the block without `commit`, however that happens, removes the part and leaves what was there untouched.
"""

import errno
import os
import signal
import stat
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import BinaryIO

from ecloud_pay.adapters.files.parts import UNSUPPORTED, Part, append, create_part, sweep_parts
from ecloud_pay.domain.errors import CannotWrite

_REMEDIES = {
    errno.ENOSPC: "Free some space or choose another place.",
    errno.EDQUOT: "Free some of your quota or choose another place.",
    errno.EFBIG: "Raise the limit on the size of files (ulimit -f) or choose another place.",
    errno.EACCES: "Choose a folder that you may write in.",
    errno.EPERM: "Choose a folder that you may write in.",
    errno.EROFS: "Choose a folder that can be written in.",
    errno.ENAMETOOLONG: "Choose a shorter name.",
}
_ELSEWHERE = "Choose another place."
_NOTHING_WRITTEN = "Nothing was written."


class Target:
    """A file on its way. `file` takes the bytes; wrap what writes to it in `writing()`."""

    def __init__(self, path: str, folder: int, *, force: bool) -> None:
        self.path = path
        self.name = os.path.basename(path)
        self._folder = folder
        self._force = force
        self._was_there = _refuse_what_is_in_the_way(path, self.name, folder, force=force)
        with self._translated("cannot be written", now=_NOTHING_WRITTEN):
            sweep_parts(folder, self.name)
            self._part = create_part(folder, self.name)
        self._more: list[Part] = []
        self.file: BinaryIO = self._part.file

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Turns the operating system's refusals into CannotWrite."""
        with self._translated("could not be written", now=self._what_is_there()):
            yield

    def more(self) -> BinaryIO:
        """A further part file, as private and as short-lived. Raises CannotWrite."""
        with self.writing(), _signals_held():
            part = create_part(self._folder, self.name)
            self._more.append(part)
        return part.file

    def join(self, part: BinaryIO) -> None:
        """Add all of `part`, which came from `more()`, at the end of `file`, and give its space back. Raises CannotWrite."""
        [joined] = [one for one in self._more if one.file is part]
        with self.writing():
            append(self.file, part)
        self._more.remove(joined)
        joined.discard()

    def read(self) -> BinaryIO:
        """What has been written so far, from its beginning; for the caller to close. Raises CannotWrite."""
        with self.writing():
            return self._part.read()

    def commit(self) -> None:
        """Put the file in place, whole and on the disk. Raises CannotWrite."""
        commit_all([self])

    def settle(self) -> None:
        """The first half of `commit`: everything written is on the disk itself. Raises CannotWrite."""
        with self.writing():
            self._part.settle()

    def put_in_place(self) -> None:
        """The second half: the name. Raises CannotWrite."""
        with self.writing():
            if self._force:
                self._replace()
                return
            try:
                os.link(self._part.name, self.name, src_dir_fd=self._folder, dst_dir_fd=self._folder)
            except FileExistsError as error:
                raise self._appeared() from error
            except OSError as error:
                if error.errno not in UNSUPPORTED:
                    raise
                # No links on this file system, so no way to ask and to act at once.
                if _found(self.name, self._folder) is not None:
                    raise self._appeared() from error
                self._replace()

    def settle_folder(self) -> None:
        """After the name: a power cut does not take it back. Raises CannotWrite, though the file is there."""
        try:
            os.fsync(self._folder)
        except OSError as error:
            if error.errno not in UNSUPPORTED:  # some file systems cannot, and have nothing to flush
                raise CannotWrite(
                    f"the folder of {self.path} could not be flushed to the disk: {error.strerror}",
                    now="The file is in place and whole; a power cut may still take it away.",
                ) from error

    def discard(self) -> None:
        """Remove every part file."""
        for part in (self._part, *self._more):
            part.discard()

    def _replace(self) -> None:
        # A rename puts the name itself in place: a link that appeared under it meanwhile is replaced, not followed.
        os.replace(self._part.name, self.name, src_dir_fd=self._folder, dst_dir_fd=self._folder)

    def _appeared(self) -> CannotWrite:
        return CannotWrite(
            f"{self.path} was written by somebody else meanwhile",
            now="Theirs is untouched and ours was thrown away.",
            to_do="Choose another name, or replace it with --force.",
        )

    def _what_is_there(self) -> str:
        return "The file that was there is untouched." if self._was_there else "Nothing is under that name."

    @contextmanager
    def _translated(self, verb: str, *, now: str) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise _refusal(self.path, verb, error, now) from error


@contextmanager
def open_target(path: str, *, force: bool) -> Iterator[Target]:
    """A Target for the length of the block, which commits it. Raises CannotWrite before anything is written or removed.

    The file will be 0600 and the caller's own, whatever the umask and whatever was there. Only a regular file is ever replaced, and
    only with `force`.
    """
    folder = _open_folder(path)
    try:
        with _signals_held() as let_go:
            target = Target(path, folder, force=force)
            try:
                let_go()
                yield target
            finally:
                target.discard()
    finally:
        os.close(folder)


@contextmanager
def _signals_held() -> Iterator[Callable[[], None]]:
    """Signals wait until the block calls what it gets: one between the making of a part and the `try` that removes it would leave it."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGINT, signal.SIGTERM, signal.SIGHUP))
    try:
        yield lambda: _set_mask(before)
    finally:
        _set_mask(before)


def _set_mask(mask: Iterable[int]) -> None:
    signal.pthread_sigmask(signal.SIG_SETMASK, mask)


def commit_all(targets: Sequence[Target]) -> None:
    """Put all of `targets` in place, in their order, after every one of them is safely on the disk. Raises CannotWrite."""
    for target in targets:
        target.settle()
    placed: list[str] = []
    for target in targets:
        try:
            target.put_in_place()
        except CannotWrite as error:
            if placed:
                error.now = f"{' and '.join(placed)} is in place and whole; {target.path} is not."
            raise
        placed.append(target.path)
    for target in targets:
        target.settle_folder()


def write_text(path: str, text: str, *, force: bool) -> None:
    """A small text as a file, as whole as any other. Raises CannotWrite."""
    with open_target(path, force=force) as target:
        with target.writing():
            target.file.write(text.encode())
        target.commit()


def _open_folder(path: str) -> int:
    folder = os.path.dirname(path) or "."
    try:
        return os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except FileNotFoundError as error:
        raise CannotWrite(f"{path} cannot be written: there is no folder {folder}", now=_NOTHING_WRITTEN, to_do=_ELSEWHERE) from error
    except NotADirectoryError as error:
        raise CannotWrite(f"{path} cannot be written: {folder} is no folder", now=_NOTHING_WRITTEN, to_do=_ELSEWHERE) from error
    except OSError as error:
        raise _refusal(path, "cannot be written", error, _NOTHING_WRITTEN) from error


def _refuse_what_is_in_the_way(path: str, name: str, folder: int, *, force: bool) -> bool:
    """Whether a file is there that will be replaced. Raises CannotWrite for everything else that is there."""
    if name in ("", ".", ".."):
        raise CannotWrite(f"{path!r} names no file", now=_NOTHING_WRITTEN, to_do="Name the file to be written.")
    try:
        found = _found(name, folder)
    except OSError as error:
        raise _refusal(path, "cannot be written", error, _NOTHING_WRITTEN) from error
    if found is None:
        return False
    if stat.S_ISLNK(found.st_mode):
        raise CannotWrite(f"{path} is a symbolic link", now=_NOTHING_WRITTEN, to_do="Name the file that it leads to.")
    if stat.S_ISDIR(found.st_mode):
        raise CannotWrite(f"{path} is a folder", now=_NOTHING_WRITTEN, to_do="Name a file in it.")
    if not stat.S_ISREG(found.st_mode):
        raise CannotWrite(f"{path} is no regular file", now=_NOTHING_WRITTEN, to_do="Choose another name.")
    if not force:
        raise CannotWrite(f"{path} exists", now=_NOTHING_WRITTEN, to_do="--force replaces it.")
    return True


def _found(name: str, folder: int) -> os.stat_result | None:
    with suppress(FileNotFoundError):
        return os.stat(name, dir_fd=folder, follow_symlinks=False)
    return None


def _refusal(path: str, verb: str, error: OSError, now: str) -> CannotWrite:
    return CannotWrite(f"{path} {verb}: {error.strerror or error}", now=now, to_do=_REMEDIES.get(error.errno or 0, _ELSEWHERE))
