"""Colours and signs, all of them: a status is told by glyph, word and colour, never by colour alone."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Mark:
    """How a status looks: a glyph (terminals only) and a Rich style."""

    glyph: str
    style: str


LABEL = "dim"
FRAME = "cyan"
STRONG = "bold"
ID = "cyan"
NOTE = "dim"
WARNING = "yellow"
GAIN = "green"
LOSS = "red"
BAR = "cyan"
ERROR = "bold red"
DEMO = "bold magenta"

_UNKNOWN = Mark("?", "magenta")
_MARKS = {
    "succeeded": Mark("✔", "bold green"),
    "completed": Mark("✔", "green"),
    "processing": Mark("◐", "bold blue"),
    "pending": Mark("○", "bold yellow"),
    "failed": Mark("✘", "bold red"),
    "cancelled": Mark("–", "dim"),
    "ok": Mark("✔", "green"),
    "warning": Mark("!", "bold yellow"),
    "error": Mark("✘", "bold red"),
    "skipped": Mark("–", "dim"),
}


def mark(status: str | None) -> Mark:
    """The look of a payment's, transaction's, refund's or check's status; one sign for every word we do not know."""
    return _MARKS.get((status or "").lower(), _UNKNOWN)
