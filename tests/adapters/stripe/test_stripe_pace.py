"""Stripe's limits are kept, by a clock that the tests move."""

import threading

import pytest

from ecloud_pay.adapters.stripe.pace import Pace
from ecloud_pay.domain.at_stripe import Mode

REFUNDS = "POST /v1/refunds"


class Clock:
    """Stands still until it is told."""

    def __init__(self) -> None:
        self.now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s


def most_in_a_second(departures_s: list[float]) -> int:
    return max(sum(start <= at < start + 1 for at in departures_s) for start in departures_s)


def test_the_first_twenty_of_a_second_do_not_wait_and_the_next_waits_until_the_first_is_a_second_old() -> None:
    clock = Clock()
    pace = Pace(Mode.TEST, clock)
    assert [pace.reserve(REFUNDS) for _ in range(20)] == [0.0] * 20
    clock.now_s += 0.25
    assert pace.reserve(REFUNDS) == 0.75
    clock.now_s += 10
    assert pace.reserve(REFUNDS) == 0.0


@pytest.mark.parametrize(("mode", "endpoints", "rate"), [(Mode.TEST, 1, 20), (Mode.TEST, 3, 20), (Mode.LIVE, 1, 20), (Mode.LIVE, 6, 80)])
def test_no_second_sees_more_than_the_rate(mode: Mode, endpoints: int, rate: int) -> None:
    clock = Clock()
    pace = Pace(mode, clock)
    departures_s = []
    for number in range(400):
        departures_s.append(clock.now_s + pace.reserve(f"GET /v1/{number % endpoints}"))
        clock.now_s += 0.003
    assert most_in_a_second(departures_s) == rate


def test_a_full_endpoint_does_not_hold_up_another_with_a_live_key() -> None:
    pace = Pace(Mode.LIVE, Clock())
    for _ in range(20):
        pace.reserve(REFUNDS)
    assert pace.reserve(REFUNDS) == 1.0
    assert pace.reserve("GET /v1/refunds") == 0.0


def test_threads_share_the_rate() -> None:
    clock = Clock()
    pace = Pace(Mode.TEST, clock)
    departures_s: list[float] = []

    def ask() -> None:
        for _ in range(100):
            departures_s.append(clock.now_s + pace.reserve(REFUNDS))

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(departures_s) == [1000.0 + second for second in range(20) for _ in range(20)]
