"""A batch of refunds before it is carried out and after: counts, totals per currency, and a row for each line of the file."""

from collections.abc import Iterable, Sequence

from rich.text import Text

from ecloud_pay.domain.at_stripe import Mode
from ecloud_pay.domain.batch import Due, Item, Result, of_due, totals
from ecloud_pay.domain.refund import RefundReason
from ecloud_pay.rendering import theme
from ecloud_pay.rendering.amounts import amount_text
from ecloud_pay.rendering.boxes import box, line
from ecloud_pay.rendering.cards import status_text
from ecloud_pay.rendering.look import Look
from ecloud_pay.rendering.refund_cards import BLOCK_LIST, NO_SIGNALS, mode_text
from ecloud_pay.rendering.sanitize import visible

MOST_ROWS = 20  # above a question: more would scroll its totals away

_DUE = {
    Due.REFUND: "To Refund",
    Due.RESUME: "To Resume",
    Due.DONE: "Done Before",
    Due.FAILED: "Failed Before (only with --retry-failed)",
}


def plan_lines(items: Sequence[Item], batch: str, mode: Mode, account: str | None, look: Look, *, rows: int) -> list[Text]:
    """What the batch would do; so many lines of the file, too."""
    counts = [
        line(f"{label}: ", Text(f"{_count(some)}, {_sums(some, look)}", style=theme.STRONG if due is Due.REFUND else ""))
        for due, label in _DUE.items()
        if (some := of_due(items, due))
    ]
    about = [
        line("Requested By: ", Text(visible(items[0].wish.actor.email))),
        line("Stripe: ", Text.assemble(mode_text(mode), f", account {visible(account or 'not readable with this key')}")),
    ]
    drawn = box(f"Batch {visible(batch)}", [counts, about, _notes(items)], look)
    drawn += [_row(item, _due_words(item), look) for item in items[:rows]]
    if 0 < rows < len(items):
        drawn.append(Text(f"and {len(items) - rows:,} more: --dry-run shows all", style=theme.NOTE))
    return drawn


def elsewhere_words(items: Sequence[Item]) -> str | None:
    """`2 of these lines were refunded within 24 h in another batch (default).`; None where none was."""
    again = [item for item in of_due(items, Due.REFUND) if item.elsewhere is not None]
    if not again:
        return None
    batches = ", ".join(sorted({visible(item.elsewhere or "") for item in again}))
    is_one = len({item.elsewhere for item in again}) == 1
    where = f"in {'another batch' if is_one else 'other batches'} ({batches})"
    return f"{len(again):,} of these lines {'was' if len(again) == 1 else 'were'} refunded within 24 h {where}."


def fraud_words(items: Sequence[Item]) -> str:
    """The warning before anybody is put on the block list, with the lines that would do it."""
    named = [f"line {item.entry.place} (payment #{item.payment_id})" for item in items[:MOST_ROWS]]
    if len(items) > MOST_ROWS:
        named.append(f"{len(items) - MOST_ROWS:,} more")
    return f"{BLOCK_LIST} It is the reason of {', '.join(named)}."


def _notes(items: Sequence[Item]) -> list[Text]:
    """What happens beyond the counts, or that nothing does."""
    if any(item.moves_money for item in items):
        blocks = any(_is_fraudulent(item) for item in of_due(items, Due.REFUND))
        warnings = [elsewhere_words(items), BLOCK_LIST if blocks else None]
        return [*(Text(words, style=theme.WARNING) for words in warnings if words), Text(NO_SIGNALS, style=theme.NOTE)]
    if of_due(items, Due.FAILED):
        return [Text("Nothing would be sent: what failed is tried again only with --retry-failed.", style=theme.NOTE)]
    return [Text("Nothing is left to do.", style=theme.NOTE)]


def _due_words(item: Item) -> str:
    """`refund`, `refund, fraudulent`: that reason does more than say why."""
    return f"{item.due}, {item.entry.reason}" if item.due is Due.REFUND and _is_fraudulent(item) else f"{item.due}"


def _is_fraudulent(item: Item) -> bool:
    return item.entry.reason is RefundReason.FRAUDULENT


def result_lines(results: Sequence[Result], look: Look) -> list[Text]:
    """A row for each line: what became of it."""
    rows = []
    for result in results:
        settled = result.intent.settlement if result.intent else None
        told = [settled.stripe_refund_id if settled else None, result.words]
        facts = "".join(f"  {visible(fact)}" for fact in told if fact)
        rows.append(Text.assemble(_row(result.item, "", look), status_text(result.status, look), facts))
    return rows


def summary(results: Sequence[Result], look: Look) -> str:
    """`3 refunded ($75.00 USD), 1 done before, 1 of unknown outcome, 1 not refunded.`"""
    now = [result.item for result in results if result.is_done and result.item.due is not Due.DONE]
    before = sum(result.item.due is Due.DONE for result in results)
    unknown = sum(result.is_unknown for result in results)
    busy = sum(result.is_busy for result in results)
    rest = len(results) - len(now) - before - unknown - busy
    parts = [f"{len(now)} refunded ({_sums(now, look)})" if now else "none refunded"]
    parts += [f"{before} done before"] if before else []
    parts += [f"{unknown} of unknown outcome"] if unknown else []
    parts += [f"{busy} busy"] if busy else []
    parts += [f"{rest} not refunded"] if rest else []
    return ", ".join(parts) + "."


def _row(item: Item, told: str, look: Look) -> Text:
    amount = amount_text(item.amount, look.currency, with_code=True)
    return Text.assemble(
        (f"line {item.entry.place:<4} ", theme.LABEL), f"payment #{item.payment_id:<7} ", (f"{amount:>16}  ", theme.STRONG), told
    )


def _count(items: Sequence[Item]) -> str:
    return f"{len(items):,} line{'' if len(items) == 1 else 's'}"


def _sums(items: Iterable[Item], look: Look) -> str:
    return " + ".join(amount_text(total, look.currency, with_code=True) for total in totals(items))
