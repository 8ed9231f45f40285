"""Reports as Markdown, and nothing in a row that Markdown would obey."""

import re

import pytest

from ecloud_pay.domain.payment import Person
from ecloud_pay.rendering.report_markdown import booked_markdown, escaped, owed_markdown, report_markdown, statement_markdown
from support.reports import HOSTILE, booked, by_client, compared, daily, everybody, scope, statement, terminal, usd

WHOLE = r"""# Daily Report for 2025-01-26

- **Period:** 2025-01-26 00:00:00 CET until before 2025-01-27 00:00:00 CET
- **Time Zone:** Europe/Berlin
- **Basis:** created (money by created\_at)
- **As Of:** 2025-01-27 09:00:05 CET
- **Compared With:** 2025-01-25 00:00:00 CET until before 2025-01-26 00:00:00 CET

|  | Payments | Succeeded | Failed | Success | Gross Volume | Fees | Payouts | Refunds | Net Volume |
| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |
| **Total** | **12** | **10** | **2** | **83.33%** | **$1,234.00** | **$185.10** | **$1,048.90** | **$50.00** | **$1,184.00** |

| Figure | This Period | Compared With | Change |
| --- | ---: | ---: | ---: |
| Payments | 12 | 12 | 0.0% |
| Succeeded | 10 | 10 | 0.0% |
| Failed | 2 | 2 | 0.0% |
| Success Rate | 83.33% | 83.33% | 0.0 points |
| Gross Volume | $1,234.00 | $1,234.00 | 0.0% |
| Fees | $185.10 | $185.10 | 0.0% |
| Payouts | $1,048.90 | $1,048.90 | 0.0% |
| Refunds | $50.00 | $50.00 | 0.0% |
| Net Volume | $1,184.00 | $1,184.00 | 0.0% |

- **Fees + Payouts = Gross Volume:** $185.10 + $1,048.90 = $1,234.00 adds up
- **After Refunds:** borne by: not recorded
- **Gross Volume:** what clients paid; the platform's own revenue is the fees
"""


def test_a_report_is_a_heading_a_list_tables_and_notes_without_glyphs() -> None:
    assert report_markdown(compared(daily(usd()), usd()), "Daily Report for 2025-01-26", terminal(80)) == WHOLE


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("anna@example.com", "anna@example.com"),
        ("a|b", "a\\|b"),
        ("*a* _b_ ~c~ `d`", "\\*a\\* \\_b\\_ \\~c\\~ \\`d\\`"),
        ("<b>&amp;", "\\<b\\>\\&amp;"),
        ("[x](y) ![z](w)", "\\[x\\](y) !\\[z\\](w)"),
        ("a\\|b", "a\\\\\\|b"),
        ("@all, (@me) you@home", "\\@all, (\\@me) you@home"),
        ("#14", "\\#14"),
        ("https://evil.example www.evil.example", "https\\://evil.example www\\.evil.example"),
        ("$1,234.00 + €5.00", "$1,234.00 + €5.00"),
        ("$x$ $`y`$", "\\$x\\$ \\$\\`y\\`\\$"),
        ("-5.00", "-5.00"),
    ],
)
def test_whatever_would_be_markup_is_escaped_and_amounts_are_not(text: str, shown: str) -> None:
    assert escaped(text) == shown


def test_a_hostile_name_stays_in_its_cell() -> None:
    pages = [
        report_markdown(by_client(), HOSTILE, terminal(80)),
        booked_markdown(booked(), scope(), HOSTILE, terminal(80)),
        owed_markdown(everybody(), scope(), HOSTILE, terminal(80)),
        statement_markdown(Person(1, HOSTILE, None), statement(), scope(), HOSTILE, terminal(80)),
    ]
    for page in pages:
        tables = [block.split("\n") for block in page.split("\n\n") if block.startswith("|")]
        assert tables
        assert all(len({len(re.findall(r"(?<!\\)\|", line)) for line in table}) == 1 for table in tables)
        assert not re.search(r"(?<!\\)[<>`]|[✔✘○\x1b\u202e]", page)
