"""The exception tree: everything gesso raises on purpose, and what to do about it.

GessoError                      code                     HTTP
├── ConfigError                 config_invalid           500
├── RequestError                bad_request              400   the caller can mend it
│   ├── InvalidWorkflow         invalid_workflow         400     with the problems, node by node
│   ├── InvalidParameter        invalid_parameter        400     with the parameter's name
│   ├── Unauthorized            unauthorized             401
│   ├── Forbidden               forbidden                403
│   ├── NotFound                not_found                404
│   │   └── UnknownModel        model_not_found          404     no model of that name to draw with
│   ├── MethodNotAllowed        method_not_allowed       405     with the methods that are
│   ├── Conflict                conflict                 409
│   ├── TooLarge                too_large                413
│   ├── IdempotencyMismatch     idempotency_mismatch     422
│   └── OverLimit               over_limit               429     with retry_after_s
├── EngineError                 engine_failed            502   the engine did not do its part
│   ├── EngineUnreachable       engine_unreachable       503     nothing answered
│   ├── EngineRefused           engine_refused           502     it answered, but not with what was asked
│   ├── EngineHung              engine_hung              502     its progress stopped
│   ├── EngineFault             engine_fault             502     its card or disk failed, not the workflow
│   └── NoEngine                no_engine                503     no engine can take the job now
├── JobError                    job_failed               500   an accepted job ended without its result
│   ├── ExecutionFailed         execution_failed         500     a node raised
│   ├── JobCancelled            job_cancelled            409
│   └── JobLost                 job_lost                 500     all attempts were used up by dying engines
├── NotFinished                 not_finished             504     waited as long as asked; the job goes on
├── StorageError                storage_failed           500
│   ├── DiskFull                disk_full                507
│   └── AccountsUnreadable      accounts_unreadable      503     nobody is let in on a guess
├── ProcessError                process_failed           500
└── GatewayError                gateway_failed           502   the client could not make sense of the server

A class's docstring is its default message; `code` is for programs, `remedy` says what to do.
"""

from dataclasses import dataclass, field
from typing import Any, ClassVar


class GessoError(Exception):
    """Something went wrong in gesso."""

    code: ClassVar[str] = "internal_error"
    status: ClassVar[int] = 500
    remedy: str = "Look at the gateway's log; the request id leads to the line."

    def __init__(self, message: str | None = None, *, remedy: str | None = None) -> None:
        self.message = message or (type(self).__doc__ or "").strip().splitlines()[0]
        if remedy is not None:
            self.remedy = remedy
        super().__init__(self.message)


class ConfigError(GessoError):
    """The configuration is not usable."""

    code = "config_invalid"
    remedy = "Correct the named line; `gesso config check` reads the file without starting anything."


class RequestError(GessoError):
    """The request is not usable."""

    code = "bad_request"
    status = 400
    remedy = "Correct the request and send it again."


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One thing wrong with one node, in ComfyUI's words.

    Example: node "3", class_type "KSampler", kind "value_not_in_list", input "sampler_name",
    message "Value not in list", details "sampler_name: 'nope' not in ['euler', …]".
    """

    node: str
    class_type: str
    kind: str
    message: str
    details: str = ""
    input: str | None = None


class InvalidWorkflow(RequestError):
    """The workflow cannot run.

    `body` is ComfyUI's own answer ({"error": …, "node_errors": …}), `problems` the same, typed.
    """

    code = "invalid_workflow"
    remedy = "Correct the named nodes and inputs."

    def __init__(
        self,
        message: str | None = None,
        *,
        body: dict[str, Any] | None = None,
        problems: tuple[Problem, ...] = (),
        remedy: str | None = None,
    ) -> None:
        super().__init__(message, remedy=remedy)
        self.body = body if body is not None else {}
        self.problems = problems


class InvalidParameter(RequestError):
    """A parameter has a value that is not taken.

    `kind` says how, in OpenAI's words: unknown_parameter, missing_required_parameter, invalid_type,
    invalid_value.
    """

    code = "invalid_parameter"
    remedy = "Change or leave out the named parameter."

    def __init__(
        self,
        message: str | None = None,
        *,
        param: str | None = None,
        kind: str = "invalid_value",
        remedy: str | None = None,
    ) -> None:
        super().__init__(message, remedy=remedy)
        self.param = param
        self.kind = kind


class Unauthorized(RequestError):
    """No valid key was sent."""

    code = "unauthorized"
    status = 401
    remedy = "Send `Authorization: Bearer <key>`, or sign in at /gesso/login. `gesso keys create` makes one."


class Forbidden(RequestError):
    """This key may not do that."""

    code = "forbidden"
    status = 403
    remedy = "Use a key with the named scope."


class NotFound(RequestError):
    """There is no such thing, or it is not yours."""

    code = "not_found"
    status = 404
    remedy = "Check the id; lists show what is there."


class UnknownModel(NotFound):
    """There is no model of this name."""

    code = "model_not_found"
    remedy = "`GET /v1/models` lists them; `[[model]]` in gesso.toml makes one."


class MethodNotAllowed(RequestError):
    """This address does not take that method."""

    code = "method_not_allowed"
    status = 405
    remedy = "The `Allow` header names the methods it takes."

    def __init__(self, message: str | None = None, *, allowed: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.allowed = allowed


class Conflict(RequestError):
    """That does not fit what is there already."""

    code = "conflict"
    status = 409
    remedy = "Look at the present state and decide anew."


class TooLarge(RequestError):
    """The request is larger than this server takes."""

    code = "too_large"
    status = 413
    remedy = "Send less, or raise `gateway.upload_limit`."


class IdempotencyMismatch(RequestError):
    """This idempotency key was used for a different request."""

    code = "idempotency_mismatch"
    status = 422
    remedy = "Use a new key for a new request; repeat the old request unchanged to get its job."


class OverLimit(RequestError):
    """You have reached a limit."""

    code = "over_limit"
    status = 429
    remedy = "Wait for `retry_after_s` seconds, then try again."

    def __init__(
        self, message: str | None = None, *, retry_after_s: float = 1.0, remedy: str | None = None
    ) -> None:
        super().__init__(message, remedy=remedy)
        self.retry_after_s = retry_after_s


class EngineError(GessoError):
    """The engine did not do its part."""

    code = "engine_failed"
    status = 502
    remedy = "`gesso engines list` shows its state, `gesso engines logs NAME` what it said."


class EngineUnreachable(EngineError):
    """The engine does not answer."""

    code = "engine_unreachable"
    status = 503


class EngineRefused(EngineError):
    """The engine answered, but not with what was asked for."""

    code = "engine_refused"


class EngineHung(EngineError):
    """The engine made no progress with the job for longer than its limit."""

    code = "engine_hung"
    remedy = (
        "`gesso engines logs NAME` shows its last words; where the workflow is just slow, "
        "raise `fleet.hang_limit_s` or `fleet.hang_floor_s`."
    )


class EngineFault(EngineError):
    """The engine's card, disk or process failed while it executed the job."""

    code = "engine_fault"
    remedy = "`gesso engines list` names what is wrong with the engine; the workflow is not at fault."


class NoEngine(EngineError):
    """No engine is ready to take this."""

    code = "no_engine"
    status = 503
    remedy = "Wait for an engine to become ready; `gesso engines list` shows their states."


class JobError(GessoError):
    """The job ended without its result."""

    code = "job_failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeFailure:
    """The node that raised, as ComfyUI's `execution_error` tells it."""

    node: str
    class_type: str
    exception_type: str
    message: str
    traceback: tuple[str, ...] = field(default=())


class ExecutionFailed(JobError):
    """A node of the workflow raised an error."""

    code = "execution_failed"
    remedy = "Look at the node named; its inputs were valid, but it failed while running."

    def __init__(self, message: str | None = None, *, failure: NodeFailure | None = None) -> None:
        super().__init__(message)
        self.failure = failure


class JobCancelled(JobError):
    """The job was cancelled."""

    code = "job_cancelled"
    status = 409
    remedy = "Submit it again if you still want it."


class JobLost(JobError):
    """The engine died under the job each time it was tried."""

    code = "job_lost"
    remedy = "The job itself may bring the engine down: `gesso engines logs NAME`, then submit again."


class NotFinished(GessoError, TimeoutError):
    """The job did not finish in the time given; it goes on."""

    code = "not_finished"
    status = 504
    remedy = "Wait longer: `gesso jobs show ID` tells how it fares."


class StorageError(GessoError):
    """The storage directory could not be used."""

    code = "storage_failed"
    remedy = "Check that `storage.directory` exists, is writable and has room."


class DiskFull(StorageError):
    """There is no room left on the disk."""

    code = "disk_full"
    status = 507
    remedy = "Free space under `storage.directory`, or lower `storage.keep_days` and `storage.keep_size`."


class AccountsUnreadable(StorageError):
    """The store of accounts and keys cannot be read, so nobody can be let in."""

    code = "accounts_unreadable"
    status = 503


class ProcessError(GessoError):
    """A process could not be started or stopped."""

    code = "process_failed"
    remedy = "The message names the program; try its command by hand."


class GatewayError(GessoError):
    """The server gave an answer that this client does not understand."""

    code = "gateway_failed"
    status = 502
    remedy = "Check the address: is it gesso or ComfyUI that answers there?"
