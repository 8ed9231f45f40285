"""The clock of everything that may not happen any more after a while, on a machine that may be asleep meanwhile."""

import time

# Linux has one of its own for that; elsewhere (macOS) the monotonic one goes on, which Python's time.monotonic() is not everywhere.
_CLOCK = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


def elapsed_s() -> float:
    """Seconds since some moment, those of sleep among them; nobody sets it back."""
    return time.clock_gettime(_CLOCK)
