"""One line for each thing measured, as a table for people and as JSON."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from bench.timing import Sample


@dataclass(frozen=True, slots=True)
class Target:
    """What must not be exceeded, by the ratio of the medians or by our own median; nor fallen short of, where that would be odd, too."""

    at_most: float
    is_ratio: bool = True
    at_least: float = 0.0

    def __str__(self) -> str:
        bounds = f"{self.at_least:g}–{self.at_most:g}" if self.at_least else f"≤ {self.at_most:g}"
        return f"{bounds}{' ×' if self.is_ratio else ''}"


@dataclass(frozen=True, slots=True)
class Line:
    """One thing of ours, beside its peer where it has one. Without a target it is shown for information."""

    name: str
    unit: str
    ours: Sample
    peer_name: str = ""
    peer: Sample | None = None
    target: Target | None = None

    @property
    def ratio(self) -> float | None:
        """How many times the peer's median ours is; None without a peer."""
        return None if self.peer is None else self.ours.median / self.peer.median

    @property
    def verdict(self) -> str:
        if self.target is None:
            return ""
        measured = self.ratio if self.target.is_ratio else self.ours.median
        if measured is None or measured > self.target.at_most:
            return "over"
        return "ok" if measured >= self.target.at_least else "under"


def table(lines: Sequence[Line]) -> str:
    """The lines in columns: medians, with the least and the most of all runs in brackets."""
    head = ("measured", "unit", "ours", "peer", "ratio", "target", "", "the peer is")
    rows = [head, *(_cells(line) for line in lines)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(head))]
    return "\n".join("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows)


def document(lines: Sequence[Line], facts: dict[str, Any]) -> str:
    """The same as JSON, with the `facts` of the run."""
    return json.dumps({**facts, "measured": [_record(line) for line in lines]}, indent=2, ensure_ascii=False)


def _cells(line: Line) -> tuple[str, ...]:
    ratio = "" if line.ratio is None else f"{line.ratio:.2f} ×"
    return line.name, line.unit, _figures(line.ours), _figures(line.peer), ratio, str(line.target or ""), line.verdict, line.peer_name


def _figures(sample: Sample | None) -> str:
    if sample is None:
        return ""
    if len(sample.values) == 1:
        return f"{sample.median:g}" if float(sample.median).is_integer() else f"{sample.median:.3g}"
    least, most = sample.spread
    return f"{sample.median:.3g} ({least:.3g}–{most:.3g})"


def _record(line: Line) -> dict[str, Any]:
    return {
        "name": line.name,
        "unit": line.unit,
        "ours": _numbers(line.ours),
        "peer_name": line.peer_name or None,
        "peer": None if line.peer is None else _numbers(line.peer),
        "ratio": None if line.ratio is None else round(line.ratio, 3),
        "target": None if line.target is None else _bounds(line.target),
        "verdict": line.verdict or None,
    }


def _bounds(target: Target) -> dict[str, str | float]:
    return {"of": "ratio" if target.is_ratio else "ours", "at_least": target.at_least, "at_most": target.at_most}


def _numbers(sample: Sample) -> dict[str, float]:
    least, most = sample.spread
    return {"median": round(sample.median, 3), "min": round(least, 3), "max": round(most, 3), "runs": len(sample.values)}
