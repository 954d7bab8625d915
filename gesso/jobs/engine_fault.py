"""Which errors of a job are its engine's fault, and what contradicts what in an engine's history (pure)."""

from collections.abc import Collection, Mapping
from typing import Any

from gesso.fleet.failure_table import TABLE, Failure
from gesso.fleet.log_lines import Raised

# The same workflow may well succeed elsewhere, or on the same engine when it was started anew. One that needs
# too much memory is not among them: it would need that again.
ENGINES_OWN = frozenset({"cuda-poisoned", "disk-full"})


def failure_of(data: Mapping[str, Any]) -> Failure | None:
    """What an `execution_error` of ComfyUI's says that is wrong with the engine; None: only with the job.

    The type counts, not the words alone: those may be anybody's, as of a node that raises what it is told.
    """
    message = str(data.get("exception_message") or "").strip()
    text = f"{data.get('exception_type')}: {message}"
    raised = Raised(text=text, line=first_line(message), in_job=False)
    return next((each for each in TABLE if each.running and each.told_by_error(raised)), None)


def is_engines_own(data: Mapping[str, Any]) -> bool:
    """Whether the job is to be tried again, for its engine failed and not its workflow."""
    failure = failure_of(data)
    return failure is not None and failure.name in ENGINES_OWN


def contradiction(item: Mapping[str, Any], shown: Collection[str]) -> str | None:
    """Why a history item cannot be believed; None: it can.

    `shown`: the nodes of which the engine told an output while it executed the prompt. A workflow without
    outputs has none in history, either, and outputs that were cached are in history without being told.
    """
    status = item.get("status")
    outputs = item.get("outputs") or {}
    if not isinstance(status, Mapping) or not status.get("status_str"):
        return None if outputs else "its history does not say how the prompt ended"
    missing = sorted(set(shown) - set(outputs)) if status.get("status_str") == "success" else []
    if missing:
        return f"its history lacks outputs that it told of: those of node {', '.join(missing)}"
    return None


def first_line(message: object) -> str:
    return str(message or "").strip().partition("\n")[0].strip()
