"""A temporary folder on a disk: in memory a file is written at no cost, and fsync has nothing to do."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.timing import Unmeasurable

IN_MEMORY = ("tmpfs", "ramfs")
MOUNTS = Path("/proc/self/mounts")


@contextmanager
def temporary_folder(bytes_needed: int = 0) -> Iterator[Path]:
    """A folder of our own with that much room, gone at the end of the block. Raises Unmeasurable."""
    places = [Path(tempfile.gettempdir()), Path("/var/tmp"), Path.cwd()]
    place = next((place for place in places if place.is_dir() and _file_system(place.resolve()) not in IN_MEMORY), places[0])
    if shutil.disk_usage(place).free < bytes_needed:
        raise Unmeasurable(f"{place} has no room for {bytes_needed / 1e9:.0f} GB; set TMPDIR to a place that has")
    with tempfile.TemporaryDirectory(prefix="ecloud-bench-", dir=place) as folder:
        yield Path(folder)


def _file_system(place: Path) -> str:
    """The kind of the file system that holds `place`, or '' where the kernel does not tell."""
    if not MOUNTS.exists():
        return ""
    mounts = [line.split() for line in MOUNTS.read_text(encoding="utf-8", errors="replace").splitlines()]
    above = [(point, kind) for _, point, kind, *_ in mounts if place.is_relative_to(point)]
    return max(above, key=lambda mount: len(mount[0]))[1]
