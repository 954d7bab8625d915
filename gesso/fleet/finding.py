"""Something that is wrong with an engine, by name, with the evidence and what to do about it."""

from dataclasses import dataclass, replace
from typing import Self

HANG = "hang"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """Example: name "cuda-out-of-memory", summary "the card's memory did not suffice",
    evidence "torch.OutOfMemoryError: Allocation on device", remedy "Use a smaller …".
    """

    name: str
    summary: str
    evidence: str
    """What was seen, word for word where it is a line of a log."""
    remedy: str
    at: float
    """Seconds since the epoch."""

    def since(self, at: float) -> Self:
        """The same, first found at that time."""
        return replace(self, at=at)

    def __str__(self) -> str:
        return f"{self.name}: {self.summary} ({self.evidence})"
