"""The lines of an export as they leave us: made harmless, and with what a format has before, between and after them."""

from collections.abc import Sequence

from ecloud_pay.domain.export import Column
from ecloud_pay.rendering.machine import csv_text
from ecloud_pay.rendering.sanitize import csv_lines, json_lines


class CsvLines:
    """A header, then the rows as the server wrote them; `is_raw` keeps control characters as they are."""

    def __init__(self, columns: Sequence[Column], *, is_raw: bool) -> None:
        self.head = csv_text([], [column.heading for column in columns]).encode()
        self._is_raw = is_raw

    def written(self, lines: bytes) -> bytes:
        """Whole lines from the server, as they are printed."""
        return lines if self._is_raw else csv_lines(lines)

    def tail(self) -> bytes:
        """What follows the last line."""
        return b""


class JsonLines:
    """One document a line."""

    head = b""

    def written(self, lines: bytes) -> bytes:
        """Whole lines from the server, as they are printed."""
        return json_lines(lines)

    def tail(self) -> bytes:
        """What follows the last line."""
        return b""


class JsonArray:
    """One array of documents, each on a line of its own."""

    head = b"["

    def __init__(self) -> None:
        self._between = b"\n"

    def written(self, lines: bytes) -> bytes:
        """Whole lines from the server, as they are printed."""
        between, self._between = self._between, b",\n"
        return between + json_lines(lines.removesuffix(b"\n").replace(b"\n", b",\n"))

    def tail(self) -> bytes:
        """What follows the last line: an empty array is `[]`."""
        return b"]\n" if self._between == b"\n" else b"\n]\n"


Lines = CsvLines | JsonLines | JsonArray
