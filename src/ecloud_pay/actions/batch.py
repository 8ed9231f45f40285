"""A batch of refunds: planned whole before the first cent moves, then carried out, a few payments at a time.

The lines of one payment go one after the other; every line is a refund like any other, with an intent of its own.
"""

import uuid
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, replace
from itertools import chain
from typing import TypeVar

from ecloud_pay.actions.desk import Desk
from ecloud_pay.actions.preflight import preview
from ecloud_pay.actions.refund import carry_out, trouble
from ecloud_pay.actions.resume import resumed
from ecloud_pay.actions.sending import Sender
from ecloud_pay.domain.at_stripe import RefundState
from ecloud_pay.domain.batch import BadLine, Due, Entry, Item, Result
from ecloud_pay.domain.errors import CannotWrite, EcloudPayError, NotConfigured, NotFound, OutcomeUnknown, Refused, Unavailable
from ecloud_pay.domain.money import Money, NotMoney
from ecloud_pay.domain.preview import Wish
from ecloud_pay.domain.refund import SAME_AMOUNT_WITHIN, Ending, Intent, Line
from ecloud_pay.ports import Standing

MOST_IN_FLIGHT = 4

_In = TypeVar("_In")
_Out = TypeVar("_Out")


@dataclass(frozen=True, slots=True)
class Plan:
    """What a run would do, line by line; or the lines that forbid it."""

    items: tuple[Item, ...]
    bad: tuple[BadLine, ...]


@dataclass(frozen=True, slots=True)
class Rules:
    """What holds for all lines: `wish` names actor and choices; `meant` finds the payment that a line names."""

    batch: str
    wish: Wish
    retries_failed: bool
    meant: Callable[[str], int]


def plan(entries: Sequence[Entry], desk: Desk, rules: Rules, tick: Callable[[], None]) -> Plan:
    """Every line looked up here and at Stripe; nothing is written. Raises Unavailable or NotConfigured where that cannot be done."""
    named, bad = _named(entries, rules)
    groups: dict[int, list[Entry]] = defaultdict(list)
    for entry, payment_id in named:
        groups[payment_id].append(entry)
    planned = _at_once(lambda group: _planned(group[0], group[1], desk, rules, tick), groups.items())
    items: list[Item] = []
    for some_items, some_bad in planned:
        items += some_items
        bad += some_bad
    return Plan(tuple(sorted(items, key=lambda item: item.entry.place)), tuple(sorted(bad, key=lambda line: line.place)))


def run(items: Sequence[Item], desk: Desk, sender: Sender, tick: Callable[[], None]) -> list[Result]:
    """Carry the plan out. No error of a line stops the others, but one that would meet them all does, and a signal."""
    groups: dict[int, list[Item]] = defaultdict(list)
    for item in items:
        groups[item.payment_id].append(item)
    halted: list[EcloudPayError] = []

    def carried(group: list[Item]) -> list[Result]:
        unfinished_first = sorted(group, key=lambda item: item.due is not Due.RESUME)
        return [_carried(item, desk, sender, halted, tick) for item in unfinished_first]

    results = chain.from_iterable(_at_once(carried, groups.values()))
    return sorted(results, key=lambda result: result.item.entry.place)


def _named(entries: Sequence[Entry], rules: Rules) -> tuple[list[tuple[Entry, int]], list[BadLine]]:
    named: list[tuple[Entry, int]] = []
    bad: list[BadLine] = []
    for entry in entries:
        try:
            named.append((entry, rules.meant(entry.ref)))
        except (NotConfigured, Unavailable):
            raise
        except EcloudPayError as error:
            bad.append(BadLine(entry.place, _problem(error)))
    return named, bad


def _planned(
    payment_id: int, entries: Sequence[Entry], desk: Desk, rules: Rules, tick: Callable[[], None]
) -> tuple[list[Item], list[BadLine]]:
    """The lines of one payment: each by itself, then all of them together against what is left."""
    standing = desk.ledger.read(payment_id)
    if standing is None:
        raise NotFound(f"there is no payment #{payment_id} any more")
    items: list[Item] = []
    bad: list[BadLine] = []
    seen: Counter[object] = Counter()
    for entry in entries:
        seen[entry.amount] += 1
        try:
            item = _item(entry, standing, Line(rules.batch, seen[entry.amount]), rules)
            _is_no_repeat(item, items)
            # What is left shows only once an unsettled line of this batch has ended; the others are looked at again before they are sent.
            if item.due is Due.REFUND and not _is_unfinished(standing, rules.batch):
                _fits(item, items, desk)
            items.append(item)
        except (NotConfigured, Unavailable):
            raise
        except EcloudPayError as error:
            bad.append(BadLine(entry.place, _problem(error)))
        tick()
    return items, bad


def _item(entry: Entry, standing: Standing, line: Line, rules: Rules) -> Item:
    payment = standing.file.payment
    try:
        amount = Money.of(entry.amount, (payment.currency or "").lower())
    except NotMoney as error:
        raise Refused(f"payment #{payment.id}: {error}") from error
    if entry.currency not in (None, amount.currency):
        raise Refused(f"payment #{payment.id} is in {amount.currency.upper()}, not in {str(entry.currency).upper()}")
    before = _newest(standing.intents, line, amount)
    wish = replace(
        rules.wish,
        key=str(uuid.uuid4()),
        amount=entry.amount,
        currency=entry.currency,
        reason=entry.reason,
        note=entry.note,
        line=line,
    )
    due = _due(before, retries_failed=rules.retries_failed)
    return Item(entry, payment.id, amount, wish, due, before, _elsewhere(standing, rules.batch, amount))


def _due(before: Intent | None, *, retries_failed: bool) -> Due:
    if before is None:
        return Due.REFUND
    if before.settlement is None:
        return Due.RESUME
    if before.settlement.state is not RefundState.FAILED:
        return Due.DONE
    # What was certainly never sent has not failed: it was not tried.
    return Due.REFUND if retries_failed or before.settlement.ending is Ending.NOT_SENT else Due.FAILED


def _elsewhere(standing: Standing, batch: str, amount: Money) -> str | None:
    """The other batch that has refunded that amount within a day: the twin check leaves out what a batch of another name has made."""
    since = standing.now - SAME_AMOUNT_WITHIN
    for intent in reversed(standing.intents):
        line, settled = intent.order.line, intent.settlement
        is_made = settled is not None and settled.state is not RefundState.FAILED and intent.created_at >= since
        if is_made and intent.order.amount == amount and line is not None and line.batch != batch:
            return line.batch
    return None


def _is_unfinished(standing: Standing, batch: str) -> bool:
    return any(not one.is_settled and one.order.line is not None and one.order.line.batch == batch for one in standing.intents)


def _is_no_repeat(item: Item, earlier: Sequence[Item]) -> None:
    """That no line before it is the same, however long ago that one was sent: the check for twins forgets after a day, a file does not."""
    if item.due is not Due.REFUND or item.wish.may_repeat:
        return
    if same := next((one for one in earlier if one.amount == item.amount), None):
        raise Refused(f"it repeats line {same.entry.place}: the same payment and amount", to_do="If both are meant, add --allow-duplicate.")


def _fits(item: Item, earlier: Sequence[Item], desk: Desk) -> None:
    """That it may be refunded beside the lines of the same payment before it."""
    found = preview(desk, item.payment_id, item.wish)
    together = item.amount
    for one in earlier:
        if one.due is Due.REFUND:
            together = together + one.amount
    if found.refunded.remainder(found.captured) < together:
        left = found.refunded.remainder(found.captured)
        raise Refused(f"with the lines before it, {together} is more than what is left to refund of payment #{item.payment_id}, {left}")


def _carried(item: Item, desk: Desk, sender: Sender, halted: list[EcloudPayError], tick: Callable[[], None]) -> Result:
    if not item.moves_money:
        return Result(item, item.before, trouble(item.before) if item.before else None)
    if halted or sender.patience.is_stop_asked:
        return Result(item, item.before)
    try:
        return _sent(item, desk, sender)
    except EcloudPayError as error:
        if isinstance(error, NotConfigured | CannotWrite):
            halted.append(error)
        return _as_it_stands(item, desk, error)
    finally:
        tick()


def _sent(item: Item, desk: Desk, sender: Sender) -> Result:
    if item.due is Due.RESUME and item.before is not None:
        intent = resumed(item.before, sender, desk.account)
    else:
        found = preview(desk, item.payment_id, item.wish)
        standing = desk.ledger.read(item.payment_id)
        if standing is not None and (ended := _ended_by_another(item, standing.intents)):
            return ended
        intent = carry_out(found, sender)
    return Result(item, intent, trouble(intent))


def _as_it_stands(item: Item, desk: Desk, error: EcloudPayError) -> Result:
    """The line as the database has it, where it can be asked: an audit line that failed does not undo a refund, and another run of the
    same file may have been quicker."""
    is_resumed = item.due is Due.RESUME and item.before is not None
    try:
        standing = desk.ledger.read(item.payment_id)
    except EcloudPayError:
        return Result(item, item.before if is_resumed else None, _perhaps_sent(item, error))
    key = item.before.order.key if is_resumed and item.before else item.wish.key
    ours = standing.intent(key) if standing else None
    by_another = _ended_by_another(item, standing.intents) if standing and ours is None else None
    return by_another or Result(item, ours, error)


def _perhaps_sent(item: Item, error: EcloudPayError) -> EcloudPayError:
    """A trail that cannot be written stops a refund, or comes too late for that: without the database nobody knows which."""
    if not isinstance(error, CannotWrite):
        return error
    return OutcomeUnknown(f"the outcome of the refund of {item.amount} of payment #{item.payment_id} is unknown: {error.what}")


def _ended_by_another(item: Item, intents: Sequence[Intent]) -> Result | None:
    """What another run has made of the line since this one was planned. What Stripe has refused it is not tried again unasked."""
    newest = _newest(intents, item.wish.line, item.amount)
    if newest is None or (item.before is not None and newest.order.key == item.before.order.key):
        return None
    due = _due(newest, retries_failed=False)
    if due not in (Due.DONE, Due.FAILED):
        return None
    return Result(replace(item, due=due, before=newest), newest, trouble(newest))


def _newest(intents: Sequence[Intent], line: Line | None, amount: Money) -> Intent | None:
    """The newest refund that was made of a line."""
    return next((one for one in reversed(intents) if one.order.line == line and one.order.amount == amount), None)


def _problem(error: EcloudPayError) -> str:
    """What is wrong with a line, and what to do about it."""
    return f"{error.what.removesuffix('.')}. {error.to_do}" if error.to_do else error.what


def _at_once(act: Callable[[_In], _Out], things: Iterable[_In]) -> Iterator[_Out]:
    """`act` on a few of the things at a time, in threads; the first error ends it. A signal is not kept waiting for the threads."""
    pool = ThreadPoolExecutor(MOST_IN_FLIGHT)
    try:
        futures: set[Future[_Out]] = {pool.submit(act, thing) for thing in things}
        while futures:
            done, futures = wait(futures, return_when=FIRST_COMPLETED)
            for each in done:
                yield each.result()
    except BaseException:
        pool.shutdown(wait=False, cancel_futures=True)
        raise
    pool.shutdown()
