"""Money: whole minor units of one currency, and the figure of a row that is no money at all.

A row's amount becomes `Money` where it is exact in its currency and `Unreadable` where it is not (an unknown currency, half a yen,
NaN): such a figure is shown as it stands, never rounded and never added up.
"""

import re
from dataclasses import dataclass
from decimal import Decimal

# Decimals that Stripe's API uses, which are not always ISO 4217's. https://docs.stripe.com/currencies (zero-decimal, three-decimal
# and special cases). ISK and UGX are sent as two-decimal amounts ending in 00.
ZERO_DECIMAL = frozenset("bif clp djf gnf jpy kmf krw mga pyg rwf vnd vuv xaf xof xpf".split())
THREE_DECIMAL = frozenset("bhd jod kwd omr tnd".split())
WHOLE_THOUGH_TWO_DECIMAL = frozenset(("isk", "ugx"))
TWO_DECIMAL = WHOLE_THOUGH_TWO_DECIMAL | frozenset(
    """aed afn all amd ang aoa ars aud awg azn bam bbd bdt bgn bmd bnd bob brl bsd bwp byn bzd cad cdf chf cny cop crc cve czk dkk
    dop dzd egp etb eur fjd fkp gbp gel ghs gip gmd gtq gyd hkd hnl htg huf idr ils inr jmd kes kgs khr kyd kzt lak lbp lkr lrd lsl
    mad mdl mkd mmk mnt mop mur mvr mwk mxn myr mzn nad ngn nio nok npr nzd pab pen pgk php pkr pln qar ron rsd rub sar sbd scr sek
    sgd shp sle sos srd std svc szl thb tjs top try ttd twd tzs uah usd uyu uzs wst xcd xcg yer zar zmw""".split()
)
CURRENCIES = ZERO_DECIMAL | TWO_DECIMAL | THREE_DECIMAL
COLUMN_DECIMALS = 2  # numeric(10,2), as the backend declares every amount
COLUMN_LIMIT = Decimal(10) ** 8  # the first whole number that numeric(10,2) cannot hold

_LARGEST_EXPONENT = 18  # of ten; a limit on everything
_WRITTEN = re.compile(r"-?[0-9]{1,18}(\.[0-9]{1,9})?", re.ASCII)


class NotMoney(ValueError):
    """The text or figure is no amount of that currency; the message says why in one line."""


class MixedCurrencies(TypeError):
    """Two currencies met in one sum or comparison."""

    def __init__(self, ours: str, theirs: str) -> None:
        super().__init__(f"{ours.upper()} and {theirs.upper()} cannot be added or compared")
        self.ours = ours
        self.theirs = theirs


def exponent(currency: str) -> int:
    """How many decimals Stripe's minor unit of `currency` (lower case) has: 0, 2 or 3. Unknown: NotMoney."""
    if currency in ZERO_DECIMAL:
        return 0
    if currency in THREE_DECIMAL:
        return 3
    if currency in TWO_DECIMAL:
        return 2
    raise NotMoney(f"unknown currency {currency!r}" if currency else "no currency")


def screen_decimals(currency: str) -> int:
    """How many decimals people write in `currency`: 0 for yen and for króna, 2 for euro, 3 for dinar."""
    return 0 if currency in WHOLE_THOUGH_TWO_DECIMAL else exponent(currency)


def written_decimal(text: str) -> Decimal:
    """`text` as an exact decimal: a minus, digits, one point, nothing else (no exponent, no separator). Else NotMoney."""
    if not _WRITTEN.fullmatch(text):
        raise NotMoney(f"{text[:40]!r} is no amount; write one like 100 or 100.00, without separators or a currency sign")
    return Decimal(text)


@dataclass(frozen=True, slots=True)
class Money:
    """`amount_minor` units of `currency` (lower case), in the units of Stripe's API."""

    amount_minor: int
    currency: str

    @classmethod
    def of(cls, figure: Decimal, currency: str) -> "Money":
        """The money that `figure` is in `currency`; NotMoney where it is not exact. `Money.of(Decimal("12.50"), "eur")` → 1250 eur."""
        decimals = exponent(currency)
        if not figure.is_finite() or figure.adjusted() > _LARGEST_EXPONENT:
            raise NotMoney(f"{figure} is not an amount")
        # In whole numbers: decimal's own arithmetic rounds at 28 digits without a word.
        numerator, denominator = figure.as_integer_ratio()
        minor, surplus = divmod(numerator * 10**decimals, denominator)
        if surplus or not _is_chargeable(minor, currency):
            raise NotMoney(f"{figure} is not an amount in {currency.upper()}: it has too many decimals")
        return cls(minor, currency)

    @classmethod
    def parse(cls, text: str, currency: str) -> "Money":
        """The money a person wrote: `Money.parse("12.50", "eur")`. A minus may lead. Surplus decimals and separators: NotMoney."""
        return cls.of(written_decimal(text), currency)

    @property
    def figure(self) -> Decimal:
        """The exact decimal: 1250 eur → 12.50."""
        return Decimal(self.amount_minor).scaleb(-exponent(self.currency))

    def __add__(self, other: "Money") -> "Money":
        return Money(self.amount_minor + self._same_currency(other), self.currency)

    def __sub__(self, other: "Money") -> "Money":
        return Money(self.amount_minor - self._same_currency(other), self.currency)

    def __neg__(self) -> "Money":
        return Money(-self.amount_minor, self.currency)

    def __lt__(self, other: "Money") -> bool:
        return self.amount_minor < self._same_currency(other)

    def __le__(self, other: "Money") -> bool:
        return self.amount_minor <= self._same_currency(other)

    def __bool__(self) -> bool:
        return self.amount_minor != 0

    def __str__(self) -> str:
        return f"{self.figure:.{screen_decimals(self.currency)}f} {self.currency.upper()}"

    def _same_currency(self, other: "Money") -> int:
        if self.currency != other.currency:
            raise MixedCurrencies(self.currency, other.currency)
        return other.amount_minor


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A figure in the database that is no exact amount of its currency, kept as it stands; `why` says what is off."""

    figure: Decimal
    currency: str | None
    why: str

    def __bool__(self) -> bool:
        return self.figure != 0


Amount = Money | Unreadable


def recorded(figure: Decimal, currency: str | None) -> Amount:
    """What a numeric(10,2) cell beside a currency cell says: Money, or Unreadable where it says none."""
    try:
        return Money.of(figure, (currency or "").lower())
    except NotMoney as error:
        return Unreadable(figure, currency, str(error))


def column_text(amount: Amount) -> str:
    """The figure as the backend's API writes it, with the column's two decimals: `"1200.00"` for ¥1,200."""
    text = f"{amount.figure:.{COLUMN_DECIMALS}f}"
    # A column that somebody widened holds more decimals, and a NaN none: such a figure is written as it is, never rounded.
    return text if Decimal(text) == amount.figure else str(amount.figure)


def share(part: Amount, whole: Amount) -> Decimal | None:
    """`part` of `whole` in percent, exact to 28 digits; None where there is nothing to divide by or the figures are no money."""
    if not isinstance(part, Money) or not isinstance(whole, Money) or not whole or part.currency != whole.currency:
        return None
    return Decimal(part.amount_minor) * 100 / Decimal(whole.amount_minor)


def _is_chargeable(minor: int, currency: str) -> bool:
    if currency in WHOLE_THOUGH_TWO_DECIMAL:
        return minor % 100 == 0
    return minor % 10 == 0 if currency in THREE_DECIMAL else True
