"""The .env file: which one, what it says, who else can read it."""

import os
from collections.abc import Mapping
from pathlib import Path

from ecloud_pay.domain.errors import NotConfigured, UsageError

ENV_FILE = "ECLOUD_PAY_ENV_FILE"  # from the environment only: it names the file that the settings may come from


def find_env_file(environ: Mapping[str, str], option: str | None) -> Path | None:
    """`option` > ECLOUD_PAY_ENV_FILE > ./.env, which alone may be missing."""
    if option is not None:
        if not _is_readable_kind(option):
            raise UsageError(f"--env-file: there is no file {option!r}")
        return Path(option)
    if named := environ.get(ENV_FILE, "").strip():
        if not _is_readable_kind(named):
            raise NotConfigured(f"{ENV_FILE} names {named!r}, which is no file", to_do=f"unset {ENV_FILE}, or write that file")
        return Path(named)
    return Path(".env") if os.path.isfile(".env") else None


def _is_readable_kind(path: str) -> bool:
    # A pipe will do, as in --env-file <(vault read …); a folder will not.
    return os.path.exists(path) and not os.path.isdir(path)


def read_env_file(path: Path) -> Mapping[str, str | None]:
    """Its keys and values, uninterpolated. NotConfigured where it cannot be read or understood."""
    # Imported here: it costs as much as the rest of a start, and most runs have no file to read. Its parser, not its loader: no value
    # is interpolated (passwords hold `$`), and a line that it cannot read stops us instead of being dropped with a setting in it.
    from dotenv.parser import parse_stream

    try:
        with path.open(encoding="utf-8-sig") as file:
            lines = list(parse_stream(file))
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise NotConfigured(f"{str(path)!r} cannot be read: {reason}", to_do="Mend the file, or name another with --env-file.") from error
    for line in lines:
        if line.error:
            raise NotConfigured(
                f"{str(path)!r} cannot be understood from line {line.original.line} on",
                to_do="Look there for a line that is not KEY=value, or a quote that is not closed.",
            )
    return {line.key: line.value for line in lines if line.key}


def is_open_to_others(path: Path) -> bool:
    """Whether anybody but its owner may read or change it."""
    return path.is_file() and bool(path.stat().st_mode & 0o077)
