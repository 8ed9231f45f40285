"""The console as a forked child of a warm parent: the whole of it, from its arguments to its exit code, in a hurry."""

import gc
import logging
import os
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import IO

from ecloud_pay import cli
from ecloud_pay.adapters.postgres import writing
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


class _HastyWiring(Wiring):
    """The wiring with short pauses; all else is the product's."""

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


def warm_up() -> None:
    """Import what a refund needs, once, and make the program hasty."""
    for name in _WARM:
        import_module(name)
    cli.Wiring = _HastyWiring  # type: ignore[misc]
    writing.PAUSES_S = tuple(pause_s * 0.02 for pause_s in writing.PAUSES_S)  # type: ignore[assignment]
    gc.collect()
    gc.freeze()


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
        self._out, self._err = tempfile.TemporaryFile(dir=_FAST), tempfile.TemporaryFile(dir=_FAST)
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
        try:
            sys.stdout.flush()
        except OSError:
            pass
    except BaseException:
        traceback.print_exc(file=sys.__stderr__ if sys.stderr is None else sys.stderr)
        sys.stderr.flush()
    finally:
        os._exit(code)
