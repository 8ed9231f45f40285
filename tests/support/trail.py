"""The audit trail as a test reads it: whole lines, and whether each hangs on the one before."""

import hashlib
import json
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ecloud_pay.adapters.audit.log import AuditLog
from ecloud_pay.domain.audit import AuditEvent, EventType
from ecloud_pay.domain.payment import Json
from samples import payment_5

ZEROS = "0" * 64
NOON = datetime(2025, 1, 27, 12, 0, 0, 5, tzinfo=UTC)


def trail(path: Path, **options: Any) -> AuditLog:
    """An audit trail whose lines depend on their events alone: the clock stands still, and the host is `till`."""
    return AuditLog(path, clock=lambda: NOON, host="till", **options)


def requested(**details: Json) -> AuditEvent:
    """Somebody asked for a refund of payment #5."""
    return AuditEvent(EventType.REFUND_REQUESTED, payment_5(), "ops@example.com", "r-1", details)


def sha256(line: bytes) -> str:
    """In hex."""
    return hashlib.sha256(line).hexdigest()


def lines(path: Path) -> list[bytes]:
    """The lines of a file that ends with a line break, without their breaks."""
    text = path.read_bytes()
    assert text.endswith(b"\n")
    return text[:-1].split(b"\n")


def chain(files: Sequence[Path]) -> list[dict[str, Any]]:
    """The events of those files, oldest first, of which each must carry the hash of the line before; a torn line is a link, too."""
    events: list[dict[str, Any]] = []
    before = ZEROS
    for path in files:
        for line in lines(path):
            try:
                event = json.loads(line)
            except ValueError:
                event = None
            if event is not None:
                assert event["prev_hash"] == before
                events.append(event)
            before = sha256(line)
    return events
