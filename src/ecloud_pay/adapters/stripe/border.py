"""The one border for words that come from Stripe or from the network: one short line, without secrets and without e-mail addresses."""

import re
from collections.abc import Iterable

from ecloud_pay.secret import EMAIL, redacted

LONGEST_WORDS = 300  # characters

_UNSEEN = re.compile(r"[\s\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2066-\u2069\ufeff]+")
_PLAIN_ID = re.compile(r"[A-Za-z0-9_-]{1,80}", re.ASCII)


class Border:
    """What leaves has passed here. `secrets` are blanked out wherever they stand."""

    def __init__(self, secrets: Iterable[str]) -> None:
        # As they are, and as `repr` writes them; the longest first, as one may hold another.
        forms = {form for secret in secrets for form in (secret, repr(secret)[1:-1]) if len(form) > 3}
        self._secrets = sorted(forms, key=len, reverse=True)

    def words(self, text: str) -> str:
        """`text` as one line that may be shown, logged and stored."""
        line = EMAIL.sub("***", redacted(_UNSEEN.sub(" ", text).strip(), self._secrets))
        # Clipped last: half of a secret is one, too.
        return line if len(line) <= LONGEST_WORDS else line[: LONGEST_WORDS - 1] + "…"


def plain_id(text: str | None) -> str | None:
    """A header's id, or None where it is none: a proxy may write there what it likes."""
    return text if text is not None and _PLAIN_ID.fullmatch(text) else None
