"""The options that every command shares, and the decorator that spreads such dataclasses over a signature.

    @command
    def list_payments(wiring: Wiring, filters: Filters, *, limit: Annotated[int, typer.Option(...)] = 20) -> None: ...

Typer sees every field of `Filters` (commands/selection.py) as an option of its own, the common options after them, and the
function gets the whole objects.
"""

import inspect
from collections.abc import Callable
from dataclasses import MISSING, Field, dataclass, fields, is_dataclass
from typing import Annotated, Any, get_type_hints

import typer

from ecloud_pay.wiring import Choices, Wiring


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
    log_json: Annotated[bool, typer.Option("--log-json", help="The log of -v as JSON lines on stderr.")] = False

    def choices(self) -> Choices:
        """These as the composition root takes them."""
        return Choices(**{one.name: getattr(self, one.name) for one in fields(self)})


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
