"""Everything that can stop a command, as one tree.

    EcloudPayError
    ├── UsageError            what was typed makes no sense                      exit 2
    ├── NotConfigured         a setting, a privilege, a table, an extra is missing    4
    ├── Refused               by our rules, by Stripe, or by your answer: no money moved    5
    │   └── UnknownAtStripe   Stripe does not know the object under this key
    ├── NotFound              the reference names nothing                             6
    ├── Busy                  another run, or an unsettled refund, holds it           7
    ├── OutcomeUnknown        money may have moved: resume, do not repeat             8
    ├── PartlyDone            some items failed, and are listed                       9
    ├── CannotWrite           the output could not be written                        74
    └── Unavailable           PostgreSQL or Stripe is out of reach; safe to repeat   75

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


class Refused(EcloudPayError):
    """Our rules, Stripe, or the person at the keyboard said no; no money moved."""


class UnknownAtStripe(Refused):
    """Stripe knows no such object under this key. `is_of_other_mode`: it says that one exists in the other mode."""

    def __init__(self, what: str, *, is_of_other_mode: bool = False, now: str = "", to_do: str = "") -> None:
        super().__init__(what, now=now, to_do=to_do)
        self.is_of_other_mode = is_of_other_mode


class NotFound(EcloudPayError):
    """The reference is well formed and names nothing in the database."""


class Busy(EcloudPayError):
    """Another run holds what this one needs; wait for it or end it."""


class OutcomeUnknown(EcloudPayError):
    """Money may or may not have moved; repeating could move it twice, resuming cannot."""


class PartlyDone(EcloudPayError):
    """Some items of a run failed; each of them is listed in its output."""


class CannotWrite(EcloudPayError):
    """The output could not be written: disk full, no such folder, a file in the way."""


class Unavailable(EcloudPayError):
    """The database or Stripe cannot be reached or gave up in between; nothing happened, so it is safe to repeat."""
