"""Parquet, made of the CSV that the server copies out: pyarrow parses it, so no row ever becomes Python's.

    1,100.00,2025-01-27 14:30:15.123456+00,t    ──▶    int64, decimal128(20, 2), timestamp[us, UTC], bool

Nothing between two commas is absence; `""` is the empty text.
"""

import re
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, BinaryIO, Self

from ecloud_pay.adapters.files.extras import of_extra
from ecloud_pay.domain.errors import CannotWrite
from ecloud_pay.domain.export import Column, Kind
from ecloud_pay.domain.money import COLUMN_DECIMALS

if TYPE_CHECKING:
    import pyarrow

# numeric(10,2) and whatever a sum or a widened column needs; 64 bits hold 18 digits, and the next size holds 38.
MONEY_DIGITS = 20
# A row group is what so many bytes of CSV become, however wide the rows: so memory has a limit. Some 100,000 payments of eleven fields.
GROUP_BYTES = 16 * 1024 * 1024
# Of 1,000,000 payments, measured: zstd at level 1 makes 36 MB where snappy makes 47, for a tenth more time.
COMPRESSION, COMPRESSION_LEVEL = "zstd", 1

_MISFIT = re.compile(r"In CSV column #(\d+): (?:Row #(\d+): )?(.*)", re.DOTALL)


class ParquetFile:
    """Writes a Parquet file to `file`, which stays open. Leave its block, or `close` it, to have it whole.

    `metadata` is kept in the file beside the schema. Columns are called by their names.
    """

    def __init__(self, file: BinaryIO, columns: Sequence[Column], metadata: Mapping[str, str] | None = None) -> None:
        with of_extra("parquet"):
            import pyarrow
            from pyarrow import csv, parquet
        schema = pyarrow.schema([(column.name, _type(column.kind)) for column in columns], metadata=metadata and dict(metadata))
        self.rows = 0
        self._columns = columns
        self._schema = schema
        self._buffer = bytearray()
        self._parse = csv.ParseOptions(newlines_in_values=True, ignore_empty_lines=False)
        self._convert = csv.ConvertOptions(
            column_types=schema,
            null_values=[""],
            strings_can_be_null=True,
            quoted_strings_can_be_null=False,
            true_values=["t"],
            false_values=["f"],
        )
        self._writer = parquet.ParquetWriter(file, schema, compression=COMPRESSION, compression_level=COMPRESSION_LEVEL)

    def write(self, lines: bytes) -> None:
        """Add rows: whole lines of CSV without a header. Raises CannotWrite for a value that Parquet cannot hold, and OSError."""
        self._buffer += lines
        if len(self._buffer) >= GROUP_BYTES:
            self._write_group()

    def close(self) -> None:
        """Write what is left, and the end of the file. Raises as `write` does."""
        try:
            self._write_group()
            self._writer.close()
        except BaseException:
            self.abandon()
            raise

    def abandon(self) -> None:
        """Let go of everything; what was written is no Parquet file."""
        self._buffer = bytearray()
        # Else its destructor would still try to write an end.
        self._writer.is_open = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, _error: BaseException | None, _traceback: TracebackType | None) -> None:
        if kind is None:
            self.close()
        else:
            self.abandon()

    def _write_group(self) -> None:
        if self._buffer:
            lines, self._buffer = self._buffer, bytearray()
            table = self._parsed(lines)
            self._writer.write_table(table, row_group_size=table.num_rows)
            self.rows += table.num_rows

    def _parsed(self, lines: bytearray) -> "pyarrow.Table":
        import pyarrow
        from pyarrow import csv

        # One block: a row may be as long as it likes. Threads would cost more than they save beside a server that is at work, too.
        read = csv.ReadOptions(column_names=self._schema.names, use_threads=False, block_size=len(lines) + 1)
        try:
            return csv.read_csv(pyarrow.py_buffer(lines), read_options=read, parse_options=self._parse, convert_options=self._convert)
        except UnicodeDecodeError as error:  # a database that checks no encoding
            raise self._misfit("text that is no UTF-8", "a column", None) from error
        except pyarrow.ArrowInvalid as error:
            misfit = _MISFIT.fullmatch(str(error))
            if misfit is None:
                raise
            column, row, reason = misfit.groups()
            raise self._misfit(reason, self._columns[int(column)].name, self.rows + int(row) if row else None) from error

    def _misfit(self, reason: str, column: str, row: int | None) -> CannotWrite:
        where = f"{column} of row {row:,}" if row else column
        return CannotWrite(
            f"Parquet cannot hold {where}: {reason}",
            now="Nothing was put in place.",
            to_do="--csv holds every value; --fields leaves a column out.",
        )


def _type(kind: Kind) -> "pyarrow.DataType":
    import pyarrow

    match kind:
        case Kind.NUMBER:
            return pyarrow.int64()
        case Kind.MONEY:
            return pyarrow.decimal128(MONEY_DIGITS, COLUMN_DECIMALS)
        case Kind.INSTANT:
            return pyarrow.timestamp("us", "UTC")
        case Kind.FLAG:
            return pyarrow.bool_()
        case Kind.TEXT | Kind.JSON:
            return pyarrow.string()
