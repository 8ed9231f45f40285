"""How fast we ask: below Stripe's limits, so that others who use the same account still get through.

Each bucket holds a few requests at once and fills at its rate. https://docs.stripe.com/rate-limits
"""

import threading
import time
from collections.abc import Callable

from ecloud_pay.domain.at_stripe import Mode

# Of 100 a second live and 25 in a sandbox; each endpoint has 25 by default. What is missing is the burst.
RATES_PER_S = {Mode.LIVE: 80.0, Mode.TEST: 20.0}
ENDPOINT_RATE_PER_S = 20.0
BURST = 5

_ALL = ""  # the bucket of the whole account


class Pace:
    """Two buckets for every request, the account's and its endpoint's. Threads may ask at once."""

    def __init__(self, mode: Mode, clock: Callable[[], float] = time.monotonic) -> None:
        self._account_rate_per_s = RATES_PER_S[mode]
        self._clock = clock
        self._lock = threading.Lock()
        self._full_at_s: dict[str, float] = {}  # when each bucket will have filled up again

    def reserve(self, endpoint: str) -> float:
        """Take one request to `endpoint` (such as "GET /v1/refunds") out of the buckets; returns the seconds to wait before it is made."""
        with self._lock:
            now = self._clock()
            return max(self._take(_ALL, self._account_rate_per_s, now), self._take(endpoint, ENDPOINT_RATE_PER_S, now))

    def _take(self, bucket: str, rate_per_s: float, now: float) -> float:
        full_at_s = max(self._full_at_s.get(bucket, now), now)
        self._full_at_s[bucket] = full_at_s + 1 / rate_per_s
        return max(0.0, full_at_s - now - (BURST - 1) / rate_per_s)
