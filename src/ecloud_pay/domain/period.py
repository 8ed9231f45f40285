"""The small closed grammar of dates, and the half-open window `[since, until)` it makes.

A word stands for the instant at which the named span begins, so `--since last-month --until this-month` is last month and
`--until 2025-01-31` leaves the 31st out. A day is a local day of the given zone, 23 or 25 hours long where the clocks change.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, tzinfo

FORMS = "2025-01-27, 2025-01, 2025-01-27T14:30:15Z, today, yesterday, now, 12h, 7d, 2w, this-week, last-week, this-month, last-month, ytd"
DURATION_FORMS = "2s, 10m, 24h, 7d, 2w"

_DAY = re.compile(r"(\d{4})-(\d{2})-(\d{2})", re.ASCII)
_MONTH = re.compile(r"(\d{4})-(\d{2})", re.ASCII)
_INSTANT = re.compile(r"\d{4}-\d{2}-\d{2}[Tt ]\d{2}:\d{2}(:\d{2}([.]\d{1,6})?)?([Zz]|[+-]\d{2}:?\d{2})", re.ASCII)
_DURATION = re.compile(r"(\d{1,9})([smhdw])", re.ASCII)
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 7 * 86400}


class NotADate(ValueError):
    """The text is none of the forms, or names a day that does not exist."""


class BackwardPeriod(ValueError):
    """The window would end before it begins."""


def parse_duration(text: str) -> timedelta:
    """`2s 10m 24h 7d 2w` → that much time; anything else: NotADate. `7d` is 168 hours, whatever the clocks do."""
    match = _DURATION.fullmatch(text)
    if match is None:
        raise NotADate(f"{text!r} is not a duration; write one like {DURATION_FORMS}")
    try:
        return timedelta(seconds=int(match[1]) * _SECONDS[match[2]])
    except OverflowError as error:
        raise NotADate(f"{text!r} is longer than any time there is") from error


def parse_instant(text: str, zone: tzinfo, now: datetime) -> datetime:
    """The instant (UTC) at which what `text` names begins, by the calendar of `zone`. NotADate lists the forms."""
    try:
        return _parse(text, zone, now).astimezone(UTC)
    except NotADate:
        raise
    except (ValueError, OverflowError) as error:
        raise NotADate(f"{text!r} is not a date that exists") from error


@dataclass(frozen=True, slots=True)
class Period:
    """The half-open window `[since, until)` in UTC; None is open on that side."""

    since: datetime | None = None
    until: datetime | None = None

    def __post_init__(self) -> None:
        if self.since is not None and self.until is not None and self.since > self.until:
            raise BackwardPeriod("the window ends before it begins")

    @property
    def is_bounded(self) -> bool:
        """Whether the window leaves anything out."""
        return self.since is not None or self.until is not None

    @property
    def is_empty(self) -> bool:
        """Whether nothing can lie in it: `[x, x)`."""
        return self.since is not None and self.since == self.until


def day_begins(day: date, zone: tzinfo) -> datetime:
    """The first instant of the local `day`, in UTC: where the clocks skip midnight, the instant they skip to."""
    return datetime(day.year, day.month, day.day, tzinfo=zone).astimezone(UTC)


def _parse(text: str, zone: tzinfo, now: datetime) -> datetime:
    if text == "now":
        return now
    if text in _NAMED_DAYS:
        return day_begins(_NAMED_DAYS[text](now.astimezone(zone).date()), zone)
    if match := _DAY.fullmatch(text):
        return day_begins(date(int(match[1]), int(match[2]), int(match[3])), zone)
    if match := _MONTH.fullmatch(text):
        return day_begins(date(int(match[1]), int(match[2]), 1), zone)
    if _INSTANT.fullmatch(text):
        return datetime.fromisoformat(text.upper())
    if _DURATION.fullmatch(text):
        # In UTC: between two instants of one zone Python subtracts what the clocks on the wall show.
        return now.astimezone(UTC) - parse_duration(text)
    raise NotADate(f"{text!r} is not a date; write one of: {FORMS}")


def _this_week(today: date) -> date:
    return today - timedelta(days=today.weekday())


def _last_month(today: date) -> date:
    return (today.replace(day=1) - timedelta(days=1)).replace(day=1)


_NAMED_DAYS: dict[str, Callable[[date], date]] = {
    "today": lambda today: today,
    "yesterday": lambda today: today - timedelta(days=1),
    "this-week": _this_week,
    "last-week": lambda today: _this_week(today) - timedelta(weeks=1),
    "this-month": lambda today: today.replace(day=1),
    "last-month": _last_month,
    "ytd": lambda today: today.replace(month=1, day=1),
}
