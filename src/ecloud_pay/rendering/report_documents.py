"""Reports as scripts read them: JSON documents for `machine.json_text`, and CSV.

Money is a string with the column's two decimals beside its `currency`, a rate a string of percent with two decimals, rounded half up;
what there is not is null, in a cell `N/A`.
"""

from collections.abc import Sequence
from datetime import tzinfo
from decimal import Decimal

from ecloud_pay.domain.money import column_text, recorded
from ecloud_pay.domain.payment import Json, Person
from ecloud_pay.domain.period import Period
from ecloud_pay.domain.report import Booked, Explained, Figures, Group, Owed, Report, StatementLine
from ecloud_pay.domain.spans import Span
from ecloud_pay.rendering.machine import Document, csv_text
from ecloud_pay.rendering.report_words import others_name, rest, rounded
from ecloud_pay.rendering.sheet import Scope
from ecloud_pay.rendering.times import api_time

REPORT_SCHEMA = "ecloud-pay/report/1"
BOOKED_SCHEMA = "ecloud-pay/report-by-status/1"
OWED_SCHEMA = "ecloud-pay/report-owed/1"
STATEMENT_SCHEMA = "ecloud-pay/report-statement/1"
EXPLAINED_SCHEMA = "ecloud-pay/report-explained/1"


def report_document(report: Report, zone: tzinfo) -> Document:
    """The whole report; `groups` are its periods or what it is broken down by, `others` what `--top` left out of them."""
    return {
        "schema": REPORT_SCHEMA,
        **_scope(Scope.of(report), zone),
        "every": report.every,
        "by": report.by,
        "totals": [_figures(figures) for figures in report.totals],
        "groups": [_group(group) for group in report.groups],
        "others": {"groups": report.others, "figures": [_figures(figures) for figures in rest(report)]},
        "preceding": _group(report.preceding) if report.preceding else None,
        "compare": {"window": _window(report.before), "totals": [_figures(one) for one in report.before_totals]} if report.before else None,
    }


def report_csv(report: Report) -> str:
    """A line per period or group and currency; the totals alone where there is neither. Nothing is summed up in it."""
    groups = [*(report.groups or [Group("total", report.totals, span=_whole(report.window))]), Group(others_name(report), rest(report))]
    records = [_group_names(group) | _figures(figures) for group in groups for figures in group.figures]
    return csv_text(records, (*(_GROUP_FIELDS if report.by else _SPAN_FIELDS), *_FIGURES), _NUMBERS)


def booked_document(booked: Sequence[Booked], scope: Scope, zone: tzinfo) -> Document:
    """What rows say, by status and currency."""
    return {"schema": BOOKED_SCHEMA, **_scope(scope.by_created, zone), "by": "status", "groups": [_booked(row) for row in booked]}


def booked_csv(booked: Sequence[Booked]) -> str:
    """The same as lines."""
    return csv_text(map(_booked, booked), _BOOKED)


def owed_document(owed: Sequence[Owed], scope: Scope, zone: tzinfo) -> Document:
    """What each cleaner is owed, per currency."""
    return {"schema": OWED_SCHEMA, **_scope(scope, zone), "owed": [{"cleaner": _person(one.cleaner), **_owed(one)} for one in owed]}


def owed_csv(owed: Sequence[Owed]) -> str:
    """The same as lines."""
    records = [{**_flat_person(one.cleaner), **_owed(one)} for one in owed]
    return csv_text(records, (*_PERSON, *_OWED), _OWED_MONEY)


def statement_document(cleaner: Person | None, lines: Sequence[StatementLine], scope: Scope, zone: tzinfo) -> Document:
    """A cleaner's statement."""
    return {
        "schema": STATEMENT_SCHEMA,
        **_scope(scope, zone),
        "cleaner": _person(cleaner),
        "payments": [_statement_line(line) for line in lines],
    }


def statement_csv(lines: Sequence[StatementLine]) -> str:
    """The same as lines."""
    return csv_text(map(_statement_line, lines), _STATEMENT, _STATEMENT_MONEY)


def explained_document(explained: Sequence[Explained]) -> Document:
    """Whence each figure comes; `ids` is null where there are more than anybody reads."""
    figures: list[Json] = [
        {
            "figure": _EXPLAINED_NAMES.get(one.name, one.name),
            "currency": one.currency or None,
            "count": one.count,
            "ids": list(one.ids) if one.ids or not one.count else None,
            "sql": one.sql,
        }
        for one in explained
    ]
    return {"schema": EXPLAINED_SCHEMA, "figures": figures}


# What the domain calls otherwise than the documents do.
_EXPLAINED_NAMES = {
    "gross": "gross_volume",
    "unknown": "unknown_status",
    "refunds_without_row_undated": "refunds_without_row_or_date",
}

# --- Parts


def _scope(scope: Scope, zone: tzinfo) -> Document:
    return {
        "window": _window(scope.window),
        "time_zone": str(zone),
        "basis": scope.basis,
        "as_of": api_time(scope.as_of),
        "borne_by": scope.borne_by,
    }


def _window(period: Period) -> Json:
    return {"since": api_time(period.since), "until": api_time(period.until)}


def _whole(window: Period) -> Span | None:
    return Span(window.since, window.until, "total") if window.since is not None and window.until is not None else None


def _group(group: Group) -> Document:
    return {**_group_names(group), "figures": [_figures(figures) for figures in group.figures]}


_GROUP_FIELDS = ("key", "name")
_SPAN_FIELDS = ("name", "since", "until", "is_cut")


def _group_names(group: Group) -> Document:
    span = group.span
    return {
        "key": group.key,
        "name": group.name,
        "since": api_time(span.since) if span else None,
        "until": api_time(span.until) if span else None,
        "is_cut": span.is_cut if span else None,
    }


def _figures(figures: Figures) -> Document:
    def money(figure: Decimal | None) -> str | None:
        return None if figure is None else column_text(figures.amount(figure))

    average = figures.average
    return {
        "currency": figures.currency or None,
        "payments": figures.payments,
        "succeeded": figures.succeeded,
        "failed": figures.failed,
        "pending": figures.pending,
        "processing": figures.processing,
        "cancelled": figures.cancelled,
        "unknown_status": figures.unknown,
        "success_rate_percent": _percent(figures.success_rate),
        "charged": figures.charged,
        "gross_volume": money(figures.gross),
        "platform_fees": money(figures.fees),
        "cleaner_payouts": money(figures.payouts),
        "unproven": money(figures.unproven),
        "average": None if average is None else str(rounded(average)),
        "largest": money(figures.largest),
        "completed_refunds": figures.refunded,
        "refunds": money(figures.refunds),
        "net_volume": money(figures.net),
        "refunded_share_percent": _percent(figures.refunded_share),
        "platform_fees_after_refunds": money(figures.fees_after_refunds),
        "cleaner_payouts_after_refunds": money(figures.payouts_after_refunds),
        "undated": figures.undated,
        "undated_gross_volume": money(figures.undated_gross),
        "undated_platform_fees": money(figures.undated_fees),
        "undated_cleaner_payouts": money(figures.undated_payouts),
        "payments_refunded_without_row": figures.unrowed,
        "refunds_without_row": money(figures.refunds_without_row),
        "payments_refunded_without_row_or_date": figures.unrowed_undated,
        "refunds_without_row_or_date": money(figures.refunds_without_row_undated),
    }


def _percent(percent: Decimal | None) -> str | None:
    return None if percent is None else f"{rounded(percent):f}"


_FIGURES = tuple(_figures(Figures("")))
_NUMBERS = frozenset(_FIGURES) - {"currency"}


def _booked(row: Booked) -> Document:
    amount, fee, payout = (column_text(recorded(figure, row.currency)) for figure in (row.amount, row.fee, row.payout))
    return dict(zip(_BOOKED, (row.status or None, row.currency or None, row.payments, amount, fee, payout), strict=True))


_BOOKED = ("status", "currency", "payments", "amount", "platform_fee", "cleaner_payout")

_OWED_MONEY = ("gross_volume", "cleaner_payout", "refunds", "after_refunds", "paid_out", "open", "under_way")
_OWED = ("jobs", "payments", "currency", *_OWED_MONEY)


def _owed(owed: Owed) -> Document:
    return dict(zip(_OWED, (owed.jobs, owed.payments, owed.currency or None, *_money(owed)), strict=True))


_PERSON = ("cleaner.id", "cleaner.email", "cleaner.username")


def _person(person: Person | None) -> Json:
    return None if person is None else {"id": person.id, "email": person.email, "username": person.username}


def _flat_person(person: Person | None) -> Document:
    return dict(zip(_PERSON, (person.id, person.email, person.username) if person else (None, None, None), strict=True))


_STATEMENT_MONEY = ("amount", "cleaner_payout", "refunded", "after_refunds", "paid_out", "open", "under_way")
_STATEMENT = ("payment_id", "dated", "job_id", "service_type", "currency", *_STATEMENT_MONEY)


def _statement_line(line: StatementLine) -> Document:
    words = (line.payment_id, api_time(line.dated), line.job_id, line.service_type, line.owed.currency or None)
    return dict(zip(_STATEMENT, (*words, *_money(line.owed)), strict=True))


def _money(owed: Owed) -> list[str | None]:
    figures = (owed.gross, owed.payout, owed.refunds, owed.after_refunds, owed.paid_out, owed.open, owed.under_way)
    return [None if figure is None else column_text(recorded(figure, owed.currency)) for figure in figures]
