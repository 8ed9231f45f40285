"""The private PostgreSQL behind `ecloud-pay --demo`: consoles share one server, the last one out stops it.

        enter                            leave
    start.lock EX                    start.lock EX
      in-use.lock SH ─────────────────▶ let go
      start, if it does not run         stop, if nobody else holds in-use.lock
      prepare
    let go                           let go

Both locks are the kernel's. A console killed at any point lets go of them, and the next one finds what it left: a server to adopt,
scratch to sweep, a stale postmaster.pid to disown.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import BinaryIO

from ecloud_pay.demo import postmaster
from ecloud_pay.demo.binaries import Binaries, discard_copies, find_binaries, within_reach
from ecloud_pay.demo.connection import answers, conninfo
from ecloud_pay.demo.folder import ServerFolder, discard, make, server_folder, sweep, translated
from ecloud_pay.demo.locks import is_in_use, start_lock, take_seat
from ecloud_pay.demo.pidfile import live_postmaster
from ecloud_pay.demo.server_log import trim_log
from ecloud_pay.domain.errors import Busy, EcloudPayError, Unavailable

__all__ = ["ServerFolder", "reset", "running", "server_folder", "stop"]

POLL_S = 0.01


def _say_nothing(_: str) -> None:
    pass


@contextmanager
def running(folder: ServerFolder, prepare: Callable[[str], None], tell: Callable[[str], None] = _say_nothing) -> Iterator[str]:
    """Yield the conninfo of a running server, in keyword form; share it with other consoles, and stop it when last out.

    `prepare(conninfo)` is called once per entry, when the server answers and no other console is starting, preparing or stopping.
    `tell` gets one-line notes about anything that takes a while or went wrong while leaving.

    Raises NotConfigured (extra or folder missing), Unavailable (the server did not start), CannotWrite (disk full) or Busy (another
    console did not finish starting); what `prepare` and the body raise passes through.
    """
    make(folder)
    seat: BinaryIO | None = None
    try:
        with start_lock(folder):
            with translated(folder.root):
                is_first = not is_in_use(folder)
                seat = take_seat(folder)
                _ensure_running(folder, lambda: answers(folder, evict=is_first), tell)
            prepare(conninfo(folder))
        yield conninfo(folder)
    finally:
        if seat is not None:
            _leave(folder, seat, tell)


def stop(folder: ServerFolder) -> bool:
    """Stop a server that nobody uses any more; False if none was running. Raises Busy while a console uses it."""
    if not folder.root.is_dir():
        return False
    make(folder)
    with start_lock(folder), translated(folder.root):
        _require_idle(folder)
        return postmaster.stop(folder)


def reset(folder: ServerFolder) -> None:
    """Stop the server and delete its data, so that the next start makes everything anew. Raises Busy while a console uses it."""
    if not folder.root.is_dir():
        return
    make(folder)
    with start_lock(folder), translated(folder.root):
        _require_idle(folder)
        postmaster.stop(folder)
        discard(folder, folder.data)
        discard_copies(folder)
        for left in folder.root.glob(f"{folder.stripe_state.name}*"):
            left.unlink()
        sweep(folder)


def _leave(folder: ServerFolder, seat: BinaryIO, tell: Callable[[str], None]) -> None:
    try:
        with seat, start_lock(folder), translated(folder.root):
            seat.close()
            if not is_in_use(folder):
                postmaster.stop(folder)
    except EcloudPayError as error:
        # The console is done and its own outcome matters more; whoever holds the lock is last out now, or heals this later.
        tell(error.what)


def _require_idle(folder: ServerFolder) -> None:
    if is_in_use(folder):
        raise Busy("the demo server is in use by another console", now="it keeps running", to_do="leave that console first")


def _ensure_running(folder: ServerFolder, it_answers: Callable[[], bool], tell: Callable[[str], None]) -> None:
    give_up_at = time.monotonic() + postmaster.START_LIMIT_S
    trim_log(folder)
    while not it_answers():
        if time.monotonic() > give_up_at:
            raise Unavailable("the demo server runs but does not answer", to_do=f"see {folder.log}")
        if live_postmaster(folder):
            # Left behind while it was starting or stopping: one of the two will be over soon.
            time.sleep(POLL_S)
            continue
        postmaster.start(folder, _programs_and_data(folder, tell), it_answers, give_up_at)


def _programs_and_data(folder: ServerFolder, tell: Callable[[str], None]) -> Binaries:
    binaries = find_binaries()
    sweep(folder)
    binaries = within_reach(folder, binaries)
    made_by = _major_of_data(folder)
    if made_by != binaries.major:
        tell(f"rebuilding the demo database: it was made by PostgreSQL {made_by}" if made_by else "building the demo database (first use)…")
        discard(folder, folder.data)
        postmaster.build_data(folder, binaries)
    return binaries


def _major_of_data(folder: ServerFolder) -> str:
    try:
        return (folder.data / "PG_VERSION").read_text(encoding="ascii").strip()
    except (FileNotFoundError, NotADirectoryError, UnicodeDecodeError):
        return ""
