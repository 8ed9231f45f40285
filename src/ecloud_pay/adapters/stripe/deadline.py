"""How long an operation may take as a whole, whatever it is made of."""

from collections.abc import Callable

from ecloud_pay.clock import elapsed_s


class Deadline:
    """An instant `seconds` from now, on a clock that nobody sets back and that goes on while the machine sleeps."""

    def __init__(self, seconds: float, clock: Callable[[], float] = elapsed_s) -> None:
        self.seconds = seconds
        self._clock = clock
        self._ends_at_s = clock() + seconds

    @property
    def has_passed(self) -> bool:
        return self.left_s() == 0

    def left_s(self) -> float:
        """What is left of it; 0 once it has passed."""
        return max(0.0, self._ends_at_s - self._clock())
