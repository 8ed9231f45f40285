"""`export`: rows of a table as a file or on stdout."""

from typing import Annotated

import typer

from ecloud_pay.commands.export_manifest import verification_lines
from ecloud_pay.commands.export_options import What, Where, plan
from ecloud_pay.commands.export_writing import export_to_file, export_to_stdout
from ecloud_pay.commands.options import command
from ecloud_pay.commands.selection import Filters
from ecloud_pay.domain.errors import UsageError
from ecloud_pay.rendering.errors import DIFFERENCES
from ecloud_pay.wiring import Wiring

EXAMPLES = """
ecloud-pay export --csv > payments.csv
ecloud-pay export -o october.csv --since 2025-10 --until 2025-11 --status succeeded
ecloud-pay export --ndjson -o payments.ndjson --jobs 2 --manifest
ecloud-pay export --verify payments.ndjson
ecloud-pay export --xlsx -o paid.xlsx --paid-since last-month --tz Europe/Berlin
ecloud-pay export --table refunds --processed-since 7d --fields id,payment_id,amount
ecloud-pay export --parquet -o payments.parquet --force
"""


@command
def run(
    wiring: Wiring,
    filters: Filters,
    what: What,
    where: Where,
    *,
    verify: Annotated[
        str | None, typer.Option("--verify", metavar="FILE", help="Compare FILE with FILE.manifest.json; exit 3 if they differ.")
    ] = None,
) -> None:
    """Write rows as CSV, NDJSON, JSON, XLSX or Parquet, whole or not at all.

    Payments, or with --table transactions, refunds or accounts, in ascending id, all of one READ ONLY snapshot. CSV and XLSX have the
    eleven columns of the payments sheet unless --fields says otherwise, dates in --tz; NDJSON, JSON and Parquet have every field,
    instants in UTC. In CSV, text that a spreadsheet would run as a formula gets a leading '.

    --since and --until are the table's own created_at; every other filter selects payments, and with them their transactions and
    refunds, and the accounts of their cleaners.

    FILE appears under its name when it is whole, readable by you alone; until then, and if anything goes wrong, what was there stays.
    """
    if verify is not None:
        _verify(verify, filters, what, where, wiring)
        return
    asked = plan(filters, what, where, wiring)
    if asked.path is None:
        export_to_stdout(asked, wiring)
    else:
        export_to_file(asked, asked.path, wiring)


def _verify(path: str, filters: Filters, what: What, where: Where, wiring: Wiring) -> None:
    if (filters, what, where) != (Filters(), What(), Where()):
        raise UsageError("--verify compares a file that is there; no other option of export goes with it")
    found = wiring.verify(path)
    wiring.screen.data("".join(f"{line}\n" for line in verification_lines(found)))
    if found.differences:
        raise typer.Exit(DIFFERENCES)
