"""Days, weeks, months, quarters and years of a calendar, also where the clocks change."""

from datetime import UTC, date, datetime, timedelta, tzinfo
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ecloud_pay.domain.period import Period, day_begins
from ecloud_pay.domain.spans import (
    Every,
    Span,
    days_between,
    last_complete,
    last_days,
    span_a_year_before,
    span_around,
    span_before,
    span_preceding,
    spans,
)

BERLIN = ZoneInfo("Europe/Berlin")
SAO_PAULO = ZoneInfo("America/Sao_Paulo")  # until 2018 the clocks skipped midnight
APIA = ZoneInfo("Pacific/Apia")  # 2011-12-30 was skipped as a whole
ZONES = [UTC, BERLIN, SAO_PAULO, APIA, *map(ZoneInfo, ("Asia/Kolkata", "America/New_York", "Australia/Lord_Howe", "Pacific/Chatham"))]
NOW = datetime(2025, 1, 27, 14, 30, tzinfo=UTC)  # a Monday

zones = st.sampled_from(ZONES)
instants = st.integers(631152000, 2051222400).map(lambda seconds: datetime.fromtimestamp(seconds, UTC))  # 1990 to 2034


def day(text: str, zone: tzinfo = BERLIN) -> datetime:
    return day_begins(date.fromisoformat(text), zone)


def named(span: Span) -> tuple[str, str, str]:
    return span.label, span.since.isoformat()[:16], span.until.isoformat()[:16]


@pytest.mark.parametrize(
    ("every", "expected"),
    [
        (Every.DAY, ("2025-01-27", "2025-01-26T23:00", "2025-01-27T23:00")),
        (Every.WEEK, ("2025-W05", "2025-01-26T23:00", "2025-02-02T23:00")),
        (Every.MONTH, ("2025-01", "2024-12-31T23:00", "2025-01-31T23:00")),
        (Every.QUARTER, ("2025-Q1", "2024-12-31T23:00", "2025-03-31T22:00")),
        (Every.YEAR, ("2025", "2024-12-31T23:00", "2025-12-31T23:00")),
    ],
)
def test_an_instant_lies_in_the_local_day_week_and_so_on(every: Every, expected: tuple[str, str, str]) -> None:
    assert named(span_around(NOW, every, BERLIN)) == expected


@pytest.mark.parametrize(
    ("day_of_week", "label"),
    [
        ("2024-12-30", "2025-W01"),
        ("2025-01-05", "2025-W01"),
        ("2020-12-31", "2020-W53"),
        ("2021-01-03", "2020-W53"),
        ("2021-01-04", "2021-W01"),
    ],
)
def test_weeks_begin_on_monday_and_are_numbered_as_iso_8601_does(day_of_week: str, label: str) -> None:
    span = span_around(day(day_of_week), Every.WEEK, BERLIN)
    assert (span.label, span.since.astimezone(BERLIN).weekday()) == (label, 0)


@pytest.mark.parametrize(("month", "quarter"), [(1, 1), (3, 1), (4, 2), (6, 2), (7, 3), (9, 3), (10, 4), (12, 4)])
def test_a_quarter_is_three_months(month: int, quarter: int) -> None:
    assert span_around(datetime(2025, month, 15, tzinfo=UTC), Every.QUARTER, UTC).label == f"2025-Q{quarter}"


@given(instants, st.integers(0, 400), st.sampled_from(Every), zones)
@example(day("2018-11-01", SAO_PAULO), 10, Every.DAY, SAO_PAULO)
@example(day("2011-12-25", APIA), 10, Every.DAY, APIA)
@example(day("2025-10-20"), 10, Every.DAY, BERLIN)
def test_the_spans_of_a_window_tile_it(since: datetime, days: int, every: Every, zone: tzinfo) -> None:
    until = since + timedelta(days=days, minutes=days * 7)
    cut = list(spans(since, until, every, zone))
    if since == until:
        assert cut == []
        return
    assert (cut[0].since, cut[-1].until) == (since, until)
    for one, following in pairwise(cut):
        assert one.until == following.since
    for span in cut:
        assert span.since < span.until
        whole = span_around(span.since, every, zone)
        assert whole.label == span.label
        assert whole.since <= span.since < span.until <= whole.until
        assert span.is_cut == ((whole.since, whole.until) != (span.since, span.until))
        # Whatever lies in it is in that local day, week, …
        assert span_around(span.until - timedelta(microseconds=1), every, zone) == whole
    assert all(not span.is_cut for span in cut[1:-1])
    labels = [span.label for span in cut]
    assert labels == sorted(set(labels))


@given(instants, st.sampled_from(Every), zones)
def test_the_span_around_an_instant_holds_it_and_begins_at_midnight_or_where_the_clocks_skip_to(
    instant: datetime, every: Every, zone: tzinfo
) -> None:
    span = span_around(instant, every, zone)
    assert span.since <= instant < span.until
    assert span.since == day_begins(span.since.astimezone(zone).date(), zone)
    assert (span.since - timedelta(microseconds=1)).astimezone(zone).date() < span.since.astimezone(zone).date()
    assert not span.is_cut


def hours(zone: tzinfo, *days: str) -> list[float]:
    return [(span.until - span.since) / timedelta(hours=1) for text in days for span in [span_around(day(text, zone), Every.DAY, zone)]]


def test_a_day_is_as_long_as_it_is() -> None:
    assert hours(BERLIN, "2025-03-29", "2025-03-30", "2025-10-26", "2025-10-27") == [24, 23, 25, 24]
    assert hours(SAO_PAULO, "2018-11-03", "2018-11-04", "2018-02-17", "2018-02-18") == [24, 23, 25, 24]
    assert hours(ZoneInfo("Australia/Lord_Howe"), "2025-04-06", "2025-10-05") == [24.5, 23.5]


def test_a_day_without_midnight_begins_where_the_clocks_skip_to() -> None:
    span = span_around(datetime(2018, 11, 4, 12, tzinfo=UTC), Every.DAY, SAO_PAULO)
    assert span.since.astimezone(SAO_PAULO).isoformat() == "2018-11-04T01:00:00-02:00"


def test_a_day_that_was_skipped_is_not_there() -> None:
    labels = [span.label for span in spans(day("2011-12-28", APIA), day("2012-01-02", APIA), Every.DAY, APIA)]
    assert labels == ["2011-12-28", "2011-12-29", "2011-12-31", "2012-01-01"]


def test_the_last_complete_one_is_over() -> None:
    assert named(last_complete(Every.DAY, BERLIN, NOW)) == ("2025-01-26", "2025-01-25T23:00", "2025-01-26T23:00")
    assert last_complete(Every.WEEK, BERLIN, NOW).label == "2025-W04"
    assert last_complete(Every.MONTH, BERLIN, NOW).label == "2024-12"
    # 23:30 UTC is the next day in Berlin already, and midnight there is its beginning.
    assert last_complete(Every.DAY, BERLIN, datetime(2025, 1, 27, 23, 30, tzinfo=UTC)).label == "2025-01-27"
    assert last_complete(Every.DAY, BERLIN, day("2025-01-27")).label == "2025-01-26"


def test_the_last_days_end_with_yesterday() -> None:
    assert last_days(30, BERLIN, NOW) == Period(day("2024-12-28"), day("2025-01-27"))
    assert len(list(spans(day("2024-12-28"), day("2025-01-27"), Every.DAY, BERLIN))) == 30
    assert last_days(3, BERLIN, day("2025-03-31")) == Period(day("2025-03-28"), day("2025-03-31"))


def test_days_between_counts_local_days_and_only_whole_ones() -> None:
    assert days_between(day("2025-03-29"), day("2025-04-01"), BERLIN) == 3
    assert days_between(day("2025-03-29"), day("2025-03-29"), BERLIN) == 0
    assert days_between(day("2025-03-29"), day("2025-04-01"), UTC) is None
    assert days_between(day("2025-03-29"), day("2025-04-01") + timedelta(hours=1), BERLIN) is None


def before(since: str, until: str) -> tuple[str, str]:
    period = span_before(day(since), day(until), BERLIN)
    assert period.since is not None
    assert period.until is not None
    return period.since.astimezone(BERLIN).date().isoformat(), period.until.astimezone(BERLIN).date().isoformat()


def test_the_window_before_is_of_the_same_kind() -> None:
    assert before("2025-03-01", "2025-04-01") == ("2025-02-01", "2025-03-01")
    assert before("2025-01-01", "2025-02-01") == ("2024-12-01", "2025-01-01")
    assert before("2025-04-01", "2025-07-01") == ("2025-01-01", "2025-04-01")
    assert before("2025-01-01", "2026-01-01") == ("2024-01-01", "2025-01-01")
    assert before("2025-01-27", "2025-02-03") == ("2025-01-20", "2025-01-27")
    assert before("2025-03-31", "2025-04-01") == ("2025-03-30", "2025-03-31")
    assert before("2025-03-10", "2025-04-09") == ("2025-02-08", "2025-03-10")


def test_the_window_before_some_minutes_is_as_many_minutes() -> None:
    since, until = NOW, NOW + timedelta(minutes=90)
    assert span_before(since, until, BERLIN) == Period(NOW - timedelta(minutes=90), NOW)


@given(instants, st.integers(0, 800), zones)
def test_the_window_before_ends_where_this_one_begins(since: datetime, days: int, zone: tzinfo) -> None:
    begin = span_around(since, Every.DAY, zone).since
    end = span_around(begin + timedelta(days=days), Every.DAY, zone).since
    period = span_before(begin, end, zone)
    assert period.until == begin
    assert period.since is not None
    assert period.is_empty == (begin == end)


def a_year_before(since: str, until: str) -> tuple[str, str]:
    period = span_a_year_before(day(since), day(until), BERLIN)
    assert period.since is not None
    assert period.until is not None
    return period.since.astimezone(BERLIN).date().isoformat(), period.until.astimezone(BERLIN).date().isoformat()


def test_a_year_before_is_the_same_window_of_the_calendar() -> None:
    assert a_year_before("2025-03-01", "2025-04-01") == ("2024-03-01", "2024-04-01")
    assert a_year_before("2025-02-01", "2025-03-01") == ("2024-02-01", "2024-03-01")
    assert a_year_before("2025-01-01", "2026-01-01") == ("2024-01-01", "2025-01-01")
    assert a_year_before("2024-02-29", "2024-03-01") == ("2023-02-28", "2023-03-01")


def test_a_year_before_whole_weeks_a_monday_meets_a_monday() -> None:
    assert a_year_before("2025-01-27", "2025-02-03") == ("2024-01-29", "2024-02-05")


def test_a_year_before_keeps_the_hour_on_the_wall() -> None:
    since = datetime(2025, 3, 30, 10, tzinfo=BERLIN).astimezone(UTC)  # in summer time; a year earlier that day was not
    period = span_a_year_before(since, since + timedelta(hours=1), BERLIN)
    assert period == Period(datetime(2024, 3, 30, 9, tzinfo=UTC), datetime(2024, 3, 30, 10, tzinfo=UTC))


@given(instants, st.integers(1, 400), zones)
def test_a_year_before_never_ends_before_it_begins(since: datetime, days: int, zone: tzinfo) -> None:
    span_a_year_before(since, since + timedelta(days=days), zone)


def test_the_period_before_the_first_is_a_whole_one() -> None:
    first = span_around(day("2025-03-31"), Every.DAY, BERLIN)
    assert span_preceding(first, Every.DAY, BERLIN) == span_around(day("2025-03-30"), Every.DAY, BERLIN)
    [month] = spans(day("2025-03-01"), day("2025-03-15"), Every.MONTH, BERLIN)
    preceding = span_preceding(month, Every.MONTH, BERLIN)
    assert preceding is not None
    assert preceding.label == "2025-02"


def test_a_first_period_that_begins_in_the_middle_has_none_to_be_compared_with() -> None:
    [month] = spans(day("2025-03-02"), day("2025-03-15"), Every.MONTH, BERLIN)
    assert span_preceding(month, Every.MONTH, BERLIN) is None


def test_a_span_knows_its_window() -> None:
    assert span_around(NOW, Every.YEAR, UTC).period == Period(datetime(2025, 1, 1, tzinfo=UTC), datetime(2026, 1, 1, tzinfo=UTC))
