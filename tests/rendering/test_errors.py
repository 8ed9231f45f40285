"""Errors: the exit code of each class, lines that are short and harmless, and nothing secret in them."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ecloud_pay.domain import errors as tree
from ecloud_pay.domain.errors import Busy, CannotWrite, EcloudPayError, NotConfigured, NotFound, Unavailable, UsageError
from ecloud_pay.rendering.errors import (
    BUG,
    CLOSED_PIPE,
    DONE,
    EXIT_CODES,
    LONGEST_LINE,
    USAGE,
    error_lines,
    exit_code,
    usage_lines,
)
from ecloud_pay.rendering.sanitize import UNSAFE
from ecloud_pay.secret import redacted


@pytest.mark.parametrize(
    ("kind", "code"), [(UsageError, 2), (NotConfigured, 4), (NotFound, 6), (Busy, 7), (CannotWrite, 74), (Unavailable, 75)]
)
def test_each_error_has_its_documented_exit_code(kind: type[EcloudPayError], code: int) -> None:
    assert exit_code(kind("it failed")) == code


def test_the_codes_that_are_no_errors_are_the_documented_ones() -> None:
    assert (DONE, BUG, USAGE, CLOSED_PIPE) == (0, 1, 2, 141)


def test_no_class_of_the_tree_lacks_an_exit_code() -> None:
    kinds = {kind for kind in vars(tree).values() if isinstance(kind, type) and issubclass(kind, EcloudPayError)} - {EcloudPayError}
    assert kinds == set(EXIT_CODES)


def test_a_more_particular_error_has_the_code_of_its_kind() -> None:
    class ReplicaUnavailable(Unavailable):
        pass

    assert exit_code(ReplicaUnavailable("it failed")) == 75


def test_an_error_is_what_happened_what_is_true_now_and_what_to_do() -> None:
    assert error_lines(Unavailable("PostgreSQL is away", now="Nothing happened.", to_do="Repeat it.")) == [
        "ecloud-pay: PostgreSQL is away",
        "Nothing happened.",
        "Repeat it.",
    ]


@pytest.mark.parametrize(
    ("error", "lines"),
    [
        (NotFound("nothing"), ["ecloud-pay: nothing"]),
        (NotFound("nothing", to_do="Look."), ["ecloud-pay: nothing", "Look."]),
        (NotFound("nothing", now="So it is."), ["ecloud-pay: nothing", "So it is."]),
    ],
)
def test_what_need_not_be_said_leaves_no_empty_line(error: EcloudPayError, lines: list[str]) -> None:
    assert error_lines(error) == lines


def test_hostile_text_in_an_error_is_written_out() -> None:
    error = UsageError("no \x1b[2J\n\x9b", now="\u202e", to_do="a\rb")
    assert error_lines(error) == ["ecloud-pay: no \\x1b[2J\\n\\x9b", "\\u202e", "a\\rb"]


@given(st.text(st.characters(codec=None)), st.text(st.characters(codec=None)))
@settings(deadline=None, max_examples=100)
def test_an_error_is_at_most_three_short_harmless_lines(what: str, to_do: str) -> None:
    lines = error_lines(UsageError(what * 50, now="now", to_do=to_do * 50))
    assert 1 <= len(lines) <= 3
    assert all(len(line) <= LONGEST_LINE and not UNSAFE.search(line) for line in lines)


def test_a_line_is_clipped_with_a_sign_that_it_was() -> None:
    whole, clipped = error_lines(UsageError("x" * (400 - len("ecloud-pay: ")), to_do="y" * 401))
    assert whole == "ecloud-pay: " + "x" * 388
    assert clipped == "y" * 399 + "…"


def test_a_megabyte_that_was_typed_does_not_come_back() -> None:
    assert [len(line) for line in error_lines(UsageError("x" * 1_000_000))] == [400]


def test_a_usage_error_points_to_the_help() -> None:
    assert usage_lines("No such option: --x\x1b", "ecloud-pay list") == [
        "ecloud-pay: No such option: --x\\x1b",
        "Try 'ecloud-pay list --help'.",
    ]
    assert len(usage_lines("x" * 5000, "ecloud-pay")[0]) == 400


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("Invalid API Key: sk_live_51Habc", "Invalid API Key: sk_live_***"),
        ("sk_test_51Habc,rk_live_99Z", "sk_test_***,rk_live_***"),
        ("key=whsec_abc/+= end", "key=whsec_*** end"),
        ("old sk_51Habc", "old sk_***"),
        ("a task_force asked", "a task_force asked"),
        ("sk_ or rk_", "sk_ or rk_"),
        ("pk_live_public pi_3SMUfc", "pk_live_public pi_3SMUfc"),
    ],
)
def test_whatever_looks_like_a_stripe_key_is_blanked_out(text: str, told: str) -> None:
    assert redacted(text, []) == told


def test_every_known_secret_is_blanked_out_wherever_it_stands() -> None:
    secrets = ["postgresql://u:hunter22@h/d", "hunter22"]
    assert redacted("connect postgresql://u:hunter22@h/d failed; hunter22hunter22!", secrets) == "connect *** failed; ******!"


@given(st.lists(st.text(st.characters(codec="ascii", exclude_characters="*"), min_size=4), max_size=3), st.text(max_size=5))
@settings(deadline=None, max_examples=100)
def test_no_secret_is_left_in_what_is_told(secrets: list[str], around: str) -> None:
    told = redacted(around.join(["", *secrets, ""]), sorted(secrets, key=len, reverse=True))
    assert not any(secret in told for secret in secrets)
