"""The two logs on stderr with -v (`payments`: what was asked of whom; `payment_audit`: each event that was written down), or with
--debug (the SQL, too), as JSON lines with --log-json.
"""

import json
import logging
import sys
from datetime import UTC, datetime

from ecloud_pay.rendering.sanitize import in_json, visible
from ecloud_pay.secret import redacted

LOGGERS = ("payments", "payment_audit")


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
    """Send the logs to stderr from now on."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Redacting(secrets, as_json=as_json))
    for name in LOGGERS:
        logger = logging.getLogger(name)
        logger.handlers = [handler]
        logger.propagate = False
        logger.setLevel(logging.DEBUG if debug else logging.INFO)
