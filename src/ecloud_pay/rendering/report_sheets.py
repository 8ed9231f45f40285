"""The sheets that there are: a report over time or by groups, what is booked by status, what is owed, and a cleaner's statement."""

from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal

from ecloud_pay.domain.checkup import Verdict
from ecloud_pay.domain.money import Amount, recorded
from ecloud_pay.domain.payment import Person
from ecloud_pay.domain.report import Booked, By, Figures, Owed, Report, StatementLine
from ecloud_pay.rendering import report_words as words
from ecloud_pay.rendering.amounts import share_text
from ecloud_pay.rendering.look import Look
from ecloud_pay.rendering.report_words import ABSENT, NOT_RECORDED, figure_text, money_text
from ecloud_pay.rendering.sanitize import visible
from ecloud_pay.rendering.sheet import Column, Grid, Note, Scope, Sheet
from ecloud_pay.rendering.times import local_time, period_text

GROSS_IS_NOT_REVENUE = Note("Gross Volume", "what clients paid; the platform's own revenue is the fees")


def report_sheet(report: Report, title: str, look: Look) -> Sheet:
    """Periods or groups with their figures, the totals, and beneath them what proves and what qualifies them."""
    scope, totals = Scope.of(report), words.totals(report, look)
    grids = [_figures_grid(report, look)]
    if report.before is not None:
        grids.append(_compared_grid(report, look))
    return Sheet(
        visible(title),
        (*words.facts(scope, look), *_compared_fact(report, look)),
        tuple(grids),
        (*_report_notes(totals, scope, look), *words.unreadable_notes(_shown_amounts(report))),
        tuple(_highlights(totals, look)),
    )


def booked_sheet(booked: Sequence[Booked], scope: Scope, title: str, look: Look) -> Sheet:
    """What rows say, by status: amounts, whether or not money moved. Nothing is summed over statuses."""
    grid = Grid(
        (Column("Status", is_figure=False), Column("Currency", is_figure=False), *map(Column, ("Payments", "Amount", "Fee", "Payout"))),
        tuple(_booked_cells(row, look) for row in booked),
        dispensable=("Currency", "Payout", "Fee"),
    )
    amounts = (recorded(figure, row.currency) for row in booked for figure in (row.amount, row.fee, row.payout))
    notes = [Note("Amount", "what the rows say, whether or not any money moved; it is no volume"), *words.unreadable_notes(amounts)]
    return Sheet(visible(title), words.facts(scope.by_created, look), (grid,), tuple(notes))


def owed_sheet(owed: Sequence[Owed], scope: Scope, title: str, look: Look) -> Sheet:
    """A line per cleaner and currency, and the totals per currency."""
    columns = (Column("Cleaner", is_figure=False), *map(Column, ("Jobs", "Payments", "Gross Volume", *_OWED_HEADINGS)))
    rows = tuple((name, *_owed_counts(one), *_owed_cells(one, look)) for name, one in zip(cleaner_names(owed), owed, strict=True))
    summed = [_summed(group) for group in _by_currency(owed)]
    grid = Grid(
        columns,
        rows,
        tuple(("Total", *_owed_counts(one), *_owed_cells(one, look)) for one in summed),
        dispensable=("Payments", "Jobs", "Gross Volume", "Refunds", "Under Way", "After Refunds", "Paid Out"),
    )
    facts = words.facts(scope, look, words.PAYMENTS_BY)
    return Sheet(visible(title), facts, (grid,), tuple(_owed_notes(owed, scope, look)), tuple(_due(summed, look)))


def statement_sheet(cleaner: Person | None, lines: Sequence[StatementLine], scope: Scope, title: str, look: Look) -> Sheet:
    """What a cleaner is sent: a line per payment. It says nothing of clients."""
    columns = (
        *(Column(name, is_figure=False) for name in ("Date", "Payment", "Job", "Service")),
        *map(Column, ("Amount", "Your Payout", "Refunded", *_OWED_HEADINGS[2:])),
    )
    owed = [line.owed for line in lines]
    summed = [_summed(group) for group in _by_currency(owed)]
    grid = Grid(
        columns,
        tuple((*_statement_cells(line, look), *_owed_cells(line.owed, look)) for line in lines),
        tuple(("Total", words.counted(one.payments, "payment"), "", "", *_owed_cells(one, look)) for one in summed),
        dispensable=("Payment", "Under Way", "Service", "Refunded", "Amount", "Paid Out"),
    )
    facts = (Note("Cleaner", _full_name(cleaner)), *words.facts(scope, look, words.PAYMENTS_BY))
    return Sheet(visible(title), facts, (grid,), tuple(_owed_notes(owed, scope, look)), tuple(_due(summed, look)))


# --- A report


def _figures_grid(report: Report, look: Look) -> Grid:
    has_change = report.by is None and bool(report.groups)
    headings = ("Payments", "Succeeded", "Failed", "Success", "Gross Volume", "Fees", "Payouts", "Refunds", "Net Volume")
    columns = (Column(_label_heading(report), is_figure=False), *map(Column, headings), *((Column("Change"),) if has_change else ()))
    totals = words.totals(report, look)
    # By currency, a row is its own total.
    is_told_already = report.by is By.CURRENCY and not report.others
    total_rows = [] if is_told_already else [("Total", *_figures_cells(figures, look)) for figures in totals]
    if len(totals) > 1:
        total_rows.append(("All currencies", *_all_counts(totals), "", "", "", "", ""))
    return Grid(
        columns,
        tuple((row.label, *_figures_cells(row.figures, look), *((row.change,) if has_change else ())) for row in words.rows(report, look)),
        tuple((*cells, *(("",) if has_change else ())) for cells in total_rows),
        dispensable=("Success", "Payouts", "Succeeded", "Failed", "Change", "Refunds", "Net Volume", "Fees"),
    )


def _label_heading(report: Report) -> str:
    return (report.by or report.every or "").capitalize()


def _figures_cells(figures: Figures, look: Look) -> tuple[str, ...]:
    money = (figures.gross, figures.fees, figures.payouts, figures.refunds, figures.net)
    return (
        *(f"{count:,}" for count in (figures.payments, figures.succeeded, figures.failed)),
        share_text(figures.success_rate),
        *(figure_text(figures, figure, look) for figure in money),
    )


def _all_counts(totals: Sequence[Figures]) -> tuple[str, ...]:
    counts = (sum(figures.payments for figures in totals), sum(one.succeeded for one in totals), sum(one.failed for one in totals))
    return (*(f"{count:,}" for count in counts), share_text(words.success_rate(totals)))


def _compared_fact(report: Report, look: Look) -> Iterator[Note]:
    if report.before is not None:
        yield Note("Compared With", period_text(report.before, look.zone).removeprefix("from "))


def _compared_grid(report: Report, look: Look) -> Grid:
    """Figure | this window | the one before | change."""
    return Grid(
        (Column("Figure", is_figure=False), *map(Column, ("This Period", "Compared With", "Change"))), tuple(_compared(report, look))
    )


def _compared(report: Report, look: Look) -> Iterator[tuple[str, str, str, str]]:
    """Each figure of the window beside that of the one before."""
    ours, theirs = words.totals(report, look), report.before_totals
    for name, attribute in (("Payments", "payments"), ("Succeeded", "succeeded"), ("Failed", "failed")):
        now, before = (sum(getattr(figures, attribute) for figures in side) for side in (ours, theirs))
        yield name, f"{now:,}", f"{before:,}", words.count_change_text(now, before)
    rates = words.success_rate(ours), words.success_rate(theirs)
    yield "Success Rate", share_text(rates[0]), share_text(rates[1]), words.rate_change_text(*rates)
    for now_figures, before_figures in _paired(ours, theirs):
        for name, attribute in _COMPARED:
            now_amount, before_amount = (one.amount(getattr(one, attribute)) for one in (now_figures, before_figures))
            yield name, money_text(now_amount, look), money_text(before_amount, look), words.change_text(now_amount, before_amount)


_COMPARED = (("Gross Volume", "gross"), ("Fees", "fees"), ("Payouts", "payouts"), ("Refunds", "refunds"), ("Net Volume", "net"))


def _paired(ours: Sequence[Figures], theirs: Sequence[Figures]) -> Iterator[tuple[Figures, Figures]]:
    """Each currency of either side, with zeros where the other has none."""
    sides = [{figures.currency: figures for figures in side} for side in (ours, theirs)]
    for currency in dict.fromkeys((*sides[0], *sides[1])):
        yield sides[0].get(currency, Figures(currency)), sides[1].get(currency, Figures(currency))


def _report_notes(totals: Sequence[Figures], scope: Scope, look: Look) -> Iterator[Note]:
    for figures in totals:
        yield words.proof(figures, look)
    for figures in totals:
        yield from words.left_out(figures, look)
    yield from words.after_refunds(totals, scope, look)
    if any(figures.pending or figures.processing or figures.cancelled or figures.unknown for figures in totals):
        yield Note("Other Statuses", _other_statuses(totals))
    yield GROSS_IS_NOT_REVENUE


def _other_statuses(totals: Sequence[Figures]) -> str:
    """`1 pending, 0 processing, 2 cancelled`: with succeeded and failed these are all payments."""
    names = ("pending", "processing", "cancelled", "unknown")
    counts = {name: sum(getattr(figures, name) for figures in totals) for name in names}
    return ", ".join(f"{count:,} {name}" for name, count in counts.items() if count or name != "unknown")


def _highlights(totals: Sequence[Figures], look: Look) -> Iterator[tuple[Note, ...]]:
    counts = (Note("Payments", _all_counts(totals)[0]), Note("Success Rate", share_text(words.success_rate(totals))))
    for index, figures in enumerate(totals):
        named = (("Gross Volume", figures.gross), ("Platform Fees", figures.fees), ("Net Volume", figures.net))
        money = tuple(Note(name, figure_text(figures, figure, look)) for name, figure in named)
        yield money if index else (*money, *counts)


def _shown_amounts(report: Report) -> Iterator[Amount]:
    shown = (*report.totals, *(figures for group in report.groups for figures in group.figures), *report.before_totals)
    for figures in shown:
        for figure in (figures.gross, figures.fees, figures.payouts, figures.refunds):
            yield figures.amount(figure)


# --- Booked by status


def _booked_cells(row: Booked, look: Look) -> tuple[str, ...]:
    status = visible(row.status) or ABSENT
    return (
        f"{words.status_glyph(row.status, look)}{status}",
        visible(row.currency.upper()) or ABSENT,
        f"{row.payments:,}",
        *(money_text(recorded(figure, row.currency), look) for figure in (row.amount, row.fee, row.payout)),
    )


# --- Owed to cleaners

NO_CLEANER = "no cleaner"  # as `--by cleaner` says it
_OWED_HEADINGS = ("Payout", "Refunds", "After Refunds", "Paid Out", "Open", "Under Way")


def cleaner_names(owed: Sequence[Owed]) -> list[str]:
    """What to call the cleaner of each line; two of one name are told apart."""
    named = ((words.person_text(one.cleaner), one.cleaner.id) if one.cleaner else (NO_CLEANER, None) for one in owed)
    return words.names_told_apart(named)


def _owed_counts(owed: Owed) -> tuple[str, str]:
    return f"{owed.jobs:,}", f"{owed.payments:,}"


def _owed_cells(owed: Owed, look: Look) -> tuple[str, ...]:
    figures = (owed.gross, owed.payout, owed.refunds, owed.after_refunds, owed.paid_out, owed.open, owed.under_way)
    return tuple(NOT_RECORDED if figure is None else money_text(recorded(figure, owed.currency), look) for figure in figures)


def _owed_notes(owed: Sequence[Owed], scope: Scope, look: Look) -> Iterator[Note]:
    if not owed:
        yield Note("Nothing", "no succeeded payment in this period")
    yield Note("After Refunds", f"borne by: {scope.borne_by or NOT_RECORDED}")
    yield Note("Open", "what is still to be paid out; payouts under way are part of it")
    if any(one.open is not None and one.open < 0 for one in owed if one.open is None or one.open.is_finite()):
        yield Note("Below zero", "more was paid out than is due", Verdict.WARNING)
    figures = ((one.gross, one.payout, one.refunds, one.paid_out, one.under_way) for one in owed)
    yield from words.unreadable_notes(recorded(figure, one.currency) for one, five in zip(owed, figures, strict=True) for figure in five)


def _due(summed: Iterable[Owed], look: Look) -> Iterator[tuple[Note, ...]]:
    for one in summed:
        _, payout, _, after, paid_out, left, _ = _owed_cells(one, look)
        yield Note("Payout", payout), Note("After Refunds", after), Note("Paid Out", paid_out), Note("Open", left)


def _by_currency(owed: Iterable[Owed]) -> list[list[Owed]]:
    """In the order in which the currencies come."""
    kept: dict[str, list[Owed]] = {}
    for one in owed:
        kept.setdefault(one.currency, []).append(one)
    return list(kept.values())


def _summed(owed: Sequence[Owed]) -> Owed:
    """All of one currency together. What refunds leave is known only where it is known of each."""

    def total(figures: Iterable[Decimal]) -> Decimal:
        return sum(figures, Decimal("0.00"))

    borne = [one.borne if one.refunds else Decimal(0) for one in owed]
    known = [one for one in borne if one is not None]
    return Owed(
        cleaner=None,
        currency=owed[0].currency,
        jobs=sum(one.jobs for one in owed),
        payments=sum(one.payments for one in owed),
        gross=total(one.gross for one in owed),
        payout=total(one.payout for one in owed),
        refunds=total(one.refunds for one in owed),
        borne=total(known) if len(known) == len(borne) else None,
        paid_out=total(one.paid_out for one in owed),
        under_way=total(one.under_way for one in owed),
    )


# --- A cleaner's statement


def _statement_cells(line: StatementLine, look: Look) -> tuple[str, ...]:
    return (
        local_time(line.dated, look.zone).split(" ")[0],
        f"#{line.payment_id}",
        f"#{line.job_id}" if line.job_id is not None else ABSENT,
        visible(line.service_type) if line.service_type else ABSENT,
    )


def _full_name(person: Person | None) -> str:
    """`username (email)`, once where both are the same."""
    if person is None or not person.username or not person.email or person.username == person.email:
        return words.person_text(person)
    return visible(f"{person.username} ({person.email})")
