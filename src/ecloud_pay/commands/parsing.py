"""What was typed, as objects of the domain; UsageError names the option and lists what would do."""

import os
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, tzinfo
from decimal import Decimal
from difflib import get_close_matches
from typing import TypeVar

from ecloud_pay.domain.errors import UsageError
from ecloud_pay.domain.money import COLUMN_DECIMALS, COLUMN_LIMIT, CURRENCIES, Money, NotMoney, written_decimal
from ecloud_pay.domain.payment import PaymentStatus
from ecloud_pay.domain.period import FORMS, BackwardPeriod, NotADate, Period, parse_instant
from ecloud_pay.domain.reference import NotAReference, Reference, is_email, parse_reference
from ecloud_pay.domain.search import LARGEST_ID

DATE_HELP = f"DATE is one of: {FORMS}."

_T = TypeVar("_T")
_DIGITS = re.compile(r"#?([0-9]{1,19})", re.ASCII)
_COUNT = re.compile(r"[0-9]{1,9}", re.ASCII)
_BRAND = re.compile(r"[A-Za-z][A-Za-z0-9 _-]{0,49}", re.ASCII)  # as wide as the column
_LAST4 = re.compile(r"[0-9]{4}", re.ASCII)


def statuses(texts: Sequence[str]) -> tuple[PaymentStatus, ...]:
    """`--status`, as often as it was given."""
    known = [status.value for status in PaymentStatus]
    return tuple(PaymentStatus(one_of(text, known, "--status", "status")) for text in texts)


def one_of(text: str, known: Sequence[str], option: str, noun: str) -> str:
    """`text` if it is among `known`; else the list and the nearest."""
    if text in known:
        return text
    close = get_close_matches(text.lower(), known, n=1, cutoff=0.5)
    suggestion = f" Did you mean {close[0]}?" if close else ""
    raise UsageError(f"{option}: unknown {noun} {text!r}.{suggestion}", to_do=f"Known: {', '.join(known)}")


def number(text: str | None, option: str) -> int | None:
    """A row's number, with or without #."""
    if text is None:
        return None
    match = _DIGITS.fullmatch(text)
    if match is None or not 1 <= int(match[1]) <= LARGEST_ID:
        raise UsageError(f"{option}: {text!r} is no number of a row; write one like 14 or #14")
    return int(match[1])


def count(text: str, option: str, most: int) -> int:
    """How many of something: from 1 to `most`."""
    if not _COUNT.fullmatch(text) or not 1 <= int(text) <= most:
        raise UsageError(f"{option}: {text!r} is not a whole number from 1 to {most}")
    return int(text)


def person(text: str | None, option: str) -> int | str | None:
    """A user's id or an e-mail."""
    if text is None:
        return None
    if _DIGITS.fullmatch(text):
        return number(text, option)
    if not is_email(text) or len(text) > 254:
        raise UsageError(f"{option}: {text!r} is neither an e-mail nor a user's id")
    return text


def output_path(path: str, chosen: str, formats: Mapping[str, str]) -> str:
    """`-o FILE`: a name that can be one, and that promises no other format. `formats` says which format an ending stands for."""
    if path in ("", "-"):
        raise UsageError(f"-o: {path!r} is no file; without -o it goes to stdout")
    promised = formats.get(os.path.splitext(path)[1].lower())
    if promised is not None and promised != chosen:
        raise UsageError(f"-o: {path!r} would hold {chosen}", to_do=f"Ask for {promised}, or choose another name.")
    return path


def instant(text: str | None, option: str, zone: tzinfo, now: datetime) -> datetime | None:
    """The instant at which what a date names begins."""
    return None if text is None else _or_usage(option, lambda: parse_instant(text, zone, now))


def window(since: str | None, until: str | None, options: tuple[str, str], zone: tzinfo, now: datetime) -> Period:
    """The half-open window that two date options make."""
    begins, ends = (instant(text, option, zone, now) for text, option in zip((since, until), options, strict=True))
    try:
        return Period(begins, ends)
    except BackwardPeriod as error:
        raise UsageError(f"{options[1]} {until!r} lies before {options[0]} {since!r}") from error


def amount(text: str | None, option: str, currency: str | None) -> Decimal | None:
    """An amount of the column, exact; where the currency is given too, one of that currency."""
    if text is None:
        return None
    figure = _or_usage(option, lambda: written_decimal(text))
    if currency is not None:
        _or_usage(option, lambda: Money.of(figure, currency))
    if len(text.partition(".")[2]) > COLUMN_DECIMALS:
        raise UsageError(f"{option}: {text!r} has more than {COLUMN_DECIMALS} decimals")
    if not 0 <= figure < COLUMN_LIMIT:
        raise out_of_range(text, option, "0")
    return figure


def out_of_range(text: str, option: str, least: str) -> UsageError:
    """That `text` is an amount, but none from `least` to the most that the column holds."""
    return UsageError(f"{option}: {text[:40]!r} is out of range; amounts run from {least} to {COLUMN_LIMIT - 1}.99")


def currency(text: str | None, option: str) -> str | None:
    """A currency code of Stripe's, in lower case."""
    if text is None:
        return None
    if text.isascii() and text.lower() in CURRENCIES:
        return text.lower()
    close = get_close_matches(text.lower(), sorted(CURRENCIES), n=3)
    suggestion = f"; did you mean {' or '.join(close)}?" if close else "; write a code such as usd, eur or jpy"
    raise UsageError(f"{option}: {text!r} is no currency of Stripe's{suggestion}")


def brand(text: str | None, option: str) -> str | None:
    """A card brand: one short printable word or two."""
    if text is not None and not _BRAND.fullmatch(text):
        raise UsageError(f"{option}: {text!r} is no card brand; write one like visa or mastercard")
    return text


def last4(text: str | None, option: str) -> str | None:
    """Four digits."""
    if text is not None and not _LAST4.fullmatch(text):
        raise UsageError(f"{option}: {text!r} is not four digits")
    return text


def reference(text: str) -> Reference:
    """REF: `5`, `pi_…`, an e-mail, `job:14`, …"""
    return _or_usage("REF", lambda: parse_reference(text))


def field_names(text: str, known: Sequence[str]) -> list[str]:
    """`--fields a,b`; an empty list or an unknown name lists the known ones."""
    names = list(dict.fromkeys(name.strip() for name in text.split(",") if name.strip()))
    if not names:
        raise UsageError("--fields: no field is named", to_do=f"Known: {', '.join(known)}")
    return [one_of(name, known, "--fields", "field") for name in names]


def _or_usage(option: str, parse: Callable[[], _T]) -> _T:
    try:
        return parse()
    except (NotADate, NotMoney, NotAReference) as error:
        raise UsageError(f"{option}: {error}") from error
