"""The options of `refund`, what each of its ways takes, and what was typed as a wish."""

import re
import uuid
from collections.abc import Callable
from dataclasses import dataclass, fields
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Any

import typer

from ecloud_pay.commands import parsing
from ecloud_pay.domain.errors import UsageError
from ecloud_pay.domain.money import COLUMN_LIMIT
from ecloud_pay.domain.preview import Wish
from ecloud_pay.domain.refund import LONGEST_NOTE, Actor, RefundReason

REASONS = [reason.value for reason in RefundReason]
LONGEST_NAME = 64  # of a batch or a request id
MOST_LINES = 100  # of a batch, unless --max-count says otherwise
MOST_LINES_EVER = 10_000

# Stripe may prefix its ids otherwise tomorrow, so only what could never be one is told apart here.
_REFUND_ID = re.compile(r"(?=.*_)[A-Za-z0-9_]{4,255}", re.ASCII)
_FIGURE = re.compile(r"-?[0-9]+(\.[0-9]{1,2})?", re.ASCII)  # of any size


@dataclass(frozen=True)
class Asked:
    """What is refunded, and why."""

    amount: Annotated[str | None, typer.Option("--amount", metavar="X", help="How much, like 25 or 25.00 (default: all that is left).")] = (
        None
    )
    currency: Annotated[
        str | None, typer.Option("--currency", metavar="CODE", help="The currency you take it to be in; refused if it is another.")
    ] = None
    reason: Annotated[
        str | None,
        typer.Option("--reason", metavar="REASON", help=f"What Stripe is told: {', '.join(REASONS)}.", autocompletion=lambda: REASONS),
    ] = None
    note: Annotated[
        str | None, typer.Option("--note", metavar="TEXT", help="Why, in your words: kept in the database and the audit trail.")
    ] = None
    reverse_transfer: Annotated[
        bool | None,
        typer.Option("--reverse-transfer/--no-reverse-transfer", help="Connect: take the connected account's share back, or not."),
    ] = None
    refund_application_fee: Annotated[
        bool | None,
        typer.Option(
            "--refund-application-fee/--no-refund-application-fee", help="Connect: give the application fee's share back, or not."
        ),
    ] = None
    allow_duplicate: Annotated[bool, typer.Option("--allow-duplicate", help="A refund of the same amount within 24 h is meant.")] = False
    accept_drift: Annotated[
        bool, typer.Option("--accept-drift", help="Go on although database and Stripe disagree on what came back before.")
    ] = False
    request_id: Annotated[
        str | None,
        typer.Option("--request-id", metavar="ID", help="Your name for it: the same line again returns the first outcome."),
    ] = None


@dataclass(frozen=True)
class Consent:
    """Who asks, and what was agreed to beforehand."""

    as_: Annotated[
        str | None, typer.Option("--as", metavar="EMAIL", help="On whose behalf: an active staff user (default: ECLOUD_PAY_OPERATOR).")
    ] = None
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would happen, and stop.")] = False
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask. With a live key only --confirm counts.")] = False
    confirm: Annotated[
        str | None, typer.Option("--confirm", metavar="X", help="The amount (of a batch: the total) that may be refunded without asking.")
    ] = None
    max_total: Annotated[
        str | None, typer.Option("--max-total", metavar="X", help="Refuse to refund more than this in one run, in each currency.")
    ] = None


@dataclass(frozen=True)
class Unfinished:
    """What is open: looked at, settled, taken over, given up."""

    pending: Annotated[bool, typer.Option("--pending", help="Show what is open, and what --resume would do.")] = False
    resume: Annotated[bool, typer.Option("--resume", help="Settle what is unsettled (all, or that of REF). For cron.")] = False
    adopt: Annotated[
        str | None, typer.Option("--adopt", metavar="re_…", help="This refund at Stripe is the unsettled one of REF: record it.")
    ] = None
    send_anyway: Annotated[bool, typer.Option("--send-anyway", help="Send the unsettled one of REF although Stripe has one like it.")] = (
        False
    )
    abandon: Annotated[bool, typer.Option("--abandon", help="Give up the unsettled one of REF, once it cannot arrive any more.")] = False
    request: Annotated[
        str | None, typer.Option("--request", metavar="ROW", help="Carry out the request that the backend left in this refund row.")
    ] = None
    decline_request: Annotated[
        str | None, typer.Option("--decline-request", metavar="ROW", help="Close that request without a refund.")
    ] = None


@dataclass(frozen=True)
class Batch:
    """Many at once."""

    from_: Annotated[
        str | None,
        typer.Option("--from", metavar="FILE.csv", help="Refund each line of a CSV with ref,amount,reason,note (- reads stdin)."),
    ] = None
    batch: Annotated[
        str | None,
        typer.Option("--batch", metavar="NAME", help="The batch that the lines belong to: a line is refunded once in each."),
    ] = None
    retry_failed: Annotated[bool, typer.Option("--retry-failed", help="Try lines again that failed in an earlier run.")] = False
    max_count: Annotated[str | None, typer.Option("--max-count", metavar="N", help=f"The most lines (default: {MOST_LINES}).")] = None
    output: Annotated[
        str | None, typer.Option("--output", "-o", metavar="FILE", help="Also write the result of each line to FILE (CSV).")
    ] = None
    force: Annotated[bool, typer.Option("--force", help="Overwrite that file.")] = False


class Way(StrEnum):
    """What `refund` is asked to do; exactly one of these."""

    MAKE = "REF"
    BATCH = "--from"
    PENDING = "--pending"
    RESUME = "--resume"
    ADOPT = "--adopt"
    SEND_ANYWAY = "--send-anyway"
    ABANDON = "--abandon"
    REQUEST = "--request"
    DECLINE = "--decline-request"


@dataclass(frozen=True)
class Typed:
    """All of it."""

    ref: str | None
    asked: Asked
    consent: Consent
    unfinished: Unfinished
    batch: Batch
    json: bool

    @property
    def way(self) -> Way:
        """The one thing that was asked for. UsageError where it is none, several, or an option does not go with it."""
        bundles = (self.unfinished, self.batch)
        # One whose value is empty was asked for, too: it must not turn into a refund of all that is left.
        given = [way for name, way in _WAYS.items() if any(getattr(each, name, None) not in (None, False) for each in bundles)]
        # Adopting and sending anyway are ways to resume, so saying both is saying one.
        if Way.RESUME in given and {Way.ADOPT, Way.SEND_ANYWAY} & set(given):
            given.remove(Way.RESUME)
        if len(given) > 1:
            raise UsageError(f"only one at a time: {' and '.join(given)} were asked for")
        way = given[0] if given else Way.MAKE
        self._check(way)
        return way

    def _check(self, way: Way) -> None:
        _check_refund_id(self.unfinished.adopt, "--adopt")
        if way in _NEEDS_REF and self.ref is None:
            raise UsageError(
                f"{'a payment' if way is Way.MAKE else way} needs REF: 5, #5, pi_…, ch_… or job:14",
                to_do="To see what is open: ecloud-pay refund --pending" if way is Way.MAKE else "",
            )
        if way not in (*_NEEDS_REF, Way.RESUME, Way.PENDING) and self.ref is not None:
            raise UsageError(f"{way} takes no REF, and {self.ref!r} was given")
        for option in self._given():
            if option not in _TAKES[way]:
                raise UsageError(f"{option} does not go with {'one refund' if way is Way.MAKE else way}")

    def _given(self) -> list[str]:
        """The options that were typed, but for those that are ways themselves."""
        bundles: tuple[Any, ...] = (self.asked, self.consent, self.batch)
        given = [
            _option(one.name)
            for bundle in bundles
            for one in fields(bundle)
            if one.name not in _WAYS and getattr(bundle, one.name) not in (None, False)
        ]
        # Saying no is saying something.
        return given + [f"--no-{name}" for name in _SWITCHES if getattr(self.asked, name.replace("-", "_")) is False]


_WAYS = {
    "from_": Way.BATCH,
    "pending": Way.PENDING,
    "resume": Way.RESUME,
    "adopt": Way.ADOPT,
    "send_anyway": Way.SEND_ANYWAY,
    "abandon": Way.ABANDON,
    "request": Way.REQUEST,
    "decline_request": Way.DECLINE,
}
_SWITCHES = ("reverse-transfer", "refund-application-fee")
_NEEDS_REF = (Way.MAKE, Way.ADOPT, Way.SEND_ANYWAY, Way.ABANDON)
_CONNECT = {f"--{no}{name}" for name in _SWITCHES for no in ("", "no-")}
_ASKS = {"--yes", "--confirm", "--dry-run"}
_GUARDS = {"--allow-duplicate", "--accept-drift", "--max-total", "--as"}
_TAKES: dict[Way, set[str]] = {
    Way.MAKE: {"--amount", "--currency", "--reason", "--note", "--request-id"} | _CONNECT | _ASKS | _GUARDS,
    Way.BATCH: {"--batch", "--retry-failed", "--max-count", "--output", "--force"} | _CONNECT | _ASKS | _GUARDS,
    Way.PENDING: set(),
    Way.RESUME: set(),
    Way.ADOPT: {"--yes"},
    Way.SEND_ANYWAY: {"--yes", "--confirm"},
    Way.ABANDON: {"--yes"},
    Way.REQUEST: {"--reason", "--request-id"} | _CONNECT | _ASKS | _GUARDS,
    Way.DECLINE: {"--yes", "--as"},
}


def _option(name: str) -> str:
    return "--" + name.strip("_").replace("_", "-")


def make_wish(asked: Asked) -> "Callable[[Actor], Wish]":
    """What was typed, as a wish that still lacks who asks. UsageError names what makes no sense."""
    amount = positive(asked.amount, "--amount")
    currency = parsing.currency(asked.currency, "--currency")
    chosen = reason(asked.reason, "--reason")
    words = note(asked.note, "--note")
    name = plain_name(asked.request_id, "--request-id")

    def wish(actor: Actor) -> Wish:
        return Wish(
            key=str(uuid.uuid4()),
            actor=actor,
            amount=amount,
            currency=currency,
            reason=chosen,
            note=words,
            reverse_transfer=asked.reverse_transfer,
            refund_application_fee=asked.refund_application_fee,
            may_repeat=asked.allow_duplicate,
            accepts_drift=asked.accept_drift,
            request_id=name,
        )

    return wish


def positive(text: str | None, option: str) -> Decimal | None:
    """An amount above nothing."""
    if text is not None and _FIGURE.fullmatch(text) and not 0 <= Decimal(text) < COLUMN_LIMIT:
        raise parsing.out_of_range(text, option, "0.01")
    figure = parsing.amount(text, option, None)
    if figure is not None and not figure:
        raise UsageError(f"{option}: {text!r} is nothing to refund")
    return figure


def reason(text: str | None, option: str) -> RefundReason | None:
    """One of Stripe's three."""
    return None if text is None else RefundReason(parsing.one_of(text, REASONS, option, "reason"))


def note(text: str | None, option: str) -> str | None:
    """A few words of one line's length."""
    words = (text or "").strip()
    if "\x00" in words:
        raise UsageError(f"{option}: it holds a NUL character, which no database keeps")
    if len(words) > LONGEST_NOTE:
        raise UsageError(f"{option}: {len(words)} characters are too many; {LONGEST_NOTE} is the most")
    return words or None


def _check_refund_id(text: str | None, option: str) -> None:
    """UsageError where it can be no id of Stripe's: an empty variable of a script, an amount, a payment's number."""
    if text is not None and not _REFUND_ID.fullmatch(text):
        raise UsageError(f"{option}: {text[:40]!r} is no id of a refund; they look like re_… or pyr_…")


def plain_name(text: str | None, option: str) -> str | None:
    """A name for a batch or a request: printable, not empty, not long."""
    if text is None:
        return None
    if not text.strip() or not text.isprintable() or len(text) > LONGEST_NAME:
        raise UsageError(f"{option}: {text[:LONGEST_NAME]!r} is no name; use 1 to {LONGEST_NAME} printable characters")
    return text.strip()
