"""The shared filters as a `PaymentSearch`, and the note that tells the window they resolved to."""

from ecloud_pay.commands import parsing
from ecloud_pay.commands.options import Filters
from ecloud_pay.domain.period import Period
from ecloud_pay.domain.search import PaymentSearch
from ecloud_pay.rendering.times import period_text
from ecloud_pay.wiring import Wiring


def payment_search(filters: Filters, wiring: Wiring) -> PaymentSearch:
    """The search that `filters` asks for. UsageError names the first option that makes no sense."""
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
    _tell_window("created", search.created, wiring)
    _tell_window("paid", search.paid, wiring)
    return search


def _tell_window(what: str, period: Period, wiring: Wiring) -> None:
    if period.is_bounded and (wiring.screen.notes_reach_a_person or wiring.choices.verbose):
        wiring.screen.note(f"Payments {what} {period_text(period, wiring.zone)}.")
    if period.is_empty:
        wiring.screen.note(f"The window in which they were {what} is empty: its end is left out.")
