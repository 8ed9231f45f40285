"""The composition root: builds each thing from outside the first time somebody asks for it.

Commands get a `Wiring` and ask it for what they need; it alone knows the adapters and the demo. Nothing heavy is imported before it
is asked for.
"""

import os
import re
import shlex
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from ecloud_pay import PROGRAM
from ecloud_pay import settings as settings_module
from ecloud_pay.domain.errors import NotConfigured, UsageError
from ecloud_pay.rendering.look import Look
from ecloud_pay.rendering.screen import Screen
from ecloud_pay.secret import Secret
from ecloud_pay.settings import Settings
from ecloud_pay.signals import MoneyInFlight

if TYPE_CHECKING:
    from ecloud_pay.adapters.files.parquet import ParquetFile
    from ecloud_pay.adapters.files.target import Target
    from ecloud_pay.adapters.files.xlsx import XlsxSheets
    from ecloud_pay.adapters.postgres.engine import Database
    from ecloud_pay.demo.server import ServerFolder
    from ecloud_pay.demo.standin.process import StandIn
    from ecloud_pay.domain.export import Column
    from ecloud_pay.domain.manifest import Digest, Manifest, Verification
    from ecloud_pay.ports import AuditTrail, DatabaseFacts, Exporter, Ledger, PaymentReader, ReportReader, StripeGateway

READ_DATABASE = "ECLOUD_PAY_READ_DATABASE_URL"
DATABASE = "DATABASE_URL"
DEMO_DATABASE = "--demo"

# Where a line to copy begins with the program; `pipx inject ecloud-pay …` only names it.
_OWN_LINE = re.compile(rf"(?<!inject ){PROGRAM} ")


@dataclass(frozen=True, slots=True)
class Choices:
    """The options that every command shares, as typed."""

    demo: bool = False
    env_file: str | None = None
    tz: str | None = None
    no_color: bool = False
    quiet: bool = False
    verbose: bool = False
    debug: bool = False
    log_json: bool = False

    def over(self, earlier: "Choices") -> "Choices":
        """These, typed after the command, on top of the `earlier` ones, typed before it: a switch once on stays on."""
        return Choices(
            demo=self.demo or earlier.demo,
            env_file=earlier.env_file if self.env_file is None else self.env_file,
            tz=earlier.tz if self.tz is None else self.tz,
            no_color=self.no_color or earlier.no_color,
            quiet=self.quiet or earlier.quiet,
            verbose=self.verbose or earlier.verbose,
            debug=self.debug or earlier.debug,
            log_json=self.log_json or earlier.log_json,
        )

    def words(self) -> list[str]:
        """Those that decide what is read, as they would be typed: for a command that goes on where this one ends."""
        words = ["--demo"] if self.demo else []
        for option, value in (("--env-file", self.env_file), ("--tz", self.tz)):
            words += [] if value is None else [option, value]
        return words


class Wiring:
    """One run's outside. Tests give `environ` and `now`."""

    def __init__(self, choices: Choices, environ: Mapping[str, str] | None = None, now: datetime | None = None) -> None:
        self.choices = choices
        self.now = now or datetime.now(UTC)
        self._environ = os.environ if environ is None else environ

    @cached_property
    def screen(self) -> Screen:
        """The two streams of this run."""
        return Screen(sys.stdout, sys.stderr, self._environ, is_quiet=self.choices.quiet, no_color=self.choices.no_color)

    @cached_property
    def settings(self) -> Settings:
        """The settings; under --demo only those that lead nowhere real."""
        if self._loaded.is_env_file_open_to_others:
            self.screen.warn(f"{str(self._loaded.env_file)!r} holds secrets and can be read by others: chmod 600 it.")
        return self._loaded.for_demo() if self.choices.demo else self._loaded

    @cached_property
    def zone(self) -> tzinfo:
        """--tz, else ECLOUD_PAY_TZ."""
        if self.choices.tz is None:
            return self.settings.zone
        try:
            return settings_module.zone_named(self.choices.tz)
        except ValueError as error:
            raise UsageError(f"--tz: {self.choices.tz!r} is no time zone{_nearest_zone(self.choices.tz)}") from error

    @cached_property
    def look(self) -> Look:
        """How this run's reader wants to see things."""
        return Look(self.zone, self.settings.currency, self.screen.width)

    @contextmanager
    def reader(self) -> "Iterator[PaymentReader]":
        """A reader on one READ ONLY snapshot of the replica, where one is set, else of the database."""
        from ecloud_pay.adapters.postgres.payments import open_reader

        with self._opened(self._read_setting()) as database, open_reader(database) as reader:
            yield reader

    @contextmanager
    def exporter(self) -> "Iterator[Exporter]":
        """An exporter on one READ ONLY snapshot of the replica, where one is set, else of the database."""
        from ecloud_pay.adapters.postgres.export import open_exporter

        with self._opened(self._read_setting()) as database, open_exporter(database) as exporter:
            yield exporter

    @contextmanager
    def target(self, path: str, *, force: bool) -> "Iterator[Target]":
        """The file `path` on its way: whole at its end, or not there. Raises CannotWrite."""
        from ecloud_pay.adapters.files.target import open_target

        with open_target(path, force=force) as target:
            yield target

    def parquet_file(self, file: BinaryIO, columns: "Sequence[Column]") -> "ParquetFile":
        """What writes CSV lines as Parquet to `file`. Raises NotConfigured where the extra is missing."""
        from ecloud_pay.adapters.files.parquet import ParquetFile

        return ParquetFile(file, columns)

    def sheets(self, file: BinaryIO, columns: "Sequence[Column]", *, name: str, path: str | None) -> "AbstractContextManager[XlsxSheets]":
        """What writes rows as a workbook to `file`, with scratch files beside `path`. Raises NotConfigured without the extra."""
        from ecloud_pay.adapters.files.xlsx import open_sheets

        return open_sheets(file, columns, self.zone, name=name, path=path)

    def commit(self, targets: "Sequence[Target]") -> None:
        """Put files in place, in their order, after every one of them is safely on the disk. Raises CannotWrite."""
        from ecloud_pay.adapters.files.target import commit_all

        commit_all(targets)

    def digest(self, target: "Target") -> "Digest":
        """What has been written to `target` so far. Raises CannotWrite."""
        from ecloud_pay.adapters.files.manifest import target_digest

        return target_digest(target)

    def write_manifest(self, target: "Target", manifest: "Manifest") -> None:
        """Write `manifest` to its own target. Raises CannotWrite."""
        from ecloud_pay.adapters.files.manifest import write_manifest

        write_manifest(target, manifest)

    def verify(self, path: str) -> "Verification":
        """Compare the file at `path` with its manifest. Raises NotFound."""
        from ecloud_pay.adapters.files.manifest import verify

        return verify(path)

    def write_text(self, path: str, text: str, *, force: bool) -> None:
        """A small text as the file `path`. Raises CannotWrite."""
        from ecloud_pay.adapters.files.target import write_text

        write_text(path, text, force=force)

    @contextmanager
    def reporter(self) -> "Iterator[ReportReader]":
        """A reader of sums on one READ ONLY snapshot of the replica, where one is set, else of the database."""
        from ecloud_pay.adapters.postgres.reports import open_reporter

        with self._opened(self._read_setting()) as database, open_reporter(database) as reporter:
            yield reporter

    @contextmanager
    def ledger(self) -> "Iterator[Ledger]":
        """The rows that a refund reads and writes: always DATABASE_URL's, never a replica's."""
        from ecloud_pay.adapters.postgres.ledger import PostgresLedger
        from ecloud_pay.adapters.postgres.writing import Writer

        setting = DEMO_DATABASE if self.choices.demo else DATABASE
        if setting == DATABASE and not self.settings.is_set(DATABASE):
            raise NotConfigured(
                "no database is configured to write to: DATABASE_URL is not set",
                now="Nothing was sent.",
                to_do="Set DATABASE_URL (in the environment or in ./.env), or add --demo to try it on sample data.",
            )
        with self._opened(setting) as database:
            yield PostgresLedger(database, Writer(database))

    @contextmanager
    def gateway(self) -> "Iterator[StripeGateway]":
        """Stripe behind the configured key; under --demo the stand-in. Call it inside `ledger`. Raises NotConfigured."""
        from ecloud_pay.adapters.stripe.gateway import open_gateway

        if self.choices.demo:
            with self._standin() as standin:
                yield open_gateway(Secret(standin.key), base=standin.url)
        else:
            yield open_gateway(
                self.settings.secret("STRIPE_SECRET_KEY"),
                base=self.settings.text("STRIPE_API_BASE"),
                proxy=self.settings.secret("STRIPE_PROXY"),
            )

    def money_in_flight(self) -> MoneyInFlight:
        """The block in which signals wait until the money has landed."""
        return MoneyInFlight()

    def audit_trail(self) -> "AuditTrail":
        """The audit file."""
        from ecloud_pay.adapters.audit.log import AuditLog

        return AuditLog(self.settings.audit_log)

    def database_settings(self) -> list[str]:
        """The settings that name a database, the one that read commands use first; under --demo its own."""
        return [DEMO_DATABASE] if self.choices.demo else [name for name in (READ_DATABASE, DATABASE) if self.settings.is_set(name)]

    def command_line(self, *words: str) -> str:
        """A line to copy that reads from the same place as this run."""
        return shlex.join([PROGRAM, *self.choices.words(), *words])

    def from_here(self, advice: str) -> str:
        """`advice` with such a line in the place of each that has no options yet."""
        return _OWN_LINE.sub(lambda _: f"{self.command_line()} ", advice)

    def inspect_database(self, setting: str) -> "DatabaseFacts":
        """What the catalogue says of the database that `setting` names."""
        from ecloud_pay.adapters.postgres.catalogue import inspect

        with self._opened(setting) as database:
            return inspect(database, self.settings.text("ECLOUD_PAY_OPERATOR"))

    def warn_of_silent_utc(self) -> None:
        """Say so where nobody chose the zone of days: a silent UTC moves month-end money."""
        if self.choices.tz is None and not self.settings.is_set("ECLOUD_PAY_TZ"):
            self.screen.warn("ECLOUD_PAY_TZ is not set, so a day is a day in UTC.")

    def demo_path(self) -> Path:
        """The folder of the demo's PostgreSQL."""
        return self._demo_folder().root

    def stop_demo(self) -> bool:
        """Stop the demo's PostgreSQL; False where none runs, Busy while another console uses it."""
        from ecloud_pay.demo.server import stop

        return stop(self._demo_folder())

    def reset_demo(self) -> None:
        """Throw the demo's database away; Busy while another console uses it."""
        from ecloud_pay.demo.server import reset

        reset(self._demo_folder())

    def secrets(self) -> list[str]:
        """Every text that must not leave. Asks for nothing that could fail: it serves the reporting of failures."""
        known = self.__dict__.get("_loaded")
        return list(known.secrets() if known else settings_module.from_environment(self._environ).secrets())

    @cached_property
    def _loaded(self) -> Settings:
        return settings_module.load(self._environ, self.choices.env_file)

    def _read_setting(self) -> str:
        names = self.database_settings()
        if not names:
            raise NotConfigured(
                "no database is configured: DATABASE_URL is not set",
                now="Nothing was read; sample data is shown only when asked for.",
                to_do="Set DATABASE_URL (in the environment or in ./.env), or add --demo to look at sample data.",
            )
        return names[0]

    @contextmanager
    def _opened(self, setting: str) -> "Iterator[Database]":
        if setting == DEMO_DATABASE:
            with self._demo_conninfo() as conninfo:
                yield self._database(conninfo, setting)
        elif url := self.settings.secret(setting):
            yield self._database(url.reveal(), setting)

    def _demo_folder(self) -> "ServerFolder":
        from ecloud_pay.demo.server import server_folder

        return server_folder(self.settings.state_dir)

    @contextmanager
    def _demo_conninfo(self) -> Iterator[str]:
        from ecloud_pay.demo.sample import fill
        from ecloud_pay.demo.server import running

        # libpq reads these by itself, and --demo must not be led anywhere by them.
        for name in [name for name in os.environ if name.startswith("PG")]:
            del os.environ[name]
        self.screen.demo()
        with running(self._demo_folder(), partial(fill, today=self.now.date()), tell=self.screen.note) as conninfo:
            yield conninfo

    @contextmanager
    def _standin(self) -> "Iterator[StandIn]":
        """The stand-in for Stripe, which holds what belongs to the demo's database; that is running by now."""
        from ecloud_pay.demo.connection import conninfo
        from ecloud_pay.demo.folder import translated
        from ecloud_pay.demo.sample import birth
        from ecloud_pay.demo.standin.process import running_standin
        from ecloud_pay.demo.standin.sample import fill

        folder = self._demo_folder()
        born, as_of = birth(conninfo(folder))
        with translated(folder.root):
            fill(folder.stripe_state, born, as_of)
        with running_standin(folder.stripe_state) as standin:
            yield standin

    def _database(self, url: str, setting: str) -> "Database":
        from ecloud_pay.adapters.postgres.engine import Database
        from ecloud_pay.adapters.postgres.login import parse_login
        from ecloud_pay.adapters.postgres.tables import Names

        names = Names(
            schema=self.settings.table_name("ECLOUD_PAY_SCHEMA"),
            user=self.settings.table_name("ECLOUD_PAY_USER_TABLE"),
            job=self.settings.table_name("ECLOUD_PAY_JOB_TABLE"),
        )
        return Database(parse_login(url, setting), names, self.settings.database_zone)


def _nearest_zone(text: str) -> str:
    from difflib import get_close_matches
    from zoneinfo import available_timezones

    close = get_close_matches(text, available_timezones(), n=3)
    return f"; did you mean {' or '.join(close)}?" if close else "; write one like UTC or Europe/Berlin"
