"""The window of a report, as options and as the periods it is cut into."""

import re
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Annotated

import typer

from ecloud_pay.commands import parsing
from ecloud_pay.commands.selection import Filters
from ecloud_pay.domain.errors import UsageError
from ecloud_pay.domain.period import Period
from ecloud_pay.domain.spans import Every, Span, last_complete, last_days, span_around, span_preceding, spans
from ecloud_pay.rendering.times import period_text
from ecloud_pay.wiring import Wiring

DEFAULT_DAYS = 30
MOST_SPANS = 1000
EVERY = [every.value for every in Every]


@dataclass(frozen=True)
class WindowOptions:
    """Which window; --since and --until are among the filters."""

    daily: Annotated[bool, typer.Option("--daily", help="One day: yesterday, or the one of --date.")] = False
    weekly: Annotated[bool, typer.Option("--weekly", help="One week from Monday: the last complete one, or that of --date.")] = False
    monthly: Annotated[bool, typer.Option("--monthly", help="One month: the last complete one, or that of --date.")] = False
    date: Annotated[str | None, typer.Option("--date", metavar="DATE", help="The day, week or month that holds DATE.")] = None
    every: Annotated[
        str | None,
        typer.Option("--every", metavar="LENGTH", help=f"A line every {', '.join(EVERY)} (default: day).", autocompletion=lambda: EVERY),
    ] = None


@dataclass(frozen=True, slots=True)
class Frame:
    """A window that makes sense: what it is called where it has a name, and its periods."""

    window: Period
    every: Every
    spans: tuple[Span, ...]
    named: Span | None = None
    kind: str = ""

    @property
    def is_daily(self) -> bool:
        """Whether it is the one day of --daily."""
        return self.kind == "daily"

    @property
    def label(self) -> str:
        """` for 2025-01-26`, or nothing where the window has no name."""
        return f" for {self.named.label}" if self.named else ""


_MONTH = re.compile(r"\d{4}-\d{2}", re.ASCII)
_KINDS = {"daily": Every.DAY, "weekly": Every.WEEK, "monthly": Every.MONTH}


def report_frame(options: WindowOptions, filters: Filters, wiring: Wiring, *, has_periods: bool) -> Frame:
    """The window that was asked for, cut into periods where the report has any. UsageError names what makes no sense."""
    every = Every(parsing.one_of(options.every, EVERY, "--every", "length")) if options.every is not None else Every.DAY
    kind = _kind(options, filters)
    try:
        named = _named(kind, options, wiring) if kind else None
        window = named.period if named else _between(filters, wiring)
        frame = Frame(window, every, _cut(window, every, wiring) if has_periods else (), named, kind)
    except OverflowError as error:
        raise UsageError("the report's window lies at the end of the calendar", to_do="Choose one between the years 2 and 9998.") from error
    _tell(frame, wiring)
    return frame


def preceding(frame: Frame, wiring: Wiring) -> Span | None:
    """The period just before the first one, so that the first one can show a change."""
    try:
        return span_preceding(frame.spans[0], frame.every, wiring.zone) if frame.spans else None
    except OverflowError:  # there is none before the first day of the calendar
        return None


def _kind(options: WindowOptions, filters: Filters) -> str:
    asked = [kind for kind in _KINDS if getattr(options, kind)]
    if len(asked) > 1:
        raise UsageError(f"only one window at a time: {' and '.join('--' + kind for kind in asked)} were asked for")
    for option, value in (("--since", filters.since), ("--until", filters.until)):
        if asked and value is not None:
            raise UsageError(
                f"--{asked[0]} is a window already and does not go with {option}",
                to_do=f"Say which one with --date, or leave out --{asked[0]}.",
            )
    if asked and options.every is not None and EVERY.index(options.every) > EVERY.index(_KINDS[asked[0]]):
        raise UsageError(f"--every {options.every} is longer than the window of --{asked[0]}")
    if options.date is not None and not asked:
        raise UsageError("--date goes with --daily, --weekly or --monthly", to_do="For any other window, use --since and --until.")
    if filters.until is not None and filters.since is None:
        raise UsageError("--until alone is no window of a report", to_do="Say where it begins: --since DATE.")
    return asked[0] if asked else ""


def _named(kind: str, options: WindowOptions, wiring: Wiring) -> Span:
    every, zone, now = _KINDS[kind], wiring.zone, wiring.now
    instant = parsing.instant(options.date, "--date", zone, now)
    if instant is None:
        return last_complete(every, zone, now)
    if kind != "monthly" and _MONTH.fullmatch(options.date or ""):
        raise UsageError(f"--date: {options.date!r} is a month, and --{kind} asks for a {every}", to_do="Say a day, or --monthly.")
    if instant > now:
        raise UsageError(f"--date: {options.date!r} lies in the future")
    return span_around(instant, every, zone)


def _between(filters: Filters, wiring: Wiring) -> Period:
    zone, now = wiring.zone, wiring.now
    if filters.since is None:
        return last_days(DEFAULT_DAYS, zone, now)
    if filters.until is None and (begins := parsing.instant(filters.since, "--since", zone, now)) is not None and begins > now:
        raise UsageError(f"--since: {filters.since!r} lies in the future")
    until = "now" if filters.until is None else filters.until
    return parsing.window(filters.since, until, ("--since", "--until"), zone, now)


def _cut(window: Period, every: Every, wiring: Wiring) -> tuple[Span, ...]:
    since, until = ends(window)
    cut = tuple(islice(spans(since, until, every, wiring.zone), MOST_SPANS + 1))
    if len(cut) > MOST_SPANS:
        raise UsageError(f"the window holds more than {MOST_SPANS:,} periods of a {every}", to_do=_larger(since, until, wiring))
    return cut


def ends(window: Period) -> tuple[datetime, datetime]:
    """Both ends of a report's window, which always has them."""
    assert window.since is not None
    assert window.until is not None
    return window.since, window.until


def _larger(since: datetime, until: datetime, wiring: Wiring) -> str:
    for every in Every:
        try:
            if sum(1 for _ in islice(spans(since, until, every, wiring.zone), MOST_SPANS + 1)) <= MOST_SPANS:
                return f"Use --every {every}, or a shorter window."
        except OverflowError:
            continue
    return "Use a shorter window."


def _tell(frame: Frame, wiring: Wiring) -> None:
    if wiring.screen.notes_reach_a_person or wiring.choices.verbose:
        wiring.screen.note(f"The window: {period_text(frame.window, wiring.zone)}.")
    if frame.window.is_empty:
        wiring.screen.note("The window is empty: its end is left out.")
    elif ends(frame.window)[1] > wiring.now:
        wiring.screen.note("The window is not over yet: these figures are not complete.")
