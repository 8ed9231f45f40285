"""Secrets that are let loose in a test, and where they must not turn up again."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

# What must not turn up in the output of any command of the whole suite; `support.console` looks at each.
READER_PASSWORD = "Kq7canary9Zr"
STRIPE_EMAIL = "wx7quail@stripe-alone-4417.invalid"
LOOSE = {"a password of the database": READER_PASSWORD, "an e-mail that Stripe alone knows": STRIPE_EMAIL}


@dataclass(frozen=True)
class Canaries:
    """Secrets by name. Half of one is one, too, and so is one that was quoted for a URL or by `repr`."""

    secrets: dict[str, str]

    def heard_in(self, text: str) -> list[str]:
        """The names of those that `text` holds."""
        return [name for name, secret in self.secrets.items() if any(form in text for form in _forms(secret))]

    def heard_in_files(self, folder: Path) -> list[str]:
        """`file: name` for every file below `folder`, whatever it is."""
        files: Iterable[Path] = (path for path in sorted(folder.rglob("*")) if path.is_file() and not path.is_symlink())
        return [f"{path}: {name}" for path in files for name in self.heard_in(path.read_bytes().decode("utf-8", "replace"))]


def _forms(secret: str) -> set[str]:
    half = len(secret) // 2
    return {form for part in (secret, secret[:half], secret[half:]) for form in (part, quote(part, safe=""), repr(part)[1:-1])}
