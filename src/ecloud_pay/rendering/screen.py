"""The two streams: data on stdout and nothing else, notes on stderr. Each decides for itself whether a terminal reads it."""

import io
import os
import shutil
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, BinaryIO, TextIO

from ecloud_pay.domain.errors import CannotWrite
from ecloud_pay.rendering import theme
from ecloud_pay.rendering.sanitize import visible

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

PIPE_WIDTH = 100_000  # wide enough for any row: a pipe is never wrapped or cut


class ClosedPipe(Exception):
    """Whoever read our stdout has gone; there is nobody left to tell."""


class Screen:
    """Writes to `out` and `err`. Rich is imported by the first thing that needs it."""

    def __init__(
        self, out: TextIO, err: TextIO, environ: Mapping[str, str] | None = None, *, is_quiet: bool = False, no_color: bool = False
    ) -> None:
        self._out = out
        self._err = err
        self._environ = os.environ if environ is None else environ
        self._no_color = no_color
        self.is_quiet = is_quiet

    @property
    def width(self) -> int | None:
        """The terminal's width in columns; None where stdout is no terminal."""
        return shutil.get_terminal_size().columns if self._out.isatty() else None

    @property
    def notes_reach_a_person(self) -> bool:
        """Whether stderr is a terminal."""
        return self._err.isatty()

    def data(self, text: str) -> None:
        """Ready-made text for stdout."""
        with writing_to_stdout():
            self._out.write(text)
            self._out.flush()

    @property
    def binary(self) -> BinaryIO:
        """Stdout for bytes; write to it inside `writing_to_stdout`, and flush it at the end."""
        return self._out.buffer

    def show(self, things: "Sequence[RenderableType]") -> None:
        """Rich things for stdout: tables fit the terminal, lines of text are left to it to wrap."""
        if not self._has_color(self._out) and all(map(_is_text, things)):
            # Rich would say the same in ten times the time.
            self.data("".join(f"{line}\n" for line in things))
            return
        self.data(self._drawn(things, self._out))

    def aside(self, things: "Sequence[RenderableType]") -> None:
        """Rich things for stderr: what a person should see before they answer, and no script reads."""
        try:
            self._err.write(self._drawn(things, self._err))
            self._err.flush()
        except (OSError, ValueError):
            pass

    @property
    def can_ask(self) -> bool:
        """Whether a person is there to answer: a terminal on both sides."""
        return sys.stdin is not None and sys.stdin.isatty() and self.notes_reach_a_person

    def ask(self, question: str) -> str:
        """What a person types after `question`, without blanks around it; nothing where the input ends."""
        self._err.write(f"{visible(question)} ")
        self._err.flush()
        answer = ""
        try:
            answer = sys.stdin.readline()
        finally:
            # Where Ctrl-C or Ctrl-D came instead of Enter, the cursor still stands behind the question.
            if not answer.endswith("\n"):
                self._leave_prompt()
        return answer.strip()

    def _leave_prompt(self) -> None:
        with suppress(OSError, ValueError):  # the terminal may be what has gone
            self._err.write("\n")
            self._err.flush()

    def note(self, text: str) -> None:
        """Something worth knowing, on stderr; not under --quiet."""
        if not self.is_quiet:
            self._tell(text, theme.NOTE)

    def warn(self, text: str) -> None:
        """Something that should be seen to, on stderr; not under --quiet."""
        if not self.is_quiet:
            self._tell(f"Warning: {text}", theme.WARNING)

    def complain(self, text: str) -> None:
        """A part of what went wrong, on stderr before the error itself; under --quiet too."""
        self._tell(text, theme.ERROR)

    def demo(self) -> None:
        """That nothing on this screen is real: said under --quiet too, because a figure without it could be believed."""
        self._tell("DEMO: sample data in a private PostgreSQL; nothing real is touched.", theme.DEMO)

    def progress_console(self) -> "Console | None":
        """A Rich console on stderr for something that redraws itself; None where no person watches, or nothing could be redrawn."""
        if self.is_quiet or not self.notes_reach_a_person or self._environ.get("TERM") == "dumb":
            return None
        from rich.console import Console

        return Console(file=self._err, no_color=not self._has_color(self._err), highlight=False, emoji=False)

    def _tell(self, text: str, style: str) -> None:
        line = visible(text)
        try:
            if self._has_color(self._err):
                from rich.text import Text

                line = self._drawn([Text(line, style=style)], self._err).removesuffix("\n")
            self._err.write(line + "\n")
            self._err.flush()
        except (OSError, ValueError):  # stderr is closed or full: a note is not worth failing for
            pass

    def _drawn(self, things: "Sequence[RenderableType]", stream: TextIO) -> str:
        """What Rich would print on `stream`. It does not print by itself: on a closed pipe it would end the process in its own way."""
        from rich.console import Console

        has_color = self._has_color(stream)
        page = io.StringIO()
        console = Console(
            file=page,
            force_terminal=has_color,
            no_color=not has_color,
            color_system="auto" if stream.isatty() and has_color else ("standard" if has_color else None),
            width=shutil.get_terminal_size().columns if stream.isatty() else PIPE_WIDTH,
            markup=False,
            highlight=False,
            emoji=False,
        )
        for thing in things:
            console.print(thing, soft_wrap=_is_text(thing))
        return page.getvalue()

    def _has_color(self, stream: TextIO) -> bool:
        """--no-color, then NO_COLOR (https://no-color.org), then FORCE_COLOR, then a terminal that is not dumb."""
        if self._no_color or self._environ.get("NO_COLOR"):
            return False
        if self._environ.get("FORCE_COLOR", "0") not in ("", "0"):
            return True
        return stream.isatty() and self._environ.get("TERM") != "dumb"


class writing_to_stdout:  # noqa: N801  (reads as a statement: `with writing_to_stdout():`)
    """Turns what can go wrong with stdout into ClosedPipe or CannotWrite."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, _type: object, error: BaseException | None, _traceback: object) -> None:
        if isinstance(error, BrokenPipeError):
            raise ClosedPipe from error
        if isinstance(error, OSError):
            raise CannotWrite(f"stdout could not be written: {error.strerror}", to_do="Free some space or choose another place.") from error


def _is_text(thing: object) -> bool:
    from rich.text import Text

    return isinstance(thing, Text)
