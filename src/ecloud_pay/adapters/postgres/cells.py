"""How a value is written in each form of an export, as SQL: the server does it while it copies.

A column is absent where it is NULL or ''. The forms are those of domain/export.py.
"""

from typing import Any

from sqlalchemy import ColumnElement, DateTime, Text, and_, case, cast, func, literal, literal_column, or_
from sqlalchemy.dialects.postgresql import JSONB

from ecloud_pay.domain.export import Form, Kind

_AWARE = DateTime(timezone=True)
# Instants that Python's calendar holds; the others are written the way `list` writes them.
_FIRST: ColumnElement[Any] = literal_column("timestamptz '0001-01-01 00:00:00Z'")
_BEYOND: ColumnElement[Any] = literal_column("timestamptz '10000-01-01 00:00:00Z'")
# What a spreadsheet would run. https://owasp.org/www-community/attacks/CSV_Injection
_STARTS = r"=+@|\t\r\n"
_WIDE_STARTS = "＝＋－＠｜"
_WIDE_BLANKS = r"\u00a0\u1680\u2000-\u200a\u202f\u205f\u3000"  # Unicode's category Zs


class Cells:
    """Writes values for one `form`. `zone` is that of a sheet's dates; `is_guarded` keeps a sheet's text from being run."""

    def __init__(self, form: Form, zone: str, server_encoding: str, *, is_guarded: bool = True) -> None:
        self._form = form
        self._zone = zone
        self._encoding = server_encoding
        self._is_guarded = is_guarded and form is Form.SHEET

    def cell(self, kind: Kind, value: ColumnElement[Any]) -> ColumnElement[Any]:
        """`value`, a column of that kind, as a cell."""
        match kind:
            case Kind.TEXT:
                return self._text(value)
            case Kind.INSTANT:
                return self._instant(value)
            case Kind.MONEY:
                return cast(value, Text) if self._form is Form.DOCUMENTS else value
            case Kind.JSON:
                return self._json(value)
            case Kind.FLAG:
                return cast(value, Text) if self._form is Form.SHEET else value
            case Kind.NUMBER:
                return value

    def _text(self, value: ColumnElement[Any]) -> ColumnElement[Any]:
        if not self._is_guarded:
            return func.nullif(value, "")
        is_run = value.op("~")(literal_column(self._pattern()))
        guarded: list[tuple[ColumnElement[Any], Any]] = [(value == "", None), (is_run, func.concat(literal_column("''''"), value))]
        if self._encoding == "UTF8":
            # Nearly every text begins with a letter or digit, and seeing that is ten times as quick as a regular expression.
            first = func.ascii(value)
            guarded.insert(0, (or_(first.between(65, 122), first.between(48, 57)), value))
        return case(*guarded, else_=value)

    def _pattern(self) -> str:
        # A database of one byte a character knows no full-width forms, and could not even be asked about them.
        wide = _WIDE_STARTS if self._encoding.startswith(("UTF8", "EUC", "MULE")) else ""
        blanks = _WIDE_BLANKS if self._encoding == "UTF8" else ""
        return f"E'^[ {blanks}]*[-{_STARTS}{wide}]'"

    def _instant(self, value: ColumnElement[Any]) -> ColumnElement[Any]:
        aware = cast(value, _AWARE)
        match self._form:
            case Form.SHEET:
                return func.date_trunc("second", func.timezone(self._zone, aware))
            case Form.VALUES:
                return aware
            case Form.TYPED:
                return cast(func.timezone("UTC", aware), Text).concat("+00")
            case Form.DOCUMENTS:
                text = func.to_char(func.timezone("UTC", aware), 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')
                return case(
                    (and_(aware >= _FIRST, aware < _BEYOND), text),
                    (aware < _FIRST, literal("-infinity")),
                    (aware >= _BEYOND, literal("infinity")),
                )

    def _json(self, value: ColumnElement[Any]) -> ColumnElement[Any]:
        present = func.nullif(cast(value, JSONB), literal_column("'null'::jsonb"))
        return present if self._form is Form.DOCUMENTS else cast(present, Text)
