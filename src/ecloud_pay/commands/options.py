"""Options that several commands share, each written down once, and the decorator that spreads them over a signature.

    @command
    def list_payments(wiring: Wiring, filters: Filters, *, limit: Annotated[int, typer.Option(...)] = 20) -> None: ...

Typer sees every field of `Filters` as an option of its own, the common options after them, and the function gets the whole objects.
"""

import inspect
from collections.abc import Callable
from dataclasses import MISSING, Field, dataclass, field, fields, is_dataclass
from typing import Annotated, Any, get_type_hints

import typer

from ecloud_pay.commands.parsing import DATE_HELP
from ecloud_pay.domain.payment import PaymentStatus
from ecloud_pay.wiring import Choices, Wiring

STATUSES = [status.value for status in PaymentStatus]
FORMATS = ["cards", "table", "tsv", "csv", "json", "ndjson"]
_EMAIL_OR_ID = "e-mail (in any case) or user id"


@dataclass(frozen=True)
class Common:
    """Accepted before the command and after it."""

    demo: Annotated[bool, typer.Option("--demo", help="Use sample data in a private PostgreSQL; nothing real is touched.")] = False
    env_file: Annotated[str | None, typer.Option("--env-file", metavar="PATH", help="Read settings from PATH instead of ./.env.")] = None
    tz: Annotated[str | None, typer.Option("--tz", metavar="ZONE", help="Zone of days and printed times, like Europe/Berlin.")] = None
    no_color: Annotated[bool, typer.Option("--no-color", help="No colour, whatever the terminal.")] = False
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Nothing but data and errors.")] = False
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Tell the resolved window and what was asked of whom.")] = False
    debug: Annotated[bool, typer.Option("--debug", help="The SQL sent, and a traceback with an error.")] = False
    log_json: Annotated[bool, typer.Option("--log-json", help="Logs on stderr as JSON lines.")] = False

    def choices(self) -> Choices:
        """These as the composition root takes them."""
        return Choices(**{one.name: getattr(self, one.name) for one in fields(self)})


@dataclass(frozen=True)
class Filters:
    """Which payments are meant; all that are given hold together."""

    status: Annotated[
        list[str],
        typer.Option("--status", metavar="STATUS", help=f"{', '.join(STATUSES)}; may be repeated.", autocompletion=lambda: STATUSES),
    ] = field(default_factory=list)
    job: Annotated[str | None, typer.Option("--job", metavar="N", help="The job's number.")] = None
    client: Annotated[str | None, typer.Option("--client", metavar="WHO", help=f"The paying client: {_EMAIL_OR_ID}.")] = None
    cleaner: Annotated[str | None, typer.Option("--cleaner", metavar="WHO", help=f"The cleaner: {_EMAIL_OR_ID}.")] = None
    since: Annotated[str | None, typer.Option("--since", metavar="DATE", help=f"Created at or after DATE. {DATE_HELP}")] = None
    until: Annotated[str | None, typer.Option("--until", metavar="DATE", help="Created before DATE, which is left out itself.")] = None
    paid_since: Annotated[str | None, typer.Option("--paid-since", metavar="DATE", help="Paid at or after DATE.")] = None
    paid_until: Annotated[str | None, typer.Option("--paid-until", metavar="DATE", help="Paid before DATE.")] = None
    amount: Annotated[str | None, typer.Option("--amount", metavar="X", help="Exactly this amount, like 100 or 99.50.")] = None
    min_amount: Annotated[str | None, typer.Option("--min-amount", metavar="X", help="At least this amount.")] = None
    max_amount: Annotated[str | None, typer.Option("--max-amount", metavar="X", help="At most this amount.")] = None
    currency: Annotated[str | None, typer.Option("--currency", metavar="CODE", help="The currency's code, like usd.")] = None
    brand: Annotated[str | None, typer.Option("--brand", metavar="BRAND", help="The card's brand, like visa.")] = None
    last4: Annotated[str | None, typer.Option("--last4", metavar="NNNN", help="The card's last four digits.")] = None
    refunded: Annotated[bool | None, typer.Option("--refunded/--not-refunded", help="With or without money refunded.")] = None


@dataclass(frozen=True)
class Output:
    """How records are printed."""

    format: Annotated[
        str | None,
        typer.Option("--format", metavar="FORMAT", help=f"{', '.join(FORMATS)} (default: cards).", autocompletion=lambda: FORMATS),
    ] = None
    json: Annotated[bool, typer.Option("--json", help="Short for --format json.")] = False
    ndjson: Annotated[bool, typer.Option("--ndjson", help="Short for --format ndjson.")] = False
    csv: Annotated[bool, typer.Option("--csv", help="Short for --format csv.")] = False
    fields: Annotated[str | None, typer.Option("--fields", metavar="A,B,…", help="Only these fields; --fields '' lists them.")] = None


def command(function: Callable[..., None]) -> Callable[..., None]:
    """What Typer registers for `function(wiring, …)`: dataclass parameters become options, the common options come along."""
    signature = inspect.signature(function, eval_str=True)
    own = [parameter for parameter in signature.parameters.values() if parameter.annotation is not Wiring]

    def wired(ctx: typer.Context, common: Common, **given: Any) -> None:
        function(ctx.find_root().obj.wire(common.choices()), **given)

    ctx, common, _ = inspect.signature(wired).parameters.values()
    wired.__signature__ = inspect.Signature([ctx, *(each.replace(kind=inspect.Parameter.KEYWORD_ONLY) for each in (*own, common))])  # type: ignore[attr-defined]
    wired.__doc__ = function.__doc__
    return spread(wired)


def spread(function: Callable[..., None]) -> Callable[..., None]:
    """`function(ctx, …)` with every dataclass parameter replaced by its fields, and put together again for the call."""
    bundles: dict[str, Any] = {}
    context, *others = inspect.signature(function, eval_str=True).parameters.values()
    spread_out = [context]
    for parameter in others:
        if is_dataclass(parameter.annotation):
            bundles[parameter.name] = parameter.annotation
            spread_out += _parameters(parameter.annotation)
        else:
            spread_out.append(parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY))

    def typed(ctx: typer.Context, **given: Any) -> None:
        bundled = {name: _taken(bundle, given) for name, bundle in bundles.items()}
        function(ctx, **bundled, **given)

    typed.__signature__ = inspect.Signature(spread_out)  # type: ignore[attr-defined]
    typed.__annotations__ = {parameter.name: parameter.annotation for parameter in spread_out}
    typed.__doc__ = function.__doc__
    return typed


def _parameters(bundle: Any) -> list[inspect.Parameter]:
    hints = get_type_hints(bundle, include_extras=True)
    return [
        inspect.Parameter(one.name, inspect.Parameter.KEYWORD_ONLY, default=_default(one), annotation=hints[one.name])
        for one in fields(bundle)
    ]


def _default(one: Field[Any]) -> Any:
    return one.default if one.default is not MISSING else []


def _taken(bundle: Any, given: dict[str, Any]) -> Any:
    return bundle(**{one.name: given.pop(one.name) for one in fields(bundle)})
