"""Sheets as openpyxl and the XML itself read them back: types to the cell, nothing that runs, nothing left behind."""

import errno
import gc
import hashlib
import os
import re
import subprocess
import sys
import zipfile
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from io import BytesIO
from pathlib import Path
from typing import Any
from xml.etree import ElementTree
from zoneinfo import ZoneInfo

import openpyxl
import pytest

from ecloud_pay.adapters.files.xlsx import CUT_MARK, LONGEST_TEXT, XlsxSheets, open_sheets
from ecloud_pay.domain.errors import NotConfigured
from ecloud_pay.domain.export import Column, Kind, sheet_columns
from ecloud_pay.domain.payment import AFTER_ALL_TIME, BEFORE_ALL_TIME
from support.scripts import PEAK_KIB, answer, first_line, printed, script

BERLIN = ZoneInfo("Europe/Berlin")
MAIN = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"


def column(kind: Kind, heading: str = "Heading") -> Column:
    return Column(heading.lower(), heading, kind)


def book_bytes(columns: Sequence[Column], rows: Iterable[Sequence[object]], **options: Any) -> bytes:
    file = BytesIO()
    with open_sheets(file, columns, BERLIN, name="payments", **options) as sheets:
        sheets.write(rows)
    return file.getvalue()


def read(content: bytes) -> Any:
    return openpyxl.load_workbook(BytesIO(content))


def written(kind: Kind, value: object) -> Any:
    """The one cell that `value` becomes, as openpyxl reads it."""
    return read(book_bytes([column(kind)], [[value]])).active.cell(2, 1)


def xml_text(content: bytes) -> str:
    """The text of the one cell under the header, as the XML and Excel's own escapes say it."""
    with zipfile.ZipFile(BytesIO(content)) as archive:
        root = ElementTree.fromstring(archive.read("xl/worksheets/sheet1.xml"))
    [_, row] = root.iter(f"{MAIN}row")
    text = "".join(part.text or "" for part in row.iter(f"{MAIN}t"))
    return re.sub("_x([0-9A-Fa-f]{4})_", lambda escape: chr(int(escape[1], 16)), text)


# The sheet


def test_the_header_is_bold_and_stays_in_sight_and_there_is_no_filter() -> None:
    sheet = read(book_bytes(sheet_columns(), [])).active
    assert sheet.title == "payments"
    assert [cell.value for cell in sheet[1]] == [column.heading for column in sheet_columns()]
    assert all(cell.font.bold for cell in sheet[1])
    assert sheet.freeze_panes == "A2"
    assert sheet.auto_filter.ref is None
    assert all(sheet.column_dimensions[letter].width >= 10 for letter in "ABCDEFGHIJK")


def test_rows_beyond_a_sheet_go_on_to_the_next_one_under_the_same_header() -> None:
    book = read(book_bytes([column(Kind.NUMBER)], ([n] for n in range(25)), rows_per_sheet=10))
    assert book.sheetnames == ["payments", "payments 2", "payments 3"]
    assert [[cell.value for cell in sheet["A"]] for sheet in book] == [
        ["Heading", *range(10)],
        ["Heading", *range(10, 20)],
        ["Heading", *range(20, 25)],
    ]
    assert {sheet.freeze_panes for sheet in book} == {"A2"}


def test_rows_that_just_fill_a_sheet_begin_no_other() -> None:
    assert read(book_bytes([column(Kind.NUMBER)], ([n] for n in range(20)), rows_per_sheet=10)).sheetnames == ["payments", "payments 2"]


def test_the_same_rows_give_the_same_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [[1, datetime(2025, 1, 27, 14, 30, 15, tzinfo=UTC), *["x"] * 9]]
    first = book_bytes(sheet_columns(), rows)
    monkeypatch.setattr("time.time", lambda: 2e9)
    assert hashlib.sha256(book_bytes(sheet_columns(), rows)).digest() == hashlib.sha256(first).digest()


def test_writing_says_how_many_rows_there_were() -> None:
    with open_sheets(BytesIO(), [column(Kind.NUMBER)], BERLIN, name="refunds") as sheets:
        assert sheets.write([[1], [2]]) == 2
        assert sheets.write([[3]]) == 1
        assert sheets.rows == 3


def test_it_can_be_written_to_a_pipe() -> None:
    code = """
import sys
from datetime import UTC
from ecloud_pay.adapters.files.xlsx import open_sheets
from ecloud_pay.domain.export import Column, Kind
with open_sheets(sys.stdout.buffer, [Column("id", "ID", Kind.NUMBER)], UTC, name="payments") as sheets:
    sheets.write([[number] for number in range(1000)])
"""
    content = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True).stdout
    assert read(content).active.max_row == 1001


# Cells


def test_a_value_that_is_absent_is_an_empty_cell() -> None:
    assert all(written(kind, None).value is None for kind in Kind)
    assert b"<v></v>" not in book_bytes([column(Kind.TEXT)], [[None]])


@pytest.mark.parametrize("value", [0, 1, -5, 999_999_999_999_999])
def test_a_number_is_a_number(value: int) -> None:
    cell = written(Kind.NUMBER, value)
    assert (cell.value, cell.data_type) == (value, "n")


def test_a_number_of_sixteen_digits_is_text_because_a_sheet_would_round_it() -> None:
    assert written(Kind.NUMBER, 9_007_199_254_740_993).value == "9007199254740993"


@pytest.mark.parametrize("value", ["0.00", "100.00", "-12.50", "0.01", "1234567890123.45", "0.10"])
def test_money_is_an_exact_number_with_two_decimals_and_separators(value: str) -> None:
    cell = written(Kind.MONEY, Decimal(value))
    assert cell.data_type == "n"
    assert Decimal(str(cell.value)) == Decimal(value)
    assert cell.number_format == "#,##0.00"


@pytest.mark.parametrize("value", ["NaN", "Infinity", "12345678901234.567", "1E+15"])
def test_money_that_a_sheet_cannot_hold_exactly_is_text(value: str) -> None:
    assert written(Kind.MONEY, Decimal(value)).value == value


def test_money_with_more_decimals_shows_them_all() -> None:
    cell = written(Kind.MONEY, Decimal("12.505"))
    assert cell.value == 12.505
    assert cell.number_format.startswith("#,##0.00#")


@pytest.mark.parametrize(
    ("instant", "local"),
    [
        (datetime(2025, 1, 27, 14, 30, 15, tzinfo=UTC), "2025-01-27 15:30:15"),
        (datetime(2025, 1, 27, 14, 30, 15, 999_999, tzinfo=UTC), "2025-01-27 15:30:15"),
        (datetime(2025, 7, 1, 0, 0, tzinfo=timezone(timedelta(hours=2))), "2025-07-01 00:00:00"),
        (datetime(2025, 3, 30, 0, 59, 59, tzinfo=UTC), "2025-03-30 01:59:59"),
        (datetime(2025, 3, 30, 1, 0, tzinfo=UTC), "2025-03-30 03:00:00"),
        (datetime(1900, 3, 1, 12, tzinfo=UTC), "1900-03-01 13:00:00"),
        (datetime(9999, 12, 31, 22, 59, 59, tzinfo=UTC), "9999-12-31 23:59:59"),
    ],
)
def test_an_instant_is_a_date_in_the_zone_to_the_second(instant: datetime, local: str) -> None:
    cell = written(Kind.INSTANT, instant)
    assert cell.is_date
    assert cell.value.isoformat(" ") == local
    assert cell.number_format == "yyyy-mm-dd hh:mm:ss"


@pytest.mark.parametrize(
    ("instant", "text"),
    [
        (datetime(1900, 2, 28, 12, tzinfo=UTC), "1900-02-28 13:00:00"),
        (datetime(1066, 10, 14, 9, tzinfo=UTC), "1066-10-14 09:53:28"),
        (AFTER_ALL_TIME, "infinity"),
        (BEFORE_ALL_TIME, "-infinity"),
        (datetime(1, 1, 1, tzinfo=UTC), "0001-01-01 00:53:28"),
        ("10000-01-01 00:00:00+00", "10000-01-01 00:00:00+00"),
    ],
)
def test_an_instant_that_a_sheet_cannot_hold_is_text(instant: object, text: str) -> None:
    cell = written(Kind.INSTANT, instant)
    assert (cell.value, cell.data_type) == (text, "s")


def test_an_instant_within_hours_of_the_last_one_there_is_is_a_date_in_utc() -> None:
    cell = written(Kind.INSTANT, datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC))
    assert cell.value.isoformat(" ") == "9999-12-31 23:59:59"


def test_a_flag_is_a_boolean() -> None:
    assert (written(Kind.FLAG, True).value, written(Kind.FLAG, False).value) == (True, False)


@pytest.mark.parametrize("kind", [Kind.TEXT, Kind.JSON])
@pytest.mark.parametrize(
    "text",
    [
        "=1+1",
        "+1",
        "-1",
        "@SUM(A1)",
        "{=A1}",
        "=HYPERLINK(1)",
        "https://example.com",
        "mailto:a@example.com",
        "internal:Sheet1!A1",
        "100.00",
        "0042",
        "TRUE",
        "",
        " leading and trailing ",
        "line\nbreak",
        '<&>"',
        "<r>",
        "<r></r>",
        '<r><t>x</t></r></is></c><c r="B2"><f>1+1</f></c><c><is><r></r>',
        "é 你好 🎉",
    ],
)
def test_text_stays_text_whatever_it_looks_like(kind: Kind, text: str) -> None:
    content = book_bytes([column(kind)], [[text]])
    assert xml_text(content) == text
    with zipfile.ZipFile(BytesIO(content)) as archive:
        sheet = archive.read("xl/worksheets/sheet1.xml")
    assert b"<f>" not in sheet
    assert b"hyperlink" not in sheet
    cell = read(content).active.cell(2, 1)
    assert cell.data_type in ("s", "inlineStr", "n" if not text else "s")
    assert (cell.value or "") == text


@pytest.mark.parametrize("text", ["\x1b[2J", "_x001B_", "a\rb", "\x01_x0001_\x0b", "\ufffe", "_x_"])
def test_control_characters_and_what_looks_like_their_escape_come_back_as_they_were(text: str) -> None:
    assert xml_text(book_bytes([column(Kind.TEXT)], [[text]])) == text


def test_a_text_as_long_as_a_cell_is_whole_and_a_longer_one_is_cut_visibly_and_counted() -> None:
    whole, longer, wide = "x" * LONGEST_TEXT, "x" * (LONGEST_TEXT + 1), "🎉" * 20_000
    file = BytesIO()
    with open_sheets(file, [column(Kind.TEXT)], BERLIN, name="payments") as sheets:
        sheets.write([[whole], [longer], [wide]])
        assert sheets.cut == 2
    kept = [cell.value for cell in read(file.getvalue()).active["A"][1:]]
    assert kept[0] == whole
    assert kept[1] == "x" * (LONGEST_TEXT - len(CUT_MARK)) + CUT_MARK
    assert kept[2].endswith("🎉" + CUT_MARK)
    assert len(kept[2].encode("utf-16-le")) // 2 <= LONGEST_TEXT


# What is left behind


def test_what_is_needed_in_between_lies_beside_the_file_and_is_gone_at_the_end(tmp_path: Path) -> None:
    path = tmp_path / "payments.xlsx"
    with path.open("wb") as file, open_sheets(file, [column(Kind.NUMBER)], BERLIN, name="payments", path=str(path)) as sheets:
        sheets.write([[1]])
        [scratch] = tmp_path.glob(".payments.xlsx.*.part")
        assert scratch.stat().st_mode & 0o777 == 0o700
        assert {one.stat().st_mode & 0o777 for one in scratch.iterdir()} == {0o600}
    assert os.listdir(tmp_path) == ["payments.xlsx"]


def test_rows_that_fail_in_the_middle_leave_nothing_and_say_nothing_later(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "payments.xlsx"

    def rows() -> Iterable[Sequence[object]]:
        yield [1]
        raise ZeroDivisionError

    def export() -> None:
        with path.open("wb") as file, open_sheets(file, [column(Kind.NUMBER)], BERLIN, name="payments", path=str(path)) as sheets:
            sheets.write(rows())

    with pytest.raises(ZeroDivisionError):
        export()
    gc.collect()
    assert os.listdir(tmp_path) == ["payments.xlsx"]
    assert capsys.readouterr() == ("", "")


class Full(BytesIO):
    """A file on a disk that is full."""

    def write(self, content: object, /) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")


def test_a_disk_that_is_full_only_for_the_workbook_is_told_once_as_what_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    sheets = open_sheets(Full(), [column(Kind.NUMBER)], BERLIN, name="payments")
    with pytest.raises(OSError, match="No space left on device"), sheets:
        pass
    del sheets
    gc.collect()
    assert capsys.readouterr() == ("", "")


FULL = """
import gc, os, resource, sys
from datetime import UTC
from ecloud_pay.adapters.files.target import open_target
from ecloud_pay.adapters.files.xlsx import open_sheets
from ecloud_pay.domain.errors import CannotWrite
from ecloud_pay.domain.export import Column, Kind
path, limit = sys.argv[1], int(sys.argv[2])
resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
try:
    with open_target(path, force=False) as target:
        with target.writing(), open_sheets(target.file, [Column("t", "T", Kind.TEXT)], UTC, name="payments", path=path) as sheets:
            # Random digits, so that the workbook is nearly as large as what it is made of.
            sheets.write([os.urandom(1000).hex()] for _ in range(2000))
        target.commit()
except CannotWrite as error:
    print(error.what)
sys.unraisablehook = lambda unraisable: print("later:", unraisable.exc_value)
gc.collect()
print(os.listdir(os.path.dirname(path)))
"""


@pytest.mark.parametrize("limit", [1_000_000, 5_000_000, 10_000])
def test_a_disk_that_fills_up_while_rows_or_the_workbook_are_written_leaves_nothing(tmp_path: Path, limit: int) -> None:
    path = tmp_path / "payments.xlsx"
    told = printed(script(FULL, path, limit)).splitlines()
    if limit == 5_000_000:
        assert told == ["['payments.xlsx']"]
    else:
        assert told == [f"{path} could not be written: File too large", "[]"]


def test_the_folder_of_a_killed_writer_is_swept_away_by_the_next_one_and_a_living_writer_s_is_not(tmp_path: Path) -> None:
    path = tmp_path / "payments.xlsx"
    code = """
import os, sys
from datetime import UTC
from ecloud_pay.adapters.files.xlsx import open_sheets
from ecloud_pay.domain.export import Column, Kind
with open(sys.argv[1], "wb") as file, open_sheets(file, [Column("t", "T", Kind.TEXT)], UTC, name="p", path=sys.argv[1]) as sheets:
    sheets.write([["x"]])
    print("ready", flush=True)
    sys.stdin.readline()
    os.kill(os.getpid(), 9)
"""

    def scratches() -> int:
        return len(list(tmp_path.glob(".payments.xlsx.*.part")))

    with script(code, path) as doomed:
        first_line(doomed)
        with path.open("wb") as file, open_sheets(file, [column(Kind.TEXT)], BERLIN, name="payments", path=str(path)):
            assert scratches() == 2
        answer(doomed, "die")
    assert scratches() == 1
    with path.open("wb") as file, open_sheets(file, [column(Kind.TEXT)], BERLIN, name="payments", path=str(path)):
        assert scratches() == 1
    assert scratches() == 0


def test_memory_does_not_grow_with_the_rows(tmp_path: Path) -> None:
    code = f"""{PEAK_KIB}
from datetime import UTC
from ecloud_pay.adapters.files.xlsx import open_sheets
from ecloud_pay.domain.export import Column, Kind
with open(sys.argv[1], "wb") as file:
    for rows in (1_000, 20_000):
        with open_sheets(file, [Column("t", "T", Kind.TEXT)] * 5, UTC, name="p", path=sys.argv[1]) as sheets:
            sheets.write([f"{{number}} {{'x' * 100}}"] * 5 for number in range(rows))
        print(peak_kib())
"""
    small, large = map(int, printed(script(code, tmp_path / "a.xlsx")).split())
    assert large - small < 4 * 1024


def test_without_the_extra_the_line_that_installs_it_is_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "xlsxwriter", None)
    with pytest.raises(NotConfigured) as caught:
        XlsxSheets(BytesIO(), [], BERLIN, name="payments", scratch=str(tmp_path))
    assert caught.value.what == "--xlsx needs the extra `xlsx`, which is not installed"
    assert caught.value.to_do == "pip install 'XlsxWriter>=3.2'   (pipx: pipx inject ecloud-pay 'XlsxWriter>=3.2')"
