"""What is told of an engine's troubles, and to whom: logs may quote what others asked for."""

from typing import Self

from gesso.access.identity import Identity
from gesso.fleet import finding
from gesso.gateway.api_answers import Answer
from gesso.logs import redaction


class Finding(Answer):
    """Something that is wrong with an engine. null without engines:control: logs and strangers are quoted."""

    name: str
    """Kebab-case, and always the same for the same thing: "cuda-out-of-memory"."""
    summary: str
    evidence: str | None
    """What was seen; of a log, the very line."""
    remedy: str | None
    at: float
    """When it was found first."""

    @classmethod
    def of(cls, found: finding.Finding, *, whole: bool) -> Self:
        return cls(
            name=found.name,
            summary=found.summary,
            evidence=redaction.apply(found.evidence) if whole else None,
            remedy=found.remedy if whole else None,
            at=found.at,
        )


def sees_logs(identity: Identity) -> bool:
    """Whether logs may be quoted to this caller."""
    return identity.may("engines:control")


def reason(text: str, *, whole: bool) -> str:
    """The reason for a state; without `whole`, only what stands before the lines of a log."""
    return redaction.apply(text) if whole else text.partition("; last lines of its log:")[0]
