"""The rows of the sample: ninety days of a small marketplace, the same on every machine. Only the dates move with `today`.

A field is named as its column. Amounts are worked out in whole minor units; `metadata` is JSON text.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from random import Random
from string import ascii_letters, digits

from ecloud_pay.demo.people import FIXED_CLEANER_ID, FIXED_CLIENT_ID, HOSTILE, STAFF_ID, Person, cleaners, clients

DAYS = 90
FIXED_PAYMENT_ID = 5  # the backend's documented example, with dates of its own
FIXED_JOB_ID = 14
_DELETED_PAYMENT_ID = 60  # its client, cleaner and job are gone
_SEED = 20250127
_RHYTHM = (4, 4, 5, 5, 5, 2, 2)  # payments a day through a week, before growth; which weekday is quiet depends on `today`
_FULL_DAYS = 2  # the last days: every four hours have a succeeded payment, so that no zone's yesterday is empty
_PRICES = {  # in whole dollars
    "Deep Cleaning": (120, 320),
    "Regular Cleaning": (45, 160),
    "Move-out Cleaning": (180, 480),
    "Window Cleaning": (50, 180),
    "Office Cleaning": (110, 480),
}
_YEN_PER_DOLLAR = 150
_BRANDS = ("visa", "visa", "visa", "mastercard", "mastercard", "amex", "discover")
_DECLINES = ("insufficient_funds", "generic_decline", "lost_card", "do_not_honor", "insufficient_funds")
_REASONS = ("requested_by_customer", "Cleaner arrived two hours late", "duplicate", "Job cut short, half returned", "Vase broken")
# What became of each refunded payment, oldest first: the percentages returned, and how each refund ended.
_REFUNDS: tuple[tuple[tuple[int, str], ...], ...] = (
    *(((100, "completed"),), ((50, "completed"),), ((30, "completed"), (20, "completed")), ((25, "completed"),)) * 4,
    *(((100, "by hand"),), ((100, "failed"),), ((40, "pending"),), ((100, "pending"),), ((50, "requested"),), ((100, "completed"),)),
)


@dataclass(frozen=True, slots=True)
class User:
    """One row of auth_user."""

    id: int
    username: str
    first_name: str
    last_name: str
    email: str
    is_active: bool
    last_login: datetime | None
    date_joined: datetime
    is_staff: bool = False
    is_superuser: bool = False
    password: str = "!"  # Django's mark of a password that nothing matches


@dataclass(frozen=True, slots=True)
class Account:
    """One row of payments_stripeaccount."""

    id: int
    user_id: int
    stripe_account_id: str
    account_type: str
    is_verified: bool
    is_payouts_enabled: bool
    created_at: datetime
    updated_at: datetime | None


@dataclass(frozen=True, slots=True)
class Job:
    """One row of jobs_cleaningjob."""

    id: int
    service_type: str
    property_address: str
    status: str
    created_at: datetime
    cleaner_id: int | None
    client_id: int


@dataclass(frozen=True, slots=True)
class Payment:
    """One row of payments_payment."""

    id: int
    amount: Decimal
    platform_fee: Decimal
    cleaner_payout: Decimal
    currency: str
    stripe_payment_intent_id: str
    stripe_charge_id: str | None
    payment_method_type: str | None
    payment_method_brand: str | None
    payment_method_last4: str | None
    status: str
    created_at: datetime
    paid_at: datetime | None
    metadata: str | None
    description: str | None
    client_id: int | None
    cleaner_id: int | None
    job_id: int | None
    refund_amount: Decimal = Decimal("0.00")
    refund_reason: str | None = None
    refunded_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Refund:
    """One row of payments_refund."""

    amount: Decimal
    reason: str
    status: str
    stripe_refund_id: str | None
    created_at: datetime
    processed_at: datetime | None
    payment_id: int
    requested_by_id: int = STAFF_ID
    id: int = 0  # numbered once all are in order


@dataclass(frozen=True, slots=True)
class Transaction:
    """One row of payments_transaction."""

    transaction_type: str
    amount: Decimal
    status: str
    stripe_transaction_id: str | None
    created_at: datetime
    completed_at: datetime | None
    payment_id: int
    metadata: str | None = None
    id: int = 0  # numbered once all are in order


Row = User | Account | Job | Payment | Refund | Transaction


def build(today: date) -> dict[str, Sequence[Row]]:
    """Every row by table, in the order of ids. All instants lie in the ninety days before midnight UTC of `today`, but #5's."""
    chance = Random(_SEED)  # the same rows for everybody; nothing here is a secret
    until = datetime.combine(today, time(), UTC)
    since = until - timedelta(days=DAYS)
    accounts = _accounts(chance, since)
    jobs, all_payments = _payments(chance, since, until)
    payments, refunds = _refunds(chance, all_payments, until)
    payable = {account.user_id: account.stripe_account_id for account in accounts if account.is_payouts_enabled}
    movements = [*_charges(payments), *_refund_movements(refunds), *_payouts(chance, payments, payable, until)]
    movements.sort(key=lambda movement: movement.created_at)
    return {
        "auth_user": _users(chance, since, until),
        "payments_stripeaccount": accounts,
        "jobs_cleaningjob": jobs,
        "payments_payment": payments,
        "payments_refund": refunds,
        "payments_transaction": [replace(movement, id=number) for number, movement in enumerate(movements, 1)],
    }


def _users(chance: Random, since: datetime, until: datetime) -> list[User]:
    people = sorted([*clients(), *cleaners()], key=lambda person: person.id)
    ops = User(STAFF_ID, "ops@demo", "Olga", "Ops", "ops@demo", True, until - _hours(chance, 1, 9), since, is_staff=True)
    return [ops, *(_user(chance, person, since, until) for person in people)]


def _user(chance: Random, person: Person, since: datetime, until: datetime) -> User:
    is_active = person.id in (FIXED_CLIENT_ID, FIXED_CLEANER_ID) or chance.random() < 0.96
    seen = None if chance.random() < 0.1 else until - _hours(chance, 0.1, 900)
    joined = since + timedelta(seconds=10 * person.id + chance.random())
    return User(person.id, person.username, person.first_name, person.last_name, person.email, is_active, seen, joined)


def _accounts(chance: Random, since: datetime) -> list[Account]:
    """Two cleaners have none, one is unverified, another may not be paid out."""
    accounts = []
    for number, person in enumerate(cleaners()[:-2], 1):
        created = since + timedelta(hours=4 * number) + _hours(chance, 0, 3)
        updated = None if number % 4 == 0 else created + _hours(chance, 1, 300)
        kind = "standard" if number % 5 == 0 else "express"
        accounts.append(
            Account(number, person.id, "acct_1" + _token(chance, 15), kind, number != 3, number not in (3, 9), created, updated)
        )
    return accounts


def _moments(chance: Random, since: datetime) -> list[tuple[datetime, datetime | None]]:
    """When each payment was created, and when it was paid if it must succeed (None leaves both to chance)."""
    moments: list[tuple[datetime, datetime | None]] = []
    for day in range(DAYS):
        midnight = since + timedelta(days=day)
        if day < DAYS - _FULL_DAYS:
            # One each evening is paid the next day or the day after: whichever evening ends a month, one payment crosses it.
            paid = midnight + timedelta(days=1 if chance.random() < 0.7 else 2) + _hours(chance, 0.1, 9)
            moments.append((midnight + _hours(chance, 22.2, 23.8), paid))
            others = round(_RHYTHM[day % 7] * (0.75 + 0.5 * day / DAYS))
        else:
            full = [midnight + timedelta(hours=4 * slot) + _hours(chance, 0.2, 3.8) for slot in range(6)]
            moments += [(created, created + _shortly(chance)) for created in full]
            others = 2
        moments += [(midnight + timedelta(hours=chance.triangular(0.5, 22, 16)), None) for _ in range(others)]
    return sorted(moments, key=lambda moment: moment[0])


def _payments(chance: Random, since: datetime, until: datetime) -> tuple[list[Job], list[Payment]]:
    people = {person.id: person for person in clients()}
    jobs = {FIXED_JOB_ID: _fixed_job()}
    payments = [_fixed_payment()]
    again: Job | None = None  # after a decline the client often tries once more
    job_id = 0
    for index, (created, promised) in enumerate(_moments(chance, since), 1):
        number = index if index < FIXED_PAYMENT_ID else index + 1
        status = "succeeded" if promised or number == _DELETED_PAYMENT_ID else _status(chance, until - created)
        paid = (promised or _paid_at(chance, created, until)) if status == "succeeded" else None
        if again is None:
            job_id += 1 if job_id + 1 != FIXED_JOB_ID else 2
        job = again or _job(chance, job_id, people[chance.choice(list(people))], created - timedelta(minutes=12), status)
        payment = _payment(chance, number, created, paid, job, people[job.client_id].currency, status)
        again = job if status == "failed" and chance.random() < 0.6 else None
        if number == _DELETED_PAYMENT_ID:
            payments.append(replace(payment, client_id=None, cleaner_id=None, job_id=None))
        else:
            jobs[job.id] = job
            payments.append(payment)
    return sorted(jobs.values(), key=lambda job: job.id), sorted(payments, key=lambda payment: payment.id)


def _status(chance: Random, age: timedelta) -> str:
    weights = (60, 10, 6, 14, 10) if age < timedelta(days=14) else (77, 12, 7, 3, 1)
    return chance.choices(("succeeded", "failed", "cancelled", "pending", "processing"), weights)[0]


def _paid_at(chance: Random, created: datetime, until: datetime) -> datetime:
    hours_later = created + _hours(chance, 1, 9)
    return hours_later if chance.random() < 0.08 and hours_later < until else created + _shortly(chance)


def _job(chance: Random, number: int, client: Person, created: datetime, status: str) -> Job:
    is_unassigned = chance.random() < (0.03 if status == "succeeded" else 0.25)
    address = HOSTILE[number // 23 % len(HOSTILE)][:255] if number % 23 == 7 else client.address
    cleaner = None if is_unassigned else chance.choice([person.id for person in cleaners() if person.currency == client.currency])
    state = {"succeeded": "completed", "cancelled": "cancelled"}.get(status, "scheduled")
    return Job(number, chance.choice(list(_PRICES)), address, state, created, cleaner, client.id)


def _payment(chance: Random, number: int, created: datetime, paid: datetime | None, job: Job, currency: str, status: str) -> Payment:
    intent = _token(chance, 23)
    error = _error(chance) if status == "failed" else {}
    is_charged = status == "succeeded" or "decline_code" in error
    stripe = (f"pi_3{intent}", f"ch_3{intent[:16]}{_token(chance, 7)}" if is_charged else _absent(chance))
    money = _money(chance, job.service_type, currency)
    method = _method(chance, currency, status)
    words = (_metadata(chance, number, job, error), _description(chance, number, job))
    return Payment(number, *money, currency, *stripe, *method, status, created, paid, *words, job.client_id, job.cleaner_id, job.id)


def _money(chance: Random, service: str, currency: str) -> tuple[Decimal, Decimal, Decimal]:
    """Amount, fee and payout: mostly round amounts, sometimes to the cent; a few were booked in a promotion."""
    low, high = _PRICES[service]
    is_round = chance.random() < 0.8
    if currency == "jpy":
        minor = chance.randrange(low * _YEN_PER_DOLLAR, high * _YEN_PER_DOLLAR, 500 if is_round else 10)
    else:
        minor = chance.randrange(low * 100, high * 100, 250 if is_round else 1)
    fee = (minor * (10 if chance.random() < 0.02 else 15) + 50) // 100  # half up, in the currency's own unit
    decimals = 0 if currency == "jpy" else 2
    return Decimal(minor).scaleb(-decimals), Decimal(fee).scaleb(-decimals), Decimal(minor - fee).scaleb(-decimals)


def _method(chance: Random, currency: str, status: str) -> tuple[str | None, str | None, str | None]:
    """Type, brand and last4. A pending payment often has no method yet; only cards have a brand."""
    if status == "pending" and chance.random() < 0.7:
        return _absent(chance), _absent(chance), _absent(chance)
    if status != "failed" and currency == "eur" and chance.random() < 0.3:
        return "sepa_debit", "", f"{chance.randrange(10_000):04}"
    if status != "failed" and chance.random() < 0.04:
        return "link", "", ""
    return "card", chance.choice(_BRANDS), f"{chance.randrange(10_000):04}"


def _error(chance: Random) -> dict[str, str]:
    """Most failures reached the card and were declined there; the others have no charge."""
    if chance.random() < 0.75:
        return {"error": "card_declined", "decline_code": chance.choice(_DECLINES)}
    return {"error": "authentication_required"}


def _metadata(chance: Random, number: int, job: Job, error: dict[str, str]) -> str | None:
    if not error and chance.random() < 0.13:
        return chance.choice((None, "{}"))
    note = {"note": HOSTILE[number // 31 % len(HOSTILE)], "\x1b[31m[/x]\u202e": "a hostile key"} if number % 31 == 3 else {}
    return json.dumps({"job_id": str(job.id), "platform": "ecloud"} | error | note)


def _description(chance: Random, number: int, job: Job) -> str | None:
    if number % 16 == 9:
        return HOSTILE[number // 16 % len(HOSTILE)]
    return _absent(chance) if chance.random() < 0.08 else f"{job.service_type.capitalize()} of {job.property_address}"


def _refunds(chance: Random, payments: list[Payment], until: datetime) -> tuple[list[Payment], list[Refund]]:
    """The payments with what came back of them, and the refund rows. One payment was refunded by hand and has no row."""
    old = [
        payment
        for payment in payments
        if payment.paid_at and payment.id != FIXED_PAYMENT_ID and until - payment.paid_at > timedelta(days=6)
    ]
    chosen = sorted(chance.sample(old, len(_REFUNDS)), key=lambda payment: payment.id)
    refunded = {payment.id: payment for payment in payments}
    rows: list[Refund] = []
    for number, (payment, parts) in enumerate(zip(chosen, _REFUNDS, strict=True)):
        reason = HOSTILE[number] if number % 3 == 2 else _REASONS[number % len(_REASONS)]
        for days, (percent, ending) in enumerate(parts, 2):
            row = _refund(chance, payment, days, percent, ending, reason)
            if ending in ("completed", "by hand"):
                total = refunded[payment.id].refund_amount + row.amount
                refunded[payment.id] = replace(
                    refunded[payment.id], refund_amount=total, refund_reason=reason, refunded_at=row.processed_at
                )
            if ending != "by hand":
                rows.append(row)
    rows.sort(key=lambda row: row.created_at)
    return list(refunded.values()), [replace(row, id=number) for number, row in enumerate(rows, 1)]


def _refund(chance: Random, payment: Payment, days: int, percent: int, ending: str, reason: str) -> Refund:
    created = (payment.paid_at or payment.created_at) + timedelta(days=days) + _hours(chance, 0, 20)
    amount = (payment.amount * percent / 100).quantize(Decimal(1) if payment.currency == "jpy" else Decimal("0.01"))
    if ending == "requested":  # in the backend: nobody has asked Stripe yet
        return Refund(amount, reason, "pending", None, created, None, payment.id)
    stripe_id = "re_3" + payment.stripe_payment_intent_id[4:20] + _token(chance, 7)
    processed = None if ending == "pending" else created + _shortly(chance)
    return Refund(amount, reason, ending, stripe_id, created, processed, payment.id)


def _charges(payments: list[Payment]) -> Iterator[Transaction]:
    for row in payments:
        if row.status == "succeeded":
            yield Transaction("charge", row.amount, "completed", row.stripe_charge_id, row.created_at, row.paid_at, row.id)
        elif row.status == "failed":
            ended = row.created_at + timedelta(seconds=2)
            yield Transaction("charge", row.amount, "failed", row.stripe_charge_id or None, row.created_at, ended, row.id, row.metadata)


def _refund_movements(refunds: list[Refund]) -> Iterator[Transaction]:
    """A request has moved nothing yet, so it has no transaction."""
    for row in refunds:
        if row.stripe_refund_id is not None:
            yield Transaction("refund", row.amount, row.status, row.stripe_refund_id, row.created_at, row.processed_at, row.payment_id)


def _payouts(chance: Random, payments: list[Payment], payable: dict[int, str], until: datetime) -> Iterator[Transaction]:
    for row in payments:
        if row.paid_at is None or row.cleaner_id not in payable or row.id == FIXED_PAYMENT_ID or row.refund_amount == row.amount:
            continue
        if until - row.paid_at < timedelta(days=5) or chance.random() < 0.15:
            continue
        created = row.paid_at + timedelta(days=2) + _hours(chance, 0, 20)
        status = chance.choices(("completed", "pending", "failed"), (96, 3, 1))[0]
        ended = None if status == "pending" else created + _hours(chance, 1, 24)
        destination = json.dumps({"destination": payable[row.cleaner_id]})
        yield Transaction("payout", row.cleaner_payout, status, "tr_1" + _token(chance, 23), created, ended, row.id, destination)


def _fixed_job() -> Job:
    created = datetime(2025, 1, 27, 14, 18, 15, 123456, UTC)
    return Job(FIXED_JOB_ID, "Deep Cleaning", "123 Main St", "completed", created, FIXED_CLEANER_ID, FIXED_CLIENT_ID)


def _fixed_payment() -> Payment:
    money = (Decimal("100.00"), Decimal("15.00"), Decimal("85.00"))
    stripe = ("pi_3SMUfcQ1SldwUSm92tASE3le", "ch_3SMUfcQ1SldwUSm92tASE3le", "card", "visa", "4242")
    dates = (datetime(2025, 1, 27, 14, 30, 15, 123456, UTC), datetime(2025, 1, 27, 14, 30, 45, 654321, UTC))
    words = ('{"job_id": "14", "platform": "ecloud"}', "Deep cleaning of 123 Main St")
    parties = (FIXED_CLIENT_ID, FIXED_CLEANER_ID, FIXED_JOB_ID)
    return Payment(FIXED_PAYMENT_ID, *money, "usd", *stripe, "succeeded", *dates, *words, *parties)


def _absent(chance: Random) -> str | None:
    """The backend says nothing in two ways."""
    return chance.choice((None, ""))


def _token(chance: Random, length: int) -> str:
    return "".join(chance.choices(ascii_letters + digits, k=length))


def _hours(chance: Random, low: float, high: float) -> timedelta:
    return timedelta(hours=chance.uniform(low, high))


def _shortly(chance: Random) -> timedelta:
    return timedelta(seconds=chance.uniform(2, 240))
