"""Ten thousand schedules of refunds with faults. `make simulate SEED=7` plays one again, a seed or a name, and tells all of it."""

import os

from simulation.refunds.crew import run_named, run_random

SCHEDULES = int(os.environ.get("SCHEDULES", "10000"))


def test_no_schedule_loses_or_doubles_a_refund(server: str) -> None:
    if seed := os.environ.get("SEED"):
        report = run_named(server, [seed])
        print("\n" + "\n".join(report.told))  # noqa: T201  (read by a person)
    else:
        report = run_random(server, SCHEDULES, first=1_001)
    print("\n" + report.text)  # noqa: T201
    assert not report.failed, "\n\n".join(report.failed)
