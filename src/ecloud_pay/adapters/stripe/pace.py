"""How fast we ask: below Stripe's limits, so that others who use the same account still get through.

Each bucket lets so many requests through in any one second; a run of fewer never waits. https://docs.stripe.com/rate-limits
"""

import bisect
import threading
import time
from collections.abc import Callable

from ecloud_pay.domain.at_stripe import Mode

# Of 100 a second live and 25 in a sandbox; an endpoint has 25 by default.
RATES_PER_S = {Mode.LIVE: 80, Mode.TEST: 20}
ENDPOINT_RATE_PER_S = 20

_ACCOUNT = ""  # the bucket of all endpoints together


class Pace:
    """Two buckets for every request, the account's and its endpoint's. Threads may ask at once."""

    def __init__(self, mode: Mode, clock: Callable[[], float] = time.monotonic) -> None:
        self._account_rate_per_s = RATES_PER_S[mode]
        self._clock = clock
        self._lock = threading.Lock()
        self._departures_s: dict[str, list[float]] = {}  # of each bucket, the latest of them, in their order

    def reserve(self, endpoint: str) -> float:
        """Take a place for one request to `endpoint` (such as "POST /v1/refunds"); returns the seconds to wait before it is made."""
        buckets = ((_ACCOUNT, self._account_rate_per_s), (endpoint, ENDPOINT_RATE_PER_S))
        with self._lock:
            now = self._clock()
            departure_s = max(self._first_free_s(bucket, rate, now) for bucket, rate in buckets)
            for bucket, rate in buckets:
                departures_s = self._departures_s.setdefault(bucket, [])
                bisect.insort(departures_s, departure_s)
                del departures_s[:-rate]
            return departure_s - now

    def _first_free_s(self, bucket: str, rate: int, now: float) -> float:
        departures_s = self._departures_s.get(bucket, [])
        return now if len(departures_s) < rate else max(now, departures_s[0] + 1.0)
