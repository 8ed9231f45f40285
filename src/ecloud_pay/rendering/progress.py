"""How far a long work is: what is done, MB/s and the time that is left, on a terminal's stderr and nowhere else."""

import threading
import time
from collections.abc import Iterable, Iterator
from types import TracebackType
from typing import TYPE_CHECKING, Self, TypeVar

from ecloud_pay.rendering.screen import Screen

if TYPE_CHECKING:
    from rich.progress import Progress as Bar
    from rich.progress import TaskID

REDRAWN_EVERY_S = 0.2

_Row = TypeVar("_Row")


class Progress:
    """A line that is redrawn while things get done, and gone afterwards; without a screen nothing is shown. Threads may count at once.

    `expected` may be a guess, such as the planner's: what is left is told as `about`. `noun` is what is counted.
    """

    def __init__(self, screen: Screen | None, expected: int, *, noun: str = "rows") -> None:
        self._noun = noun
        self._bar = None if screen is None else _bar(screen)
        self._task: TaskID | None = None
        self._expected = expected
        self._lock = threading.Lock()
        self._rows = 0
        self._bytes = 0
        self._started = self._drawn = time.monotonic()

    def __enter__(self) -> Self:
        if self._bar is not None:
            self._bar.start()
            self._task = self._bar.add_task("", total=None, told="")
        return self

    def __exit__(self, _type: type[BaseException] | None, _error: BaseException | None, _traceback: TracebackType | None) -> None:
        if self._bar is not None:
            self._bar.stop()

    def add(self, size: int, rows: int) -> None:
        """That many more bytes and rows are done."""
        with self._lock:
            self._rows += rows
            self._bytes += size
            now = time.monotonic()
            if self._bar is not None and self._task is not None and now - self._drawn >= REDRAWN_EVERY_S:
                self._drawn = now
                total = self._expected if self._expected > self._rows else None
                self._bar.update(self._task, completed=self._rows, total=total, told=self._told(now - self._started))
                self._bar.refresh()

    def counted(self, rows: Iterable[_Row]) -> Iterator[_Row]:
        """`rows`, counted one by one as they pass."""
        for row in rows:
            yield row
            self.add(0, 1)

    def _told(self, elapsed_s: float) -> str:
        told = f"{self._rows:,} {self._noun}"
        if self._bytes:
            told += f" · {self._bytes / 1e6 / elapsed_s:,.0f} MB/s"
        if self._expected <= self._rows:  # the guess was too low, so there is nothing to reckon with
            return told
        left_s = elapsed_s * (self._expected - self._rows) / self._rows
        return f"{told} · about {time_left(left_s)} left"


def time_left(seconds: float) -> str:
    """`7 s`, `2:05 min`, `1:02:09 h`."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    return f"{minutes}:{rest:02} min" if minutes < 60 else f"{minutes // 60}:{minutes % 60:02}:{rest:02} h"


def _bar(screen: Screen) -> "Bar | None":
    console = screen.progress_console()
    if console is None:
        return None
    from rich.progress import BarColumn, TextColumn
    from rich.progress import Progress as Bar

    columns = BarColumn(bar_width=24), TextColumn("{task.fields[told]}", markup=False)
    # Redrawn by hand: a thread of its own would take turns with the copying. Stdout is for data, and none of the bar's business.
    return Bar(*columns, console=console, auto_refresh=False, transient=True, redirect_stdout=False, redirect_stderr=False)
