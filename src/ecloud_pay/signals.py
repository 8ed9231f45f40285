"""Signals as exceptions, so that `finally` runs: Python lets SIGTERM and SIGHUP end the process without it."""

import signal
from types import FrameType


class Stopped(BaseException):
    """Somebody wants us to stop. `exit_code` is the shell's: 128 + the signal's number."""

    def __init__(self, signum: int) -> None:
        super().__init__(signal.Signals(signum).name)
        self.exit_code = 128 + signum


def raise_on_signals() -> None:
    """From now on SIGINT, SIGTERM and SIGHUP raise Stopped, the first time; a second one while we clean up is ignored."""
    for signum in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        # nohup and background jobs of scripts start us with a signal ignored, and mean it.
        if signal.getsignal(signum) is not signal.SIG_IGN:
            signal.signal(signum, _stop)


def _stop(signum: int, _frame: FrameType | None) -> None:
    for every in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(every, signal.SIG_IGN)
    raise Stopped(signum)
