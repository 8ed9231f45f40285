"""A few hundred payments of a spring, with everything that makes sums go wrong; and the same sums worked out one row at a time.

The rows are the same on every run. They come close to the ends of days in Berlin, where 2025-03-30 has 23 hours.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, fields, replace
from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from random import Random
from typing import Any

import psycopg

from ecloud_pay.domain.money import Money, NotMoney
from ecloud_pay.domain.period import Period
from ecloud_pay.domain.report import Basis, BorneBy, Figures, share_of_fee
from support.backend import Backend

PAYMENTS = 400
FIRST = datetime(2025, 3, 20, tzinfo=UTC)
DAYS = 20
_STATUSES = ("pending", "processing", "succeeded", "failed", "cancelled")
_ZERO = Decimal(0)


@dataclass(frozen=True)
class Row:
    """One payment with the rows that hang on it."""

    id: int
    job_id: int | None
    client_id: int | None
    cleaner_id: int | None
    amount: Decimal
    fee: Decimal
    payout: Decimal
    currency: str
    brand: str
    status: str | None
    refund_amount: Decimal
    refunded_at: datetime | None
    created_at: datetime
    paid_at: datetime | None
    refunds: tuple["RefundRow", ...] = ()
    payouts: tuple[tuple[str, Decimal], ...] = ()


@dataclass(frozen=True)
class RefundRow:
    """One completed row of payments_refund."""

    id: int
    amount: Decimal
    at: datetime


def create_ledger(server: str, shape: str) -> Backend:
    """The sample backend with these payments instead of its own."""
    backend = Backend.create(server, shape)
    backend.run("TRUNCATE payments_refund, payments_transaction, payments_payment")
    with psycopg.connect(backend.conninfo, autocommit=True) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        with connection.transaction(), connection.pipeline():
            _fill(connection, Random(5), shape)
        connection.execute("ANALYZE")
    return backend


def read_ledger(backend: Backend) -> list[Row]:
    """Every payment as it stands in the database, in ascending id."""
    with psycopg.connect(backend.conninfo) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        refunds: dict[int, list[RefundRow]] = defaultdict(list)
        for payment_id, *refund in connection.execute(
            """SELECT payment_id, id, amount, coalesce(processed_at, created_at)::timestamptz FROM payments_refund
            WHERE status = 'completed' ORDER BY 4, 2"""
        ):
            refunds[payment_id].append(RefundRow(*refund))
        payouts: dict[int, list[tuple[str, Decimal]]] = defaultdict(list)
        for payment_id, status, amount in connection.execute(
            "SELECT payment_id, status, amount FROM payments_transaction WHERE transaction_type = 'payout'"
        ):
            payouts[payment_id].append((status, amount))
        rows = connection.execute(
            """SELECT id, job_id, client_id, cleaner_id, amount, platform_fee, cleaner_payout, coalesce(currency, ''),
            coalesce(payment_method_brand, ''), status, coalesce(refund_amount, 0), refunded_at::timestamptz, created_at::timestamptz,
            paid_at::timestamptz FROM payments_payment ORDER BY id"""
        ).fetchall()
    return [replace(Row(*row), refunds=tuple(refunds[row[0]]), payouts=tuple(payouts[row[0]])) for row in rows]


def naive_figures(
    rows: Iterable[Row], window: Period, basis: Basis, borne_by: BorneBy | None, key: Callable[[Row, datetime], Any] = lambda *_: None
) -> dict[Any, dict[str, Figures]]:
    """What the rows come to by `key(row, instant)` and currency, one row after another."""
    found: dict[Any, dict[str, Figures]] = defaultdict(dict)

    def add(row: Row, instant: datetime, **measures: Any) -> None:
        currency = row.currency.lower()
        nothing = None if borne_by is None else _ZERO
        one = Figures(currency, **{"refunds_on_fees": nothing, **measures})
        group = found[key(row, instant)]
        group[currency] = _plus(group[currency], one) if currency in group else one

    for row in rows:
        has_succeeded = row.status == "succeeded"
        charged = {"charged": 1, "gross": row.amount, "fees": row.fee, "payouts": row.payout, "largest": row.amount}
        if _lies_in(row.created_at, window):
            add(row, row.created_at, payments=1, **{row.status if row.status in _STATUSES else "unknown": 1})
            if has_succeeded and basis is Basis.CREATED:
                add(row, row.created_at, **charged)
            if has_succeeded and basis is Basis.PAID and row.paid_at is None:
                add(row, row.created_at, undated=1, undated_gross=row.amount, undated_fees=row.fee, undated_payouts=row.payout)
        if has_succeeded and basis is Basis.PAID and row.paid_at is not None and _lies_in(row.paid_at, window):
            add(row, row.paid_at, **charged)
        before = _ZERO
        for refund in row.refunds:
            after = before + refund.amount
            if _lies_in(refund.at, window):
                borne = None if borne_by is None else naive_on_fees(row, before, after, borne_by)
                add(row, refund.at, refunded=1, refunds=refund.amount, refunds_on_fees=borne)
            before = after
        missing = row.refund_amount - before
        if missing and row.refunded_at is not None and _lies_in(row.refunded_at, window):
            add(row, row.refunded_at, unrowed=1, refunds_without_row=missing)
        if missing and row.refunded_at is None and _lies_in(row.created_at, window):
            add(row, row.created_at, unrowed_undated=1, refunds_without_row_undated=missing)
    return found


def naive_on_fees(row: Row, before: Decimal, after: Decimal, borne_by: BorneBy) -> Decimal:
    """What the platform bears of a refund that brings what was refunded from `before` to `after`."""
    match borne_by:
        case BorneBy.PLATFORM:
            return after - before
        case BorneBy.CLEANER:
            return _ZERO
        case BorneBy.PROPORTIONAL:
            return naive_share(row, after) - naive_share(row, before)


def naive_share(row: Row, refunded: Decimal) -> Decimal:
    """The fee's part of a cumulative refund."""
    currency = row.currency.lower()
    try:
        return share_of_fee(*(Money.of(figure, currency) for figure in (row.fee, row.amount, refunded))).figure
    except NotMoney:
        # A currency that is unknown, or a figure that it does not have: to the column's two decimals.
        decimals = Decimal("0.01") if currency not in ("jpy", "isk") else Decimal(1)
        return (row.fee * refunded / row.amount).quantize(decimals, ROUND_HALF_UP) if row.amount else _ZERO


def _plus(ours: Figures, theirs: Figures) -> Figures:
    def added(name: str) -> Any:
        a, b = getattr(ours, name), getattr(theirs, name)
        if name == "currency":
            return a
        if name == "largest":
            return max((one for one in (a, b) if one is not None), default=None)
        return None if a is None else a + b

    return Figures(**{one.name: added(one.name) for one in fields(Figures)})


def _lies_in(instant: datetime, window: Period) -> bool:
    assert window.since is not None
    assert window.until is not None
    return window.since <= instant < window.until


def _fill(connection: "psycopg.Connection[Any]", random: Random, shape: str) -> None:
    absent, no_status = (None, None) if shape == "documented" else ("", "")
    for number in range(2, 12):
        connection.execute(
            """INSERT INTO auth_user (id, password, is_superuser, username, first_name, last_name, email, is_staff, is_active, date_joined)
            VALUES (%s, '!', false, %s, '', '', %s, false, true, '2025-01-01')""",
            (number, f"user{number}", f"user{number}@example.com" if number != 9 else ""),
        )
    for number in range(101, 131):
        service = random.choice(["Deep Cleaning", "Window Cleaning", "Office Cleaning", "", absent])
        connection.execute(
            """INSERT INTO jobs_cleaningjob (id, service_type, property_address, status, created_at, client_id)
            VALUES (%s, %s, '', 'open', '2025-01-01', 24)""",
            (number, service),
        )
    for number in range(1, PAYMENTS + 1):
        _payment(connection, random, number, absent, no_status)


def _payment(connection: "psycopg.Connection[Any]", random: Random, number: int, absent: str | None, no_status: str | None) -> None:
    currency = random.choice(["usd", "usd", "usd", "USD", "eur", "eur", "Eur", "jpy", "isk", "xyz", absent])
    step = Decimal(1) if currency in ("jpy", "isk") else Decimal("0.01")
    amount = random.choice([0, 1, 7, 99, 100, 1999, 10_001, 123_456]) * random.randint(1, 9) * step
    fee = random.randint(0, int(amount / step)) * step
    status = random.choice(["succeeded"] * 12 + ["failed", "failed", "pending", "processing", "cancelled", "on_hold", no_status])
    created = _instant(random)
    paid = created + timedelta(seconds=random.choice([1, 60, 7200, 86400, 3 * 86400]))
    refunds = [_part(random, amount, step) for _ in range(random.choice([0, 0, 0, 1, 1, 2, 3]))]
    completed = sum((part for part, state, _, _ in refunds if state == "completed"), _ZERO)
    refund_amount = random.choice([completed] * 5 + [completed + step, _ZERO, amount])
    values = {
        "id": number,
        "job_id": random.choice([None, *range(101, 131)]),
        "client_id": random.choice([None, *range(2, 12)]),
        "cleaner_id": random.choice([None, None, *range(2, 8)]),
        "amount": amount,
        "platform_fee": fee,
        "cleaner_payout": amount - fee,
        "currency": currency,
        "stripe_payment_intent_id": f"pi_{number}",
        "payment_method_brand": random.choice(["visa", "Visa", "amex", "discover", "", None]),
        "status": status,
        "refund_amount": None if not refund_amount and absent is None and number % 2 else refund_amount,
        "refunded_at": random.choice([None, _instant(random), _instant(random)]) if refund_amount or refunds else None,
        "created_at": created,
        "paid_at": random.choice([paid, paid, paid, None]) if status == "succeeded" else random.choice([None, None, paid]),
    }
    _insert(connection, "payments_payment", values)
    for part, state, at, processed in refunds:
        names = {"payment_id": number, "amount": part, "status": state, "created_at": at, "processed_at": processed}
        _insert(connection, "payments_refund", names)
    for _ in range(random.choice([0, 0, 1, 2])):
        kind, state = random.choice(["payout", "payout", "charge"]), random.choice(["completed", "completed", "pending", "failed"])
        names = {"payment_id": number, "transaction_type": kind, "amount": (amount - fee) / 2, "status": state, "created_at": created}
        _insert(connection, "payments_transaction", names)


def _part(random: Random, amount: Decimal, step: Decimal) -> tuple[Decimal, str, datetime, datetime | None]:
    part = random.randint(1, max(1, int(amount / step) // 3)) * step
    at = _instant(random)
    state = random.choice(["completed", "completed", "completed", "pending", "failed"])
    return part, state, at, random.choice([None, at + timedelta(hours=9)])


def _instant(random: Random) -> datetime:
    """Anywhere in these days, and often within a second of the beginning of one in Berlin, before or after the clocks change there."""
    day = FIRST + timedelta(days=random.randrange(DAYS))
    if random.random() < 0.5:
        return day + timedelta(seconds=random.randrange(86400), microseconds=random.randrange(10**6))
    ends = day - timedelta(hours=random.choice([1, 2]))
    return ends + random.choice([timedelta(0), -timedelta(microseconds=1), timedelta(seconds=1)])


def _insert(connection: "psycopg.Connection[Any]", table: str, values: dict[str, Any]) -> None:
    columns, places = ", ".join(values), ", ".join(["%s"] * len(values))
    connection.execute(f"INSERT INTO {table} ({columns}) VALUES ({places})".encode(), list(values.values()))
