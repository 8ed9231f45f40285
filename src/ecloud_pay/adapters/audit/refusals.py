"""Why the audit file could not be written, in words."""

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager

from ecloud_pay.domain.errors import CannotWrite

ELSEWHERE = "Name another file in ECLOUD_PAY_AUDIT_LOG."
_YOURS = "Let this user read it and write to it, or name another file in ECLOUD_PAY_AUDIT_LOG."
_REMEDIES = {
    errno.ENOSPC: "Free some space on that disk, then repeat.",
    errno.EDQUOT: "Free some of your quota, then repeat.",
    errno.EFBIG: "Raise the limit on the size of files (ulimit -f), or rotate the file.",
    errno.EACCES: _YOURS,
    errno.EPERM: _YOURS,
}


@contextmanager
def refusals(path: str, verb: str, *, now: str) -> Iterator[None]:
    """Turns what the operating system refuses into CannotWrite, and says what is true `now` in every one."""
    try:
        yield
    except CannotWrite as error:
        error.now = now
        raise
    except OSError as error:
        # What failed can be a folder above it or the file it was rotated from: then that is what somebody has to look at.
        named = os.fspath(error.filename or path)
        culprit = "" if named == path else f"{named}: "
        remedy = _REMEDIES.get(error.errno or 0, ELSEWHERE)
        raise CannotWrite(f"the audit file {path} {verb}: {culprit}{error.strerror or error}", now=now, to_do=remedy) from error


def refuse_all_but_files(path: str, found: os.stat_result) -> None:
    """Raise CannotWrite unless what was found at `path` is a regular file."""
    if stat.S_ISREG(found.st_mode):
        return
    if stat.S_ISLNK(found.st_mode):
        raise CannotWrite(f"the audit file {path} is a symbolic link", to_do="Name the file that it leads to in ECLOUD_PAY_AUDIT_LOG.")
    kind = "a folder" if stat.S_ISDIR(found.st_mode) else "no regular file"
    raise CannotWrite(f"the audit file {path} is {kind}", to_do=ELSEWHERE)
