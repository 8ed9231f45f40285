"""`report`: what came in, by period or by group."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ecloud_pay.commands.options import command
from ecloud_pay.commands.report_options import Kind, Plan, Printed, ReportOptions, plan
from ecloud_pay.commands.report_printing import drawn, hand_over, json_page, look_of, with_explained
from ecloud_pay.commands.report_window import WindowOptions
from ecloud_pay.commands.selection import Filters
from ecloud_pay.domain.errors import NotFound, UsageError
from ecloud_pay.domain.payment import Person
from ecloud_pay.domain.report import Booked
from ecloud_pay.ports import ReportReader
from ecloud_pay.rendering import report_documents as documents
from ecloud_pay.rendering.sheet import Scope
from ecloud_pay.wiring import Wiring

if TYPE_CHECKING:
    from rich.console import RenderableType

EXAMPLES = """
ecloud-pay report
ecloud-pay report --daily --date 2025-01-26 --tz Europe/Berlin
ecloud-pay report --monthly --by cleaner --top 10 --compare year
ecloud-pay report --since 2025-01 --until 2025-07 --every month --format html -o h1.html
ecloud-pay report --since last-week --until this-week --by status
ecloud-pay report --monthly --by cleaner --owed --csv > owed.csv
ecloud-pay report --statement --cleaner cleaner1@test.com --monthly -o statement.txt
ecloud-pay report --daily --explain
"""


@command
def run(wiring: Wiring, filters: Filters, window: WindowOptions, options: ReportOptions, printed: Printed) -> None:
    """Say what came in: volume, fees, payouts, refunds, by period or by group.

    Alone it tells the last 30 complete days. --since and --until are the report's window (until now, unless said); every other filter
    selects the payments that all figures are made of, refunds through their payment. A day is a day in --tz, with 23 or 25 hours where
    the clocks change. Currencies are never added together; that of ECLOUD_PAY_CURRENCY comes first.

    What clients pay is not the platform's revenue: that is the platform fees.

    \b
    Definitions, and the SQL that re-derives each. IN W is: >= the window's beginning AND < its end.
      Counts, success rate   by created_at, always; the rate is succeeded / (succeeded + failed)
          SELECT status, count(*) FROM payments_payment WHERE created_at IN W GROUP BY 1
      Gross volume, fees, payouts   of succeeded payments only, by created_at or paid_at (--basis)
          SELECT lower(currency), sum(amount), sum(platform_fee), sum(cleaner_payout), max(amount)
          FROM payments_payment WHERE status = 'succeeded' AND paid_at IN W GROUP BY 1
      Undated   succeeded payments that do not say paid_at, with --basis paid; not in gross volume
          … WHERE status = 'succeeded' AND paid_at IS NULL AND created_at IN W
      Refunds   completed refund rows, by processed_at or, where there is none, created_at
          SELECT lower(currency), sum(r.amount) FROM payments_refund r
          JOIN payments_payment p ON p.id = r.payment_id
          WHERE r.status = 'completed' AND coalesce(r.processed_at, r.created_at) IN W GROUP BY 1
      Refunds without a row   by refunded_at; in neither refunds nor net volume
          SELECT p.id, coalesce(p.refund_amount, 0) - coalesce(sum(r.amount), 0)
          FROM payments_payment p LEFT JOIN payments_refund r
          ON r.payment_id = p.id AND r.status = 'completed' WHERE p.refunded_at IN W GROUP BY p.id
      Net volume   gross volume - refunds
      After refunds   only where ECLOUD_PAY_REFUND_BORNE_BY says who bears them; proportional:
          of the fee round(platform_fee * refunded so far / amount, 2), less what earlier refunds
          took; of the payout the rest
      Owed   payout less its part of all refunds of these payments, whenever they came, less
          completed transactions of type payout
    """
    asked = plan(filters, window, options, printed, wiring)
    wiring.warn_of_silent_utc()
    with wiring.reporter() as reporter:
        page = _page(asked, reporter, wiring)
    hand_over(page, asked, wiring)


def _page(asked: Plan, reporter: ReportReader, wiring: Wiring) -> "str | list[RenderableType]":
    match asked.kind:
        case Kind.REPORT:
            return _report(asked, reporter, wiring)
        case Kind.BOOKED:
            return _booked(asked, reporter, wiring)
        case Kind.OWED:
            return _owed(asked, reporter, wiring)
        case Kind.STATEMENT:
            return _statement(asked, reporter, wiring)


def _report(asked: Plan, reporter: ReportReader, wiring: Wiring) -> "str | list[RenderableType]":
    report = reporter.report(asked.request)
    explained = reporter.explain(asked.request) if asked.is_explained else None
    if asked.format == "csv":
        return documents.report_csv(report)
    if asked.format == "json":
        return json_page(documents.report_document(report, wiring.zone), explained)
    return with_explained(drawn(asked, report, asked.title, look_of(asked, wiring)), explained or ())


def _booked(asked: Plan, reporter: ReportReader, wiring: Wiring) -> "str | list[RenderableType]":
    booked = _topmost(reporter.booked(asked.request), asked.request.top, wiring)
    explained = reporter.explain(asked.request) if asked.is_explained else None
    scope = _scope(asked)
    if asked.format == "csv":
        return documents.booked_csv(booked)
    if asked.format == "json":
        return json_page(documents.booked_document(booked, scope, wiring.zone), explained)
    return with_explained(drawn(asked, booked, scope, asked.title, look_of(asked, wiring)), explained or ())


def _owed(asked: Plan, reporter: ReportReader, wiring: Wiring) -> "str | list[RenderableType]":
    owed, scope = reporter.owed(asked.request), _scope(asked)
    _warn_of_undated(asked, reporter, wiring)
    if asked.format == "csv":
        return documents.owed_csv(owed)
    if asked.format == "json":
        return json_page(documents.owed_document(owed, scope, wiring.zone), None)
    return drawn(asked, owed, scope, asked.title, look_of(asked, wiring))


def _statement(asked: Plan, reporter: ReportReader, wiring: Wiring) -> "str | list[RenderableType]":
    cleaner = _cleaner(asked, reporter)
    lines = reporter.statement(asked.request, cleaner)
    _warn_of_undated(asked, reporter, wiring)
    return drawn(asked, cleaner, lines, _scope(asked), asked.title, look_of(asked, wiring))


def _cleaner(asked: Plan, reporter: ReportReader) -> Person:
    who = asked.request.search.cleaner
    assert who is not None
    found = reporter.cleaners(who)
    if not found:
        raise NotFound(f"there is no user {who!r}", to_do="Check the e-mail or id; `ecloud-pay report --by cleaner` lists cleaners.")
    if len(found) > 1:
        ids = ", ".join(str(person.id) for person in found)
        raise UsageError(f"--cleaner {who}: several users have this e-mail", to_do=f"Say which one by its id: {ids}")
    return found[0]


def _topmost(booked: Sequence[Booked], top: int | None, wiring: Wiring) -> list[Booked]:
    statuses = list(dict.fromkeys(one.status for one in booked))
    if top is not None and len(statuses) > top:
        wiring.screen.note(f"{len(statuses) - top} more statuses; --top {len(statuses)} shows all.")
        statuses = statuses[:top]
    return [one for one in booked if one.status in statuses]


def _warn_of_undated(asked: Plan, reporter: ReportReader, wiring: Wiring) -> None:
    if count := reporter.undated(asked.request):
        are = "succeeded payment says no paid_at and is" if count == 1 else "succeeded payments say no paid_at and are"
        wiring.screen.warn(f"{count:,} {are} not in these figures; --basis created takes all of the window.")


def _scope(asked: Plan) -> Scope:
    request = asked.request
    return Scope(request.window, request.basis, request.as_of, request.borne_by)
