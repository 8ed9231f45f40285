"""The CSV of `refund --from`: what is read out of it, and what is said about it when it is no such file."""

import os
import subprocess
from decimal import Decimal
from pathlib import Path

import pytest

from ecloud_pay.commands.refund_file import LARGEST_BYTES, read_entries
from ecloud_pay.domain.batch import BadLine, Entry
from ecloud_pay.domain.errors import UsageError
from ecloud_pay.domain.refund import RefundReason
from support.cashier import Cashier
from support.refunding import sentences

FIVE = Entry(2, "5", Decimal("10"), None, None, None)
COLUMNS = "Columns: ref,amount,reason,note,currency (the first two are needed), separated by commas."


def read(tmp_path: Path, text: str | bytes) -> tuple[list[Entry], list[BadLine]]:
    path = tmp_path / "refunds.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return read_entries(str(path))


def refusal(tmp_path: Path, text: str | bytes) -> tuple[str, str, str]:
    with pytest.raises(UsageError) as caught:
        read(tmp_path, text)
    return sentences(caught.value)


# What is read


def test_every_column_is_read_in_whatever_order(tmp_path: Path) -> None:
    text = "note,currency,amount,reason,ref\nlate,USD,25.50,requested_by_customer,#5\n,,7,,pi_1\n"
    assert read(tmp_path, text) == (
        [
            Entry(2, "#5", Decimal("25.50"), "usd", RefundReason.REQUESTED_BY_CUSTOMER, "late"),
            Entry(3, "pi_1", Decimal("7"), None, None, None),
        ],
        [],
    )


@pytest.mark.parametrize(
    "text",
    [
        "ref,amount\n5,10\n",
        "ref,amount\n5,10",
        "\ufeffref,amount\n5,10\n",
        "ref,amount\r\n5,10\r\n",
        "ref,amount\r5,10\r",
        "ref,amount\n  5 , 10 \n",
        '"ref","amount"\n"5","10"\n',
        "ref,amount,reason,note,currency\n5,10\n",
        "ref,amount,reason,note,currency\n5,10,,,\n",
        "ref,amount\n5,10\n\n,\n  ,\n\r\n",
    ],
)
def test_these_all_say_the_same(tmp_path: Path, text: str) -> None:
    assert read(tmp_path, text) == ([FIVE], [])


def test_quoted_commas_and_line_breaks_belong_to_the_note_and_a_line_is_named_where_it_begins(tmp_path: Path) -> None:
    text = 'ref,amount,note\n\n5,10,"late, and\ntwice ""sorry"""\n6,1,plain\nx,1,"a\nb"\n7,0,\n'
    entries, bad = read(tmp_path, text)
    assert [(entry.place, entry.ref, entry.note) for entry in entries] == [(3, "5", 'late, and\ntwice "sorry"'), (5, "6", "plain")]
    assert [line.place for line in bad] == [6, 8]


def test_ten_thousand_lines_are_read_and_one_more_is_not(tmp_path: Path) -> None:
    text = "ref,amount\n" + "5,1\n" * 10_000
    assert len(read(tmp_path, text)[0]) == 10_000
    assert refusal(tmp_path, text + "5,1\n") == ("--from: the file has more than 10,000 lines to refund", "", "")


# Lines that make no sense


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        (",10", "it names no payment in ref"),
        ("5", "it has no amount"),
        ("5,", "it has no amount"),
        ("foo,1", "REF: 'foo' names no payment; write one of: 5, #5, pi_…, ch_…, re_…, client@example.com, job:14"),
        ("5,0", "amount: '0' is nothing to refund"),
        ("5,0.00", "amount: '0.00' is nothing to refund"),
        ("5,-1", "amount: '-1' is out of range; amounts run from 0.01 to 99999999.99"),
        ("5,100000000", "amount: '100000000' is out of range; amounts run from 0.01 to 99999999.99"),
        ("5,1.001", "amount: '1.001' has more than 2 decimals"),
        ("5,$10", "amount: '$10' is no amount; write one like 100 or 100.00, without separators or a currency sign"),
        ('5,"10,00"', "amount: '10,00' is no amount; write one like 100 or 100.00, without separators or a currency sign"),
        ("5,1e2", "amount: '1e2' is no amount; write one like 100 or 100.00, without separators or a currency sign"),
        ("5,NaN", "amount: 'NaN' is no amount; write one like 100 or 100.00, without separators or a currency sign"),
        ("5,10,lost", "reason: unknown reason 'lost'."),
        ("5,10,,,dollar", "currency: 'dollar' is no currency of Stripe's; write a code such as usd, eur or jpy"),
        ("5,10,," + "x" * 501, "note: 501 characters are too many; 500 is the most"),
        ("5,10,,a\0b", "note: it holds a NUL character, which no database keeps"),
        ("5,10,,,usd,more", "it has more cells than the first line"),
        (",,,,,more", "it has more cells than the first line"),
    ],
)
def test_a_line_that_makes_no_sense_is_named_and_the_others_are_read(tmp_path: Path, line: str, problem: str) -> None:
    assert read(tmp_path, f"ref,amount,reason,note,currency\n5,10\n{line}\n") == ([FIVE], [BadLine(3, problem)])


# Files that are none


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("\nref,amount\n5,10\n", "the first line must name the columns, and it says ''"),
        ("5,10\n", "the first line must name the columns, and it says '5,10'"),
        ("Ref,Amount\n5,10\n", "the first line must name the columns, and it says 'Ref,Amount'"),
        ("ref;amount\n5;10\n", "it is separated by semicolons; use commas"),
        ("ref\tamount\n5\t10\n", "it is separated by tabs; use commas"),
        ("ref\n5\n", "the column amount is missing"),
        ("amount,note\n5,10\n", "the column ref is missing"),
        ("note\n5,10\n", "the column ref is missing; the column amount is missing"),
        ("ref,amount,when\n5,10,now\n", "'when' is no column"),
        ("ref,Amount\n5,10\n", "'Amount' is no column; the column amount is missing"),
        ("ref, amount\n5,10\n", "' amount' is no column; the column amount is missing"),
        ("ref,amount,ref\n5,10,6\n", "ref is there twice"),
        ("amount,ref,amount,amount\n5,10,6\n", "amount is there 3 times"),
        ("ref,amount,\n5,10,\n", "a column has no name"),
        ("ref,amount\0\n5,10\n", "'amount\\x00' is no column; the column amount is missing"),
        ("ref," + "x" * 100 + "\n5,10\n", f"'{'x' * 80}' is no column; the column amount is missing"),
    ],
)
def test_a_header_that_does_not_name_known_columns_once_is_told_what_is_wrong(tmp_path: Path, text: str, says: str) -> None:
    assert refusal(tmp_path, text) == (f"--from: {says}", "", COLUMNS)


def test_an_empty_file_is_told_so(tmp_path: Path) -> None:
    for text in ("", "\n", " \r\n\n", "\ufeff"):
        assert refusal(tmp_path, text) == ("--from: the file is empty", "", "")


@pytest.mark.parametrize(
    ("text", "place", "why"),
    [
        ('ref,amount\n5,10\n6,"1\n7,1\n', 3, "unexpected end of data"),
        ('ref,amount\n5,"1"0\n', 2, "',' expected after '\"'"),
        ("ref,amount\n5," + "1" * 200_000 + "\n", 2, "field larger than field limit (131072)"),
    ],
)
def test_what_is_no_csv_is_said_with_the_line_where_it_begins(tmp_path: Path, text: str, place: int, why: str) -> None:
    assert refusal(tmp_path, text) == (f"--from: line {place} is no CSV: {why}", "", "Look at its quotation marks.")


def test_a_file_without_a_line_is_refused(tmp_path: Path) -> None:
    for text in ("ref,amount\n", "ref,amount", "ref,amount\n\n,\n"):
        assert refusal(tmp_path, text) == ("--from: the file has no line to refund", "", "")


def test_a_file_that_is_not_utf_8_is_refused(tmp_path: Path) -> None:
    latin = "ref,amount,note\n5,10,spät\n".encode("latin-1")
    utf_16 = "ref,amount\n5,10\n".encode("utf-16")
    for text in (latin, utf_16):
        assert refusal(tmp_path, text) == ("--from: the file is not UTF-8", "", "In a spreadsheet: save as CSV UTF-8.")


def test_a_file_that_is_too_large_is_refused_unread(tmp_path: Path) -> None:
    path = tmp_path / "large.csv"
    path.write_text("ref,amount\n5,10\n")
    os.truncate(path, LARGEST_BYTES + 1)
    with pytest.raises(UsageError, match=r"^--from: the file is larger than 10 MB$"):
        read_entries(str(path))
    with pytest.raises(UsageError, match=r"^--from: the file is larger than 10 MB$"):
        read_entries("/dev/zero")


def test_a_file_that_cannot_be_read_is_said_to_be_so(tmp_path: Path) -> None:
    for path, why in (
        (str(tmp_path / "none.csv"), "No such file or directory"),
        (str(tmp_path), "Is a directory"),
        ("a\0b", "embedded null byte"),
        ("", "No such file or directory"),
    ):
        with pytest.raises(UsageError) as caught:
            read_entries(path)
        assert sentences(caught.value) == (f"--from: {path!r} cannot be read: {why}", "", "")


# Through the console


BAD = "ref,amount\n999,10\nfoo\x1b[31m,1\n5,-1\n\n5,1,2\n7,5\n5,10\n"
MISSPELT = (
    "line 3: REF: 'foo\\x1b[31m' names no payment; write one of: 5, #5, pi_…, ch_…, re_…, client@example.com, job:14\n"
    "line 4: amount: '-1' is out of range; amounts run from 0.01 to 99999999.99\n"
    "line 6: it has more cells than the first line\n"
)


def test_every_bad_line_is_named_in_its_order_whatever_is_wrong_with_it(refused: Cashier) -> None:
    (refused.folder / "refunds.csv").write_text(BAD)
    with refused.untouched():
        result = refused("--from", "refunds.csv", "--yes")
    assert (result.code, result.out) == (2, "")
    assert result.err == (
        f"line 2: there is no payment #999\n{MISSPELT}"
        "line 7: payment #7 is failed: only a succeeded payment can be refunded\n"
        "ecloud-pay: 5 of 6 lines cannot be refunded\n"
        "Nothing was sent.\n"
    )


def test_where_the_other_lines_cannot_be_looked_up_that_is_said_beside_what_is_misspelt(refused: Cashier) -> None:
    (refused.folder / "refunds.csv").write_text(BAD)
    counted = "ecloud-pay: 3 of 6 lines cannot be refunded\nNothing was sent. The rest was not checked: "
    with refused.untouched():
        capped = refused("--from", "refunds.csv", "--yes", "--max-count", "2")
        nobody = refused("--from", "refunds.csv", "--yes", ECLOUD_PAY_OPERATOR="")
        refused.stripe.door(is_open=False)
        alone = refused("--from", "refunds.csv", "--yes")
        refused.stripe.door(is_open=True)
    assert (capped.code, capped.err) == (2, f"{MISSPELT}{counted}3 lines are more than 2\n")
    assert (nobody.code, nobody.err) == (2, f"{MISSPELT}{counted}nobody is named on whose behalf the refund is made\n")
    assert (alone.code, alone.err.startswith(f"{MISSPELT}{counted}Stripe ")) == (2, True)


def test_a_file_of_misspelt_lines_alone_asks_nobody(refused: Cashier) -> None:
    (refused.folder / "refunds.csv").write_text("ref,amount\n5,1,2\n")
    result = refused("--from", "refunds.csv", "--yes")
    told = "line 2: it has more cells than the first line\necloud-pay: 1 of 1 lines cannot be refunded\nNothing was sent.\n"
    assert (result.code, result.err, refused.stripe.journal()) == (2, told, [])


def test_stdin_is_a_file_too(refused: Cashier) -> None:
    with refused.untouched(), refused.started("--from", "-", "--dry-run", stdin=subprocess.PIPE) as started:
        out, err = started.communicate("ref,amount\n5,10\n12,7\n", timeout=30)
    assert started.returncode == 0, err
    assert [line.split() for line in out.splitlines()[-2:]] == [
        ["line", "2", "payment", "#5", "$10.00", "USD", "refund"],
        ["line", "3", "payment", "#12", "$7.00", "USD", "refund"],
    ]


def test_a_closed_stdin_is_no_file(refused: Cashier) -> None:
    with refused.untouched(), refused.started("--from", "-", "--yes", stdin=None, preexec_fn=lambda: os.close(0)) as started:
        out, err = started.communicate(timeout=30)
    assert (started.returncode, out, err) == (2, "", "ecloud-pay: --from: '-' cannot be read: stdin is closed\n")
