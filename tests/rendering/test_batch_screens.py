"""A batch of refunds on the screen, compared whole."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC
from decimal import Decimal

from rich.text import Text

from ecloud_pay.domain.at_stripe import Mode, RefundState
from ecloud_pay.domain.batch import Due, Entry, Item, Result
from ecloud_pay.domain.errors import Busy, OutcomeUnknown, Refused
from ecloud_pay.domain.money import Money
from ecloud_pay.domain.preview import Wish
from ecloud_pay.domain.refund import Actor, Ending, Intent, RefundReason, Settled
from ecloud_pay.rendering.look import Look
from ecloud_pay.rendering.refund_batch import fraud_words, plan_lines, result_lines, summary
from ecloud_pay.rendering.refund_cards import BLOCK_LIST
from ecloud_pay.rendering.refund_documents import RESULT_FIELDS, batch_document, plan_document, result_document
from samples import CREATED
from support.backend import HOSTILE
from support.refunding import OPS, order

PIPE = Look(UTC, "usd")
TERMINAL = Look(UTC, "usd", 80)

PLAN = """\
┌─ Batch november ─────────────────────────────────
│ To Refund: 2 lines, ¥1,200 JPY + $25.00 USD
│ To Resume: 1 line, $1,000.00 USD
│ Done Before: 1 line, $7.00 USD
│ Failed Before (only with --retry-failed): 1 line, $8.00 USD
│
│ Requested By: ops@demo
│ Stripe: TEST, account acct_1
│
│ The backend's signals and e-mails will not fire: nobody is told but by you.
└──────────────────────────────────────────────────"""
ROWS = """\
line 2    payment #5             $25.00 USD  refund
line 3    payment #10            ¥1,200 JPY  refund
line 4    payment #11         $1,000.00 USD  resume
line 5    payment #12             $7.00 USD  done before
line 10000 payment #123456789        $8.00 USD  failed before"""


def item(place: int, payment: int, amount: int, due: Due = Due.REFUND, currency: str = "usd", ref: str = "5", actor: Actor = OPS) -> Item:
    return Item(Entry(place, ref, Decimal(1), None, None, None), payment, Money(amount, currency), Wish("key", actor), due)


def items() -> list[Item]:
    return [
        item(2, 5, 25_00),
        item(3, 10, 1200, currency="jpy"),
        item(4, 11, 1000_00, Due.RESUME),
        item(5, 12, 7_00, Due.DONE),
        item(10000, 123456789, 8_00, Due.FAILED),
    ]


def intent(ending: Ending, state: RefundState, refund_id: str | None = None) -> Intent:
    settled = Settled(
        ending=ending,
        state=state,
        stripe_refund_id=refund_id,
        words=None,
        is_adopted=False,
        is_replay=False,
        request_id=None,
        settled_at=CREATED,
    )
    return Intent(order(), 1001, 1002, CREATED, settlement=settled)


def results() -> list[Result]:
    new, jpy, resumed, done, failed = items()
    return [
        Result(new, intent(Ending.ACCEPTED, RefundState.COMPLETED, "re_1")),
        Result(jpy, intent(Ending.ACCEPTED, RefundState.PENDING, "re_2")),
        Result(resumed, None, OutcomeUnknown("nobody knows")),
        Result(done, intent(Ending.ACCEPTED, RefundState.COMPLETED, "re_3")),
        Result(failed, intent(Ending.DECLINED, RefundState.FAILED), Refused("Stripe said no")),
        Result(item(6, 5, 1_00)),
    ]


def plain(lines: Sequence[Text]) -> str:
    return "\n".join(line.plain for line in lines)


def test_a_plan_counts_and_totals_what_is_done_with_the_lines() -> None:
    assert plain(plan_lines(items(), "november", Mode.TEST, "acct_1", PIPE, rows=0)) == PLAN
    assert plain(plan_lines(items(), "november", Mode.TEST, "acct_1", PIPE, rows=5)) == f"{PLAN}\n{ROWS}"


def test_of_a_long_plan_the_first_lines_are_shown_and_the_rest_is_counted() -> None:
    shown = plain(plan_lines(items(), "november", Mode.TEST, "acct_1", PIPE, rows=2)).splitlines()
    assert shown[-3:] == [*ROWS.splitlines()[:2], "and 3 more: --dry-run shows all"]


def notes(*items: Item) -> list[str]:
    """What the plan says below who and where."""
    return plain(plan_lines(items, "november", Mode.TEST, "acct_1", PIPE, rows=0)).splitlines()[-2:-1]


def test_where_nothing_would_be_sent_nobody_is_told_of_signals() -> None:
    done, failed = item(2, 5, 7_00, Due.DONE), item(3, 6, 8_00, Due.FAILED)
    assert notes(done) == ["│ Nothing is left to do."]
    assert notes(done, failed) == ["│ Nothing would be sent: what failed is tried again only with --retry-failed."]
    assert notes(done, failed, item(4, 7, 1_00, Due.RESUME)) == [
        "│ The backend's signals and e-mails will not fire: nobody is told but by you."
    ]


def test_lines_that_another_batch_has_refunded_today_are_counted_with_its_name() -> None:
    def warned(*batches: str | None) -> str:
        lines = [replace(item(place, 5, 1_00), elsewhere=batch) for place, batch in enumerate(batches, 2)]
        return plain(plan_lines(lines, "november", Mode.TEST, "acct_1", PIPE, rows=0)).splitlines()[-3]

    assert warned("default") == "│ 1 of these lines was refunded within 24 h in another batch (default)."
    assert warned("default", None, "default") == "│ 2 of these lines were refunded within 24 h in another batch (default)."
    assert warned("october", "default") == "│ 2 of these lines were refunded within 24 h in other batches (default, october)."
    assert warned(None) == "│"


def test_a_plan_says_which_lines_put_somebody_on_the_block_list() -> None:
    plain_one, bad = item(2, 5, 10_00), item(3, 6, 20_00)
    bad = replace(bad, entry=replace(bad.entry, reason=RefundReason.FRAUDULENT))
    shown = plain(plan_lines([plain_one, bad], "november", Mode.TEST, "acct_1", PIPE, rows=2)).splitlines()
    assert f"│ {BLOCK_LIST}" in shown
    assert [line.rsplit("USD  ", 1)[1] for line in shown[-2:]] == ["refund", "refund, fraudulent"]
    done = replace(bad, due=Due.DONE)
    assert BLOCK_LIST not in plain(plan_lines([plain_one, done], "november", Mode.TEST, "acct_1", PIPE, rows=2))


def test_the_warning_of_fraud_names_its_lines() -> None:
    assert (
        fraud_words([item(2, 5, 1_00), item(9, 7, 1_00)]) == f"{BLOCK_LIST} It is the reason of line 2 (payment #5), line 9 (payment #7)."
    )
    many = ", ".join(f"line {place} (payment #5)" for place in range(2, 22))
    assert fraud_words([item(place, 5, 1_00) for place in range(2, 25)]) == f"{BLOCK_LIST} It is the reason of {many}, 3 more."


def test_a_live_plan_says_so_and_an_account_may_be_out_of_sight() -> None:
    lines = plain(plan_lines(items()[:1], "default", Mode.LIVE, None, PIPE, rows=0)).splitlines()
    assert lines[4] == "│ Stripe: LIVE: real money, account not readable with this key"


def test_every_line_says_what_became_of_it() -> None:
    assert plain(result_lines(results(), PIPE)).splitlines() == [
        "line 2    payment #5             $25.00 USD  COMPLETED  re_1",
        "line 3    payment #10            ¥1,200 JPY  PENDING  re_2",
        "line 4    payment #11         $1,000.00 USD  UNKNOWN  nobody knows",
        "line 5    payment #12             $7.00 USD  COMPLETED  re_3  done before",
        "line 10000 payment #123456789        $8.00 USD  FAILED  Stripe said no",
        "line 6    payment #5              $1.00 USD  NOT BEGUN",
    ]
    assert plain(result_lines(results()[:1], TERMINAL)).endswith("  ✔ COMPLETED  re_1")


def test_the_summary_never_calls_an_unknown_outcome_a_refund_that_was_not_made() -> None:
    assert summary(results(), PIPE) == "2 refunded (¥1,200 JPY + $25.00 USD), 1 done before, 1 of unknown outcome, 2 not refunded."
    assert summary(results()[:1], PIPE) == "1 refunded ($25.00 USD)."
    busy = Result(item(7, 5, 1_00), None, Busy("another run is at it"))
    assert summary([busy, *results()[4:]], PIPE) == "none refunded, 1 busy, 2 not refunded."
    assert summary(results()[4:], PIPE) == "none refunded, 2 not refunded."


def test_what_comes_from_outside_cannot_act_on_the_terminal() -> None:
    hostile = item(2, 5, 1_00, ref=HOSTILE, actor=Actor(1, HOSTILE))
    shown = plan_lines([hostile], HOSTILE, Mode.TEST, HOSTILE, PIPE, rows=1) + result_lines([Result(hostile, None, Refused(HOSTILE))], PIPE)
    assert not any(character in plain(shown) for character in "\x1b\x9b\u202e\u2066\t")
    assert all("\n" not in line.plain for line in shown)


def test_the_documents_hold_every_line() -> None:
    line = {"line": 2, "ref": "5", "payment_id": 5, "amount": "25.00", "currency": "usd"}
    made = line | {"status": "completed", "stripe_refund_id": "re_1", "refund_id": 1001, "words": None}
    assert plan_document(items()[:1], "november") == {
        "schema": "ecloud-pay/refund/1",
        "action": "batch-preview",
        "batch": "november",
        "to_refund": [{"amount": "25.00", "currency": "usd"}],
        "lines": [line | {"due": "refund"}],
    }
    assert plan_document(items(), "x")["to_refund"] == [{"amount": "1200.00", "currency": "jpy"}, {"amount": "1025.00", "currency": "usd"}]
    assert batch_document(results()[:1], "november") == {
        "schema": "ecloud-pay/refund/1",
        "action": "batch",
        "batch": "november",
        "refunded": [{"amount": "25.00", "currency": "usd"}],
        "lines": [made],
    }
    # What was done before, and what nobody knows of, was not refunded by this run.
    assert batch_document(results(), "x")["refunded"] == [{"amount": "1200.00", "currency": "jpy"}, {"amount": "25.00", "currency": "usd"}]
    assert [result_document(one)["status"] for one in results()] == ["completed", "pending", "unknown", "completed", "failed", "not begun"]
    assert tuple(made) == RESULT_FIELDS
