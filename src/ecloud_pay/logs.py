"""The ordinary log `payments`: on stderr with -v (what was asked of whom) or --debug (the SQL, too), as JSON lines with --log-json."""

import json
import logging
import sys
from datetime import UTC, datetime

from ecloud_pay.rendering.errors import redacted
from ecloud_pay.rendering.sanitize import in_json, visible


class _Redacting(logging.Formatter):
    """One line a record, without secrets and without anything that a terminal would obey."""

    def __init__(self, secrets: list[str], *, as_json: bool) -> None:
        super().__init__()
        self._secrets = secrets
        self._as_json = as_json

    def format(self, record: logging.LogRecord) -> str:
        message = redacted(record.getMessage(), self._secrets)
        if not self._as_json:
            return f"{record.levelname.lower()}: {visible(message)}"
        when = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        line = {"timestamp": when, "level": record.levelname.lower(), "logger": record.name, "message": message}
        return in_json(json.dumps(line, ensure_ascii=False))


def log_to_stderr(secrets: list[str], *, debug: bool, as_json: bool) -> None:
    """Send the log to stderr from now on."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Redacting(secrets, as_json=as_json))
    logger = logging.getLogger("payments")
    logger.handlers = [handler]
    logger.propagate = False
    logger.setLevel(logging.DEBUG if debug else logging.INFO)
