"""The SQL that the README gives for each figure gives that figure."""

import re
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from support.backend import SHAPES, Backend, drop_database
from support.console import Console
from support.ledger import create_ledger

README = (Path(__file__).parent.parent / "README.md").read_text()
WINDOW = ("--since", "2025-03-25", "--until", "2025-04-02", "--tz", "Europe/Berlin")
SINCE, UNTIL = "2025-03-25 00:00:00 Europe/Berlin", "2025-04-02 00:00:00 Europe/Berlin"
BLOCKS = dict(re.findall(r"^- \*\*([^*]+)\*\*(?:(?!^- \*\*).)*?```sql\n(.*?)```", README, re.MULTILINE | re.DOTALL))


@pytest.fixture(scope="module", params=SHAPES)
def ledger(server: str, request: pytest.FixtureRequest) -> Iterator[Backend]:
    """Some hundred payments with everything that makes sums go wrong."""
    made = create_ledger(server, request.param)
    yield made
    drop_database(server, made.conninfo)


def asked(ledger: Backend, definition: str) -> list[tuple[Any, ...]]:
    """What the README's SQL for `definition` returns, run as the README says."""
    sql = BLOCKS[definition].replace(":since", f"timestamptz '{SINCE}'").replace(":until", f"timestamptz '{UNTIL}'")
    return ledger.with_(options="-c TimeZone=UTC").rows(sql)


def reported(console: Console, ledger: Backend, *arguments: str, **environ: str) -> dict[str | None, dict[str, Any]]:
    result = console("report", *WINDOW, "--json", *arguments, on=ledger, **environ)
    assert result.code == 0, result.err
    return {totals["currency"]: totals for totals in result.json["totals"]}


def test_every_definition_with_sql_is_tested_here() -> None:
    assert list(BLOCKS) == [
        "Counts",
        "Gross volume",
        "Undated",
        "Refunds",
        "Refunds without a row",
        "After refunds",
        "`--by status`",
        "Owed",
    ]


def test_counts(console: Console, ledger: Backend) -> None:
    totals = reported(console, ledger)
    counts = {(currency or None, status): count for currency, status, count in asked(ledger, "Counts")}
    for currency, figures in totals.items():
        for status in ("succeeded", "failed", "pending", "processing", "cancelled"):
            assert figures[status] == counts.get((currency, status), 0)


@pytest.mark.parametrize("basis", ["paid", "created"])
def test_gross_volume(console: Console, ledger: Backend, basis: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(BLOCKS, "Gross volume", BLOCKS["Gross volume"].replace("paid_at", f"{basis}_at"))
    rows = asked(ledger, "Gross volume")
    totals = reported(console, ledger, "--basis", basis)
    assert len(rows) > 2
    for currency, count, gross, fees, payouts, _, largest in rows:
        figures = totals[currency or None]
        assert (figures["charged"], Decimal(figures["gross_volume"]), Decimal(figures["platform_fees"])) == (count, gross, fees)
        assert (Decimal(figures["cleaner_payouts"]), Decimal(figures["largest"])) == (payouts, largest)


def test_undated(console: Console, ledger: Backend) -> None:
    rows = asked(ledger, "Undated")
    totals = reported(console, ledger)
    assert rows
    for currency, count, gross, _, _ in rows:
        figures = totals[currency or None]
        assert (figures["undated"], Decimal(figures["undated_gross_volume"])) == (count, gross)


def test_refunds(console: Console, ledger: Backend) -> None:
    rows = asked(ledger, "Refunds")
    totals = reported(console, ledger)
    assert rows
    for currency, count, amount in rows:
        figures = totals[currency or None]
        assert (figures["completed_refunds"], Decimal(figures["refunds"])) == (count, amount)
        assert Decimal(figures["net_volume"]) == Decimal(figures["gross_volume"]) - amount


def test_refunds_without_a_row(console: Console, ledger: Backend) -> None:
    rows = asked(ledger, "Refunds without a row")
    totals = reported(console, ledger)
    assert any(amount for _, amount in rows)
    for currency, amount in rows:
        assert Decimal(totals[currency or None]["refunds_without_row"]) == amount


def test_after_refunds(console: Console, ledger: Backend) -> None:
    rows: dict[str, Decimal] = dict(asked(ledger, "After refunds"))
    totals = reported(console, ledger, ECLOUD_PAY_REFUND_BORNE_BY="proportional")
    figures = totals["usd"]
    assert Decimal(figures["platform_fees"]) - Decimal(figures["platform_fees_after_refunds"]) == rows["usd"] != 0


def test_by_status(console: Console, ledger: Backend) -> None:
    document = console("report", *WINDOW, "--by", "status", "--json", on=ledger).json
    ours = {
        (row["status"], row["currency"]): (row["payments"], row["amount"], row["platform_fee"], row["cleaner_payout"])
        for row in document["groups"]
    }
    theirs = {
        (status or None, currency or None): (count, f"{amount}", f"{fee}", f"{payout}")
        for status, currency, count, amount, fee, payout in asked(ledger, "`--by status`")
    }
    assert ours == theirs


def test_owed(console: Console, ledger: Backend) -> None:
    document = console("report", *WINDOW, "--by", "cleaner", "--owed", "--json", on=ledger).json
    ours = {
        (row["cleaner"] and row["cleaner"]["id"], row["currency"]): (
            row["jobs"],
            row["gross_volume"],
            row["cleaner_payout"],
            row["paid_out"],
        )
        for row in document["owed"]
    }
    theirs = {
        (cleaner, currency or None): (jobs, f"{gross}", f"{payout}", f"{paid_out or 0:.2f}")
        for cleaner, currency, jobs, gross, payout, paid_out in asked(ledger, "Owed")
    }
    assert ours == theirs
