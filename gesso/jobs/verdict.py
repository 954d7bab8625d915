"""How a job ended, read from the engine's history or from what went wrong on our side (pure)."""

from dataclasses import dataclass, field
from typing import Any

from gesso.errors import GessoError
from gesso.jobs.engine_fault import failure_of
from gesso.jobs.job import Job, State
from gesso.protocol.files import FileRef, output_files

PICTURES = (".png", ".jpg", ".jpeg", ".webp", ".gif", ".avif")


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
    seconds: float | None = None
    """How long the engine was at work on it, by the engine's clock; None: it does not say."""
    silence: float | None = None
    """The longest time in which it told no progress; None: not known, for not all of it was heard."""


def read_history(item: dict[str, Any]) -> Verdict:
    """The verdict of one item of an engine's `/history`."""
    status: dict[str, Any] = item.get("status") or {}
    messages = {kind: data for kind, data in status.get("messages") or ()}
    state, error = State.SUCCEEDED, None
    if "execution_interrupted" in messages:
        state = State.CANCELLED
    elif status.get("status_str") == "error" or "execution_error" in messages:
        state, error = State.FAILED, _node_error(messages.get("execution_error") or {})
        # ComfyUI gives a prompt that runs in a circle the status of the one before it.
        status = {**status, "status_str": "error", "completed": False}
    return Verdict(
        state=state,
        outputs=item.get("outputs") or {},
        error=error,
        meta={"status": status, "meta": item.get("meta") or {}},
        seconds=_seconds(messages),
    )


def history_error(item: dict[str, Any]) -> dict[str, Any] | None:
    """What the engine told of the error that ended the prompt; None: none."""
    messages = {kind: data for kind, data in (item.get("status") or {}).get("messages") or ()}
    error = messages.get("execution_error")
    return error if isinstance(error, dict) else None


def pictures_made(verdict: Verdict) -> list[FileRef]:
    """The pictures that the engine made now, and did not just find in its cache."""
    messages = {kind: data for kind, data in (verdict.meta.get("status") or {}).get("messages") or ()}
    cached = set((messages.get("execution_cached") or {}).get("nodes") or ())
    outputs = {node: shown for node, shown in verdict.outputs.items() if node not in cached}
    return [ref for ref in output_files(outputs) if ref.filename.lower().endswith(PICTURES)]


def _seconds(messages: dict[str, Any]) -> float | None:
    """From its first message to its last, which give their times in milliseconds."""
    times = [data.get("timestamp") for data in messages.values() if isinstance(data, dict)]
    known = [time for time in times if isinstance(time, int | float)]
    return (max(known) - min(known)) / 1000 if len(known) > 1 else None


def _node_error(data: dict[str, Any]) -> dict[str, Any]:
    failure = failure_of(data)
    return {
        "code": "execution_failed",
        "message": str(
            data.get("exception_message") or "The engine reported an error without a reason."
        ).strip(),
        "node": data.get("node_id"),
        "class_type": data.get("node_type"),
        "exception_type": data.get("exception_type"),
        "traceback": data.get("traceback") or [],
        **({"remedy": failure.remedy} if failure is not None else {}),
    }


def failed_here(error: GessoError) -> Verdict:
    """A job that failed for a reason of ours (disk full, engines lost), told as ComfyUI tells errors."""
    return Verdict(
        state=State.FAILED, error={"code": error.code, "message": error.message, "remedy": error.remedy}
    )


def interrupted(job: Job, now: float) -> Verdict:
    """A job cancelled before its engine had written anything about it."""
    data: dict[str, Any] = {"prompt_id": job.id, "node_id": None, "node_type": None, "executed": []}
    status = {
        "status_str": "error",
        "completed": False,
        "messages": [["execution_interrupted", {**data, "timestamp": int(now * 1000)}]],
    }
    return Verdict(state=State.CANCELLED, meta={"status": status, "meta": {}}, seconds=0.0)


def error_message(job: Job) -> dict[str, Any]:
    """A failed job's error as ComfyUI's `execution_error`: clients show it where they show errors."""
    error = job.error or {}
    return {
        "prompt_id": job.id,
        "node_id": None,
        "node_type": None,
        "executed": [],
        "exception_message": f"{error.get('message', '')}\n{error.get('remedy', '')}".strip(),
        "exception_type": f"gesso.{error.get('code', 'job_failed')}",
        "traceback": [],
        "current_inputs": {},
        "current_outputs": [],
    }


def status_of(job: Job) -> dict[str, Any]:
    """The `status` of a job's history item: the engine's own, or made up from our record of the end."""
    status: dict[str, Any] | None = (job.meta or {}).get("status")
    if status:
        return status
    messages = []
    if job.state is State.FAILED:
        messages.append(
            ["execution_error", {**error_message(job), "timestamp": int((job.finished or 0) * 1000)}]
        )
    succeeded = job.state is State.SUCCEEDED
    return {"status_str": "success" if succeeded else "error", "completed": succeeded, "messages": messages}
