"""Left-open boxes and what lies in them: lines with a label, twigs below a line, trees. Left open because a right edge would have to cut
or pad text of unknown width."""

from collections.abc import Iterable, Sequence

from rich.text import Text

from ecloud_pay.rendering import theme
from ecloud_pay.rendering.look import Look

BOX_WIDTH = 51


def line(label: str, value: Text) -> Text:
    """`Label: value`."""
    return Text.assemble((label, theme.LABEL), value)


def branch(label: str, entries: Sequence[tuple[str, Text]]) -> list[Text]:
    """A label with twigs beneath it."""
    return [Text(label, style=theme.LABEL), *twigs(entries)]


def twigs(entries: Sequence[tuple[str, Text]]) -> list[Text]:
    """Lines that hang on the one before: `  ├─ Label: value`."""
    return [
        Text.assemble((f"  {_fork(index == len(entries) - 1)} ", theme.FRAME), line(label, value))
        for index, (label, value) in enumerate(entries)
    ]


def tree(label: str, nodes: Sequence[tuple[Text, Sequence[Text]]]) -> list[Text]:
    """A label and its nodes, each a head with lines of its own beneath it."""
    lines = [Text(label, style=theme.LABEL)]
    for index, (head, facts) in enumerate(nodes):
        is_last = index == len(nodes) - 1
        lines.append(Text.assemble((f"  {_fork(is_last)} ", theme.FRAME), head))
        lines += [Text.assemble(("      " if is_last else "  │   ", theme.FRAME), fact) for fact in facts]
    return lines


def _fork(is_last: bool) -> str:
    return "└─" if is_last else "├─"


def box(title: str, sections: Iterable[Sequence[Text]], look: Look) -> list[Text]:
    """The sections under a title, a blank line between two of them; empty ones are left out."""
    width = min(BOX_WIDTH, look.width or BOX_WIDTH)
    head = f"┌─ {title} "
    lines = [Text(head + "─" * (width - len(head)), style=theme.FRAME)]
    filled = [section for section in sections if section]
    for index, section in enumerate(filled):
        lines += [Text.assemble(("│ ", theme.FRAME), row) for row in section]
        if index < len(filled) - 1:
            lines.append(Text("│", style=theme.FRAME))
    return [*lines, Text("└" + "─" * (width - 1), style=theme.FRAME)]
