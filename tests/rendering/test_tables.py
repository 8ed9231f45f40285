"""The table of payments: every column in a pipe, and on a narrow terminal never without the money."""

from dataclasses import replace
from datetime import UTC

import pytest
from rich.console import Console

from ecloud_pay.domain.payment import Payment
from ecloud_pay.rendering.look import Look
from ecloud_pay.rendering.tables import payments_table
from samples import amount, payment_5


def drawn(payments: list[Payment], width: int | None) -> list[str]:
    """The table's lines without the blanks at their ends."""
    console = Console(width=width or 1000, color_system=None)
    with console.capture() as captured:
        console.print(payments_table(payments, Look(UTC, "usd", width)))
    return [line.rstrip() for line in captured.get().splitlines()]


def cells_of(lines: list[str]) -> list[str]:
    """Every character of the rows, in no order: what a fold may not lose."""
    rule = next(index for index, line in enumerate(lines) if set(line) == {"─"})
    return sorted("".join(line for line in lines[rule + 1 :] if "─" not in line).replace(" ", ""))


def test_a_pipe_gets_every_column() -> None:
    header, rule, row = drawn([payment_5()], None)
    assert header == "ID  Created                  Status      Amount  Refunded  Client            Cleaner            Job  Card"
    assert set(rule) == {"─"}
    assert row == "#5  2025-01-27 14:30:15 UTC  SUCCEEDED  $100.00            client1@test.com  cleaner1@test.com  #14  visa •••• 4242"


def test_a_terminal_of_eighty_columns_shows_the_money_and_says_what_it_leaves_out() -> None:
    header, rule, row, caption = drawn([replace(payment_5(), refund_amount=amount("25.00"))], 80)
    assert header == "ID  Created                  Status        Amount  Refunded  Client"
    assert len(rule) <= 80
    assert row == "#5  2025-01-27 14:30:15 UTC  ✔ SUCCEEDED  $100.00    $25.00  client1@test.com"
    assert caption == "Not shown at this width: Card, Job, Cleaner"


@pytest.mark.parametrize("width", [40, 50, 60, 70, 80])
def test_however_narrow_the_terminal_no_character_is_cut(width: int) -> None:
    lines = drawn([replace(payment_5(), id=123456, refund_amount=amount("99.99"))], width)
    caption = "".join("Not shown at this width: Card, Job, Cleaner".split())
    expected = "".join(("#123456", "2025-01-27", "14:30:15", "UTC", "✔", "SUCCEEDED", "$100.00", "$99.99", "client1@test.com", caption))
    assert cells_of(lines) == sorted(expected)
