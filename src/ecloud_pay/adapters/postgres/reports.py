"""Reports: figures summed up by the server in one READ ONLY snapshot, as objects of the domain."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC
from decimal import Decimal
from typing import Any, TypeVar

from sqlalchemy import Row, Select

from ecloud_pay.adapters.postgres.engine import Database, Snapshot
from ecloud_pay.adapters.postgres.explained import explained_figures, explained_statuses
from ecloud_pay.adapters.postgres.owed import cleaners, owed_by_cleaner, statement_lines
from ecloud_pay.adapters.postgres.payments import person
from ecloud_pay.adapters.postgres.report_figures import (
    COUNTS,
    LARGEST,
    NO_ID,
    SUMS,
    booked_by_status,
    figures_by,
    figures_by_group,
    greatest_keys,
    no_keys,
    period_keys,
)
from ecloud_pay.adapters.postgres.report_rows import ReportRows
from ecloud_pay.domain.payment import Person
from ecloud_pay.domain.period import Period
from ecloud_pay.domain.report import (
    NOTHING,
    Basis,
    Booked,
    BorneBy,
    By,
    Explained,
    Figures,
    Group,
    Owed,
    Report,
    ReportRequest,
    StatementLine,
    added_up,
    in_order,
)

MOST_LINES = 5_000  # that are fetched although fewer may be asked for
MOST_CURRENCIES_RANKED = 50  # beyond, the order would depend on codes that nobody has heard of

_Row = TypeVar("_Row", Booked, Owed)


@contextmanager
def open_reporter(database: Database) -> Iterator["PostgresReporter"]:
    """A reporter on one snapshot of `database`, for the length of the block."""
    with database.snapshot() as snapshot:
        yield PostgresReporter(snapshot, database.zone)


class PostgresReporter:
    """ports.ReportReader on one snapshot. `zone` is the database's own, in which columns without one are read."""

    def __init__(self, snapshot: Snapshot, zone: str) -> None:
        self._snapshot = snapshot
        self._zone = zone

    def report(self, request: ReportRequest) -> Report:
        report = self._over_time(request) if request.by is None else self._by_group(request, request.by)
        return report if request.before is None else replace(report, before_totals=self._totals(request, request.before))

    def booked(self, request: ReportRequest) -> list[Booked]:
        rows = self._snapshot.connection.execute(booked_by_status(self._rows(request))).mappings()
        return _greatest_first([Booked(**row) for row in rows], lambda one: (one.status,), lambda one: one.amount, request.main_currency)

    def undated(self, request: ReportRequest) -> int:
        if request.basis is Basis.CREATED:
            return 0
        return sum(figures.undated for figures in self._totals(request, request.window))

    def owed(self, request: ReportRequest) -> list[Owed]:
        rows = self._all(owed_by_cleaner(self._rows(request), request.basis, request.borne_by))
        owed = [_owed(row, request.borne_by, person(row.cleaner_id, row.email, row.username)) for row in rows]
        return _greatest_first(owed, _cleaner_key, lambda one: one.gross, request.main_currency)

    def cleaners(self, who: int | str) -> list[Person]:
        rows = self._all(cleaners(self._snapshot, who))
        return [found for row in rows if (found := person(row.id, row.email, row.username)) is not None]

    def statement(self, request: ReportRequest, cleaner: Person) -> list[StatementLine]:
        rows = self._all(statement_lines(self._rows(request), request.basis, request.borne_by, cleaner.id))
        return [
            StatementLine(
                payment_id=row.id,
                job_id=row.job_id,
                service_type=row.service_type or None,
                dated=row.dated.astimezone(UTC),
                owed=_owed(row, request.borne_by, cleaner),
            )
            for row in rows
        ]

    def explain(self, request: ReportRequest) -> list[Explained]:
        rows = self._rows(request)
        if request.by is By.STATUS:
            return explained_statuses(rows, self._zone, self.booked(request))
        return explained_figures(rows, self._zone, request.basis, self._totals(request, request.window))

    def _over_time(self, request: ReportRequest) -> Report:
        spans = [request.preceding, *request.spans] if request.preceding else list(request.spans)
        found: dict[int, list[Figures]] = {}
        if spans:
            window = Period(spans[0].since, spans[-1].until)
            boundaries = [*(span.since for span in spans), spans[-1].until]
            rows = self._rows(request, window)
            for row in self._all(figures_by(rows, request, period_keys(boundaries))):
                found.setdefault(row.key, []).append(_figures(row, request.borne_by))
        groups = [Group(span.label, self._in_order(found.get(place, []), request), span=span) for place, span in enumerate(spans, start=1)]
        preceding = groups.pop(0) if request.preceding else None
        first = 1 if preceding is None else 2
        inside = [figures for place, some in found.items() if place >= first for figures in some]
        return replace(_empty_report(request), totals=self._in_order(added_up(inside), request), groups=tuple(groups), preceding=preceding)

    def _by_group(self, request: ReportRequest, by: By) -> Report:
        lines = self._lines(request, by)
        if lines is None:
            return self._by_greatest_group(request, by)
        totals = self._in_order(added_up(_figures(row, request.borne_by) for row in lines), request)
        groups = self._groups(lines, request, by, _ranked(totals, request))
        kept = groups if request.top is None else groups[: request.top]
        return replace(_empty_report(request), totals=totals, groups=kept, others=len(groups) - len(kept))

    def _by_greatest_group(self, request: ReportRequest, by: By) -> Report:
        totals, rows = self._totals(request, request.window), self._rows(request)
        currencies = _ranked(totals, request)
        keys = self._all(greatest_keys(rows, request, by, currencies))
        lines = self._all(figures_by_group(rows, request, by, [row.key for row in keys]))
        groups = self._groups(lines, request, by, currencies)
        return replace(_empty_report(request), totals=totals, groups=groups, others=keys[0].groups - len(keys) if keys else 0)

    def _lines(self, request: ReportRequest, by: By) -> Sequence[Row[Any]] | None:
        """A line per group and currency, all of them; None where that may be more than anybody asked for."""
        statement = figures_by_group(self._rows(request), request, by)
        if request.top is None:
            return self._all(statement)
        # There are seldom many services or brands, and as many people and jobs as there is business.
        lines = self._all(statement.limit(MOST_LINES + 1)) if by in (By.SERVICE, By.BRAND, By.CURRENCY) else []
        return lines if 0 < len(lines) <= MOST_LINES else None

    def _groups(self, lines: Sequence[Row[Any]], request: ReportRequest, by: By, currencies: Sequence[str]) -> tuple[Group, ...]:
        """The greatest first."""
        found: dict[Any, list[Row[Any]]] = {}
        for row in lines:
            found.setdefault(row.key, []).append(row)
        greatest_first = sorted(found, key=lambda key: (_greatness(found[key], currencies), key))
        return tuple(self._group(found[key], request, by) for key in greatest_first)

    def _group(self, rows: Sequence[Row[Any]], request: ReportRequest, by: By) -> Group:
        key, name = _named(rows[0], by)
        return Group(name, self._in_order((_figures(row, request.borne_by) for row in rows), request), key)

    def _totals(self, request: ReportRequest, window: Period) -> tuple[Figures, ...]:
        rows = self._all(figures_by(self._rows(request, window), request, no_keys()))
        return self._in_order((_figures(row, request.borne_by) for row in rows), request)

    def _in_order(self, figures: Iterable[Figures], request: ReportRequest) -> tuple[Figures, ...]:
        """The main currency first; its zeros where there is nothing at all."""
        nothing = Figures(request.main_currency, refunds_on_fees=None if request.borne_by is None else NOTHING)
        return in_order(figures, request.main_currency) or (nothing,)

    def _rows(self, request: ReportRequest, window: Period | None = None) -> ReportRows:
        return ReportRows(self._snapshot, request.search, request.window if window is None else window)

    def _all(self, statement: Select[Any]) -> Sequence[Row[Any]]:
        return self._snapshot.connection.execute(statement).all()


def _empty_report(request: ReportRequest) -> Report:
    return Report(
        window=request.window,
        basis=request.basis,
        as_of=request.as_of,
        borne_by=request.borne_by,
        totals=(),
        every=request.every,
        by=request.by,
        before=request.before,
    )


def _figures(row: Row[Any], borne_by: BorneBy | None) -> Figures:
    measures: dict[str, Any] = {name: getattr(row, name) for name in (*COUNTS, LARGEST)}
    measures |= {name: getattr(row, name) or NOTHING for name in SUMS}
    return Figures(row.currency, **measures | ({} if borne_by else {"refunds_on_fees": None}))


def _ranked(totals: Iterable[Figures], request: ReportRequest) -> list[str]:
    """The currencies by which groups are ranked, the main one first whether or not anything was charged in it."""
    return list(dict.fromkeys([request.main_currency, *(figures.currency for figures in totals)]))[:MOST_CURRENCIES_RANKED]


def _greatness(rows: Sequence[Row[Any]], currencies: Sequence[str]) -> list[Decimal]:
    """Ascending where the group's gross volume descends, as in `greatest_keys`; NaN is above all numbers there, so it is here."""
    gross = {row.currency: row.gross for row in rows}
    figures = (gross.get(currency, NOTHING) for currency in currencies)
    return [-figure if figure.is_finite() else Decimal("-Infinity") for figure in figures]


def _named(row: Row[Any], by: By) -> tuple[int | str | None, str]:
    """The group's key in the domain's terms, and what to call it."""
    if row.key in (NO_ID, ""):
        return None, f"no {by}"
    match by:
        case By.CLIENT | By.CLEANER:
            return row.key, row.email or row.username or f"user #{row.key}"
        case By.JOB:
            return row.key, f"#{row.key}"
        case By.CURRENCY:
            return row.key.upper(), row.key.upper()
        case By.STATUS | By.SERVICE | By.BRAND:
            return row.key, row.key


def _owed(row: Row[Any], borne_by: BorneBy | None, cleaner: Person | None) -> Owed:
    return Owed(
        cleaner=cleaner,
        currency=row.currency,
        jobs=row.jobs,
        payments=row.payments,
        gross=row.gross,
        payout=row.payout,
        refunds=row.refunds or NOTHING,
        borne=None if borne_by is None else row.borne or NOTHING,
        paid_out=row.paid_out or NOTHING,
        under_way=row.under_way or NOTHING,
    )


def _cleaner_key(owed: Owed) -> tuple[bool, int]:
    return owed.cleaner is None, owed.cleaner.id if owed.cleaner else 0


def _greatest_first(rows: Sequence[_Row], key: Callable[[_Row], Any], figure: Callable[[_Row], Decimal], main_currency: str) -> list[_Row]:
    """Rows of one key side by side; the keys in the order of what they come to in the main currency."""
    # NaN is in no order.
    great = {key(one): figure(one) for one in rows if one.currency == main_currency and figure(one).is_finite()}
    return sorted(rows, key=lambda one: (-great.get(key(one), NOTHING), key(one), one.currency != main_currency, one.currency))
