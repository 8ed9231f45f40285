"""A text that must not leave, and the passwords inside an address."""

import re
from collections.abc import Iterator


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
