"""What one check of `doctor` found."""

from dataclasses import dataclass
from enum import StrEnum


class Verdict(StrEnum):
    """`error` on a check that reading rests on makes the command fail; everything else is advice."""

    OK = "ok"
    WARNING = "warning"
    ERROR = "error"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class Check:
    """One line of the answer. `fix` is a line to copy; `blocks_reading`: with this as an error no read command could work."""

    group: str
    name: str
    verdict: Verdict
    detail: str
    fix: str = ""
    blocks_reading: bool = False

    @property
    def stops_reads(self) -> bool:
        """Whether a read command could not work because of it."""
        return self.blocks_reading and self.verdict is Verdict.ERROR
