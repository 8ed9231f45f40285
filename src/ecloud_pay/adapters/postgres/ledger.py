"""The rows that a refund reads and writes: ports.Ledger on PostgreSQL.

Every transaction that writes locks the payment by its primary key first, so that whatever two runs do to one payment, one of them is
first. Instants come from the database's clock.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import and_, func, select, text

from ecloud_pay.adapters.postgres import ledger_statements as statements
from ecloud_pay.adapters.postgres.engine import Database, Snapshot
from ecloud_pay.adapters.postgres.intents import OUR_KEY, intent_json, intent_of
from ecloud_pay.adapters.postgres.payments import PostgresReader
from ecloud_pay.adapters.postgres.tables import quoted
from ecloud_pay.adapters.postgres.writing import Writer
from ecloud_pay.domain.at_stripe import RefundAtStripe, RefundState
from ecloud_pay.domain.errors import Busy, EcloudPayError, NotConfigured, NotFound, Refused
from ecloud_pay.domain.payment import Payment, PaymentFile
from ecloud_pay.domain.reference import Reference
from ecloud_pay.domain.refund import KEY_GOOD_FOR, Actor, Ending, Intent, Order, PendingRow, Settled, Settlement, is_open_request
from ecloud_pay.ports import Place, Standing, Unfinished

UNAUDITED_WITHIN = timedelta(days=45)
MOST_CANDIDATES = 20


class PostgresLedger:
    """ports.Ledger."""

    def __init__(self, database: Database, writer: Writer) -> None:
        self._database = database
        self._writer = writer

    def place(self) -> Place:
        with self._reading() as (snapshot, _):
            row = snapshot.connection.execute(_PLACE).one()
            info = snapshot.connection.connection.driver_connection.info  # type: ignore[union-attr]  # psycopg's, while it is open
            return Place(f"{info.host}/{info.dbname}", row.takes_writes, tuple(_lacking(snapshot)))

    def candidates(self, reference: Reference) -> Sequence[Payment]:
        with self._reading() as (_, reader):
            return reader.candidates(reference, MOST_CANDIDATES)

    def read(self, payment_id: int) -> Standing | None:
        with self._reading() as (snapshot, reader):
            return _standing(snapshot, reader, payment_id)

    def request(self, refund_row: int) -> PendingRow | None:
        with self._reading() as (snapshot, reader):
            payment_id = snapshot.connection.execute(statements.payment_of_refund(snapshot, refund_row)).scalar()
            file = None if payment_id is None else reader.file(payment_id)
            return None if file is None else _row(file, refund_row)

    def operator(self, email: str) -> Actor:
        with self._reading() as (snapshot, _):
            return _operator(snapshot, email)

    def open_intent(self, order: Order, accept: Callable[[Standing], None]) -> Intent:
        def work(transaction: Snapshot) -> Intent:
            standing = self._lock(transaction, order.payment_id)
            already = standing.intent(order.key)
            if already is not None:
                return already
            accept(standing)
            refund_id = order.request_row or _inserted(transaction, statements.refund_row(transaction, order, standing.now))
            intent = Intent(order, refund_id, 0, standing.now)
            metadata = {OUR_KEY: intent_json(intent)}
            transaction_id = _inserted(transaction, statements.transaction_row(transaction, order, standing.now, metadata))
            return replace(intent, transaction_id=transaction_id)

        return self._writer.run(work)

    def mark_sent(self, intent: Intent, requested_line: str) -> Intent | None:
        def work(transaction: Snapshot) -> Intent | None:
            standing = self._lock(transaction, intent.order.payment_id)
            current = _current(standing, intent)
            if not _may_be_sent(standing, current):
                return None
            marked = replace(
                current,
                first_sent_at=current.first_sent_at or standing.now,
                last_sent_at=standing.now,
                attempts=current.attempts + 1,
                requested_line=current.requested_line or requested_line,
            )
            changed = transaction.connection.execute(
                statements.transaction_change(transaction, marked).where(transaction.tables.transaction.c.status == RefundState.PENDING)
            )
            return marked if changed.rowcount == 1 else None

        return self._writer.run(work)

    def settle(self, intent: Intent, settlement: Settlement) -> Intent:
        def work(transaction: Snapshot) -> Intent:
            standing = self._lock(transaction, intent.order.payment_id)
            current = _current(standing, intent)
            if current.settlement is not None and not _overrules(settlement, current.settlement, current.order.key):
                return current
            bears_its_key = settlement.refund is not None and settlement.refund.key == current.order.key
            if not bears_its_key and current.attempts != intent.attempts:
                # Any other end lets the next one begin, while an attempt that we know nothing of may be under way.
                raise Busy("another run has sent it since")
            settled = replace(current, settlement=_settled(settlement, standing.now), is_audited=False)
            self._write(transaction, standing, settled, settlement)
            return settled

        return self._writer.run(work)

    def record_audited(self, intent: Intent, write: Callable[[Intent], None]) -> None:
        def work(transaction: Snapshot) -> None:
            standing = self._lock(transaction, intent.order.payment_id)
            current = _current(standing, intent)
            if current.is_audited or current.settlement is None:
                return
            write(current)
            audited = replace(current, is_audited=True)
            transaction.connection.execute(statements.transaction_change(transaction, audited))

        self._writer.run(work)

    def unfinished(self) -> Unfinished:
        intents: list[Intent] = []
        damaged: list[EcloudPayError] = []
        with self._reading() as (snapshot, reader):
            for row in snapshot.connection.execute(statements.recent_intents(snapshot, UNAUDITED_WITHIN)):
                try:
                    found = intent_of(reader.rows.transaction(row, row.currency))
                except NotConfigured as error:
                    damaged.append(error)
                else:
                    intents += [found] if found else []
        return Unfinished(
            unsettled=[intent for intent in intents if not intent.is_settled],
            unaudited=[intent for intent in intents if intent.is_settled and not intent.is_audited],
            damaged=damaged,
        )

    def pending(self) -> Sequence[PendingRow]:
        with self._reading() as (snapshot, reader):
            rows = snapshot.connection.execute(statements.pending_refunds(snapshot)).all()
            found = []
            for row in rows:
                file = reader.file(row.payment_id)
                pending = file and _row(file, row.id)
                if file and pending and not _is_ours_to_settle(file, row.id):
                    found.append(pending)
            return found

    def decline_request(self, refund_row: int, write: Callable[[], None]) -> bool:
        has_written = False

        def work(transaction: Snapshot) -> bool:
            nonlocal has_written
            payment_id = transaction.connection.execute(statements.payment_of_refund(transaction, refund_row)).scalar()
            if payment_id is None:
                return False
            standing = self._lock(transaction, payment_id)
            if any(intent.refund_id == refund_row and not intent.is_settled for intent in standing.intents):
                return False
            if transaction.connection.execute(statements.declined_request(transaction, refund_row, standing.now)).rowcount == 1:
                if not has_written:
                    write()
                has_written = True
            # A repeat that finds it closed had committed: only its answer was lost.
            return has_written

        return self._writer.run(work)

    @contextmanager
    def _reading(self) -> Iterator[tuple[Snapshot, PostgresReader]]:
        with self._database.snapshot() as snapshot:
            yield snapshot, PostgresReader(snapshot, self._database.zone)

    def _lock(self, transaction: Snapshot, payment_id: int) -> Standing:
        payment = transaction.tables.payment
        transaction.connection.execute(select(payment.c.id).where(payment.c.id == payment_id).with_for_update())
        standing = _standing(transaction, PostgresReader(transaction, self._database.zone), payment_id)
        if standing is None:
            raise NotFound(f"there is no payment #{payment_id} any more", now="Nothing was written.")
        return standing

    def _write(self, transaction: Snapshot, standing: Standing, settled: Intent, settlement: Settlement) -> None:
        """The three rows of a settlement. The refund row of a backend's request that was never executed stays a request; one that the
        backend has deleted stays deleted, and transaction and payment are written all the same."""
        at = settlement.refund.created if settlement.refund else standing.now
        transaction.connection.execute(statements.transaction_change(transaction, settled, settlement=settlement, completed_at=at))
        stays_a_request = settled.order.request_row is not None and settlement.ending in (Ending.NOT_SENT, Ending.ABANDONED)
        if not stays_a_request:
            transaction.connection.execute(statements.refund_change(transaction, settled, settlement, at))
        if settlement.refund is not None and settlement.state is RefundState.COMPLETED:
            # `standing` is from before our own row was changed just now.
            is_counted = _is_completed_already(standing.file, settled.refund_id, settlement.refund)
            change = statements.payment_catching_up if is_counted else statements.payment_change
            transaction.connection.execute(change(transaction, settled.order, at))


# A standby, a login and a session that are read-only say so in one setting.
_PLACE = text(
    """SELECT NOT pg_is_in_recovery()
              AND (SELECT reset_val FROM pg_catalog.pg_settings WHERE name = 'default_transaction_read_only') = 'off' AS takes_writes"""
)


def _lacking(snapshot: Snapshot) -> Iterator[str]:
    """The privileges that a refund needs and this login has not: found out before any money moves, not after.

    Of the table, or else of every column that is written: one granted for some other column would fail when it is too late.
    """
    tables = snapshot.tables
    for table, written in ((tables.payment, _OF_PAYMENT), (tables.refund, _OF_REFUND), (tables.transaction, _OF_TRANSACTION)):
        for privilege, columns in written.items():
            name = quoted(table)
            of_columns = and_(*(func.has_column_privilege(name, column, privilege) for column in columns))
            if not snapshot.connection.execute(select(func.has_table_privilege(name, privilege) | of_columns)).scalar():
                yield f"{privilege} on {table.name}"


_OF_PAYMENT = {"UPDATE": ("refund_amount", "refund_reason", "refunded_at")}
_OF_REFUND = {
    "INSERT": ("payment_id", "amount", "reason", "status", "stripe_refund_id", "requested_by_id", "created_at", "processed_at"),
    "UPDATE": ("status", "stripe_refund_id", "processed_at"),
}
_OF_TRANSACTION = {
    "INSERT": ("payment_id", "transaction_type", "amount", "status", "stripe_transaction_id", "created_at", "completed_at", "metadata"),
    "UPDATE": ("status", "stripe_transaction_id", "completed_at", "metadata"),
}


def _standing(snapshot: Snapshot, reader: PostgresReader, payment_id: int) -> Standing | None:
    file = reader.file(payment_id)
    if file is None:
        return None
    now: datetime = snapshot.connection.execute(select(func.clock_timestamp())).scalar_one()
    return Standing(file, tuple(_intents(file)), now.astimezone(UTC))


def _intents(file: PaymentFile) -> list[Intent]:
    return [intent for intent in map(intent_of, file.transactions) if intent is not None]


def _is_ours_to_settle(file: PaymentFile, refund_row: int) -> bool:
    """Whether an intent of ours waits for that row; one that nobody can read may, and is told elsewhere."""
    try:
        return any(intent.refund_id == refund_row and not intent.is_settled for intent in _intents(file))
    except NotConfigured:
        return True


def _row(file: PaymentFile, refund_row: int) -> PendingRow | None:
    refund = file.refund(refund_row)
    return None if refund is None else PendingRow(file.payment, refund)


def _is_completed_already(file: PaymentFile, refund_row: int, refund: RefundAtStripe) -> bool:
    """Whether a completed row stands for that refund: one that bears its id, or the intent's own that bears none."""
    completed = [row for row in file.refunds if row.status == RefundState.COMPLETED]
    return any(row.stripe_refund_id == refund.id or (row.id == refund_row and row.stripe_refund_id is None) for row in completed)


def _current(standing: Standing, intent: Intent) -> Intent:
    found = next((one for one in standing.intents if one.transaction_id == intent.transaction_id), None)
    if found is None:
        raise NotFound(f"transaction #{intent.transaction_id} of payment #{intent.order.payment_id} is gone", now="Nothing was written.")
    return found


def _may_be_sent(standing: Standing, current: Intent) -> bool:
    row = standing.file.refund(current.refund_id)
    is_pending = row is not None and is_open_request(row) and not current.is_settled
    return is_pending and (current.first_sent_at is None or standing.now - current.first_sent_at < KEY_GOOD_FOR)


def _overrules(settlement: Settlement, settled: Settled, key: str) -> bool:
    """A refund of Stripe's that bears our key is a fact, whatever was settled before it was seen."""
    return settlement.refund is not None and settlement.refund.key == key and settled.stripe_refund_id is None


def _settled(settlement: Settlement, now: datetime) -> Settled:
    return Settled(
        ending=settlement.ending,
        state=settlement.state,
        stripe_refund_id=settlement.refund.id if settlement.refund else None,
        words=settlement.words,
        is_adopted=settlement.is_adopted,
        is_replay=settlement.is_replay,
        request_id=settlement.request_id,
        settled_at=now,
    )


def _inserted(transaction: Snapshot, insertion: Any) -> int:
    number: int = transaction.connection.execute(insertion).scalar_one()
    return number


def _operator(snapshot: Snapshot, email: str) -> Actor:
    user = snapshot.tables.user
    if not {"is_active", "is_staff"} <= snapshot.user_columns:
        raise Refused(
            f"the user table {user.name} has no is_active and is_staff, so nobody can be known to be staff",
            now="Nothing was sent.",
            to_do="Refund in the Dashboard, or have the backend's owner provide these columns.",
        )
    rows = snapshot.connection.execute(
        select(user.c.id, user.c.email, user.c.is_active, user.c.is_staff)
        .where(func.lower(user.c.email) == func.lower(email))
        .order_by(user.c.is_active.desc(), user.c.is_staff.desc(), user.c.id)
    ).all()
    staff = [row for row in rows if row.is_active and row.is_staff]
    if len(staff) == 1:
        return Actor(staff[0].id, staff[0].email)
    if len(staff) > 1:
        problem = f"{len(staff)} active staff users share"
    elif rows:
        problem = "no active staff user has"
    else:
        problem = "no user has"
    raise Refused(
        f"{problem} the e-mail that names the operator",
        now="Nothing was sent.",
        to_do="Name an active staff user of the backend with --as or ECLOUD_PAY_OPERATOR.",
    )
