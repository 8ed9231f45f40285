"""`refund REF`: what is shown, what moves, what is written down, and how it ends."""

from urllib.parse import parse_qs

import pytest

from samples import CARD_5
from support.cashier import BOTH_SHAPES, UNKNOWN, Cashier
from support.console import Console
from support.office import FIVE

ACCOUNT = "acct_1EcloudPayDemoOne"
PREVIEW = (
    CARD_5
    + """
┌─ Refund of #5 ───────────────────────────────────
│ This Refund: $25.00 USD
│   ├─ Paid: $100.00
│   ├─ Refunded Before: $0.00
│   └─ Left After It: $75.00
│
│ What It Concerns:
│   ├─ Platform Fee: $3.75
│   ├─ Cleaner Payout: $21.25
│   └─ Borne By: not recorded
│
│ Reason: requested_by_customer: came late
│ Requested By: ops@demo
│ Stripe: TEST, account acct_1EcloudPayDemoOne
│
│ The backend's signals and e-mails will not fire: nobody is told but by you.
└──────────────────────────────────────────────────
"""
)
TWENTY_FIVE = ("5", "--amount", "25", "--reason", "requested_by_customer", "--note", "came late")


def test_a_dry_run_shows_everything_and_does_nothing(refused: Cashier) -> None:
    with refused.untouched():
        result = refused(*TWENTY_FIVE, "--dry-run")
    assert (result.code, result.out, result.err) == (0, PREVIEW, "Dry run: nothing was sent and nothing was written.\n")


def test_a_dry_run_as_json(refused: Cashier) -> None:
    with refused.untouched():
        result = refused(*TWENTY_FIVE, "--dry-run", "--json", ECLOUD_PAY_REFUND_BORNE_BY="cleaner")
    payment = refused.console("show", "5", "--json", on=refused.backend).json
    assert result.code == 0
    assert result.json == {
        "schema": "ecloud-pay/refund/1",
        "action": "preview",
        "payment": {name: value for name, value in payment.items() if name not in ("transactions", "refunds")},
        "amount": "25.00",
        "currency": "usd",
        "reason": "requested_by_customer",
        "note": "came late",
        "requested_by": "ops@demo",
        "mode": "test",
        "account": ACCOUNT,
        "reverse_transfer": None,
        "refund_application_fee": None,
        "request_id": None,
        "batch": None,
        "line": None,
        "paid": "100.00",
        "refunded_before": "0.00",
        "left": "75.00",
        "platform_fee_share": "3.75",
        "cleaner_payout_share": "21.25",
        "borne_by": "cleaner",
        "borne_by_platform": "0.00",
        "borne_by_cleaner": "25.00",
    }


@BOTH_SHAPES
def test_the_preview_and_the_outcome_in_a_pipe(cashier: Cashier) -> None:
    result = cashier(*TWENTY_FIVE, "--yes")
    [refund] = cashier.stripe.refunds(FIVE)
    assert (result.code, result.err) == (0, PREVIEW)
    assert result.out == (
        f"""\
┌─ Refund #1001 ───────────────────────────────────
│ Status: COMPLETED
│ Amount: $25.00 USD
│   └─ Left to Refund: $75.00
│
│ Payment: #5
│ Stripe Refund: {refund["id"]}
│ Stripe: TEST
└──────────────────────────────────────────────────
"""
    )


@BOTH_SHAPES
def test_what_a_refund_leaves_behind(cashier: Cashier) -> None:
    assert cashier("-q", *TWENTY_FIVE, "--yes").code == 0
    [refund] = cashier.stripe.refunds(FIVE)
    assert (refund["amount"], refund["currency"], refund["reason"]) == (25_00, "usd", "requested_by_customer")
    assert len(cashier.stripe.posts()) == 1
    assert cashier.refund_rows() == [(5, "25.00", "completed", refund["id"], "requested_by_customer: came late", 1)]
    [paid_back] = cashier.backend.rows(
        "SELECT status, refund_amount::text, refund_reason, extract(epoch FROM refunded_at)::bigint FROM payments_payment WHERE id = 5"
    )
    assert paid_back == ("succeeded", "25.00", "requested_by_customer: came late", refund["created"])
    [transaction] = cashier.backend.rows(
        "SELECT payment_id, transaction_type, amount::text, status, stripe_transaction_id FROM payments_transaction WHERE id > 1000"
    )
    assert transaction == (5, "refund", "25.00", "completed", refund["id"])
    assert cashier.events() == ["refund_requested", "refund_sent", "refunded"]


@BOTH_SHAPES
def test_show_tells_of_it_afterwards(cashier: Cashier) -> None:
    cashier("-q", "5", "--amount", "25", "--note", "came late", "--yes")
    [refund] = cashier.stripe.refunds(FIVE)
    out = cashier.console("show", "5", on=cashier.backend).out
    assert "│ Refunded (25%): $25.00 USD\n│   ├─ Reason: came late\n" in out
    assert f"│   └─ #1001 COMPLETED $25.00 {refund['id']}\n" in out


@BOTH_SHAPES
def test_the_outcome_as_json(cashier: Cashier) -> None:
    result = cashier(*TWENTY_FIVE, "--yes", "--json", "--request-id", "complaint-4711")
    [refund] = cashier.stripe.refunds(FIVE)
    document = result.json
    [(created_at, sent_at)] = cashier.backend.rows(
        "SELECT metadata::jsonb #>> '{ecloud_pay,created_at}', metadata::jsonb #>> '{ecloud_pay,first_sent_at}'"
        " FROM payments_transaction WHERE id = 1001"
    )
    assert (result.code, result.err) == (0, PREVIEW)
    assert document == {
        "schema": "ecloud-pay/refund/1",
        "action": "refund",
        "payment_id": 5,
        "refund_id": 1001,
        "transaction_id": 1001,
        "amount": "25.00",
        "currency": "usd",
        "reason": "requested_by_customer",
        "note": "came late",
        "requested_by": "ops@demo",
        "mode": "test",
        "account": ACCOUNT,
        "reverse_transfer": None,
        "refund_application_fee": None,
        "request_id": "complaint-4711",
        "batch": None,
        "line": None,
        "created_at": created_at.replace("+00:00", "Z"),
        "first_sent_at": sent_at.replace("+00:00", "Z"),
        "attempts": 1,
        "status": "completed",
        "ending": "accepted",
        "stripe_refund_id": refund["id"],
        "adopted": False,
        "words": None,
        "left": "75.00",
    }


def test_quiet_prints_the_outcome_alone(cashier: Cashier) -> None:
    result = cashier("-q", "5", "--amount", "25", "--yes", "--json")
    assert (result.code, result.err, result.json["status"]) == (0, "", "completed")


@BOTH_SHAPES
def test_the_default_is_all_that_is_left(cashier: Cashier) -> None:
    result = cashier("-q", "11", "--yes", "--json")
    assert (result.json["amount"], result.json["left"]) == ("75.00", "0.00")
    assert cashier.refunds("pi_11") == [25_00, 75_00]
    again = cashier("11", "--yes")
    assert (again.code, again.out, again.err.splitlines()) == (
        5,
        "",
        ["ecloud-pay: nothing is left to refund of payment #11: 100.00 USD came back already", "Nothing was sent."],
    )


@BOTH_SHAPES
def test_yen_have_no_decimals(cashier: Cashier) -> None:
    result = cashier("10", "--amount", "500", "--currency", "JPY", "--yes")
    assert (
        "│ This Refund: ¥500 JPY\n│   ├─ Paid: ¥12,000 JPY\n│   ├─ Refunded Before: ¥0 JPY\n│   └─ Left After It: ¥11,500 JPY\n"
        in result.err
    )
    assert "│ Amount: ¥500 JPY\n│   └─ Left to Refund: ¥11,500 JPY\n" in result.out
    assert cashier.refunds("pi_10") == [500]
    assert cashier.refund_rows()[0][1] == "500.00"


@pytest.mark.parametrize(
    ("borne_by", "words"),
    [
        ("proportional", "proportional: platform $3.75, cleaner $21.25"),
        ("platform", "platform: platform $25.00, cleaner $0.00"),
        ("cleaner", "cleaner: platform $0.00, cleaner $25.00"),
    ],
)
def test_who_bears_it(refused: Cashier, borne_by: str, words: str) -> None:
    assert f"│   └─ Borne By: {words}\n" in refused("5", "--amount", "25", "--dry-run", ECLOUD_PAY_REFUND_BORNE_BY=borne_by).out


def test_the_words_of_others_are_harmless_on_every_screen(cashier: Cashier) -> None:
    hostile = "a\x1b[2J\u202e [bold]b[/]"
    cashier.stripe.faults("decline", message=f"no {hostile}.")
    result = cashier("12", "--amount", "1", "--note", hostile, "--yes")
    assert "│ Reason: a\\x1b[2J\\u202e [bold]b[/]\n" in result.err
    assert "\x1b" not in result.out + result.err
    assert "\u202e" not in result.out + result.err


def test_the_instants_are_local(cashier: Cashier) -> None:
    assert "Created: 2025-01-27 23:30:15 JST" in cashier("5", "--dry-run", "--tz", "Asia/Tokyo").out


# What REF may be


@pytest.mark.parametrize("ref", ["5", "#5", FIVE, "ch_3SMUfcQ1SldwUSm92tASE3le", "job:14"])
def test_ref_names_one_payment(refused: Cashier, ref: str) -> None:
    assert refused(ref, "--amount", "25", "--dry-run", "--json").json["payment"]["id"] == 5


@pytest.mark.parametrize(
    ("ref", "code", "lines"),
    [
        (
            "client1@test.com",
            2,
            [
                "client1@test.com does not name one payment for certain",
                "Name one of: 12 (100.00 USD succeeded), 11 (100.00 USD succeeded), 10 (12000 JPY succeeded), 7 (100.00 USD failed),"
                " 6 (100.00 USD pending), 5 (100.00 USD succeeded)",
            ],
        ),
        ("re_11", 2, ["re_11 does not name one payment for certain", "Name one of: 11 (100.00 USD succeeded)"]),
        (
            "nobody@test.com",
            2,
            ["nobody@test.com does not name one payment for certain", "It has no payment. Write one as 5, #5, pi_…, ch_… or job:14."],
        ),
        ("re_none", 2, ["re_none does not name one payment for certain", "It has no payment. Write one as 5, #5, pi_…, ch_… or job:14."]),
        (
            "job:15",
            2,
            ["job:15 could be 3 payments", "Name one of: 12 (100.00 USD succeeded), 11 (100.00 USD succeeded), 10 (12000 JPY succeeded)"],
        ),
        ("ch_11", 2, ["ch_11 could be 2 payments", "Name one of: 12 (100.00 USD succeeded), 11 (100.00 USD succeeded)"]),
        ("99", 6, ["there is no payment #99"]),
        ("pi_none", 6, ["no payment belongs to pi_none"]),
        ("ch_none", 6, ["no payment belongs to ch_none"]),
        ("job:99", 6, ["no payment belongs to job:99"]),
        ("payment five", 2, ["REF: 'payment five' names no payment; write one of: 5, #5, pi_…, ch_…, re_…, client@example.com, job:14"]),
    ],
)
def test_ref_names_no_payment_for_certain(refused: Cashier, ref: str, code: int, lines: list[str]) -> None:
    with refused.untouched():
        result = refused(ref, "--yes")
    assert (result.code, result.out, result.err.splitlines()) == (code, "", [f"ecloud-pay: {lines[0]}", *lines[1:]])
    assert refused.stripe.journal() == []


def test_a_job_whose_payments_came_back_names_none(cashier: Cashier) -> None:
    cashier.backend.run("UPDATE payments_payment SET refund_amount = amount WHERE id = 5")
    result = cashier("job:14", "--yes")
    assert (result.code, result.err.splitlines()) == (
        2,
        ["ecloud-pay: job:14 has no payment that can be refunded", "It has: 5 (100.00 USD succeeded)"],
    )


# On whose behalf


def test_as_goes_before_the_setting_and_case_does_not_matter(cashier: Cashier) -> None:
    cashier.backend.run("UPDATE auth_user SET is_staff = true WHERE id = 30")
    result = cashier("-q", "5", "--amount", "25", "--yes", "--json", "--as", "zoe.MÜLLER@example.org")
    assert result.json["requested_by"] == "Zoe.Müller@example.org"
    assert cashier.refund_rows()[0][-1] == 30


@pytest.mark.parametrize(
    ("change", "named", "problem"),
    [
        ("", "nobody@demo", "no user has the e-mail that names the operator"),
        ("", "client1@test.com", "no active staff user has the e-mail that names the operator"),
        ("UPDATE auth_user SET is_active = false WHERE id = 1", "ops@demo", "no active staff user has the e-mail that names the operator"),
        (
            "UPDATE auth_user SET is_staff = true, email = 'ops@demo' WHERE id = 26",
            "ops@demo",
            "2 active staff users share the e-mail that names the operator",
        ),
    ],
)
def test_the_operator_must_be_one_active_staff_user(cashier: Cashier, change: str, named: str, problem: str) -> None:
    if change:
        cashier.backend.run(change)
    for arguments, environ in ((("--as", named), {}), ((), {"ECLOUD_PAY_OPERATOR": named})):
        with cashier.untouched():
            result = cashier("5", "--yes", *arguments, **environ)
        assert (result.code, result.out, result.err.splitlines()) == (
            5,
            "",
            [
                f"ecloud-pay: {problem}",
                "Nothing was sent.",
                "Name an active staff user of the backend with --as or ECLOUD_PAY_OPERATOR.",
            ],
        )


def test_without_an_operator_nothing_is_sent(refused: Cashier) -> None:
    with refused.untouched():
        result = refused("5", "--yes", ECLOUD_PAY_OPERATOR="")
    assert (result.code, result.out, result.err.splitlines()) == (
        4,
        "",
        [
            "ecloud-pay: nobody is named on whose behalf the refund is made",
            "Nothing was sent.",
            "Name an active staff user with --as EMAIL or ECLOUD_PAY_OPERATOR.",
        ],
    )


# How it can end


@BOTH_SHAPES
def test_accepted_but_pending_at_stripe_is_exit_0_and_said_in_words(cashier: Cashier) -> None:
    cashier.stripe.faults("pending")
    result = cashier("-q", "5", "--amount", "25", "--yes")
    [refund] = cashier.stripe.refunds(FIVE)
    assert (result.code, result.err) == (0, "")
    assert result.out == (
        f"""\
┌─ Refund #1001 ───────────────────────────────────
│ Status: PENDING
│ Amount: $25.00 USD
│   └─ Left to Refund: $75.00
│
│ Payment: #5
│ Stripe Refund: {refund["id"]}
│ Stripe: TEST
│
│ Stripe has accepted it and will say later whether it went through.
│ Nothing needs to be repeated.
└──────────────────────────────────────────────────
"""
    )
    assert cashier.refund_rows() == [(5, "25.00", "pending", refund["id"], "", 1)]
    assert cashier.backend.rows("SELECT coalesce(refund_amount, 0)::text FROM payments_payment WHERE id = 5") == [("0.00",)]


@BOTH_SHAPES
def test_the_next_preview_says_what_is_still_pending_and_what_the_bank_asks(cashier: Cashier) -> None:
    earlier = [{"id": "re_1", "amount": 10_00, "status": "pending"}]
    cashier.stripe.put_payment(FIVE, 100_00, refunds=earlier, disputes=[{"id": "du_1", "status": "warning_needs_response"}])
    result = cashier("5", "--amount", "25", "--dry-run", "--accept-drift")
    assert result.code == 0
    assert "│   ├─ Refunded Before: $10.00, of it $10.00 not through yet\n│   └─ Left After It: $65.00\n" in result.out
    assert result.out.endswith(
        """\
│ The backend's signals and e-mails will not fire: nobody is told but by you.
│ The books disagree on what came back before; the largest figure was taken.
│ An inquiry is open at Stripe: du_1 (warning_needs_response)
└──────────────────────────────────────────────────
"""
    )


@BOTH_SHAPES
def test_declined_by_stripe_is_exit_5_and_recorded(cashier: Cashier) -> None:
    cashier.stripe.faults("decline", code="charge_disputed", message="The bank said no.")
    result = cashier("-q", "5", "--amount", "25", "--yes")
    assert result.code == 5
    assert result.out == (
        """\
┌─ Refund #1001 ───────────────────────────────────
│ Status: FAILED
│ Amount: $25.00 USD
│   └─ Left to Refund: $100.00
│
│ Payment: #5
│ Stripe Refund: N/A
│ Stripe: TEST
│
│ Declined: charge_disputed: The bank said no. No money moved.
└──────────────────────────────────────────────────
"""
    )
    assert result.err.splitlines() == [
        "ecloud-pay: Stripe refused the refund of 25.00 USD of payment #5: charge_disputed: The bank said no.",
        "No money moved, and that is recorded.",
    ]
    assert cashier.refund_rows() == [(5, "25.00", "failed", "", "", 1)]
    assert cashier.events() == ["refund_requested", "refund_sent", "refund_failed"]
    assert cashier("-q", "5", "--amount", "25", "--yes").code == 0  # what failed is no duplicate


def test_a_refund_that_failed_at_stripe_at_once_is_exit_5(cashier: Cashier) -> None:
    cashier.stripe.faults("odd_status", word="failed")
    result = cashier("-q", "5", "--amount", "25", "--yes")
    [refund] = cashier.stripe.refunds(FIVE)
    assert (result.code, result.err.splitlines()) == (
        5,
        [
            f"ecloud-pay: Stripe took the refund {refund['id']} of 25.00 USD of payment #5, and it failed there",
            "No money moved, and that is recorded.",
        ],
    )
    assert "│ Stripe took it and it failed there: no money moved.\n" in result.out
    assert "│   └─ Left to Refund: $100.00\n" in result.out


def test_not_sent_is_exit_75(cashier: Cashier) -> None:
    cashier.stripe.faults("401")
    result = cashier("-q", "5", "--amount", "25", "--yes")
    assert result.code == 75
    assert "│ Status: FAILED\n" in result.out
    assert "│ Not sent: " in result.out
    assert result.err.splitlines()[0].startswith("ecloud-pay: the refund of 25.00 USD of payment #5 was not sent: ")
    assert result.err.splitlines()[1:] == ["No money moved, and that is recorded.", "It is safe to repeat."]
    assert cashier.refunds() == []
    assert cashier("-q", "5", "--amount", "25", "--yes").code == 0
    assert cashier.refunds() == [25_00]


@BOTH_SHAPES
def test_unknown_is_exit_8_and_blocks_the_payment(cashier: Cashier) -> None:
    cashier.stripe.faults(UNKNOWN)
    result = cashier("-q", "5", "--amount", "25", "--yes")
    assert (result.code, result.out, result.err.splitlines()) == (
        8,
        "",
        [
            "ecloud-pay: the outcome of the refund of 25.00 USD of payment #5 is unknown:"
            " Stripe answered 200 with something else: it is not JSON",
            "It is recorded as unsettled; money may have moved.",
            "Do not repeat it. To settle it: ecloud-pay refund --resume 5",
        ],
    )
    [(begun,)] = cashier.backend.rows("SELECT to_char(created_at::timestamp, 'YYYY-MM-DD HH24:MI:SS') FROM payments_refund WHERE id = 1001")
    with cashier.untouched():
        again = cashier("-q", "5", "--amount", "5", "--yes")
    assert (again.code, again.out, again.err.splitlines()) == (
        7,
        "",
        [
            f"ecloud-pay: payment #5 has an unsettled refund of 25.00 USD, begun by ops@demo at {begun} UTC",
            "Nothing was sent. That one may have been sent to Stripe.",
            "If nobody is at it just now: ecloud-pay refund --resume 5",
        ],
    )
    assert cashier("-q", "12", "--amount", "5", "--yes").code == 0  # other payments are not concerned


def test_an_outcome_found_in_stripes_list_says_so(cashier: Cashier) -> None:
    cashier.stripe.faults("html_200_acted")
    result = cashier("-q", "5", "--amount", "25", "--yes")
    assert (result.code, result.err) == (0, "")
    assert "│ Found in Stripe's list and recorded here.\n" in result.out
    assert cashier.refunds() == [25_00]
    assert cashier.events() == ["refund_requested", "refund_sent", "refund_adopted"]


# The same again


@BOTH_SHAPES
def test_a_repeated_request_id_returns_the_first_outcome(cashier: Cashier) -> None:
    line = ("5", "--amount", "25", "--yes", "--request-id", "complaint-4711", "--json")
    first = cashier("-q", *line)
    with cashier.untouched():
        second = cashier(*line)
        spelt_otherwise = cashier("#5", "--amount", "25.00", "--yes", "--request-id", "complaint-4711", "--json")
    assert second.err == spelt_otherwise.err == "--request-id complaint-4711 was used before; this is how it ended then.\n"
    assert (second.code, spelt_otherwise.code) == (0, 0)
    assert second.json == spelt_otherwise.json == {**first.json, "left": None}


def test_a_request_id_belongs_to_one_payment(cashier: Cashier) -> None:
    for ref in ("5", "12"):
        assert cashier("-q", ref, "--amount", "25", "--yes", "--request-id", "a").code == 0
    assert cashier.refunds() == cashier.refunds("pi_12") == [25_00]


@pytest.mark.parametrize("other", [("--amount", "26"), ("--amount", "25", "--reason", "duplicate")])
def test_a_request_id_of_another_refund_is_refused(cashier: Cashier, other: tuple[str, ...]) -> None:
    assert cashier("-q", "5", "--amount", "25", "--yes", "--request-id", "a").code == 0
    with cashier.untouched():
        result = cashier("5", *other, "--yes", "--request-id", "a")
    assert (result.code, result.out, result.err.splitlines()) == (
        5,
        "",
        [
            "ecloud-pay: --request-id a was used for another refund of payment #5: 25.00 USD",
            "Nothing was sent.",
            "Use a new id for a new refund.",
        ],
    )


def test_a_repeated_request_id_that_was_declined_is_declined_without_asking_again(cashier: Cashier) -> None:
    line = ("-q", "5", "--amount", "25", "--yes", "--request-id", "a")
    cashier.stripe.faults("decline", message="no.")
    first = cashier(*line)
    with cashier.untouched():
        second = cashier(*line)
    assert (first.code, second.code) == (5, 5)
    assert second.err == first.err
    assert second.out == first.out.replace("│   └─ Left to Refund: $100.00\n", "")


def test_a_repeated_request_id_that_is_unsettled_stays_exit_8(cashier: Cashier) -> None:
    line = ("-q", "5", "--amount", "25", "--yes", "--request-id", "a")
    cashier.stripe.faults(UNKNOWN)
    assert cashier(*line).code == 8
    with cashier.untouched():
        second = cashier(*line)
    assert (second.code, second.out, second.err.splitlines()) == (
        8,
        "",
        [
            "ecloud-pay: the outcome of the refund of 25.00 USD of payment #5 is unknown: nobody knows yet how it ended",
            "It is recorded as unsettled; money may have moved.",
            "Do not repeat it. To settle it: ecloud-pay refund --resume 5",
        ],
    )
    assert cashier("-q", "--resume").code == 0
    assert cashier(*line).code == 0
    assert cashier.refunds() == [25_00]


def test_a_repeated_request_id_that_was_not_sent_tries_again(cashier: Cashier) -> None:
    line = ("-q", "5", "--amount", "25", "--yes", "--request-id", "a")
    cashier.stripe.faults("403")
    assert cashier(*line).code == 75
    assert cashier(*line).code == 0
    assert cashier(*line).code == 0
    assert cashier.refunds() == [25_00]
    assert [row[2] for row in cashier.refund_rows()] == ["failed", "completed"]


@pytest.mark.parametrize("name", ["", " ", "a" * 65, "a\nb", "a\x1b"])
def test_a_request_id_is_a_short_printable_name(refused: Cashier, name: str) -> None:
    result = refused("5", "--yes", "--request-id", name)
    assert (result.code, result.out, len(result.err.splitlines())) == (2, "", 1)
    assert result.err.endswith("is no name; use 1 to 64 printable characters\n")


@BOTH_SHAPES
def test_the_same_amount_within_a_day_is_asked_about(cashier: Cashier) -> None:
    assert cashier("-q", "5", "--amount", "25", "--yes").code == 0
    [refund] = cashier.stripe.refunds(FIVE)
    with cashier.untouched():
        result = cashier("5", "--amount", "25", "--yes")
    assert (result.code, result.out, result.err.splitlines()) == (
        5,
        "",
        [
            f"ecloud-pay: 25.00 USD of payment #5 was refunded within the last 24 h already: refund #1001, {refund['id']}",
            "Nothing was sent.",
            "If it is meant a second time, add --allow-duplicate.",
        ],
    )
    assert cashier("-q", "5", "--amount", "25", "--yes", "--allow-duplicate").code == 0
    assert cashier.refunds() == [25_00, 25_00]


@BOTH_SHAPES
def test_books_that_disagree_stop_it_unless_that_is_known(cashier: Cashier) -> None:
    cashier.stripe.dashboard_refund(FIVE, 30_00)
    with cashier.untouched():
        result = cashier("5", "--amount", "25", "--yes")
    assert (result.code, result.out, result.err.splitlines()) == (
        5,
        "",
        [
            "ecloud-pay: the books disagree on what came back of payment #5: 30.00 USD at Stripe, 0.00 USD in refund rows"
            " (0.00 USD completed), 0.00 USD on the payment",
            "Nothing was sent.",
            "Heal it: ecloud-pay sync --ref 5 --apply. Or, if it is meant to be so, add --accept-drift.",
        ],
    )
    accepted = cashier("5", "--amount", "25", "--yes", "--accept-drift", "--json")
    assert (accepted.code, accepted.json["left"]) == (0, "45.00")
    assert "│ The books disagree on what came back before; the largest figure was taken.\n" in accepted.err
    assert cashier.refunds() == [30_00, 25_00]


def test_max_total_caps_it(cashier: Cashier) -> None:
    with cashier.untouched():
        result = cashier("5", "--amount", "25", "--yes", "--max-total", "24.99")
    assert (result.code, result.out, result.err.splitlines()) == (
        5,
        "",
        ["ecloud-pay: 25.00 USD is more than --max-total 24.99 allows", "Nothing was sent."],
    )
    with cashier.untouched():
        assert cashier("5", "--yes", "--max-total", "99").code == 5  # of the remainder, too
    assert cashier("-q", "5", "--amount", "25", "--yes", "--max-total", "25").code == 0


# Connect


def connected(cashier: Cashier) -> None:
    """Payment #5 went to a connected account, and the platform took its fee of it."""
    cashier.stripe.put_payment(FIVE, 100_00, charge="ch_3SMUfcQ1SldwUSm92tASE3le", destination="acct_cleaner", application_fee_amount=15_00)


def test_what_becomes_of_a_transfer_must_be_chosen(cashier: Cashier) -> None:
    connected(cashier)
    with cashier.untouched():
        nothing_chosen = cashier("5", "--amount", "25", "--yes")
        half_chosen = cashier("5", "--amount", "25", "--yes", "--no-reverse-transfer")
    assert (nothing_chosen.code, nothing_chosen.out, nothing_chosen.err.splitlines()) == (
        5,
        "",
        [
            "ecloud-pay: payment #5 has a transfer to a connected account, so somebody must decide what becomes of it",
            "Nothing was sent.",
            "Add --reverse-transfer (take its share back) or --no-reverse-transfer (leave it there).",
        ],
    )
    assert (half_chosen.code, half_chosen.err.splitlines()) == (
        5,
        [
            "ecloud-pay: payment #5 has an application fee, so somebody must decide what becomes of it",
            "Nothing was sent.",
            "Add --refund-application-fee (give its share back) or --no-refund-application-fee (keep it).",
        ],
    )


@pytest.mark.parametrize(
    ("chosen", "lines", "sent"),
    [
        (
            ("--reverse-transfer", "--refund-application-fee"),
            ["│ Transfer: its share is taken back from the connected account", "│ Application Fee: its share is given back"],
            {"reverse_transfer": "true", "refund_application_fee": "true"},
        ),
        (
            ("--no-reverse-transfer", "--no-refund-application-fee"),
            ["│ Transfer: stays with the connected account", "│ Application Fee: is kept"],
            {"reverse_transfer": "false", "refund_application_fee": "false"},
        ),
    ],
)
def test_what_was_chosen_is_shown_and_sent(cashier: Cashier, chosen: tuple[str, ...], lines: list[str], sent: dict[str, str]) -> None:
    connected(cashier)
    result = cashier("5", "--amount", "25", "--yes", "--json", *chosen)
    assert result.code == 0
    assert [line for line in result.err.splitlines() if line.startswith(("│ Transfer", "│ Application"))] == lines
    [post] = cashier.stripe.posts()
    assert {name: values for name, values in parse_qs(post.body).items() if name in sent} == {name: [word] for name, word in sent.items()}
    assert {name: str(result.json[name]).lower() for name in sent} == sent


@pytest.mark.parametrize(
    "option", ["--reverse-transfer", "--no-reverse-transfer", "--refund-application-fee", "--no-refund-application-fee"]
)
def test_a_choice_without_a_transfer_is_refused(refused: Cashier, option: str) -> None:
    with refused.untouched():
        result = refused("5", "--amount", "25", "--yes", option)
    noun = "transfer" if "transfer" in option else "application fee"
    assert (result.code, result.out, result.err.splitlines()) == (
        5,
        "",
        [f"ecloud-pay: payment #5 has no {noun}, so {option} has no meaning", "Nothing was sent.", "Leave it out."],
    )


# What makes no sense together


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        ((), "a payment needs REF: 5, #5, pi_…, ch_… or job:14"),
        (("--amount", "25"), "a payment needs REF: 5, #5, pi_…, ch_… or job:14"),
        (("--abandon",), "--abandon needs REF: 5, #5, pi_…, ch_… or job:14"),
        (("--adopt", "re_1"), "--adopt needs REF: 5, #5, pi_…, ch_… or job:14"),
        (("--send-anyway",), "--send-anyway needs REF: 5, #5, pi_…, ch_… or job:14"),
        (("5", "--request", "2"), "--request takes no REF, and '5' was given"),
        (("5", "--decline-request", "2"), "--decline-request takes no REF, and '5' was given"),
        (("--pending", "--resume"), "only one at a time: --pending and --resume were asked for"),
        (("5", "--adopt", "re_1", "--abandon"), "only one at a time: --adopt and --abandon were asked for"),
        (("--request", "2", "--decline-request", "2"), "only one at a time: --request and --decline-request were asked for"),
        (("--pending", "--yes"), "--yes does not go with --pending"),
        (("--pending", "--amount", "5"), "--amount does not go with --pending"),
        (("--resume", "--yes"), "--yes does not go with --resume"),
        (("--resume", "--as", "ops@demo"), "--as does not go with --resume"),
        (("--resume", "--dry-run"), "--dry-run does not go with --resume"),
        (("5", "--adopt", "re_1", "--amount", "5"), "--amount does not go with --adopt"),
        (("5", "--adopt", "re_1", "--confirm", "5"), "--confirm does not go with --adopt"),
        (("5", "--abandon", "--confirm", "5"), "--confirm does not go with --abandon"),
        (("5", "--send-anyway", "--allow-duplicate"), "--allow-duplicate does not go with --send-anyway"),
        (("--request", "2", "--amount", "5"), "--amount does not go with --request"),
        (("--request", "2", "--note", "x"), "--note does not go with --request"),
        (("--decline-request", "2", "--request-id", "x"), "--request-id does not go with --decline-request"),
        (("--decline-request", "2", "--no-reverse-transfer"), "--no-reverse-transfer does not go with --decline-request"),
        (("5", "--batch", "x"), "--batch does not go with one refund"),
        (("5", "--retry-failed"), "--retry-failed does not go with one refund"),
        (("5", "--output", "x"), "--output does not go with one refund"),
        (("--request", "two"), "--request: 'two' is no number of a row; write one like 14 or #14"),
        (("5", "--reason", "fraud"), "--reason: unknown reason 'fraud'. Did you mean fraudulent?"),
        (("5", "--note", "x" * 501), "--note: 501 characters are too many; 500 is the most"),
        # A variable of a script that is empty must not turn a way into a refund of all that is left.
        (("5", "--adopt", "", "--yes"), "--adopt: '' is no id of a refund; they look like re_… or pyr_…"),
        *(
            (("5", "--adopt", typed), f"--adopt: {typed!r} is no id of a refund; they look like re_… or pyr_…")
            for typed in ("foo", "25.00", "re_", "re_1 ", "re-1_2", "re_\n1", "ré_1", "re_1/../x")
        ),
        (("--request", "", "--yes"), "--request: '' is no number of a row; write one like 14 or #14"),
        (("5", "--request", "", "--yes"), "--request takes no REF, and '5' was given"),
        (("5", "--decline-request", "", "--yes"), "--decline-request takes no REF, and '5' was given"),
        (("5", "--from", "", "--yes"), "--from takes no REF, and '5' was given"),
        (("--from", "", "--yes"), "--from: '' cannot be read: No such file or directory"),
        (("--from", "x.csv", "--max-count", ""), "--max-count: '' is not a whole number from 1 to 10000"),
    ],
)
def test_wrong_use_is_exit_2_and_asks_neither_database_nor_stripe(console: Console, arguments: tuple[str, ...], line: str) -> None:
    result = console("refund", *arguments)  # there is no database and no key
    assert (result.code, result.out, result.err.splitlines()[0]) == (2, "", f"ecloud-pay: {line}")
    assert len(result.err.splitlines()) <= 2
