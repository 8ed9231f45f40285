"""Instants as people and as scripts read them."""

from datetime import UTC, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ecloud_pay.domain.period import Period, parse_instant
from ecloud_pay.rendering.times import api_time, local_time, period_text

CREATED = datetime(2025, 1, 27, 14, 30, 15, 123456, tzinfo=UTC)


@pytest.mark.parametrize(
    ("zone", "text"),
    [
        ("UTC", "2025-01-27 14:30:15 UTC"),
        ("Europe/Berlin", "2025-01-27 15:30:15 CET"),
        ("America/New_York", "2025-01-27 09:30:15 EST"),
        ("America/Sao_Paulo", "2025-01-27 11:30:15 -03"),
        ("Asia/Kathmandu", "2025-01-27 20:15:15 +0545"),
        ("Pacific/Kiritimati", "2025-01-28 04:30:15 +14"),
    ],
)
def test_people_read_local_time_with_its_zone(zone: str, text: str) -> None:
    assert local_time(CREATED, ZoneInfo(zone)) == text


def test_the_hour_that_comes_twice_is_told_apart() -> None:
    first = datetime(2025, 10, 26, 0, 30, tzinfo=UTC)
    berlin = ZoneInfo("Europe/Berlin")
    assert local_time(first, berlin) == "2025-10-26 02:30:00 CEST"
    assert local_time(first + timedelta(hours=1), berlin) == "2025-10-26 02:30:00 CET"


def test_absence_is_told() -> None:
    assert local_time(None, UTC) == "N/A"
    assert api_time(None) is None


def test_an_early_year_has_four_digits() -> None:
    assert local_time(datetime(1, 1, 1, tzinfo=UTC), UTC) == "0001-01-01 00:00:00 UTC"
    assert api_time(datetime(1, 1, 1, tzinfo=UTC)) == "0001-01-01T00:00:00.000000Z"


@pytest.mark.parametrize(
    ("instant", "zone", "text"),
    [
        (datetime(1, 1, 1, tzinfo=UTC), "America/New_York", "0001-01-01 00:00:00 UTC"),
        (datetime(9999, 12, 31, 23, 59, tzinfo=UTC), "Europe/Berlin", "9999-12-31 23:59:00 UTC"),
    ],
)
def test_an_instant_that_the_zone_has_no_calendar_for_is_told_in_utc(instant: datetime, zone: str, text: str) -> None:
    assert local_time(instant, ZoneInfo(zone)) == text


@pytest.mark.parametrize(
    ("instant", "text"),
    [
        (CREATED, "2025-01-27T14:30:15.123456Z"),
        (CREATED.replace(microsecond=0), "2025-01-27T14:30:15.000000Z"),
        (CREATED.astimezone(ZoneInfo("Asia/Tokyo")), "2025-01-27T14:30:15.123456Z"),
        (datetime(2025, 1, 1, 0, 0, 0, 100, tzinfo=timezone(timedelta(hours=-3, minutes=-30))), "2025-01-01T03:30:00.000100Z"),
    ],
)
def test_scripts_read_utc_with_microseconds_and_z(instant: datetime, text: str) -> None:
    assert api_time(instant) == text


@given(st.timedeltas(timedelta(0), timedelta(days=3_652_058)).map(lambda since: datetime(1, 1, 1, tzinfo=UTC) + since))
@settings(deadline=None, max_examples=100)
def test_what_scripts_read_may_be_typed_as_a_date(instant: datetime) -> None:
    text = api_time(instant)
    assert text is not None
    assert len(text) == 27
    assert parse_instant(text, UTC, CREATED) == instant


BEGIN, END = datetime(2025, 1, 1, tzinfo=UTC), datetime(2025, 2, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("period", "text"),
    [
        (Period(BEGIN, END), "from 2025-01-01 00:00:00 UTC until before 2025-02-01 00:00:00 UTC"),
        (Period(since=BEGIN), "from 2025-01-01 00:00:00 UTC"),
        (Period(until=END), "until before 2025-02-01 00:00:00 UTC"),
        (Period(), ""),
    ],
)
def test_the_window_is_told_with_both_its_ends(period: Period, text: str) -> None:
    assert period_text(period, UTC) == text


def test_the_window_is_told_in_the_readers_zone() -> None:
    assert period_text(Period(since=BEGIN), ZoneInfo("Asia/Tokyo")) == "from 2025-01-01 09:00:00 JST"
