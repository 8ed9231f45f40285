"""Manifests on a real disk: written beside their file, and the file held against them after whatever happened to it."""

import csv
import hashlib
import io
import os
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecloud_pay.adapters.files.manifest import file_digest, target_digest, verify, write_manifest
from ecloud_pay.adapters.files.target import commit_all, open_target
from ecloud_pay.domain.errors import NotFound
from ecloud_pay.domain.manifest import Digest, Manifest, manifest_path
from support.scripts import PEAK_KIB, printed, script

CSV = b'id,address\n1,"12, High St\nTop floor ""B"""\n2,N/A\n'


def manifest_of(name: str, kind: str, rows: int, digest: Digest) -> Manifest:
    return Manifest(name, kind, "payments", rows, digest, [], {}, ["id"], False, "UTC", "1:1:", datetime(2025, 1, 1, tzinfo=UTC), "0.1.0")


def export(path: Path, content: bytes, rows: int) -> None:
    """A file with its manifest, as the command writes them."""
    with open_target(str(path), force=True) as target, open_target(manifest_path(str(path)), force=True) as beside:
        with target.writing():
            target.file.write(content)
        write_manifest(beside, manifest_of(path.name, path.suffix[1:], rows, target_digest(target)))
        commit_all([target, beside])


@pytest.fixture
def exported(tmp_path: Path) -> Path:
    path = tmp_path / "payments.csv"
    export(path, CSV, 2)
    return path


def differences(path: Path) -> tuple[str, ...]:
    return verify(str(path)).differences


def test_an_untouched_file_is_as_its_manifest_says(exported: Path) -> None:
    found = verify(str(exported))
    assert found.differences == ()
    assert found.rows == 2
    assert found.found == Digest(len(CSV), hashlib.sha256(CSV).hexdigest())
    assert found.manifest is not None
    assert found.manifest.file == "payments.csv"


def test_one_flipped_bit_is_found(exported: Path) -> None:
    content = bytearray(CSV)
    content[20] ^= 1
    exported.write_bytes(content)
    [difference] = differences(exported)
    assert hashlib.sha256(CSV).hexdigest() in difference
    assert hashlib.sha256(content).hexdigest() in difference


@pytest.mark.parametrize(
    ("change", "found_bytes", "found_rows"),
    [
        (lambda content: content[: content.index(b"2,N/A")], len(CSV) - 6, 1),
        (lambda content: content + b"3,N/A\n", len(CSV) + 6, 3),
        (lambda content: b"", 0, 0),
    ],
)
def test_a_file_cut_or_grown_is_found_with_its_figures(
    exported: Path, change: Callable[[bytes], bytes], found_bytes: int, found_rows: int
) -> None:
    exported.write_bytes(change(CSV))
    size, rows, sha256 = differences(exported)
    assert size == f"The manifest says {len(CSV)} bytes, the file has {found_bytes}."
    assert rows == f"The manifest says 2 rows, the file has {found_rows}."
    assert sha256.startswith("The manifest says SHA-256 ")


def test_documents_are_counted_by_lines_even_without_a_last_line_break(tmp_path: Path) -> None:
    export(tmp_path / "a.ndjson", b'{"id":1}\n{"id":2}\n', 2)
    assert verify(str(tmp_path / "a.ndjson")).rows == 2
    (tmp_path / "a.ndjson").write_bytes(b'{"id":1}\n{"id":2}')
    assert verify(str(tmp_path / "a.ndjson")).rows == 2


def test_rows_of_a_binary_format_are_not_counted(tmp_path: Path) -> None:
    export(tmp_path / "a.parquet", b"PAR1\nPAR1", 7)
    found = verify(str(tmp_path / "a.parquet"))
    assert (found.rows, found.differences) == (None, ())


@given(
    rows=st.lists(st.lists(st.text(alphabet='ab,"\n\r', max_size=5), min_size=2, max_size=2), max_size=20),
    chunk_bytes=st.integers(1, 9),
)
def test_csv_records_are_counted_wherever_a_chunk_ends(rows: list[list[str]], chunk_bytes: int) -> None:
    from ecloud_pay.adapters.files.manifest import _CsvLines

    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([["id", "address"], *rows])
    content, counter = text.getvalue().encode(), _CsvLines()
    for start in range(0, len(content), chunk_bytes):
        counter.take(content[start : start + chunk_bytes])
    assert counter.rows == len(rows)


def test_a_file_that_is_missing_is_not_found_and_neither_is_its_manifest(exported: Path, tmp_path: Path) -> None:
    with pytest.raises(NotFound) as no_file:
        verify(str(tmp_path / "other.csv"))
    assert no_file.value.what == f"there is no file {tmp_path}/other.csv"
    (tmp_path / "payments.csv.manifest.json").unlink()
    with pytest.raises(NotFound) as no_manifest:
        verify(str(exported))
    assert no_manifest.value.what == f"{exported} has no manifest payments.csv.manifest.json"
    assert no_manifest.value.to_do == "export --manifest writes one."


@pytest.mark.parametrize("text", [b"", b"{}", b"\xff", b'{"schema": "ecloud-pay/list/1"}', b"[" * 1_000_000])
def test_a_manifest_that_is_none_is_a_difference(exported: Path, text: bytes) -> None:
    (exported.parent / "payments.csv.manifest.json").write_bytes(text)
    found = verify(str(exported))
    assert found.manifest is None
    [difference] = found.differences
    assert difference.startswith(f"{exported}.manifest.json is no manifest of an export: ")


def test_a_link_is_followed_to_a_regular_file(exported: Path, tmp_path: Path) -> None:
    (tmp_path / "link.csv").symlink_to(exported)
    (tmp_path / "link.csv.manifest.json").symlink_to("payments.csv.manifest.json")
    assert differences(tmp_path / "link.csv") == ()


def test_a_named_pipe_is_refused_at_once_as_file_and_as_manifest(exported: Path, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.csv")
    with pytest.raises(NotFound, match="is no regular file"):
        verify(str(tmp_path / "pipe.csv"))
    manifest = tmp_path / "payments.csv.manifest.json"
    manifest.unlink()
    os.mkfifo(manifest)
    with pytest.raises(NotFound, match="is no regular file"):
        verify(str(exported))


def test_a_folder_and_a_device_are_refused(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="is a folder"):
        file_digest(str(tmp_path))
    with pytest.raises(NotFound, match="is no regular file"):
        file_digest("/dev/zero")
    with pytest.raises(NotFound, match="there is no file"):
        file_digest("/dev/null/payments.csv")


def test_a_file_that_may_not_be_read_says_so(exported: Path) -> None:
    exported.chmod(0o600)
    exported.parent.chmod(0o755)
    code = """
import os, sys
from ecloud_pay.adapters.files.manifest import file_digest
from ecloud_pay.domain.errors import NotConfigured
os.chdir(os.path.dirname(sys.argv[1]))
if os.geteuid() == 0:
    os.setuid(65534)
else:
    os.chmod(sys.argv[1], 0)
try:
    file_digest(os.path.basename(sys.argv[1]))
except NotConfigured as error:
    print(error.what)
"""
    assert printed(script(code, exported)) == "payments.csv cannot be read: Permission denied\n"


def test_a_large_file_takes_no_more_memory_than_a_small_one(tmp_path: Path) -> None:
    large = tmp_path / "large.csv"
    with large.open("wb") as file:
        file.truncate(256 * 1024 * 1024)
    code = f"""{PEAK_KIB}
from ecloud_pay.adapters.files.manifest import file_digest
before = peak_kib()
print(file_digest(sys.argv[1]).bytes)
print(peak_kib() - before)
"""
    size, kibibytes = printed(script(code, large)).split()
    assert int(size) == 256 * 1024 * 1024
    assert int(kibibytes) < 16 * 1024
