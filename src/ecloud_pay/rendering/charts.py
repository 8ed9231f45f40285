"""Charts in characters and as inline SVG. Positions are whole or exact decimal numbers; nothing here is money any more."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from html import escape

from ecloud_pay.domain.money import Amount

_LEVELS = "▁▂▃▄▅▆▇█"
_EIGHTHS = ("", "▏", "▎", "▍", "▌", "▋", "▊", "▉")
_SLOT, _BAR, _HEIGHT = 10, 8, 100  # of the drawing; the page stretches it


@dataclass(frozen=True, slots=True)
class Point:
    """One bar: what it is called, how high it stands (zero or more) and what it says."""

    label: str
    height: int
    text: str


def height(amount: Amount) -> int:
    """Ten-thousandths of the figure, whether or not its currency has such an amount; NaN and what is less than nothing have no height."""
    return max(int(amount.figure.scaleb(4)), 0) if amount.figure.is_finite() else 0


def sparkline(heights: Sequence[int]) -> str:
    """`▁▂█▅`, a character each; the lowest is nothing, and nothing else is that low."""
    highest = max(heights, default=0)
    return "".join(_LEVELS[1 + (one * 7 - 1) // highest if highest and one else 0] for one in heights)


def bar(height: int, highest: int, width: int) -> str:
    """`███▌`, at most `width` characters; whatever there is shows."""
    if height <= 0 or highest <= 0:
        return ""
    whole, eighths = divmod(max(1, height * width * 8 // highest), 8)
    return "█" * whole + _EIGHTHS[eighths]


def column_chart(points: Sequence[Point], name: str, title: str, description: str) -> str:
    """Upright bars as an SVG that fills its box, whatever its shape. It holds no text to be distorted: labels stand around it.

    `name` makes its ids unique on the page.
    """
    highest = max((point.height for point in points), default=0)
    bars = "".join(_column(index, point, highest) for index, point in enumerate(points))
    return (
        f'<svg class="columns" viewBox="0 0 {_SLOT * max(len(points), 1)} {_HEIGHT}" preserveAspectRatio="none" role="img" '
        f'aria-labelledby="{name}-title {name}-desc"><title id="{name}-title">{escape(title)}</title>'
        f'<desc id="{name}-desc">{escape(description)}</desc>{bars}</svg>'
    )


def row_bar(point: Point, highest: int) -> str:
    """One lying bar, for a row of its own beside its label."""
    width = _scaled(point.height, highest)
    return (
        f'<svg class="lying" viewBox="0 0 {_HEIGHT} 1" preserveAspectRatio="none" role="img"><title>{_said(point)}</title>'
        f'<rect width="{width}" height="1"/></svg>'
    )


def _column(index: int, point: Point, highest: int) -> str:
    """A bar, and behind it one of full height that is easier to point at."""
    tall = _scaled(point.height, highest)
    left = index * _SLOT
    return (
        f'<g><title>{_said(point)}</title><rect class="slot" x="{left}" width="{_SLOT}" height="{_HEIGHT}"/>'
        f'<rect x="{left + (_SLOT - _BAR) // 2}" y="{_HEIGHT - tall}" width="{_BAR}" height="{tall}"/></g>'
    )


def _said(point: Point) -> str:
    return escape(f"{point.label}: {point.text}")


def _scaled(height: int, highest: int) -> Decimal:
    """Of `_HEIGHT`, to a hundredth; whatever there is shows."""
    if height <= 0 or highest <= 0:
        return Decimal(0)
    return Decimal(max(height * _HEIGHT * 100 // highest, 50)).scaleb(-2).normalize() + 0
