"""`refund --from FILE.csv`: read whole → planned whole → shown with its totals → consented to → carried out → a line's result each."""

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from ecloud_pay.actions.batch import Plan, Rules, plan, run
from ecloud_pay.actions.desk import Desk
from ecloud_pay.actions.sending import Sender
from ecloud_pay.commands.parsing import count, output_path
from ecloud_pay.commands.refund_confirming import ask_about_fraud, ask_consent, check_cap, consent_given
from ecloud_pay.commands.refund_counter import desk, operator, payment_meant
from ecloud_pay.commands.refund_file import read_entries
from ecloud_pay.commands.refund_making import said, unless_stopped
from ecloud_pay.commands.refund_options import MOST_LINES, MOST_LINES_EVER, Typed, make_wish, plain_name
from ecloud_pay.domain.batch import DEFAULT_BATCH, BadLine, Due, Entry, Item, Result, of_due, totals
from ecloud_pay.domain.errors import CannotWrite, EcloudPayError, OutcomeUnknown, PartlyDone, Refused, UsageError
from ecloud_pay.domain.refund import RefundReason
from ecloud_pay.rendering import machine
from ecloud_pay.rendering.progress import Progress
from ecloud_pay.rendering.screen import ClosedPipe
from ecloud_pay.signals import MoneyInFlight
from ecloud_pay.wiring import Wiring


def run_batch(wiring: Wiring, typed: Typed) -> None:
    """All of it."""
    batch = plain_name(typed.batch.batch, "--batch") or DEFAULT_BATCH
    at_most = MOST_LINES if typed.batch.max_count is None else count(typed.batch.max_count, "--max-count", MOST_LINES_EVER)
    check_cap(typed.consent.max_total, ())
    _check_output(wiring, typed)
    assert typed.batch.from_ is not None  # or this would be another way
    entries, misspelt = read_entries(typed.batch.from_)
    if misspelt:
        raise _bad_input(wiring, entries, misspelt, lambda: _looked_at(wiring, typed, entries, batch, at_most))
    with _counter(wiring, typed, entries, batch, at_most) as (open_desk, rules):
        found = _planned(wiring, open_desk, entries, rules)
        if found.bad:
            told = _told_bad(wiring, found.bad, len(entries))
            raise Refused(told, now="Nothing was sent: no refund is begun while a line is wrong.")
        _run_planned(wiring, typed, open_desk, found.items, batch)


@contextmanager
def _counter(wiring: Wiring, typed: Typed, entries: Sequence[Entry], batch: str, at_most: int) -> Iterator[tuple[Desk, Rules]]:
    """All that a batch of these lines needs, open."""
    if len(entries) > at_most:
        raise Refused(f"{len(entries)} lines are more than {at_most}", now="Nothing was sent.", to_do=f"Add --max-count {len(entries)}")
    with wiring.ledger() as ledger:
        actor = operator(wiring, ledger, typed.consent.as_)
        wiring.audit_trail().check()
        with desk(wiring, ledger) as open_desk:

            def meant(ref: str) -> int:
                return payment_meant(ledger, ref, lambda intent: intent.order.line is not None and intent.order.line.batch == batch)

            yield open_desk, Rules(batch, make_wish(typed.asked)(actor), typed.batch.retry_failed, meant)


def _looked_at(wiring: Wiring, typed: Typed, entries: Sequence[Entry], batch: str, at_most: int) -> tuple[BadLine, ...]:
    """Those of the lines that cannot be refunded."""
    with _counter(wiring, typed, entries, batch, at_most) as (open_desk, rules):
        return _planned(wiring, open_desk, entries, rules).bad


def _bad_input(wiring: Wiring, entries: Sequence[Entry], misspelt: Sequence[BadLine], look: Callable[[], Sequence[BadLine]]) -> UsageError:
    """All that is wrong with a file at once: lines that make no sense, and, where that can be found out, lines that cannot be refunded."""
    bad, now = list(misspelt), "Nothing was sent."
    if entries:
        try:
            bad += look()
        except EcloudPayError as error:
            now += f" The rest was not checked: {error.what}"
    return UsageError(_told_bad(wiring, sorted(bad, key=lambda line: line.place), len(entries) + len(misspelt)), now=now)


def _check_output(wiring: Wiring, typed: Typed) -> None:
    """Whether the result file can be written is found out before anybody is asked anything."""
    if typed.batch.output is None:
        if typed.batch.force:
            raise UsageError("--force does not go without -o FILE")
        return
    if typed.consent.dry_run:
        raise UsageError("-o does not go with --dry-run: there are no results to write")
    output_path(typed.batch.output, "csv", {".json": "json"})
    if os.path.realpath(typed.batch.output) == os.path.realpath(typed.batch.from_ or ""):
        raise UsageError("-o: that is the file with the refunds; name another one for their results")
    with wiring.target(typed.batch.output, force=typed.batch.force):
        pass


def _planned(wiring: Wiring, open_desk: Desk, entries: Sequence[Entry], rules: Rules) -> Plan:
    with Progress(wiring.screen, len(entries), noun="lines looked at") as progress:
        return plan(entries, open_desk, rules, lambda: progress.add(0, 1))


def _run_planned(wiring: Wiring, typed: Typed, open_desk: Desk, items: tuple[Item, ...], batch: str) -> None:
    moving = [item for item in items if item.moves_money]
    sums = totals(moving)
    check_cap(typed.consent.max_total, sums)
    if typed.consent.dry_run:
        _print_plan(wiring, typed, open_desk, items, batch)
        return
    if moving:
        _agree(wiring, typed, open_desk, items, batch)
    with wiring.money_in_flight() as patience:
        results = _run(wiring, open_desk, items, patience)
        try:
            _print_results(wiring, typed, results, batch)
        except (CannotWrite, ClosedPipe) as error:
            if not any(result.is_unknown for result in results):
                raise
            wiring.screen.complain(str(error) or "stdout was closed")
            raise _unknown(results) from error
        _end(wiring, results, patience)


def _end(wiring: Wiring, results: Sequence[Result], patience: MoneyInFlight) -> None:
    """Raises whatever the run ends with, the worst first."""
    if any(result.is_unknown for result in results):
        raise _unknown(results)
    # Settled, and yet with such an error: another refund is recorded in its place, or stands beside it at Stripe.
    if doubtful := next((result.error for result in results if isinstance(result.error, OutcomeUnknown)), None):
        raise doubtful
    if any(result.is_left for result in results):
        patience.raise_if_stopped("what was begun has ended and is recorded; run the same file again for the rest")
    elif patience.is_stop_asked:
        wiring.screen.note("You asked to stop while money was in flight; nothing was left to stop.")
    if any(not result.is_done for result in results):
        raise _partly_done(results)
    if lost := next((result.error for result in results if isinstance(result.error, CannotWrite)), None):
        raise lost


def _partly_done(results: Sequence[Result]) -> PartlyDone:
    done = sum(result.is_done for result in results)
    busy = sum(result.is_busy for result in results)
    to_do = [
        "Where it is busy, another run may have refunded it: run the file again when that one has ended." if busy else "",
        "Mend what is wrong and run the file again. What Stripe refused is tried again only with --retry-failed."
        if busy < len(results) - done
        else "",
    ]
    return PartlyDone(
        f"{len(results) - done} of {len(results)} lines were not refunded{' by this run' if busy else ''}",
        now=f"Refunded, now or before: {done}." if done else "This run moved no money.",
        to_do=" ".join(filter(None, to_do)),
    )


def _run(wiring: Wiring, open_desk: Desk, items: Sequence[Item], patience: MoneyInFlight) -> list[Result]:
    sender = Sender(open_desk.ledger, open_desk.gateway, wiring.audit_trail(), patience)
    moving = sum(item.moves_money for item in items)
    with Progress(wiring.screen, moving, noun="refunds") as progress:
        return unless_stopped(None, lambda: run(items, open_desk, sender, lambda: progress.add(0, 1)))


def _unknown(results: Sequence[Result]) -> OutcomeUnknown:
    unknown = sum(result.is_unknown for result in results)
    return OutcomeUnknown(
        f"nobody knows yet how {unknown} of {len(results)} lines ended",
        now="They are recorded as unsettled; money may have moved.",
        to_do="Do not refund them in another way. To settle them: run the same file again, or ecloud-pay refund --resume",
    )


def _agree(wiring: Wiring, typed: Typed, open_desk: Desk, items: Sequence[Item], batch: str) -> None:
    from ecloud_pay.rendering.refund_batch import MOST_ROWS, fraud_words, plan_lines

    moving = [item for item in items if item.moves_money]
    sums, mode = totals(moving), open_desk.gateway.mode
    is_given = consent_given(typed.consent, mode, sums)
    if not (is_given and wiring.screen.is_quiet):
        rows = MOST_ROWS if wiring.screen.can_ask and not is_given else 0
        wiring.screen.aside(plan_lines(items, batch, mode, open_desk.account, wiring.look, rows=rows))
    if frauds := [item for item in of_due(items, Due.REFUND) if item.entry.reason is RefundReason.FRAUDULENT]:
        ask_about_fraud(wiring, typed.consent, fraud_words(frauds))
    if not is_given:
        ask_consent(wiring, mode, sums, by_total=True)


def _told_bad(wiring: Wiring, bad: Sequence[BadLine], of: int) -> str:
    """Every bad line on stderr, and the sentence that counts them."""
    for line in bad:
        wiring.screen.complain(f"line {line.place}: {line.problem}")
    return f"{len(bad)} of {of} lines cannot be refunded"


def _print_plan(wiring: Wiring, typed: Typed, open_desk: Desk, items: Sequence[Item], batch: str) -> None:
    from ecloud_pay.rendering.refund_batch import elsewhere_words, plan_lines

    if typed.json:
        from ecloud_pay.rendering.refund_documents import plan_document

        wiring.screen.data(machine.json_text(plan_document(items, batch)))
        if again := elsewhere_words(items):
            wiring.screen.warn(again)
    else:
        wiring.screen.show(plan_lines(items, batch, open_desk.gateway.mode, open_desk.account, wiring.look, rows=len(items)))
    wiring.screen.note("Dry run: nothing was sent and nothing was written.")


def _print_results(wiring: Wiring, typed: Typed, results: Sequence[Result], batch: str) -> None:
    from ecloud_pay.rendering.refund_batch import result_lines, summary
    from ecloud_pay.rendering.refund_documents import RESULT_FIELDS, batch_document, result_document

    told = summary(results, wiring.look)
    with said(wiring, told, "Run the same file again: it repeats nothing and prints what became of each line."):
        try:
            if typed.json:
                wiring.screen.data(machine.json_text(batch_document(results, batch)))
            else:
                wiring.screen.show(result_lines(results, wiring.look))
        finally:  # the file is kept even where nobody reads stdout
            if typed.batch.output is not None:
                records = [result_document(result) for result in results]
                wiring.write_text(typed.batch.output, machine.csv_text(records, RESULT_FIELDS), force=typed.batch.force)
    wiring.screen.note(told)
