"""`refund --from FILE.csv`, as an accountant and a script meet it."""

import csv
import json
import os
import signal
import subprocess
import time
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ecloud_pay.rendering.refund_cards import BLOCK_LIST
from support.backend import SHAPES, Backend, drop_database
from support.batches import put_more_payments
from support.cashier import UNKNOWN, Cashier
from support.console import Console, Result
from support.refunding import keep, put_back
from support.standin import Stripe
from support.trail import chain

LIMIT_S = 30.0


@pytest.fixture(scope="module")
def bulk_backends(server: str) -> Iterator[list[Backend]]:
    """One database of each shape for all tests here."""
    backends = [keep(Backend.create(server, shape)) for shape in SHAPES]
    yield backends
    for backend in backends:
        drop_database(server, backend.conninfo)


@pytest.fixture
def bulk(console: Console, bulk_backends: list[Backend], stripe: Stripe, tmp_path: Path, request: pytest.FixtureRequest) -> Cashier:
    """An operator with payments #101 to #112 beside the others. A test's name picks the shape of the tables."""
    backend = put_back(bulk_backends[zlib.crc32(request.node.nodeid.encode()) % len(SHAPES)])
    put_more_payments(backend, stripe)
    return Cashier.at(console, backend, stripe, tmp_path)


def write(cashier: Cashier, *lines: str, header: str = "ref,amount,reason,note") -> None:
    (cashier.folder / "refunds.csv").write_text("\n".join([header, *lines, ""]))


def refund(cashier: Cashier, *options: str, **environ: str) -> Result:
    return cashier("--from", "refunds.csv", *options, **environ)


def words(out: str) -> list[str]:
    """The lines with their blanks made one, and every refund's id as `re`."""
    return [" ".join("re" if word.startswith("re_") else word for word in line.split()) for line in out.splitlines()]


def plan_box(*counts: str, batch: str = "default", account: str) -> str:
    return "\n".join(
        [
            f"┌─ Batch {batch} " + "─" * (41 - len(batch)),
            *(f"│ {count}" for count in counts),
            "│",
            "│ Requested By: ops@demo",
            f"│ Stripe: TEST, account {account}",
            "│",
            "│ The backend's signals and e-mails will not fire: nobody is told but by you.",
            "└" + "─" * 50,
            "",
        ]
    )


# What is seen before and after


def test_a_dry_run_shows_every_line_and_the_totals_of_each_currency(bulk: Cashier) -> None:
    write(bulk, "101,25", "10,1200", "102,7.50,duplicate,charged twice")
    with bulk.untouched():
        result = refund(bulk, "--dry-run")
    assert (result.code, result.err) == (0, "Dry run: nothing was sent and nothing was written.\n")
    assert result.out == plan_box("To Refund: 3 lines, ¥1,200 JPY + $32.50 USD", account=bulk.stripe.account) + (
        "line 2    payment #101           $25.00 USD  refund\n"
        "line 3    payment #10            ¥1,200 JPY  refund\n"
        "line 4    payment #102            $7.50 USD  refund\n"
    )


def test_a_run_says_what_it_will_do_and_what_became_of_each_line(bulk: Cashier) -> None:
    write(bulk, "101,25", "10,1200")
    result = refund(bulk, "--yes")
    assert result.code == 0
    assert words(result.out) == ["line 2 payment #101 $25.00 USD COMPLETED re", "line 3 payment #10 ¥1,200 JPY COMPLETED re"]
    made = "2 refunded (¥1,200 JPY + $25.00 USD).\n"
    assert result.err == plan_box("To Refund: 2 lines, ¥1,200 JPY + $25.00 USD", account=bulk.stripe.account) + made
    assert (bulk.refunds("pi_101"), bulk.refunds("pi_10")) == ([25_00], [1200])
    assert sorted(row[:3] for row in bulk.refund_rows()) == [(10, "1200.00", "completed"), (101, "25.00", "completed")]

    again = refund(bulk)  # nothing moves, so nobody need agree
    assert (again.code, again.err) == (0, "none refunded, 2 done before.\n")
    assert words(again.out) == [line + " done before" for line in words(result.out)]
    assert (len(bulk.stripe.posts()), len(chain([bulk.folder / "audit.jsonl"]))) == (2, 6)


def test_quiet_leaves_the_result_alone(bulk: Cashier) -> None:
    write(bulk, "101,25")
    result = refund(bulk, "-q", "--yes")
    assert (result.code, result.err, words(result.out)) == (0, "", ["line 2 payment #101 $25.00 USD COMPLETED re"])


def test_the_json_documents_are_whole(bulk: Cashier) -> None:
    write(bulk, "#101,25,duplicate,twice", "10,1200")
    lines: list[dict[str, Any]] = [
        {"line": 2, "ref": "#101", "payment_id": 101, "amount": "25.00", "currency": "usd"},
        {"line": 3, "ref": "10", "payment_id": 10, "amount": "1200.00", "currency": "jpy"},
    ]
    sums = [{"amount": "1200.00", "currency": "jpy"}, {"amount": "25.00", "currency": "usd"}]
    head = {"schema": "ecloud-pay/refund/1"}
    dry = refund(bulk, "--dry-run", "--json", "--batch", "november")
    assert dry.json == head | {
        "action": "batch-preview",
        "batch": "november",
        "to_refund": sums,
        "lines": [line | {"due": "refund"} for line in lines],
    }
    made = refund(bulk, "--yes", "--json", "--batch", "november")
    ids = {refund["payment_intent"]: refund["id"] for refund in bulk.stripe.refunds() if refund["id"] != "re_11"}
    rows = dict(bulk.backend.rows("SELECT payment_id, id FROM payments_refund WHERE id > 1000"))
    done = [
        lines[0] | {"status": "completed", "stripe_refund_id": ids["pi_101"], "refund_id": rows[101], "words": None},
        lines[1] | {"status": "completed", "stripe_refund_id": ids["pi_10"], "refund_id": rows[10], "words": None},
    ]
    assert made.json == head | {"action": "batch", "batch": "november", "refunded": sums, "lines": done}
    again = refund(bulk, "--json", "--batch", "november")
    assert again.json == head | {
        "action": "batch",
        "batch": "november",
        "refunded": [],
        "lines": [line | {"words": "done before"} for line in done],
    }
    intents = bulk.backend.rows("SELECT metadata FROM payments_transaction WHERE id > 1000 ORDER BY payment_id")
    assert [(one["ecloud_pay"]["batch"], one["ecloud_pay"]["line"]) for (one,) in intents] == [("november", 1)] * 2


# What is refused before the first cent moves


def test_every_line_that_cannot_be_refunded_is_named_and_no_other_is_sent(bulk: Cashier) -> None:
    write(bulk, "101,10", "7,1", "101,10", "101,95", "client1@test.com,1")
    with bulk.untouched():
        result = refund(bulk, "--yes")
    assert (result.code, result.out) == (5, "")
    lines = result.err.splitlines()
    assert lines.pop(3).startswith(
        "line 6: client1@test.com does not name one payment for certain. Name one of: 112 (100.00 USD succeeded)"
    )
    assert lines == [
        "line 3: payment #7 is failed: only a succeeded payment can be refunded",
        "line 4: it repeats line 2: the same payment and amount. If both are meant, add --allow-duplicate.",
        "line 5: with the lines before it, 105.00 USD is more than what is left to refund of payment #101, 100.00 USD",
        "ecloud-pay: 4 of 5 lines cannot be refunded",
        "Nothing was sent: no refund is begun while a line is wrong.",
    ]


def test_the_number_of_lines_is_capped_before_anybody_is_asked(bulk: Cashier) -> None:
    write(bulk, *(f"{101 + number},0.01" for number in range(101)))
    with bulk.untouched():
        result = refund(bulk, "--yes")
    assert (result.code, result.out) == (5, "")
    assert result.err == "ecloud-pay: 101 lines are more than 100\nNothing was sent.\nAdd --max-count 101\n"
    assert bulk.stripe.journal() == []
    write(bulk, "101,1", "102,1")
    with bulk.untouched():
        assert refund(bulk, "--yes", "--max-count", "1").code == 5
        assert refund(bulk, "--yes", "--max-count", "0").code == 2
        assert refund(bulk, "--yes", "--max-count", "10001").code == 2
        assert refund(bulk, "--dry-run", "--max-count", "2").code == 0


def test_the_total_is_capped_in_each_currency_by_itself(bulk: Cashier) -> None:
    write(bulk, "101,60", "102,50", "10,100")
    with bulk.untouched():
        assert refund(bulk, "--yes", "--max-total", "109.99").err == (
            "ecloud-pay: 110.00 USD is more than --max-total 109.99 allows\nNothing was sent.\n"
        )
        # 110 USD and 100 JPY are not 210 of anything.
        assert refund(bulk, "--dry-run", "--max-total", "110").code == 0
        assert refund(bulk, "--dry-run", "--max-total", "ten").code == 2


def test_what_is_done_already_does_not_count_against_the_total(bulk: Cashier) -> None:
    write(bulk, "101,60")
    assert refund(bulk, "--yes", "--max-total", "60").code == 0
    write(bulk, "101,60", "102,50")
    assert refund(bulk, "--yes", "--max-total", "60").code == 0
    assert (bulk.refunds("pi_101"), bulk.refunds("pi_102")) == ([60_00], [50_00])


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ("--force", "--force does not go without -o FILE"),
        ("-o -", "-o: '-' is no file; without -o it goes to stdout"),
        ("-o results.json", "-o: 'results.json' would hold csv"),
        ("-o ./refunds.csv --force", "-o: that is the file with the refunds; name another one for their results"),
        ("--dry-run -o results.csv", "-o does not go with --dry-run: there are no results to write"),
        ("--amount 5", "--amount does not go with --from"),
        ("--note x", "--note does not go with --from"),
        ("--batch ", "--batch: '' is no name; use 1 to 64 printable characters"),
        ("5", "--from takes no REF, and '5' was given"),
    ],
)
def test_what_makes_no_sense_is_said(bulk: Cashier, options: str, says: str) -> None:
    write(bulk, "101,1")
    with bulk.untouched():
        result = refund(bulk, "--yes", *options.split(" "))
    assert (result.code, result.err.splitlines()[0]) == (2, f"ecloud-pay: {says}")


# Consent


@pytest.mark.parametrize(
    ("lines", "confirm", "code"),
    [
        ("101,10 102,15.5", "25.50", 0),
        ("101,10 102,15.5", "25.5 usd", 0),
        ("101,10 102,15.5", "25.49", 5),
        ("101,10 102,15.5", "25.50 EUR", 5),
        ("101,10 10,1200", "1200 JPY + 10.00 USD", 0),
        ("101,10 10,1200", "10 usd+1200 jpy", 0),
        ("101,10 10,1200", "1210", 5),
        ("101,10 10,1200", "10 USD", 5),
        ("101,10 10,1200", "10 JPY + 1200 USD", 5),
    ],
)
def test_a_script_confirms_by_the_total_of_each_currency(bulk: Cashier, lines: str, confirm: str, code: int) -> None:
    write(bulk, *lines.split())
    result = refund(bulk, "-q", "--confirm", confirm)
    total = "25.50 USD" if "15.5" in lines else "1200 JPY + 10.00 USD"
    complaint = f"ecloud-pay: --confirm {confirm} is not what would be refunded, {total}\nNothing was sent.\n"
    assert (result.code, result.err) == (code, complaint if code else "")
    assert len(bulk.stripe.posts()) == (0 if code else 2)


def test_without_consent_nothing_is_sent_and_the_option_is_named(bulk: Cashier) -> None:
    write(bulk, "101,10", "102,5")
    with bulk.untouched():
        result = refund(bulk, "-q")
        assert (result.code, result.out) == (5, "")
        assert result.err.endswith(
            "ecloud-pay: nobody confirmed the refund of 15.00 USD\nNothing was sent.\nIn a script with a test key, add --yes\n"
        )


def test_a_file_on_stdin_cannot_also_bring_the_consent(bulk: Cashier) -> None:
    with bulk.untouched(), bulk.started("--from", "-", stdin=subprocess.PIPE) as started:
        out, err = started.communicate("ref,amount\n101,10\n", timeout=LIMIT_S)
    assert (started.returncode, out) == (5, "")
    assert err.endswith("ecloud-pay: nobody confirmed the refund of 10.00 USD\nNothing was sent.\nIn a script with a test key, add --yes\n")


def test_a_person_types_the_total(bulk: Cashier) -> None:
    write(bulk, "101,10", "102,15.50")
    with bulk.untouched(), bulk.terminal("--from", "refunds.csv") as terminal:
        terminal.expect_exact("Test mode. Type 25.50 to refund 25.50 USD: ")
        terminal.sendline("y")
        terminal.expect_exact("ecloud-pay: you did not confirm it\r\nNothing was sent.\r\n")
        terminal.wait()
        assert terminal.exitstatus == 5
    with bulk.terminal("--from", "refunds.csv") as terminal:
        terminal.expect_exact("│ To Refund: 2 lines, $25.50 USD\r\n")
        terminal.expect_exact("line 2    payment #101           $10.00 USD  refund\r\n")
        terminal.expect_exact("line 3    payment #102           $15.50 USD  refund\r\n")
        terminal.expect_exact("Test mode. Type 25.50 to refund 25.50 USD: ")
        terminal.sendline("25.50")
        terminal.expect_exact("2 refunded ($25.50 USD).\r\n")
        terminal.wait()
        assert terminal.exitstatus == 0
    assert (bulk.refunds("pi_101"), bulk.refunds("pi_102")) == ([10_00], [15_50])


def test_a_person_types_every_total_and_fraud_is_a_question_of_its_own(bulk: Cashier) -> None:
    write(bulk, "101,10,fraudulent", "10,1200")
    with bulk.terminal("--from", "refunds.csv") as terminal:
        terminal.expect_exact(BLOCK_LIST)
        terminal.expect_exact(" It is the reason of line 2 (payment #101). Go on? [y/N] ")
        terminal.sendline("y")
        terminal.expect_exact("Test mode. Type '1200 JPY + 10.00 USD' to refund 1200 JPY + 10.00 USD: ")
        terminal.sendline("10 USD + 1200 JPY")
        terminal.expect_exact("2 refunded (¥1,200 JPY + $10.00 USD).\r\n")
        terminal.wait()
        assert terminal.exitstatus == 0
    assert [refund["reason"] for refund in bulk.stripe.refunds("pi_101")] == ["fraudulent"]


def test_of_a_long_file_a_person_is_shown_the_first_twenty_lines(bulk: Cashier) -> None:
    write(bulk, *(f"{101 + number % 12},0.{number:02}" for number in range(1, 23)))
    with bulk.untouched(), bulk.terminal("--from", "refunds.csv") as terminal:
        terminal.expect_exact("line 21   payment #109            $0.20 USD  refund\r\nand 2 more: --dry-run shows all\r\n")
        terminal.expect_exact("Test mode. Type 2.53 to refund 2.53 USD: ")
        terminal.sendline("n")
        terminal.wait()
        assert terminal.exitstatus == 5


def test_lines_that_another_batch_has_refunded_today_are_pointed_out(bulk: Cashier) -> None:
    write(bulk, "101,10", "102,5")
    assert refund(bulk, "-q", "--yes").code == 0
    again = "2 of these lines were refunded within 24 h in another batch (default)."
    write(bulk, "101,10", "102,5", "103,1")
    with bulk.untouched():
        assert f"│ {again}\n│ The backend's signals" in refund(bulk, "--dry-run", "--batch", "november").out
        assert f"│ {again}\n│ The backend's signals" in refund(bulk, "--batch", "november").err
        assert refund(bulk, "--dry-run", "--json", "--batch", "november").err.splitlines()[0] == f"Warning: {again}"


def test_a_dry_run_of_what_is_done_says_that_nothing_is_left(bulk: Cashier) -> None:
    write(bulk, "101,10")
    assert refund(bulk, "-q", "--yes").code == 0
    told = plan_box("Done Before: 1 line, $10.00 USD", account=bulk.stripe.account)
    signals = "The backend's signals and e-mails will not fire: nobody is told but by you."
    row = "line 2    payment #101           $10.00 USD  done before\n"
    assert refund(bulk, "--dry-run").out == told.replace(signals, "Nothing is left to do.") + row


# When it does not go well


@pytest.mark.parametrize(
    ("lines", "total", "told"),
    [
        (
            ["101,10"],
            "10",
            "none refunded, 1 busy.\r\n"
            "ecloud-pay: 1 of 1 lines were not refunded by this run\r\n"
            "This run moved no money.\r\n"
            "Where it is busy, another run may have refunded it: run the file again when that one has ended.\r\n",
        ),
        (
            ["101,10", "102,5"],
            "15",
            "1 refunded ($5.00 USD), 1 busy.\r\n"
            "ecloud-pay: 1 of 2 lines were not refunded by this run\r\n"
            "Refunded, now or before: 1.\r\n"
            "Where it is busy, another run may have refunded it: run the file again when that one has ended.\r\n",
        ),
    ],
)
def test_a_line_that_another_run_has_in_flight_is_busy_and_nobody_is_told_that_no_money_moved(
    bulk: Cashier, lines: list[str], total: str, told: str
) -> None:
    write(bulk, *lines)
    (bulk.folder / "other.csv").write_text("ref,amount\n101,10\n")
    bulk.stripe.faults("stall_after", seconds=2)
    with bulk.terminal("--from", "refunds.csv") as terminal:
        terminal.expect_exact(f"Test mode. Type {total}.00 to refund {total}.00 USD: ")
        with bulk.started("-q", "--from", "other.csv", "--yes") as other:
            await_(lambda: len(bulk.stripe.posts()) == 1)
            terminal.sendline(total)
            terminal.expect_exact("BUSY  payment #101 has an unsettled refund of 10.00 USD")
            terminal.expect_exact(told)
            terminal.wait()
            other.communicate(timeout=LIMIT_S)
        assert (terminal.exitstatus, other.returncode) == (9, 0)
    assert refund(bulk, "-q", "--yes").code == 0
    assert (bulk.refunds("pi_101"), len(bulk.stripe.posts())) == ([10_00], len(lines))


def test_a_line_that_was_made_beside_another_refund_is_exit_8_although_it_is_recorded(bulk: Cashier) -> None:
    write(bulk, "101,10")
    bulk.stripe.faults("stall_before", seconds=3)
    with bulk.started("-q", "--from", "refunds.csv", "--yes") as started:
        await_(lambda: len(bulk.stripe.posts()) == 1)
        click = bulk.stripe.dashboard_refund("pi_101", 10_00)["id"]
        bulk.backdate(minutes=4)
        assert bulk("-q", "101", "--adopt", click, "--yes").code == 0
        out, err = started.communicate(timeout=LIMIT_S)
    assert (started.returncode, words(out)[0].partition(" Stripe has made ")[0]) == (8, "line 2 payment #101 $10.00 USD COMPLETED re")
    assert f"for which somebody took {click} meanwhile\nBoth are at Stripe; only {click} is recorded here.\n" in err
    assert bulk.refunds("pi_101") == [10_00, 10_00]


def test_a_mixed_outcome_is_exit_9_and_what_failed_stays_failed_until_that_is_asked_for(bulk: Cashier) -> None:
    write(bulk, "101,10", "101,20")
    bulk.stripe.faults("decline", code="charge_disputed", message="No.")
    result = refund(bulk, "-q", "--yes")
    declined = "line 2 payment #101 $10.00 USD FAILED Stripe refused the refund of 10.00 USD of payment #101: charge_disputed: No."
    assert (result.code, words(result.out)) == (9, [declined, "line 3 payment #101 $20.00 USD COMPLETED re"])
    assert result.err == (
        "ecloud-pay: 1 of 2 lines were not refunded\n"
        "Refunded, now or before: 1.\n"
        "Mend what is wrong and run the file again. What Stripe refused is tried again only with --retry-failed.\n"
    )
    again = refund(bulk)
    assert (again.code, again.err.splitlines()[0]) == (9, "none refunded, 1 done before, 1 not refunded.")
    retried = refund(bulk, "--yes", "--retry-failed")
    assert (retried.code, retried.err.splitlines()[-1]) == (0, "1 refunded ($10.00 USD), 1 done before.")
    assert bulk.refunds("pi_101") == [20_00, 10_00]


def test_what_was_not_sent_is_told_so_and_sent_by_the_next_run(bulk: Cashier) -> None:
    write(bulk, "101,10")
    bulk.stripe.faults("401")
    result = refund(bulk, "-q", "--yes")
    assert (result.code, words(result.out)[0].split(":")[0]) == (
        9,
        "line 2 payment #101 $10.00 USD NOT SENT the refund of 10.00 USD of payment #101 was not sent",
    )
    assert result.err.splitlines()[:2] == ["ecloud-pay: 1 of 1 lines were not refunded", "This run moved no money."]
    assert refund(bulk, "-q", "--yes").code == 0
    assert bulk.refunds("pi_101") == [10_00]


def test_an_unknown_outcome_is_exit_8_and_the_next_run_finds_out(bulk: Cashier) -> None:
    write(bulk, "101,10", "101,20", "102,5")
    bulk.stripe.faults(UNKNOWN, match="POST /v1/refunds", nth=1)
    result = refund(bulk, "--yes")
    assert result.code == 8
    assert result.err.splitlines()[-3:] == [
        "ecloud-pay: nobody knows yet how 1 of 3 lines ended",
        "They are recorded as unsettled; money may have moved.",
        "Do not refund them in another way. To settle them: run the same file again, or ecloud-pay refund --resume",
    ]
    assert "1 of unknown outcome" in result.err
    assert sum(" UNKNOWN " in line for line in words(result.out)) == 1
    dry = refund(bulk, "--dry-run", "--json")
    assert sorted(line["due"] for line in dry.json["lines"]).count("resume") == 1
    again = refund(bulk, "-q", "--yes", "--json")
    assert (again.code, {line["status"] for line in again.json["lines"]}) == (0, {"completed"})
    assert (bulk.refunds("pi_102"), sorted(bulk.refunds("pi_101"))) == ([5_00], [10_00, 20_00])


def test_unknown_outcomes_outrank_an_output_that_is_lost(bulk: Cashier) -> None:
    write(bulk, "101,10")
    bulk.stripe.faults(UNKNOWN)
    with open("/dev/full", "w") as full, bulk.started("-q", "--from", "refunds.csv", "--yes", stdout=full) as started:
        _, err = started.communicate(timeout=LIMIT_S)
    assert (started.returncode, err.splitlines()[:2]) == (
        8,
        ["stdout could not be written: No space left on device", "ecloud-pay: nobody knows yet how 1 of 1 lines ended"],
    )


# What is kept


def test_the_result_file_has_a_row_for_each_line(bulk: Cashier) -> None:
    write(bulk, "#101,10", "101,20")
    bulk.stripe.faults("decline", code=None, message="=No")
    assert refund(bulk, "-q", "--yes", "-o", "results.csv").code == 9
    with open(bulk.folder / "results.csv", newline="") as file:
        first, second = csv.DictReader(file)
    stripes = [one["id"] for one in bulk.stripe.refunds("pi_101")]
    assert first == {
        "line": "2",
        "ref": "#101",
        "payment_id": "101",
        "amount": "10.00",
        "currency": "usd",
        "status": "failed",
        "stripe_refund_id": "N/A",
        "refund_id": "1001",
        "words": "Stripe refused the refund of 10.00 USD of payment #101: =No",
    }
    assert second == first | {
        "line": "3",
        "ref": "101",
        "amount": "20.00",
        "status": "completed",
        "stripe_refund_id": stripes[0],
        "refund_id": "1002",
        "words": "N/A",
    }
    assert (bulk.folder / "results.csv").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    ("path", "says"),
    [
        ("results.csv", "results.csv exists"),
        ("none/results.csv", "none/results.csv cannot be written: there is no folder none"),
        (".", "'.' names no file"),
    ],
)
def test_a_result_file_that_cannot_be_written_stops_it_before_a_cent_moves(bulk: Cashier, path: str, says: str) -> None:
    (bulk.folder / "results.csv").write_text("kept")
    write(bulk, "101,10")
    with bulk.untouched():
        result = refund(bulk, "--yes", "-o", path)
    assert (result.code, result.out, result.err.splitlines()[0]) == (74, "", f"ecloud-pay: {says}")
    assert (bulk.folder / "results.csv").read_text() == "kept"
    assert bulk.stripe.journal() == []


def test_force_replaces_the_result_file(bulk: Cashier) -> None:
    (bulk.folder / "results.csv").write_text("old")
    write(bulk, "101,10")
    assert refund(bulk, "--yes", "-o", "results.csv", "--force").code == 0
    assert (bulk.folder / "results.csv").read_text().startswith("line,ref,payment_id,")


def test_a_stdout_that_is_full_says_what_was_refunded_and_the_file_is_written_all_the_same(bulk: Cashier) -> None:
    write(bulk, "101,10")
    with open("/dev/full", "w") as full, bulk.started("-q", "--from", "refunds.csv", "--yes", "-o", "results.csv", stdout=full) as started:
        _, err = started.communicate(timeout=LIMIT_S)
    assert started.returncode == 74
    assert err == (
        "ecloud-pay: stdout could not be written: No space left on device\n"
        "1 refunded ($10.00 USD). That is recorded.\n"
        "Run the same file again: it repeats nothing and prints what became of each line.\n"
    )
    assert bulk.refunds("pi_101") == [10_00]
    assert [row[2] for row in bulk.refund_rows()] == ["completed"]
    assert (bulk.folder / "results.csv").read_text().splitlines()[1].startswith("2,101,101,10.00,usd,completed,re_")


def test_an_audit_trail_that_cannot_be_written_stops_it_before_a_cent_moves(bulk: Cashier) -> None:
    write(bulk, "101,10")
    (bulk.folder / "audit.jsonl").mkdir()
    before = bulk.backend.fingerprint()
    result = refund(bulk, "-q", "--yes")
    assert (result.code, result.out, bulk.stripe.posts(), bulk.backend.fingerprint()) == (74, "", [], before)
    assert "audit.jsonl" in result.err.splitlines()[0]


# Somebody watches, or stops it


def await_(is_so: Callable[[], bool]) -> None:
    """Until it is so."""
    give_up_at = time.monotonic() + LIMIT_S
    while not is_so():
        assert time.monotonic() < give_up_at, "it never came to that"
        time.sleep(0.005)


def test_an_audit_trail_that_is_lost_in_the_middle_is_told_although_the_refund_was_made(bulk: Cashier) -> None:
    write(bulk, "101,10")
    audit = bulk.folder / "audit.jsonl"
    bulk.stripe.faults("stall_after", seconds=0.7)
    with bulk.started("-q", "--from", "refunds.csv", "--yes") as started:
        await_(lambda: len(bulk.stripe.posts()) == 1)
        audit.rename(bulk.folder / "kept.jsonl")
        audit.mkdir()
        out, err = started.communicate(timeout=LIMIT_S)
    assert (started.returncode, words(out)[0].partition(" re ")[0]) == (74, "line 2 payment #101 $10.00 USD COMPLETED")
    assert err.startswith("ecloud-pay: the audit line could not be written: ")
    assert "That is recorded in the database." in err
    audit.rmdir()
    (bulk.folder / "kept.jsonl").rename(audit)
    assert (bulk("-q", "--resume").code, bulk.refunds("pi_101")) == (0, [10_00])
    assert [event["event_type"] for event in chain([audit])] == ["refund_requested", "refund_sent", "refunded"]


def test_progress_is_for_the_terminal_of_stderr_alone(bulk: Cashier) -> None:
    write(bulk, "101,1", "101,2", "101,3")
    bulk.stripe.faults("stall_after", times=3, seconds=0.3)
    with bulk.terminal("--from", "refunds.csv", "--yes", TERM="xterm") as terminal:
        terminal.expect("[123] refunds")
        terminal.expect_exact("3 refunded")
        terminal.wait()
        assert terminal.exitstatus == 0
    write(bulk, "101,4", "101,5")
    bulk.stripe.faults("stall_after", times=2, seconds=0.3)
    assert refund(bulk, "--yes").err.splitlines()[-1:] == ["2 refunded ($9.00 USD)."]


def test_ctrl_c_lets_land_what_is_in_flight_begins_no_more_and_the_next_run_goes_on(bulk: Cashier) -> None:
    write(bulk, *(f"{payment},10" for payment in range(101, 107)))
    bulk.stripe.faults("stall_after", times=4, seconds=1)
    with bulk.started("--from", "refunds.csv", "--yes", "--json") as started:
        await_(lambda: len(bulk.stripe.posts()) == 4)
        started.send_signal(signal.SIGINT)
        out, err = started.communicate(timeout=LIMIT_S)
    assert started.returncode == 130
    assert sorted(line["status"] for line in json.loads(out)["lines"]) == ["completed"] * 4 + ["not begun"] * 2
    assert err.splitlines()[-2:] == [
        "4 refunded ($40.00 USD), 2 not refunded.",
        "ecloud-pay: stopped by SIGINT; what was begun has ended and is recorded; run the same file again for the rest.",
    ]
    assert len(bulk.stripe.posts()) == 4
    again = refund(bulk, "--yes")
    assert (again.code, again.err.splitlines()[-1]) == (0, "2 refunded ($20.00 USD), 4 done before.")
    assert [bulk.refunds(f"pi_{payment}") for payment in range(101, 107)] == [[10_00]] * 6


def test_ctrl_c_when_the_last_is_in_flight_stops_nothing(bulk: Cashier) -> None:
    write(bulk, "101,10")
    bulk.stripe.faults("stall_after", seconds=0.5)
    with bulk.started("--from", "refunds.csv", "--yes") as started:
        await_(lambda: len(bulk.stripe.posts()) == 1)
        started.send_signal(signal.SIGINT)
        _, err = started.communicate(timeout=LIMIT_S)
    assert started.returncode == 0
    assert err.splitlines()[-2:] == [
        "1 refunded ($10.00 USD).",
        "You asked to stop while money was in flight; nothing was left to stop.",
    ]


def test_a_second_ctrl_c_stops_the_waiting_and_the_next_run_finds_out(bulk: Cashier) -> None:
    write(bulk, "101,10", "102,10")
    bulk.stripe.faults("stall_after", times=2, seconds=2)
    with bulk.started("-q", "--from", "refunds.csv", "--yes") as started:
        await_(lambda: len(bulk.stripe.posts()) == 2)
        started.send_signal(signal.SIGINT)
        time.sleep(0.1)
        started.send_signal(signal.SIGINT)
        out, err = started.communicate(timeout=LIMIT_S)
    assert (started.returncode, out) == (8, "")
    assert err.splitlines()[0] == "ecloud-pay: you stopped waiting (SIGINT) while money was in flight"
    bulk.stripe.settled()
    again = refund(bulk, "-q", "--yes", "--json")
    assert (again.code, [line["status"] for line in again.json["lines"]]) == (0, ["completed"] * 2)
    assert (bulk.refunds("pi_101"), bulk.refunds("pi_102")) == ([10_00], [10_00])


def test_a_terminal_that_is_closed_in_the_middle_loses_nothing(bulk: Cashier) -> None:
    write(bulk, "101,1", "101,2", "102,3")
    bulk.stripe.faults("stall_after", times=2, seconds=0.5)
    terminal = bulk.terminal("--from", "refunds.csv", "--yes", TERM="xterm")
    await_(lambda: len(bulk.stripe.posts()) == 2)
    os.close(terminal.child_fd)  # the window is gone: SIGHUP, and stderr cannot be written any more
    terminal.closed = True
    assert os.waitstatus_to_exitcode(os.waitpid(terminal.pid, 0)[1]) == 74  # nowhere to print to, as anywhere else
    bulk.stripe.settled()
    assert bulk.backend.rows("SELECT count(*) FROM payments_refund WHERE id > 1000 AND status = 'pending'") == [(0,)]
    assert (bulk.refunds("pi_101"), bulk.refunds("pi_102")) == ([1_00], [3_00])
    assert refund(bulk, "-q", "--yes").code == 0
    assert (bulk.refunds("pi_101"), bulk.refunds("pi_102")) == ([1_00, 2_00], [3_00])


def test_a_stderr_that_goes_away_in_the_middle_stops_nothing(bulk: Cashier) -> None:
    write(bulk, "101,1", "101,2", "101,3")
    bulk.stripe.faults("stall_after", times=3, seconds=0.4)
    ours, theirs = os.openpty()
    with bulk.started("--from", "refunds.csv", "--yes", "--json", stderr=theirs) as started:
        os.close(theirs)
        await_(lambda: len(bulk.stripe.posts()) == 1)
        os.close(ours)
        out, _ = started.communicate(timeout=LIMIT_S)
    assert (started.returncode, [line["status"] for line in json.loads(out)["lines"]]) == (0, ["completed"] * 3)
    assert bulk.refunds("pi_101") == [1_00, 2_00, 3_00]
