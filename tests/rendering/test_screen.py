"""The two streams: what goes where, in colour or not, and what becomes of a stream that fails."""

import errno
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from io import StringIO
from pathlib import Path

import pytest
from rich.table import Table
from rich.text import Text

from ecloud_pay.domain.errors import CannotWrite
from ecloud_pay.rendering.screen import ClosedPipe, Screen, writing_to_stdout
from ecloud_pay.signals import Stopped

DEMO_LINE = "DEMO: sample data in a private PostgreSQL; nothing real is touched.\n"


class Terminal(StringIO):
    def isatty(self) -> bool:
        return True


class Failing(StringIO):
    """A stream that cannot be written to."""

    def __init__(self, error: OSError) -> None:
        super().__init__()
        self.error = error

    def write(self, _text: str) -> int:
        raise self.error


@pytest.fixture(autouse=True)
def plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rich looks at the process's own environment for what kind of terminal it is."""
    for name in ("NO_COLOR", "FORCE_COLOR", "COLORTERM", "TTY_COMPATIBLE", "TTY_INTERACTIVE", "COLUMNS", "LINES"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLUMNS", "60")


def shown(out: StringIO, environ: dict[str, str], *, no_color: bool = False) -> str:
    """What a red word looks like on `out`."""
    Screen(out, StringIO(), environ, no_color=no_color).show([Text("red", style="red")])
    return out.getvalue()


RED = "\x1b[31mred\x1b[0m\n"


@pytest.mark.parametrize(
    ("environ", "no_color", "on_terminal", "in_pipe"),
    [
        ({"TERM": "xterm"}, False, RED, "red\n"),
        ({}, False, RED, "red\n"),
        ({"TERM": "xterm"}, True, "red\n", "red\n"),
        ({"NO_COLOR": "1"}, False, "red\n", "red\n"),
        ({"NO_COLOR": ""}, False, RED, "red\n"),
        ({"NO_COLOR": "0"}, False, "red\n", "red\n"),
        ({"TERM": "dumb"}, False, "red\n", "red\n"),
        ({"FORCE_COLOR": "1"}, False, RED, RED),
        ({"FORCE_COLOR": "1", "TERM": "dumb"}, False, RED, RED),
        ({"FORCE_COLOR": "0"}, False, RED, "red\n"),
        ({"FORCE_COLOR": ""}, False, RED, "red\n"),
        ({"FORCE_COLOR": "1", "NO_COLOR": "1"}, False, "red\n", "red\n"),
        ({"FORCE_COLOR": "1"}, True, "red\n", "red\n"),
    ],
)
def test_colour_is_decided_by_option_then_environment_then_terminal(
    environ: dict[str, str], no_color: bool, on_terminal: str, in_pipe: str
) -> None:
    assert shown(Terminal(), environ, no_color=no_color) == on_terminal
    assert shown(StringIO(), environ, no_color=no_color) == in_pipe


def test_each_stream_decides_for_itself() -> None:
    def on(out: StringIO, err: StringIO) -> tuple[str, str]:
        screen = Screen(out, err, {"TERM": "xterm"})
        screen.show([Text("red", style="red")])
        screen.warn("careful")
        return out.getvalue(), err.getvalue()

    assert on(StringIO(), Terminal()) == ("red\n", "\x1b[33mWarning: careful\x1b[0m\n")
    assert on(Terminal(), StringIO()) == (RED, "Warning: careful\n")


def test_a_width_is_known_for_a_terminal_alone() -> None:
    assert Screen(Terminal(), StringIO(), {}).width == 60
    assert Screen(StringIO(), Terminal(), {}).width is None


def test_notes_reach_a_person_where_stderr_is_a_terminal() -> None:
    assert Screen(StringIO(), Terminal(), {}).notes_reach_a_person
    assert not Screen(Terminal(), StringIO(), {}).notes_reach_a_person


def test_ready_made_text_leaves_as_it_is() -> None:
    out = StringIO()
    Screen(out, StringIO(), {}).data("a,b\n'=1,[bold]:smile:\n")
    assert out.getvalue() == "a,b\n'=1,[bold]:smile:\n"


@pytest.mark.parametrize("stream", [StringIO, Terminal])
def test_a_long_line_is_never_cut_or_folded(stream: type[StringIO]) -> None:
    out = stream()
    Screen(out, StringIO(), {"NO_COLOR": "1"}).show([Text("pi_" + "x" * 200_000), Text("next")])
    assert out.getvalue() == "pi_" + "x" * 200_000 + "\nnext\n"


def test_a_table_in_a_pipe_is_as_wide_as_its_text_and_on_a_terminal_as_the_terminal() -> None:
    def rendered(out: StringIO) -> list[str]:
        table = Table(box=None)
        table.add_column("id", overflow="fold")
        table.add_row(Text("pi_" + "x" * 300))
        Screen(out, StringIO(), {"NO_COLOR": "1"}).show([table])
        return [line.strip() for line in out.getvalue().splitlines()]

    assert rendered(StringIO()) == ["id", "pi_" + "x" * 300]
    on_terminal = rendered(Terminal())
    assert "".join(on_terminal[1:]) == "pi_" + "x" * 300
    assert max(map(len, on_terminal)) <= 60


def test_text_is_shown_without_markup_emoji_or_highlighting() -> None:
    out = Terminal()
    Screen(out, StringIO(), {"TERM": "xterm"}).show(["[red]5[/red] :smile: True http://example.com", Text("[b]5[/b] :smile:")])
    assert out.getvalue() == "[red]5[/red] :smile: True http://example.com\n[b]5[/b] :smile:\n"


@pytest.mark.parametrize("environ", [{}, {"FORCE_COLOR": "1"}])
def test_a_note_is_one_harmless_line(environ: dict[str, str]) -> None:
    err = StringIO()
    Screen(StringIO(), err, environ).note("a\x1b[2J\nb [red]c[/] " + "x" * 200)
    line = err.getvalue().removeprefix("\x1b[2m").replace("\x1b[0m", "")
    assert line == "a\\x1b[2J\\nb [red]c[/] " + "x" * 200 + "\n"


def test_notes_and_warnings_go_to_stderr_and_nothing_else_does() -> None:
    out, err = StringIO(), StringIO()
    screen = Screen(out, err, {})
    screen.note("a note")
    screen.warn("a warning")
    screen.demo()
    screen.data("data\n")
    assert out.getvalue() == "data\n"
    assert err.getvalue() == "a note\nWarning: a warning\n" + DEMO_LINE


def test_quiet_silences_notes_and_warnings_but_not_that_it_is_a_demo() -> None:
    out, err = StringIO(), StringIO()
    screen = Screen(out, err, {}, is_quiet=True)
    screen.note("a note")
    screen.warn("a warning")
    screen.demo()
    screen.data("data\n")
    assert out.getvalue() == "data\n"
    assert err.getvalue() == DEMO_LINE


@pytest.mark.parametrize("environ", [{}, {"FORCE_COLOR": "1"}])
def test_a_note_that_finds_no_space_stops_nothing(environ: dict[str, str]) -> None:
    out = StringIO()
    screen = Screen(out, Failing(OSError(errno.ENOSPC, "No space left on device")), environ)
    screen.note("a note")
    screen.data("data\n")
    assert out.getvalue() == "data\n"


class Interrupted(StringIO):
    """A terminal at which somebody presses Ctrl-C instead of Enter."""

    def readline(self, _size: int = -1, /) -> str:  # type: ignore[override]  # of the text streams alone
        raise Stopped(signal.SIGINT)


@pytest.mark.parametrize(
    ("typed", "answer", "shown"),
    [
        ("y\n", "y", "Sure? "),
        (" 25.00 \nmore\n", "25.00", "Sure? "),
        ("\n", "", "Sure? "),
        ("", "", "Sure? \n"),
        ("half", "half", "Sure? \n"),
    ],
)
def test_an_answer_that_no_enter_ended_leaves_the_line_of_its_question(
    monkeypatch: pytest.MonkeyPatch, typed: str, answer: str, shown: str
) -> None:
    out, err = StringIO(), Terminal()
    monkeypatch.setattr(sys, "stdin", StringIO(typed))
    assert (Screen(out, err, {}).ask("Sure?"), out.getvalue(), err.getvalue()) == (answer, "", shown)


def test_a_signal_at_a_question_leaves_its_line(monkeypatch: pytest.MonkeyPatch) -> None:
    err = Terminal()
    monkeypatch.setattr(sys, "stdin", Interrupted())
    with pytest.raises(Stopped):
        Screen(StringIO(), err, {}).ask("Sure?")
    assert err.getvalue() == "Sure? \n"


NOTER = """
import sys
from ecloud_pay.rendering.screen import Screen
screen = Screen(sys.stdout, sys.stderr)
screen.note("a note")
screen.data("data")
"""


@pytest.mark.parametrize("environ", [{}, {"FORCE_COLOR": "1"}])
def test_a_note_that_nobody_reads_any_more_costs_no_data(environ: dict[str, str]) -> None:
    # In a process of its own: Rich points the process's stdout to /dev/null when it meets a closed pipe.
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run(
        [sys.executable, "-c", NOTER], stdout=subprocess.PIPE, stderr=writer, env=os.environ | environ, check=False, timeout=10
    )
    os.close(writer)
    assert done.stdout == b"data"


def test_a_closed_stderr_stops_nothing() -> None:
    err = StringIO()
    screen = Screen(StringIO(), err, {})
    err.close()
    screen.note("a note")


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EIO, errno.EDQUOT])
def test_a_full_disk_is_told(number: int) -> None:
    screen = Screen(Failing(OSError(number, os.strerror(number))), StringIO(), {})
    writes: list[Callable[[], None]] = [lambda: screen.data("x"), lambda: screen.show([Text("x")])]
    for write in writes:
        with pytest.raises(CannotWrite) as refusal:
            write()
        assert refusal.value.what == f"stdout could not be written: {os.strerror(number)}"
        assert refusal.value.to_do == "Free some space or choose another place."


def test_a_pipe_closed_while_data_is_written_is_a_closed_pipe() -> None:
    with pytest.raises(ClosedPipe):
        Screen(Failing(BrokenPipeError(errno.EPIPE, "Broken pipe")), StringIO(), {}).data("x")


def test_other_mistakes_pass_through() -> None:
    with pytest.raises(KeyError), writing_to_stdout():
        raise KeyError("a bug")


WRITER = """
import sys
from rich.text import Text
from ecloud_pay.domain.errors import CannotWrite
from ecloud_pay.rendering.screen import ClosedPipe, Screen
screen = Screen(sys.stdout, sys.stderr, {})
try:
    for _ in range(1000):
        screen.show([Text("x" * 100)] * 10) if sys.argv[1] == "show" else screen.data("x" * 1000)
except (ClosedPipe, CannotWrite) as error:
    sys.stderr.write(type(error).__name__)
    sys.stderr.flush()
    import os
    os._exit(0)
"""


@pytest.mark.parametrize("how", ["show", "data"])
def test_a_reader_that_leaves_early_is_a_closed_pipe(how: str) -> None:
    with subprocess.Popen([sys.executable, "-c", WRITER, how], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as writer:
        assert writer.stdout is not None
        assert writer.stderr is not None
        writer.stdout.read(10)
        writer.stdout.close()
        assert (writer.stderr.read(), writer.wait(10)) == (b"ClosedPipe", 0)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="only Linux has a device that is always full")
@pytest.mark.parametrize("how", ["show", "data"])
def test_a_device_that_is_full_cannot_be_written(how: str) -> None:
    with open("/dev/full", "wb") as full:
        done = subprocess.run([sys.executable, "-c", WRITER, how], stdout=full, stderr=subprocess.PIPE, check=False, timeout=10)
    assert (done.stderr, done.returncode) == (b"CannotWrite", 0)
