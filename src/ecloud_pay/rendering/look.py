"""How this reader wants to see things: zone, main currency, terminal or pipe."""

from dataclasses import dataclass
from datetime import tzinfo


@dataclass(frozen=True, slots=True)
class Look:
    """`width` is the terminal's; None is a pipe, which gets plain full-width text without glyphs."""

    zone: tzinfo
    currency: str
    width: int | None = None

    @property
    def is_terminal(self) -> bool:
        """Whether a person looks at it directly."""
        return self.width is not None
