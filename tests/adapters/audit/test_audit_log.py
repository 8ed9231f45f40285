"""The audit file: whose it is, what is refused, full disks, torn lines, and a lock that is not let go."""

import errno
import fcntl
import logging
import os
import shutil
import stat
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from ecloud_pay.adapters.audit.chain import BLOCK_BYTES
from ecloud_pay.domain.errors import CannotWrite
from ecloud_pay.ports import AuditTrail
from samples import payment_5
from support.scripts import printed, script
from support.trail import ZEROS, chain, lines, requested, sha256, trail

TESTS = Path(__file__).parents[2]
IMPORTS = f"""
import os, resource, sys
sys.path.insert(0, {str(TESTS)!r})
from pathlib import Path
from ecloud_pay.domain.errors import CannotWrite
from support.trail import requested, trail
path = Path(sys.argv[1])
"""
TELLS = """
for step in (trail(path).check, lambda: trail(path).append(requested())):
    try:
        step()
        print("done")
    except CannotWrite as error:
        print(error.what, error.now, error.to_do, sep="|")
"""
AS_NOBODY = """
if os.geteuid() == 0:
    os.setuid(65534)
"""
NOT_CHECKED = "No line was written."
NOT_IN = "refund_requested of payment #5 is not safely in the audit trail."


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "audit.jsonl"


@pytest.fixture
def closed() -> Iterator[Path]:
    """A folder that nobody but its owner may write in, outside pytest's own, which nobody else may enter."""
    folder = Path(tempfile.mkdtemp(prefix="ecp-", dir="/tmp"))
    folder.chmod(0o755)
    yield folder
    for name in os.listdir(folder):
        (folder / name).unlink()
    folder.rmdir()


def refusals(path: Path) -> list[tuple[str, str, str]]:
    """What check and append say of it, one after the other."""
    audit: AuditTrail = trail(path)
    with pytest.raises(CannotWrite) as checked:
        audit.check()
    with pytest.raises(CannotWrite) as appended:
        audit.append(requested())
    return [(error.value.what, error.value.now, error.value.to_do) for error in (checked, appended)]


@contextmanager
def held(path: Path) -> Iterator[None]:
    """Somebody else holds the lock of the file."""
    with path.open("ab") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


# Whose it is


def test_the_file_and_its_missing_folders_are_closed_to_others(tmp_path: Path) -> None:
    path = tmp_path / "state" / "ecloud-pay" / "audit.jsonl"
    trail(path).append(requested())
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [stat.S_IMODE(folder.stat().st_mode) for folder in (path.parent, path.parent.parent)] == [0o700, 0o700]


def test_the_mode_that_somebody_gave_the_file_stays(path: Path) -> None:
    path.touch(0o640)
    path.chmod(0o640)
    trail(path).append(requested())
    assert stat.S_IMODE(path.stat().st_mode) == 0o640


def test_checking_makes_nothing_and_writes_nothing(tmp_path: Path, path: Path) -> None:
    trail(tmp_path / "a" / "b" / "audit.jsonl").check()
    trail(path).check()
    assert os.listdir(tmp_path) == []
    trail(path).append(requested())
    before = path.read_bytes(), path.stat().st_mtime_ns
    trail(path).check()
    assert (path.read_bytes(), path.stat().st_mtime_ns) == before


def test_each_event_is_logged_by_its_ids_alone(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "payment_audit"):
        written = trail(path).append(requested(refund_amount="25.00"))
    assert caplog.record_tuples == [("payment_audit", logging.INFO, f"refund_requested: payment #5, line {written[:12]}")]


# What is refused


def test_a_symbolic_link_is_refused_and_what_it_leads_to_is_untouched(tmp_path: Path, path: Path) -> None:
    (tmp_path / "elsewhere").write_bytes(b"mine")
    for target in (tmp_path / "elsewhere", tmp_path / "nowhere"):
        path.symlink_to(target)
        what, to_do = f"the audit file {path} is a symbolic link", "Name the file that it leads to in ECLOUD_PAY_AUDIT_LOG."
        assert refusals(path) == [(what, NOT_CHECKED, to_do), (what, NOT_IN, to_do)]
        path.unlink()
    assert (tmp_path / "elsewhere").read_bytes() == b"mine"
    assert not (tmp_path / "nowhere").exists()


def test_a_folder_a_fifo_and_a_device_are_refused_at_once(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "fifo")
    for path, kind in ((tmp_path / "folder", "a folder"), (tmp_path / "fifo", "no regular file"), (Path("/dev/null"), "no regular file")):
        what, to_do = f"the audit file {path} is {kind}", "Name another file in ECLOUD_PAY_AUDIT_LOG."
        assert refusals(path) == [(what, NOT_CHECKED, to_do), (what, NOT_IN, to_do)]


def test_a_file_where_a_folder_should_be_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "dangling").symlink_to(tmp_path / "nowhere")
    path = tmp_path / "file" / "audit.jsonl"
    elsewhere = "Name another file in ECLOUD_PAY_AUDIT_LOG."
    assert refusals(path) == [
        (f"the audit file {path} cannot be appended to: Not a directory", NOT_CHECKED, elsewhere),
        (f"the audit file {path} could not be appended to: Not a directory", NOT_IN, elsewhere),
    ]
    path = tmp_path / "dangling" / "audit.jsonl"
    assert refusals(path) == [
        (f"the audit file {path} cannot be made: {tmp_path}/dangling is no folder", NOT_CHECKED, elsewhere),
        (f"the audit file {path} could not be appended to: No such file or directory", NOT_IN, elsewhere),
    ]


def test_a_file_that_may_only_be_written_or_only_be_read_is_refused(closed: Path) -> None:
    path = closed / "audit.jsonl"
    remedy = "Let this user read it and write to it, or name another file in ECLOUD_PAY_AUDIT_LOG."
    for mode in (0o222, 0o444):
        path.touch()
        path.chmod(mode)
        assert printed(script(IMPORTS + AS_NOBODY + TELLS, path)).splitlines() == [
            f"the audit file {path} cannot be appended to: Permission denied|{NOT_CHECKED}|{remedy}",
            f"the audit file {path} could not be appended to: Permission denied|{NOT_IN}|{remedy}",
        ]
    assert path.read_bytes() == b""


def test_a_folder_in_which_the_file_cannot_be_made_is_refused(closed: Path) -> None:
    path = closed / "state" / "audit.jsonl"
    checked, appended = printed(script(IMPORTS + AS_NOBODY + TELLS, path)).splitlines()
    assert checked == (
        f"the audit file {path} cannot be made: {closed} is not yours to write to|{NOT_CHECKED}"
        "|Let this user write in that folder, or name another file in ECLOUD_PAY_AUDIT_LOG."
    )
    assert appended == (
        f"the audit file {path} could not be appended to: {path.parent}: Permission denied|{NOT_IN}"
        "|Let this user read it and write to it, or name another file in ECLOUD_PAY_AUDIT_LOG."
    )
    assert os.listdir(closed) == []


def test_a_rotated_file_that_cannot_be_read_is_found_out_by_the_check(closed: Path) -> None:
    path = closed / "audit.jsonl"
    path.touch()
    path.chmod(0o666)
    (closed / "audit.jsonl.1").write_bytes(b"a line\n")
    (closed / "audit.jsonl.1").chmod(0)
    remedy = "Let this user read it and write to it, or name another file in ECLOUD_PAY_AUDIT_LOG."
    assert printed(script(IMPORTS + AS_NOBODY + TELLS, path)).splitlines() == [
        f"the audit file {path} cannot be appended to: {path}.1: Permission denied|{NOT_CHECKED}|{remedy}",
        f"the audit file {path} could not be appended to: {path}.1: Permission denied|{NOT_IN}|{remedy}",
    ]


@pytest.fixture
def read_only(tmp_path: Path) -> list[str]:
    """What runs a process for which `tmp_path` is a read-only disk with an audit file in its folder `there`."""
    folder, audit_file = f"{tmp_path}/there", f"{tmp_path}/there/audit.jsonl"
    prepare = (
        f'mount -t tmpfs none "{tmp_path}" && mkdir "{folder}" && touch "{audit_file}" && mount -o remount,ro "{tmp_path}" && exec "$@"'
    )
    mount = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", prepare, "-"]
    if shutil.which("unshare") is None or subprocess.run([*mount, "true"], check=False, capture_output=True).returncode:
        pytest.skip("nobody may mount a disk here")
    return mount


def test_a_read_only_disk_is_refused_be_the_file_there_or_not(tmp_path: Path, read_only: list[str]) -> None:
    there, missing, nowhere = tmp_path / "there" / "audit.jsonl", tmp_path / "audit.jsonl", tmp_path / "no" / "audit.jsonl"
    told = [printed(script(IMPORTS + TELLS, path, under=read_only)).splitlines() for path in (there, missing, nowhere)]
    elsewhere = "Name another file in ECLOUD_PAY_AUDIT_LOG."
    cannot_be_made = f"cannot be made: {tmp_path} is on a read-only disk"
    assert told == [
        [
            f"the audit file {there} cannot be appended to: Read-only file system|{NOT_CHECKED}|{elsewhere}",
            f"the audit file {there} could not be appended to: Read-only file system|{NOT_IN}|{elsewhere}",
        ],
        [
            f"the audit file {missing} {cannot_be_made}|{NOT_CHECKED}|{elsewhere}",
            f"the audit file {missing} could not be appended to: Read-only file system|{NOT_IN}|{elsewhere}",
        ],
        [
            f"the audit file {nowhere} {cannot_be_made}|{NOT_CHECKED}|{elsewhere}",
            f"the audit file {nowhere} could not be appended to: {nowhere.parent}: Read-only file system|{NOT_IN}|{elsewhere}",
        ],
    ]


def test_a_lock_that_is_not_let_go_is_waited_for_only_so_long(path: Path) -> None:
    trail(path).append(requested())
    before = path.read_bytes()
    with held(path), pytest.raises(CannotWrite) as refused:
        trail(path, lock_limit_s=0.05).append(requested())
    error = refused.value
    assert (error.what, error.now, error.to_do) == (
        f"the audit file {path} has been locked for longer than 0.05 s by somebody else",
        NOT_IN,
        f"`fuser -v {path}` names the process.",
    )
    assert path.read_bytes() == before
    trail(path, lock_limit_s=0.05).append(requested())
    assert len(chain([path])) == 2


# Full disks


FILLS = """
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]), int(sys.argv[2])))
try:
    trail(path).append(requested(note="x" * 2000))
    print("written")
except CannotWrite as error:
    print(error.what, error.now, error.to_do, sep="|")
"""


@pytest.mark.parametrize("room", [0, 1, 500])
def test_a_line_that_found_no_room_is_taken_back(path: Path, room: int) -> None:
    trail(path).append(requested())
    before = path.read_bytes()
    assert printed(script(IMPORTS + FILLS, path, len(before) + room)) == (
        f"the audit file {path} could not be appended to: {os.strerror(errno.EFBIG)}|{NOT_IN}"
        "|Raise the limit on the size of files (ulimit -f), or rotate the file.\n"
    )
    assert path.read_bytes() == before
    trail(path).append(requested())
    assert len(chain([path])) == 2


def test_a_torn_line_is_left_as_it_is_when_there_is_no_room_after_it(path: Path) -> None:
    path.write_bytes(b"torn")
    assert "File too large" in printed(script(IMPORTS + FILLS, path, 100))
    assert path.read_bytes() == b"torn"


# Torn lines


@pytest.mark.parametrize("kept", [1, 200, -1])
def test_a_torn_last_line_is_closed_and_stays_a_link_of_the_chain(path: Path, kept: int) -> None:
    audit = trail(path)
    first = audit.append(requested(attempt=1))
    whole = path.read_bytes()
    audit.append(requested(attempt=2))
    torn = path.read_bytes()[len(whole) :][:kept]
    path.write_bytes(whole + torn)
    third = audit.append(requested(attempt=3))
    before, middle, last = lines(path)
    assert (before + b"\n", middle, sha256(last)) == (whole, torn, third)
    assert f'"prev_hash": "{sha256(torn)}"'.encode() in last
    assert third != first
    audit.append(requested(attempt=4))
    assert [event["details"]["attempt"] for event in chain([path])] == ([1, 2, 3, 4] if kept == -1 else [1, 3, 4])


def test_a_file_that_holds_nothing_but_a_torn_line_is_gone_on_with(path: Path) -> None:
    path.write_bytes(b"\x00\x00\xff")
    trail(path).append(requested())
    torn, line = lines(path)
    assert torn == b"\x00\x00\xff"
    assert f'"prev_hash": "{sha256(torn)}"'.encode() in line


def test_an_empty_line_is_a_line(path: Path) -> None:
    path.write_bytes(b"\n")
    trail(path).append(requested())
    assert f'"prev_hash": "{sha256(b"")}"'.encode() in lines(path)[1]


@pytest.mark.parametrize("surplus", [-1, 0, 1, 100_000])
def test_a_last_line_of_about_a_block_and_of_many_is_read_whole(path: Path, surplus: int) -> None:
    audit = trail(path)
    audit.append(requested())
    length = len(lines(path)[0])
    audit.append(requested(x="a" * (BLOCK_BYTES + surplus - length - len('"x": ""'))))
    assert len(lines(path)[1]) == BLOCK_BYTES + surplus
    audit.append(requested())
    assert len(chain([path])) == 3


def test_an_unwritten_trail_begins_with_zeros_and_payment_5(path: Path) -> None:
    trail(path).append(requested())
    [event] = chain([path])
    assert (event["prev_hash"], event["payment_id"]) == (ZEROS, payment_5().id)
