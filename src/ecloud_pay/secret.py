"""A text that must not leave, the passwords inside an address, what tells of a person, and the blanking out of them."""

import re
from collections.abc import Iterable, Iterator

# Stripe masks keys that it quotes with asterisks; what is left of one is not shown either.
_STRIPE_KEY = re.compile(r"((?:sk|rk)_(?:live|test)_|\b(?:sk|rk)_|whsec_)[A-Za-z0-9_+/=*-]+")
# An e-mail address, wherever it stands among other words.
EMAIL = re.compile(r"[^\s@<>()\"`,;:]+@[^\s@<>()\"'`,;:]+")
# What PostgreSQL says beside its message holds the values of whole rows and of parameters. (`repr` puts an n right in front of it.)
_ASIDE = re.compile(r"(DETAIL|CONTEXT):.*")


class Secret:
    """A text that is shown as *** wherever it is printed by accident; `reveal()` is the one way to it."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        return self._text

    def __repr__(self) -> str:
        return "***"

    def __bool__(self) -> bool:
        return bool(self._text)


def passwords_in(url: str) -> Iterator[str]:
    """What may be a password in a URL or in libpq's keyword form, as written and as meant; rather too much than too little."""
    from urllib.parse import unquote

    for match in re.finditer(r"://[^:@/?#]*:(.*)@", url):
        # libpq ends the password at the first @, people at the last one.
        yield from (match[1], unquote(match[1]), *match[1].split("@"))
    for match in re.finditer(r"password\s*=\s*('(?:[^'\\]|\\.)*'|(?:[^\s&\\]|\\.)+)", url):
        bare = match[1].removeprefix("'").removesuffix("'")
        yield from (bare, re.sub(r"\\(.)", r"\1", bare), unquote(bare))


def redacted(text: str, secrets: Iterable[str]) -> str:
    """`text` with every one of `secrets`, and whatever looks like a Stripe key, blanked out."""
    for secret in secrets:
        text = text.replace(secret, "***")
    return _STRIPE_KEY.sub(r"\1***", text)


def without_people(text: str) -> str:
    """`text` without e-mail addresses and without what PostgreSQL says of rows (the rest of a line behind DETAIL: or CONTEXT:)."""
    return EMAIL.sub("***", _ASIDE.sub(r"\1: ***", text))
