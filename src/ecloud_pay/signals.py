"""Signals as exceptions, so that `finally` runs: Python lets SIGTERM and SIGHUP end the process without it. While money is in flight
they wait until it has landed."""

import signal
import time
from types import FrameType, TracebackType
from typing import Self

from ecloud_pay import clock

_ALL = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_SLICE_S = 0.05  # how long a wait goes on after it was asked to end


class Stopped(BaseException):
    """Somebody wants us to stop. `exit_code` is the shell's: 128 + the signal's number; `now` says what is true then."""

    def __init__(self, signum: int, now: str = "nothing was changed") -> None:
        super().__init__(signal.Signals(signum).name)
        self.exit_code = 128 + signum
        self.now = now


def raise_on_signals() -> None:
    """From now on SIGINT, SIGTERM and SIGHUP raise Stopped, the first time; a second one while we clean up is ignored."""
    for signum in _ALL:
        # nohup and background jobs of scripts start us with a signal ignored, and mean it.
        if signal.getsignal(signum) is not signal.SIG_IGN:
            signal.signal(signum, _stop)


def _stop(signum: int, _frame: FrameType | None) -> None:
    _ignore_more()
    raise Stopped(signum)


def _ignore_more() -> None:
    for every in _ALL:
        signal.signal(every, signal.SIG_IGN)


class MoneyInFlight:
    """ports.Patience: inside the block the first signal is only remembered, and a second one raises Stopped at once."""

    def __init__(self) -> None:
        self._first: int | None = None
        self._handlers: dict[int, object] = {}

    @property
    def is_stop_asked(self) -> bool:
        return self._first is not None

    def wait(self, seconds: float) -> None:
        # In slices, and not on an Event: a handler that sets one hangs for ever where it has interrupted the line that holds its lock.
        end_s = time.monotonic() + seconds
        while self._first is None and (left_s := end_s - time.monotonic()) > 0:
            time.sleep(min(left_s, _SLICE_S))

    def elapsed_s(self) -> float:
        return clock.elapsed_s()

    def raise_if_stopped(self, now: str = "what was begun has ended, and is recorded") -> None:
        """Stopped, now that the money has landed, if a signal came meanwhile."""
        if self._first is not None:
            _ignore_more()
            raise Stopped(self._first, now)

    def __enter__(self) -> Self:
        for signum in _ALL:
            if signal.getsignal(signum) is not signal.SIG_IGN:
                self._handlers[signum] = signal.signal(signum, self._remember)
        return self

    def __exit__(self, _type: type[BaseException] | None, _error: BaseException | None, _traceback: TracebackType | None) -> None:
        for signum, handler in self._handlers.items():
            signal.signal(signum, handler)  # type: ignore[arg-type]  # what signal.signal gave back

    def _remember(self, signum: int, _frame: FrameType | None) -> None:
        if self._first is not None:
            _ignore_more()
            raise Stopped(signum, "ecloud-pay refund --pending shows what is open")
        self._first = signum
