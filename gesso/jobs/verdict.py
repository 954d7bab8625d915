"""How a job ended, read from the engine's history or from what went wrong on our side (pure)."""

from dataclasses import dataclass, field
from typing import Any

from gesso.errors import GessoError
from gesso.jobs.job import Job, State


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """The end of a job.

    `outputs` as in ComfyUI's history ({node: {"images": [{filename, subfolder, type}]}}), `error`
    {code, message, node?, class_type?, exception_type?, traceback?}, `meta` the rest of the history
    item ({"status": {status_str, completed, messages}, "meta": {…}}).
    """

    state: State
    outputs: dict[str, Any] = field(default_factory=dict)
    error: dict[str, Any] | None = None
    meta: dict[str, Any] = field(default_factory=dict)


def read_history(item: dict[str, Any]) -> Verdict:
    """The verdict of one item of an engine's `/history`."""
    status = item.get("status") or {}
    messages = {kind: data for kind, data in status.get("messages") or ()}
    state, error = State.SUCCEEDED, None
    if "execution_interrupted" in messages:
        state = State.CANCELLED
    elif status.get("status_str") == "error" or "execution_error" in messages:
        state, error = State.FAILED, _node_error(messages.get("execution_error") or {})
    return Verdict(
        state=state,
        outputs=item.get("outputs") or {},
        error=error,
        meta={"status": status, "meta": item.get("meta") or {}},
    )


def _node_error(data: dict[str, Any]) -> dict[str, Any]:
    return {
        "code": "execution_failed",
        "message": str(
            data.get("exception_message") or "The engine reported an error without a reason."
        ).strip(),
        "node": data.get("node_id"),
        "class_type": data.get("node_type"),
        "exception_type": data.get("exception_type"),
        "traceback": data.get("traceback") or [],
    }


def failed_here(job: Job, error: GessoError, now: float) -> Verdict:
    """A job that failed for a reason of ours (disk full, engines lost), told as ComfyUI tells errors."""
    data = execution_error(job.id, error)
    status = {
        "status_str": "error",
        "completed": False,
        "messages": [["execution_error", {**data, "timestamp": int(now * 1000)}]],
    }
    return Verdict(
        state=State.FAILED,
        error={"code": error.code, "message": error.message, "remedy": error.remedy},
        meta={"status": status, "meta": {}},
    )


def interrupted(job: Job, now: float) -> Verdict:
    """A job cancelled before its engine had written anything about it."""
    data: dict[str, Any] = {"prompt_id": job.id, "node_id": None, "node_type": None, "executed": []}
    status = {
        "status_str": "error",
        "completed": False,
        "messages": [["execution_interrupted", {**data, "timestamp": int(now * 1000)}]],
    }
    return Verdict(state=State.CANCELLED, meta={"status": status, "meta": {}})


def execution_error(job_id: str, error: GessoError) -> dict[str, Any]:
    """`error` as the data of ComfyUI's `execution_error`: clients show it where they show errors."""
    return {
        "prompt_id": job_id,
        "node_id": None,
        "node_type": None,
        "executed": [],
        "exception_message": f"{error.message}\n{error.remedy}",
        "exception_type": f"gesso.{error.code}",
        "traceback": [],
        "current_inputs": {},
        "current_outputs": [],
    }
