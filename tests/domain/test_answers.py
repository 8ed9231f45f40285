"""The answer table: what is done about each cause of an attempt that has no answer to settle by."""

from ecloud_pay.domain.answers import RULES, Cause, Rule


def test_every_cause_has_its_row() -> None:
    backing_off = Rule((0.5, 1.0, 2.0, 4.0), list_after_s=(0.0,), has_jitter=True)  # with the first, five tries
    once = Rule((), list_after_s=(0.0,))
    assert {
        Cause.UNREACHED: backing_off,
        Cause.RATE_LIMITED: backing_off,
        Cause.UNAUTHORISED: once,
        Cause.HELD_BACK: once,
        Cause.IN_USE: Rule((1.0, 2.0, 4.0, 8.0), list_after_s=(0.0,)),
        Cause.SERVER_ERROR: Rule((), list_after_s=(0.0, 5.0, 30.0)),  # the same key would only replay the 500
        Cause.LOST: Rule((0.5, 2.0), list_after_s=(0.0, 2.0)),  # three tries
        Cause.ODD: once,
        Cause.KEY_CLASH: once,
    } == RULES
    assert set(RULES) == set(Cause)
