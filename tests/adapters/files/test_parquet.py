"""Parquet as pyarrow reads it back: every type exact, absence told from the empty text, and memory that does not grow."""

import gc
import json
import sys
import tomllib
from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal
from io import BytesIO
from pathlib import Path
from typing import Any

import pyarrow
import pyarrow.parquet
import pytest

from ecloud_pay.adapters.files import parquet
from ecloud_pay.adapters.files.extras import REQUIREMENTS
from ecloud_pay.adapters.files.parquet import ParquetFile
from ecloud_pay.adapters.files.target import open_target
from ecloud_pay.domain.errors import CannotWrite, NotConfigured
from ecloud_pay.domain.export import Column, ExportTable, Kind, every_column
from support.scripts import PEAK_KIB, printed, script

PYPROJECT = Path(__file__).parents[3] / "pyproject.toml"
COLUMNS = [
    Column("id", "ID", Kind.NUMBER),
    Column("amount", "Amount", Kind.MONEY),
    Column("created_at", "Date", Kind.INSTANT),
    Column("is_verified", "Verified", Kind.FLAG),
    Column("description", "Description", Kind.TEXT),
    Column("metadata", "Metadata", Kind.JSON),
]


def file_bytes(columns: Sequence[Column], *lines: bytes, metadata: dict[str, str] | None = None) -> bytes:
    file = BytesIO()
    with ParquetFile(file, columns, metadata) as written:
        for some in lines:
            written.write(some)
    return file.getvalue()


def read(content: bytes) -> Any:
    return pyarrow.parquet.ParquetFile(BytesIO(content))


def values(kind: Kind, lines: bytes) -> list[object]:
    """The one column that `lines` become."""
    found: list[object] = read(file_bytes([Column("x", "X", kind)], lines)).read().column(0).to_pylist()
    return found


def test_every_kind_has_its_own_type() -> None:
    schema = read(file_bytes(COLUMNS)).schema_arrow
    assert [(field.name, str(field.type)) for field in schema] == [
        ("id", "int64"),
        ("amount", "decimal128(20, 2)"),
        ("created_at", "timestamp[us, tz=UTC]"),
        ("is_verified", "bool"),
        ("description", "string"),
        ("metadata", "string"),
    ]


def test_a_row_comes_back_exactly() -> None:
    lines = b'1,12.50,2025-01-27 14:30:15.123456+00,t,"12, High St\nTop ""floor""","{""a"": 1}"\n'
    assert read(file_bytes(COLUMNS, lines)).read().to_pylist() == [
        {
            "id": 1,
            "amount": Decimal("12.50"),
            "created_at": datetime(2025, 1, 27, 14, 30, 15, 123456, UTC),
            "is_verified": True,
            "description": '12, High St\nTop "floor"',
            "metadata": '{"a": 1}',
        }
    ]


def test_what_is_absent_is_null_and_the_empty_text_is_not() -> None:
    table = read(file_bytes(COLUMNS, b"1,,,,,\n", b'2,,,,"",\n')).read().to_pylist()
    assert table[0] == {"id": 1, "amount": None, "created_at": None, "is_verified": None, "description": None, "metadata": None}
    assert table[1]["description"] == ""


@pytest.mark.parametrize("kind", list(Kind))
def test_a_column_alone_keeps_its_absent_rows(kind: Kind) -> None:
    assert values(kind, b"\n\n\n") == [None, None, None]


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        (Kind.NUMBER, "9223372036854775807", 2**63 - 1),
        (Kind.MONEY, "-0.01", Decimal("-0.01")),
        (Kind.MONEY, "12.5000", Decimal("12.50")),
        (Kind.MONEY, "999999999999999999.99", Decimal("999999999999999999.99")),
        (Kind.INSTANT, "2025-01-27 14:30:15+00", datetime(2025, 1, 27, 14, 30, 15, tzinfo=UTC)),
        (Kind.INSTANT, "2025-01-27 14:30:15.5+00", datetime(2025, 1, 27, 14, 30, 15, 500_000, UTC)),
        (Kind.INSTANT, "0001-01-01 00:00:00+00", datetime(1, 1, 1, tzinfo=UTC)),
        (Kind.INSTANT, "9999-12-31 23:59:59.999999+00", datetime(9999, 12, 31, 23, 59, 59, 999_999, UTC)),
        (Kind.FLAG, "t", True),
        (Kind.FLAG, "f", False),
        (Kind.TEXT, "NULL", "NULL"),
        (Kind.TEXT, "N/A", "N/A"),
        (Kind.TEXT, "007", "007"),
        (Kind.TEXT, "'=1+1", "'=1+1"),
        (Kind.TEXT, '"a\r\nb\rc"', "a\r\nb\rc"),
        (Kind.TEXT, '"\\."', "\\."),
        (Kind.TEXT, "x\x0b\x1b\u0085\u2028🎉", "x\x0b\x1b\u0085\u2028🎉"),
    ],
)
def test_a_value_comes_back_as_it_was(kind: Kind, text: str, value: object) -> None:
    assert values(kind, f"{text}\n".encode()) == [value]


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        (Kind.NUMBER, "9223372036854775808"),
        (Kind.MONEY, "NaN"),
        (Kind.MONEY, "Infinity"),
        (Kind.MONEY, "12.505"),
        (Kind.MONEY, "1234567890123456789.00"),
        (Kind.INSTANT, "infinity+00"),
        (Kind.INSTANT, "10000-01-01 00:00:00+00"),
        (Kind.INSTANT, "4713-01-01 00:00:00 BC+00"),
    ],
)
def test_a_value_that_parquet_cannot_hold_is_named_with_its_column_and_row_and_nothing_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: Kind, text: str
) -> None:
    monkeypatch.setattr(parquet, "GROUP_BYTES", 8)  # so that the row is not of the first group
    columns = [Column("id", "ID", Kind.NUMBER), Column("that_one", "That one", kind)]

    def export() -> None:
        with open_target(str(tmp_path / "a.parquet"), force=False) as target:
            with target.writing(), ParquetFile(target.file, columns) as file:
                file.write(b"1,\n2,\n3,\n")
                file.write(f"4,\n5,{text}\n".encode())
            target.commit()

    with pytest.raises(CannotWrite) as caught:
        export()
    assert caught.value.what.startswith("Parquet cannot hold that_one of row 5: ")
    assert caught.value.to_do == "--csv holds every value; --fields leaves a column out."
    assert list(tmp_path.iterdir()) == []


def test_text_that_is_no_utf_8_is_refused() -> None:
    with pytest.raises(CannotWrite, match="UTF"):
        file_bytes([Column("x", "X", Kind.TEXT)], b"caf\xe9\n")


def test_a_row_longer_than_any_block_is_whole() -> None:
    long = "x" * 20_000_000
    assert values(Kind.TEXT, f"short\n{long}\n".encode()) == ["short", long]


def test_rows_are_kept_in_order_over_many_groups(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parquet, "GROUP_BYTES", 1000)
    written = BytesIO()
    with ParquetFile(written, [Column("id", "ID", Kind.NUMBER)]) as file:
        for number in range(1000):
            file.write(f"{number}\n".encode())
    assert file.rows == 1000
    found = read(written.getvalue())
    assert found.num_row_groups > 3
    assert found.read().column("id").to_pylist() == list(range(1000))


def test_no_rows_at_all_are_a_file_with_its_columns() -> None:
    found = read(file_bytes(every_column(ExportTable.PAYMENTS)))
    assert found.metadata.num_rows == 0
    assert found.schema_arrow.names == [column.name for column in every_column(ExportTable.PAYMENTS)]


def test_what_is_said_about_the_file_is_kept_in_it() -> None:
    found = read(file_bytes(COLUMNS, metadata={"ecloud-pay": json.dumps({"as_of": "2025-01-01"})}))
    assert json.loads(found.schema_arrow.metadata[b"ecloud-pay"]) == {"as_of": "2025-01-01"}


def test_the_same_rows_give_the_same_bytes() -> None:
    lines = b"1,1.00,2025-01-27 14:30:15+00,t,x,{}\n" * 100
    assert file_bytes(COLUMNS, lines) == file_bytes(COLUMNS, lines)


def test_a_file_left_in_the_middle_says_nothing_later(capsys: pytest.CaptureFixture[str]) -> None:
    def export() -> None:
        with BytesIO() as file, ParquetFile(file, COLUMNS) as written:
            written.write(b"1,,,,,\n")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        export()
    gc.collect()
    assert capsys.readouterr() == ("", "")


def test_a_full_disk_is_told_as_what_it_is_and_leaves_nothing(tmp_path: Path) -> None:
    code = """
import gc, os, resource, sys
from ecloud_pay.adapters.files import parquet
from ecloud_pay.adapters.files.target import open_target
from ecloud_pay.domain.errors import CannotWrite
from ecloud_pay.domain.export import Column, Kind
resource.setrlimit(resource.RLIMIT_FSIZE, (500_000, 500_000))
parquet.GROUP_BYTES = 100_000
try:
    with open_target(sys.argv[1], force=False) as target:
        with target.writing(), parquet.ParquetFile(target.file, [Column("x", "X", Kind.TEXT)]) as file:
            for _ in range(2000):
                file.write(os.urandom(1000).hex().encode() + b"\\n")
        target.commit()
except CannotWrite as error:
    print(error.what)
sys.unraisablehook = lambda unraisable: print("later:", unraisable.exc_value)
gc.collect()
print(os.listdir(os.path.dirname(sys.argv[1])))
"""
    path = tmp_path / "a.parquet"
    assert printed(script(code, path)).splitlines() == [f"{path} could not be written: File too large", "[]"]


def test_memory_does_not_grow_with_the_rows(tmp_path: Path) -> None:
    code = f"""{PEAK_KIB}
from ecloud_pay.adapters.files.parquet import ParquetFile
from ecloud_pay.domain.export import Column, Kind
columns = [Column(name, name, Kind.TEXT) for name in "abcdefghi"] + [Column("m", "M", Kind.MONEY), Column("t", "T", Kind.INSTANT)]
line = b"a1b2c3d4e5f6,client@test.com,succeeded,visa,4242,,usd,x,y,100.00,2025-01-27 14:30:15.123456+00\\n"
with open(sys.argv[1], "wb") as out, ParquetFile(out, columns) as file:
    for number in range(600):
        file.write(line * 2500)
        if number in (300, 599):
            print(peak_kib() // 1024)
"""
    half, all_of_it = map(int, printed(script(code, tmp_path / "a.parquet")).split())
    assert all_of_it < 200
    assert all_of_it < half * 1.1


def test_without_the_extra_the_line_that_installs_it_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(NotConfigured) as caught:
        ParquetFile(BytesIO(), COLUMNS)
    assert caught.value.what == "--parquet needs the extra `parquet`, which is not installed"
    assert caught.value.to_do == "pip install 'pyarrow>=22'   (pipx: pipx inject ecloud-pay 'pyarrow>=22')"


@pytest.mark.parametrize("extra", sorted(REQUIREMENTS))
def test_the_line_that_installs_an_extra_is_what_pyproject_says(extra: str) -> None:
    project = tomllib.loads(PYPROJECT.read_text())["project"]
    assert project["optional-dependencies"][extra] == [REQUIREMENTS[extra]]
