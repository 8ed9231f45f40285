"""Files that are whole or not there: refusals, full disks, killed writers and several writers at once, all with real files."""

import os
import random
import signal
import stat
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

import pytest

from ecloud_pay.adapters.files.target import commit_all, open_target, write_text
from ecloud_pay.domain.errors import CannotWrite
from support.scripts import PEAK_KIB, answer, first_line, printed, script

MIB = 1024 * 1024
IMPORTS = """
import os, resource, sys
from ecloud_pay.adapters.files.target import open_target
from ecloud_pay.domain.errors import CannotWrite
"""


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "payments.csv"


def names(folder: Path) -> list[str]:
    return sorted(os.listdir(folder))


def parts(folder: Path) -> list[str]:
    return [name for name in names(folder) if name.endswith(".part")]


def writer(code: str, *arguments: object, under: Sequence[str] = ()) -> "subprocess.Popen[str]":
    return script(IMPORTS + code, *arguments, under=under)


def write(path: Path, content: bytes, *, force: bool = False) -> None:
    with open_target(str(path), force=force) as target:
        with target.writing():
            target.file.write(content)
        target.commit()


# Writing and committing


def test_a_committed_file_is_there_whole_and_nothing_else_is(out: Path) -> None:
    write(out, b"1,2\n")
    assert out.read_bytes() == b"1,2\n"
    assert names(out.parent) == ["payments.csv"]


def test_until_the_commit_there_is_only_a_part_beside_the_final_name(out: Path) -> None:
    with open_target(str(out), force=False) as target:
        target.file.write(b"1,2\n")
        assert not out.exists()
        [part] = parts(out.parent)
        assert part.startswith(".payments.csv.")
        target.commit()


def test_a_block_left_without_a_commit_leaves_nothing(out: Path) -> None:
    with suppress(ZeroDivisionError), open_target(str(out), force=False) as target:
        target.file.write(b"1,2\n")
        target.more().write(b"3,4\n")
        raise ZeroDivisionError
    assert names(out.parent) == []


def test_a_block_left_without_a_commit_leaves_the_file_that_was_there(out: Path) -> None:
    out.write_bytes(b"old")
    with open_target(str(out), force=True) as target:
        target.file.write(b"new")
    assert out.read_bytes() == b"old"
    assert names(out.parent) == ["payments.csv"]


def test_force_replaces_the_file_and_its_mode(out: Path) -> None:
    out.write_bytes(b"old")
    out.chmod(0o644)
    write(out, b"new", force=True)
    assert out.read_bytes() == b"new"
    assert stat.S_IMODE(out.stat().st_mode) == 0o600


@pytest.mark.parametrize("umask", [0, 0o022, 0o777])
def test_parts_and_file_are_private_whatever_the_umask(out: Path, umask: int) -> None:
    before = os.umask(umask)
    try:
        with open_target(str(out), force=False) as target:
            target.more()
            modes = [stat.S_IMODE((out.parent / part).stat().st_mode) for part in parts(out.parent)]
            target.commit()
    finally:
        os.umask(before)
    assert modes == [0o600, 0o600]
    assert stat.S_IMODE(out.stat().st_mode) == 0o600


def test_a_name_without_a_folder_is_in_the_current_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write(Path("payments.csv"), b"here")
    assert (tmp_path / "payments.csv").read_bytes() == b"here"


@pytest.mark.parametrize("name", ["x" * 255, "ж" * 127 + "x", "x" * 232, "x" * 233])
def test_a_name_as_long_as_can_be_gets_a_part_too_and_its_stale_one_is_found(tmp_path: Path, name: str) -> None:
    abandon(tmp_path / name)
    assert len(parts(tmp_path)) == 1
    write(tmp_path / name, b"long")
    assert names(tmp_path) == [name]


def test_a_library_that_closes_the_file_does_not_prevent_the_commit(out: Path) -> None:
    with open_target(str(out), force=False) as target:
        target.file.write(b"closed")
        target.file.close()
        target.commit()
    assert out.read_bytes() == b"closed"


def test_what_was_written_can_be_read_before_the_commit_and_written_on(out: Path) -> None:
    with open_target(str(out), force=False) as target:
        target.file.write(b"first ")
        with target.read() as so_far:
            assert so_far.read() == b"first "
        target.file.write(b"second")
        target.commit()
    assert out.read_bytes() == b"first second"


def test_a_text_is_written_as_whole_as_anything_else(out: Path) -> None:
    write_text(str(out), "€ 1\n", force=False)
    assert out.read_text() == "€ 1\n"
    with pytest.raises(CannotWrite):
        write_text(str(out), "€ 2\n", force=False)
    assert out.read_text() == "€ 1\n"


# Parts


def test_parts_are_joined_in_the_order_asked_for_and_their_space_is_given_back(out: Path) -> None:
    with open_target(str(out), force=False) as target:
        second, third = target.more(), target.more()
        third.write(b"3" * MIB)
        second.write(b"2" * 7)
        target.file.write(b"1")
        target.join(second)
        assert len(parts(out.parent)) == 2
        target.join(third)
        target.file.write(b"4")
        target.commit()
    assert out.read_bytes() == b"1" + b"2" * 7 + b"3" * MIB + b"4"
    assert names(out.parent) == ["payments.csv"]


def test_parts_are_joined_where_the_kernel_cannot_copy(out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> int:
        raise OSError(18, "Invalid cross-device link")

    monkeypatch.setattr(os, "copy_file_range", refuse, raising=False)
    with open_target(str(out), force=False) as target:
        more = target.more()
        more.write(b"2" * MIB)
        target.file.write(b"1")
        target.join(more)
        target.commit()
    assert out.read_bytes() == b"1" + b"2" * MIB


def test_joining_takes_no_memory_for_what_it_joins(out: Path) -> None:
    code = f"""{PEAK_KIB}
with open_target(sys.argv[1], force=False) as target:
    more = target.more()
    for _ in range(256):
        more.write(bytes(1024 * 1024))
    before = peak_kib()
    target.join(more)
    print(peak_kib() - before)
"""
    assert int(printed(writer(code, out))) < 16 * 1024


# Several files


def test_several_files_are_put_in_place_together(tmp_path: Path) -> None:
    data, manifest = tmp_path / "a.csv", tmp_path / "a.csv.manifest.json"
    with open_target(str(data), force=False) as first, open_target(str(manifest), force=False) as second:
        first.file.write(b"1\n")
        second.file.write(b"{}")
        commit_all([first, second])
    assert (data.read_bytes(), manifest.read_bytes()) == (b"1\n", b"{}")
    assert names(tmp_path) == ["a.csv", "a.csv.manifest.json"]


def test_when_the_second_of_two_cannot_be_put_in_place_the_error_says_what_is_there(tmp_path: Path) -> None:
    data, manifest = tmp_path / "a.csv", tmp_path / "a.csv.manifest.json"
    with open_target(str(data), force=False) as first, open_target(str(manifest), force=False) as second:
        first.file.write(b"1\n")
        manifest.write_text("somebody else's")
        with pytest.raises(CannotWrite) as caught:
            commit_all([first, second])
    assert caught.value.now == f"{data} is in place and whole; {manifest} is not."
    assert (data.read_bytes(), manifest.read_text()) == (b"1\n", "somebody else's")


# Refusals


def refused(path: Path | str, *, force: bool = False) -> CannotWrite:
    with pytest.raises(CannotWrite) as caught, open_target(str(path), force=force):
        pass
    assert caught.value.now == "Nothing was written."
    return caught.value


def test_an_existing_file_is_refused_without_force(out: Path) -> None:
    out.write_bytes(b"old")
    error = refused(out)
    assert (error.what, error.to_do) == (f"{out} exists", "--force replaces it.")
    assert out.read_bytes() == b"old"


@pytest.mark.parametrize("force", [False, True])
@pytest.mark.parametrize("leads_to", ["there", "nowhere"])
def test_a_symbolic_link_is_refused_wherever_it_leads(out: Path, leads_to: str, force: bool) -> None:
    (out.parent / "there").write_bytes(b"old")
    out.symlink_to(leads_to)
    assert refused(out, force=force).what == f"{out} is a symbolic link"
    assert (out.parent / "there").read_bytes() == b"old"
    assert names(out.parent) == ["payments.csv", "there"]


@pytest.mark.parametrize("force", [False, True])
def test_a_folder_is_refused(out: Path, force: bool) -> None:
    out.mkdir()
    assert refused(out, force=force).what == f"{out} is a folder"


@pytest.mark.parametrize("force", [False, True])
def test_a_named_pipe_and_a_device_are_refused(out: Path, force: bool) -> None:
    os.mkfifo(out)
    assert refused(out, force=force).what == f"{out} is no regular file"
    assert refused("/dev/null", force=force).what == "/dev/null is no regular file"


def test_a_folder_that_is_missing_or_is_none_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert refused(tmp_path / "no" / "a.csv").what.endswith(f"cannot be written: there is no folder {tmp_path}/no")
    assert refused(tmp_path / "file" / "a.csv").what.endswith(f"cannot be written: {tmp_path}/file is no folder")


@pytest.mark.parametrize("path", ["", ".", "..", "/"])
def test_a_path_that_names_no_file_is_refused(path: str) -> None:
    assert refused(path).what == f"{path!r} names no file"


def test_a_name_too_long_for_the_file_system_is_refused(tmp_path: Path) -> None:
    error = refused(tmp_path / ("x" * 256))
    assert "File name too long" in error.what
    assert error.to_do == "Choose a shorter name."


def test_a_folder_that_the_user_may_not_write_in_is_refused(tmp_path: Path) -> None:
    closed = Path(tempfile.mkdtemp())
    closed.chmod(0o555)
    code = """
if os.geteuid() == 0:
    os.setuid(65534)
try:
    with open_target(sys.argv[1], force=False):
        print("opened")
except CannotWrite as error:
    print(error.what, error.now, error.to_do, sep="|")
"""
    try:
        told = printed(writer(code, closed / "a.csv"))
    finally:
        closed.rmdir()
    assert told == f"{closed}/a.csv cannot be written: Permission denied|Nothing was written.|Choose a folder that you may write in.\n"


# Full disks


FILLS = """
path, fills, put_there = sys.argv[1:4]
if fills == "limit":
    resource.setrlimit(resource.RLIMIT_FSIZE, (1024 * 1024, 1024 * 1024))
if put_there:
    with open(path, "w") as old:
        old.write(put_there)
try:
    with open_target(path, force=bool(put_there)) as target:
        with target.writing():
            target.file.write(b"x" * 700_000)
        more = target.more()
        with target.writing():
            more.write(b"x" * 700_000)
            more.flush()
        target.join(more)
        target.commit()
        print("written")
except CannotWrite as error:
    print(error.what, error.now, error.to_do, sep="|")
print(os.listdir(os.path.dirname(path)))
"""


@pytest.fixture
def full(tmp_path: Path) -> list[str]:
    """What makes a process find the disk full after 1 MiB: a small disk of its own, and where nobody may mount one, nothing."""
    mount = [
        "unshare",
        "--user",
        "--map-root-user",
        "--mount",
        "sh",
        "-c",
        f'mount -t tmpfs -o size=1m none "{tmp_path}" && exec "$@"',
        "-",
    ]
    try:
        may_mount = subprocess.run([*mount, "true"], check=False, capture_output=True).returncode == 0
    except FileNotFoundError:
        may_mount = False
    return mount if may_mount else []


@pytest.mark.parametrize("old", ["", "old"])
def test_on_a_full_disk_nothing_is_left_and_the_old_file_is_untouched(out: Path, full: list[str], old: str) -> None:
    told, left = printed(writer(FILLS, out, "disk" if full else "limit", old, under=full)).splitlines()
    reason = "No space left on device" if full else "File too large"
    assert told.startswith(f"{out} could not be written: {reason}|")
    assert ("The file that was there is untouched." if old else "Nothing is under that name.") in told
    assert left == ("['payments.csv']" if old else "[]")


@pytest.mark.parametrize("old", ["", "old"])
def test_beyond_the_limit_on_file_sizes_nothing_is_left_and_the_old_file_is_untouched(out: Path, old: str) -> None:
    told, left = printed(writer(FILLS, out, "limit", old)).splitlines()
    now = "The file that was there is untouched." if old else "Nothing is under that name."
    remedy = "Raise the limit on the size of files (ulimit -f) or choose another place."
    assert told == f"{out} could not be written: File too large|{now}|{remedy}"
    assert left == ("['payments.csv']" if old else "[]")
    assert not old or out.read_text() == old


def test_what_is_still_in_the_buffer_when_the_disk_is_full_does_not_hide_the_error(out: Path) -> None:
    code = """
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
try:
    with open_target(sys.argv[1], force=False) as target:
        target.file.write(b"x" * 2000)
        target.commit()
except CannotWrite as error:
    print(error.what)
print(os.listdir(os.path.dirname(sys.argv[1])))
"""
    assert printed(writer(code, out)).splitlines() == [f"{out} could not be written: File too large", "[]"]


# Something appears under the final name meanwhile


def test_without_force_a_file_that_appears_meanwhile_is_not_replaced(out: Path) -> None:
    with open_target(str(out), force=False) as target:
        target.file.write(b"ours")
        out.write_bytes(b"theirs")
        with pytest.raises(CannotWrite, match="somebody else"):
            target.commit()
    assert out.read_bytes() == b"theirs"
    assert names(out.parent) == ["payments.csv"]


def no_links(*_: object, **__: object) -> None:
    raise PermissionError(1, "Operation not permitted")


def test_where_there_are_no_links_a_file_that_appears_meanwhile_is_not_replaced_either(out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "link", no_links)
    with open_target(str(out), force=False) as target:
        out.write_bytes(b"theirs")
        with pytest.raises(CannotWrite, match="somebody else"):
            target.commit()
    assert out.read_bytes() == b"theirs"


def test_where_there_are_no_links_a_file_is_written_all_the_same(out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "link", no_links)
    write(out, b"1\n")
    assert out.read_bytes() == b"1\n"
    assert names(out.parent) == ["payments.csv"]


def test_a_link_that_appears_meanwhile_is_replaced_and_not_followed(out: Path) -> None:
    precious = out.parent / "precious"
    precious.write_bytes(b"precious")
    out.write_bytes(b"old")
    with open_target(str(out), force=True) as target:
        target.file.write(b"new")
        out.unlink()
        out.symlink_to(precious)
        target.commit()
    assert precious.read_bytes() == b"precious"
    assert not out.is_symlink()
    assert out.read_bytes() == b"new"


def test_a_folder_that_appears_meanwhile_is_not_replaced(out: Path) -> None:
    with open_target(str(out), force=True) as target:
        out.mkdir()
        with pytest.raises(CannotWrite, match="Is a directory"):
            target.commit()
    assert names(out.parent) == ["payments.csv"]


def test_of_several_writers_without_force_exactly_one_wins(out: Path) -> None:
    code = """
with open_target(sys.argv[1], force=False) as target:
    print("ready", flush=True)
    sys.stdin.readline()
    target.file.write(sys.argv[2].encode() * 100_000)
    try:
        target.commit()
        print("won")
    except CannotWrite as error:
        print(error.what)
"""
    writers = [writer(code, out, number) for number in range(4)]
    assert [first_line(one) for one in writers] == ["ready\n"] * 4
    for one in writers:
        answer(one, "go")
    answers = [printed(one).strip() for one in writers]
    assert sorted(answers) == sorted(["won"] + [f"{out} was written by somebody else meanwhile"] * 3)
    assert out.read_text() == str(answers.index("won")) * 100_000
    assert names(out.parent) == ["payments.csv"]


# Stale parts


ABANDONS = """
with open_target(sys.argv[1], force=True) as target:
    target.file.write(b"half")
    target.file.flush()
    print("ready", flush=True)
    sys.stdin.readline()
    os.kill(os.getpid(), 9)
"""


def abandon(path: Path) -> None:
    """Leave a part of `path`, as a writer that is killed does."""
    with writer(ABANDONS, path) as doomed:
        doomed.communicate("die\n")
    assert doomed.returncode == -signal.SIGKILL


def test_the_part_of_a_killed_writer_is_removed_by_the_next_one(out: Path) -> None:
    abandon(out)
    assert len(parts(out.parent)) == 1
    with open_target(str(out), force=False):
        assert len(parts(out.parent)) == 1
    assert names(out.parent) == []


def test_the_part_of_a_living_writer_is_left_alone(out: Path) -> None:
    with open_target(str(out), force=False) as living:
        living.more()
        write(out, b"second")
        assert len(parts(out.parent)) == 2
    with writer(ABANDONS, out) as neighbour:
        first_line(neighbour)
        write(out, b"third", force=True)
        assert len(parts(out.parent)) == 1
        neighbour.communicate("die\n")


def test_a_part_is_locked_even_after_a_library_has_closed_the_file(out: Path) -> None:
    with open_target(str(out), force=False) as living:
        living.file.close()
        with open_target(str(out), force=False):
            assert len(parts(out.parent)) == 2


def test_files_that_merely_look_like_parts_are_left_alone(out: Path) -> None:
    strangers = [
        ".payments.csv.part",
        ".payments.csv.0123456789abcdef.part.bak",
        ".payments.csv.0123456789ABCDEF.part",
        ".payments.csv.gz.0123456789abcdef.part",
        ".payments-csv.0123456789abcdef.part",
        "payments.csv.0123456789abcdef.part",
        ".payments.csv.0123456789abcde.part",
    ]
    for name in strangers:
        (out.parent / name).touch(0o600)
    # Of our very pattern, but nothing that we would have made.
    public, folder, link, pipe = (f".payments.csv.{n:016x}.part" for n in range(4))
    (out.parent / public).touch()
    (out.parent / public).chmod(0o644)
    (out.parent / folder).mkdir()
    (out.parent / link).symlink_to(strangers[0])
    os.mkfifo(out.parent / pipe, 0o600)
    write(out, b"1\n")
    assert names(out.parent) == sorted([*strangers, public, folder, link, pipe, "payments.csv"])


KILLED = """
path, block = sys.argv[1], 64 * 1024
generation = 0
print("ready", flush=True)
while True:
    generation += 1
    force = generation % 2 == 0
    if not force and os.path.exists(path):
        os.unlink(path)
    page = generation.to_bytes(8, "big") * (block // 8)
    with open_target(path, force=force) as target:
        more = target.more()
        for _ in range(16):
            target.file.write(page)
            more.write(page)
        target.join(more)
        target.commit()
"""


@pytest.fixture
def killed_writers(out: Path) -> Iterator[None]:
    yield
    # The next writer cleans up after all of them.
    write(out, b"whole", force=True)
    assert names(out.parent) == ["payments.csv"]


@pytest.mark.usefixtures("killed_writers")
def test_a_writer_killed_at_any_moment_leaves_no_half_file_under_the_final_name(out: Path) -> None:
    # Seeded, though the moments are the scheduler's too.
    moments = random.Random(7)
    struck = 0
    for _ in range(20):
        with writer(KILLED, out) as doomed:
            first_line(doomed)
            time.sleep(moments.uniform(0, 0.1))
            doomed.kill()
        if out.exists():
            content = out.read_bytes()
            assert len(content) == 2 * MIB
            assert content == content[:8] * (len(content) // 8)
        struck += bool(parts(out.parent))
    assert struck, "no kill met a writer at work"
