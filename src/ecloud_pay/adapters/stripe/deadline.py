"""How long an operation may take as a whole, whatever it is made of."""

import time


class Deadline:
    """An instant `seconds` from now, on a clock that nobody sets back."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._ends_at_s = time.monotonic() + seconds

    def left_s(self) -> float:
        """What is left of it; 0 once it has passed."""
        return max(0.0, self._ends_at_s - time.monotonic())
