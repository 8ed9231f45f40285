"""What is open: shown by --pending, settled by --resume, and decided by a person where no program can know."""

import json
import re
import subprocess
from pathlib import Path

import pytest

from support.cashier import BOTH_SHAPES, CONSOLE, Cashier
from support.office import FIVE

ACCOUNT = "acct_1EcloudPayDemoOne"
NOBODY_ASKED = {"ECLOUD_PAY_OPERATOR": ""}  # to go on with a refund needs nobody's name: it bears one
REQUESTS = """\
Requests made in the backend: 1
  payment #11  row #2  $10.00 USD  since 2025-05-04 08:00:00 UTC  --request 2 carries it out
      requested by N/A: no reason given
"""


def without_chance(text: str) -> str:
    """Instants of today and the age that follows from them."""
    return re.sub(r"(\d+ s ago)", "0 s ago", re.sub(r"\b(?!2025)20\d\d-\d\d-\d\d \d\d:\d\d:\d\d", "TODAY", text))


def declined_at_stripe(cashier: Cashier) -> None:
    cashier.stripe.faults("decline", message="The bank said no.")


# --pending


def test_nothing_is_open_but_a_request(refused: Cashier) -> None:
    with refused.untouched():
        result = refused("--pending")
    assert (result.code, result.out, result.err) == (0, f"Ours, unsettled: none\nAt Stripe, not through yet: none\n{REQUESTS}", "")


@BOTH_SHAPES
def test_the_three_groups(cashier: Cashier) -> None:
    cashier.leave_unsettled()
    cashier.stripe.faults("pending")
    assert cashier("-q", "12", "--amount", "4", "--note", "late", "--yes").code == 0
    [theirs] = cashier.stripe.refunds("pi_12")
    with cashier.untouched():
        result = cashier("--pending")
    assert (result.code, result.err) == (0, "")
    assert without_chance(result.out) == (
        f"""\
Ours, unsettled: 1
  payment #5  $10.00 USD  begun TODAY UTC (0 s ago) by ops@demo, sent 1×
      → resume would send it, under the same key
At Stripe, not through yet: 1
  payment #12  row #1002  $4.00 USD  since TODAY UTC  {theirs["id"]}
      requested by ops@demo (ops@demo): late
{REQUESTS}"""
    )
    only_12 = cashier("--pending", "12").out
    assert without_chance(only_12) == (
        f"""\
Ours, unsettled: none
At Stripe, not through yet: 1
  payment #12  row #1002  $4.00 USD  since TODAY UTC  {theirs["id"]}
      requested by ops@demo (ops@demo): late
Requests made in the backend: none
"""
    )


@BOTH_SHAPES
def test_pending_as_json(cashier: Cashier) -> None:
    cashier.leave_unsettled()
    document = cashier("--pending", "--json").json
    [unsettled] = document.pop("unsettled")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", document.pop("as_of"))
    for instant in ("created_at", "first_sent_at"):
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", unsettled.pop(instant))
    assert unsettled == {
        "payment_id": 5,
        "refund_id": 1001,
        "transaction_id": 1001,
        "amount": "10.00",
        "currency": "usd",
        "reason": None,
        "note": None,
        "requested_by": "ops@demo",
        "mode": "test",
        "account": ACCOUNT,
        "reverse_transfer": None,
        "refund_application_fee": None,
        "request_id": None,
        "batch": None,
        "line": None,
        "attempts": 1,
        "status": "pending",
        "ending": None,
        "stripe_refund_id": None,
        "adopted": None,
        "words": None,
        "resume_would": "send it, under the same key",
    }
    assert document == {
        "schema": "ecloud-pay/refund/1",
        "action": "pending",
        "at_stripe": [],
        "requests": [
            {
                "payment_id": 11,
                "currency": "USD",
                "id": 2,
                "amount": "10.00",
                "reason": None,
                "status": "pending",
                "stripe_refund_id": None,
                "requested_by": None,
                "created_at": "2025-05-04T08:00:00.000000Z",
                "processed_at": None,
            }
        ],
    }


def would(cashier: Cashier, **environ: str) -> str:
    """What --pending says resume would do with the one unsettled refund, having changed nothing."""
    with cashier.untouched():
        result = cashier("--pending", **environ)
    assert (result.code, result.err) == (0, "")
    [line] = [line for line in result.out.splitlines() if "→" in line]
    return line.removeprefix("      → ")


def test_pending_says_what_resume_would_do(cashier: Cashier) -> None:
    cashier.leave_unsettled()
    assert would(cashier) == "resume would send it, under the same key"
    assert would(cashier, STRIPE_SECRET_KEY="") == "resume would have to ask Stripe first: there is no Stripe key"
    cashier.stripe.expire(cashier.stripe.key)
    assert would(cashier).startswith("resume would leave it: Stripe refuses the key: ")


def test_pending_says_what_stands_in_the_way(cashier: Cashier) -> None:
    cashier.leave_unsettled()
    cashier.backdate(minutes=3)
    clicked = cashier.stripe.dashboard_refund(FIVE, 10_00)
    assert would(cashier).startswith(
        "resume would leave it: the refund of 10.00 USD of payment #5 is not at Stripe; one of the same amount made elsewhere is:"
        f" {clicked['id']} (10.00 USD, "
    )
    cashier.stripe.move(clicked["id"], "failed")
    assert would(cashier) == "resume would send it, under the same key"
    cashier.backdate(hours=23)
    assert would(cashier) == (
        "resume would leave it: the refund of 10.00 USD of payment #5 was first sent more than 23 h ago, and Stripe's list has none"
    )
    cashier.backdate(hours=22, minutes=59)
    assert would(cashier) == "resume would send it, under the same key"


def test_pending_tells_what_stripe_has_and_in_which_state(cashier: Cashier) -> None:
    cashier.leave_unsettled(fault="odd_status")
    [refund] = cashier.stripe.refunds(FIVE)
    unknown = f"Stripe has {refund['id']}, whose status 'in_review' is not known here"
    assert would(cashier) == f"resume would leave it: {unknown}"
    cashier.stripe.move(refund["id"], "succeeded")
    assert would(cashier) == f"resume would record {refund['id']}, which Stripe has"


def test_pending_works_while_stripe_is_down(cashier: Cashier) -> None:
    cashier.leave_unsettled()
    cashier.stripe.door(is_open=False)
    before = cashier.backend.fingerprint()
    result = cashier("--pending")
    cashier.stripe.door(is_open=True)
    assert (result.code, result.err) == (0, "")
    assert "      → resume would have to ask Stripe first: Stripe cannot be reached: Connection refused\n" in result.out
    assert result.out.endswith(REQUESTS)
    assert cashier.backend.fingerprint() == before


# --resume


def test_cron_needs_neither_key_nor_operator_nor_terminal_on_a_quiet_day(refused: Cashier) -> None:
    url, zone = refused.environ["DATABASE_URL"], "ECLOUD_PAY_TZ=UTC"
    with refused.untouched():
        for arguments, out in (
            (("--resume",), ""),
            (("--resume", "--json"), '{\n  "schema": "ecloud-pay/refund/1",\n  "action": "resume",\n  "refunds": []\n}\n'),
        ):
            done = subprocess.run(
                ["env", "-i", f"DATABASE_URL={url}", zone, *CONSOLE, "refund", *arguments],
                stdin=subprocess.DEVNULL, capture_output=True, text=True, cwd=refused.folder, check=False,
            )  # fmt: skip
            assert (done.returncode, done.stdout) == (0, out)
            assert done.stderr in ("Nothing is unsettled.\n", "")
    assert refused("--resume", "-q").err == ""


@BOTH_SHAPES
def test_cron_settles_what_was_left(cashier: Cashier) -> None:
    cashier.leave_unsettled()
    environ = {name: value for name, value in cashier.environ.items() if name != "ECLOUD_PAY_OPERATOR"}
    words = [f"{name}={value}" for name, value in environ.items()]
    line = ["env", "-i", *words, *CONSOLE, "refund", "--resume"]
    done = subprocess.run(line, stdin=subprocess.DEVNULL, capture_output=True, text=True, cwd=cashier.folder, check=False)
    [refund] = cashier.stripe.refunds(FIVE)
    assert (done.returncode, done.stdout, done.stderr) == (
        0,
        f"payment #5  COMPLETED  The refund {refund['id']} of 10.00 USD was made.\n",
        "",
    )
    first, second = cashier.stripe.posts()
    assert (first.idempotency_key, first.body) == (second.idempotency_key, second.body)
    assert cashier.refund_rows() == [(5, "10.00", "completed", refund["id"], "", 1)]
    assert cashier.events() == ["refund_requested", "refund_sent", "refund_sent", "refunded"]
    with cashier.untouched():
        assert cashier("--resume", **NOBODY_ASKED).code == 0


@BOTH_SHAPES
def test_resume_adopts_what_stripe_has(cashier: Cashier) -> None:
    cashier.leave_unsettled(fault="odd_status")
    [refund] = cashier.stripe.refunds(FIVE)
    cashier.stripe.move(refund["id"], "succeeded")
    result = cashier("--resume", "5", **NOBODY_ASKED)
    assert (result.code, result.out, result.err) == (0, f"payment #5  COMPLETED  The refund {refund['id']} of 10.00 USD was made.\n", "")
    assert len(cashier.stripe.posts()) == 1
    assert cashier.events()[-1] == "refund_adopted"


def test_resume_as_json(cashier: Cashier) -> None:
    cashier.leave_unsettled()
    document = cashier("--resume", "--json").json
    [refund] = cashier.stripe.refunds(FIVE)
    [entry] = document.pop("refunds")
    assert document == {"schema": "ecloud-pay/refund/1", "action": "resume"}
    told = ("payment_id", "amount", "attempts", "status", "ending", "stripe_refund_id", "adopted", "words", "error")
    assert {name: entry[name] for name in told} == {
        "payment_id": 5,
        "amount": "10.00",
        "attempts": 2,
        "status": "completed",
        "ending": "accepted",
        "stripe_refund_id": refund["id"],
        "adopted": False,
        "words": None,
        "error": None,
    }


@BOTH_SHAPES
def test_that_stripe_said_no_is_an_end_like_any_other(cashier: Cashier) -> None:
    cashier.leave_unsettled()
    declined_at_stripe(cashier)
    result = cashier("--resume", "--json")
    assert (result.code, result.err) == (0, "")
    assert result.json["refunds"][0]["error"] == "Stripe refused the refund of 10.00 USD of payment #5: The bank said no."
    assert cashier.refund_rows()[0][2] == "failed"


def test_the_line_of_a_declined_one_ends_with_one_point(cashier: Cashier) -> None:
    cashier.leave_unsettled()
    declined_at_stripe(cashier)
    assert cashier("--resume").out == "payment #5  FAILED  The refund of 10.00 USD was refused by Stripe: The bank said no.\n"


def test_resume_of_one_payment_leaves_the_others(cashier: Cashier) -> None:
    cashier.leave_unsettled("5")
    cashier.leave_unsettled("12")
    nothing = cashier("--resume", "11")
    assert (nothing.code, nothing.out, nothing.err) == (0, "", "Nothing of payment #11 is unsettled.\n")
    assert cashier("--resume", "job:14").code == 0
    assert (cashier.refunds(), cashier.refunds("pi_12")) == ([10_00], [])
    missing = cashier("--resume", "99")
    assert (missing.code, missing.err) == (6, "ecloud-pay: there is no payment #99\n")


def test_resume_never_touches_a_request_of_the_backend(cashier: Cashier) -> None:
    cashier.leave_unsettled()
    assert cashier("-q", "--resume").code == 0
    assert cashier.backend.rows("SELECT status, coalesce(stripe_refund_id, '') FROM payments_refund WHERE id = 2") == [("pending", "")]
    assert cashier.refunds("pi_11") == [25_00]


def test_resume_leaves_a_rival_to_a_person(cashier: Cashier) -> None:
    cashier.leave_unsettled()
    cashier.backdate(minutes=3)
    clicked = cashier.stripe.dashboard_refund(FIVE, 10_00)
    with cashier.untouched():
        result = cashier("--resume")
    what = (
        "the refund of 10.00 USD of payment #5 is not at Stripe; one of the same amount made elsewhere is:"
        f" {clicked['id']} (10.00 USD, TODAY UTC)"
    )
    assert (result.code, without_chance(result.out), without_chance(result.err).splitlines()) == (
        8,
        f"payment #5  PENDING  {what}\n",
        [
            f"ecloud-pay: {what}",
            "Nothing was sent: it may be the same refund, clicked in the Dashboard.",
            f"If it is: ecloud-pay refund 5 --adopt {clicked['id']}. If another one is wanted: --send-anyway",
        ],
    )


@BOTH_SHAPES
def test_a_key_of_yesterday_is_never_sent_again(cashier: Cashier) -> None:
    cashier.leave_unsettled()
    cashier.backdate(hours=23)
    for way in (("--resume",), ("5", "--send-anyway", "--yes")):
        with cashier.untouched():
            result = cashier(*way)
        assert (result.code, result.err.splitlines()) == (
            8,
            [
                "ecloud-pay: the refund of 10.00 USD of payment #5 was first sent more than 23 h ago, and Stripe's list has none",
                "It is never sent again: Stripe may have forgotten its key, and would refund anew.",
                "24 h after its last attempt: ecloud-pay refund --abandon 5",
            ],
        )


@pytest.mark.parametrize(
    ("changes", "whose"), [({"account": "acct_other"}, "a test key of acct_other"), ({"mode": "live"}, f"a live key of {ACCOUNT}")]
)
def test_a_refund_of_another_account_or_mode_is_left_alone(cashier: Cashier, changes: dict[str, str], whose: str) -> None:
    cashier.leave_unsettled()
    cashier.amend_intent(**changes)
    with cashier.untouched():
        result = cashier("--resume")
    assert (result.code, result.err.splitlines()) == (
        7,
        [
            f"ecloud-pay: the refund of 10.00 USD of payment #5 was begun with {whose}, and this is a test key of {ACCOUNT}",
            "It stays unsettled.",
            "Resume it with a key of that mode and account.",
        ],
    )


def test_unknown_goes_before_whatever_else_went_wrong(cashier: Cashier) -> None:
    """Three payments: one not sent, one left to a person, one settled. Exit 8."""
    for ref in ("5", "12", "10"):
        cashier.leave_unsettled(ref)
    cashier.stripe.dashboard_refund("pi_12", 10_00)
    cashier.stripe.faults("401")  # payment #5 comes first
    result = cashier("--resume")
    assert result.code == 8
    assert [line.split()[1:3] for line in result.out.splitlines()] == [["#5", "PENDING"], ["#12", "PENDING"], ["#10", "COMPLETED"]]


@BOTH_SHAPES
def test_an_audit_line_that_is_missing_is_written_late(cashier: Cashier) -> None:
    audit = Path(cashier.environ["ECLOUD_PAY_AUDIT_LOG"])
    assert cashier("-q", "5", "--amount", "10", "--yes").code == 0
    audit.write_text("".join(audit.read_text().splitlines(keepends=True)[:-1]))
    cashier.backend.run(
        "UPDATE payments_transaction SET metadata = jsonb_set(metadata::jsonb, '{ecloud_pay,audited}', 'false') WHERE id = 1001"
    )
    assert cashier("-q", "--resume").code == 0
    last = json.loads(audit.read_text().splitlines()[-1])
    assert (last["event_type"], last["details"]["late"], last["triggered_by"]) == ("refunded", True, "ops@demo")
    with cashier.untouched():
        assert cashier("-q", "--resume").code == 0


# A person decides


@pytest.mark.parametrize("way", [("--abandon",), ("--send-anyway",), ("--adopt", "re_11")])
def test_where_nothing_is_unsettled_there_is_nothing_to_decide(refused: Cashier, way: tuple[str, ...]) -> None:
    with refused.untouched():
        result = refused("5", *way, "--yes")
    assert (result.code, result.out, result.err.splitlines()) == (
        6,
        "",
        ["ecloud-pay: payment #5 has no unsettled refund of ours", "`ecloud-pay refund --pending` lists what is open."],
    )


@BOTH_SHAPES
def test_adopting_records_what_was_clicked(cashier: Cashier) -> None:
    cashier.leave_unsettled()
    cashier.backdate(minutes=3)
    clicked = cashier.stripe.dashboard_refund(FIVE, 10_00)["id"]
    result = cashier("5", "--resume", "--adopt", clicked, "--yes", **NOBODY_ASKED)  # saying --resume too says the same
    assert (result.code, result.err) == (0, "")
    assert result.out == (
        f"""\
┌─ Refund #1001 ───────────────────────────────────
│ Status: COMPLETED
│ Amount: $10.00 USD
│
│ Payment: #5
│ Stripe Refund: {clicked}
│ Stripe: TEST
│
│ Found in Stripe's list and recorded here.
└──────────────────────────────────────────────────
"""
    )
    assert cashier.refunds() == [10_00]
    assert cashier.events()[-1] == "refund_adopted"


def test_adopting_waits_while_its_own_may_still_arrive(cashier: Cashier) -> None:
    cashier.leave_unsettled()
    clicked = cashier.stripe.dashboard_refund(FIVE, 10_00)["id"]
    with cashier.untouched():
        result = cashier("5", "--adopt", clicked, "--yes")
    assert (result.code, result.out) == (7, "")
    [what, *rest] = result.err.splitlines()
    assert re.fullmatch(r"ecloud-pay: the refund of 10\.00 USD of payment #5 was sent at \d\d:\d\d:\d\d UTC and may still arrive", what)
    assert rest == [
        f"Nothing was changed: {clicked} would stand beside it.",
        "Adopt it 3 minutes after that, if Stripe has no other one by then.",
    ]


def test_what_cannot_be_adopted(cashier: Cashier) -> None:
    assert cashier("-q", "5", "--amount", "7", "--yes").code == 0
    [recorded] = cashier.stripe.refunds(FIVE)
    cashier.leave_unsettled(amount="10")
    others = {
        "re_11": "it belongs to pi_11, not to pi_3SMUfcQ1SldwUSm92tASE3le",
        cashier.stripe.dashboard_refund(FIVE, 11_00)["id"]: "it is of 11.00 USD, not of 10.00 USD",
        recorded["id"]: "it is of 7.00 USD, not of 10.00 USD",
    }
    for refund, problem in others.items():
        with cashier.untouched():
            result = cashier("5", "--adopt", refund, "--yes")
        assert (result.code, result.out, result.err.splitlines()) == (
            5,
            "",
            [f"ecloud-pay: {refund} cannot be adopted: {problem}", "Nothing was changed."],
        )
    with cashier.untouched():
        missing = cashier("5", "--adopt", "re_none", "--yes")
    assert (missing.code, missing.err.splitlines()[:2]) == (
        5,
        ["ecloud-pay: Stripe does not know it under this key: No such refund: 're_none'", "Nothing was changed."],
    )


def test_a_refund_that_is_recorded_already_cannot_be_adopted_twice(cashier: Cashier) -> None:
    assert cashier("-q", "5", "--amount", "10", "--yes").code == 0
    [recorded] = cashier.stripe.refunds(FIVE)
    cashier.stripe.faults("html_200")
    assert cashier("-q", "5", "--amount", "10", "--yes", "--allow-duplicate").code == 8
    with cashier.untouched():
        result = cashier("5", "--adopt", recorded["id"], "--yes")
    assert result.code == 5
    assert result.err.splitlines()[0] == f"ecloud-pay: {recorded['id']} cannot be adopted: it bears the key of another refund of ours"


def test_sending_anyway_sends_the_same_key(cashier: Cashier) -> None:
    cashier.leave_unsettled()
    cashier.stripe.dashboard_refund(FIVE, 10_00)
    result = cashier("5", "--send-anyway", "--confirm", "10.00")
    assert (result.code, cashier.refunds()) == (0, [10_00, 10_00])
    first, second = cashier.stripe.posts()
    assert (first.idempotency_key, first.body) == (second.idempotency_key, second.body)


def test_sending_anyway_adopts_ours_where_it_arrived_after_all(cashier: Cashier) -> None:
    cashier.leave_unsettled(fault="odd_status")
    [refund] = cashier.stripe.refunds(FIVE)
    cashier.stripe.move(refund["id"], "succeeded")
    result = cashier("5", "--send-anyway", "--yes")
    assert (result.code, cashier.refunds()) == (0, [10_00])
    assert "│ Found in Stripe's list and recorded here.\n" in result.out


def test_what_was_sent_today_cannot_be_given_up(cashier: Cashier) -> None:
    cashier.leave_unsettled()
    cashier.backdate(hours=23, minutes=59)
    with cashier.untouched():
        result = cashier("5", "--abandon", "--yes")
    assert (result.code, result.out, without_chance(result.err).splitlines()) == (
        5,
        "",
        [
            "ecloud-pay: the refund of 10.00 USD of payment #5 was sent less than 24 h ago (TODAY UTC) and may still arrive",
            "It stays unsettled.",
            "Until then: ecloud-pay refund --resume 5",
        ],
    )


@BOTH_SHAPES
def test_giving_up_what_cannot_arrive_any_more_is_exit_0(cashier: Cashier) -> None:
    cashier.leave_unsettled()
    cashier.backdate(hours=24)
    result = cashier("5", "--abandon", "--yes")
    assert (result.code, result.err) == (0, "")
    assert result.out == (
        """\
┌─ Refund #1001 ───────────────────────────────────
│ Status: FAILED
│ Amount: $10.00 USD
│
│ Payment: #5
│ Stripe Refund: N/A
│ Stripe: TEST
│
│ Abandoned: given up by a person. No money moved.
└──────────────────────────────────────────────────
"""
    )
    assert cashier.events()[-1] == "refund_abandoned"
    assert cashier("-q", "5", "--amount", "10", "--yes").code == 0  # the payment is free again


def test_what_was_never_sent_is_given_up_at_once_without_asking_stripe(cashier: Cashier) -> None:
    cashier.leave_unsettled()
    cashier.amend_intent(first_sent_at=None, last_sent_at=None, attempts=0)
    assert "never sent" in cashier("--pending").out
    assert cashier("5", "--abandon", "--yes").code == 0
    assert cashier.refund_rows()[0][2] == "failed"


def test_giving_up_adopts_what_arrived_after_all(cashier: Cashier) -> None:
    cashier.leave_unsettled(fault="odd_status")
    [refund] = cashier.stripe.refunds(FIVE)
    cashier.stripe.move(refund["id"], "succeeded")
    cashier.backdate(hours=24)
    result = cashier("5", "--abandon", "--yes")
    assert result.code == 0
    assert "│ Status: COMPLETED\n" in result.out
    assert cashier.refund_rows()[0][2:4] == ("completed", refund["id"])


# Requests of the backend


@BOTH_SHAPES
def test_a_request_is_carried_out_in_its_own_row(cashier: Cashier) -> None:
    result = cashier("--request", "2", "--reason", "duplicate", "--yes")
    refund = cashier.stripe.refunds("pi_11")[-1]
    assert (result.code, refund["amount"], refund["reason"]) == (0, 10_00, "duplicate")
    assert "│ This Refund: $10.00 USD\n│   ├─ Paid: $100.00\n│   ├─ Refunded Before: $25.00\n│   └─ Left After It: $65.00\n" in result.err
    assert result.out.startswith("┌─ Refund #2 ──")
    assert cashier.refund_rows() == []  # no new row
    assert cashier.backend.rows("SELECT status, stripe_refund_id FROM payments_refund WHERE id = 2") == [("completed", refund["id"])]
    with cashier.untouched():
        again = cashier("--request", "#2", "--yes")
    assert (again.code, again.err.splitlines()) == (
        5,
        ["ecloud-pay: refund row #2 is no open request: it is completed", "Nothing was sent."],
    )


@BOTH_SHAPES
def test_a_request_that_was_not_sent_stays_one(cashier: Cashier) -> None:
    cashier.stripe.faults("401")
    assert cashier("-q", "--request", "2", "--yes").code == 75
    assert cashier("--pending").out.endswith(REQUESTS)
    assert cashier("-q", "--request", "2", "--yes").code == 0


def test_a_request_is_named_by_its_own_row(refused: Cashier) -> None:
    for row, code, lines in (
        ("99", 6, ["ecloud-pay: there is no refund row #99"]),
        ("1", 5, ["ecloud-pay: refund row #1 is no open request: it is completed", "Nothing was sent."]),
    ):
        with refused.untouched():
            result = refused("--request", row, "--yes")
        assert (result.code, result.out, result.err.splitlines()) == (code, "", lines)


@BOTH_SHAPES
def test_a_refund_of_what_is_requested_names_the_request(cashier: Cashier) -> None:
    cashier.backend.run("UPDATE payments_refund SET created_at = now() AT TIME ZONE 'UTC' WHERE id = 2")
    with cashier.untouched():
        result = cashier("11", "--amount", "10", "--yes")
    assert (result.code, result.err.splitlines()[0]) == (
        5,
        "ecloud-pay: 10.00 USD of payment #11 was refunded within the last 24 h already:"
        " a request of the backend, row #2 (carry it out with --request 2)",
    )


@BOTH_SHAPES
def test_declining_a_request_closes_it(cashier: Cashier) -> None:
    result = cashier("--decline-request", "2", "--yes", "--json")
    assert (result.code, result.err) == (0, "")
    assert result.json == {
        "schema": "ecloud-pay/refund/1",
        "action": "decline-request",
        "payment_id": 11,
        "currency": "USD",
        "id": 2,
        "amount": "10.00",
        "reason": None,
        "status": "failed",
        "stripe_refund_id": None,
        "requested_by": None,
        "created_at": "2025-05-04T08:00:00.000000Z",
        "processed_at": None,
    }
    assert cashier.backend.rows("SELECT status FROM payments_refund WHERE id = 2") == [("failed",)]
    assert (cashier.events(), cashier.stripe.journal()) == (["refund_failed"], [])
    with cashier.untouched():
        again = cashier("--decline-request", "2", "--yes")
    assert (again.code, again.err.splitlines()) == (
        5,
        [
            "ecloud-pay: refund row #2 is no open request of the backend",
            "Nothing was changed.",
            "`ecloud-pay refund --pending` lists those that are.",
        ],
    )


def test_declining_needs_somebody_and_a_row(refused: Cashier) -> None:
    for arguments, environ, code in (
        (("2",), NOBODY_ASKED, 4),
        (("2", "--as", "client1@test.com"), {}, 5),
        (("99",), {}, 6),
        (("1",), {}, 5),
        (("x",), {}, 2),
    ):
        with refused.untouched():
            result = refused("--decline-request", *arguments, "--yes", **environ)
        assert (result.code, result.out) == (code, "")
        assert 1 <= len(result.err.splitlines()) <= 3
