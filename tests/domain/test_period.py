"""The small grammar of dates, the days on which the clocks change, and the half-open window."""

import contextlib
from datetime import UTC, date, datetime, timedelta, timezone, tzinfo
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from ecloud_pay.domain.period import DURATION_FORMS, FORMS, BackwardPeriod, NotADate, Period, day_begins, parse_duration, parse_instant

NOW = datetime(2025, 1, 27, 14, 30, 15, 123456, tzinfo=UTC)  # a Monday
BERLIN = ZoneInfo("Europe/Berlin")


def instant(text: str, zone: tzinfo = UTC, now: datetime = NOW) -> str:
    return parse_instant(text, zone, now).isoformat()


@pytest.mark.parametrize(
    ("text", "begins"),
    [
        ("2025-01-27", "2025-01-27T00:00:00+00:00"),
        ("2024-02-29", "2024-02-29T00:00:00+00:00"),
        ("2025-01", "2025-01-01T00:00:00+00:00"),
        ("2025-12", "2025-12-01T00:00:00+00:00"),
        ("2025-01-27T14:30:15Z", "2025-01-27T14:30:15+00:00"),
        ("2025-01-27t14:30:15z", "2025-01-27T14:30:15+00:00"),
        ("2025-01-27 14:30Z", "2025-01-27T14:30:00+00:00"),
        ("2025-01-27T14:30:15.123456Z", "2025-01-27T14:30:15.123456+00:00"),
        ("2025-01-27T14:30:15.5Z", "2025-01-27T14:30:15.500000+00:00"),
        ("2025-01-27T14:30:15+01:00", "2025-01-27T13:30:15+00:00"),
        ("2025-01-27T14:30:15-0330", "2025-01-27T18:00:15+00:00"),
        ("now", "2025-01-27T14:30:15.123456+00:00"),
        ("today", "2025-01-27T00:00:00+00:00"),
        ("yesterday", "2025-01-26T00:00:00+00:00"),
        ("30s", "2025-01-27T14:29:45.123456+00:00"),
        ("90m", "2025-01-27T13:00:15.123456+00:00"),
        ("12h", "2025-01-27T02:30:15.123456+00:00"),
        ("7d", "2025-01-20T14:30:15.123456+00:00"),
        ("2w", "2025-01-13T14:30:15.123456+00:00"),
        ("0d", "2025-01-27T14:30:15.123456+00:00"),
        ("this-week", "2025-01-27T00:00:00+00:00"),
        ("last-week", "2025-01-20T00:00:00+00:00"),
        ("this-month", "2025-01-01T00:00:00+00:00"),
        ("last-month", "2024-12-01T00:00:00+00:00"),
        ("ytd", "2025-01-01T00:00:00+00:00"),
    ],
)
def test_each_form_names_an_instant(text: str, begins: str) -> None:
    assert instant(text) == begins


def test_every_form_that_the_help_lists_is_accepted() -> None:
    for form in FORMS.split(", "):
        assert parse_instant(form, UTC, NOW).tzinfo is UTC
    for form in DURATION_FORMS.split(", "):
        assert parse_duration(form) > timedelta(0)


@pytest.mark.parametrize(
    "text",
    [
        *("2025-13-01", "2025-00-01", "2025-02-30", "2025-02-29", "2025-01-00", "2025-01-32", "2025-13", "2025-00", "0000-01-01"),
        *("2025-01-27T24:00Z", "2025-01-27T24:00:00Z", "2025-01-27T14:60Z", "2025-01-27T14:30:60Z", "2025-01-27T14:30+24:00"),
        *("0001-01-01T00:00+01:00", "9999-12-31T23:59-01:00", "999999999d"),
    ],
)
def test_a_date_that_does_not_exist_is_refused_as_such(text: str) -> None:
    with pytest.raises(NotADate) as refusal:
        instant(text)
    assert str(refusal.value) == f"{text!r} is not a date that exists"


@pytest.mark.parametrize(
    "text",
    [
        *("", " ", "2025", "2025-1-1", "2025-1", "25-01-27", "20250127", "2025/01/27", "27.01.2025", "2025-W05", "2025-027", "12025-01-27"),
        *("-2025-01-27", "2025-01-27 ", " 2025-01-27", "2025-01-27\n", "2025-01-27\x00", "2025\u201301\u201327", "２０２５-01-27"),
        *("2025-01-٢٧", "2025-01-27T14:30:15", "2025-01-27 14:30", "2025-01-27T14Z", "2025-01-27T14:30:15.1234567Z"),
        *("2025-01-27T14:30:15,5Z", "2025-01-27T14:30:15 Z", "2025-01-27T14:30:15.Z", "2025-01-27T14:30+1", "2025-01-27T14:30UTC"),
        *("2025-01-27T14:30:15+01:00:00", "-7d", "+7d", "7", "d", "7D", "7 d", "7d ", "7d\n", "7.5d", "1d12h", "7y", "１２d", "٧d"),
        *("99999999999d", "NOW", "Today", "to-day", "tomorrow", "last week", "lastweek", "this-year", "ytd ", "\x00", "\x1b[31m", "😀"),
        *("7d😀", "\ud800", "now()", "'; drop table"),
    ],
)
def test_everything_else_is_refused_with_the_list_of_forms(text: str) -> None:
    with pytest.raises(NotADate) as refusal:
        instant(text)
    assert str(refusal.value) == f"{text!r} is not a date; write one of: {FORMS}"


@given(
    text=st.one_of(
        st.text(),
        st.from_regex(
            r"[0-9]{4}-[0-9]{2}(-[0-9]{2})?([T ][0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]{1,6})?)?(Z|[+-][0-9]{2}:?[0-9]{2}))?", fullmatch=True
        ),
        st.from_regex(r"[0-9]{1,11}[smhdw]", fullmatch=True),
    ),
    zone=st.sampled_from([UTC, BERLIN, ZoneInfo("Pacific/Kiritimati"), ZoneInfo("America/New_York")]),
)
@example(text="0001-01-01", zone=BERLIN)
@example(text="0001-01", zone=ZoneInfo("Pacific/Kiritimati"))
@example(text="9999-12-31", zone=ZoneInfo("America/New_York"))
@settings(deadline=None, max_examples=250)
def test_any_text_is_an_instant_in_utc_or_not_a_date(text: str, zone: tzinfo) -> None:
    try:
        found = parse_instant(text, zone, NOW)
    except NotADate:
        return
    assert found.tzinfo is UTC


@pytest.mark.parametrize("text", ["today", "yesterday", "this-week", "last-week", "this-month", "last-month", "ytd", "now", "7d"])
@pytest.mark.parametrize("now", [datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)])
def test_words_at_either_end_of_time_raise_nothing_else(text: str, now: datetime) -> None:
    for zone in (UTC, ZoneInfo("Pacific/Kiritimati"), ZoneInfo("America/New_York")):
        with contextlib.suppress(NotADate):
            assert parse_instant(text, zone, now).tzinfo is UTC


@given(day=st.dates(date(1, 1, 2), date(9999, 12, 30)))
@settings(deadline=None, max_examples=100)
def test_every_day_of_the_calendar_begins_at_its_midnight(day: date) -> None:
    assert parse_instant(day.isoformat(), UTC, NOW) == datetime(day.year, day.month, day.day, tzinfo=UTC)


@given(seconds=st.floats(0, 4e9), offset=st.integers(-23 * 60, 23 * 60))
@settings(deadline=None, max_examples=100)
def test_an_instant_means_the_same_whatever_its_offset_and_the_zone(seconds: float, offset: int) -> None:
    moment = datetime.fromtimestamp(seconds, UTC)
    written = moment.astimezone(timezone(timedelta(minutes=offset))).isoformat(timespec="microseconds")
    assert parse_instant(written, BERLIN, NOW) == moment


# --- days on which the clocks change


def hours_of(day: str, after: str, zone: str) -> float:
    begins, ends = (parse_instant(text, ZoneInfo(zone), NOW) for text in (day, after))
    return (ends - begins) / timedelta(hours=1)


@pytest.mark.parametrize(
    ("zone", "day", "after", "hours"),
    [
        ("Europe/Berlin", "2025-03-30", "2025-03-31", 23),
        ("Europe/Berlin", "2025-10-26", "2025-10-27", 25),
        ("Europe/Berlin", "2025-10-27", "2025-10-28", 24),
        ("America/Sao_Paulo", "2018-11-04", "2018-11-05", 23),
        ("America/Sao_Paulo", "2018-02-17", "2018-02-18", 25),
        ("Africa/Cairo", "2024-04-26", "2024-04-27", 23),
        ("Africa/Cairo", "2024-10-31", "2024-11-01", 25),
        ("Asia/Beirut", "2024-03-31", "2024-04-01", 23),
        ("America/Havana", "2024-11-03", "2024-11-04", 25),
        ("Australia/Lord_Howe", "2024-10-06", "2024-10-07", 23.5),
        ("Pacific/Apia", "2011-12-29", "2011-12-30", 24),
        ("Pacific/Apia", "2011-12-30", "2011-12-31", 0),
        ("Pacific/Apia", "2011-12-31", "2012-01-01", 24),
    ],
)
def test_a_day_is_as_long_as_its_clocks_say(zone: str, day: str, after: str, hours: float) -> None:
    assert hours_of(day, after, zone) == hours


@pytest.mark.parametrize(
    ("zone", "day", "first_instant"),
    [
        ("America/Sao_Paulo", "2018-11-04", "2018-11-04T01:00:00-02:00"),
        ("Africa/Cairo", "2024-04-26", "2024-04-26T01:00:00+03:00"),
        ("Asia/Beirut", "2024-03-31", "2024-03-31T01:00:00+03:00"),
        ("Pacific/Apia", "2011-12-31", "2011-12-31T00:00:00+14:00"),
    ],
)
def test_a_day_without_midnight_begins_where_the_clocks_land(zone: str, day: str, first_instant: str) -> None:
    assert parse_instant(day, ZoneInfo(zone), NOW) == datetime.fromisoformat(first_instant)


def test_a_midnight_that_comes_twice_begins_the_day_the_first_time() -> None:
    assert instant("2024-11-03", ZoneInfo("America/Havana")) == "2024-11-03T04:00:00+00:00"


def test_the_skipped_day_of_samoa_is_empty() -> None:
    apia = ZoneInfo("Pacific/Apia")
    assert Period(parse_instant("2011-12-30", apia, NOW), parse_instant("2011-12-31", apia, NOW)).is_empty


@given(
    day=st.dates(date(1970, 1, 2), date(2037, 12, 30)),
    name=st.sampled_from(
        "Europe/Berlin America/New_York America/Sao_Paulo America/Havana America/St_Johns Africa/Cairo Africa/Casablanca Asia/Beirut "
        "Asia/Kathmandu Asia/Tehran Australia/Lord_Howe Pacific/Apia Pacific/Kiritimati Antarctica/Troll UTC".split()
    ),
)
@settings(deadline=None, max_examples=150)
def test_a_day_begins_at_the_first_instant_that_the_calendar_shows_it(day: date, name: str) -> None:
    zone = ZoneInfo(name)
    begins = day_begins(day, zone)
    assert (begins - timedelta(microseconds=1)).astimezone(zone).date() < day
    assert begins.astimezone(zone).date() >= day  # later only where the day was skipped
    assert day_begins(day + timedelta(days=1), zone) >= begins


def test_seven_days_are_168_hours_over_a_change_of_the_clocks() -> None:
    now = datetime(2025, 3, 31, 12, tzinfo=BERLIN)  # the clocks went forward the day before
    assert now.astimezone(UTC) - parse_instant("7d", BERLIN, now) == timedelta(hours=168)
    assert instant("7d", BERLIN, now) == "2025-03-24T10:00:00+00:00"  # 11:00 in Berlin, not 12:00
    assert instant("24h", BERLIN, now) == instant("1d", BERLIN, now) == "2025-03-30T10:00:00+00:00"


def test_yesterday_is_the_local_day_before_over_a_change_of_the_clocks() -> None:
    now = datetime(2025, 3, 31, 0, 30, tzinfo=BERLIN)
    assert instant("yesterday", BERLIN, now) == "2025-03-29T23:00:00+00:00"
    assert instant("today", BERLIN, now) == "2025-03-30T22:00:00+00:00"


# --- words


@pytest.mark.parametrize(
    ("zone", "begins"), [("Pacific/Kiritimati", "2025-01-27T10:00:00+00:00"), ("Pacific/Pago_Pago", "2025-01-27T11:00:00+00:00")]
)
def test_today_is_the_day_of_the_zone(zone: str, begins: str) -> None:
    assert instant("today", ZoneInfo(zone)) == begins


@pytest.mark.parametrize(
    ("today", "this_week", "last_week"),
    [
        ("2025-01-26", "2025-01-20", "2025-01-13"),  # Sunday: the week is nearly over
        ("2025-01-27", "2025-01-27", "2025-01-20"),  # Monday: it begins
        ("2025-01-01", "2024-12-30", "2024-12-23"),
    ],
)
def test_weeks_begin_on_monday(today: str, this_week: str, last_week: str) -> None:
    now = datetime.fromisoformat(f"{today}T12:00:00+00:00")
    assert instant("this-week", UTC, now) == f"{this_week}T00:00:00+00:00"
    assert instant("last-week", UTC, now) == f"{last_week}T00:00:00+00:00"


@pytest.mark.parametrize(
    ("today", "this_month", "last_month", "ytd"),
    [
        ("2025-01-01", "2025-01-01", "2024-12-01", "2025-01-01"),
        ("2025-01-31", "2025-01-01", "2024-12-01", "2025-01-01"),
        ("2025-03-01", "2025-03-01", "2025-02-01", "2025-01-01"),
        ("2025-03-31", "2025-03-01", "2025-02-01", "2025-01-01"),
        ("2024-03-30", "2024-03-01", "2024-02-01", "2024-01-01"),
        ("2024-12-31", "2024-12-01", "2024-11-01", "2024-01-01"),
    ],
)
def test_months_and_years_begin_on_their_first_day(today: str, this_month: str, last_month: str, ytd: str) -> None:
    now = datetime.fromisoformat(f"{today}T12:00:00+00:00")
    found = [parse_instant(word, UTC, now).date().isoformat() for word in ("this-month", "last-month", "ytd")]
    assert found == [this_month, last_month, ytd]


def test_the_new_year_comes_first_in_the_east() -> None:
    now = datetime(2024, 12, 31, 23, 30, tzinfo=UTC)
    assert instant("ytd", BERLIN, now) == "2024-12-31T23:00:00+00:00"
    assert instant("ytd", UTC, now) == "2024-01-01T00:00:00+00:00"
    assert instant("last-month", BERLIN, now) == "2024-11-30T23:00:00+00:00"


# --- durations


@pytest.mark.parametrize(
    ("text", "length"),
    [
        ("2s", timedelta(seconds=2)),
        ("10m", timedelta(minutes=10)),
        ("24h", timedelta(hours=24)),
        ("7d", timedelta(hours=168)),
        ("2w", timedelta(days=14)),
        ("0s", timedelta(0)),
    ],
)
def test_a_duration_is_a_number_and_a_unit(text: str, length: timedelta) -> None:
    assert parse_duration(text) == length


@pytest.mark.parametrize(
    "text", ["", "2", "s", "-2s", "2S", "2 s", "2s ", "2s\n", "1.5h", "1h30m", "2mo", "２s", "9999999999s", "today", "2025-01-27"]
)
def test_nothing_else_is_a_duration(text: str) -> None:
    with pytest.raises(NotADate) as refusal:
        parse_duration(text)
    assert str(refusal.value) == f"{text!r} is not a duration; write one like {DURATION_FORMS}"


@given(st.one_of(st.text(), st.from_regex(r"[0-9]{1,9}[smhdw]", fullmatch=True)))
@example("999999999w")
@settings(deadline=None, max_examples=100)
def test_any_text_is_a_duration_or_not_a_date(text: str) -> None:
    with contextlib.suppress(NotADate):
        assert parse_duration(text) >= timedelta(0)


# --- the window


def test_the_window_is_half_open() -> None:
    a_day = Period(parse_instant("2025-01-30", UTC, NOW), parse_instant("2025-01-31", UTC, NOW))
    assert a_day.since is not None
    assert a_day.until is not None
    assert a_day.until - a_day.since == timedelta(days=1)
    assert (a_day.is_bounded, a_day.is_empty) == (True, False)


def test_a_window_may_be_open_on_either_side() -> None:
    assert (Period().is_bounded, Period().is_empty) == (False, False)
    assert (Period(since=NOW).is_bounded, Period(since=NOW).is_empty) == (True, False)
    assert (Period(until=NOW).is_bounded, Period(until=NOW).is_empty) == (True, False)


def test_a_window_that_ends_where_it_begins_is_empty() -> None:
    assert Period(NOW, NOW).is_empty
    assert Period(NOW, NOW.astimezone(BERLIN)).is_empty


def test_a_window_cannot_end_before_it_begins() -> None:
    with pytest.raises(BackwardPeriod):
        Period(NOW, NOW - timedelta(microseconds=1))


def test_a_duration_longer_than_any_time_is_refused() -> None:
    for read in (parse_duration, lambda text: parse_instant(text, UTC, datetime(2025, 1, 1, tzinfo=UTC))):
        with pytest.raises(NotADate) as refusal:
            read("999999999w")
        assert str(refusal.value) == "'999999999w' is longer than any time there is"
