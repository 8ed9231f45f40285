"""Reports that tests of their rendering start from."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from rich.console import Console, RenderableType
from rich.text import Text

from ecloud_pay.domain.payment import Person
from ecloud_pay.domain.period import Period
from ecloud_pay.domain.report import Basis, Booked, BorneBy, By, Figures, Group, Owed, Report, StatementLine, added_up, in_order
from ecloud_pay.domain.spans import Every, spans
from ecloud_pay.rendering.look import Look
from ecloud_pay.rendering.sheet import Scope

BERLIN = ZoneInfo("Europe/Berlin")
PIPE = Look(BERLIN, "usd")
HOSTILE = "=cmd()\x1b[31m|[bold]b[/] <b>&`x` *y* _z_ @all #1 https://evil.example \u202e"
DAY = Period(datetime(2025, 1, 25, 23, tzinfo=UTC), datetime(2025, 1, 26, 23, tzinfo=UTC))
THE_DAY_BEFORE = Period(datetime(2025, 1, 24, 23, tzinfo=UTC), datetime(2025, 1, 25, 23, tzinfo=UTC))
AS_OF = datetime(2025, 1, 27, 8, 0, 5, tzinfo=UTC)
MARIA = Person(26, "maria@example.com", "maria")


def terminal(width: int) -> Look:
    return Look(BERLIN, "usd", width)


def usd() -> Figures:
    """The day of the documentation: 12 payments, of which 10 succeeded."""
    return Figures(
        "usd",
        payments=12,
        succeeded=10,
        failed=2,
        charged=10,
        gross=Decimal("1234.00"),
        fees=Decimal("185.10"),
        payouts=Decimal("1048.90"),
        largest=Decimal("300.00"),
        refunded=1,
        refunds=Decimal("50.00"),
    )


def eur() -> Figures:
    """One payment in another currency, and one that waits."""
    return Figures(
        "eur",
        payments=2,
        succeeded=1,
        pending=1,
        charged=1,
        gross=Decimal("80.01"),
        fees=Decimal("12.00"),
        payouts=Decimal("68.01"),
        largest=Decimal("80.01"),
    )


def daily(*totals: Figures, borne_by: BorneBy | None = None) -> Report:
    """26 January 2025 in Berlin."""
    return Report(DAY, Basis.CREATED, AS_OF, borne_by, totals)


def compared(report: Report, *before: Figures) -> Report:
    """`report` beside the day before."""
    return replace(report, before=THE_DAY_BEFORE, before_totals=before)


def three_days(*, as_of: datetime = AS_OF) -> Report:
    """24 to 26 January: dollars every day, euros on the last two, and a Friday without anything before them."""
    since = DAY.since - timedelta(days=2) if DAY.since else None
    assert since is not None
    assert DAY.until is not None
    half = replace(
        usd(), payments=7, succeeded=6, failed=1, charged=6, gross=Decimal("617.00"), fees=Decimal("92.55"), payouts=Decimal("524.45")
    )
    figures = ((half,), (replace(half, refunds=Decimal("700.00")), eur()), (usd(), replace(eur(), pending=0, payments=1)))
    days = spans(since, DAY.until, Every.DAY, BERLIN)
    groups = tuple(Group(span.label, some, span=span) for span, some in zip(days, figures, strict=True))
    return Report(
        Period(since, DAY.until),
        Basis.PAID,
        as_of,
        None,
        in_order(added_up(figure for group in groups for figure in group.figures), "usd"),
        groups,
        every=Every.DAY,
        preceding=Group("2025-01-23", (replace(half, gross=Decimal("600.00")),)),
    )


def by_client() -> Report:
    """Three clients, of which one has a hostile name and two more are left out."""
    groups = (
        Group("anna@example.com", (usd(), eur()), 7),
        Group(HOSTILE, (usd(),), 8),
        Group("no client", (replace(usd(), refunds=Decimal("2000.00")),), None),
    )
    totals = in_order(added_up([usd(), *(figures for group in groups for figures in group.figures)]), "usd")
    return Report(DAY, Basis.PAID, AS_OF, None, totals, groups, by=By.CLIENT, others=2)


def scope(borne_by: BorneBy | None = None) -> Scope:
    return Scope(DAY, Basis.PAID, AS_OF, borne_by)


def booked() -> list[Booked]:
    return [
        Booked("succeeded", "usd", 10, Decimal("1234.00"), Decimal("185.10"), Decimal("1048.90")),
        Booked("failed", "usd", 2, Decimal("99.00"), Decimal("14.85"), Decimal("84.15")),
        Booked(HOSTILE, "xyz", 1, Decimal("-5.00"), Decimal("0.00"), Decimal("NaN")),
        Booked("", "", 1, Decimal("5.00"), Decimal("0.75"), Decimal("4.25")),
    ]


def owed(refunds: str = "0.00", borne: str | None = None, paid_out: str = "0.00") -> Owed:
    """What Maria is owed for one payment of $100.00."""
    return Owed(
        MARIA,
        "usd",
        1,
        1,
        Decimal("100.00"),
        Decimal("85.00"),
        Decimal(refunds),
        None if borne is None else Decimal(borne),
        Decimal(paid_out),
        Decimal("0.00"),
    )


def everybody() -> list[Owed]:
    """Two cleaners and payments that name none, in two currencies."""
    return [
        owed("20.00", "17.00", "60.00"),
        replace(owed(), cleaner=Person(27, HOSTILE, None), currency="jpy", payout=Decimal("8500.00"), gross=Decimal("10000.00")),
        replace(owed("0.00", None, "90.00"), cleaner=None, under_way=Decimal("5.00")),
    ]


def statement() -> list[StatementLine]:
    """Three payments: paid out, refunded, and one whose row says little."""
    noon = datetime(2025, 1, 26, 12, tzinfo=UTC)
    return [
        StatementLine(5, 14, "Deep Cleaning", noon, owed(paid_out="85.00")),
        StatementLine(6, 15, HOSTILE, noon + timedelta(hours=11), owed("20.00")),
        StatementLine(7, None, None, None, replace(owed(), currency="eur")),
    ]


def drawn(things: list[RenderableType], look: Look) -> str:
    """What a terminal shows of it, without the blanks at the ends of lines."""
    console = Console(width=look.width or 1000, color_system=None, markup=False, highlight=False, emoji=False)
    with console.capture() as captured:
        for thing in things:
            console.print(thing, soft_wrap=isinstance(thing, Text))
    return "".join(f"{line.rstrip()}\n" for line in captured.get().splitlines())
