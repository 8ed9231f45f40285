"""Payment cards, compared whole."""

from collections.abc import Sequence
from dataclasses import fields, replace
from datetime import UTC, timedelta
from io import StringIO
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from rich.console import Console
from rich.text import Text

from ecloud_pay.domain.payment import Job, Payment, Person
from ecloud_pay.rendering.cards import card_text, file_cards, payment_card, person_text, status_text
from ecloud_pay.rendering.look import Look
from ecloud_pay.rendering.sanitize import UNSAFE
from samples import CARD_5, CREATED, PAID, amount, charge, empty_payment, file_of, payment_5, refund

PIPE = Look(UTC, "usd")
TERMINAL = Look(UTC, "usd", 80)
HOSTILE = "a\x1b[31mred\x9b2J\u202egnp\u2066\nnew\ttab\r\x00\u2028 [bold red]b[/] [/] [link=https://evil.example]l[/link] :smile: \\["
HARMLESS = (
    "a\\x1b[31mred\\x9b2J\\u202egnp\\u2066\\nnew\\ttab\\r\\x00\\u2028 [bold red]b[/] [/] [link=https://evil.example]l[/link] :smile: \\["
)

EMPTY = """\
┌─ Payment #6 ─────────────────────────────────────
│ Status: N/A
│ Amount: 0.00 (no currency)
│   ├─ Platform Fee (n/a): 0.00 (no currency)
│   └─ Cleaner Payout (n/a): 0.00 (no currency)
│
│ Client: N/A
│ Cleaner: N/A
│ Job ID: N/A
│
│ Stripe Details:
│   ├─ Payment Intent: N/A
│   ├─ Charge ID: N/A
│   └─ Payment Method: N/A
│
│ Timestamps:
│   ├─ Created: N/A
│   └─ Paid: N/A
└──────────────────────────────────────────────────"""


def plain(lines: Sequence[Text]) -> str:
    return "\n".join(line.plain for line in lines)


def card(payment: Payment, look: Look = PIPE) -> str:
    return plain(payment_card(payment, look))


def line_of(text: str, label: str) -> str:
    """The one line that begins with `label`, without its frame."""
    (found,) = [line.lstrip("│├└─ ") for line in text.split("\n") if line.lstrip("│├└─ ").startswith(label)]
    return found


def test_payment_5_in_a_pipe_is_the_documented_card() -> None:
    assert card(payment_5()) == CARD_5


def test_a_terminal_sees_the_glyph_beside_the_word() -> None:
    assert card(payment_5(), TERMINAL) == CARD_5.replace("Status: SUCCEEDED", "Status: ✔ SUCCEEDED")


@pytest.mark.parametrize(
    ("status", "shown"),
    [
        ("succeeded", "✔ SUCCEEDED"),
        ("completed", "✔ COMPLETED"),
        ("processing", "◐ PROCESSING"),
        ("pending", "○ PENDING"),
        ("failed", "✘ FAILED"),
        ("cancelled", "– CANCELLED"),
        ("Succeeded", "✔ SUCCEEDED"),
        ("disputed", "? DISPUTED"),
        (None, "? N/A"),
    ],
)
def test_every_status_has_glyph_word_and_colour(status: str | None, shown: str) -> None:
    assert status_text(status, TERMINAL).plain == shown
    assert status_text(status, PIPE).plain == shown[2:]
    assert status_text(status, TERMINAL).style


def test_whatever_is_absent_is_told_as_such() -> None:
    assert card(empty_payment()) == EMPTY


@pytest.mark.parametrize(
    "name", [field.name for field in fields(Payment) if field.name not in ("id", "amount", "platform_fee", "cleaner_payout")]
)
def test_any_single_part_may_be_absent(name: str) -> None:
    absent: Any = amount("0.00") if name == "refund_amount" else None
    changed = {
        "status": ("Status: SUCCEEDED", "Status: N/A"),
        "client": ("Client: client1@test.com (client1@test.com)", "Client: N/A"),
        "cleaner": ("Cleaner: cleaner1@test.com (cleaner1@test.com)", "Cleaner: N/A"),
        "job": ("Job ID: #14", "Job ID: N/A"),
        "stripe_payment_intent_id": ("Intent: pi_3SMUfcQ1SldwUSm92tASE3le", "Intent: N/A"),
        "stripe_charge_id": ("ID: ch_3SMUfcQ1SldwUSm92tASE3le", "ID: N/A"),
        "payment_method_brand": ("visa •••• 4242", "card •••• 4242"),
        "payment_method_last4": ("visa •••• 4242", "visa"),
        "created_at": ("Created: 2025-01-27 14:30:15 UTC", "Created: N/A"),
        "paid_at": ("Paid: 2025-01-27 14:30:45 UTC", "Paid: N/A"),
    }.get(name, ("", ""))
    assert card(replace(payment_5(), **{name: absent})) == CARD_5.replace(*changed)


def test_a_refunded_payment_shows_how_much_came_back_why_and_when() -> None:
    refunded = replace(payment_5(), refund_amount=amount("25.00"), refund_reason="late arrival", refunded_at=PAID)
    assert card(refunded) == CARD_5.replace(
        "(85%): $85.00\n│\n",
        "(85%): $85.00\n│\n│ Refunded (25%): $25.00 USD\n│   ├─ Reason: late arrival\n│   └─ When: 2025-01-27 14:30:45 UTC\n│\n",
    )


def test_a_refund_whose_reason_nobody_wrote_is_still_shown() -> None:
    text = card(replace(payment_5(), refund_amount=amount("100.00")))
    assert "│ Refunded (100%): $100.00 USD\n│   ├─ Reason: N/A\n│   └─ When: N/A\n" in text


def test_a_refund_amount_that_is_no_money_is_shown_too() -> None:
    text = card(replace(payment_5(), refund_amount=amount("5.00", "zzz")))
    assert line_of(text, "Refunded") == "Refunded (n/a): 5.00 ZZZ (unknown currency 'zzz')"


@pytest.mark.parametrize(
    ("whole", "fee", "payout", "fee_line", "payout_line"),
    [
        ("100.00", "14.99", "85.01", "(14.99%): $14.99", "(85.01%): $85.01"),
        ("80.00", "10.00", "70.00", "(12.5%): $10.00", "(87.5%): $70.00"),
        ("33.33", "5.00", "28.33", "(15.00%): $5.00", "(85.00%): $28.33"),
        ("99.99", "15.00", "84.99", "(15.00%): $15.00", "(85.00%): $84.99"),
        ("100.00", "0.00", "100.00", "(0%): $0.00", "(100%): $100.00"),
        ("0.00", "0.00", "0.00", "(n/a): $0.00", "(n/a): $0.00"),
        ("100.00", "-5.00", "105.00", "(-5%): -$5.00", "(105%): $105.00"),
    ],
)
def test_odd_shares_are_told_as_exactly_as_two_decimals_can(whole: str, fee: str, payout: str, fee_line: str, payout_line: str) -> None:
    text = card(replace(payment_5(), amount=amount(whole), platform_fee=amount(fee), cleaner_payout=amount(payout)))
    assert line_of(text, "Platform Fee") == f"Platform Fee {fee_line}"
    assert line_of(text, "Cleaner Payout") == f"Cleaner Payout {payout_line}"


def test_yen_are_whole_and_carry_their_code_everywhere() -> None:
    text = card(
        replace(
            payment_5(), amount=amount("12000.00", "jpy"), platform_fee=amount("1800.00", "jpy"), cleaner_payout=amount("10200.00", "jpy")
        )
    )
    assert text == CARD_5.replace("$100.00 USD", "¥12,000 JPY").replace("$15.00", "¥1,800 JPY").replace("$85.00", "¥10,200 JPY")


def test_a_card_names_the_main_currency_too() -> None:
    text = card(payment_5(), Look(UTC, "eur"))
    assert text == CARD_5.replace("$15.00", "$15.00 USD").replace("$85.00", "$85.00 USD")


def test_an_unknown_currency_is_shown_and_never_shared_out() -> None:
    parts: dict[str, Any] = {
        name: amount(figure, "zzz") for name, figure in (("amount", "100.00"), ("platform_fee", "15.00"), ("cleaner_payout", "85.00"))
    }
    why = " ZZZ (unknown currency 'zzz')"
    assert card(replace(payment_5(), currency="zzz", **parts)) == (
        CARD_5.replace("$100.00 USD", "100.00" + why)
        .replace("(15%): $15.00", "(n/a): 15.00" + why)
        .replace("(85%): $85.00", "(n/a): 85.00" + why)
    )


def test_times_are_those_of_the_readers_zone() -> None:
    assert card(payment_5(), Look(ZoneInfo("Asia/Tokyo"), "usd")) == (
        CARD_5.replace("14:30:15 UTC", "23:30:15 JST").replace("14:30:45 UTC", "23:30:45 JST")
    )


@pytest.mark.parametrize(
    ("name", "label"),
    [
        ("stripe_payment_intent_id", "Payment Intent: "),
        ("stripe_charge_id", "Charge ID: "),
        ("payment_method_brand", "Payment Method: "),
        ("payment_method_last4", "Payment Method: visa •••• "),
    ],
)
def test_hostile_text_is_written_out_and_its_markup_stands_as_it_is(name: str, label: str) -> None:
    hostile: Any = HOSTILE
    text = card(replace(payment_5(), **{name: hostile}))
    assert f"{label}{HARMLESS}" in text
    assert not UNSAFE.search(text.replace("\n", ""))


def test_a_hostile_status_or_currency_is_harmless() -> None:
    text = card(replace(payment_5(), status="\x1b[2J\u202e", amount=amount("1.00", "\x9b\n"), currency="\x9b\n"))
    assert not UNSAFE.search(text.replace("\n", ""))
    assert len(text.split("\n")) == len(CARD_5.split("\n"))


def test_an_escape_in_a_status_is_spelled_as_everywhere() -> None:
    assert status_text("\x1b[2Jok", PIPE).plain == "\\x1b[2JOK"


def test_hostile_names_are_harmless() -> None:
    text = card(replace(payment_5(), client=Person(24, HOSTILE, HOSTILE), refund_amount=amount("1.00"), refund_reason=HOSTILE))
    assert line_of(text, "Client") == f"Client: {HARMLESS} ({HARMLESS})"
    assert line_of(text, "Reason") == f"Reason: {HARMLESS}"


def test_everything_hostile_at_once_prints_as_written_through_rich() -> None:
    parts: dict[str, Any] = dict.fromkeys(
        ("status", "refund_reason", "description", "stripe_payment_intent_id", "stripe_charge_id", "currency"), HOSTILE
    )
    payment = replace(
        payment_5(), **parts, job=Job(14, HOSTILE, HOSTILE), metadata={HOSTILE: [HOSTILE], "b": HOSTILE}, refund_amount=amount("1.00")
    )
    lines = file_cards(
        file_of(
            payment,
            transactions=(replace(charge(), transaction_type=HOSTILE, status=HOSTILE, stripe_transaction_id=HOSTILE),),
            refunds=(
                replace(refund(), reason=HOSTILE, status=HOSTILE, stripe_refund_id=HOSTILE, requested_by=Person(1, HOSTILE, HOSTILE)),
            ),
        ),
        PIPE,
    )
    out = StringIO()
    console = Console(file=out, width=100_000, color_system=None)
    for line in lines:
        console.print(line, soft_wrap=True)
    assert out.getvalue() == plain(lines) + "\n"
    assert not UNSAFE.search(out.getvalue().replace("\n", ""))
    # Three in the first card and eleven in the second, beside those that are upper-cased or inside JSON.
    assert out.getvalue().count("[link=https://evil.example]l[/link] :smile: \\[") == 14


def test_a_narrow_terminal_gets_a_narrow_frame_and_nothing_is_cut() -> None:
    text = card(payment_5(), Look(UTC, "usd", 30))
    head, *body, foot = text.split("\n")
    assert head == "┌─ Payment #5 ────────────────"
    assert foot == "└─────────────────────────────"
    assert (len(head), len(foot)) == (30, 30)
    assert body == CARD_5.replace("Status: ", "Status: ✔ ").split("\n")[1:-1]


@pytest.mark.parametrize("width", [1, 10, 14])
def test_a_terminal_narrower_than_the_title_still_shows_the_title(width: int) -> None:
    assert card(payment_5(), Look(UTC, "usd", width)).startswith("┌─ Payment #5 \n│ Status: ✔ SUCCEEDED\n")


def test_a_wide_terminal_gets_the_same_frame_as_a_pipe() -> None:
    assert card(payment_5(), Look(UTC, "usd", 300)) == card(payment_5(), TERMINAL)


def test_both_edges_of_every_box_are_equally_long() -> None:
    for number in (1, 5, 99999, 10**18):
        lines = card(replace(payment_5(), id=number)).split("\n")
        assert len(lines[0]) == len(lines[-1]) == 51


@pytest.mark.parametrize(
    ("person", "text"),
    [
        (Person(24, "a@b.de", "anna"), "anna (a@b.de)"),
        (Person(24, None, "anna"), "anna (N/A)"),
        (Person(24, None, None), "user #24 (N/A)"),
        (None, "N/A"),
    ],
)
def test_a_person_is_told_by_whatever_is_left(person: Person | None, text: str) -> None:
    assert person_text(person) == text


@pytest.mark.parametrize(
    ("type", "brand", "last4", "text"),
    [
        ("card", "visa", "4242", "visa •••• 4242"),
        ("card", "visa", None, "visa"),
        ("card", None, "4242", "card •••• 4242"),
        ("card", None, None, "N/A"),
        ("sepa_debit", None, None, "sepa_debit"),
        ("sepa_debit", None, "3000", "sepa_debit •••• 3000"),
        (None, None, "4242", "•••• 4242"),
        (None, None, None, "N/A"),
    ],
)
def test_a_payment_method_is_told_as_far_as_it_is_known(type: str | None, brand: str | None, last4: str | None, text: str) -> None:
    payment = replace(payment_5(), payment_method_type=type, payment_method_brand=brand, payment_method_last4=last4)
    assert card_text(payment) == text


# --- show


def test_show_adds_job_metadata_refunds_and_the_timeline() -> None:
    payment = replace(
        payment_5(), description="Two rooms", metadata={"platform": "ecloud", "n": 1, "nested": {"a": [True, None]}, "é": "ü"}
    )
    given_back = replace(charge(), id=2, transaction_type="refund", amount=amount("25.00"), stripe_transaction_id=None, completed_at=None)
    file = file_of(
        payment,
        transactions=(charge(), replace(given_back, status="pending", created_at=CREATED + timedelta(days=1))),
        refunds=(
            refund(),
            replace(refund(), id=4, status="pending", stripe_refund_id=None, reason=None, requested_by=None, processed_at=None),
        ),
    )
    assert plain(file_cards(file, PIPE)) == (
        CARD_5
        + """
┌─ Details of #5 ──────────────────────────────────
│ Job: #14 Deep Cleaning
│   └─ Address: 123 Main St
│ Description: Two rooms
│
│ Metadata:
│   ├─ platform: ecloud
│   ├─ n: 1
│   ├─ nested: {"a": [true, null]}
│   └─ é: ü
│
│ Refunds:
│   ├─ #3 COMPLETED $25.00 re_3SMUfc
│   │   Reason: late arrival
│   │   Requested by: ops (ops@example.com) on 2025-01-27 14:30:15 UTC
│   │   Processed: 2025-01-27 14:30:45 UTC
│   └─ #4 PENDING $25.00 N/A
│       Reason: N/A
│       Requested by: N/A on 2025-01-27 14:30:15 UTC
│       Processed: N/A
│
│ Timeline:
│   ├─ 2025-01-27 14:30:15 UTC  charge  $100.00  COMPLETED
│   │   ch_3SMUfcQ1SldwUSm92tASE3le  completed 2025-01-27 14:30:45 UTC
│   └─ 2025-01-28 14:30:15 UTC  refund   $25.00  PENDING
│       N/A
└──────────────────────────────────────────────────"""
    )


def test_show_says_so_where_there_is_nothing_to_add() -> None:
    assert plain(file_cards(file_of(empty_payment()), PIPE)) == (
        EMPTY
        + """
┌─ Details of #6 ──────────────────────────────────
│ Job: N/A
│ Description: N/A
│
│ Metadata: none
│
│ Refunds: none
│
│ Timeline: no transactions
└──────────────────────────────────────────────────"""
    )


def test_a_refund_without_a_row_is_not_hidden() -> None:
    file = file_of(replace(payment_5(), refund_amount=amount("25.00")))
    assert line_of(plain(file_cards(file, PIPE)), "Refunds: ") == "Refunds: none recorded as a row"


@pytest.mark.parametrize(
    ("metadata", "line"),
    [({}, "Metadata: none"), (None, "Metadata: none"), ([1, "é"], 'Metadata: [1, "é"]'), ("text", "Metadata: text"), (5, "Metadata: 5")],
)
def test_metadata_of_any_shape_is_shown(metadata: Any, line: str) -> None:
    assert line_of(plain(file_cards(file_of(replace(payment_5(), metadata=metadata)), PIPE)), "Metadata:") == line


def test_the_timeline_is_in_order_of_time_and_ends_with_what_has_none() -> None:
    transactions = (
        replace(charge(), id=1, created_at=None, completed_at=None, stripe_transaction_id="last"),
        replace(charge(), id=2, created_at=PAID, completed_at=None, stripe_transaction_id="third"),
        replace(charge(), id=3, created_at=CREATED, completed_at=None, stripe_transaction_id="first"),
        replace(charge(), id=4, created_at=CREATED, completed_at=CREATED.replace(microsecond=0), stripe_transaction_id="second"),
    )
    timeline = plain(file_cards(file_of(payment_5(), transactions=transactions), PIPE)).split("Timeline:\n")[1].split("\n")[:-1]
    assert [line for line in timeline if "─" in line] == [
        "│   ├─ 2025-01-27 14:30:15 UTC  charge  $100.00  COMPLETED",
        "│   ├─ 2025-01-27 14:30:15 UTC  charge  $100.00  COMPLETED",
        "│   ├─ 2025-01-27 14:30:45 UTC  charge  $100.00  COMPLETED",
        "│   └─ N/A  charge  $100.00  COMPLETED",
    ]
    assert [line for line in timeline if "─" not in line] == [
        "│   │   first",
        "│   │   second  completed 2025-01-27 14:30:15 UTC",
        "│   │   third",
        "│       last",
    ]
