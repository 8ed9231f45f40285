"""The words of a report: its figures and shares, what they are of, the proof, and what must be said beside them."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from ecloud_pay.domain.checkup import Verdict
from ecloud_pay.domain.money import Amount, Money, NotMoney, Unreadable, column_text, exponent, screen_decimals
from ecloud_pay.domain.payment import Person
from ecloud_pay.domain.report import Basis, By, Figures, Group, Report
from ecloud_pay.domain.spans import Span
from ecloud_pay.rendering import theme
from ecloud_pay.rendering.amounts import amount_text
from ecloud_pay.rendering.look import Look
from ecloud_pay.rendering.sanitize import visible
from ecloud_pay.rendering.sheet import Note, Scope
from ecloud_pay.rendering.times import local_time, period_text

ABSENT = "N/A"
NOT_RECORDED = "not recorded"
AS_IT_STANDS = "Shown as it stands"
PAYMENTS_BY = {Basis.CREATED: "payments by the day they were made", Basis.PAID: "payments by the day they were paid"}
_BASES = {Basis.CREATED: "money by created_at", Basis.PAID: "money by paid_at, counts by created_at"}


def figure_text(figures: Figures, figure: Decimal | None, look: Look) -> str:
    """One figure in its currency; `n/a` where there is none."""
    return "n/a" if figure is None else money_text(figures.amount(figure), look)


def money_text(amount: Amount, look: Look) -> str:
    """An amount short enough for a table: one that is none stands as it is, and `unreadable_notes` tells why."""
    if isinstance(amount, Unreadable):
        return f"{column_text(amount)} {visible((amount.currency or '').upper()) or '(no currency)'}"
    return amount_text(amount, look.currency)


def average_text(figures: Figures, look: Look) -> str:
    """Gross volume per charged payment, rounded half up to what people write in that currency."""
    average = figures.average
    if average is None:
        return "n/a"
    try:
        decimals = screen_decimals(figures.currency)
    except NotMoney:
        return money_text(figures.amount(rounded(average)), look)
    if not average.is_finite():
        return money_text(figures.amount(average), look)
    # Made by hand: a mean of dinars may end in a digit that no payment in dinars does.
    shown = average.quantize(Decimal(1).scaleb(-decimals), ROUND_HALF_UP)
    return money_text(Money(int(shown.scaleb(exponent(figures.currency))), figures.currency), look)


def rounded(figure: Decimal) -> Decimal:
    """Two decimals, half up; NaN stays what it is."""
    return figure.quantize(Decimal("0.01"), ROUND_HALF_UP) if figure.is_finite() else figure


def change_text(now: Amount, before: Amount) -> str:
    """`+12.5%`; `n/a` where there was nothing before, or where either is no number."""
    if not (now.figure.is_finite() and before.figure.is_finite()) or before.figure <= 0:
        return "n/a"
    return _signed((now.figure - before.figure) * 100 / before.figure)


def count_change_text(now: int, before: int) -> str:
    """The same for counts."""
    return _signed(Decimal(now - before) * 100 / before) if before else "n/a"


def rate_change_text(now: Decimal | None, before: Decimal | None) -> str:
    """`+1.5 points`: two percentages differ by points, not by percent."""
    return "n/a" if now is None or before is None else f"{_signed(now - before).removesuffix('%')} points"


def counted(count: int, noun: str) -> str:
    """`1 payment`, `1,200 payments`."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def person_text(person: Person | None) -> str:
    """The e-mail, else the username, else the id; `N/A` where nobody is named."""
    return visible(person.email or person.username or f"user #{person.id}") if person else ABSENT


def facts(scope: Scope, look: Look, bases: Mapping[Basis, str] = _BASES) -> tuple[Note, ...]:
    """Window, zone, basis and the instant at which all of this was true."""
    as_of = local_time(scope.as_of, look.zone)
    return (
        Note("Period", window_text(scope, look)),
        Note("Time Zone", visible(str(look.zone))),
        Note("Basis", f"{scope.basis} ({bases[scope.basis]})"),
        Note("As Of", as_of) if is_over(scope) else Note("As Of", f"{as_of}, not complete yet", Verdict.WARNING),
    )


def window_text(scope: Scope, look: Look) -> str:
    """`2025-01-26 00:00:00 CET until before 2025-01-27 00:00:00 CET`."""
    text = period_text(scope.window, look.zone)
    return text.removeprefix("from ") if scope.window.until is not None else text or "all time"


def is_over(scope: Scope) -> bool:
    """Whether nothing can be added to the window by the passing of time."""
    return scope.window.until is not None and scope.window.until <= scope.as_of


def proof(figures: Figures, look: Look) -> Note:
    """`$185.10 + $1,048.90 = $1,234.00 ✔ adds up`, or by how much it does not."""
    fees, payouts, gross = (figure_text(figures, figure, look) for figure in (figures.fees, figures.payouts, figures.gross))
    missing = figures.unproven
    if missing == 0:
        return Note("Fees + Payouts = Gross Volume", f"{fees} + {payouts} = {gross} {sign(Verdict.OK, look)}adds up", Verdict.OK)
    if missing.is_finite():
        summed = figure_text(figures, figures.fees + figures.payouts, look)
        off = f"{figure_text(figures, abs(missing), look)} {'missing' if missing > 0 else 'too much'}"
        text = f"{fees} + {payouts} = {summed}, not {gross}: {sign(Verdict.ERROR, look)}{off}"
    else:
        text = f"{fees} + {payouts} and {gross}: {sign(Verdict.ERROR, look)}cannot be compared"
    return Note("Fees + Payouts = Gross Volume", text, Verdict.ERROR)


def after_refunds(totals: Iterable[Figures], scope: Scope, look: Look) -> Iterator[Note]:
    """Fees and payouts less the refunds, where somebody has recorded who bears these."""
    yield Note("After Refunds", f"borne by: {scope.borne_by or NOT_RECORDED}")
    if scope.borne_by is not None:
        for figures in totals:
            yield Note("Platform Fees after Refunds", figure_text(figures, figures.fees_after_refunds, look))
            yield Note("Cleaner Payouts after Refunds", figure_text(figures, figures.payouts_after_refunds, look))


def left_out(figures: Figures, look: Look) -> Iterator[Note]:
    """What belongs to the window and is in none of its other figures. Nothing where there is nothing."""
    if figures.undated:
        amount, fees, payouts = (
            figure_text(figures, one, look) for one in (figures.undated_gross, figures.undated_fees, figures.undated_payouts)
        )
        count = counted(figures.undated, "succeeded payment")
        text = f"{amount} of {count} without paid_at, in no money above (fees {fees}, payouts {payouts})"
        yield Note("Undated", text, Verdict.WARNING)
    if figures.unrowed or figures.refunds_without_row:
        amount = figure_text(figures, figures.refunds_without_row, look)
        text = f"{amount} of {counted(figures.unrowed, 'payment')}, in neither refunds nor net volume"
        yield Note("Refunds without a row", text, Verdict.WARNING)
    if figures.unrowed_undated or figures.refunds_without_row_undated:
        amount = figure_text(figures, figures.refunds_without_row_undated, look)
        text = f"{amount} of {counted(figures.unrowed_undated, 'payment')} without refunded_at, in neither refunds nor net volume"
        yield Note("Refunds without a row or a date", text, Verdict.WARNING)


def unreadable_notes(amounts: Iterable[Amount]) -> Iterator[Note]:
    """Why some figures are no amounts: per currency the first reason, and how many more there are."""
    reasons: dict[str | None, dict[str, None]] = {}
    for amount in amounts:
        if isinstance(amount, Unreadable):
            reasons.setdefault(amount.currency, {})[amount.why] = None
    for first, *others in reasons.values():
        more = f"; and {len(others):,} more like it" if others else ""
        yield Note(AS_IT_STANDS, f"{visible(first)}{more}", Verdict.WARNING)


def sign(verdict: Verdict, look: Look) -> str:
    """A verdict's glyph and a blank; nothing in a pipe."""
    return f"{theme.mark(verdict).glyph} " if look.is_terminal else ""


def status_glyph(status: str, look: Look) -> str:
    """The same for a payment's status."""
    return f"{theme.mark(status).glyph} " if look.is_terminal else ""


@dataclass(frozen=True, slots=True)
class Row:
    """One period or group in one currency; `change` is that of its gross volume to the period before."""

    label: str
    group: Group
    figures: Figures
    change: str = ""


def rows(report: Report, look: Look) -> Iterator[Row]:
    """A row per period or group and currency, then what `--top` left out."""
    before = report.preceding
    told_apart = names_told_apart((group.name, group.key) for group in report.groups)
    for group, name in zip(report.groups, told_apart, strict=True):
        for figures in group.figures or (Figures(look.currency),):
            change = "" if report.by else _change(figures, group, before, report.as_of)
            yield Row(visible(name) + _part(group.span, report.as_of), group, figures, change)
        before = group
    for figures in rest(report):
        yield Row(others_name(report), Group(others_name(report), ()), figures)


def names_told_apart(named: Iterable[tuple[str, object]]) -> list[str]:
    """Each name; with the user's id beside it where several users have it: `dup@example.com (user #7)`."""
    pairs = list(named)
    users: dict[str, set[object]] = {}
    for name, key in pairs:
        users.setdefault(name.lower(), set()).add(key)
    return [f"{name} (user #{key})" if isinstance(key, int) and len(users[name.lower()]) > 1 else name for name, key in pairs]


def rest(report: Report) -> tuple[Figures, ...]:
    """What the totals hold beyond the groups that are shown, where a `--top` left some out."""
    if not report.others:
        return ()
    left = [
        _less(total, [one for group in report.groups for one in group.figures if one.currency == total.currency]) for total in report.totals
    ]
    return tuple(figures for figures in left if figures != Figures(figures.currency, refunds_on_fees=figures.refunds_on_fees))


def totals(report: Report, look: Look) -> tuple[Figures, ...]:
    """The whole window per currency; zeros of the main one where nothing happened."""
    return report.totals or (Figures(look.currency),)


def gross_of(group: Group | None, currency: str) -> Amount:
    """The gross volume of a period in one currency, which may have none."""
    figures = next((one for one in group.figures if one.currency == currency), None) if group else None
    return (figures or Figures(currency)).amount(figures.gross if figures else Decimal(0))


def success_rate(figures: Sequence[Figures]) -> Decimal | None:
    """Over all currencies: counts are the only thing that they share."""
    return Figures("", succeeded=sum(one.succeeded for one in figures), failed=sum(one.failed for one in figures)).success_rate


def _change(figures: Figures, group: Group, before: Group | None, as_of: datetime) -> str:
    """Only like is compared with like: a part of a month says nothing about a whole one."""
    if before is None or _part(group.span, as_of) or _part(before.span, as_of):
        return "n/a"
    return change_text(figures.amount(figures.gross), gross_of(before, figures.currency))


def _part(span: Span | None, as_of: datetime) -> str:
    """What a label adds where the period is not a whole one."""
    if span is None:
        return ""
    return " (so far)" if span.until > as_of else " (part)" if span.is_cut else ""


def _signed(percent: Decimal) -> str:
    shown = percent.quantize(Decimal("0.1"), ROUND_HALF_UP)
    return f"{shown:+,.1f}%" if shown else "0.0%"


def others_name(report: Report) -> str:
    """`the other 3 clients`."""
    noun = report.by or "group"
    many = f"{report.others:,} {'currencies' if noun is By.CURRENCY else f'{noun}s'}"
    return f"the other {many if report.others > 1 else noun}"


def _less(total: Figures, shown: Iterable[Figures]) -> Figures:
    """`total` without `shown`. The largest payment of what is left is not known."""
    names = [one.name for one in fields(Figures) if one.name not in ("currency", "largest")]
    left: dict[str, Any] = {name: getattr(total, name) for name in names}
    for figures in shown:
        for name in names:
            theirs = getattr(figures, name)
            left[name] = None if left[name] is None or theirs is None else left[name] - theirs
    return Figures(total.currency, **left)
