"""Signals while money is in flight, in processes of their own that really get them."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from ecloud_pay.signals import MoneyInFlight, Stopped

LONGEST_S = 60.0
BEGIN = """
import os, signal, sys, time
from ecloud_pay.signals import MoneyInFlight, Stopped, raise_on_signals
def say(*words):
    print(*words, flush=True)
"""


@contextmanager
def python(program: str, *, ignoring: int | None = None) -> Iterator["subprocess.Popen[str]"]:
    """That program as a process; `ignoring` is a signal that it is started with ignored, as nohup does."""
    environ = {"PATH": os.environ["PATH"], "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    before = None if ignoring is None else signal.signal(ignoring, signal.SIG_IGN)
    try:
        process = subprocess.Popen([sys.executable, "-c", BEGIN + program], env=environ, stdout=subprocess.PIPE, text=True)
    finally:
        if ignoring is not None:
            signal.signal(ignoring, before)
    giving_up = threading.Timer(LONGEST_S, process.kill)
    giving_up.start()
    with process:
        try:
            yield process
        finally:
            giving_up.cancel()
            process.kill()


def said(process: "subprocess.Popen[str]") -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


IN_FLIGHT = """
raise_on_signals()
try:
    with MoneyInFlight() as patience:
        say("ready", patience.is_stop_asked)
        while not patience.is_stop_asked:
            patience.wait(30)
        say("asked", patience.is_stop_asked)
        time.sleep(30) if len(sys.argv) > 1 else None
        say("landed")
        patience.raise_if_stopped()
        say("went on")
except Stopped as stop:
    say("stopped", stop, stop.exit_code)
"""


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_the_first_signal_waits_until_the_money_has_landed(signum: signal.Signals) -> None:
    with python(IN_FLIGHT) as process:
        assert said(process) == "ready False"
        began_s = time.monotonic()
        process.send_signal(signum)
        assert [said(process) for _ in range(3)] == ["asked True", "landed", f"stopped {signum.name} {128 + signum}"]
        assert time.monotonic() - began_s < 5  # the wait of 30 s ended early


@pytest.mark.parametrize("second", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_the_second_signal_raises_at_once_and_a_third_one_does_not_disturb(second: signal.Signals) -> None:
    program = IN_FLIGHT.replace("if len(sys.argv) > 1 else None", "") + "time.sleep(0.2); say('cleaned up')"
    with python(program) as process:
        assert said(process) == "ready False"
        process.send_signal(signal.SIGTERM)
        assert said(process) == "asked True"
        process.send_signal(second)
        assert said(process) == f"stopped {second.name} {128 + second}"


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_what_was_ignored_from_the_start_stays_ignored(signum: signal.Signals) -> None:
    """nohup and background jobs of scripts mean it."""
    program = """
raise_on_signals()
with MoneyInFlight() as patience:
    say("ready")
    patience.wait(0.3)
    say("asked", patience.is_stop_asked)
"""
    with python(program, ignoring=signum) as process:
        assert said(process) == "ready"
        process.send_signal(signum)
        assert said(process) == "asked False"


def test_behind_the_block_signals_stop_it_as_before() -> None:
    program = """
raise_on_signals()
with MoneyInFlight() as patience:
    patience.raise_if_stopped()
try:
    say("ready")
    time.sleep(30)
except Stopped as stop:
    say("stopped", stop)
"""
    with python(program) as process:
        assert said(process) == "ready"
        process.send_signal(signal.SIGTERM)
        assert said(process) == "stopped SIGTERM"


def test_a_signal_in_the_very_line_that_waits_does_not_hang_it() -> None:
    """It comes at a random moment of 3,000 waits that end almost at once, so that it falls between all of their lines."""
    program = """
import random
read, write = os.pipe()
child = os.fork()
if child == 0:
    os.close(write)
    while os.read(read, 1):
        until_s = time.perf_counter() + random.random() * 0.00025
        while time.perf_counter() < until_s:
            pass
        os.kill(os.getppid(), signal.SIGHUP)
    os._exit(0)
os.close(read)
signal.signal(signal.SIGHUP, lambda *_: None)
for _ in range(3000):
    with MoneyInFlight() as patience:
        os.write(write, b"x")
        while not patience.is_stop_asked:
            patience.wait(0.00001)
os.close(write)
os.waitpid(child, 0)
say("done")
"""
    with python(program) as process:
        watch = time.monotonic() + 20
        os.set_blocking(process.stdout.fileno(), False)  # type: ignore[union-attr]
        found = ""
        while not found and process.poll() is None and time.monotonic() < watch:
            time.sleep(0.02)
            found = said(process)
        found = found or said(process)
        assert found == "done"


def test_a_wait_lasts_as_long_as_it_was_asked_to() -> None:
    patience = MoneyInFlight()
    for seconds in (0.0, 0.02, 0.13):
        began_s = time.monotonic()
        patience.wait(seconds)
        assert seconds <= time.monotonic() - began_s < seconds + 0.1


def test_the_clock_goes_on_while_the_machine_sleeps() -> None:
    """Linux has a clock that does; the monotonic one stands still meanwhile, so it is no use for the minute in which to send."""
    before_s = time.clock_gettime(time.CLOCK_BOOTTIME)
    elapsed_s = MoneyInFlight().elapsed_s()
    assert before_s <= elapsed_s <= time.clock_gettime(time.CLOCK_BOOTTIME)


def test_stopped_carries_the_shells_exit_code() -> None:
    assert [(str(stop), stop.exit_code) for stop in map(Stopped, (signal.SIGINT, signal.SIGTERM))] == [("SIGINT", 130), ("SIGTERM", 143)]
