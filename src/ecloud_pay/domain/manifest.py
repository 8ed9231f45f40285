"""What an export says of itself, so that anybody can tell later whether a file is still that export."""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import TypeVar

from ecloud_pay.domain.export import Total
from ecloud_pay.domain.money import column_text, recorded
from ecloud_pay.domain.payment import Json

SCHEMA = "ecloud-pay/export-manifest/1"
SUFFIX = ".manifest.json"

_SHA256 = re.compile("[0-9a-f]{64}")
_Value = TypeVar("_Value")


class NotAManifest(ValueError):
    """The text is no manifest of an export; the message says why in one line."""


@dataclass(frozen=True, slots=True)
class Digest:
    """What identifies the content of a file: its length in bytes and its SHA-256 in hexadecimal digits."""

    bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Manifest:
    """What is in the export file named `file`, where from and as of when (`as_of` is aware, `snapshot` is PostgreSQL's word for it)."""

    file: str
    format: str
    table: str
    rows: int
    digest: Digest
    totals: Sequence[Total]
    filters: Mapping[str, Json]
    fields: Sequence[str]
    is_raw: bool
    time_zone: str
    snapshot: str
    as_of: datetime
    version: str


@dataclass(frozen=True, slots=True)
class Verification:
    """How the file at `path` compares with its manifest. Without `differences`, one sentence each, it is what was exported.

    `manifest` and `found` are None where the manifest is none; `rows` is None where they were not counted.
    """

    path: str
    manifest: Manifest | None
    found: Digest | None
    rows: int | None
    differences: tuple[str, ...]


def manifest_path(path: str) -> str:
    """Where the manifest of the file at `path` is: beside it."""
    return path + SUFFIX


def manifest_text(manifest: Manifest) -> str:
    """The manifest as a JSON document: money as text, `as_of` in UTC with a Z. Everything beyond ASCII is escaped."""
    document = {
        "schema": SCHEMA,
        "file": manifest.file,
        "format": manifest.format,
        "table": manifest.table,
        "rows": manifest.rows,
        "bytes": manifest.digest.bytes,
        "sha256": manifest.digest.sha256,
        "totals": [
            {"currency": total.currency, "status": total.status, "rows": total.rows, "amount": _amount_text(total)}
            for total in manifest.totals
        ],
        "filters": manifest.filters,
        "fields": list(manifest.fields),
        "raw": manifest.is_raw,
        "time_zone": manifest.time_zone,
        "snapshot": manifest.snapshot,
        "as_of": manifest.as_of.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="microseconds") + "Z",
        "version": manifest.version,
    }
    return json.dumps(document, indent=2, allow_nan=False) + "\n"


def parsed_manifest(text: str | bytes) -> Manifest:
    """The manifest that `text` is, whose keys may be more than ours but not fewer. Raises NotAManifest."""
    try:
        document = json.loads(text, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:  # bytes that are no UTF-8 are a ValueError, too
        raise NotAManifest("it is no JSON") from error
    if not isinstance(document, dict):
        raise NotAManifest("it is no JSON object")
    if document.get("schema") != SCHEMA:
        raise NotAManifest(f"its schema is not {SCHEMA}")
    return Manifest(
        file=_value(document, "file", _text),
        format=_value(document, "format", _text),
        table=_value(document, "table", _text),
        rows=_value(document, "rows", _count),
        digest=Digest(_value(document, "bytes", _count), _value(document, "sha256", _sha256)),
        totals=[_value({"totals": total}, "totals", _total) for total in _value(document, "totals", _list)],
        filters=_value(document, "filters", _mapping),
        fields=[_value({"fields": name}, "fields", _text) for name in _value(document, "fields", _list)],
        is_raw=_value(document, "raw", _flag),
        time_zone=_value(document, "time_zone", _text),
        snapshot=_value(document, "snapshot", _text),
        as_of=_value(document, "as_of", _instant),
        version=_value(document, "version", _text),
    )


def compare(path: str, manifest: Manifest, found: Digest, rows: int | None) -> Verification:
    """What is `found` at `path`, beside what its manifest says; `rows` is None where they were not counted."""
    differences = []
    if found.bytes != manifest.digest.bytes:
        differences.append(f"The manifest says {manifest.digest.bytes:,} bytes, the file has {found.bytes:,}.")
    if rows is not None and rows != manifest.rows:
        differences.append(f"The manifest says {manifest.rows:,} rows, the file has {rows:,}.")
    if found.sha256 != manifest.digest.sha256:
        differences.append(f"The manifest says SHA-256 {manifest.digest.sha256}, the file's is {found.sha256}.")
    if manifest.totals and (in_totals := sum(total.rows for total in manifest.totals)) != manifest.rows:
        differences.append(f"The manifest says {manifest.rows:,} rows, its own totals are of {in_totals:,}.")
    return Verification(path, manifest, found, rows, tuple(differences))


def _amount_text(total: Total) -> str | None:
    return None if total.amount is None else column_text(recorded(total.amount, total.currency))


def _value(document: Mapping[str, object], key: str, read: Callable[[object], _Value]) -> _Value:
    try:
        return read(document[key])
    except KeyError as error:
        raise NotAManifest(f"it has no {error.args[0]!r}") from error
    except (TypeError, ValueError, InvalidOperation) as error:
        raise NotAManifest(f"its {key!r} makes no sense") from error


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError
    return value


def _text_or_none(value: object) -> str | None:
    return None if value is None else _text(value)


def _count(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise TypeError
    return value


def _flag(value: object) -> bool:
    if not isinstance(value, bool):
        raise TypeError
    return value


def _list(value: object) -> list[object]:
    if not isinstance(value, list):
        raise TypeError
    return value


def _mapping(value: object) -> dict[str, Json]:
    if not isinstance(value, dict):
        raise TypeError
    return value


def _sha256(value: object) -> str:
    text = _text(value)
    if not _SHA256.fullmatch(text):
        raise ValueError
    return text


def _instant(value: object) -> datetime:
    instant = datetime.fromisoformat(_text(value))
    if instant.tzinfo is None:
        raise ValueError
    return instant.astimezone(UTC)


def _total(value: object) -> Total:
    cells = _mapping(value)
    amount = _text_or_none(cells["amount"])
    return Total(
        currency=_text_or_none(cells["currency"]),
        status=_text_or_none(cells["status"]),
        rows=_count(cells["rows"]),
        amount=None if amount is None else Decimal(amount),
    )


def _no_constant(_: str) -> None:
    raise ValueError  # NaN and Infinity are Python's, not JSON's
