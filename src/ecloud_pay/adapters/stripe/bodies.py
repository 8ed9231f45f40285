"""What an answer's bytes are: a JSON object, Stripe's error, or something odd."""

import json
import re
from dataclasses import dataclass
from typing import Any

Body = dict[str, Any]

_OTHER_MODE = re.compile(r"similar object exists in (live|test) mode")


class OddShape(ValueError):
    """It is not what Stripe documents; the message says in what and quotes no value."""


@dataclass(frozen=True, slots=True)
class StripeError:
    """Stripe's own no. `code` is absent on some refusals."""

    type: str
    code: str | None
    message: str

    @property
    def other_mode(self) -> str | None:
        """The mode in which the object exists, where the key is one of the other."""
        match = _OTHER_MODE.search(self.message)
        return None if match is None else match[1]


def json_object(raw: bytes) -> Body:
    """The JSON object that `raw` is. Raises OddShape."""
    try:
        body = json.loads(raw)
    except (ValueError, RecursionError):
        raise OddShape("it is not JSON") from None
    if not isinstance(body, dict):
        raise OddShape("it is no JSON object")
    return body


def stripe_error(raw: bytes) -> StripeError | None:
    """Stripe's error, or None where it is anybody else's."""
    try:
        error = json_object(raw).get("error")
    except OddShape:
        return None
    if not isinstance(error, dict) or not isinstance(error.get("type"), str):
        return None
    code, message = error.get("code"), error.get("message")
    return StripeError(error["type"], code if isinstance(code, str) else None, message if isinstance(message, str) else "no reason given")
