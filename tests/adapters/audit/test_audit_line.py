"""What one event looks like in the file."""

import json
import platform
import time
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from types import MappingProxyType

import pytest

from ecloud_pay import __version__
from ecloud_pay.adapters.audit.log import AuditLog
from ecloud_pay.domain.audit import AuditEvent, EventType
from ecloud_pay.domain.money import Amount, Money, Unreadable
from ecloud_pay.domain.payment import Json
from samples import empty_payment, payment_5
from support.trail import ZEROS, lines, requested, sha256, trail


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "audit.jsonl"


def test_an_event_is_one_line_with_every_key_in_its_order(path: Path) -> None:
    trail(path).append(requested(refund_amount="25.00", key="b3c1"))
    assert path.read_bytes().decode() == (
        '{"timestamp": "2025-01-27T12:00:00.000005Z", "event_type": "refund_requested", "payment_id": 5, "job_id": 14, "client_id": 24, '
        '"cleaner_id": 26, "amount": "100.00", "currency": "usd", "status": "succeeded", '
        '"stripe_payment_intent_id": "pi_3SMUfcQ1SldwUSm92tASE3le", "stripe_charge_id": "ch_3SMUfcQ1SldwUSm92tASE3le", '
        '"triggered_by": "ops@example.com", "details": {"refund_amount": "25.00", "key": "b3c1"}, "host": "till", '
        f'"version": "{__version__}", "request_id": "r-1", "prev_hash": "{ZEROS}"}}\n'
    )


def test_what_a_payment_does_not_say_is_null(path: Path) -> None:
    trail(path).append(AuditEvent(EventType.REPAIRED, empty_payment(), "ops@example.com"))
    assert path.read_bytes().decode() == (
        '{"timestamp": "2025-01-27T12:00:00.000005Z", "event_type": "repaired", "payment_id": 6, "job_id": null, "client_id": null, '
        '"cleaner_id": null, "amount": "0.00", "currency": null, "status": null, "stripe_payment_intent_id": null, '
        '"stripe_charge_id": null, "triggered_by": "ops@example.com", "details": {}, "host": "till", '
        f'"version": "{__version__}", "request_id": null, "prev_hash": "{ZEROS}"}}\n'
    )


def test_the_hash_returned_is_that_of_the_line_and_the_next_line_carries_it(path: Path) -> None:
    audit = trail(path)
    returned = [audit.append(requested(attempt=number)) for number in range(3)]
    written = lines(path)
    assert returned == [sha256(line) for line in written]
    assert [json.loads(line)["prev_hash"] for line in written] == [ZEROS, *returned[:2]]


@pytest.mark.parametrize(
    ("amount", "text"),
    [
        (Money(10000, "usd"), "100.00"),
        (Money(1200, "jpy"), "1200.00"),
        (Money(999_999_999_999_999_999, "eur"), "9999999999999999.99"),
        (Money(-1, "eur"), "-0.01"),
        (Unreadable(Decimal("12.345"), "eur", "too many decimals"), "12.345"),
        (Unreadable(Decimal("0.50"), "jpy", "half a yen"), "0.50"),
        (Unreadable(Decimal("NaN"), "usd", "no number"), "NaN"),
    ],
)
def test_an_amount_is_the_exact_figure_as_text(path: Path, amount: Amount, text: str) -> None:
    trail(path).append(AuditEvent(EventType.REFUNDED, replace(payment_5(), amount=amount), "ops@example.com"))
    assert f'"amount": "{text}"' in path.read_text()


def test_an_instant_of_any_zone_is_written_in_utc(path: Path) -> None:
    tokyo = datetime(2025, 1, 27, 23, 30, 15, 123456, tzinfo=timezone(timedelta(hours=9)))
    AuditLog(path, clock=lambda: tokyo, host="till").append(requested())
    assert json.loads(path.read_bytes())["timestamp"] == "2025-01-27T14:30:15.123456Z"


def test_without_a_clock_and_a_host_they_are_the_machine_s_own(path: Path) -> None:
    before = time.time()
    AuditLog(path).append(requested())
    line = json.loads(path.read_bytes())
    assert before <= datetime.fromisoformat(line["timestamp"]).timestamp() <= time.time()
    assert line["host"] == platform.node()


@pytest.mark.parametrize(
    "hostile", ["two\nlines\r\n", "\x1b[2J\x1b]0;x\x07", "\u202egnp.exe", "\ud800 alone", "nul\x00", "\x7f\x9b\u2028", "é 💶"]
)
def test_hostile_text_stays_one_harmless_line_and_keeps_its_value(path: Path, hostile: str) -> None:
    details: Json = {hostile: [hostile, {"deep": hostile}]}
    trail(path).append(AuditEvent(EventType.REFUND_FAILED, payment_5(), hostile, hostile, {"words": details}))
    [line] = lines(path)
    assert all(0x20 <= byte <= 0x7E for byte in line)
    loaded = json.loads(line)
    assert (loaded["details"], loaded["triggered_by"], loaded["request_id"]) == ({"words": details}, hostile, hostile)


def test_details_may_be_any_mapping(path: Path) -> None:
    trail(path).append(requested(inner=MappingProxyType({"k": 1, "deeper": MappingProxyType({})})))
    assert json.loads(path.read_bytes())["details"] == {"inner": {"k": 1, "deeper": {}}}


def test_what_is_no_json_is_refused_before_anything_is_written(path: Path) -> None:
    audit = trail(path)
    audit.append(requested())
    before = path.read_bytes()
    for wrong in (float("nan"), object()):
        with pytest.raises((ValueError, TypeError)):
            audit.append(requested(wrong=wrong))  # type: ignore[arg-type]
    assert path.read_bytes() == before
