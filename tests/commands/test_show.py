"""`show REF`: one payment, whole."""

from pathlib import Path

import pytest

from samples import CARD_5
from support.backend import Backend
from support.console import Console


def test_the_card_of_the_guide_then_its_details(console: Console, backend: Backend) -> None:
    result = console("show", "5", on=backend)
    assert (result.code, result.err) == (0, "")
    assert result.out == CARD_5 + "\n" + (
        """\
┌─ Details of #5 ──────────────────────────────────
│ Job: #14 Deep Cleaning
│   └─ Address: 123 Main St
│ Description: Deep cleaning
│
│ Metadata:
│   └─ job_id: 14
│
│ Refunds: none
│
│ Timeline:
│   └─ 2025-01-27 14:30:20 UTC  charge  $100.00  COMPLETED
│       ch_3SMUfcQ1SldwUSm92tASE3le  completed 2025-01-27 14:30:45 UTC
└──────────────────────────────────────────────────
"""
    )


def test_a_refunded_payment_tells_its_refunds_and_its_timeline_in_local_time(console: Console, backend: Backend) -> None:
    out = console("show", "pi_11", "--tz", "Europe/Berlin", on=backend).out
    assert (
        """\
│ Refunded (25%): $25.00 USD
│   ├─ Reason: requested_by_customer
│   └─ When: 2025-05-03 11:00:00 CEST
"""
        in out
    )
    assert (
        """\
│ Refunds:
│   ├─ #1 COMPLETED $25.00 re_11
│   │   Reason: requested_by_customer
│   │   Requested by: ops@demo (ops@demo) on 2025-05-03 10:59:00 CEST
│   │   Processed: 2025-05-03 11:00:00 CEST
│   └─ #2 PENDING $10.00 N/A
│       Reason: N/A
│       Requested by: N/A on 2025-05-04 10:00:00 CEST
│       Processed: N/A
│
│ Timeline:
│   ├─ 2025-05-01 11:00:00 CEST  charge  $100.00  COMPLETED
│   │   ch_11  completed 2025-05-01 11:00:00 CEST
│   ├─ 2025-05-02 12:00:00 CEST  payout   $63.75  PENDING
│   │   N/A
│   └─ 2025-05-03 10:59:00 CEST  refund   $25.00  COMPLETED
│       re_11  completed 2025-05-03 11:00:00 CEST
"""
        in out
    )


def test_json_adds_transactions_and_refunds_in_ascending_id(console: Console, backend: Backend) -> None:
    shown = console("show", "11", "--json", on=backend).json
    [listed] = console("list", "--before", "12", "--limit", "1", "--json", on=backend).json
    assert {key: value for key, value in shown.items() if key not in ("transactions", "refunds")} == listed
    assert shown["transactions"] == [
        {
            "id": 2,
            "transaction_type": "charge",
            "amount": "100.00",
            "status": "completed",
            "stripe_transaction_id": "ch_11",
            "created_at": "2025-05-01T09:00:00.000000Z",
            "completed_at": "2025-05-01T09:00:00.000000Z",
            "metadata": None,
        },
        {
            "id": 3,
            "transaction_type": "refund",
            "amount": "25.00",
            "status": "completed",
            "stripe_transaction_id": "re_11",
            "created_at": "2025-05-03T08:59:00.000000Z",
            "completed_at": "2025-05-03T09:00:00.000000Z",
            "metadata": {"note": "late"},
        },
        {
            "id": 4,
            "transaction_type": "payout",
            "amount": "63.75",
            "status": "pending",
            "stripe_transaction_id": None,
            "created_at": "2025-05-02T10:00:00.000000Z",
            "completed_at": None,
            "metadata": None,
        },
    ]
    assert shown["refunds"] == [
        {
            "id": 1,
            "amount": "25.00",
            "reason": "requested_by_customer",
            "status": "completed",
            "stripe_refund_id": "re_11",
            "requested_by": "ops@demo",
            "created_at": "2025-05-03T08:59:00.000000Z",
            "processed_at": "2025-05-03T09:00:00.000000Z",
        },
        {
            "id": 2,
            "amount": "10.00",
            "reason": None,
            "status": "pending",
            "stripe_refund_id": None,
            "requested_by": None,
            "created_at": "2025-05-04T08:00:00.000000Z",
            "processed_at": None,
        },
    ]


@pytest.mark.parametrize(
    ("reference", "expected", "said"),
    [
        ("5", 5, ""),
        ("#5", 5, ""),
        ("pi_3SMUfcQ1SldwUSm92tASE3le", 5, ""),
        ("ch_3SMUfcQ1SldwUSm92tASE3le", 5, ""),
        ("ch_11", 12, "ch_11 has 2 payments; this is the newest.\n"),
        ("re_11", 11, ""),
        ("job:14", 5, ""),
        ("job:#15", 12, "job:15 has 6 payments; this is the newest. All: ecloud-pay list --job 15\n"),
        (
            "Client1@test.com",
            12,
            "Client1@test.com has 6 payments as client; this is the newest. All: ecloud-pay list --client Client1@test.com\n",
        ),
        (
            "cleaner1@test.com",
            12,
            "cleaner1@test.com has 5 payments as cleaner; this is the newest. All: ecloud-pay list --cleaner cleaner1@test.com\n",
        ),
    ],
)
def test_a_reference_leads_to_its_newest_payment(console: Console, backend: Backend, reference: str, expected: int, said: str) -> None:
    result = console("show", reference, "--json", on=backend)
    assert (result.code, result.json["id"], result.err) == (0, expected, said)


@pytest.mark.parametrize(
    ("reference", "told"),
    [
        ("4711", "there is no payment #4711"),
        ("pi_nothing", "no payment belongs to pi_nothing"),
        ("ch_nothing", "no payment belongs to ch_nothing"),
        ("py_nothing", "no payment belongs to py_nothing"),
        ("pyr_nothing", "no payment belongs to pyr_nothing"),
        ("job:999", "no payment belongs to job:999"),
        ("ops@demo", "no payment belongs to ops@demo"),
        ("nobody@example.com", "no payment belongs to nobody@example.com"),
    ],
)
def test_an_unknown_reference_is_exit_6(console: Console, backend: Backend, reference: str, told: str) -> None:
    result = console("show", reference, on=backend)
    assert (result.code, result.out) == (6, "")
    assert result.err == f"ecloud-pay: {told}\n`ecloud-pay list` shows what there is.\n"


@pytest.mark.parametrize(
    "reference",
    ["", " ", "#", "0", "-1", "5.0", "#0", "job:", "job:x", "pi_", "xx_1", "pi_a b", "@", "a@", "9" * 5000, "９",
     "5\x00", "\x1b[31m", "5;DROP TABLE x", "😀",
     "\udcff", "pi_" + "x" * 300, "a" * 300 + "@b.c"],
)  # fmt: skip
def test_nonsense_for_a_reference_is_a_usage_error_with_the_forms(console: Console, reference: str) -> None:
    result = console("show", "--", reference)
    assert (result.code, result.out) == (2, "")
    assert result.err.startswith("ecloud-pay: REF: ")
    assert len(result.err.splitlines()) == 1
    assert all(character.isprintable() for character in result.err.rstrip("\n"))


def test_other_formats_print_the_one_payment(console: Console, backend: Backend) -> None:
    assert console("show", "5", "--fields", "id,status", "--csv", on=backend).out == "id,status\n5,succeeded\n"
    assert console("show", "5", "--fields", "id,status", "--json", on=backend).json == {"id": 5, "status": "succeeded"}
    assert console("show", "5", "--ndjson", on=backend).json == console("show", "5", "--json", on=backend).json
    assert (
        console("show", "5", "--format", "table", on=backend).out
        == console("list", "--limit", "1", "--before", "6", "--format", "table", on=backend).out
    )
    assert console("show", "5", "--fields", "id,status", on=backend).out.split() == ["id", "status", "─" * 13, "5", "succeeded"]


def test_the_line_that_shows_the_others_reads_from_the_same_place(console: Console, backend: Backend, tmp_path: Path) -> None:
    env_file = tmp_path / "we ird.env"
    env_file.touch(0o600)
    result = console("--env-file", str(env_file), "show", "job:15", "--tz", "Asia/Tokyo", "--json", on=backend)
    assert result.err.endswith(f"All: ecloud-pay --env-file '{env_file}' --tz Asia/Tokyo list --job 15\n")
    missing = console("--demo", "show", "4711")
    assert missing.err.splitlines()[-1] == "`ecloud-pay --demo list` shows what there is."
    assert "All: ecloud-pay --demo list --client client1@test.com\n" in console("--demo", "show", "client1@test.com").err
