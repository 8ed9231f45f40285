"""Whatever is wrong: the exit code, the truth in one to three lines, nothing moved, nothing half-written."""

import os
import re
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from support.canaries import READER_PASSWORD
from support.cashier import CONSOLE, Cashier
from support.console import Result
from support.office import FIVE

PAYMENT = ("5", "--amount", "25", "--yes")
SET_THE_KEY = "Set STRIPE_SECRET_KEY to a secret key (sk_…) or, better, a restricted one (rk_…) of dashboard.stripe.com/apikeys."


def refusal(cashier: Cashier, arguments: Sequence[str] = PAYMENT, environ: Mapping[str, str] | None = None) -> tuple[int, list[str]]:
    """The exit code and the lines of a command that prints no data, shows no traceback, and changes nothing anywhere."""
    with cashier.untouched():
        result = cashier(*arguments, **(environ or {}))
    assert result.out == ""
    lines = result.err.splitlines()
    assert 1 <= len(lines) <= 3, result.err
    assert lines[0].startswith("ecloud-pay: ")
    return result.code, [lines[0].removeprefix("ecloud-pay: "), *lines[1:]]


# Amounts


@pytest.mark.parametrize(
    ("ref", "amount", "problem"),
    [
        ("5", "0", "'0' is nothing to refund"),
        ("5", "0.00", "'0.00' is nothing to refund"),
        ("5", "-5", "'-5' is out of range; amounts run from 0.01 to 99999999.99"),
        ("5", "100000000", "'100000000' is out of range; amounts run from 0.01 to 99999999.99"),
        ("5", "-0.01", "'-0.01' is out of range; amounts run from 0.01 to 99999999.99"),
        ("5", "-0", "'-0' is nothing to refund"),
        ("5", "1" + "0" * 18, "'1000000000000000000' is out of range; amounts run from 0.01 to 99999999.99"),
        ("5", "9" * 500 + ".99", f"'{'9' * 40}' is out of range; amounts run from 0.01 to 99999999.99"),
        ("5", "12.505", "'12.505' has more than 2 decimals"),
        ("5", "25.000", "'25.000' has more than 2 decimals"),
        ("10", "10.5", "10.5 is not an amount in JPY: it has too many decimals"),
        *(
            ("5", text, f"{text!r} is no amount; write one like 100 or 100.00, without separators or a currency sign")
            for text in (
                "",
                " ",
                "abc",
                "1e3",
                "1e400",
                "NaN",
                "inf",
                "-",
                "25,00",
                "1,000.00",
                "1_000",
                "$25",
                "25 USD",
                "+25",
                "0x19",
                "٢٥",
                "２５",
                "25\n",
            )
        ),
    ],
)
def test_an_amount_that_is_none(refused: Cashier, ref: str, amount: str, problem: str) -> None:
    assert refusal(refused, (ref, "--amount", amount, "--yes")) == (2, [f"--amount: {problem}"])


@pytest.mark.parametrize(
    ("ref", "amount", "what"),
    [
        ("5", "100.01", "100.01 USD is more than what is left to refund of payment #5, 100.00 USD"),
        ("5", "99999999.99", "99999999.99 USD is more than what is left to refund of payment #5, 100.00 USD"),
        ("11", "75.01", "75.01 USD is more than what is left to refund of payment #11, 75.00 USD"),
        ("10", "12001", "12001 JPY is more than what is left to refund of payment #10, 12000 JPY"),
    ],
)
def test_more_than_is_left(refused: Cashier, ref: str, amount: str, what: str) -> None:
    assert refusal(refused, (ref, "--amount", amount, "--yes")) == (5, [what, "Nothing was sent."])


def test_another_currency(refused: Cashier) -> None:
    assert refusal(refused, (*PAYMENT, "--currency", "eur")) == (5, ["payment #5 is in USD, not in EUR", "Nothing was sent."])
    assert refusal(refused, (*PAYMENT, "--currency", "usdollar")) == (
        2,
        ["--currency: 'usdollar' is no currency of Stripe's; write a code such as usd, eur or jpy"],
    )


@pytest.mark.parametrize("cap", ["-1", "all", "1e3"])
def test_a_cap_that_is_no_amount(refused: Cashier, cap: str) -> None:
    code, [line] = refusal(refused, (*PAYMENT, "--max-total", cap))
    assert (code, line.startswith("--max-total: ")) == (2, True)


# Payments, by our book


@pytest.mark.parametrize(("ref", "status"), [("6", "pending"), ("7", "failed"), ("8", "cancelled"), ("9", "processing"), ("13", "on_hold")])
def test_only_a_succeeded_payment_can_be_refunded(refused: Cashier, ref: str, status: str) -> None:
    assert refusal(refused, (ref, "--yes")) == (
        5,
        [f"payment #{ref} is {status}: only a succeeded payment can be refunded", "Nothing was sent."],
    )
    assert [seen.target for seen in refused.stripe.journal()] == ["/v1/account"]


def test_a_payment_without_a_payment_intent(owner: Cashier) -> None:
    owner.backend.run("ALTER TABLE payments_payment ALTER stripe_payment_intent_id DROP NOT NULL")
    for absent in ("''", "NULL"):
        owner.backend.run(f"UPDATE payments_payment SET stripe_payment_intent_id = {absent} WHERE id = 5")
        assert refusal(owner) == (5, ["payment #5 has no PaymentIntent, so Stripe cannot be asked to refund it", "Nothing was sent."])


@pytest.mark.parametrize(
    ("change", "what"),
    [
        (
            "amount = 12000.50",
            "payment #10 is 12000.50 jpy, which cannot be refunded: 12000.50 is not an amount in JPY: it has too many decimals",
        ),
        (
            "platform_fee = 0.5",
            "the platform fee is 0.50 jpy, which cannot be refunded: 0.50 is not an amount in JPY: it has too many decimals",
        ),
        (
            "refund_amount = 0.5",
            "its refund_amount is 0.50 jpy, which cannot be refunded: 0.50 is not an amount in JPY: it has too many decimals",
        ),
    ],
)
def test_a_row_that_holds_no_money(cashier: Cashier, change: str, what: str) -> None:
    cashier.backend.run(f"UPDATE payments_payment SET {change} WHERE id = 10")
    assert refusal(cashier, ("10", "--amount", "5", "--yes")) == (
        5,
        [what, "Nothing was sent.", "Have the backend's owner correct the row."],
    )


# Payments, by Stripe's book


@pytest.mark.parametrize(
    ("at_stripe", "what"),
    [
        ({"status": "processing"}, "payment #5 is processing at Stripe: only a succeeded payment can be refunded"),
        ({"status": "requires_capture"}, "payment #5 is requires_capture at Stripe: only a succeeded payment can be refunded"),
        ({"status": "canceled"}, "payment #5 is canceled at Stripe: only a succeeded payment can be refunded"),
        (
            {"status": "requires_payment_method"},
            "payment #5 is requires_payment_method at Stripe: only a succeeded payment can be refunded",
        ),
        ({"status": "a_word_of_tomorrow"}, "payment #5 is a_word_of_tomorrow at Stripe: only a succeeded payment can be refunded"),
        ({"amount": 99_00}, "payment #5 is 99.00 USD at Stripe and 100.00 USD here"),
        ({"amount_captured": 50_00}, "payment #5 is 50.00 USD at Stripe and 100.00 USD here"),
        ({"currency": "eur"}, "payment #5 is in EUR at Stripe and in USD here"),
    ],
)
def test_stripe_holds_something_else(refused: Cashier, at_stripe: dict[str, object], what: str) -> None:
    refused.stripe.put_payment(FIVE, **{"amount": 100_00, **at_stripe})  # type: ignore[arg-type]  # the amount is a number in every case
    assert refusal(refused) == (5, [what, "Nothing was sent.", "Look closer: ecloud-pay show 5"])


def test_a_disputed_payment(refused: Cashier) -> None:
    refused.stripe.put_payment(FIVE, 100_00, disputes=[{"id": "dp_1", "status": "needs_response"}])
    assert refusal(refused) == (
        5,
        [
            "payment #5 is disputed (dp_1, needs_response): the money is with the card's bank",
            "Nothing was sent.",
            "Answer the dispute in Stripe's Dashboard.",
        ],
    )


@pytest.mark.parametrize("dispute", [{"status": "warning_needs_response"}, {"status": "needs_response", "is_charge_refundable": True}])
def test_an_inquiry_can_still_be_refunded(refused: Cashier, dispute: dict[str, object]) -> None:
    refused.stripe.put_payment(FIVE, 100_00, disputes=[dispute])
    assert refused("5", "--dry-run").code == 0


def test_a_payment_that_stripe_does_not_know(refused: Cashier) -> None:
    refused.stripe.reset()
    code, lines = refusal(refused)
    assert (code, lines[0]) == (5, f"Stripe does not know it under this key: No such payment_intent: '{FIVE}'")


def test_a_payment_of_the_other_mode(refused: Cashier) -> None:
    refused.stripe.reset()
    refused.stripe.put_payment(FIVE, 100_00, livemode=True)
    code, lines = refusal(refused)
    assert (code, len(lines)) == (5, 3)
    assert "a similar object exists in live mode, but a test mode key was used" in lines[0]


# The key


@pytest.mark.parametrize(
    ("key", "lines"),
    [
        ("", ["there is no Stripe key", SET_THE_KEY]),
        (" ", ["there is no Stripe key", SET_THE_KEY]),
        ("nonsense", ["STRIPE_SECRET_KEY does not look like a Stripe key", SET_THE_KEY]),
        ("sk_test_", ["STRIPE_SECRET_KEY does not look like a Stripe key", SET_THE_KEY]),
        ("sk_prod_51abcdef", ["STRIPE_SECRET_KEY does not look like a Stripe key", SET_THE_KEY]),
        ("sk_test_51abc\ndef", ["STRIPE_SECRET_KEY does not look like a Stripe key", SET_THE_KEY]),
        ("sk_test_51abc def", ["STRIPE_SECRET_KEY does not look like a Stripe key", SET_THE_KEY]),
        ("sk_test_51abc\u200b", ["STRIPE_SECRET_KEY does not look like a Stripe key", SET_THE_KEY]),
        ("pk_test_51abcdef", ["STRIPE_SECRET_KEY holds a publishable key (pk_…), which may read nothing", SET_THE_KEY]),
        (
            "sk_test_51abcNOTtheirs",
            ["Stripe refuses the key: Invalid API Key provided: sk_test_***", "Nothing was changed.", "Correct STRIPE_SECRET_KEY."],
        ),
    ],
)
def test_a_key_that_opens_nothing(refused: Cashier, key: str, lines: list[str]) -> None:
    assert refusal(refused, environ={"STRIPE_SECRET_KEY": key}) == (4, lines)


def test_a_line_break_behind_the_key_does_not_matter(refused: Cashier) -> None:
    assert refused("5", "--dry-run", STRIPE_SECRET_KEY=f"{refused.stripe.key}\n").code == 0


@pytest.mark.parametrize(
    ("request_line", "permission"),
    [
        ("GET /v1/payment_intents", "PaymentIntents: read"),
        ("GET /v1/refunds", "Refunds: write"),
        ("GET /v1/disputes", "Disputes: read"),
    ],
)
def test_a_restricted_key_that_may_not_look(refused: Cashier, request_line: str, permission: str) -> None:
    refused.stripe.restrict("rk_test_51halfway", request_line)
    code, lines = refusal(refused, environ={"STRIPE_SECRET_KEY": "rk_test_51halfway"})
    assert code == 4
    assert lines[0].startswith("the Stripe key may not do that: The provided key 'rk_test_***' does not have the required permissions")
    assert lines[1:] == ["Nothing was changed.", f"Give the key of STRIPE_SECRET_KEY the permission “{permission}”."]


def test_a_restricted_key_that_may_not_refund_moves_nothing(cashier: Cashier) -> None:
    cashier.stripe.restrict("rk_test_51readonly", "POST /v1/refunds")
    result = cashier("-q", *PAYMENT, STRIPE_SECRET_KEY="rk_test_51readonly")
    assert (result.code, result.err.splitlines()[1]) == (75, "No money moved, and that is recorded.")
    assert (cashier.refunds(), [row[2] for row in cashier.refund_rows()]) == ([], ["failed"])


def test_a_restricted_key_that_may_not_name_its_account(cashier: Cashier) -> None:
    cashier.stripe.restrict("rk_test_51discreet", "GET /v1/account")
    key = {"STRIPE_SECRET_KEY": "rk_test_51discreet"}
    assert "│ Stripe: TEST, account not readable with this key\n" in cashier("5", "--dry-run", **key).out
    code, lines = refusal(cashier, environ={**key, "STRIPE_ACCOUNT_ID": "acct_1EcloudPayDemoOne"})
    assert (code, lines[2]) == (4, "Give the key of STRIPE_SECRET_KEY the permission “Account: read”.")
    assert cashier("-q", *PAYMENT, **key).code == 0


@pytest.mark.parametrize(
    ("settings", "lines"),
    [
        (
            {"STRIPE_ACCOUNT_ID": "acct_other"},
            [
                "the Stripe key belongs to acct_1EcloudPayDemoOne, and STRIPE_ACCOUNT_ID says acct_other",
                "Nothing was sent.",
                "Correct STRIPE_SECRET_KEY or STRIPE_ACCOUNT_ID.",
            ],
        ),
        (
            {"STRIPE_API_BASE": "http://192.0.2.1:12111"},
            [
                "STRIPE_API_BASE leads to another machine, or is no plain address",
                "Set it to something like http://127.0.0.1:12111, or unset it.",
            ],
        ),
        (
            {"STRIPE_PROXY": "nonsense"},
            ["STRIPE_PROXY is no proxy's address", "Set it to something like http://proxy.example:3128, or unset it."],
        ),
    ],
)
def test_a_setting_that_leads_elsewhere(refused: Cashier, settings: dict[str, str], lines: list[str]) -> None:
    assert refusal(refused, environ=settings) == (4, lines)


# The database


def test_no_database(refused: Cashier) -> None:
    assert refusal(refused, environ={"DATABASE_URL": "", "ECLOUD_PAY_READ_DATABASE_URL": refused.backend.conninfo}) == (
        4,
        [
            "no database is configured to write to: DATABASE_URL is not set",
            "Nothing was sent.",
            "Set DATABASE_URL (in the environment or in ./.env), or add --demo to try it on sample data.",
        ],
    )


@pytest.mark.parametrize(
    "arguments", [PAYMENT, ("--pending",), ("--resume",), ("5", "--abandon", "--yes"), ("--decline-request", "2", "--yes")]
)
def test_a_database_that_is_down(refused: Cashier, arguments: tuple[str, ...]) -> None:
    elsewhere = refused.backend.with_(host="127.0.0.1", hostaddr="", port="1")
    assert refusal(refused, arguments, {"DATABASE_URL": elsewhere.conninfo}) == (
        75,
        [
            'the database of DATABASE_URL cannot be reached: connection to server at "127.0.0.1", port 1 failed: Connection refused',
            "Nothing was read and nothing was changed.",
            "Check that the server runs and the address is right, then repeat.",
        ],
    )


TAKES_NO_WRITES = [
    "the database takes no writes: it is a replica, or the login is a read-only one",
    "Nothing was sent.",
    "Set DATABASE_URL to the primary, with a login that may write.",
]


def database(cashier: Cashier) -> str:
    """The database's name, quoted."""
    [(name,)] = cashier.backend.rows("SELECT quote_ident(current_database())")
    return str(name)


def test_a_database_that_takes_no_writes(owner: Cashier) -> None:
    owner.backend.run(f"ALTER DATABASE {database(owner)} SET default_transaction_read_only = on")
    assert refusal(owner) == (4, TAKES_NO_WRITES)


def test_a_login_that_only_reads(owner: Cashier, reader_role: str) -> None:
    owner.backend.run(f"GRANT SELECT, INSERT, UPDATE ON ALL TABLES IN SCHEMA public TO {reader_role}")
    owner.backend.run(f"ALTER ROLE {reader_role} IN DATABASE {database(owner)} SET default_transaction_read_only = on")
    reader = owner.backend.with_(user=reader_role, password=READER_PASSWORD).conninfo
    assert refusal(owner, environ={"DATABASE_URL": reader}) == (4, TAKES_NO_WRITES)


@pytest.mark.parametrize(
    ("grants", "lacks"),
    [
        (
            (),
            "UPDATE on payments_payment, INSERT on payments_refund, UPDATE on payments_refund, INSERT on payments_transaction,"
            " UPDATE on payments_transaction",
        ),
        (("INSERT, UPDATE ON payments_refund", "INSERT, UPDATE ON payments_transaction"), "UPDATE on payments_payment"),
        (
            ("INSERT, UPDATE ON payments_refund", "INSERT, UPDATE ON payments_transaction", "UPDATE (status) ON payments_payment"),
            "UPDATE on payments_payment",
        ),
        (
            ("INSERT, UPDATE (status) ON payments_refund", "INSERT, UPDATE ON payments_transaction", "UPDATE ON payments_payment"),
            "UPDATE on payments_refund",
        ),
    ],
)
def test_a_login_that_may_not_write_everything_a_refund_writes(
    owner: Cashier, reader_role: str, grants: tuple[str, ...], lacks: str
) -> None:
    for grant in ("SELECT ON ALL TABLES IN SCHEMA public", *grants):
        owner.backend.run(f"GRANT {grant} TO {reader_role}")
    reader = {"DATABASE_URL": owner.backend.with_(user=reader_role, password=READER_PASSWORD).conninfo}
    assert refusal(owner, environ=reader) == (
        4,
        [
            f"the database login lacks what a refund needs: {lacks}",
            "Nothing was sent.",
            "Have the backend's owner GRANT it; `ecloud-pay doctor` prints the lines.",
        ],
    )
    assert owner("--pending", **reader).code == 0  # to look, SELECT is enough


def test_a_login_that_may_write_just_what_a_refund_writes(owner: Cashier, reader_role: str) -> None:
    for grant in (
        "SELECT ON ALL TABLES IN SCHEMA public",
        "USAGE ON ALL SEQUENCES IN SCHEMA public",
        "UPDATE (refund_amount, refund_reason, refunded_at) ON payments_payment",
        "INSERT, UPDATE (status, stripe_refund_id, processed_at) ON payments_refund",
        "INSERT, UPDATE (status, stripe_transaction_id, completed_at, metadata) ON payments_transaction",
    ):
        owner.backend.run(f"GRANT {grant} TO {reader_role}")
    result = owner("-q", *PAYMENT, DATABASE_URL=owner.backend.with_(user=reader_role, password=READER_PASSWORD).conninfo)
    assert (result.code, result.err, owner.refunds()) == (0, "", [25_00])


# Stripe


def test_stripe_is_down(refused: Cashier) -> None:
    before = refused.backend.fingerprint()
    refused.stripe.door(is_open=False)
    result = refused(*PAYMENT)
    refused.stripe.door(is_open=True)
    assert (result.code, result.out, result.err.splitlines()) == (
        75,
        "",
        [
            "ecloud-pay: Stripe cannot be reached: Connection refused",
            "Nothing was changed.",
            "Repeat it in a while; status.stripe.com tells whether Stripe has a problem.",
        ],
    )
    assert (refused.backend.fingerprint(), refused.events(), refused.stripe.posts()) == (before, [], [])


@pytest.mark.parametrize(("fault", "what"), [("500", "Stripe answered 500: ")])
def test_stripe_does_not_answer_what_is_asked(refused: Cashier, fault: str, what: str) -> None:
    refused.stripe.faults(fault, match="GET /v1/payment_intents", times=20)
    code, lines = refusal(refused)
    assert (code, lines[0].startswith(what), lines[1]) == (75, True, "Nothing was changed.")


def test_something_else_answers_for_stripe(refused: Cashier) -> None:
    refused.stripe.faults("html_200", match="GET /v1/payment_intents", times=20)
    assert refusal(refused) == (
        75,
        [
            "what Stripe answered for payment_intents makes no sense: it is not JSON",
            "Nothing was changed.",
            "See what stands between this machine and Stripe (STRIPE_PROXY, STRIPE_API_BASE), then repeat it.",
        ],
    )


# The audit file


@pytest.mark.parametrize("arguments", [PAYMENT, ("--request", "2", "--yes"), ("--decline-request", "2", "--yes")])
def test_an_audit_file_that_cannot_be_written(refused: Cashier, tmp_path: Path, arguments: tuple[str, ...]) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")
    (tmp_path / "text").write_text("")
    for path, problem in (
        (tmp_path, "is a folder"),
        (tmp_path / "link", "is a symbolic link"),
        (Path("/dev/full"), "is no regular file"),
        (tmp_path / "text" / "audit.jsonl", "cannot be appended to"),
    ):
        before = refused.backend.fingerprint()
        result = refused(*arguments, ECLOUD_PAY_AUDIT_LOG=str(path))
        assert (result.code, result.out) == (74, "")
        assert result.err.splitlines()[-3].startswith(f"ecloud-pay: the audit file {path} {problem}")
        assert result.err.splitlines()[-2] == "No line was written."
        assert (refused.backend.fingerprint(), refused.stripe.posts()) == (before, [])


# The streams


def recorded(cashier: Cashier) -> str:
    """The one refund that was made and recorded; its id."""
    [refund] = cashier.stripe.refunds(FIVE)
    assert cashier.refund_rows() == [(5, "25.00", "completed", refund["id"], "", 1)]
    assert cashier.events() == ["refund_requested", "refund_sent", "refunded"]
    return str(refund["id"])


def test_a_closed_stdout_is_refused_before_anything_is_sent(refused: Cashier) -> None:
    with refused.untouched():
        done = subprocess.run(
            ["sh", "-c", 'exec "$@" >&-', "sh", *CONSOLE, "refund", *PAYMENT],
            env={"PATH": os.environ["PATH"], **refused.environ}, capture_output=True, text=True, check=False,
        )  # fmt: skip
    assert (done.returncode, done.stderr) == (74, "ecloud-pay: stdout is closed, so there is nowhere to print to.\n")


def printed_into(cashier: Cashier, stdout: int, *arguments: str) -> Result:
    """What becomes of a refund whose stdout is that."""
    with cashier.started("-q", *arguments, stdout=stdout) as started:
        os.close(stdout)
        err = started.communicate()[1]
    return Result(started.returncode, "", err)


@pytest.mark.parametrize("form", [(), ("--json",)])
def test_a_full_disk_behind_stdout_loses_nothing(cashier: Cashier, form: tuple[str, ...]) -> None:
    result = printed_into(cashier, os.open("/dev/full", os.O_WRONLY), *PAYMENT, *form)
    assert (result.code, result.err.splitlines()) == (
        74,
        [
            "ecloud-pay: stdout could not be written: No space left on device",
            f"The refund {recorded(cashier)} of 25.00 USD was made. That is recorded.",
            "Look at it: ecloud-pay show 5",
        ],
    )


def test_a_closed_pipe_loses_nothing(cashier: Cashier) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    with cashier.started(*PAYMENT, stdout=writing) as started:
        os.close(writing)
        err = started.communicate()[1]
    assert started.returncode == 141
    assert err.endswith(f"\nThe refund {recorded(cashier)} of 25.00 USD was made.\n")
    assert "Traceback" not in err


def test_a_full_disk_behind_stderr_does_not_stop_a_refund(cashier: Cashier) -> None:
    full = os.open("/dev/full", os.O_WRONLY)
    with cashier.started(*PAYMENT, stderr=full) as started:
        os.close(full)
        out = started.communicate()[0]
    assert started.returncode == 0
    assert f"│ Stripe Refund: {recorded(cashier)}\n" in out


def test_resume_on_a_full_disk_says_what_it_settled(cashier: Cashier) -> None:
    cashier.leave_unsettled(amount="25")
    result = printed_into(cashier, os.open("/dev/full", os.O_WRONLY), "--resume")
    [refund] = cashier.stripe.refunds(FIVE)
    assert (result.code, result.err.splitlines()) == (
        74,
        [
            "ecloud-pay: stdout could not be written: No space left on device",
            f"The refund {refund['id']} of 25.00 USD was made. That is recorded.",
            "ecloud-pay refund --pending",
        ],
    )
    assert cashier.refund_rows()[0][2] == "completed"


# And never a traceback


def test_no_failure_shows_a_traceback_without_debug_and_debug_shows_one(refused: Cashier) -> None:
    plain = refused("7", "--yes")
    debugged = refused("7", "--yes", "--debug")
    assert "Traceback" not in plain.err
    assert re.search(r"^Traceback \(most recent call last\):$", debugged.err, re.MULTILINE)
    assert debugged.err.endswith(plain.err)
