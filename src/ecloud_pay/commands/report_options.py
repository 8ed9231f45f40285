"""What a report tells of its window and how it is printed, as options and as the one request that they make."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Annotated

import typer

from ecloud_pay.commands import parsing
from ecloud_pay.commands.report_window import Frame, WindowOptions, ends, preceding, report_frame
from ecloud_pay.commands.selection import Filters, payment_search
from ecloud_pay.domain.errors import UsageError
from ecloud_pay.domain.period import Period
from ecloud_pay.domain.report import Basis, By, ReportRequest
from ecloud_pay.domain.spans import span_a_year_before, span_before
from ecloud_pay.wiring import Wiring

FORMATS = ["text", "table", "csv", "json", "markdown", "html"]
STATEMENT_FORMATS = ["text", "html"]
EXPLAINED_FORMATS = ["text", "table", "json"]
BY = [by.value for by in By]
BASES = [basis.value for basis in Basis]
COMPARE = ["previous", "year"]
MOST_GROUPS = 10_000
TOP = 20  # groups, where people read them and nobody said how many


@dataclass(frozen=True)
class ReportOptions:
    """What is told of the window."""

    by: Annotated[
        str | None, typer.Option("--by", metavar="WHAT", help=f"Groups, not periods: {', '.join(BY)}.", autocompletion=lambda: BY)
    ] = None
    top: Annotated[
        str | None,
        typer.Option(
            "--top", metavar="N", help=f"With --by: the N greatest (default: {TOP}, in CSV and JSON all; at most {MOST_GROUPS:,})."
        ),
    ] = None
    basis: Annotated[
        str | None,
        typer.Option(
            "--basis",
            metavar="BASIS",
            help="Money by created (default with --daily) or paid (default otherwise).",
            autocompletion=lambda: BASES,
        ),
    ] = None
    compare: Annotated[
        str | None,
        typer.Option(
            "--compare", metavar="WITH", help="Beside it the previous window, or the same one a year ago.", autocompletion=lambda: COMPARE
        ),
    ] = None
    owed: Annotated[bool, typer.Option("--owed", help="With --by cleaner: what each is owed for the window, as of now.")] = False
    statement: Annotated[bool, typer.Option("--statement", help="With --cleaner: the payments one by one, as a sheet to send.")] = False
    explain: Annotated[bool, typer.Option("--explain", help="Also the ids behind each total, and the query that finds them.")] = False


@dataclass(frozen=True)
class Printed:
    """How a report is printed, and where."""

    format: Annotated[
        str | None,
        typer.Option(
            "--format",
            metavar="FORMAT",
            help=f"{', '.join(FORMATS)} (default: text with --daily and --statement, else table).",
            autocompletion=lambda: FORMATS,
        ),
    ] = None
    json: Annotated[bool, typer.Option("--json", help="Short for --format json.")] = False
    csv: Annotated[bool, typer.Option("--csv", help="Short for --format csv.")] = False
    output: Annotated[str | None, typer.Option("--output", "-o", metavar="FILE", help="Write FILE, whole or not at all.")] = None
    force: Annotated[bool, typer.Option("--force", help="Replace FILE where it exists.")] = False


_ENDINGS = {".csv": "csv", ".json": "json", ".md": "markdown", ".html": "html", ".htm": "html"}


class Kind(StrEnum):
    """What there is to print."""

    REPORT = "report"
    BOOKED = "booked"
    OWED = "owed"
    STATEMENT = "statement"


@dataclass(frozen=True, slots=True)
class Plan:
    """A report that makes sense. `path` is None for stdout."""

    kind: Kind
    request: ReportRequest
    title: str
    format: str
    is_explained: bool
    path: str | None
    force: bool


def plan(filters: Filters, window: WindowOptions, options: ReportOptions, printed: Printed, wiring: Wiring) -> Plan:
    """What is to be done. UsageError names the first thing that makes no sense."""
    by = By(parsing.one_of(options.by, BY, "--by", "group")) if options.by is not None else None
    kind = _kind(filters, window, options, by)
    basis = _basis(options, by)
    compare = parsing.one_of(options.compare, COMPARE, "--compare", "window") if options.compare is not None else None
    chosen = _format(printed, options, kind, is_daily=window.daily and by is None)
    if kind is Kind.STATEMENT and printed.format is None and printed.output is None and wiring.screen.width is not None:
        chosen = "table"  # the same sheet, fitted to the terminal
    top = _top(options, by, chosen)
    _check_destination(printed, chosen)
    # --since and --until are the window; every other filter selects payments.
    search = payment_search(replace(filters, since=None, until=None), wiring)
    frame = report_frame(window, filters, wiring, has_periods=by is None and kind is Kind.REPORT)
    request = ReportRequest(
        window=frame.window,
        basis=basis or (Basis.CREATED if frame.is_daily else Basis.PAID),
        main_currency=wiring.settings.currency,
        as_of=wiring.now,
        search=search,
        borne_by=wiring.settings.refund_borne_by,
        every=frame.every if kind is Kind.REPORT and by is None else None,
        spans=frame.spans if by is None else (),
        preceding=preceding(frame, wiring) if by is None else None,
        by=by,
        top=top,
        before=_before(compare, frame, wiring),
    )
    return Plan(kind, request, _title(kind, by, frame), chosen, options.explain, printed.output, printed.force)


def _kind(filters: Filters, window: WindowOptions, options: ReportOptions, by: By | None) -> Kind:
    if by is not None and window.every is not None:
        raise UsageError("--every does not go with --by: a report is told by periods or by groups")
    if options.top is not None and by is None:
        raise UsageError("--top goes with --by")
    if options.statement:
        _alone("--statement", options, {"--by": options.by, "--owed": options.owed, "--every": window.every})
        if filters.cleaner is None:
            raise UsageError("--statement is one cleaner's", to_do="Say whose: --cleaner EMAIL or --cleaner ID.")
        return Kind.STATEMENT
    if options.owed:
        if by is not By.CLEANER:
            raise UsageError("--owed goes with --by cleaner")
        _alone("--owed", options, {"--top": options.top})
        return Kind.OWED
    if by is By.STATUS:
        if options.compare is not None:
            raise UsageError("--compare does not go with --by status")
        return Kind.BOOKED
    return Kind.REPORT


def _alone(option: str, options: ReportOptions, others: dict[str, object]) -> None:
    for other, value in {**others, "--compare": options.compare, "--explain": options.explain}.items():
        if value:
            raise UsageError(f"{option} does not go with {other}")


def _basis(options: ReportOptions, by: By | None) -> Basis | None:
    asked = Basis(parsing.one_of(options.basis, BASES, "--basis", "basis")) if options.basis is not None else None
    if by is not By.STATUS:
        return asked
    if asked is Basis.PAID:
        raise UsageError("--by status goes by created_at: what has not succeeded was never paid", to_do="Leave out --basis paid.")
    return Basis.CREATED


def _format(printed: Printed, options: ReportOptions, kind: Kind, *, is_daily: bool) -> str:
    short = [name for name in ("json", "csv") if getattr(printed, name)]
    asked = short if printed.format is None else [*short, parsing.one_of(printed.format, FORMATS, "--format", "format")]
    if len(set(asked)) > 1:
        raise UsageError(f"only one format at a time: {' and '.join(dict.fromkeys(asked))} were asked for")
    chosen = asked[0] if asked else ("text" if is_daily or kind is Kind.STATEMENT else "table")
    if kind is Kind.STATEMENT and chosen not in STATEMENT_FORMATS:
        raise UsageError(f"--statement is a sheet to send, not {chosen}", to_do="Choose --format text or --format html.")
    if options.explain and chosen not in EXPLAINED_FORMATS:
        raise UsageError(f"--explain does not go with {chosen}", to_do=f"Choose --format {', '.join(EXPLAINED_FORMATS[:-1])} or json.")
    return chosen


def _top(options: ReportOptions, by: By | None, chosen: str) -> int | None:
    if options.top is not None:
        return parsing.count(options.top, "--top", MOST_GROUPS)
    return None if by is None or chosen in ("csv", "json") else TOP


def _check_destination(printed: Printed, chosen: str) -> None:
    if printed.output is None and printed.force:
        raise UsageError("--force goes with -o FILE")
    if printed.output is not None:
        parsing.output_path(printed.output, chosen, _ENDINGS)


def _before(compare: str | None, frame: Frame, wiring: Wiring) -> Period | None:
    if compare is None:
        return None
    earlier: Callable[..., Period] = span_before if compare == "previous" else span_a_year_before
    try:
        return earlier(*ends(frame.window), wiring.zone)
    except (OverflowError, ValueError) as error:
        raise UsageError(f"--compare {compare}: there is no such window before the beginning of the calendar") from error


def _title(kind: Kind, by: By | None, frame: Frame) -> str:
    match kind:
        case Kind.STATEMENT:
            return f"Statement{frame.label}"
        case Kind.OWED:
            return f"Owed to Cleaners{frame.label}"
        case Kind.REPORT | Kind.BOOKED:
            name = f"{frame.kind.capitalize()} Report" if frame.kind else "Report"
            return f"{name}{frame.label}{f' by {by.capitalize()}' if by else ''}"
