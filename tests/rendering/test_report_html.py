"""Reports as one HTML page: whole, self-contained, and deaf to what rows would have it do."""

import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from ecloud_pay.domain.payment import Person
from ecloud_pay.domain.report import Group, Report
from ecloud_pay.rendering.charts import Point, column_chart
from ecloud_pay.rendering.report_html import booked_html, owed_html, report_html, statement_html
from ecloud_pay.rendering.report_style import STYLE
from ecloud_pay.rendering.sanitize import UNSAFE
from support.reports import HOSTILE, MARIA, PIPE, booked, by_client, compared, daily, eur, everybody, scope, statement, three_days, usd

PAGE = """\
<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Daily Report for 2025-01-26</title>
<style>
STYLE
</style>
</head>
<body>
<main>
<h1>Daily Report for 2025-01-26</h1>
<dl class="facts">
<dt>Period</dt>
<dd>
<time>2025-01-26 00:00:00</time> CET until before <time>2025-01-27 00:00:00</time> CET</dd>
<dt>Time Zone</dt>
<dd>Europe/Berlin</dd>
<dt>Basis</dt>
<dd>created (money by created_at)</dd>
<dt>As Of</dt>
<dd>
<time>2025-01-27 09:00:05</time> CET</dd>
</dl>
<dl class="tiles">
<div>
<dt>Gross Volume</dt>
<dd>$1,234.00</dd>
</div>
<div>
<dt>Platform Fees</dt>
<dd>$185.10</dd>
</div>
<div>
<dt>Net Volume</dt>
<dd>$1,184.00</dd>
</div>
<div>
<dt>Payments</dt>
<dd>12</dd>
</div>
<div>
<dt>Success Rate</dt>
<dd>83.33%</dd>
</div>
</dl>
<figure>
<figcaption>Gross volume and its parts in USD</figcaption>
<div class="line">
<span>Gross Volume</span>
<svg class="lying" viewBox="0 0 100 1" preserveAspectRatio="none" role="img">
<title>Gross Volume: $1,234.00</title>
<rect width="100" height="1"/>
</svg>
<span class="amount">$1,234.00</span>
</div>
<div class="line">
<span>Platform Fees</span>
<svg class="lying" viewBox="0 0 100 1" preserveAspectRatio="none" role="img">
<title>Platform Fees: $185.10</title>
<rect width="15" height="1"/>
</svg>
<span class="amount">$185.10</span>
</div>
<div class="line">
<span>Cleaner Payouts</span>
<svg class="lying" viewBox="0 0 100 1" preserveAspectRatio="none" role="img">
<title>Cleaner Payouts: $1,048.90</title>
<rect width="85" height="1"/>
</svg>
<span class="amount">$1,048.90</span>
</div>
<div class="line">
<span>Refunds</span>
<svg class="lying" viewBox="0 0 100 1" preserveAspectRatio="none" role="img">
<title>Refunds: $50.00</title>
<rect width="4.05" height="1"/>
</svg>
<span class="amount">$50.00</span>
</div>
</figure>
<section class="scroll" tabindex="0" aria-label="Table">
<table>
<thead>
<tr>
<th scope="col">
</th>
<th scope="col" class="n">Payments</th>
<th scope="col" class="n">Succeeded</th>
<th scope="col" class="n">Failed</th>
<th scope="col" class="n">Success</th>
<th scope="col" class="n">Gross Volume</th>
<th scope="col" class="n">Fees</th>
<th scope="col" class="n">Payouts</th>
<th scope="col" class="n">Refunds</th>
<th scope="col" class="n">Net Volume</th>
</tr>
</thead>
<tfoot>
<tr>
<th scope="row">Total</th>
<td class="n">12</td>
<td class="n">10</td>
<td class="n">2</td>
<td class="n">83.33%</td>
<td class="n">$1,234.00</td>
<td class="n">$185.10</td>
<td class="n">$1,048.90</td>
<td class="n">$50.00</td>
<td class="n">$1,184.00</td>
</tr>
</tfoot>
</table>
</section>
<section>
<dl class="notes">
<dt>Fees + Payouts = Gross Volume</dt>
<dd class="ok">$185.10 + $1,048.90 = $1,234.00 adds up</dd>
<dt>After Refunds</dt>
<dd>borne by: not recorded</dd>
<dt>Gross Volume</dt>
<dd>what clients paid; the platform&#x27;s own revenue is the fees</dd>
</dl>
</section>
</main>
</body>
</html>
"""
PAGES = [
    report_html(three_days(), "Report by day", PIPE),
    report_html(by_client(), HOSTILE, PIPE),
    report_html(compared(daily(usd(), eur()), usd()), "Daily", PIPE),
    report_html(daily(), "Daily", PIPE),
    booked_html(booked(), scope(), HOSTILE, PIPE),
    owed_html(everybody(), scope(), HOSTILE, PIPE),
    owed_html([], scope(), HOSTILE, PIPE),
    statement_html(Person(1, HOSTILE, HOSTILE), statement(), scope(), HOSTILE, PIPE),
]


class Page(HTMLParser):
    """The elements, attributes and texts of a page; every element must be closed where it should be."""

    VOID = frozenset({"meta", "rect"})

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.elements: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.texts: list[str] = []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append(tag)
        self.attributes += attrs
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append(tag)
        self.attributes += attrs

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


def captions(report: Report) -> list[str]:
    return re.findall("<figcaption>(.*?)</figcaption>", report_html(report, "Report", PIPE))


def test_a_report_is_a_whole_page() -> None:
    page = report_html(daily(usd()), "Daily Report for 2025-01-26", PIPE)
    assert page.replace(STYLE, "STYLE").replace("><", ">\n<") == PAGE


def test_every_period_has_a_bar_in_the_chart_of_a_currency_also_where_it_saw_none() -> None:
    days = ("2025-01-24", "2025-01-25", "2025-01-26")
    points = [
        Point(day, minor, text) for day, minor, text in zip(days, (0, 8001, 8001), ("€0.00 EUR", "€80.01 EUR", "€80.01 EUR"), strict=True)
    ]
    told = "3 bars from 2025-01-24 to 2025-01-26; the highest is 2025-01-25 with €80.01 EUR."
    assert column_chart(points, "chart-2", "Gross volume by day in EUR", told) in PAGES[0]


@pytest.mark.parametrize("text", PAGES)
def test_a_page_needs_nothing_from_elsewhere_and_runs_nothing(text: str) -> None:
    page = Page(text)
    assert not {"script", "link", "img", "iframe", "object", "embed", "form", "a", "base"} & set(page.elements)
    assert {name for name, _ in page.attributes} <= {
        *("lang", "charset", "http-equiv", "content", "name", "class", "id", "scope", "tabindex", "role", "aria-label", "aria-labelledby"),
        *("aria-hidden", "viewbox", "preserveaspectratio", "x", "y", "width", "height"),
    }
    assert ("content", "default-src 'none'; style-src 'unsafe-inline'") in page.attributes
    assert "url(" not in text
    assert "@import" not in text
    assert text.count("<style>") == 1
    assert len([value for name, value in page.attributes if name == "id"]) == len(
        {value for name, value in page.attributes if name == "id"}
    )


@pytest.mark.parametrize("text", PAGES)
def test_a_page_has_a_language_a_charset_a_viewport_and_one_heading(text: str) -> None:
    page = Page(text)
    assert {("lang", "en"), ("charset", "utf-8"), ("name", "viewport")} < set(page.attributes)
    assert page.elements.count("h1") == 1
    assert text.startswith("<!DOCTYPE html>\n")
    assert text.endswith("</html>\n")


@pytest.mark.parametrize("text", [page for page in PAGES if "evil.example" in page])
def test_a_hostile_name_is_text_and_nothing_else(text: str) -> None:
    page = Page(text)
    assert "b" not in page.elements
    assert not UNSAFE.search(text.replace("\n", ""))
    assert any(r"=cmd()\x1b[31m|[bold]b[/] <b>&`x` *y* _z_ @all #1 https://evil.example \u202e" in part for part in page.texts)


def test_each_currency_has_a_chart_of_its_own() -> None:
    assert captions(three_days()) == [
        "Gross volume by day in USD; highest 2025-01-26: $1,234.00",
        "Gross volume by day in EUR; highest 2025-01-25: €80.01 EUR",
    ]


def test_one_period_alone_shows_where_its_gross_volume_goes() -> None:
    assert captions(daily(usd())) == ["Gross volume and its parts in USD"]
    assert len(captions(replace(three_days(), groups=three_days().groups[:1]))) == 2


def test_groups_are_lying_bars_beside_their_names() -> None:
    text = report_html(by_client(), "Report", PIPE)
    assert captions(by_client()) == ["Gross volume by client in USD", "Gross volume by client in EUR"]
    assert text.count('<div class="line">') == 5
    assert '<div class="line"><span>no client</span><svg class="lying"' in text


def test_a_long_list_of_groups_has_a_chart_of_the_first_ones() -> None:
    many = replace(by_client(), groups=tuple(Group(f"client-{number}", (usd(),), number) for number in range(50)), others=0)
    assert captions(many)[0] == "Gross volume by client in USD (the first 20 of 50)"
    assert report_html(many, "Report", PIPE).count('<tr><th scope="row">client-') == 50


def test_many_periods_are_labelled_at_both_ends_and_in_the_middle() -> None:
    days = tuple(Group(f"day-{number}", (usd(),)) for number in range(30))
    text = report_html(replace(three_days(), groups=days), "Report", PIPE)
    assert '<div class="axis" aria-hidden="true"><span>day-0</span><span>day-15</span><span>day-29</span></div>' in text


def test_a_currency_of_which_no_shown_group_has_any_needs_no_chart() -> None:
    only_dollars = replace(by_client(), groups=tuple(replace(group, figures=group.figures[:1]) for group in by_client().groups), others=0)
    assert captions(only_dollars) == ["Gross volume by client in USD"]


def test_what_does_not_add_up_is_marked_by_word_and_colour() -> None:
    text = report_html(daily(replace(usd(), fees=usd().fees + 1)), "Report", PIPE)
    assert '<dd class="error">$186.10 + $1,048.90 = $1,235.00, not $1,234.00: $1.00 too much</dd>' in text


def test_a_statement_shows_what_is_due_first_and_no_client() -> None:
    text = statement_html(MARIA, statement()[:1], scope(), "Statement for January", PIPE)
    tiles = re.findall("<div><dt>(.*?)</dt><dd>(.*?)</dd></div>", text)
    assert tiles == [("Payout", "$85.00"), ("After Refunds", "$85.00"), ("Paid Out", "$85.00"), ("Open", "$0.00")]
    assert "<dt>Cleaner</dt><dd>maria (maria@example.com)</dd>" in text
    assert "lient" not in text.replace(STYLE, "")
