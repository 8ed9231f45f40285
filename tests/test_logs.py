"""The logs on stderr: which ones, how they look, and what they never say."""

import json
import logging
from collections.abc import Iterator

import pytest

from ecloud_pay.logs import LOGGERS, log_to_stderr


@pytest.fixture(autouse=True)
def quiet_again() -> Iterator[None]:
    """No other test logs to this one's stderr."""
    yield
    for name in LOGGERS:
        logger = logging.getLogger(name)
        logger.handlers.clear()
        logger.setLevel(logging.NOTSET)
        logger.propagate = True


def say() -> None:
    for name in ("payments", "payment_audit", "somebody else"):
        logging.getLogger(name).info("%s says hunter22 and sk_test_abc\x1b[2J", name)
        logging.getLogger(name).debug("%s whispers", name)


def test_both_logs_go_to_stderr_without_secrets_and_without_what_a_terminal_obeys(capsys: pytest.CaptureFixture[str]) -> None:
    log_to_stderr(["hunter22"], debug=False, as_json=False)
    say()
    assert capsys.readouterr().err.splitlines() == [
        "info: payments says *** and sk_test_***\\x1b[2J",
        "info: payment_audit says *** and sk_test_***\\x1b[2J",
    ]


def test_debug_shows_the_details_of_both(capsys: pytest.CaptureFixture[str]) -> None:
    log_to_stderr([], debug=True, as_json=False)
    say()
    assert [line for line in capsys.readouterr().err.splitlines() if line.startswith("debug")] == [
        "debug: payments whispers",
        "debug: payment_audit whispers",
    ]


def test_a_json_line_names_its_log(capsys: pytest.CaptureFixture[str]) -> None:
    log_to_stderr(["hunter22"], debug=False, as_json=True)
    say()
    told = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert [(line["level"], line["logger"], line["message"]) for line in told] == [
        ("info", "payments", "payments says *** and sk_test_***\x1b[2J"),
        ("info", "payment_audit", "payment_audit says *** and sk_test_***\x1b[2J"),
    ]


def test_before_anybody_asks_for_them_the_logs_are_silent(capsys: pytest.CaptureFixture[str]) -> None:
    say()
    assert capsys.readouterr().err == ""
