"""Many writers at once, writers that are killed, and files that are rotated under them: the chain never breaks."""

import fcntl
import os
import threading
import time
from pathlib import Path

import pytest

from support.scripts import first_line, printed, script
from support.trail import ZEROS, chain, lines, requested, sha256, trail

TESTS = Path(__file__).parents[2]
IMPORTS = f"""
import os, random, signal, sys, time
sys.path.insert(0, {str(TESTS)!r})
from pathlib import Path
from support.trail import requested, trail
path = Path(sys.argv[1])
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "audit.jsonl"


# At once


# One warm process forks the writers, so that they really begin together.
WRITERS = """
writers, count = int(sys.argv[2]), int(sys.argv[3])
audit = trail(path)
children = []
for writer in range(writers):
    child = os.fork()
    if not child:
        for number in range(count):
            audit.append(requested(writer=writer, number=number))
        os._exit(0)
    children.append(child)
print("begun", flush=True)
print([os.waitpid(child, 0)[1] for child in children])
"""


def test_lines_of_eight_processes_are_one_chain_and_none_is_missing(path: Path) -> None:
    assert printed(script(IMPORTS + WRITERS, path, 8, 25)).splitlines() == ["begun", str([0] * 8)]
    wrote = [(event["details"]["writer"], event["details"]["number"]) for event in chain([path])]
    assert sorted(wrote) == [(writer, number) for writer in range(8) for number in range(25)]


def test_lines_of_eight_threads_are_one_chain_and_none_is_missing(path: Path) -> None:
    audit = trail(path)

    def write(writer: int) -> None:
        for number in range(10):
            audit.append(requested(writer=writer, number=number))

    threads = [threading.Thread(target=write, args=(writer,)) for writer in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    wrote = [(event["details"]["writer"], event["details"]["number"]) for event in chain([path])]
    assert sorted(wrote) == [(writer, number) for writer in range(8) for number in range(10)]


def test_who_waits_behind_others_that_get_on_with_it_is_not_refused(path: Path) -> None:
    """The limit is for a lock that somebody sits on, not for a queue."""
    before = trail(path)
    before.append(requested())
    line = path.read_bytes()
    with open(path, "ab") as busy:
        fcntl.flock(busy, fcntl.LOCK_EX)
        waiting = threading.Thread(target=trail(path, lock_limit_s=0.4).append, args=(requested(note="waited"),))
        waiting.start()
        for _ in range(10):
            time.sleep(0.1)
            busy.write(line)
            busy.flush()
    waiting.join()
    assert len(path.read_bytes().splitlines()) == 12


def test_a_timestamp_is_taken_in_the_order_of_the_lines(path: Path) -> None:
    code = WRITERS.replace("trail(path)", "AuditLog(path)")
    imports = IMPORTS + "from ecloud_pay.adapters.audit.log import AuditLog\n"
    printed(script(imports + code, path, 4, 10))
    told = [event["timestamp"] for event in chain([path])]
    assert len(told) == 40
    assert told == sorted(told)


# Killed


# Each child says on a pipe which lines it was told are on the disk, until it is killed: some in the middle of a large write.
KILLS = """
moments = random.Random(7)
audit = trail(path)
for _ in range(int(sys.argv[2])):
    told_from, told_to = os.pipe()
    child = os.fork()
    if not child:
        while True:
            os.write(told_to, audit.append(requested(note="x" * moments.choice((10, 1000, 3_000_000)))).encode() + b"\\n")
    os.close(told_to)
    time.sleep(moments.uniform(0.005, 0.06))
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    with os.fdopen(told_from) as told:
        sys.stdout.write(told.read())
"""


def test_a_killed_writer_leaves_a_chain_that_holds_every_line_it_was_told_of(path: Path) -> None:
    told = printed(script(IMPORTS + KILLS, path, 20)).split()
    assert len(told) >= 10
    trail(path).append(requested(note="the last"))
    events = chain([path])
    assert events[-1]["details"] == {"note": "the last"}
    written = [sha256(line) for line in lines(path)]
    assert [one for one in written if one in set(told)] == told


# Rotated


def rotate(path: Path) -> None:
    """As logrotate does with numbers and `notifempty`: .1 becomes .2, and so on, and the file becomes .1."""
    numbers = sorted((int(name.suffix[1:]) for name in path.parent.glob("audit.jsonl.*")), reverse=True)
    for number in numbers:
        os.rename(f"{path}.{number}", f"{path}.{number + 1}")
    os.rename(path, f"{path}.1")


def test_files_that_are_rotated_under_their_writers_are_one_chain(path: Path) -> None:
    running = script(IMPORTS + WRITERS, path, 4, 150)
    assert first_line(running) == "begun\n"
    rotations, before = 0, Path(f"{path}.1")
    while running.poll() is None:
        # Not within one tick of the clock that file systems use: nobody rotates that often, and then no file is the newest.
        if path.exists() and (not before.exists() or path.stat().st_mtime > before.stat().st_mtime + 0.01):
            rotate(path)
            rotations += 1
        time.sleep(0.002)
    assert printed(running) == f"{[0] * 4}\n"
    assert rotations >= 2
    files = [Path(f"{path}.{number}") for number in range(rotations, 0, -1)]
    wrote = [(event["details"]["writer"], event["details"]["number"]) for event in chain([*files, *([path] if path.exists() else [])])]
    assert sorted(wrote) == [(writer, number) for writer in range(4) for number in range(150)]


@pytest.mark.parametrize(
    "name",
    [
        "audit.jsonl.1",
        "audit.jsonl-20250127",
        "audit.jsonl-20250127-143015.backup",
        "audit.jsonl.2025-01-27",
        "audit.jsonl.2025-01-27T00:00Z",
    ],
)
def test_a_new_file_goes_on_from_the_one_it_was_rotated_from(path: Path, name: str) -> None:
    written = trail(path).append(requested())
    path.rename(path.parent / name)
    trail(path).append(requested())
    assert [event["prev_hash"] for event in chain([path.parent / name, path])] == [ZEROS, written]


def test_a_file_that_was_emptied_in_place_after_a_copy_goes_on_from_the_copy(path: Path) -> None:
    trail(path).append(requested())
    Path(f"{path}.1").write_bytes(path.read_bytes())
    os.truncate(path, 0)
    trail(path).append(requested())
    assert len(chain([Path(f"{path}.1"), path])) == 2


@pytest.mark.parametrize(
    "name",
    ["audit.jsonl.1.gz", "audit.jsonl~", "audit.jsonl.bak", "audit.jsonl-old", "xaudit.jsonl.1", "audit.jsonl1", "demo-audit.jsonl.1"],
)
def test_a_file_of_another_name_is_no_predecessor(path: Path, name: str) -> None:
    (path.parent / name).write_bytes(b"a line\n")
    trail(path).append(requested())
    assert [event["prev_hash"] for event in chain([path])] == [ZEROS]


def test_of_several_rotated_files_the_last_written_one_with_a_line_counts(path: Path) -> None:
    for name, text, age_s in ((".1", b"", 10), (".2", b"newest\n", 20), ("-20250101", b"older\n", 30), (".3", b"oldest\n", 40)):
        rotated = Path(f"{path}{name}")
        rotated.write_bytes(text)
        os.utime(rotated, (time.time() - age_s,) * 2)
    Path(f"{path}.4").symlink_to(f"{path}.3")
    os.mkfifo(f"{path}.5")
    trail(path).append(requested())
    assert f'"prev_hash": "{sha256(b"newest")}"'.encode() in path.read_bytes()


def test_a_rotated_file_whose_last_line_is_torn_is_gone_on_from_as_it_stands(path: Path) -> None:
    Path(f"{path}.1").write_bytes(b"whole\ntorn")
    trail(path).append(requested())
    assert f'"prev_hash": "{sha256(b"torn")}"'.encode() in path.read_bytes()
    assert Path(f"{path}.1").read_bytes() == b"whole\ntorn"


def test_a_line_that_is_still_being_written_into_the_rotated_file_is_waited_for(path: Path) -> None:
    audit = trail(path)
    audit.append(requested(attempt=1))
    with path.open("ab") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        path.rename(f"{path}.1")
        next_one = threading.Thread(target=audit.append, args=(requested(attempt=2),))
        next_one.start()
        time.sleep(0.1)
        file.write(b"what its writer still had to say\n")
    next_one.join()
    assert f'"prev_hash": "{sha256(b"what its writer still had to say")}"'.encode() in path.read_bytes()


def test_a_file_that_was_rotated_while_its_lock_was_waited_for_gets_no_line(path: Path) -> None:
    audit = trail(path)
    audit.append(requested(attempt=1))
    with path.open("rb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        waiting = threading.Thread(target=audit.append, args=(requested(attempt=2),))
        waiting.start()
        time.sleep(0.1)
        path.rename(f"{path}.1")
    waiting.join()
    assert [event["details"]["attempt"] for event in chain([Path(f"{path}.1"), path])] == [1, 2]
    assert len(lines(path)) == 1
