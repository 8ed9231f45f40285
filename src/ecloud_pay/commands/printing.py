"""The formats that records are printed in, as options and as what happens then."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

import typer

from ecloud_pay.commands import parsing
from ecloud_pay.domain.errors import UsageError
from ecloud_pay.domain.payment import Payment
from ecloud_pay.rendering import machine
from ecloud_pay.rendering.look import Look
from ecloud_pay.rendering.machine import Document
from ecloud_pay.rendering.screen import Screen

FORMATS = ["cards", "table", "tsv", "csv", "json", "ndjson"]


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


def chosen_format(output: Output) -> str:
    """The one format that was asked for; `cards` where none was, `table` where fields were."""
    short = [name for name in ("json", "ndjson", "csv") if getattr(output, name)]
    asked = short if output.format is None else [*short, parsing.one_of(output.format, FORMATS, "--format", "format")]
    if len(set(asked)) > 1:
        raise UsageError(f"only one format at a time: {' and '.join(dict.fromkeys(asked))} were asked for")
    chosen = asked[0] if asked else ("cards" if output.fields is None else "table")
    if chosen == "cards" and output.fields is not None:
        raise UsageError("--fields does not go with cards; choose --format table, tsv, csv, json or ndjson")
    return chosen


def chosen_fields(output: Output) -> list[str] | None:
    """The fields that were asked for; None is all of them."""
    return None if output.fields is None else parsing.field_names(output.fields, machine.PAYMENT_FIELDS)


def print_payments(payments: Sequence[Payment], chosen: str, fields: list[str] | None, screen: Screen, look: Look) -> None:
    """All of `payments` on stdout in the `chosen` format."""
    if chosen in ("cards", "table") and fields is None:
        _show(payments, chosen, screen, look)
        return
    documents = [machine.payment_document(payment) for payment in payments]
    print_documents(documents, chosen, fields, screen)


def print_documents(documents: Sequence[Document], chosen: str, fields: list[str] | None, screen: Screen, *, as_one: bool = False) -> None:
    """Documents on stdout, narrowed to `fields`; `as_one` prints the only one of them as an object instead of an array."""
    flat = [machine.flat(document) for document in documents]
    names = fields or list(machine.PAYMENT_FIELDS)
    narrowed = documents if fields is None else [{name: record[name] for name in fields} for record in flat]
    match chosen:
        case "json":
            screen.data(machine.json_text(narrowed[0] if as_one else list(narrowed)))
        case "ndjson":
            screen.data(machine.ndjson_text(narrowed))
        case "csv":
            screen.data(machine.csv_text(flat, names))
        case "tsv":
            screen.data(machine.tsv_text(flat, names))
        case _:
            from ecloud_pay.rendering.tables import fields_table

            screen.show([fields_table(flat, names, screen.width)])


def _show(payments: Sequence[Payment], chosen: str, screen: Screen, look: Look) -> None:
    if chosen == "table":
        from ecloud_pay.rendering.tables import payments_table

        screen.show([payments_table(payments, look)] if payments else [])
        return
    from ecloud_pay.rendering.cards import payment_card

    screen.show([line for payment in payments for line in payment_card(payment, look)])
