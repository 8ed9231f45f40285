"""The figures of a report, and the rules that make one figure out of others.

Counts go by `created_at`, always. Money goes by the report's basis. Currencies are never added together: every figure belongs to one.
Figures are exact decimals of the columns; `amount()` says what such a figure is in its currency.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field, fields
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any

from ecloud_pay.domain.money import COLUMN_DECIMALS, Amount, MixedCurrencies, Money, exponent, recorded, screen_decimals
from ecloud_pay.domain.payment import Person
from ecloud_pay.domain.period import Period
from ecloud_pay.domain.search import PaymentSearch
from ecloud_pay.domain.spans import Every, Span

NOTHING = Decimal("0.00")


class Basis(StrEnum):
    """The instant by which a succeeded payment's money belongs to a period."""

    CREATED = "created"
    PAID = "paid"


class By(StrEnum):
    """What a report may be broken down by, instead of by time."""

    STATUS = "status"
    CLIENT = "client"
    CLEANER = "cleaner"
    JOB = "job"
    SERVICE = "service"
    BRAND = "brand"
    CURRENCY = "currency"


class BorneBy(StrEnum):
    """Who bears a refund. Proportional: the platform gives back its fee's share, the cleaner the rest."""

    PROPORTIONAL = "proportional"
    PLATFORM = "platform"
    CLEANER = "cleaner"


@dataclass(frozen=True, slots=True)
class ReportRequest:
    """What a report is asked for. `window` is bounded on both sides; `spans` are its periods, none where it is broken down `by` a group.

    `search` filters the payments that every figure is made of, refunds through their payment; its `created` is open, since `window`
    says it. `preceding` is the period just before the first one, where there is one to compare with. `top` cuts the groups.
    """

    window: Period
    basis: Basis
    main_currency: str
    as_of: datetime
    search: PaymentSearch = field(default_factory=PaymentSearch)
    borne_by: BorneBy | None = None
    every: Every | None = None
    spans: tuple[Span, ...] = ()
    preceding: Span | None = None
    by: By | None = None
    top: int | None = None
    before: Period | None = None


@dataclass(frozen=True, slots=True)
class Figures:
    """What one period or group comes to in one currency (lower case; '' where rows have none).

    `largest` is None where nothing was charged. `refunds_on_fees` is the part of `refunds` that the platform bears, None while nobody
    has recorded who does; the cleaners bear the rest.
    """

    currency: str
    # by created_at
    payments: int = 0
    succeeded: int = 0
    failed: int = 0
    pending: int = 0
    processing: int = 0
    cancelled: int = 0
    unknown: int = 0  # of a status that there is not
    # of succeeded payments, by the basis
    charged: int = 0
    gross: Decimal = NOTHING
    fees: Decimal = NOTHING
    payouts: Decimal = NOTHING
    largest: Decimal | None = None
    # of succeeded payments that say no paid_at, by created_at: only where the basis is `paid`
    undated: int = 0
    undated_gross: Decimal = NOTHING
    undated_fees: Decimal = NOTHING
    undated_payouts: Decimal = NOTHING
    # of completed refund rows, by processed_at, else created_at
    refunded: int = 0
    refunds: Decimal = NOTHING
    refunds_on_fees: Decimal | None = None
    # of payments whose refund_amount is not the sum of their completed refund rows, by refunded_at (undated: created_at, where it is NULL)
    unrowed: int = 0
    refunds_without_row: Decimal = NOTHING
    unrowed_undated: int = 0
    refunds_without_row_undated: Decimal = NOTHING

    def __add__(self, other: "Figures") -> "Figures":
        if self.currency != other.currency:
            raise ValueError(f"{self.currency} and {other.currency} are not added together")
        summed: dict[str, Any] = {one.name: _sum(one.name, getattr(self, one.name), getattr(other, one.name)) for one in fields(self)}
        return Figures(**summed)

    def amount(self, figure: Decimal) -> Amount:
        """What `figure` is in this currency."""
        return recorded(figure, self.currency)

    @property
    def average(self) -> Decimal | None:
        """Gross volume per charged payment, unrounded; None where there is none."""
        return self.gross / self.charged if self.charged else None

    @property
    def net(self) -> Decimal:
        """Net volume: gross volume less the refunds of the period."""
        return self.gross - self.refunds

    @property
    def success_rate(self) -> Decimal | None:
        """Succeeded over succeeded and failed, in percent; None where there is neither."""
        decided = self.succeeded + self.failed
        return Decimal(self.succeeded) * 100 / decided if decided else None

    @property
    def refunded_share(self) -> Decimal | None:
        """Refunds over gross volume in percent, which may pass 100; None where nothing was charged."""
        if not self.gross or not (self.gross.is_finite() and self.refunds.is_finite()):
            return None
        return self.refunds * 100 / self.gross

    @property
    def unproven(self) -> Decimal:
        """What is missing between fees and payouts charged and gross volume; zero is the proof that nothing is."""
        return self.gross - self.fees - self.payouts

    @property
    def fees_after_refunds(self) -> Decimal | None:
        """Platform fees less what the platform bears of the refunds; None while nobody has recorded who does."""
        return None if self.refunds_on_fees is None else self.fees - self.refunds_on_fees

    @property
    def payouts_after_refunds(self) -> Decimal | None:
        """Cleaner payouts less what the cleaners bear of the refunds; None while nobody has recorded who does."""
        return None if self.refunds_on_fees is None else self.payouts - (self.refunds - self.refunds_on_fees)


@dataclass(frozen=True, slots=True)
class Group:
    """One period, or one group of what a report is broken down by, with its figures per currency: the main currency first.

    `key` is the client's or cleaner's user id, the job's number, or the word itself; None where rows say none. `name` is how to call it.
    """

    name: str
    figures: tuple[Figures, ...]
    key: int | str | None = None
    span: Span | None = None


@dataclass(frozen=True, slots=True)
class Report:
    """What `report` tells. `groups` are its periods or its groups, `totals` the whole window, per currency with the main one first.

    `before` is the window that it is compared with, `before_totals` what that came to. `others` is how many groups a `--top` left out:
    they are in the totals. `preceding` is the period before the first one, for the change that the first one shows.
    """

    window: Period
    basis: Basis
    as_of: datetime
    borne_by: BorneBy | None
    totals: tuple[Figures, ...]
    groups: tuple[Group, ...] = ()
    every: Every | None = None
    by: By | None = None
    others: int = 0
    preceding: Group | None = None
    before: Period | None = None
    before_totals: tuple[Figures, ...] = ()


@dataclass(frozen=True, slots=True)
class Booked:
    """What the rows of one status and currency add up to, by created_at: amounts, whether or not any money moved."""

    status: str
    currency: str
    payments: int
    amount: Decimal
    fee: Decimal
    payout: Decimal


@dataclass(frozen=True, slots=True)
class Owed:
    """What is owed to one cleaner, in one currency, for the succeeded payments of a window, as things stand now.

    `refunds` are all completed refund rows of these payments, whenever they came; `borne` is the cleaner's part of them, None while
    nobody has recorded who bears refunds. `paid_out` are completed transactions of type payout, `under_way` pending ones.
    """

    cleaner: Person | None
    currency: str
    jobs: int
    payments: int
    gross: Decimal
    payout: Decimal
    refunds: Decimal
    borne: Decimal | None
    paid_out: Decimal
    under_way: Decimal

    @property
    def after_refunds(self) -> Decimal | None:
        """The payout less the cleaner's part of the refunds; without refunds it is the payout, whoever would bear them."""
        if not self.refunds:
            return self.payout
        return None if self.borne is None else self.payout - self.borne

    @property
    def open(self) -> Decimal | None:
        """What is still to be paid out, payouts under way not deducted; None while it depends on who bears the refunds."""
        return None if self.after_refunds is None else self.after_refunds - self.paid_out


@dataclass(frozen=True, slots=True)
class StatementLine:
    """One payment on a cleaner's statement. `dated` is the instant by which it belongs to the period."""

    payment_id: int
    job_id: int | None
    service_type: str | None
    dated: datetime | None
    owed: Owed


@dataclass(frozen=True, slots=True)
class Explained:
    """Whence one figure of a report's totals comes: the rows behind it, by their ids.

    `name` is the field of Figures, or the status of a Booked row. `ids` are the refunds' ids for `refunds` and the payments' for all
    else: every one of them, or none where there are more than anybody reads. `sql` is what psql runs to find all of them.
    """

    name: str
    currency: str
    count: int
    ids: tuple[int, ...]
    sql: str


def share_of_fee(fee: Money, amount: Money, refunded: Money) -> Money:
    """The part of `fee` that a cumulative refund of `refunded` out of `amount` takes back, rounded half up.

    Rounded to what the column holds and Stripe moves: a cent, a yen, a whole króna, ten fils.

    A further refund takes back the share of the new cumulative refund less what was taken back before, so that after a full refund
    exactly the fee is gone. Nothing where the amount is nothing.
    """
    if not amount:
        return Money(0, fee.currency)
    if not fee.currency == amount.currency == refunded.currency:
        raise MixedCurrencies(amount.currency, fee.currency if fee.currency != amount.currency else refunded.currency)
    step = 10 ** (exponent(fee.currency) - min(screen_decimals(fee.currency), COLUMN_DECIMALS))  # in minor units
    doubled = 2 * fee.amount_minor * refunded.amount_minor + step * amount.amount_minor
    return Money(doubled // (2 * step * amount.amount_minor) * step, fee.currency)


def added_up(figures: Iterable[Figures]) -> list[Figures]:
    """One for each currency: the sum of those of that currency."""
    sums: dict[str, Figures] = {}
    for one in figures:
        sums[one.currency] = sums[one.currency] + one if one.currency in sums else one
    return list(sums.values())


def in_order(figures: Iterable[Figures], main_currency: str) -> tuple[Figures, ...]:
    """The main currency first, the others by their codes."""
    return tuple(sorted(figures, key=lambda one: (one.currency != main_currency, one.currency)))


def _sum(name: str, ours: Any, theirs: Any) -> Any:
    if name == "currency":
        return ours
    if name == "largest":
        known = [one for one in (ours, theirs) if one is not None]
        # NaN is in no order: where it is among the figures, it is the answer.
        return next((one for one in known if one.is_nan()), None) or max(known, default=None)
    if ours is None or theirs is None:
        return None
    return ours + theirs
