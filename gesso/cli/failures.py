"""One writer for every failure: message, problems node by node, remedy; or the same as JSON."""

from dataclasses import asdict

from gesso.cli import show
from gesso.cli.exits import Exit, exit_for
from gesso.errors import (
    ExecutionFailed,
    GessoError,
    InvalidParameter,
    InvalidWorkflow,
    OverLimit,
    Unauthorized,
)
from gesso.protocol.idempotency import HEADER as IDEMPOTENCY_KEY

_TYPED = {
    "n": "--count",
    "negative_prompt": "--negative",
    "prompt": "SENTENCE",
    "image": "PICTURE",
    IDEMPOTENCY_KEY: "--idempotency-key",
    **{name: f"--{name}" for name in ("mask", "size", "seed", "steps", "guidance")},
}


def report(error: GessoError, *, as_json: bool) -> Exit:
    """Print the error and return what to exit with."""
    if as_json:
        show.as_json({"error": _as_dict(error)})
    else:
        show.note(f"gesso: {_message(error)}")
        _details(error)
        if remedy := _remedy(error):
            show.note(f"  {remedy}")
    return exit_for(error)


def _message(error: GessoError) -> str:
    """The server speaks of parameters; here they are what was typed."""
    message = _for_people(error.message)
    param = error.param if isinstance(error, InvalidParameter) else None
    return message.replace(f"'{param}'", _TYPED[param]) if param in _TYPED else message


def _remedy(error: GessoError) -> str:
    """The server speaks to programs that send headers; here is a person at a command line."""
    if error.remedy == Unauthorized.remedy:
        return (
            "Give a key with --key or GESSO_KEY. A lost one is replaced on gesso's machine: "
            "`gesso keys create --local`."
        )
    if error.remedy == InvalidParameter.remedy:
        # The message has named what was typed.
        return ""
    return _for_people(error.remedy)


def _for_people(text: str) -> str:
    """The server names its routes; here they are verbs."""
    return text.replace("GET /v1/models", "gesso models")


def _details(error: GessoError) -> None:
    if isinstance(error, InvalidWorkflow) and error.problems:
        rows = [(p.node, p.class_type, p.input, p.message, p.details) for p in error.problems]
        show.table(["node", "class", "input", "problem", "details"], rows, empty="", error=True)
    if isinstance(error, OverLimit):
        show.note(f"  It may be tried again in {error.retry_after_s:.0f} s.")


def _as_dict(error: GessoError) -> dict[str, object]:
    told: dict[str, object] = {"code": error.code, "message": error.message, "remedy": error.remedy}
    if isinstance(error, InvalidWorkflow):
        told["problems"] = [asdict(problem) for problem in error.problems]
    if isinstance(error, ExecutionFailed) and error.failure:
        told["failure"] = asdict(error.failure)
    if isinstance(error, OverLimit):
        told["retry_after_s"] = error.retry_after_s
    return told
