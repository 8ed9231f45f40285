"""Each kind of report in each format, on stdout or as a file."""

import io
from collections.abc import Sequence
from importlib import import_module
from typing import TYPE_CHECKING, Any

from ecloud_pay.commands.report_options import Plan
from ecloud_pay.domain.report import Explained
from ecloud_pay.rendering import machine
from ecloud_pay.rendering import report_documents as documents
from ecloud_pay.rendering.look import Look
from ecloud_pay.rendering.screen import Screen
from ecloud_pay.wiring import Wiring

if TYPE_CHECKING:
    from rich.console import RenderableType

_MODULES = {"text": "report_text", "table": "report_tables", "markdown": "report_markdown", "html": "report_html"}


def look_of(asked: Plan, wiring: Wiring) -> Look:
    """A file is no terminal, whatever stdout is."""
    return wiring.look if asked.path is None else Look(wiring.zone, wiring.settings.currency)


def drawn(asked: Plan, *parts: Any) -> "str | list[RenderableType]":
    """What people see of it: for --owed as HTML that is `report_html.owed_html(*parts)`. Only that format's module is imported."""
    module = import_module(f"ecloud_pay.rendering.{_MODULES[asked.format]}")
    page: str | list[RenderableType] = getattr(module, f"{asked.kind}_{asked.format}")(*parts)
    return page


def with_explained(page: "str | list[RenderableType]", explained: Sequence[Explained]) -> "str | list[RenderableType]":
    """The page and beneath it whence its totals come."""
    if not explained:
        return page
    from ecloud_pay.rendering.report_text import explained_text

    if isinstance(page, str):
        return f"{page}\n{explained_text(explained)}"
    from rich.text import Text

    return [*page, Text(""), *map(Text, explained_text(explained).splitlines())]


def json_page(document: machine.Document, explained: Sequence[Explained] | None) -> str:
    """The document as text; with --explain it also says whence its totals come."""
    more = {} if explained is None else {"explained": documents.explained_document(explained)["figures"]}
    return machine.json_text({**document, **more})


def hand_over(page: "str | list[RenderableType]", asked: Plan, wiring: Wiring) -> None:
    """The page where it was asked for."""
    if asked.path is not None:
        wiring.write_text(asked.path, page if isinstance(page, str) else _plain(page), force=asked.force)
        wiring.screen.note(f"Wrote {asked.path}.")
    elif isinstance(page, str):
        wiring.screen.data(page)
    else:
        wiring.screen.show(page)


def _plain(things: "Sequence[RenderableType]") -> str:
    page = io.StringIO()
    Screen(page, page, {}).show(things)
    return page.getvalue()
