"""Transactions that write while the line is cut, the server goes down or others are in the way: what is then true, and what is said."""

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import psycopg
import pytest
from sqlalchemy import text

from ecloud_pay.adapters.postgres.engine import Database, Snapshot
from ecloud_pay.adapters.postgres.ledger import PostgresLedger
from ecloud_pay.adapters.postgres.login import parse_login
from ecloud_pay.adapters.postgres.tables import Names
from ecloud_pay.adapters.postgres.writing import PAUSES_S, Writer
from ecloud_pay.domain.errors import Busy, EcloudPayError, NotConfigured, NotFound, OutcomeUnknown, Unavailable
from support.backend import Backend, drop_database
from support.refunding import accepted, keep, order, put_back, sentences
from support.wire import Wire

UNKNOWN = (
    "the database broke off while it was writing down what happened, and has not answered since",
    "It may or may not have been written.",
    "When the database is back: ecloud-pay refund --resume",
)


@pytest.fixture(scope="module")
def kept_backend(server: str) -> Iterator[Backend]:
    """One database for this module: the shape of the tables makes no difference here."""
    backend = keep(Backend.create(server, "django"))
    yield backend
    drop_database(server, backend.conninfo)


@pytest.fixture
def backend(kept_backend: Backend) -> Backend:
    """With its rows as at the start."""
    return put_back(kept_backend)


@dataclass
class Pauses:
    """Counts the pauses between the tries; `meanwhile` happens in the first one."""

    seconds: list[float] = field(default_factory=list)
    meanwhile: Callable[[], None] = lambda: None

    def __call__(self, seconds: float) -> None:
        self.seconds.append(seconds)
        if len(self.seconds) == 1:
            self.meanwhile()


def writer(backend: Backend, pauses: Pauses) -> Writer:
    return Writer(database(backend), pauses)


def database(backend: Backend) -> Database:
    return Database(parse_login(backend.conninfo, "DATABASE_URL"), Names(), "UTC")


def note(transaction: Snapshot) -> str:
    """Work that is harmless to repeat: it looks first, as all work does that a writer is given."""
    run(transaction, "SELECT 1 FROM payments_payment WHERE id = 5 FOR UPDATE")
    [(noted,)] = run(transaction, "SELECT description FROM payments_payment WHERE id = 5").all()
    if noted != "noted":
        run(transaction, "UPDATE payments_payment SET description = 'noted' WHERE id = 5")
    return "found" if noted == "noted" else "written"


def run(transaction: Snapshot, statement: str) -> Any:
    return transaction.connection.execute(text(statement))


def noted(backend: Backend) -> bool:
    return backend.rows("SELECT description FROM payments_payment WHERE id = 5") == [("noted",)]


def said(act: Callable[[], Any]) -> tuple[Any, ...]:
    with pytest.raises(EcloudPayError) as raised:
        act()
    return (type(raised.value), *sentences(raised.value))


def test_what_was_done_is_committed_and_returned(backend: Backend) -> None:
    pauses = Pauses()
    assert writer(backend, pauses).run(note) == "written"
    assert noted(backend)
    assert pauses.seconds == []


@pytest.mark.parametrize("error", [Busy("no"), NotFound("no"), ZeroDivisionError("no")])
def test_what_the_work_raises_is_raised_at_once_and_undone(backend: Backend, error: Exception) -> None:
    def work(transaction: Snapshot) -> None:
        note(transaction)
        raise error

    pauses = Pauses()
    with pytest.raises(type(error)) as raised:
        writer(backend, pauses).run(work)
    assert raised.value is error
    assert not noted(backend)
    assert pauses.seconds == []


@pytest.mark.parametrize(
    ("cut", "first"),
    [
        ({"cut_after": "UPDATE payments_payment"}, "written"),
        ({"cut_after": "COMMIT"}, "written"),  # before the server has it
        ({"cut_answer_of": "COMMIT"}, "found"),  # after the server has done it
    ],
)
def test_a_line_that_is_cut_once_is_gone_over_again(backend: Backend, cut: dict[str, str], first: str) -> None:
    with Wire(backend.conninfo, **cut) as wire:  # type: ignore[arg-type]
        through = database(backend.with_(**wire.address))
        pauses = Pauses(meanwhile=wire.heal)
        assert Writer(through, pauses).run(note) == first
        assert wire.cuts == 1
    assert noted(backend)
    assert pauses.seconds == [PAUSES_S[0]]


def test_a_line_that_stays_cut_before_a_commit_has_written_nothing(backend: Backend) -> None:
    pauses = Pauses()
    with Wire(backend.conninfo, cut_after="UPDATE payments_payment") as wire:
        kind, _, now, to_do = said(lambda: Writer(database(backend.with_(**wire.address)), pauses).run(note))
    assert (kind, now, to_do) == (Unavailable, "Nothing was changed.", "Repeat the command; it is safe to.")
    assert wire.cuts == len(PAUSES_S) + 1
    assert pauses.seconds == list(PAUSES_S)
    assert not noted(backend)


@pytest.mark.parametrize(("cut", "is_noted"), [("cut_after", False), ("cut_answer_of", True)])
def test_a_database_that_is_gone_behind_a_cut_commit_leaves_it_unknown(backend: Backend, cut: str, is_noted: bool) -> None:
    """Whether it was written cannot be found out: the same words, whichever is true."""
    pauses = Pauses()
    with Wire(backend.conninfo, **{cut: "COMMIT"}) as wire:  # type: ignore[arg-type]
        pauses.meanwhile = wire.close
        assert said(lambda: Writer(database(backend.with_(**wire.address)), pauses).run(note)) == (OutcomeUnknown, *UNKNOWN)
        assert wire.cuts == 1
    assert pauses.seconds == list(PAUSES_S)
    assert noted(backend) is is_noted


def test_a_login_that_is_refused_behind_a_cut_commit_leaves_it_unknown(backend: Backend) -> None:
    name = "ecp_scribe"
    backend.run(f"CREATE ROLE {name} LOGIN; GRANT SELECT, UPDATE ON payments_payment TO {name}")
    try:
        pauses = Pauses(meanwhile=lambda: backend.run(f"ALTER ROLE {name} NOLOGIN"))
        with Wire(backend.conninfo, cut_answer_of="COMMIT") as wire:
            through = database(backend.with_(user=name, **wire.address))
            assert said(lambda: Writer(through, pauses).run(note)) == (OutcomeUnknown, *UNKNOWN)
    finally:
        backend.run(f"DROP OWNED BY {name}; DROP ROLE {name}")
    assert noted(backend)


def test_a_login_that_is_refused_from_the_start_is_not_tried_again(backend: Backend) -> None:
    pauses = Pauses()
    with pytest.raises(NotConfigured, match="refused the login"):
        writer(backend.with_(user="nobody_like_that"), pauses).run(note)
    assert pauses.seconds == []


def test_a_server_that_cannot_be_reached_is_tried_five_times(backend: Backend) -> None:
    pauses = Pauses()
    assert said(lambda: writer(backend.with_(host="127.0.0.1", hostaddr="", port="1"), pauses).run(note))[0] is Unavailable
    assert pauses.seconds == list(PAUSES_S)


def test_a_session_that_is_terminated_is_begun_again(backend: Backend) -> None:
    runs: list[int] = []

    def work(transaction: Snapshot) -> str:
        if not runs:
            [(pid,)] = run(transaction, "SELECT pg_backend_pid()").all()
            runs.append(pid)
            backend.rows("SELECT pg_terminate_backend(%s)", pid)
        return note(transaction)

    pauses = Pauses()
    assert writer(backend, pauses).run(work) == "written"
    assert (pauses.seconds, noted(backend)) == ([PAUSES_S[0]], True)


def test_of_two_that_lock_each_other_both_get_their_turn(backend: Backend) -> None:
    """A real deadlock: each holds one payment and wants the other's. The server ends one of them, which then begins again."""
    meet = threading.Barrier(2, timeout=10)
    tries: list[int] = []

    def locking(mine: int, other: int) -> Callable[[Snapshot], None]:
        has_met = False

        def work(transaction: Snapshot) -> None:
            nonlocal has_met
            tries.append(mine)
            run(transaction, "SET LOCAL deadlock_timeout = '20ms'")
            run(transaction, f"UPDATE payments_payment SET description = 'locked' WHERE id = {mine}")
            if not has_met:
                has_met = True
                meet.wait()
            run(transaction, f"UPDATE payments_payment SET description = 'locked' WHERE id = {other}")

        return work

    threads = [threading.Thread(target=writer(backend, Pauses()).run, args=(locking(*pair),)) for pair in ((5, 10), (10, 5))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(tries) in ([5, 5, 10], [5, 10, 10])
    assert backend.rows("SELECT id FROM payments_payment WHERE description = 'locked' ORDER BY id") == [(5,), (10,)]


@pytest.mark.parametrize(("failures", "is_done"), [(4, True), (5, False)])
def test_a_serialization_failure_is_tried_five_times(backend: Backend, failures: int, is_done: bool) -> None:
    tries: list[int] = []

    def work(transaction: Snapshot) -> str:
        tries.append(1)
        if len(tries) <= failures:
            run(transaction, "DO $$ BEGIN RAISE serialization_failure; END $$")
        return note(transaction)

    pauses = Pauses()
    if is_done:
        assert writer(backend, pauses).run(work) == "written"
    else:
        assert said(lambda: writer(backend, pauses).run(work))[0] is Unavailable
    assert (len(tries), len(pauses.seconds), noted(backend)) == (5, 4, is_done)


@pytest.mark.parametrize(("state", "kind"), [("55P03", Busy), ("57014", Unavailable), ("23505", NotConfigured), ("42501", NotConfigured)])
def test_what_a_second_try_would_not_mend_is_not_tried_again(backend: Backend, state: str, kind: type[EcloudPayError]) -> None:
    pauses = Pauses()
    assert said(lambda: writer(backend, pauses).run(lambda transaction: _raise(transaction, state)))[0] is kind
    assert pauses.seconds == []


def _raise(transaction: Snapshot, state: str) -> None:
    note(transaction)
    run(transaction, f"DO $$ BEGIN RAISE EXCEPTION 'no' USING ERRCODE = '{state}'; END $$")


def test_a_payment_that_stays_locked_behind_a_cut_commit_leaves_it_unknown(backend: Backend, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ecloud_pay.adapters.postgres.engine.LOCK_TIMEOUT_S", 0.05)
    with psycopg.connect(backend.conninfo) as other, Wire(backend.conninfo, cut_after="COMMIT") as wire:

        def heal_and_hold() -> None:
            wire.heal()
            other.execute("SELECT 1 FROM payments_payment WHERE id = 5 FOR UPDATE")

        pauses = Pauses(meanwhile=heal_and_hold)
        assert said(lambda: Writer(database(backend.with_(**wire.address)), pauses).run(note)) == (OutcomeUnknown, *UNKNOWN)


@pytest.mark.parametrize("cut", ["cut_after", "cut_answer_of"])
def test_each_commit_of_a_refund_that_is_cut_is_resolved(backend: Backend, cut: str) -> None:
    """The intent is there once, it is sent once, it is settled once, and its line is written once."""
    written: list[Any] = []
    with Wire(backend.conninfo) as wire:
        through = database(backend.with_(**wire.address))
        ledger = PostgresLedger(through, Writer(through, Pauses(meanwhile=wire.heal)))
        steps: list[Callable[[Any], Any]] = [
            lambda _: ledger.open_intent(order(), lambda _: None),
            lambda intent: ledger.mark_sent(intent, "line"),
            lambda intent: ledger.settle(intent, accepted()),
            lambda intent: ledger.record_audited(intent, written.append),
        ]
        intent = None
        for step in steps:
            ledger = PostgresLedger(through, Writer(through, Pauses(meanwhile=wire.heal)))
            wire.break_at(**{cut: "COMMIT"})
            intent = step(intent)
        assert wire.cuts == 4
    [(metadata,)] = backend.rows("SELECT metadata -> 'ecloud_pay' FROM payments_transaction WHERE id > 1000")
    assert (metadata["attempts"], metadata["ending"], metadata["audited"]) == (2 if cut == "cut_answer_of" else 1, "accepted", True)
    assert backend.rows("SELECT status, stripe_refund_id FROM payments_refund WHERE payment_id = 5") == [("completed", "re_1")]
    assert backend.rows("SELECT refund_amount::text FROM payments_payment WHERE id = 5") == [("25.00",)]
    assert len(written) == (1 if cut == "cut_answer_of" else 2)
