"""Charts: in characters for a terminal, as SVG for a page."""

from decimal import Decimal
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecloud_pay.rendering.charts import Point, bar, column_chart, height, row_bar, sparkline
from samples import amount

heights = st.lists(st.integers(0, 10**18), max_size=60)


@pytest.mark.parametrize(
    ("values", "line"),
    [
        ([], ""),
        ([0], "▁"),
        ([5], "█"),
        ([0, 0, 0], "▁▁▁"),
        ([0, 1, 2, 3, 4, 5, 6, 7], "▁▂▃▄▅▆▇█"),
        ([1, 1_000_000], "▂█"),
        ([10, 0, 5], "█▁▅"),
    ],
)
def test_the_lowest_sign_of_a_sparkline_is_nothing_at_all(values: list[int], line: str) -> None:
    assert sparkline(values) == line


@given(heights)
def test_a_sparkline_has_a_sign_for_each_period_in_their_order_of_height(values: list[int]) -> None:
    line = sparkline(values)
    assert len(line) == len(values)
    assert all((line[i] <= line[j]) for i in range(len(values)) for j in range(len(values)) if values[i] <= values[j])
    assert all((sign == "▁") == (value == 0) for sign, value in zip(line, values, strict=True))


@pytest.mark.parametrize(
    ("value", "highest", "width", "drawn"),
    [
        (0, 100, 8, ""),
        (100, 100, 8, "████████"),
        (50, 100, 8, "████"),
        (51, 100, 8, "████"),
        (45, 100, 8, "███▌"),
        (1, 1_000_000, 8, "▏"),
        (0, 0, 8, ""),
        (5, 0, 8, ""),
        (-5, 100, 8, ""),
    ],
)
def test_a_bar_is_as_long_as_its_share_of_the_highest(value: int, highest: int, width: int, drawn: str) -> None:
    assert bar(value, highest, width) == drawn


@given(st.integers(0, 10**18), st.integers(1, 10**18), st.integers(1, 40))
def test_no_bar_is_longer_than_its_column(value: int, more: int, width: int) -> None:
    assert len(bar(value, value + more, width)) <= width


@pytest.mark.parametrize(
    ("figure", "currency", "tall"),
    [
        ("12.50", "usd", 125000),
        ("12.00", "jpy", 120000),
        ("-5.00", "usd", 0),
        ("5.00", "xyz", 50000),
        ("0.5", "jpy", 5000),
        ("NaN", "usd", 0),
    ],
)
def test_a_figure_is_as_high_as_it_says_whether_or_not_it_is_money(figure: str, currency: str, tall: int) -> None:
    assert height(amount(figure, currency)) == tall


def test_a_chart_is_one_svg_with_a_title_for_each_bar() -> None:
    points = [Point("2025-01-24", 50, "$0.50"), Point("<b>", 100, '"$1.00"'), Point("2025-01-26", 0, "$0.00")]
    svg = column_chart(points, "chart-1", "Gross & more", "3 bars")
    behind = '<rect class="slot" x="{}" width="10" height="100"/>'
    assert svg == (
        '<svg class="columns" viewBox="0 0 30 100" preserveAspectRatio="none" role="img" aria-labelledby="chart-1-title chart-1-desc">'
        '<title id="chart-1-title">Gross &amp; more</title><desc id="chart-1-desc">3 bars</desc>'
        f'<g><title>2025-01-24: $0.50</title>{behind.format(0)}<rect x="1" y="50" width="8" height="50"/></g>'
        f'<g><title>&lt;b&gt;: &quot;$1.00&quot;</title>{behind.format(10)}<rect x="11" y="0" width="8" height="100"/></g>'
        f'<g><title>2025-01-26: $0.00</title>{behind.format(20)}<rect x="21" y="100" width="8" height="0"/></g></svg>'
    )


def test_a_chart_of_nothing_is_still_a_drawing() -> None:
    assert ET.fromstring(column_chart([], "c", "t", "d")).get("viewBox") == "0 0 10 100"


@given(st.lists(st.integers(0, 10**18), min_size=1, max_size=40))
def test_every_bar_stands_on_the_ground_and_within_the_drawing(values: list[int]) -> None:
    svg = ET.fromstring(column_chart([Point("p", value, "v") for value in values], "c", "t", "d"))
    bars = [rect for rect in svg.iter("rect") if rect.get("class") is None]
    for value, rect in zip(values, bars, strict=True):
        tall, top = Decimal(rect.attrib["height"]), Decimal(rect.attrib["y"])
        assert top + tall == 100
        assert (tall > 0) == (value > 0)
        assert "E" not in rect.attrib["height"] + rect.attrib["y"]


def test_a_lying_bar_tells_what_it_is() -> None:
    assert row_bar(Point("a&b", 1, "$0.01"), 3) == (
        '<svg class="lying" viewBox="0 0 100 1" preserveAspectRatio="none" role="img"><title>a&amp;b: $0.01</title>'
        '<rect width="33.33" height="1"/></svg>'
    )
