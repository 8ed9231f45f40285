"""The console as a forked child of a warm parent: the whole of it, from its arguments to its exit code, in a hurry."""

import gc
import io
import logging
import os
import sys
import tempfile
import threading
import time
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stderr, redirect_stdout, suppress
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import IO, Any, ClassVar

from ecloud_pay import cli
from ecloud_pay.adapters.postgres import writing
from ecloud_pay.adapters.postgres.engine import Database
from ecloud_pay.adapters.postgres.login import parse_login
from ecloud_pay.adapters.stripe.gateway import Limits, open_gateway
from ecloud_pay.ports import StripeGateway
from ecloud_pay.signals import MoneyInFlight, raise_on_signals
from ecloud_pay.wiring import Wiring
from simulation.refunds.wires import Run

HASTE = 0.004  # how much of each pause is really waited for
SEND_S = 0.3  # after which an answer counts as lost; what stalls takes longer
STALL_S = 0.45
_LIMITS = Limits(connect_s=1.0, send_s=SEND_S, read_s=2.0, pauses_s=(0.002, 0.003, 0.004))
_WARM = """
    ecloud_pay.adapters.audit.log ecloud_pay.adapters.postgres.ledger ecloud_pay.adapters.postgres.payments ecloud_pay.actions.requests
    ecloud_pay.commands.refund ecloud_pay.commands.refund_making ecloud_pay.commands.refund_open ecloud_pay.rendering.refund_cards
    ecloud_pay.rendering.errors rich.console rich.text rich.table sqlalchemy.dialects.postgresql.psycopg psycopg_binary logging.handlers
    """.split()


class _Hurried(MoneyInFlight):
    def wait(self, seconds: float) -> None:
        super().wait(seconds * HASTE)


class HastyWiring(Wiring):
    """The wiring with short pauses; all else is the product's. The statements that the parent has compiled serve its children."""

    _rehearsed: ClassVar[Database | None] = None

    @contextmanager
    def gateway(self) -> Iterator[StripeGateway]:
        yield open_gateway(
            self.settings.secret("STRIPE_SECRET_KEY"),
            base=self.settings.text("STRIPE_API_BASE"),
            limits=_LIMITS,
            sleep=lambda seconds: time.sleep(seconds * HASTE),
        )

    def money_in_flight(self) -> MoneyInFlight:
        return _Hurried()

    def _database(self, url: str, setting: str) -> Database:
        known = HastyWiring._rehearsed
        if known is None:
            HastyWiring._rehearsed = known = super()._database(url, setting)
        known.login = parse_login(url, setting)
        return known


def warm_up() -> None:
    """Import what a refund needs, once, and make the program hasty."""
    for name in _WARM:
        import_module(name)
    _put(cli, "Wiring", HastyWiring)
    _put(writing, "PAUSES_S", tuple(pause_s * 0.02 for pause_s in writing.PAUSES_S))


def rehearse(environ: Mapping[str, str], payment: int) -> None:
    """Refund and resume once in this very process, so that its children find everything compiled."""
    with redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()) as complaints, _in_environment(environ):
        for arguments in (
            ["refund", str(payment), "--amount", "1", "--yes"],
            ["refund", str(payment), "--dry-run"],
            ["refund", "--resume"],
        ):
            if cli.run(arguments) != 0:
                raise AssertionError(f"{arguments}: {complaints.getvalue()}")
    if threading.active_count() > 1:
        raise AssertionError(f"a process with other threads must not fork: {threading.enumerate()}")
    gc.collect()
    gc.freeze()


@contextmanager
def _in_environment(environ: Mapping[str, str]) -> Iterator[None]:
    kept = dict(os.environ)
    os.environ.clear()
    os.environ.update(environ)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(kept)


def _put(module: Any, name: str, changed: object) -> None:
    setattr(module, name, changed)


@dataclass(slots=True)
class Console:
    """One console that runs, or ran. `stdout` says where its output goes: kept, a full disk, or a pipe that nobody reads."""

    run: Run
    arguments: Sequence[str]
    environ: Mapping[str, str]
    stdout: str = "kept"
    mutate: Callable[[], None] | None = None
    out: str = ""
    err: str = ""
    _out: IO[bytes] | None = None
    _err: IO[bytes] | None = None

    def start(self) -> None:
        """Fork."""
        self._out = tempfile.TemporaryFile(dir=_FAST)  # noqa: SIM115  (open until it has ended)
        self._err = tempfile.TemporaryFile(dir=_FAST)  # noqa: SIM115
        reading, writing_end = os.pipe()
        out_fd = self._out.fileno()
        opened: list[int] = []
        if self.stdout == "full":
            out_fd = os.open("/dev/full", os.O_WRONLY)
            opened = [out_fd]
        elif self.stdout == "closed":
            unread, out_fd = os.pipe()
            os.close(unread)
            opened = [out_fd]
        pid = os.fork()
        if pid == 0:
            _be_console(self, out_fd, self._err.fileno(), writing_end)
        for each in (writing_end, *opened):
            os.close(each)
        self.run.pid, self.run.end_fd = pid, reading

    def finish(self) -> None:
        """Read what it printed."""
        self.out, self.err = _text(self._out), _text(self._err)


_FAST = "/dev/shm" if Path("/dev/shm").is_dir() else None


def _text(file: IO[bytes] | None) -> str:
    assert file is not None
    file.seek(0)
    text = file.read().decode(errors="replace")
    file.close()
    return text


def _be_console(console: Console, out_fd: int, err_fd: int, end_fd: int) -> None:
    """Never returns."""
    code = 99
    try:
        for source, target in ((out_fd, 1), (err_fd, 2), (end_fd, 3)):
            os.dup2(source, target)
        os.closerange(4, 1024)
        os.environ.clear()
        os.environ.update(console.environ)
        sys.stdout = open(1, "w", encoding="utf-8", errors="backslashreplace", closefd=False)  # noqa: SIM115
        sys.stderr = open(2, "w", encoding="utf-8", errors="backslashreplace", closefd=False)  # noqa: SIM115
        logging.raiseExceptions = False
        raise_on_signals()
        if console.mutate is not None:
            console.mutate()
        code = cli.run(list(console.arguments))
        sys.stderr.flush()
        with suppress(OSError):
            sys.stdout.flush()
    except BaseException:
        traceback.print_exc(file=sys.__stderr__ if sys.stderr is None else sys.stderr)
        sys.stderr.flush()
    finally:
        os._exit(code)
