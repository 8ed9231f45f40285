"""A report before it is drawn: a heading, tables of words, notes. Plain text, a terminal, Markdown and HTML all draw the same sheet.

Every text on a sheet is harmless already (`sanitize.visible`); markup of any kind is the drawer's business.
"""

from dataclasses import dataclass, replace
from datetime import datetime

from ecloud_pay.domain.checkup import Verdict
from ecloud_pay.domain.period import Period
from ecloud_pay.domain.report import Basis, BorneBy, Report


@dataclass(frozen=True, slots=True)
class Scope:
    """What the figures of a sheet are of: the window, the instant that counts, when it was asked, and who bears refunds."""

    window: Period
    basis: Basis
    as_of: datetime
    borne_by: BorneBy | None = None

    @classmethod
    def of(cls, report: Report) -> "Scope":
        """The scope of a whole report."""
        return cls(report.window, report.basis, report.as_of, report.borne_by)

    @property
    def by_created(self) -> "Scope":
        """The same by created_at, as whatever tells of all statuses goes: most payments were never paid."""
        return replace(self, basis=Basis.CREATED)


@dataclass(frozen=True, slots=True)
class Column:
    """A column's heading; a figure stands at the right and is never broken."""

    heading: str
    is_figure: bool = True


@dataclass(frozen=True, slots=True)
class Grid:
    """A table of words: `totals` stand apart beneath `rows`. `dispensable` headings go first, in this order, where room is short."""

    columns: tuple[Column, ...]
    rows: tuple[tuple[str, ...], ...]
    totals: tuple[tuple[str, ...], ...] = ()
    dispensable: tuple[str, ...] = ()

    @property
    def headings(self) -> tuple[str, ...]:
        """The first line of the table."""
        return tuple(column.heading for column in self.columns)


@dataclass(frozen=True, slots=True)
class Note:
    """One labelled line. With a verdict it is something that holds, or something to see to."""

    label: str
    value: str
    verdict: Verdict | None = None

    def __str__(self) -> str:
        return f"{self.label}: {self.value}"


@dataclass(frozen=True, slots=True)
class Sheet:
    """`facts` say what the figures are of; `highlights` are those to see first, a line per currency, where there is room for large type."""

    title: str
    facts: tuple[Note, ...]
    grids: tuple[Grid, ...]
    notes: tuple[Note, ...] = ()
    highlights: tuple[tuple[Note, ...], ...] = ()
