"""Many refunds at once: the lines of a file, and what became of each.

A line's identity is the payment, the amount, the currency and that it is the k-th such line, within a named batch. Neither the file's
name nor the place of the line in it counts, so the same or an edited file can be run again: it resumes, and repeats nothing.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from ecloud_pay.domain.at_stripe import RefundState
from ecloud_pay.domain.errors import Busy, EcloudPayError, OutcomeUnknown, Unavailable
from ecloud_pay.domain.money import Money
from ecloud_pay.domain.preview import Wish
from ecloud_pay.domain.refund import Ending, Intent, RefundReason

DEFAULT_BATCH = "default"


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the file: `place` is its line number, `ref` what it calls the payment."""

    place: int
    ref: str
    amount: Decimal
    currency: str | None
    reason: RefundReason | None
    note: str | None


@dataclass(frozen=True, slots=True)
class BadLine:
    """A line that cannot be refunded, and why."""

    place: int
    problem: str


class Due(StrEnum):
    """What this run would do with a line."""

    REFUND = "refund"
    RESUME = "resume"
    DONE = "done before"
    FAILED = "failed before"


@dataclass(frozen=True, slots=True)
class Item:
    """One line as it stands: `before` is the newest refund that was made of it, if any.

    `elsewhere` names the other batch that has refunded the same amount of the payment within a day, if one has.
    """

    entry: Entry
    payment_id: int
    amount: Money
    wish: Wish
    due: Due
    before: Intent | None = None
    elsewhere: str | None = None

    @property
    def moves_money(self) -> bool:
        """Whether this run may send it."""
        return self.due in (Due.REFUND, Due.RESUME)


@dataclass(frozen=True, slots=True)
class Result:
    """What became of a line: the intent as it stands now, or the error that kept it from one. Neither: it was not begun."""

    item: Item
    intent: Intent | None = None
    error: EcloudPayError | None = None

    @property
    def status(self) -> str:
        """`completed`, `pending` (at Stripe), `failed`, `not sent`, `unknown`, `busy`, `refused` or `not begun`."""
        settled = self.intent.settlement if self.intent else None
        if settled is not None:
            return settled.ending.value if settled.ending is Ending.NOT_SENT else settled.state.value
        if isinstance(self.error, OutcomeUnknown) or self.intent is not None:
            return "unknown"
        if isinstance(self.error, Unavailable):
            return Ending.NOT_SENT.value
        if isinstance(self.error, Busy):
            return "busy"
        return "refused" if self.error else "not begun"

    @property
    def words(self) -> str | None:
        """What a person should know of it."""
        if self.error is not None:
            return self.error.what
        return Due.DONE.value if self.item.due is Due.DONE else None

    @property
    def is_done(self) -> bool:
        """Whether Stripe has made the refund, or has it under way."""
        return self.status in (RefundState.COMPLETED, RefundState.PENDING)

    @property
    def is_unknown(self) -> bool:
        """Whether nobody knows yet if money moved."""
        return self.status == "unknown"

    @property
    def is_busy(self) -> bool:
        """Whether another run is at its payment, or an unsettled refund holds it: this run has not sent it, that one may have."""
        return self.status == "busy"

    @property
    def is_left(self) -> bool:
        """Whether this run has certainly not sent it, so that it is for the next one."""
        return self.is_busy or self.status in (Ending.NOT_SENT, "not begun")


def totals(items: Iterable[Item]) -> list[Money]:
    """What these lines come to, per currency, in the order of their codes."""
    sums: dict[str, Money] = {}
    for item in items:
        currency = item.amount.currency
        sums[currency] = sums[currency] + item.amount if currency in sums else item.amount
    return [sums[currency] for currency in sorted(sums)]


def of_due(items: Sequence[Item], due: Due) -> list[Item]:
    """Those with which that is to be done."""
    return [item for item in items if item.due is due]
