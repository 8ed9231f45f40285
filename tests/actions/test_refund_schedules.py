"""The refund protocol under faults: random schedules, directed ones, cut commits, crowds; and deliberate bugs that must be noticed.

`make simulate SEED='…'` plays one schedule again, a seed or a name.
"""

from simulation.refunds.crew import crowd, run_named, run_random, try_mutants
from simulation.refunds.crowd import OPERATORS
from simulation.refunds.directed import CUT_COMMITS, DIRECTED
from simulation.refunds.mutants import MUTANTS

SCHEDULES = 300
ROUNDS = 50


def test_no_random_schedule_loses_doubles_or_strands_a_refund(server: str) -> None:
    report = run_random(server, SCHEDULES)
    assert not report.failed, "\n\n".join(report.failed)
    assert report.conclusive == SCHEDULES
    # Else the schedules have come to try less than they are meant to.
    assert report.inconclusive < SCHEDULES // 4, report.text
    assert len(report.kills) > SCHEDULES // 5, report.text


def test_no_directed_schedule_does_and_every_fault_of_theirs_fires(server: str) -> None:
    report = run_named(server, list(DIRECTED))
    assert not report.failed, "\n\n".join(report.failed)
    assert (report.conclusive, report.unfired) == (len(DIRECTED), {})


def test_a_commit_that_is_cut_is_always_resolved(server: str) -> None:
    report = run_named(server, list(CUT_COMMITS))
    assert not report.failed, "\n\n".join(report.failed)
    assert (report.conclusive, report.unfired) == (len(CUT_COMMITS), {})


def test_of_sixteen_operators_at_once_exactly_one_asks_stripe(server: str) -> None:
    found = crowd(server, ROUNDS)
    assert [problem for each in found for problem in each["violations"]] == []
    assert sum(each["answers"]["made"] for each in found) == ROUNDS
    assert sum(sum(each["answers"].values()) for each in found) == ROUNDS * OPERATORS


def test_every_mutant_of_the_protocol_is_noticed(server: str) -> None:
    found = try_mutants(server, [mutant.name for mutant in MUTANTS])
    assert [name for name, each in found.items() if each["schedules"] == 0] == []
    assert sorted(found) == sorted(mutant.name for mutant in MUTANTS)
