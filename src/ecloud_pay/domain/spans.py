"""Days, weeks, months, quarters and years of a calendar, as half-open windows of instants.

A day is a local day of the given zone: 23 or 25 hours long where the clocks change. Weeks begin on Monday and are numbered as
ISO 8601 does.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, tzinfo
from enum import StrEnum

from ecloud_pay.domain.period import Period, day_begins


class Every(StrEnum):
    """The lengths that a window may be cut into."""

    DAY = "day"
    WEEK = "week"
    MONTH = "month"
    QUARTER = "quarter"
    YEAR = "year"


@dataclass(frozen=True, slots=True)
class Span:
    """One bounded window and what it is called: `2025-01-26`, `2025-W05`, `2025-01`, `2025-Q1`, `2025`.

    `is_cut` says that the window holds only a part of what the label names: a window rarely begins on the first of a quarter.
    """

    since: datetime
    until: datetime
    label: str
    is_cut: bool = False

    @property
    def period(self) -> Period:
        """The window alone."""
        return Period(self.since, self.until)


def span_around(instant: datetime, every: Every, zone: tzinfo) -> Span:
    """The day, week, … of `zone` that holds `instant`."""
    first = _first_day(instant.astimezone(zone).date(), every)
    return Span(day_begins(first, zone), day_begins(_next_first_day(first, every), zone), label(first, every))


def last_complete(every: Every, zone: tzinfo, now: datetime) -> Span:
    """The newest day, week, … that is over."""
    current = span_around(now, every, zone)
    return span_around(current.since - timedelta(microseconds=1), every, zone)


def last_days(days: int, zone: tzinfo, now: datetime) -> Period:
    """The newest `days` days that are over."""
    today = now.astimezone(zone).date()
    return Period(day_begins(today - timedelta(days=days), zone), day_begins(today, zone))


def spans(since: datetime, until: datetime, every: Every, zone: tzinfo) -> Iterator[Span]:
    """`[since, until)` cut into days, weeks, …; the first and the last may be cut short. Nothing where the window is empty."""
    while since < until:
        whole = span_around(since, every, zone)
        end = min(whole.until, until)
        yield Span(since, end, whole.label, is_cut=since > whole.since or end < whole.until)
        since = end


def span_preceding(first: Span, every: Every, zone: tzinfo) -> Span | None:
    """The whole day, week, … just before `first`; None where `first` begins in the middle of one, and could not be compared with it."""
    if span_around(first.since, every, zone).since != first.since:
        return None
    return span_around(first.since - timedelta(microseconds=1), every, zone)


def days_between(since: datetime, until: datetime, zone: tzinfo) -> int | None:
    """How many local days `[since, until)` is; None where it does not begin and end at the beginning of a day."""
    first, last = (instant.astimezone(zone).date() for instant in (since, until))
    return (last - first).days if day_begins(first, zone) == since and day_begins(last, zone) == until else None


def span_before(since: datetime, until: datetime, zone: tzinfo) -> Period:
    """The window of the same kind just before: a month's is the month before, 30 days' the 30 days before, 90 minutes' 90 minutes."""
    for every in (Every.YEAR, Every.QUARTER, Every.MONTH):
        whole = span_around(since, every, zone)
        if (whole.since, whole.until) == (since, until):
            return span_around(since - timedelta(microseconds=1), every, zone).period
    if (days := days_between(since, until, zone)) is not None:
        return Period(day_begins(since.astimezone(zone).date() - timedelta(days=days), zone), since)
    return Period(since - (until - since), since)


def span_a_year_before(since: datetime, until: datetime, zone: tzinfo) -> Period:
    """The same window one year earlier. Whole weeks go back 52 weeks, so that a Monday meets a Monday; 29 February meets the 28th."""
    days = days_between(since, until, zone)
    if days is not None and days % 7 == 0 and since.astimezone(zone).weekday() == 0:
        first, last = (instant.astimezone(zone).date() - timedelta(weeks=52) for instant in (since, until))
        return Period(day_begins(first, zone), day_begins(last, zone))
    return Period(_a_year_before(since, zone), _a_year_before(until, zone))


def label(first: date, every: Every) -> str:
    """What the day, week, … that begins on `first` is called."""
    match every:
        case Every.DAY:
            return first.isoformat()
        case Every.WEEK:
            year, week, _ = first.isocalendar()
            return f"{year:04}-W{week:02}"
        case Every.MONTH:
            return first.isoformat()[:7]
        case Every.QUARTER:
            return f"{first.year:04}-Q{(first.month + 2) // 3}"
        case Every.YEAR:
            return f"{first.year:04}"


def _first_day(day: date, every: Every) -> date:
    match every:
        case Every.DAY:
            return day
        case Every.WEEK:
            return day - timedelta(days=day.weekday())
        case Every.MONTH:
            return day.replace(day=1)
        case Every.QUARTER:
            return day.replace(month=(day.month - 1) // 3 * 3 + 1, day=1)
        case Every.YEAR:
            return day.replace(month=1, day=1)


def _next_first_day(first: date, every: Every) -> date:
    # Longer than any of its kind and shorter than two.
    return _first_day(first + timedelta(days={"day": 1, "week": 7, "month": 31, "quarter": 92, "year": 366}[every]), every)


def _a_year_before(instant: datetime, zone: tzinfo) -> datetime:
    local = instant.astimezone(zone)
    try:
        earlier = local.replace(year=local.year - 1)
    except ValueError:  # the 29th of February
        earlier = local.replace(year=local.year - 1, day=28)
    return earlier.astimezone(UTC)
