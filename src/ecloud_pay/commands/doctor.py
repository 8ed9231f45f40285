"""`doctor`: one line a check, and with every failure the line that mends it."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Annotated

import typer

from ecloud_pay.commands.options import command
from ecloud_pay.doctor.database import database_checks
from ecloud_pay.doctor.files import file_checks
from ecloud_pay.doctor.settings import settings_checks
from ecloud_pay.domain.checkup import Check, Verdict
from ecloud_pay.domain.errors import EcloudPayError, NotConfigured
from ecloud_pay.rendering import machine
from ecloud_pay.rendering.errors import EXIT_CODES
from ecloud_pay.secret import redacted
from ecloud_pay.wiring import READ_DATABASE, Wiring

EXAMPLES = """
ecloud-pay doctor
ecloud-pay doctor --json | jq '.checks[] | select(.verdict == "error")'
ecloud-pay --demo doctor
"""


@command
def run(wiring: Wiring, *, json: Annotated[bool, typer.Option("--json", help="The checks as one JSON document.")] = False) -> None:
    """Check settings, database, privileges and files, one line each.

    Never stops early and changes nothing. Exit 4 if a read command could not work.
    """
    checks = [
        *settings_checks(wiring.settings, is_demo=wiring.choices.demo),
        *_databases(wiring),
        *file_checks(wiring.settings, wiring.audit_trail),
    ]
    secrets = wiring.secrets()
    checks = [_without(secrets, check) for check in checks]
    if json:
        wiring.screen.data(
            machine.json_text({"schema": "ecloud-pay/doctor/1", "checks": [machine.check_document(check) for check in checks]})
        )
    else:
        from ecloud_pay.rendering.checks import check_lines

        wiring.screen.show(check_lines(checks))
    wiring.warn_of_silent_utc()
    if any(check.stops_reads for check in checks):
        raise typer.Exit(EXIT_CODES[NotConfigured])


def _without(secrets: list[str], check: Check) -> Check:
    """The check without a secret: one may have been pasted where a table's name belongs."""
    return replace(check, name=redacted(check.name, secrets), detail=redacted(check.detail, secrets), fix=redacted(check.fix, secrets))


def _databases(wiring: Wiring) -> Iterator[Check]:
    """The checks of every database that is configured: the one to read from, and the one to write to where that is another."""
    names = wiring.database_settings()
    for index, name in enumerate(names):
        group = f"Database ({name})"
        is_read_from, is_written_to = index == 0, name != READ_DATABASE
        try:
            facts = wiring.inspect_database(name)
        except EcloudPayError as error:
            # Out of reach just now is no matter of configuration, but no read command could work either.
            yield Check(group, "connection", Verdict.ERROR, error.what, error.to_do, blocks_reading=is_read_from)
            yield Check(group, "tables, privileges, zones, size", Verdict.SKIPPED, "not asked: there is no connection")
        else:
            yield from database_checks(facts, wiring.settings, group, is_read_from=is_read_from, is_written_to=is_written_to)
