"""What a person may write to mean one payment: `5`, `#5`, `pi_…`, `ch_…`, `re_…`, an e-mail, `job:14`."""

import re
from dataclasses import dataclass
from enum import StrEnum

from ecloud_pay.domain.search import LARGEST_ID

FORMS = "5, #5, pi_…, ch_…, re_…, client@example.com, job:14"
LONGEST_TEXT = 255  # the width of the backend's id columns; an e-mail's is 254

_NUMBER = re.compile(r"#?(\d+)", re.ASCII)
_JOB = re.compile(r"job:#?(\d+)", re.ASCII)
_STRIPE_ID = re.compile(r"(pi|ch|py|re|pyr)_[A-Za-z0-9_]+", re.ASCII)


class ReferenceKind(StrEnum):
    """Which column a reference is looked up in."""

    PAYMENT = "payment"
    INTENT = "payment intent"
    CHARGE = "charge"
    REFUND = "refund"
    EMAIL = "e-mail"
    JOB = "job"


_KINDS = {
    "pi": ReferenceKind.INTENT,
    "ch": ReferenceKind.CHARGE,
    "py": ReferenceKind.CHARGE,  # a charge of a method that is no card
    "re": ReferenceKind.REFUND,
    "pyr": ReferenceKind.REFUND,
}


class NotAReference(ValueError):
    """The text is none of the forms."""


@dataclass(frozen=True, slots=True)
class Reference:
    """A reference that is well formed; `value` is a number for payments and jobs, else text."""

    kind: ReferenceKind
    value: int | str

    def __str__(self) -> str:
        prefix = {ReferenceKind.PAYMENT: "#", ReferenceKind.JOB: "job:"}.get(self.kind, "")
        return f"{prefix}{self.value}"


def parse_reference(text: str) -> Reference:
    """The reference that `text` is; NotAReference lists the forms."""
    if match := _NUMBER.fullmatch(text):
        return Reference(ReferenceKind.PAYMENT, _id(match[1]))
    if match := _JOB.fullmatch(text):
        return Reference(ReferenceKind.JOB, _id(match[1]))
    if len(text) <= LONGEST_TEXT:
        if match := _STRIPE_ID.fullmatch(text):
            return Reference(_KINDS[match[1]], text)
        if is_email(text):
            return Reference(ReferenceKind.EMAIL, text)
    raise NotAReference(f"{text[:60]!r} names no payment; write one of: {FORMS}")


def is_email(text: str) -> bool:
    """Whether `text` could be an e-mail of a user: something on both sides of an @, without blanks or control characters."""
    name, _, host = text.rpartition("@")
    return bool(name and host) and text.isprintable() and " " not in text


def _id(digits: str) -> int:
    # The length first: int() of a very long text is slow, and refuses beyond 4,300 digits.
    if len(digits) > len(str(LARGEST_ID)) or not 1 <= int(digits) <= LARGEST_ID:
        raise NotAReference(f"there is no number {digits[:24]}{'…' if len(digits) > 24 else ''}: they run from 1 to {LARGEST_ID}")
    return int(digits)
