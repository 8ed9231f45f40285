"""XLSX with typed cells: numbers that add up, dates that sort, and text that is never run.

What is absent is an empty cell, and what a sheet cannot hold as a number or date (NaN, sixteen digits, the year 1066) is text.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta, tzinfo
from decimal import Decimal
from types import TracebackType
from typing import TYPE_CHECKING, BinaryIO, Self

from ecloud_pay.adapters.files.extras import of_extra
from ecloud_pay.adapters.files.parts import open_scratch
from ecloud_pay.domain.export import Column, Kind
from ecloud_pay.domain.money import COLUMN_DECIMALS
from ecloud_pay.domain.payment import AFTER_ALL_TIME, BEFORE_ALL_TIME

if TYPE_CHECKING:
    from xlsxwriter.format import Format
    from xlsxwriter.worksheet import Worksheet

# https://support.microsoft.com/office/1672b34d-7043-467e-8e27-269d656771c3: rows of a sheet, less the header; characters of a cell.
ROWS_PER_SHEET = 1_048_575
LONGEST_TEXT = 32_767
CUT_MARK = f"…[cut at {LONGEST_TEXT:,} characters]"
# A number is a double: so many decimal digits are sure to come back as they went in.
EXACT_DIGITS = 15

# Before it Excel counts a day that never was, 29 February 1900. From it on, a date is the days since EPOCH.
_FIRST_SURE_DAY = datetime(1900, 3, 1)  # noqa: DTZ001  (a sheet knows no zones)
_EPOCH = datetime(1899, 12, 30)  # noqa: DTZ001
_DAY = timedelta(days=1)
# Written into every file, so that the same rows give the same bytes.
_CREATED = datetime(2000, 1, 1)  # noqa: DTZ001
_WIDTHS = {Kind.NUMBER: 10, Kind.MONEY: 14, Kind.TEXT: 26, Kind.INSTANT: 20, Kind.FLAG: 10, Kind.JSON: 40}
_BEYOND = {AFTER_ALL_TIME: "infinity", BEFORE_ALL_TIME: "-infinity"}


@contextmanager
def open_sheets(
    file: BinaryIO, columns: Sequence[Column], zone: tzinfo, *, name: str, path: str | None = None, rows_per_sheet: int = ROWS_PER_SHEET
) -> Iterator["XlsxSheets"]:
    """Sheets for the length of the block, whole at its end, in `file`, which stays open.

    Until then they are uncompressed in a private folder beside `path`, or where temporary files go: some 90 bytes a cell, for a moment
    twice that. Raises OSError, and NotConfigured where the extra is missing.
    """
    with (
        open_scratch(path) as scratch,
        XlsxSheets(file, columns, zone, name=name, scratch=scratch, rows_per_sheet=rows_per_sheet) as sheets,
    ):
        yield sheets


class XlsxSheets:
    """A workbook of as many sheets as the rows need, each called `name` and headed by the columns' headings.

    `cut` counts the texts that were longer than a cell; each ends in CUT_MARK.
    """

    def __init__(
        self, file: BinaryIO, columns: Sequence[Column], zone: tzinfo, *, name: str, scratch: str, rows_per_sheet: int = ROWS_PER_SHEET
    ) -> None:
        with of_extra("xlsx"):
            from xlsxwriter import Workbook
        self.rows = 0
        self.cut = 0
        self._columns = columns
        self._zone = zone
        self._name = name
        self._rows_per_sheet = rows_per_sheet
        self._door = _Door(file)
        self._book = Workbook(self._door, {"constant_memory": True, "tmpdir": scratch, "use_zip64": True})
        self._book.set_properties({"created": _CREATED})
        self._plain = self._book.add_format()
        self._header = self._book.add_format({"bold": True})
        self._money = self._book.add_format({"num_format": f"#,##0.{'0' * COLUMN_DECIMALS}"})
        self._finer_money = self._book.add_format({"num_format": f"#,##0.{'0' * COLUMN_DECIMALS}{'#' * (EXACT_DIGITS - COLUMN_DECIMALS)}"})
        self._date = self._book.add_format({"num_format": "yyyy-mm-dd hh:mm:ss"})
        self._writers = self._writers_of(self._begin_sheet())

    def write(self, rows: Iterable[Sequence[object]]) -> int:
        """Add rows, whose values are in the order of the columns, and return how many they were. Raises OSError."""
        before = self.rows
        for row in rows:
            line = self.rows % self._rows_per_sheet + 1
            if line == 1 and self.rows:
                self._writers = self._writers_of(self._begin_sheet())
            for index, value in enumerate(row):
                if value is not None:
                    self._writers[index](line, index, value)
            self.rows += 1
        return self.rows - before

    def close(self) -> None:
        """Write the workbook to the file. Raises OSError."""
        from xlsxwriter.exceptions import FileCreateError

        try:
            self._book.close()
        except FileCreateError as error:
            self.abandon()
            raise error.args[0] from error
        except BaseException:
            self.abandon()
            raise

    def abandon(self) -> None:
        """Let go of everything; what was written is no workbook."""
        self._door.shut()
        for sheet in self._book.worksheets():
            with suppress(OSError):
                sheet.row_data_fh.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, _error: BaseException | None, _traceback: TracebackType | None) -> None:
        if kind is None:
            self.close()
        else:
            self.abandon()

    def _begin_sheet(self) -> "Worksheet":
        number = len(self._book.worksheets()) + 1
        sheet = self._book.add_worksheet(self._name if number == 1 else f"{self._name} {number}")
        sheet.freeze_panes(1, 0)
        for index, column in enumerate(self._columns):
            sheet.set_column(index, index, max(_WIDTHS[column.kind], len(column.heading) + 2))
            sheet.write_string(0, index, column.heading, self._header)
        return sheet

    def _writers_of(self, sheet: "Worksheet") -> "list[Callable[[int, int, object], None]]":
        """What writes a value of each column."""

        def text(line: int, index: int, value: object) -> None:
            self._write_text(sheet, line, index, str(value))

        def number(line: int, index: int, value: object) -> None:
            if isinstance(value, int) and abs(value) < 10**EXACT_DIGITS:
                sheet.write_number(line, index, value)
            else:
                text(line, index, value)

        def money(line: int, index: int, value: object) -> None:
            if isinstance(value, Decimal) and (digits := _digits(value)) is not None and digits <= EXACT_DIGITS:
                sheet.write_number(line, index, float(value), self._money_format(value))
            else:
                text(line, index, value)

        def instant(line: int, index: int, value: object) -> None:
            written = self._local(value) if isinstance(value, datetime) else str(value)
            if isinstance(written, datetime):
                sheet.write_number(line, index, (written - _EPOCH) / _DAY, self._date)
            else:
                text(line, index, written)

        def flag(line: int, index: int, value: object) -> None:
            sheet.write_boolean(line, index, value)

        writers = {Kind.NUMBER: number, Kind.MONEY: money, Kind.INSTANT: instant, Kind.FLAG: flag, Kind.TEXT: text, Kind.JSON: text}
        return [writers[column.kind] for column in self._columns]

    def _write_text(self, sheet: "Worksheet", line: int, index: int, text: str) -> None:
        if len(text) > LONGEST_TEXT // 2 and _length(text) > LONGEST_TEXT:
            self.cut += 1
            text = _cut(text)
        if text.startswith("<r>") and text.endswith("</r>"):
            # XlsxWriter takes such a text for formatting of its own and writes it as it is: it could be a formula. In two pieces, of
            # which each is escaped, it is the same text to whoever reads the cell.
            sheet.write_rich_string(line, index, text[:1], self._plain, text[1:])
        else:
            sheet.write_string(line, index, text)

    def _money_format(self, value: Decimal) -> "Format":
        exponent = value.as_tuple().exponent
        return self._finer_money if isinstance(exponent, int) and exponent < -COLUMN_DECIMALS else self._money

    def _local(self, instant: datetime) -> datetime | str:
        """The local time to the second, as CSV has it, without a zone; as text where a sheet cannot hold it."""
        if instant in _BEYOND:
            return _BEYOND[instant]
        try:
            local = instant.astimezone(self._zone)
        except OverflowError:  # within hours of the first or last instant there is
            local = instant.astimezone(UTC)
        local = local.replace(tzinfo=None, microsecond=0)
        return local if local >= _FIRST_SURE_DAY else local.isoformat(" ")


class _Door:
    """The file as zipfile sees it. Once something went wrong it takes everything and passes nothing on: zipfile would try again to
    write its end when it is collected, and say so on stderr."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._is_shut = False

    def shut(self) -> None:
        self._is_shut = True

    def write(self, content: bytes) -> int:
        return len(content) if self._is_shut else self._file.write(content)

    def flush(self) -> None:
        if not self._is_shut:
            self._file.flush()

    def tell(self) -> int:
        return 0 if self._is_shut else self._file.tell()

    def seek(self, offset: int, whence: int = 0) -> int:
        return 0 if self._is_shut else self._file.seek(offset, whence)


def _digits(value: Decimal) -> int | None:
    """How many significant digits it takes to write `value`, leading zeros aside; None where it is no number."""
    _, digits, exponent = value.as_tuple()
    return None if isinstance(exponent, str) else max(len(digits) + max(0, exponent), 1)


def _length(text: str) -> int:
    """In UTF-16 units, as Excel counts."""
    return len(text) + sum(character > "\uffff" for character in text)


def _cut(text: str) -> str:
    room = (LONGEST_TEXT - len(CUT_MARK)) * 2
    return text[:LONGEST_TEXT].encode("utf-16-le")[:room].decode("utf-16-le", "ignore") + CUT_MARK
