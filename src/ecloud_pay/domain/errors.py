"""Everything that can stop a command, as one tree.

    EcloudPayError
    ├── UsageError            what was typed makes no sense                      exit 2
    ├── NotConfigured         a setting, a privilege, a table, an extra is missing    4
    ├── NotFound              the reference names nothing                             6
    ├── Busy                  another run holds it                                    7
    ├── CannotWrite           the output could not be written                        74
    └── Unavailable           PostgreSQL is out of reach; safe to repeat             75

An error carries facts, never markup: `what` happened, what is true `now`, what `to_do` about it. Each is one line without a
secret in it. `rendering/errors.py` turns them into lines on stderr and holds the one table of exit codes.
"""


class EcloudPayError(Exception):
    """What happened, what is true now and what to do, one line each (`now` and `to_do` may be empty)."""

    def __init__(self, what: str, *, now: str = "", to_do: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.now = now
        self.to_do = to_do


class UsageError(EcloudPayError):
    """What was typed makes no sense: an unknown status, a date that does not exist, two formats at once."""


class NotConfigured(EcloudPayError):
    """A setting is missing or wrong, a login or privilege is refused, a table or column or extra is not there."""


class NotFound(EcloudPayError):
    """The reference is well formed and names nothing in the database."""


class Busy(EcloudPayError):
    """Another run holds what this one needs; wait for it or end it."""


class CannotWrite(EcloudPayError):
    """The output could not be written: disk full, no such folder, a file in the way."""


class Unavailable(EcloudPayError):
    """The database cannot be reached or gave up in between; nothing happened, so it is safe to repeat."""
