"""What a line that may be run again means: the same payment and the same refund, whatever has happened since."""

import fcntl
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

import pytest

from support.batches import put_more_payments
from support.cashier import BOTH_SHAPES, LIMIT_S, Cashier, await_


@pytest.fixture
def job(cashier: Cashier) -> str:
    """A job with one payment, #101, that can be refunded; a second one, #102, is pending."""
    put_more_payments(cashier.backend, cashier.stripe)
    [(number,)] = cashier.backend.rows("SELECT job_id FROM payments_payment WHERE id = 5")
    cashier.backend.run(
        f"UPDATE payments_payment SET job_id = NULL WHERE id > 100 OR id = 5;"
        f" UPDATE payments_payment SET job_id = {number} WHERE id IN (101, 102);"
        f" UPDATE payments_payment SET status = 'pending' WHERE id = 102"
    )
    return f"job:{number}"


def pay_the_job_again(cashier: Cashier) -> None:
    cashier.backend.run("UPDATE payments_payment SET status = 'succeeded' WHERE id = 102")


@BOTH_SHAPES
def test_a_line_of_a_batch_that_names_a_job_means_the_payment_it_has_refunded(cashier: Cashier, job: str) -> None:
    (cashier.folder / "r.csv").write_text(f"ref,amount\n{job},100\n103,10\n")
    line = ("-q", "--from", "r.csv", "--yes")
    first = cashier(*line)
    assert first.code == 0
    again = cashier(*line)
    assert again.code == 0
    pay_the_job_again(cashier)
    assert cashier(*line).code == 0
    assert [cashier.refunds(f"pi_{number}") for number in (101, 102, 103)] == [[100_00], [], [10_00]]


def test_a_repeated_request_id_of_a_job_returns_the_first_outcome(cashier: Cashier, job: str) -> None:
    line = ("-q", job, "--yes", "--json", "--request-id", "a")
    first = cashier(*line)
    assert (first.code, first.json["payment_id"]) == (0, 101)
    with cashier.untouched():
        again = cashier(*line)
        assert (again.code, again.json["refund_id"]) == (0, first.json["refund_id"])
    pay_the_job_again(cashier)
    with cashier.untouched():
        assert cashier(*line).json["refund_id"] == first.json["refund_id"]
    other = cashier("-q", job, "--yes", "--json", "--request-id", "b")  # another wish means what is left of the job
    assert (other.code, other.json["payment_id"]) == (0, 102)


def test_the_same_request_id_twice_at_once_refunds_once_even_where_repeating_is_meant(cashier: Cashier) -> None:
    line = ("-q", "5", "--amount", "25", "--request-id", "a", "--allow-duplicate", "--yes")
    cashier.stripe.faults("stall_before", match="GET /v1/account", seconds=2)
    with cashier.started(*line) as second:
        await_(lambda: any("/v1/account" in seen.target for seen in cashier.stripe.journal()))
        assert cashier(*line).code == 0
        _, err = second.communicate(timeout=LIMIT_S)
    assert (second.returncode, err.splitlines()) == (
        7,
        [
            "ecloud-pay: another run has used --request-id a of payment #5 meanwhile",
            "Nothing was sent.",
            "The same line again tells how that one ended.",
        ],
    )
    assert cashier.refunds() == [25_00]
    assert cashier(*line).code == 0
    assert cashier.refunds() == [25_00]


def test_a_repeated_request_id_of_a_request_returns_the_first_outcome(cashier: Cashier) -> None:
    line = ("-q", "--request", "2", "--yes", "--json", "--request-id", "a")
    first = cashier(*line)
    assert first.code == 0
    with cashier.untouched():
        again = cashier(*line)
    assert (again.code, again.json["stripe_refund_id"]) == (0, first.json["stripe_refund_id"])


def test_a_declined_request_is_noted_down_even_where_the_operator_loses_patience(cashier: Cashier) -> None:
    """The line is written before the row is committed, and Ctrl-C waits for both."""
    path = Path(cashier.environ["ECLOUD_PAY_AUDIT_LOG"])
    with held(path) as trail, cashier.started("--decline-request", "2", "--yes") as started:
        await_(lambda: is_locked_by_a_transaction(cashier))
        started.send_signal(signal.SIGINT)
        time.sleep(0.2)
        fcntl.flock(trail, fcntl.LOCK_UN)
        out, err = started.communicate(timeout=LIMIT_S)
    assert (started.returncode, out, err) == (0, "", "The request in refund row #2 of payment #11 is closed; no money moved.\n")
    assert cashier.backend.rows("SELECT status FROM payments_refund WHERE id = 2") == [("failed",)]
    assert '"refund_failed"' in path.read_text()


def test_who_stops_waiting_for_that_is_told_where_to_look_and_the_request_stays_open(cashier: Cashier) -> None:
    with (
        held(Path(cashier.environ["ECLOUD_PAY_AUDIT_LOG"])),
        cashier.started("--tz", "Asia/Tokyo", "--decline-request", "2", "--yes") as started,
    ):
        await_(lambda: is_locked_by_a_transaction(cashier))
        for _ in range(2):
            started.send_signal(signal.SIGINT)
            time.sleep(0.3)
        out, err = started.communicate(timeout=LIMIT_S)
    told = "ecloud-pay: stopped by SIGINT; ecloud-pay --tz Asia/Tokyo refund --pending shows what is open.\n"
    assert (started.returncode, out, err) == (130, "", told)
    assert cashier.backend.rows("SELECT status FROM payments_refund WHERE id = 2") == [("pending",)]


@contextmanager
def held(path: Path) -> Iterator[TextIO]:
    """The audit trail, locked by somebody else."""
    path.write_text("{}\n")
    with open(path, "r+") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield file


def is_locked_by_a_transaction(cashier: Cashier) -> bool:
    return bool(
        cashier.backend.rows(
            "SELECT 1 FROM pg_locks JOIN pg_class ON pg_class.oid = relation"
            " WHERE relname = 'payments_refund' AND mode = 'RowExclusiveLock' AND pid <> pg_backend_pid()"
        )
    )


def test_who_refunds_beside_a_request_of_the_backend_sees_it(cashier: Cashier) -> None:
    told = "A request is open: row #2, $10.00 (refund --request 2)"
    assert told in cashier("11", "--amount", "5", "--dry-run").out
    assert told not in cashier("--request", "2", "--dry-run").out
