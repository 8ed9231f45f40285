"""Values that PostgreSQL holds and Python's own types do not: one odd row must not keep the others from being read."""

import json
import math
from decimal import Decimal
from typing import Any

import psycopg
from psycopg.abc import Buffer
from psycopg.types.datetime import TimestampLoader, TimestamptzLoader
from psycopg.types.json import set_json_loads

from ecloud_pay.domain.payment import AFTER_ALL_TIME, BEFORE_ALL_TIME

LONGEST_NUMBER = 4000  # digits; Python converts at most 4,300
DEEPEST = 200  # brackets within brackets; Python's json gives up at about 1,000


def register(connection: "psycopg.Connection[Any]") -> None:
    """Make `connection` read timestamps and JSON the way this module says."""
    connection.adapters.register_loader("timestamp", _Timestamp)
    connection.adapters.register_loader("timestamptz", _Timestamptz)
    set_json_loads(_json, connection)


class _Timestamp(TimestampLoader):
    def load(self, data: Buffer) -> Any:
        try:
            return super().load(data)
        except psycopg.DataError:
            return _beyond(bytes(data))


class _Timestamptz(TimestamptzLoader):
    def load(self, data: Buffer) -> Any:
        try:
            return super().load(data)
        except psycopg.DataError:
            return _beyond(bytes(data))


def _beyond(text: bytes) -> Any:
    """`-infinity` and years BC lie before Python's calendar, `infinity` and years above 9999 after it."""
    return BEFORE_ALL_TIME if text.startswith(b"-") or text.endswith(b"BC") else AFTER_ALL_TIME


def _json(document: str | bytes) -> Any:
    """JSON whose numbers mean what PostgreSQL holds: one that a float would change, and a document too deep, stay the text they are."""
    text = document if isinstance(document, str) else document.decode()
    return text if _is_too_deep(text) else json.loads(text, parse_int=_whole, parse_float=_real)


def _whole(text: str) -> int | str:
    return int(text) if len(text) <= LONGEST_NUMBER else text


def _real(text: str) -> float | str:
    value = float(text)
    return value if math.isfinite(value) and Decimal(repr(value)) == Decimal(text) else text


def _is_too_deep(text: str) -> bool:
    if text.count("[") + text.count("{") <= DEEPEST:
        return False
    depth = deepest = 0
    for character in text:
        depth += (character in "[{") - (character in "]}")
        deepest = max(deepest, depth)
    return deepest > DEEPEST
