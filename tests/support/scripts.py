"""A few lines of Python in a process of their own: to be limited, killed or measured."""

import subprocess
import sys
from collections.abc import Sequence

LIMIT_S = 60

# To begin such a script with: `peak_kib()`, the most memory it held so far, in KiB. Linux counts in ru_maxrss what the process was before
# its exec, which is a copy of the whole test run; VmHWM is of this program alone.
PEAK_KIB = """
import resource, sys
def peak_kib():
    if sys.platform == "darwin":
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmHWM:"))
"""


def script(code: str, *arguments: object, under: Sequence[str] = ()) -> "subprocess.Popen[str]":
    """The running process; `under` are the words of a command that it is run by."""
    return subprocess.Popen(
        [*under, sys.executable, "-c", code, *map(str, arguments)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )


def printed(process: "subprocess.Popen[str]", typed: str = "") -> str:
    """All that it prints until it ends well."""
    with process:
        answer = process.communicate(typed, timeout=LIMIT_S)[0]
    assert process.returncode == 0
    return answer


def first_line(process: "subprocess.Popen[str]") -> str:
    """What it says when it is ready."""
    assert process.stdout is not None
    return process.stdout.readline()


def answer(process: "subprocess.Popen[str]", line: str) -> None:
    """Type a line to it, and go on without waiting."""
    assert process.stdin is not None
    process.stdin.write(f"{line}\n")
    process.stdin.flush()
