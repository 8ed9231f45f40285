"""Whom PostgreSQL runs as: the caller, or an existing unprivileged account when the caller is root.

PostgreSQL refuses to run as root. We never create an account for it and never open a folder of somebody else's for it: we look for
a place it can already enter.
"""

import os
import pwd
import stat
import subprocess
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from ecloud_pay.domain.errors import NotConfigured

CANDIDATES = ("postgres", "nobody", "daemon")

# Nothing of the caller's: PG* would steer the server, LD_* and DYLD_* would swap its libraries. TZ spares initdb a search of zoneinfo.
CLEAN_ENVIRONMENT = {"PATH": "/usr/bin:/bin:/usr/sbin:/sbin", "LC_ALL": "C", "TZ": "UTC"}


@dataclass(frozen=True, slots=True)
class Account:
    """An unprivileged account of this machine, as the passwd database names it."""

    name: str
    uid: int
    gid: int


def server_account() -> Account | None:
    """The account root lends to the server; None for an ordinary user, who runs it as themselves.

    Raises NotConfigured when root has no unprivileged account to lend.
    """
    if os.geteuid() != 0:
        return None
    for name in CANDIDATES:
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        if entry.pw_uid != 0:
            return Account(name, entry.pw_uid, entry.pw_gid)
    raise NotConfigured(
        f"PostgreSQL does not run as root, and none of the accounts {', '.join(CANDIDATES)} exists here",
        to_do="run --demo as an ordinary user",
    )


def can_enter(account: Account, folder: Path) -> bool:
    """Whether the account may pass through `folder` and everything above it. What does not exist yet will be made 0700, so: no."""
    return all(info is not None and _may_search(account, info) for info in _path_down_to(folder))


def only_root_can_swap(folder: Path) -> bool:
    """Whether nobody but root can rename or replace a part of `folder` under our hands (a sticky folder such as /tmp is fine)."""
    return all(info is None or _is_roots(info) for info in _path_down_to(folder))


def spawn(argv: Sequence[str | Path], account: Account | None, log_fd: int) -> subprocess.Popen[bytes]:
    """Start a program of PostgreSQL as `account`, out of reach of our terminal's Ctrl-C, writing to `log_fd` only."""
    return subprocess.Popen(
        argv,
        stdin=subprocess.DEVNULL,
        stdout=log_fd,
        stderr=log_fd,
        cwd="/",
        env=CLEAN_ENVIRONMENT,
        start_new_session=True,
        user=account.uid if account else None,
        group=account.gid if account else None,
        extra_groups=[] if account else None,
        umask=0o077,
    )


def _path_down_to(folder: Path) -> Iterator[os.stat_result | None]:
    parts: Iterable[Path] = (*reversed(folder.parents), folder)
    for part in parts:
        try:
            yield part.stat()
        except FileNotFoundError:
            yield None


def _may_search(account: Account, info: os.stat_result) -> bool:
    if not stat.S_ISDIR(info.st_mode):
        return False
    if info.st_uid == account.uid:
        return bool(info.st_mode & stat.S_IXUSR)
    # The server runs with extra_groups=[], so only the primary group counts.
    if info.st_gid == account.gid:
        return bool(info.st_mode & stat.S_IXGRP)
    return bool(info.st_mode & stat.S_IXOTH)


def _is_roots(info: os.stat_result) -> bool:
    others_write = info.st_mode & (stat.S_IWGRP | stat.S_IWOTH)
    return info.st_uid == 0 and (not others_write or bool(info.st_mode & stat.S_ISVTX))
