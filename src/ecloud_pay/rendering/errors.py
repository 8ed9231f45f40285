"""The one table from an error to its exit code, and the one to three lines that tell it."""

from collections.abc import Iterable

from ecloud_pay.domain.errors import (
    Busy,
    CannotWrite,
    EcloudPayError,
    NotConfigured,
    NotFound,
    OutcomeUnknown,
    PartlyDone,
    Refused,
    Unavailable,
    UnknownAtStripe,
    UsageError,
)
from ecloud_pay.rendering.sanitize import visible
from ecloud_pay.secret import redacted

DONE = 0
BUG = 1
USAGE = 2
DIFFERENCES = 3
CLOSED_PIPE = 141
EXIT_CODES: dict[type[EcloudPayError], int] = {
    UsageError: USAGE,
    NotConfigured: 4,
    UnknownAtStripe: 5,
    Refused: 5,
    NotFound: 6,
    Busy: 7,
    OutcomeUnknown: 8,
    PartlyDone: 9,
    CannotWrite: 74,
    Unavailable: 75,
}
LONGEST_LINE = 400  # characters; what was typed may be quoted, and it may be a megabyte


def exit_code(error: EcloudPayError) -> int:
    """The documented exit code of `error`."""
    return next(code for kind, code in EXIT_CODES.items() if isinstance(error, kind))


def error_lines(error: EcloudPayError, secrets: Iterable[str] = ()) -> list[str]:
    """What happened · what is true now · what to do."""
    return told([f"ecloud-pay: {error.what}", *filter(None, (error.now, error.to_do))], secrets)


def usage_lines(message: str, command_path: str, secrets: Iterable[str] = ()) -> list[str]:
    """A usage error that the option parser found."""
    return told([f"ecloud-pay: {message}", f"Try '{command_path} --help'."], secrets)


def told(lines: Iterable[str], secrets: Iterable[str]) -> list[str]:
    """`lines` without `secrets`, harmless and then clipped: the half of a secret that a clip would leave is one, too."""
    known = list(secrets)
    return [_clipped(visible(redacted(line, known))) for line in lines]


def _clipped(line: str) -> str:
    return line if len(line) <= LONGEST_LINE else line[: LONGEST_LINE - 1] + "…"
