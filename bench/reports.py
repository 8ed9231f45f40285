"""`report` beside psql, which runs the statements that the report itself sends."""

from pathlib import Path

from bench.programs import Programs
from bench.report import Line, Target
from bench.timing import Sample, in_turns

# Days that every database of more than half a million payments has (fill.sql).
REPORTS = {
    "report --daily": ("report", "--daily", "--date", "2019-06-15"),
    "report of 30 days": ("report", "--since", "2019-06-01", "--until", "2019-07-01"),
}
START_UP = "list --limit 1"
MEMORY_RUNS = 3

BESIDE_SQL = Target(1.3)
FLAT = Target(1.1, at_least=0.9)


def speed_lines(programs: Programs, few: str, many: str, payments: int, runs: int) -> list[Line]:
    """Each report on `many` less the start-up, which is a list of one payment on `few`; beside psql."""
    lines = []
    for name, arguments in REPORTS.items():
        commands = {"start-up": programs.console("list", "--limit", "1", conninfo=few), "ours": programs.console(*arguments, conninfo=many)}
        if programs.psql:
            sql = _asked(programs, arguments, many)
            commands["psql"] = programs.in_psql(sql, many)
        took = in_turns(runs, commands)
        whole = f"{name}, {payments:,} payments"
        lines.append(Line(f"{whole}, whole process", "ms", took["ours"], START_UP, took["start-up"]))
        if programs.psql:
            less = Sample(tuple(ours - start for ours, start in zip(took["ours"].values, took["start-up"].values, strict=True)))
            lines.append(Line(f"{whole}, less {START_UP}", "ms", less, "psql running the same SQL", took["psql"], BESIDE_SQL))
    return lines


def memory_lines(programs: Programs, many: str, payments: int, more: tuple[str, int] | None) -> list[Line]:
    """The most memory that the 30-day report held, and beside that on a database with `more` payments."""
    name, arguments = list(REPORTS.items())[-1]

    def peak(conninfo: str) -> Sample:
        command = programs.console(*arguments, conninfo=conninfo)
        return Sample(tuple(command.peak_mib() for _ in range(MEMORY_RUNS)))

    here = peak(many)
    lines = [Line(f"{name}, peak memory, {payments:,} payments", "MiB", here)]
    if more is not None:
        conninfo, size = more
        lines.append(Line(f"{name}, peak memory, {size:,} payments", "MiB", peak(conninfo), f"on {payments:,} payments", here, FLAT))
    return lines


def _asked(programs: Programs, arguments: tuple[str, ...], conninfo: str) -> Path:
    """A file with what the report asks of the server, for psql."""
    asked = programs.folder / "asked.sql"
    programs.script("asked", str(asked), *arguments, conninfo=conninfo)()
    return asked
