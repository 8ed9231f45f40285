"""Instants as people and as scripts read them."""

from datetime import UTC, datetime, tzinfo

from ecloud_pay.domain.payment import AFTER_ALL_TIME, BEFORE_ALL_TIME
from ecloud_pay.domain.period import Period

_BEYOND = {AFTER_ALL_TIME: "infinity", BEFORE_ALL_TIME: "-infinity"}


def local_time(instant: datetime | None, zone: tzinfo) -> str:
    """`2025-01-27 14:30:15 UTC` in `zone`; `N/A` where there is none."""
    if instant is None:
        return "N/A"
    if instant in _BEYOND:
        return _BEYOND[instant]
    try:
        local = instant.astimezone(zone)
    except OverflowError:  # within hours of the first or last instant there is
        local = instant.astimezone(UTC)
    return f"{local.replace(tzinfo=None).isoformat(' ', 'seconds')} {local.tzname()}"


def api_time(instant: datetime | None) -> str | None:
    """`2025-01-27T14:30:15.123456Z`: always UTC, always microseconds; None where there is none."""
    if instant is None:
        return None
    if instant in _BEYOND:
        return _BEYOND[instant]
    return instant.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"


def period_text(period: Period, zone: tzinfo) -> str:
    """`from 2025-01-01 00:00:00 UTC until before 2025-02-01 00:00:00 UTC`."""
    parts = []
    if period.since is not None:
        parts.append(f"from {local_time(period.since, zone)}")
    if period.until is not None:
        parts.append(f"until before {local_time(period.until, zone)}")
    return " ".join(parts)
