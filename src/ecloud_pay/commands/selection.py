"""The filters that select payments, as options and as a `PaymentSearch`; and the note that tells the window they resolved to."""

from dataclasses import dataclass, field
from typing import Annotated

import typer

from ecloud_pay.commands import parsing
from ecloud_pay.commands.parsing import DATE_HELP
from ecloud_pay.domain.errors import UsageError
from ecloud_pay.domain.payment import PaymentStatus
from ecloud_pay.domain.period import Period
from ecloud_pay.domain.search import PaymentSearch
from ecloud_pay.rendering.times import period_text
from ecloud_pay.wiring import Wiring

STATUSES = [status.value for status in PaymentStatus]
_EMAIL_OR_ID = "e-mail (in any case) or user id"


@dataclass(frozen=True)
class Filters:
    """Which payments are meant; all that are given hold together."""

    status: Annotated[
        list[str],
        typer.Option("--status", metavar="STATUS", help=f"{', '.join(STATUSES)}; may be repeated.", autocompletion=lambda: STATUSES),
    ] = field(default_factory=list)
    job: Annotated[str | None, typer.Option("--job", metavar="N", help="The job's number.")] = None
    client: Annotated[str | None, typer.Option("--client", metavar="WHO", help=f"The paying client: {_EMAIL_OR_ID}.")] = None
    cleaner: Annotated[str | None, typer.Option("--cleaner", metavar="WHO", help=f"The cleaner: {_EMAIL_OR_ID}.")] = None
    since: Annotated[str | None, typer.Option("--since", metavar="DATE", help=f"Created at or after DATE. {DATE_HELP}")] = None
    until: Annotated[str | None, typer.Option("--until", metavar="DATE", help="Created before DATE, which is left out itself.")] = None
    paid_since: Annotated[str | None, typer.Option("--paid-since", metavar="DATE", help="Paid at or after DATE.")] = None
    paid_until: Annotated[str | None, typer.Option("--paid-until", metavar="DATE", help="Paid before DATE.")] = None
    amount: Annotated[str | None, typer.Option("--amount", metavar="X", help="Exactly this amount, like 100 or 99.50.")] = None
    min_amount: Annotated[str | None, typer.Option("--min-amount", metavar="X", help="At least this amount.")] = None
    max_amount: Annotated[str | None, typer.Option("--max-amount", metavar="X", help="At most this amount.")] = None
    currency: Annotated[str | None, typer.Option("--currency", metavar="CODE", help="The currency's code, like usd.")] = None
    brand: Annotated[str | None, typer.Option("--brand", metavar="BRAND", help="The card's brand, like visa.")] = None
    last4: Annotated[str | None, typer.Option("--last4", metavar="NNNN", help="The card's last four digits.")] = None
    refunded: Annotated[bool | None, typer.Option("--refunded/--not-refunded", help="With or without money refunded.")] = None


def payment_search(filters: Filters, wiring: Wiring, created: str = "Payments") -> PaymentSearch:
    """The search that `filters` asks for; `created` is what --since and --until are about. UsageError names what makes no sense."""
    zone, now = wiring.zone, wiring.now
    currency = parsing.currency(filters.currency, "--currency")
    search = PaymentSearch(
        statuses=parsing.statuses(filters.status),
        job_id=parsing.number(filters.job, "--job"),
        client=parsing.person(filters.client, "--client"),
        cleaner=parsing.person(filters.cleaner, "--cleaner"),
        created=parsing.window(filters.since, filters.until, ("--since", "--until"), zone, now),
        paid=parsing.window(filters.paid_since, filters.paid_until, ("--paid-since", "--paid-until"), zone, now),
        amount=parsing.amount(filters.amount, "--amount", currency),
        min_amount=parsing.amount(filters.min_amount, "--min-amount", currency),
        max_amount=parsing.amount(filters.max_amount, "--max-amount", currency),
        currency=currency,
        brand=parsing.brand(filters.brand, "--brand"),
        last4=parsing.last4(filters.last4, "--last4"),
        is_refunded=filters.refunded,
    )
    if search.min_amount is not None and search.max_amount is not None and search.min_amount > search.max_amount:
        raise UsageError(f"--min-amount {filters.min_amount} is above --max-amount {filters.max_amount}")
    tell_window(created, "created", search.created, wiring)
    tell_window("Payments", "paid", search.paid, wiring)
    return search


def tell_window(what: str, verb: str, period: Period, wiring: Wiring) -> None:
    """Say which window was meant: to a person, and to a log with -v. That it is empty is said in any case."""
    if period.is_bounded and (wiring.screen.notes_reach_a_person or wiring.choices.verbose):
        wiring.screen.note(f"{what} {verb} {period_text(period, wiring.zone)}.")
    if period.is_empty:
        wiring.screen.note(f"The window in which they were {verb} is empty: its end is left out.")
