"""FILE.manifest.json: written with the file, and held against it later."""

import hashlib
import os
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import BinaryIO

from ecloud_pay.adapters.files.target import Target
from ecloud_pay.domain.errors import NotConfigured, NotFound
from ecloud_pay.domain.manifest import (
    Digest,
    Manifest,
    NotAManifest,
    Verification,
    compare,
    manifest_path,
    manifest_text,
    parsed_manifest,
)

LONGEST_MANIFEST_BYTES = 16 * 1024 * 1024
_CHUNK_BYTES = 1024 * 1024


def target_digest(target: Target) -> Digest:
    """What has been written to `target` so far. Raises CannotWrite."""
    with target.writing(), target.read() as file:
        return _digest(file)


def write_manifest(target: Target, manifest: Manifest) -> None:
    """Write `manifest` to its own target, which is committed after the file's: `commit_all([file, manifest])`. Raises CannotWrite."""
    with target.writing():
        target.file.write(manifest_text(manifest).encode())


def file_digest(path: str) -> Digest:
    """What is in the file at `path`, in constant memory. Raises NotFound, or NotConfigured where it may not be read."""
    with _regular_file(path, f"there is no file {path}") as file:
        return _digest(file)


def verify(path: str) -> Verification:
    """Compare the file at `path` with its manifest. Raises NotFound where there is none of either."""
    beside = manifest_path(path)
    with _regular_file(path, f"there is no file {path}") as file:
        with _regular_file(beside, f"{path} has no manifest {os.path.basename(beside)}", "export --manifest writes one.") as other:
            text = other.read(LONGEST_MANIFEST_BYTES)
        try:
            manifest = parsed_manifest(text)
        except NotAManifest as error:
            return Verification(path, None, None, None, (f"{beside} is no manifest of an export: {error}.",))
        counter = _COUNTERS.get(manifest.format, lambda: None)()
        found = _digest(file, counter.take if counter else None)
        return compare(path, manifest, found, counter.rows if counter else None)


class _Lines:
    """Counts the documents of NDJSON."""

    def __init__(self) -> None:
        self._breaks = 0
        self._is_open = False

    def take(self, chunk: bytes) -> None:
        self._breaks += chunk.count(b"\n")
        self._is_open = not chunk.endswith(b"\n")

    @property
    def rows(self) -> int:
        return self._breaks + self._is_open


class _CsvLines(_Lines):
    """Counts the records of CSV under its header. A line break between quotes is part of a cell."""

    def __init__(self) -> None:
        super().__init__()
        self._is_quoted = False

    def take(self, chunk: bytes) -> None:
        # Every quote begins or ends a quoted stretch; a doubled one does both.
        stretches = chunk.split(b'"')
        unquoted = b"".join(stretches[self._is_quoted :: 2])
        self._is_quoted ^= len(stretches) % 2 == 0
        self._breaks += unquoted.count(b"\n")
        self._is_open = self._is_quoted or not chunk.endswith(b"\n")

    @property
    def rows(self) -> int:
        return max(0, super().rows - 1)


_COUNTERS: dict[str, Callable[[], _Lines | None]] = {"csv": _CsvLines, "ndjson": _Lines}


def _digest(file: BinaryIO, take: Callable[[bytes], None] | None = None) -> Digest:
    size, sha256 = 0, hashlib.sha256()
    while chunk := file.read(_CHUNK_BYTES):
        size += len(chunk)
        sha256.update(chunk)
        if take is not None:
            take(chunk)
    return Digest(size, sha256.hexdigest())


@contextmanager
def _regular_file(path: str, missing: str, remedy: str = "") -> Iterator[BinaryIO]:
    """The file that `path` leads to. A pipe, which somebody might never write to, is not waited for."""
    try:
        with open(path, "rb", buffering=0, opener=lambda name, flags: os.open(name, flags | os.O_NONBLOCK)) as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise NotFound(f"{path} is no regular file")
            yield file
    except (FileNotFoundError, NotADirectoryError) as error:
        raise NotFound(missing, to_do=remedy) from error
    except IsADirectoryError as error:
        raise NotFound(f"{path} is a folder") from error
    except OSError as error:
        raise NotConfigured(f"{path} cannot be read: {error.strerror or error}") from error
