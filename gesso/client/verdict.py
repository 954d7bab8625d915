"""What a finished job's history item says: its files, or why there are none; pure."""

from collections.abc import Iterator
from typing import Any

from gesso.client.answers import by_code
from gesso.errors import (
    EngineError,
    ExecutionFailed,
    GessoError,
    JobCancelled,
    JobLost,
    NodeFailure,
    StorageError,
)
from gesso.protocol.files import FileRef, output_files


def failure(job_id: str, item: dict[str, Any]) -> GessoError | None:
    """None when the job succeeded."""
    status = item.get("status")
    if not isinstance(status, dict):
        return None
    for kind, data in _messages(status):
        if kind == "execution_interrupted":
            return JobCancelled(f"Job {job_id} was cancelled.")
        if kind == "execution_error":
            # Also where the status says success: ComfyUI gives a prompt that runs in a circle the last one's.
            return _execution_failed(data)
    if status.get("status_str") == "success":
        return None
    return ExecutionFailed(f"Job {job_id} failed, and the server does not say why.")


def gone(job_id: str, cancelled: bool) -> GessoError:
    """The job is neither waiting, nor running, nor finished."""
    if cancelled:
        return JobCancelled(f"Job {job_id} was cancelled before it ran.")
    return JobLost(
        f"The server no longer knows job {job_id}.",
        remedy="It was deleted from the queue or the history, or ComfyUI was restarted: submit it again.",
    )


def files(item: dict[str, Any]) -> Iterator[tuple[str, FileRef]]:
    """Each output file with the node that made it."""
    for node, value in _outputs(item).items():
        for ref in output_files({node: value}):
            yield node, ref


def texts(item: dict[str, Any]) -> dict[str, tuple[str, ...]]:
    """The texts that nodes such as PreviewAny show: {"2": ("forty-two",)}."""
    found = {}
    for node, value in _outputs(item).items():
        shown = value.get("text") if isinstance(value, dict) else None
        if isinstance(shown, list | tuple):
            found[node] = tuple(str(text) for text in shown)
    return found


def _outputs(item: dict[str, Any]) -> dict[str, Any]:
    outputs = item.get("outputs")
    return outputs if isinstance(outputs, dict) else {}


def _messages(status: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for message in status.get("messages") or ():
        if isinstance(message, list | tuple) and len(message) == 2 and isinstance(message[1], dict):
            yield str(message[0]), message[1]


def _execution_failed(data: dict[str, Any]) -> GessoError:
    raised = str(data.get("exception_type", ""))
    # gesso tells what failed on its own side in the same message: "gesso.job_lost", "gesso.disk_full".
    ours = by_code().get(raised.removeprefix("gesso.")) if raised.startswith("gesso.") else None
    if ours is not None and issubclass(ours, JobCancelled | JobLost | StorageError | EngineError):
        message, _, remedy = str(data.get("exception_message", "")).partition("\n")
        return ours(message or None, remedy=remedy or None)
    found = NodeFailure(
        node=str(data.get("node_id", "")),
        class_type=str(data.get("node_type", "")),
        exception_type=raised,
        message=str(data.get("exception_message", "")).strip(),
        traceback=tuple(str(line) for line in data.get("traceback") or ()),
    )
    return ExecutionFailed(
        f"Node {found.node!r} ({found.class_type}) raised {found.exception_type}: {found.message}",
        failure=found,
    )


def times(item: dict[str, Any]) -> list[float]:
    """When things happened, in seconds since 1970, in order: the first is the start, the last the end."""
    status = item.get("status")
    stamps = [data.get("timestamp") for _, data in _messages(status)] if isinstance(status, dict) else []
    return [stamp / 1000 for stamp in stamps if isinstance(stamp, int | float)]
