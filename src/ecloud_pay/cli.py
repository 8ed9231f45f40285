"""The Typer app: which commands there are, and what becomes of whatever they raise.

A command's module is imported when that command is called; `--help` gets by with the one-line summaries below.
"""

import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from importlib import import_module
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer
from typer.core import TyperCommand, TyperGroup

from ecloud_pay import COMPLETION_VARIABLE, PROGRAM, __version__
from ecloud_pay.commands.options import Common, spread
from ecloud_pay.domain.errors import CannotWrite, EcloudPayError
from ecloud_pay.rendering import errors
from ecloud_pay.rendering.screen import ClosedPipe, writing_to_stdout
from ecloud_pay.secret import passwords_in, redacted, without_people
from ecloud_pay.signals import Stopped, raise_on_signals
from ecloud_pay.wiring import Choices, Wiring

if TYPE_CHECKING:
    from traceback import TracebackException

HELP_WIDTH = 100

# Command → its line in `--help`. The module `commands.<name>` holds its `run` and its EXAMPLES.
COMMANDS = {
    "list": "Show payments, newest first.",
    "show": "Show one payment with its job, metadata, refunds and timeline.",
    "export": "Write rows as CSV, NDJSON, JSON, XLSX or Parquet, whole or not at all.",
    "report": "Say what came in: volume, fees, payouts, refunds, by period or by group.",
    "refund": "Refund through Stripe, once, whatever happens; settle what is open.",
    "doctor": "Check settings, database, privileges and files, one line each.",
    "demo": "Look after the private sample database of --demo.",
    "completion": "Print the completion script of a shell.",
}

EXIT_CODES = """
0    done
1    a bug in ecloud-pay
2    usage: what was typed makes no sense
3    finished, and differences were found (export --verify)
4    not configured or not authorised: a setting, login, privilege, table or extra is missing
5    refused: by our rules, by Stripe, or because you answered no; no money moved
6    not found
7    busy: another run, or an unsettled refund, holds it
8    outcome unknown: do not repeat, run ecloud-pay refund --resume
9    partly done: the items that failed are listed
74   output could not be written
75   temporary: the database or Stripe is out of reach; nothing happened, safe to repeat
129  terminal closed; 130 interrupted; 141 closed pipe; 143 terminated
"""
EXAMPLES = """
ecloud-pay --demo list
ecloud-pay list --status succeeded
ecloud-pay show 5
ecloud-pay doctor
"""


class _LazyCommands(Mapping[str, Any]):
    """The commands by name, each imported when it is looked at."""

    def __getitem__(self, name: str) -> TyperCommand:
        if name not in COMMANDS:
            raise KeyError(name)
        return _load(name)

    def __iter__(self) -> Iterator[str]:
        return iter(COMMANDS)

    def __len__(self) -> int:
        return len(COMMANDS)


class _OwnHelp:
    """`--help` through our own stdout, so that a full disk or a closed pipe is told like everywhere else."""

    def get_help_option(self, ctx: Any) -> Any:
        option = super().get_help_option(ctx)  # type: ignore[misc]  # mixed into Typer's classes
        option.callback = _show_help
        return option


class _Command(_OwnHelp, TyperCommand):
    """One command."""


class _Root(_OwnHelp, TyperGroup):
    """The program itself."""

    def __init__(self, **given: Any) -> None:
        super().__init__(**{**given, "commands": {}})
        self.commands = _LazyCommands()  # type: ignore[assignment]  # only ever read

    def list_commands(self, ctx: Any) -> list[str]:
        return list(COMMANDS)

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


class Run:
    """One run of the program: the choices typed before the command, and the wiring once the command is known."""

    def __init__(self, arguments: Sequence[str]) -> None:
        self.arguments = arguments
        self.before = Choices()
        self.wiring: Wiring | None = None

    def wire(self, own: Choices) -> Wiring:
        """The wiring for a command with its `own` common options."""
        self.wiring = Wiring(own.over(self.before))
        choices = self.wiring.choices
        if choices.verbose or choices.debug or choices.log_json:
            from ecloud_pay.logs import log_to_stderr

            log_to_stderr(self.wiring.secrets(), debug=choices.debug, as_json=choices.log_json)
        return self.wiring

    def from_here(self, advice: str) -> str:
        """`advice`, whose lines to copy lead where this run has read."""
        return self.wiring.from_here(advice) if self.wiring else advice

    @property
    def is_debugging(self) -> bool:
        """Whether a traceback is wanted."""
        return self.before.debug or (self.wiring is not None and self.wiring.choices.debug)

    def secrets(self) -> list[str]:
        """Every text that must not leave: of the settings, and of an address that was typed where none belongs."""
        typed = [password for argument in self.arguments for password in passwords_in(argument) if len(password) > 3]
        return [*(self.wiring or Wiring(self.before)).secrets(), *typed]


def main() -> NoReturn:
    """The console script."""
    raise_on_signals()
    if sys.stderr is None:  # closed by whoever started us
        sys.stderr = open(os.devnull, "w")  # noqa: SIM115  (open until the end)
    if sys.stdout is None:
        sys.stderr.write("ecloud-pay: stdout is closed, so there is nowhere to print to.\n")
        sys.exit(errors.EXIT_CODES[CannotWrite])
    # Cards are drawn in UTF-8 whatever the locale says; what has no form in it (a lone surrogate of a file name) is escaped. Opened
    # anew because under PYTHONUNBUFFERED, as containers set it, Python's own drops without a word what a full disk or pipe did not take.
    sys.stdout = open(sys.stdout.fileno(), "w", encoding="utf-8", errors="backslashreplace", closefd=False)  # noqa: SIM115
    sys.stderr.reconfigure(encoding="utf-8", errors="backslashreplace")  # type: ignore[union-attr]
    code = run(sys.argv[1:])
    _leave(code)


def run(arguments: Sequence[str]) -> int:
    """Run one command line and return its exit code; whatever goes wrong has been told on stderr."""
    this = Run(arguments)
    try:
        if COMPLETION_VARIABLE in os.environ:
            return _complete()
        with _program().make_context(PROGRAM, list(arguments), obj=this) as context:
            context.command.invoke(context)
        return errors.DONE
    except typer.Exit as stop:
        return stop.exit_code
    except typer.TyperException as error:
        return _tell_usage(error, this)
    except EcloudPayError as error:
        error.to_do = this.from_here(error.to_do)
        _tell(errors.error_lines(error, this.secrets()), this, error)
        return errors.exit_code(error)
    except ClosedPipe:
        return errors.CLOSED_PIPE
    except Stopped as stop:
        _tell([f"ecloud-pay: stopped by {stop}; {this.from_here(stop.now)}."], this)
        return stop.exit_code
    except Exception as error:  # the last resort: no traceback for people, one for us
        _tell(
            [f"ecloud-pay: this is a bug: {type(error).__name__}.", "Repeat the command with --debug and report what it prints."],
            this,
            error,
        )
        return errors.BUG


def _program() -> Any:
    app = typer.Typer(cls=_Root, add_completion=False, rich_markup_mode=None, context_settings=_context_settings())
    app.callback(invoke_without_command=True, epilog=_epilog(EXAMPLES) + "\n\n" + _epilog(EXIT_CODES, "Exit codes:"))(spread(_root))
    return typer.main.get_command(app)


def _root(
    ctx: typer.Context,
    common: Common,
    version: Annotated[bool, typer.Option("--version", help="Print the version and exit.")] = False,
) -> None:
    """The payments console of a cleaning marketplace: reads the backend's PostgreSQL, and refunds through Stripe.

    Only `refund` moves money or writes a row; every other command reads in READ ONLY transactions.

    `ecloud-pay COMMAND --help` explains a command with examples.
    """
    ctx.obj.before = common.choices()
    if version:
        _print(f"ecloud-pay {__version__}\n")
        raise typer.Exit
    if ctx.invoked_subcommand is None:
        _print(f"{ctx.get_help()}\n\necloud-pay: no command was given.\n", to_stderr=True)
        raise typer.Exit(errors.USAGE)


def _show_help(ctx: typer.Context, _option: object, is_wanted: bool) -> None:
    if is_wanted and not ctx.resilient_parsing:
        _print(ctx.get_help() + "\n")
        raise typer.Exit


def _load(name: str) -> TyperCommand:
    module = import_module(f"ecloud_pay.commands.{name}")
    app = typer.Typer(add_completion=False, rich_markup_mode=None)
    app.command(name, cls=_Command, epilog=_epilog(module.EXAMPLES), context_settings=_context_settings())(module.run)
    return typer.main.get_command(app)  # type: ignore[return-value]  # one command makes no group


def _context_settings() -> dict[str, Any]:
    return {"help_option_names": ["-h", "--help"], "max_content_width": HELP_WIDTH}


def _epilog(text: str, title: str = "Examples:") -> str:
    # \b keeps a paragraph's lines as they are.
    return "\b\n" + "\n".join([title, *(f"  {line}" for line in text.strip().splitlines())])


def _complete() -> int:
    from typer.completion import completion_init  # type: ignore[attr-defined]  # what add_completion=True would call

    completion_init()
    _program().main(prog_name=PROGRAM, complete_var=COMPLETION_VARIABLE, standalone_mode=False)
    return errors.DONE


def _tell_usage(error: typer.TyperException, this: Run) -> int:
    context = getattr(error, "ctx", None)
    path = context.command_path if context else PROGRAM
    _tell(errors.usage_lines(error.format_message(), path, this.secrets()), this, error)
    return error.exit_code


def _tell(lines: Sequence[str], this: Run, error: BaseException | None = None) -> None:
    if this.is_debugging and error is not None:
        _print(without_people(redacted(_traceback(error), this.secrets())), to_stderr=True)
    _print("\n".join(lines) + "\n", to_stderr=True)


def _traceback(error: BaseException) -> str:
    """The traceback, with the first line alone of each exception's words.

    A driver's further lines quote whole rows: in the language of the server, and as many lines as a value in them has.
    """
    import traceback

    told = traceback.TracebackException.from_exception(error)
    text = "".join(told.format())
    for each in _chain(told):
        first, *more = "".join(each.format_exception_only()).splitlines(keepends=True)
        if more:
            text = text.replace(first + "".join(more), f"{first}(and more lines, which may quote a row)\n")
    return text


def _chain(told: "TracebackException") -> "Iterator[TracebackException]":
    for before in (told.__cause__, told.__context__):
        if before is not None:
            yield from _chain(before)
    yield told


def _print(text: str, *, to_stderr: bool = False) -> None:
    if to_stderr:
        try:
            sys.stderr.write(text)
            sys.stderr.flush()
        except OSError:  # nobody listens on stderr; the exit code still speaks
            pass
        return
    with writing_to_stdout():
        sys.stdout.write(text)
        sys.stdout.flush()


def _leave(code: int) -> NoReturn:
    """End the process with `code`; a closed pipe that only shows up now must not become a complaint of the interpreter.

    The kernel ends it, without Python taking all its modules apart first: that takes a quarter of the time of a whole `list`, and by
    now everything that had to be closed, written or removed is.
    """
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError):
            stream.flush()
    os._exit(code)
