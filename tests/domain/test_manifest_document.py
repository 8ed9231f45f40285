"""The manifest as a document: what it says, and what is not taken for one."""

import dataclasses
import json
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal

import pytest

from ecloud_pay.domain.export import Total
from ecloud_pay.domain.manifest import Digest, Manifest, NotAManifest, compare, manifest_text, parsed_manifest

SHA = "0123456789abcdef" * 4
MANIFEST = Manifest(
    file="payments.csv",
    format="csv",
    table="payments",
    rows=3,
    digest=Digest(120, SHA),
    totals=[Total("jpy", "succeeded", 2, Decimal(1200)), Total("", None, 1, None)],
    filters={"status": ["succeeded"], "since": "2025-01-01T00:00:00Z", "refunded": None},
    fields=["id", "created_at"],
    is_raw=False,
    time_zone="Europe/Berlin",
    snapshot="1000:1004:1001,1003",
    as_of=datetime(2025, 1, 27, 15, 30, 15, 123456, timezone(timedelta(hours=1))),
    version="0.1.0",
)


def test_a_manifest_says_everything_with_money_as_text_and_its_instant_in_utc() -> None:
    assert json.loads(manifest_text(MANIFEST)) == {
        "schema": "ecloud-pay/export-manifest/1",
        "file": "payments.csv",
        "format": "csv",
        "table": "payments",
        "rows": 3,
        "bytes": 120,
        "sha256": SHA,
        "totals": [
            {"currency": "jpy", "status": "succeeded", "rows": 2, "amount": "1200.00"},
            {"currency": "", "status": None, "rows": 1, "amount": None},
        ],
        "filters": {"status": ["succeeded"], "since": "2025-01-01T00:00:00Z", "refunded": None},
        "fields": ["id", "created_at"],
        "raw": False,
        "time_zone": "Europe/Berlin",
        "snapshot": "1000:1004:1001,1003",
        "as_of": "2025-01-27T14:30:15.123456Z",
        "version": "0.1.0",
    }


def test_what_is_written_is_read_back_as_it_was() -> None:
    assert parsed_manifest(manifest_text(MANIFEST)) == dataclasses.replace(MANIFEST, as_of=MANIFEST.as_of.astimezone(UTC))


def test_a_name_that_no_terminal_should_see_is_escaped_and_read_back() -> None:
    strange = dataclasses.replace(MANIFEST, file="\x1b[2J\u202e\udcff.csv")
    assert manifest_text(strange).isascii()
    assert parsed_manifest(manifest_text(strange)).file == strange.file


@pytest.mark.parametrize(("amount", "text"), [("NaN", "NaN"), ("0.005", "0.005"), ("12345678901234567890123456789.10", None)])
def test_an_amount_that_is_none_of_the_column_s_is_written_as_it_is(amount: str, text: str | None) -> None:
    odd = dataclasses.replace(MANIFEST, totals=[Total("usd", "succeeded", 3, Decimal(amount))])
    assert json.loads(manifest_text(odd))["totals"][0]["amount"] == (text or amount)
    assert str(parsed_manifest(manifest_text(odd)).totals[0].amount) == amount


def test_keys_that_a_later_version_added_are_no_reason_to_refuse() -> None:
    document = json.loads(manifest_text(MANIFEST)) | {"mood": "good"}
    assert parsed_manifest(json.dumps(document)).rows == 3


@pytest.mark.parametrize("key", [*json.loads(manifest_text(MANIFEST))])
def test_a_manifest_without_one_of_its_keys_is_none(key: str) -> None:
    document = json.loads(manifest_text(MANIFEST))
    del document[key]
    with pytest.raises(NotAManifest, match="schema" if key == "schema" else f"it has no '{key}'"):
        parsed_manifest(json.dumps(document))


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("file", 1),
        ("rows", "3"),
        ("rows", True),
        ("rows", -1),
        ("rows", 3.0),
        ("bytes", None),
        ("sha256", SHA.upper()),
        ("sha256", SHA[1:]),
        ("totals", {}),
        ("totals", [3]),
        ("totals", [{"currency": "usd", "status": "failed", "rows": 1, "amount": 1.5}]),
        ("totals", [{"currency": "usd", "status": "failed", "rows": 1, "amount": "1,50"}]),
        ("filters", []),
        ("fields", "id"),
        ("fields", [1]),
        ("raw", 0),
        ("as_of", "2025-01-27T14:30:15"),
        ("as_of", "yesterday"),
    ],
)
def test_a_manifest_with_a_value_of_the_wrong_kind_is_none(key: str, value: object) -> None:
    document = json.loads(manifest_text(MANIFEST)) | {key: value}
    with pytest.raises(NotAManifest, match=f"its '{key}' makes no sense"):
        parsed_manifest(json.dumps(document))


def test_totals_without_one_of_their_keys_are_none() -> None:
    document = json.loads(manifest_text(MANIFEST))
    del document["totals"][0]["status"]
    with pytest.raises(NotAManifest, match="it has no 'status'"):
        parsed_manifest(json.dumps(document))


@pytest.mark.parametrize("text", ["", "{", "[" * 100_000, b"\xff\xfe\xfd", '{"schema": NaN}', "payments"])
def test_what_is_no_json_is_no_manifest(text: str | bytes) -> None:
    with pytest.raises(NotAManifest, match="it is no JSON"):
        parsed_manifest(text)


@pytest.mark.parametrize("text", ["[]", "3", "null"])
def test_json_that_is_no_object_is_no_manifest(text: str) -> None:
    with pytest.raises(NotAManifest, match="it is no JSON object"):
        parsed_manifest(text)


def test_another_schema_is_not_read_as_if_it_were_ours() -> None:
    document = json.loads(manifest_text(MANIFEST)) | {"schema": "ecloud-pay/export-manifest/2"}
    with pytest.raises(NotAManifest, match="its schema is not ecloud-pay/export-manifest/1"):
        parsed_manifest(json.dumps(document))


def test_a_file_as_its_manifest_says_has_no_differences() -> None:
    assert compare("payments.csv", MANIFEST, MANIFEST.digest, 3).differences == ()
    assert compare("payments.csv", MANIFEST, MANIFEST.digest, None).differences == ()


def test_every_difference_is_said_with_both_figures() -> None:
    other = SHA[::-1]
    assert compare("payments.csv", MANIFEST, Digest(12_345, other), 2).differences == (
        "The manifest says 120 bytes, the file has 12,345.",
        "The manifest says 3 rows, the file has 2.",
        f"The manifest says SHA-256 {SHA}, the file's is {other}.",
    )


def test_a_manifest_that_contradicts_itself_is_a_difference() -> None:
    odd = dataclasses.replace(MANIFEST, totals=MANIFEST.totals[:1])
    assert compare("payments.csv", odd, odd.digest, 3).differences == ("The manifest says 3 rows, its own totals are of 2.",)
