"""Ctrl-C, SIGTERM and a terminal that goes away: before anything is sent, and while money is in flight."""

import os
import signal
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress

import pytest

from support.cashier import CONSOLE, LIMIT_S, Cashier, await_
from support.office import FIVE

PAYMENT = ("5", "--amount", "25", "--yes")
SIGNALS = [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)]


def is_asked(cashier: Cashier, request: str, times: int = 1) -> Callable[[], bool]:
    """Whether Stripe has got that many requests that begin like that."""
    return lambda: sum(f"{seen.method} {seen.target}".startswith(request) for seen in cashier.stripe.journal()) >= times


def ended(started: "subprocess.Popen[str]") -> tuple[int, str, str]:
    """Exit code, stdout, stderr."""
    out, err = started.communicate(timeout=LIMIT_S)
    return started.returncode, out, err


# Before anything is sent


@pytest.mark.parametrize(("signum", "code"), SIGNALS)
def test_before_it_is_sent_nothing_is_and_that_is_said(refused: Cashier, signum: signal.Signals, code: int) -> None:
    refused.stripe.faults("stall_before", match="GET /v1/payment_intents", seconds=10)  # nobody waits for its end
    with refused.untouched(), refused.started(*PAYMENT) as started:
        await_(is_asked(refused, "GET /v1/payment_intents"))
        started.send_signal(signum)
        assert ended(started) == (code, "", f"ecloud-pay: stopped by {signum.name}; nothing was changed.\n")


def test_ctrl_c_at_the_question(refused: Cashier) -> None:
    with refused.untouched(), refused.terminal("5", "--amount", "25") as terminal:
        terminal.expect_exact("[y/N] ")
        terminal.sendintr()
        terminal.expect_exact("ecloud-pay: stopped by SIGINT; nothing was changed.\r\n")
        terminal.wait()
        assert terminal.exitstatus == 130


def test_a_terminal_that_is_closed_at_the_question(refused: Cashier) -> None:
    with refused.untouched():
        terminal = refused.terminal("5", "--amount", "25")
        terminal.expect_exact("[y/N] ")
        terminal.close(force=False)
        assert terminal.exitstatus == 129


def test_during_the_pause_before_another_try_nothing_is_sent_any_more(cashier: Cashier) -> None:
    cashier.stripe.faults("429", times=20)
    with cashier.started("-q", *PAYMENT) as started:
        await_(is_asked(cashier, "POST /v1/refunds", times=2))
        started.send_signal(signal.SIGTERM)
        code, out, err = ended(started)
    assert (code, err) == (143, "ecloud-pay: stopped by SIGTERM; nothing was sent, and that is recorded.\n")
    assert "│ Status: FAILED\n" in out
    assert cashier.refunds() == []
    assert [row[2] for row in cashier.refund_rows()] == ["failed"]
    assert cashier.events()[-1] == "refund_failed"


# While money is in flight


@pytest.mark.parametrize("signum", [signum for signum, _ in SIGNALS])
def test_a_refund_in_flight_lands_first(cashier: Cashier, signum: signal.Signals) -> None:
    cashier.stripe.faults("stall_after", seconds=0.8)
    with cashier.started(*PAYMENT) as started:
        await_(is_asked(cashier, "POST /v1/refunds"))
        started.send_signal(signum)
        code, out, err = ended(started)
    [refund] = cashier.stripe.refunds(FIVE)
    assert code == 0  # it was made
    assert f"│ Stripe Refund: {refund['id']}\n" in out
    assert err.endswith(
        "└──────────────────────────────────────────────────\nYou asked to stop while money was in flight; it was settled first.\n"
    )
    assert cashier.refund_rows() == [(5, "25.00", "completed", refund["id"], "", 1)]
    assert cashier.events() == ["refund_requested", "refund_sent", "refunded"]


def test_a_second_ctrl_c_stops_the_waiting_and_resume_settles_it(cashier: Cashier) -> None:
    cashier.stripe.faults("stall_after", seconds=2)
    with cashier.started("-q", *PAYMENT) as started:
        await_(is_asked(cashier, "POST /v1/refunds"))
        started.send_signal(signal.SIGINT)
        time.sleep(0.2)
        assert started.poll() is None  # the first one only asks
        started.send_signal(signal.SIGINT)
        assert ended(started) == (
            8,
            "",
            "ecloud-pay: you stopped waiting (SIGINT) while money was in flight\n"
            "It is recorded as unsettled; money may have moved.\n"
            "Do not repeat it. To settle it: ecloud-pay refund --resume 5\n",
        )
    cashier.stripe.settled()
    [refund] = cashier.stripe.refunds(FIVE)
    assert [row[2] for row in cashier.refund_rows()] == ["pending"]
    resumed = cashier("--resume", "5")
    assert (resumed.code, resumed.out) == (0, f"payment #5  COMPLETED  The refund {refund['id']} of 25.00 USD was made.\n")
    assert cashier.refunds() == [25_00]
    assert len(cashier.stripe.posts()) == 1


def test_an_ignored_hangup_stays_ignored(cashier: Cashier) -> None:
    """nohup, and background jobs of scripts."""
    cashier.stripe.faults("stall_after", seconds=0.5)
    line = ["sh", "-c", 'trap "" HUP; exec "$@"', "sh", *CONSOLE, "refund", *PAYMENT]
    with subprocess.Popen(
        line, env=cashier.environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=cashier.folder
    ) as started:
        await_(is_asked(cashier, "POST /v1/refunds"))
        started.send_signal(signal.SIGHUP)
        code, _, err = ended(started)
    assert (code, cashier.refunds()) == (0, [25_00])
    assert "stop" not in err


def test_resume_settles_the_one_in_flight_and_leaves_the_rest(cashier: Cashier) -> None:
    for ref in ("5", "12"):
        cashier.leave_unsettled(ref)
    cashier.stripe.faults("stall_after", seconds=0.8)
    with cashier.started("--resume") as started:
        await_(is_asked(cashier, "POST /v1/refunds", times=3))
        started.send_signal(signal.SIGTERM)
        code, out, err = ended(started)
    [refund] = cashier.stripe.refunds(FIVE)
    assert (code, out, err) == (
        143,
        f"payment #5  COMPLETED  The refund {refund['id']} of 10.00 USD was made.\n",
        "ecloud-pay: stopped by SIGTERM; what was begun has ended, and is recorded.\n",
    )
    assert [row[2] for row in cashier.refund_rows()] == ["completed", "pending"]
    assert cashier("-q", "--resume").code == 0
    assert (cashier.refunds(), cashier.refunds("pi_12")) == ([10_00], [10_00])


def test_a_second_ctrl_c_while_nobody_reads_stdout_says_what_was_made(cashier: Cashier) -> None:
    """A pager that stands still, a stalled ssh: the money has moved, and only the printing is stopped."""
    reading, writing = os.pipe()
    fill(writing)
    with cashier.started("-q", *PAYMENT, stdout=writing) as started:
        await_(lambda: cashier.events()[-1:] == ["refunded"])
        time.sleep(1.0)  # it is at its output by then
        started.send_signal(signal.SIGINT)
        time.sleep(0.3)
        started.send_signal(signal.SIGINT)
        time.sleep(0.3)
        os.read(reading, 1 << 20)  # its exit flushes what is left
        os.close(reading)
        code, _, err = ended(started)
    os.close(writing)
    [refund] = cashier.stripe.refunds(FIVE)
    assert (code, err) == (130, f"ecloud-pay: stopped by SIGINT; the refund {refund['id']} of 25.00 USD was made. That is recorded.\n")


def fill(pipe: int) -> None:
    """Until nothing more goes in; whoever writes next waits."""
    os.set_blocking(pipe, False)
    for size in (4096, 1):
        with suppress(BlockingIOError):
            while True:
                os.write(pipe, b"x" * size)
    os.set_blocking(pipe, True)
