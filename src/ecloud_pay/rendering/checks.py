"""The answer of `doctor`: a line a check under a heading a group, and beneath a failure the line to copy."""

from collections.abc import Sequence
from itertools import groupby

from rich.text import Text

from ecloud_pay.domain.checkup import Check, Verdict
from ecloud_pay.rendering import theme
from ecloud_pay.rendering.sanitize import visible


def check_lines(checks: Sequence[Check]) -> list[Text]:
    """Every check, then a count of what needs seeing to."""
    lines: list[Text] = []
    for group, members in groupby(checks, key=lambda check: check.group):
        lines.append(Text(group, style=theme.STRONG))
        for check in members:
            lines += _lines(check)
    errors, warnings = (sum(check.verdict is verdict for check in checks) for verdict in (Verdict.ERROR, Verdict.WARNING))
    return [*lines, Text(f"{len(checks)} checks: {_count(errors, 'error')}, {_count(warnings, 'warning')}")]


def _count(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"


def _lines(check: Check) -> list[Text]:
    mark = theme.mark(check.verdict)
    head = Text.assemble(
        (f"  {mark.glyph} ", mark.style),
        (f"{check.verdict:<8}", mark.style),
        (f"{visible(check.name)}: ", theme.STRONG),
        visible(check.detail),
    )
    return [head, Text(f"             → {visible(check.fix)}", style=theme.WARNING)] if check.fix else [head]
