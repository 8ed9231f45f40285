"""Asking before money moves: at a terminal, in scripts, with test keys and with live ones."""

import re
import sys
from pathlib import Path

import pexpect
import pytest

from ecloud_pay.actions.desk import Desk, Expected, open_desk
from ecloud_pay.commands.refund_confirming import consent_given
from ecloud_pay.commands.refund_options import Consent
from ecloud_pay.domain.at_stripe import Mode
from ecloud_pay.domain.errors import NotConfigured, Refused
from ecloud_pay.domain.money import Money
from ecloud_pay.ports import Place
from support.cashier import Cashier
from support.office import FIVE

TWENTY_FIVE = Money(25_00, "usd")
LIVE_KEY = "sk_live_51abcDEFghiJKL"
ASKED = "Refund 25.00 USD (test mode)? [y/N] "
FRAUD = "FRAUDULENT puts the card and e-mail on Stripe's block list."


def heard(terminal: "pexpect.spawn[str]") -> tuple[int, str]:
    """The exit code, and what was printed since the last prompt, once the console has ended."""
    terminal.expect(pexpect.EOF)
    terminal.close()
    return terminal.exitstatus, terminal.before.replace("\r\n", "\n")


def asked_and_answered(cashier: Cashier, answer: str, *arguments: str) -> tuple[int, str]:
    """Type `answer` to the one question; "" is the end of the input."""
    with cashier.terminal(*arguments) as terminal:
        terminal.expect_exact(ASKED)
        if answer:
            terminal.send(answer)
        else:
            terminal.sendeof()
        return heard(terminal)


# At a terminal


@pytest.mark.parametrize("answer", ["y\n", " YES \n"])
def test_yes_refunds(cashier: Cashier, answer: str) -> None:
    code, printed = asked_and_answered(cashier, answer, "5", "--amount", "25")
    [refund] = cashier.stripe.refunds(FIVE)
    assert code == 0
    assert printed == (
        f"""\
{answer.removesuffix(chr(10))}
┌─ Refund #1001 ───────────────────────────────────
│ Status: ✔ COMPLETED
│ Amount: $25.00 USD
│   └─ Left to Refund: $75.00
│
│ Payment: #5
│ Stripe Refund: {refund["id"]}
│ Stripe: TEST
└──────────────────────────────────────────────────
"""
    )


@pytest.mark.parametrize(("answer", "echo"), [("n\n", "n\n"), ("\n", "\n"), ("yes please\n", "yes please\n"), ("", "\n")])
def test_anything_else_refuses(refused: Cashier, answer: str, echo: str) -> None:
    with refused.untouched():
        code, printed = asked_and_answered(refused, answer, "5", "--amount", "25")
    assert (code, printed) == (5, f"{echo}ecloud-pay: you did not confirm it\nNothing was sent.\n")


def test_ctrl_c_at_a_question_is_told_on_a_line_of_its_own(refused: Cashier) -> None:
    with refused.untouched(), refused.terminal("5", "--amount", "25") as terminal:
        terminal.expect_exact(ASKED)
        terminal.sendintr()
        assert heard(terminal) == (130, "^C\necloud-pay: stopped by SIGINT; nothing was changed.\n")


def test_the_preview_is_shown_before_the_question_even_when_quiet(refused: Cashier) -> None:
    for arguments in ((), ("-q",)):
        with refused.terminal("5", "--amount", "25", *arguments) as terminal:
            terminal.expect_exact(ASKED)
            assert "│ This Refund: $25.00 USD\r\n│   ├─ Paid: $100.00\r\n" in terminal.before
            terminal.sendline("n")
            assert heard(terminal)[0] == 5


def test_what_changed_during_the_question_is_shown_and_asked_again(cashier: Cashier) -> None:
    with cashier.terminal("5") as terminal:
        terminal.expect_exact("Refund 100.00 USD (test mode)? [y/N] ")
        assert cashier("-q", "5", "--amount", "30", "--yes").code == 0
        terminal.sendline("y")
        terminal.expect_exact("Refund 70.00 USD (test mode)? [y/N] ")
        shown = terminal.before.replace("\r\n", "\n")
        assert shown.startswith("y\nWarning: It has changed meanwhile; this is how it stands now.\n┌─ Payment #5 ")
        assert "│ This Refund: $70.00 USD\n│   ├─ Paid: $100.00\n│   ├─ Refunded Before: $30.00\n│   └─ Left After It: $0.00\n" in shown
        terminal.sendline("y")
        assert heard(terminal)[0] == 0
    assert cashier.refunds() == [30_00, 70_00]


def test_what_became_impossible_during_the_question_is_refused(cashier: Cashier) -> None:
    with cashier.terminal("5", "--amount", "80") as terminal:
        terminal.expect_exact("Refund 80.00 USD (test mode)? [y/N] ")
        assert cashier("-q", "5", "--amount", "30", "--yes").code == 0
        terminal.sendline("y")
        assert heard(terminal) == (
            5,
            "y\necloud-pay: 80.00 USD is more than what is left to refund of payment #5, 70.00 USD\nNothing was sent.\n",
        )
    assert cashier.refunds() == [30_00]


def test_fraud_is_a_question_of_its_own(cashier: Cashier) -> None:
    with cashier.terminal("5", "--amount", "25", "--reason", "fraudulent") as terminal:
        terminal.expect_exact(f"{FRAUD} Go on? [y/N] ")
        terminal.sendline("y")
        terminal.expect_exact(ASKED)
        terminal.sendline("y")
        assert heard(terminal)[0] == 0
    assert [refund["reason"] for refund in cashier.stripe.refunds(FIVE)] == ["fraudulent"]


def test_no_fraud_no_refund(refused: Cashier) -> None:
    with refused.untouched(), refused.terminal("5", "--amount", "25", "--reason", "fraudulent") as terminal:
        terminal.expect_exact(f"{FRAUD} Go on? [y/N] ")
        terminal.sendline("n")
        assert heard(terminal) == (5, "n\necloud-pay: you did not confirm that it is fraud\nNothing was sent.\n")


def test_a_script_is_warned_of_the_block_list(cashier: Cashier) -> None:
    result = cashier("5", "--amount", "25", "--reason", "fraudulent", "--yes")
    assert result.code == 0
    assert f"│ {FRAUD}\n└" in result.err
    assert result.err.endswith(f"\nWarning: {FRAUD}\n")


# In scripts, with a test key


def test_without_a_word_nothing_is_sent(refused: Cashier) -> None:
    with refused.untouched():
        result = refused("5", "--amount", "25")
    assert (result.code, result.out, result.err.splitlines()[-3:]) == (
        5,
        "",
        ["ecloud-pay: nobody confirmed the refund of 25.00 USD", "Nothing was sent.", "In a script with a test key, add --yes"],
    )


def test_a_yes_in_a_pipe_is_no_answer(refused: Cashier) -> None:
    with refused.untouched(), refused.started("5", "--amount", "25", stdin=-1) as started:
        _, err = started.communicate("y\n")
    assert started.returncode == 5
    assert err.splitlines()[-3] == "ecloud-pay: nobody confirmed the refund of 25.00 USD"


@pytest.mark.parametrize("text", ["25", "25.0", "25.00", "25.00 USD", "25 usd", " 25 "])
def test_the_amount_confirms_however_it_is_written(cashier: Cashier, text: str) -> None:
    assert cashier("-q", "5", "--amount", "25", "--confirm", text).code == 0
    assert cashier.refunds() == [25_00]


@pytest.mark.parametrize("text", ["24.99", "2500", "25 EUR", "25 USD extra", "25,00", "$25", "yes", "", "25 + 0", "-25", "2.5e1"])
def test_another_amount_refuses(refused: Cashier, text: str) -> None:
    with refused.untouched():
        result = refused("5", "--amount", "25", "--confirm", text, "--yes")  # --yes does not rescue a wrong amount
    no_text = "''"
    assert (result.code, result.out, result.err.splitlines()) == (
        5,
        "",
        [f"ecloud-pay: --confirm {text or no_text} is not what would be refunded, 25.00 USD", "Nothing was sent."],
    )


# With a live key: real money


@pytest.mark.parametrize(
    ("consent", "is_given"),
    [
        (Consent(), False),
        (Consent(yes=True), False),
        (Consent(confirm="25"), True),
        (Consent(confirm="25.00"), True),
        (Consent(confirm="25.00 USD", yes=True), True),
    ],
)
def test_yes_alone_does_not_move_real_money(consent: Consent, is_given: bool) -> None:
    assert consent_given(consent, Mode.LIVE, [TWENTY_FIVE]) is is_given
    assert consent_given(consent, Mode.TEST, [TWENTY_FIVE]) is (consent != Consent())


def test_of_several_currencies_each_is_confirmed_with_its_code() -> None:
    both = [TWENTY_FIVE, Money(1200, "jpy")]
    for text in ("25 USD + 1200 JPY", "1200 jpy+25.00 usd"):
        assert consent_given(Consent(confirm=text), Mode.LIVE, both)
    for text in ("1225", "25", "25 USD", "25 USD + 1200", "25 JPY + 1200 USD", "25 USD + 1200 JPY + 1 EUR"):
        with pytest.raises(Refused) as refusal:
            consent_given(Consent(confirm=text), Mode.LIVE, both)
        assert refusal.value.what == f"--confirm {text} is not what would be refunded, 25.00 USD + 1200 JPY"
        assert refusal.value.now == "Nothing was sent."


ASK_LIVE = """
import sys
from ecloud_pay.commands.refund_confirming import ask_consent
from ecloud_pay.domain.at_stripe import Mode
from ecloud_pay.domain.errors import Refused
from ecloud_pay.domain.money import Money
from ecloud_pay.wiring import Choices, Wiring

for _ in range(int(sys.argv[1])):
    try:
        ask_consent(Wiring(Choices()), Mode.LIVE, [Money(2500, "usd")])
        print("agreed")
    except Refused as refused:
        print(refused.what, refused.now, refused.to_do, sep="|")
"""


def test_at_a_terminal_the_amount_is_typed() -> None:
    answers = {"25.00": True, "25": True, "25.00 usd": True, "y": False, "yes": False, "": False, "2500": False, "25,00": False}
    with pexpect.spawn(sys.executable, ["-c", ASK_LIVE, str(len(answers))], encoding="utf-8", timeout=30, dimensions=(60, 120)) as terminal:
        for answer, is_agreed in answers.items():
            terminal.expect_exact("LIVE: real money. Type 25.00 to refund 25.00 USD: ")
            terminal.sendline(answer)
            terminal.expect_exact(f"{answer}\r\n" + ("agreed\r\n" if is_agreed else "you did not confirm it|Nothing was sent.|\r\n"))
        assert heard(terminal) == (0, "")


def test_in_a_script_the_option_is_named() -> None:
    with pexpect.spawn("sh", ["-c", f"{sys.executable} -c '{ASK_LIVE}' 1 </dev/null"], encoding="utf-8", timeout=30) as terminal:
        assert heard(terminal)[1] == (
            "nobody confirmed the refund of 25.00 USD|Nothing was sent.|In a script with a live key, add --confirm 25.00\n"
        )


# A live key is at home in one database of one account


class LiveGateway:
    """What a desk asks of Stripe, with a live key of the account acct_1."""

    mode = Mode.LIVE

    def account(self) -> str:
        return "acct_1"


class Books:
    """What a desk asks of the ledger."""

    def place(self) -> Place:
        return Place("db.example.com/backend", takes_writes=True)


def live_desk(account: str | None, database: str | None) -> Desk:
    return open_desk(Books(), LiveGateway(), Expected(account, database), None)  # type: ignore[arg-type]  # a desk asks no more than this


def test_a_live_key_works_where_both_settings_say_so() -> None:
    assert live_desk("acct_1", "db.example.com/backend").account == "acct_1"


@pytest.mark.parametrize(
    ("account", "database", "what"),
    [
        (
            None,
            None,
            "a live key is set without STRIPE_ACCOUNT_ID and ECLOUD_PAY_LIVE_DATABASE, so nobody has said that it belongs to this database",
        ),
        ("acct_1", None, "a live key is set without ECLOUD_PAY_LIVE_DATABASE, so nobody has said that it belongs to this database"),
        (
            None,
            "db.example.com/backend",
            "a live key is set without STRIPE_ACCOUNT_ID, so nobody has said that it belongs to this database",
        ),
        ("acct_1", "db.example.com/copy", "a live key is set for the database db.example.com/copy, and this is db.example.com/backend"),
        ("acct_1", "backend", "a live key is set for the database backend, and this is db.example.com/backend"),
        ("acct_2", "db.example.com/backend", "the Stripe key belongs to acct_1, and STRIPE_ACCOUNT_ID says acct_2"),
    ],
)
def test_a_live_key_anywhere_else_is_refused(account: str | None, database: str | None, what: str) -> None:
    with pytest.raises(NotConfigured) as refusal:
        live_desk(account, database)
    assert (refusal.value.what, refusal.value.now) == (what, "Nothing was sent.")


@pytest.mark.parametrize(
    ("settings", "lines"),
    [
        (
            {},
            [
                "a live key is set without STRIPE_ACCOUNT_ID and ECLOUD_PAY_LIVE_DATABASE,"
                " so nobody has said that it belongs to this database",
                "Nothing was sent.",
                "Set both; `ecloud-pay doctor` prints the value for this database.",
            ],
        ),
        (
            {"ECLOUD_PAY_LIVE_DATABASE": "here"},
            [
                "a live key is set without STRIPE_ACCOUNT_ID, so nobody has said that it belongs to this database",
                "Nothing was sent.",
                "Set STRIPE_ACCOUNT_ID to the account that the key belongs to, acct_….",
            ],
        ),
        (
            {"STRIPE_ACCOUNT_ID": "acct_1"},
            [
                "a live key is set without ECLOUD_PAY_LIVE_DATABASE, so nobody has said that it belongs to this database",
                "Nothing was sent.",
                "Set ECLOUD_PAY_LIVE_DATABASE; `ecloud-pay doctor` prints the value for this database.",
            ],
        ),
        (
            {"STRIPE_ACCOUNT_ID": "acct_1", "ECLOUD_PAY_LIVE_DATABASE": "elsewhere/backend"},
            [
                "a live key is set for the database elsewhere/backend, and this is HERE",
                "Nothing was sent.",
                "Use the database that the key is meant for: a copy must never move real money.",
            ],
        ),
        (
            {"STRIPE_ACCOUNT_ID": "acct_1", "ECLOUD_PAY_LIVE_DATABASE": "here", "STRIPE_API_BASE": "the stand-in"},
            ["STRIPE_API_BASE is set, and the key is a live one", "Unset STRIPE_API_BASE, or use a test key."],
        ),
    ],
)
def test_the_console_refuses_a_live_key_that_is_not_at_home(refused: Cashier, settings: dict[str, str], lines: list[str]) -> None:
    [(folder, name)] = refused.backend.rows("SELECT split_part(current_setting('unix_socket_directories'), ',', 1), current_database()")
    here = f"{folder.strip()}/{name}"
    given = {"STRIPE_API_BASE": "", "ECLOUD_PAY_LIVE_DATABASE": "", "STRIPE_ACCOUNT_ID": "", **settings}
    meant = {"here": here, "the stand-in": refused.stripe.url}
    for key in (LIVE_KEY, LIVE_KEY.replace("sk_", "rk_")):
        with refused.untouched():
            result = refused(
                "5",
                "--amount",
                "25",
                "--confirm",
                "25",
                STRIPE_SECRET_KEY=key,
                **{name: meant.get(value, value) for name, value in given.items()},
            )
        told = [re.sub(r"this is \S+$", "this is HERE", line) for line in result.err.splitlines()]
        assert (result.code, result.out, told) == (4, "", [f"ecloud-pay: {lines[0]}", *lines[1:]])
    assert refused.stripe.journal() == []


# What moves no money is asked about, too


def test_giving_up_asks_and_no_leaves_it(cashier: Cashier) -> None:
    cashier.leave_unsettled()
    with cashier.untouched(), cashier.terminal("5", "--abandon") as terminal:
        terminal.expect_exact("Give up the refund of 10.00 USD of payment #5? [y/N] ")
        terminal.sendline("n")
        assert heard(terminal) == (5, "n\necloud-pay: you did not confirm it\nNothing was changed.\n")


def test_adopting_asks_and_yes_adopts(cashier: Cashier) -> None:
    cashier.leave_unsettled()
    cashier.backdate(minutes=3)
    clicked = cashier.stripe.dashboard_refund(FIVE, 10_00)["id"]
    with cashier.terminal("5", "--adopt", clicked) as terminal:
        terminal.expect_exact(f"Record {clicked} as the refund of 10.00 USD of payment #5? [y/N] ")
        terminal.sendline("y")
        assert heard(terminal)[0] == 0
    assert cashier.refund_rows()[0][2:4] == ("completed", clicked)


def test_sending_anyway_asks_like_a_refund(cashier: Cashier) -> None:
    cashier.leave_unsettled()
    cashier.stripe.dashboard_refund(FIVE, 10_00)
    with cashier.untouched():
        assert cashier("5", "--send-anyway", "--confirm", "11").code == 5
    with cashier.terminal("5", "--send-anyway") as terminal:
        terminal.expect_exact("Refund 10.00 USD (test mode)? [y/N] ")
        terminal.sendline("y")
        assert heard(terminal)[0] == 0
    assert cashier.refunds() == [10_00, 10_00]


def test_declining_a_request_asks(cashier: Cashier) -> None:
    with cashier.untouched():
        result = cashier("--decline-request", "2")
    assert (result.code, result.err.splitlines()) == (
        5,
        ["ecloud-pay: nobody confirmed it", "Nothing was changed.", "In a script, add --yes"],
    )
    with cashier.terminal("--decline-request", "2") as terminal:
        terminal.expect_exact("Close the request in refund row #2 without a refund? [y/N] ")
        terminal.sendline("y")
        assert heard(terminal) == (0, "y\nThe request in refund row #2 of payment #11 is closed; no money moved.\n")


def test_a_terminal_in_colour_tells_the_mode_and_the_status_in_words_too(cashier: Cashier, tmp_path: Path) -> None:
    with cashier.terminal("5", "--amount", "25", TERM="xterm-256color") as terminal:
        terminal.expect_exact(ASKED)
        preview = terminal.before
        terminal.sendline("y")
        code, outcome = heard(terminal)
    assert code == 0
    assert "\x1b[36m│ \x1b[0m\x1b[2mStripe: \x1b[0m\x1b[32mTEST\x1b[0m, account acct_1EcloudPayDemoOne\r\n" in preview
    assert "\x1b[36m│ \x1b[0m\x1b[2mStatus: \x1b[0m\x1b[32m✔ COMPLETED\x1b[0m\n" in outcome
