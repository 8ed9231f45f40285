"""The journal: every request that Stripe was sent, and what became of it. A key is in it only as a hash."""

import hashlib
import threading
import time
from collections import deque
from dataclasses import asdict, dataclass, field
from typing import Any

MOST_ENTRIES = 100_000
_TOLD = ("content-type", "idempotency-key", "stripe-account", "stripe-version", "user-agent")


@dataclass(slots=True, kw_only=True)
class Entry:
    """One request. `at_s` is monotonic; `status` None: nothing was answered (yet). `acted`: it made a refund, whose id is `refund`."""

    number: int
    at_s: float
    method: str
    target: str
    headers: dict[str, str]
    key_sha256: str | None
    body: str
    status: int | None = None
    acted: bool = False
    refund: str | None = None
    fault: str | None = None
    is_replay: bool = False
    request_id: str | None = None
    is_over: bool = field(default=False)


class Journal:
    """The entries in their order, the oldest dropped beyond MOST_ENTRIES. Threads may write at once."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._entries: deque[Entry] = deque(maxlen=MOST_ENTRIES)
        self._number = 0

    def open(self, method: str, target: str, headers: dict[str, str], body: bytes) -> Entry:
        """Note that a request has come."""
        authorization = headers.get("authorization")
        with self._lock:
            self._number += 1
            entry = Entry(
                number=self._number,
                at_s=time.monotonic(),
                method=method,
                target=target,
                headers={name: headers[name] for name in _TOLD if name in headers},
                key_sha256=None if authorization is None else hashlib.sha256(authorization.encode()).hexdigest(),
                body=body.decode(errors="backslashreplace"),
            )
            self._entries.append(entry)
        return entry

    def report(self, since: int = 0) -> list[dict[str, Any]]:
        """The entries behind number `since`."""
        with self._lock:
            return [asdict(entry) for entry in self._entries if entry.number > since]

    def clear(self) -> None:
        """Forget them, and count from one again."""
        with self._lock:
            self._entries.clear()
            self._number = 0
