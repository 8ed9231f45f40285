"""`export --parquet` and `--xlsx`: values that keep their types, through the whole console."""

import io
import resource
import subprocess
import sys
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from pyarrow import parquet

from ecloud_pay.adapters.files.extras import REQUIREMENTS
from support.backend import HOSTILE, Backend
from support.console import Console, process

ELEVEN = (
    "id,created_at,client.email,cleaner.email,amount,platform_fee,cleaner_payout,status,stripe_payment_intent_id,"
    "payment_method_brand,payment_method_last4"
)


def sheets(path: Path) -> list[list[tuple[Any, ...]]]:
    return [list(sheet.iter_rows(values_only=True)) for sheet in openpyxl.load_workbook(path).worksheets]


def test_parquet_holds_every_field_with_its_type(console: Console, backend: Backend, tmp_path: Path) -> None:
    assert console("export", "--parquet", "-o", "a.parquet", on=backend).code == 0
    table = parquet.read_table(tmp_path / "a.parquet")
    assert table.column_names == list(console("list", "--csv", on=backend).out.splitlines()[0].split(","))
    types = {name: str(table.schema.field(name).type) for name in ("id", "amount", "created_at", "client.email", "metadata")}
    assert types == {
        "id": "int64",
        "amount": "decimal128(20, 2)",
        "created_at": "timestamp[us, tz=UTC]",
        "client.email": "string",
        "metadata": "string",
    }
    first, *_, last = table.select(["id", "amount", "created_at", "paid_at", "job.id", "description", "refund_amount"]).to_pylist()
    assert first == {
        "id": 5,
        "amount": Decimal("100.00"),
        "created_at": datetime(2025, 1, 27, 14, 30, 15, 123456, tzinfo=UTC),
        "paid_at": datetime(2025, 1, 27, 14, 30, 45, 654321, tzinfo=UTC),
        "job.id": 14,
        "description": "Deep cleaning",
        "refund_amount": Decimal("0.00"),
    }
    assert (last["id"], last["paid_at"], last["job.id"], last["description"]) == (13, None, None, None)


def test_parquet_keeps_hostile_text_as_it_is(console: Console, backend: Backend, tmp_path: Path) -> None:
    assert console("export", "--parquet", "-o", "a.parquet", "--fields", "id,description", on=backend).code == 0
    rows = {row["id"]: row["description"] for row in parquet.read_table(tmp_path / "a.parquet").to_pylist()}
    assert rows[12] == HOSTILE


@pytest.mark.parametrize("zone", ["UTC", "Asia/Tokyo"])
def test_the_zone_of_the_database_does_not_move_an_instant(console: Console, backend: Backend, tmp_path: Path, zone: str) -> None:
    arguments = ("export", "--parquet", "-o", "a.parquet", "--fields", "created_at", "--job", "14")
    assert console(*arguments, on=backend, ECLOUD_PAY_DB_TIMEZONE=zone).code == 0
    [document] = console("list", "--json", "--fields", "created_at", "--job", "14", on=backend, ECLOUD_PAY_DB_TIMEZONE=zone).json
    [row] = parquet.read_table(tmp_path / "a.parquet").to_pylist()
    assert row["created_at"] == datetime.fromisoformat(document["created_at"])


def test_parquet_goes_through_a_pipe(backend: Backend, tmp_path: Path) -> None:
    with (tmp_path / "a.parquet").open("wb") as file:
        done = subprocess.run(
            [sys.executable, "-m", "ecloud_pay", "export", "--parquet", "--fields", ELEVEN],
            env={"DATABASE_URL": backend.conninfo},
            stdout=file,
            stderr=subprocess.PIPE,
            check=False,
        )
    assert (done.returncode, done.stderr) == (0, b"")
    assert parquet.read_table(tmp_path / "a.parquet").num_rows == 9


@pytest.mark.parametrize(("change", "column"), [("amount = 'NaN'", "amount"), ("paid_at = 'infinity'", "paid_at")])
def test_what_parquet_cannot_hold_is_told_and_leaves_the_old_file(
    console: Console, own_backend: Backend, tmp_path: Path, change: str, column: str
) -> None:
    own_backend.run(f"UPDATE payments_payment SET {change} WHERE id = 7")
    (tmp_path / "a.parquet").write_text("old")
    result = console("export", "--parquet", "-o", "a.parquet", "--force", on=own_backend)
    assert (result.code, result.out) == (74, "")
    assert result.err.startswith(f"ecloud-pay: Parquet cannot hold {column}")
    assert [path.name for path in tmp_path.iterdir()] == ["a.parquet"]
    assert (tmp_path / "a.parquet").read_text() == "old"


def test_a_workbook_has_real_dates_and_numbers(console: Console, backend: Backend, tmp_path: Path) -> None:
    assert console("export", "--xlsx", "-o", "a.xlsx", "--tz", "Europe/Berlin", on=backend).code == 0
    [[header, first, second, *_, last]] = sheets(tmp_path / "a.xlsx")
    assert ",".join(header) == (
        "Payment ID,Date,Client Email,Cleaner Email,Amount,Platform Fee,Cleaner Payout,Status,Stripe Payment Intent,Card Brand,Card Last4"
    )
    people = ("client1@test.com", "cleaner1@test.com")
    intent = "pi_3SMUfcQ1SldwUSm92tASE3le"
    assert first == (5, datetime(2025, 1, 27, 15, 30, 15), *people, 100, 15, 85, "succeeded", intent, "visa", "4242")  # noqa: DTZ001  (a sheet knows no zones)
    assert second == (6, datetime(2025, 2, 1, 1), people[0], None, 100, 15, 85, "pending", "pi_6", None, None)  # noqa: DTZ001  (a sheet knows no zones)
    assert last == (13, datetime(2025, 7, 1, 2), None, None, 12.34, 15, 85, "on_hold", "pi_13", None, None)  # noqa: DTZ001  (a sheet knows no zones)
    [sheet] = openpyxl.load_workbook(tmp_path / "a.xlsx").worksheets
    assert (sheet.title, sheet.freeze_panes) == ("Payments", "A2")


def test_a_workbook_never_holds_a_formula(console: Console, own_backend: Backend, tmp_path: Path) -> None:
    own_backend.run("UPDATE payments_payment SET description = '=1+1', payment_method_brand = '<r><f>1+1</f></r>' WHERE id = 5")
    assert console("export", "--xlsx", "-o", "a.xlsx", "--fields", "description,payment_method_brand,created_at", on=own_backend).code == 0
    [sheet] = openpyxl.load_workbook(tmp_path / "a.xlsx").worksheets
    assert [cell.value for cell in sheet[2]][:2] == ["=1+1", "<r><f>1+1</f></r>"]
    assert {cell.data_type for row in sheet.iter_rows() for cell in row} <= {"s", "n", "d", "b"}


def test_a_text_longer_than_a_cell_is_marked_and_told(console: Console, own_backend: Backend, tmp_path: Path) -> None:
    own_backend.run("UPDATE payments_payment SET description = repeat('x', 40000) WHERE id IN (5, 6)")
    result = console("export", "--xlsx", "-o", "a.xlsx", "--fields", "id,description", on=own_backend)
    assert result.code == 0
    assert "Warning: 2 texts too long for a cell of a spreadsheet end in a mark; CSV holds all of it.\n" in result.err
    [[_, first, *_]] = sheets(tmp_path / "a.xlsx")
    assert first[1].endswith("…[cut at 32,767 characters]")


@pytest.mark.parametrize("table", ["payments", "transactions", "refunds", "accounts"])
def test_every_table_can_be_written_with_its_types(console: Console, backend: Backend, tmp_path: Path, table: str) -> None:
    rows = console("export", "--ndjson", "--table", table, on=backend).out.count("\n")
    assert console("export", "--xlsx", "-o", "a.xlsx", "--table", table, "--manifest", on=backend).code == 0
    assert len(sheets(tmp_path / "a.xlsx")[0]) == rows + 1
    assert console("export", "--parquet", "-o", "a.parquet", "--table", table, "--manifest", on=backend).code == 0
    assert parquet.read_table(tmp_path / "a.parquet").num_rows == rows
    assert console("export", "--verify", "a.xlsx").code == console("export", "--verify", "a.parquet").code == 0


@pytest.mark.parametrize(("format", "library"), [("xlsx", "xlsxwriter"), ("parquet", "pyarrow")])
def test_a_missing_extra_is_exit_4_with_the_line_that_installs_it(
    console: Console, backend: Backend, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, format: str, library: str
) -> None:
    for name in [name for name in sys.modules if name.partition(".")[0] == library]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, library, None)
    result = console("--tz", "Asia/Tokyo", "export", f"--{format}", "-o", f"a.{format}", on=backend)
    wanted = REQUIREMENTS[format]
    assert (result.code, result.out, result.err.splitlines()) == (
        4,
        "",
        [
            f"ecloud-pay: --{format} needs the extra `{format}`, which is not installed",
            f"pip install '{wanted}'   (pipx: pipx inject ecloud-pay '{wanted}')",  # no line of ours, so without our options
        ],
    )
    assert list(tmp_path.iterdir()) == []


def test_neither_library_is_imported_for_other_formats(backend: Backend) -> None:
    probe = "import sys; from ecloud_pay.cli import run; run(['export', '--csv']); print(*sys.modules, file=sys.stderr)"
    done = subprocess.run([sys.executable, "-c", probe], env={"DATABASE_URL": backend.conninfo}, capture_output=True, text=True, check=True)
    assert not {"pyarrow", "xlsxwriter", "rich", "stripe"} & set(done.stderr.split())


def test_a_workbook_through_a_pipe_is_whole(backend: Backend) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "ecloud_pay", "export", "--xlsx"], env={"DATABASE_URL": backend.conninfo}, capture_output=True, check=True
    )
    assert openpyxl.load_workbook(io.BytesIO(done.stdout)).worksheets[0].max_row == 10


def test_a_full_disk_behind_parquet_is_told(backend: Backend, tmp_path: Path) -> None:
    def little_space() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))

    for format in ("parquet", "xlsx"):
        result = process(
            "export", f"--{format}", "-o", f"a.{format}", environ={"DATABASE_URL": backend.conninfo}, cwd=tmp_path, preexec_fn=little_space
        )
        assert result.code == 74, result.err
        assert result.err.startswith(f"ecloud-pay: a.{format} could not be written: File too large\n")
        assert list(tmp_path.iterdir()) == []
