"""Where the demo server keeps its files, and how that folder is made.

<state dir>/demo/          0700; for root 0711, and elsewhere if the server's account cannot enter the state dir
├── start.lock             held while a console starts, fills or stops the server
├── in-use.lock            shared by every console that uses the server
├── server.log             begun anew at every start
├── run/                   the socket; 0700, the server's account's
├── data/                  the cluster; 0700, the server's account's
├── stripe.sqlite          what the stand-in for Stripe holds; the console's own
├── binaries-18-…/         root only: a copy the server's account can reach
└── scratch-…              half-made or half-deleted; whoever holds start.lock next sweeps it away
"""

import errno
import hashlib
import os
import secrets
import shutil
import stat
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from ecloud_pay.demo.account import Account, can_enter, only_root_can_swap, server_account
from ecloud_pay.domain.errors import CannotWrite, NotConfigured

# sockaddr_un.sun_path less its final NUL; PostgreSQL refuses anything longer.
SOCKET_PATH_BYTES = 103 if sys.platform == "darwin" else 107
DISK_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})
SOCKET_NAME = ".s.PGSQL.5432"
# libpq reads a comma in `host` as a list of hosts, and postmaster.pid is read by lines.
NOT_IN_SOCKET_PATH = frozenset(",\n\r")
UNQUOTABLE = NOT_IN_SOCKET_PATH.union('"$`\\')
SYSTEM_PLACES = (Path("/var/lib"), Path("/var/tmp"))
ELSEWHERE = "set ECLOUD_PAY_STATE_DIR to a folder of yours with a short path"


@dataclass(frozen=True, slots=True)
class ServerFolder:
    """Where everything lives, decided once. `account` is whom the server runs as; None: the caller."""

    root: Path
    account: Account | None

    @property
    def data(self) -> Path:
        return self.root / "data"

    @property
    def sockets(self) -> Path:
        return self.root / "run"

    @property
    def log(self) -> Path:
        return self.root / "server.log"

    @property
    def stripe_state(self) -> Path:
        return self.root / "stripe.sqlite"

    @property
    def start_lock(self) -> Path:
        return self.root / "start.lock"

    @property
    def in_use_lock(self) -> Path:
        return self.root / "in-use.lock"


def server_folder(state_dir: Path) -> ServerFolder:
    """Decide where the server of this state folder lives; nothing is made yet. Raises NotConfigured if there is no place for it."""
    account = server_account()
    with translated(state_dir):
        state_dir = Path(os.path.realpath(state_dir))
        folder = ServerFolder(_place(state_dir, account), account)
    _check_socket_path(folder.sockets / SOCKET_NAME)
    return folder


def make(folder: ServerFolder) -> None:
    """Make the folder with its modes, or check that the one found is ours."""
    with translated(folder.root):
        for parent in reversed(folder.root.parents):
            _mkdir(parent, 0o755 if folder.account else 0o700)
        if folder.account and not only_root_can_swap(folder.root.parent):
            raise NotConfigured(f"{folder.root.parent} is not root's alone, so the demo server cannot live there", to_do=ELSEWHERE)
        _mkdir(folder.root, 0o711 if folder.account else 0o700)
        _require_ours(folder.root)
        # The guard of a server that trusts every connection is this mode, so it is set even on a folder found here.
        folder.root.chmod(0o711 if folder.account else 0o700)
        make_servers_own(folder, folder.sockets)


def make_servers_own(folder: ServerFolder, path: Path) -> None:
    """Make `path`, directly inside our folder, as a 0700 folder of the server's account."""
    _mkdir(path, 0o700)
    if folder.account:
        os.chown(path, folder.account.uid, folder.account.gid, follow_symlinks=False)


def scratch(folder: ServerFolder, what: str) -> Path:
    """A name nobody uses yet, for something half-made or about to be deleted."""
    return folder.root / f"scratch-{what}-{secrets.token_hex(4)}"


def discard(folder: ServerFolder, path: Path) -> None:
    """Delete a folder of ours; if we are killed half-way, what remains has a name that says so."""
    if not path.exists():
        return
    doomed = scratch(folder, "deleted")
    path.rename(doomed)
    shutil.rmtree(doomed, ignore_errors=True)


def sweep(folder: ServerFolder) -> None:
    """Delete what killed consoles left half-made. An initdb they orphaned may still be writing: the next sweep gets the rest."""
    for leftover in folder.root.glob("scratch-*"):
        if leftover.is_dir():
            shutil.rmtree(leftover, ignore_errors=True)
        else:
            leftover.unlink(missing_ok=True)


@contextmanager
def translated(path: Path) -> Iterator[None]:
    """Turn the operating system's refusals into the error that tells what to do."""
    try:
        yield
    except OSError as error:
        reason = f"the demo server cannot use {error.filename or path}: {error.strerror or error}"
        if error.errno in DISK_FULL:
            raise CannotWrite(reason, to_do="make room on the disk and repeat") from error
        raise NotConfigured(reason, to_do=ELSEWHERE) from error


def _place(state_dir: Path, account: Account | None) -> Path:
    if account is None or _suits_root(state_dir, account):
        return state_dir / "demo"
    name = hashlib.sha256(os.fsencode(state_dir)).hexdigest()[:12]
    for system in SYSTEM_PLACES:
        place = system / "ecloud-pay"
        nearest = place if place.exists() else system
        if can_enter(account, nearest) and os.access(nearest, os.W_OK | os.X_OK):
            return place / name
    raise NotConfigured(f"there is no folder that root can write and the account {account.name} can enter", to_do=ELSEWHERE)


def _suits_root(state_dir: Path, account: Account) -> bool:
    # initdb runs its neighbour `postgres` through a shell without escaping these, and root's copy of both lives below state_dir.
    if UNQUOTABLE.intersection(str(state_dir)):
        return False
    # What is not there yet will be made by us, open to everybody: so the place does not depend on whether it has been made before.
    nearest = next(parent for parent in (state_dir, *state_dir.parents) if parent.exists())
    if not nearest.is_dir():
        return True  # which make() will refuse: a setting that is wrong is not quietly replaced
    return can_enter(account, nearest) and only_root_can_swap(nearest)


def _check_socket_path(socket: Path) -> None:
    too_long = len(os.fsencode(socket)) - SOCKET_PATH_BYTES
    if too_long > 0:
        raise NotConfigured(f"the path of the demo server's socket is {too_long} bytes too long: {socket}", to_do=ELSEWHERE)
    if NOT_IN_SOCKET_PATH.intersection(str(socket)):
        raise NotConfigured(
            f"the demo server's socket cannot be in a folder with a comma or line break in its name: {socket!r}", to_do=ELSEWHERE
        )


def _mkdir(path: Path, mode: int) -> None:
    try:
        path.mkdir(mode)
    except FileExistsError:
        return
    except OSError:
        # An automounted or read-only parent refuses before it says that the folder is there.
        if path.is_dir():
            return
        raise
    path.chmod(mode)  # whatever the umask took away


def _require_ours(root: Path) -> None:
    info = root.lstat()
    if not stat.S_ISDIR(info.st_mode) or info.st_uid != os.geteuid():
        raise NotConfigured(f"{root} is not a folder of yours, so the demo server cannot live there", to_do=ELSEWHERE)
