"""The shapes of our own API: what answers hold and requests may say. Times are seconds since 1970."""

from typing import Annotated, Any, Literal, Self

from pydantic import Field

from gesso.access import accounts, keys
from gesso.access.identity import Identity, Via
from gesso.access.scopes import Role
from gesso.fleet.functional import Functional
from gesso.fleet.member import Member
from gesso.fleet.proof import Gpu, Proven
from gesso.gateway.api_answers import Answer, Asked
from gesso.gateway.api_findings import Finding, reason
from gesso.gateway.api_position import Position
from gesso.jobs import job as jobs
from gesso.jobs.queue_listing import Listed
from gesso.protocol.files import FileRef, output_files


class Whoami(Answer):
    account: str
    role: Role
    scopes: list[str]
    via: Via
    key: str | None
    """Id of the key, also of the one that a browser's login was made with; null after a password."""
    expires: float | None
    has_password: bool

    @classmethod
    def of(cls, identity: Identity) -> Self:
        return cls(
            account=identity.name,
            role=identity.role,
            scopes=sorted(identity.scopes),
            via=identity.via,
            key=identity.key_id,
            expires=identity.expires,
            has_password=identity.has_password,
        )


class Key(Answer):
    id: str
    account: str
    name: str
    prefix: str
    """The readable beginning of the token."""
    scopes: list[str] | None
    """null: all that the account's role has."""
    in_url: bool
    """It may be sent in an address, too: `/k/<token>/…` or `?token=<token>`."""
    created: float
    expires: float | None
    revoked: float | None
    used: float | None
    """When it was last used, to the minute."""

    @classmethod
    def of(cls, key: keys.Key) -> Self:
        return cls(
            id=key.id,
            account=key.account,
            name=key.name,
            prefix=key.prefix,
            scopes=None if key.scopes is None else sorted(key.scopes),
            in_url=key.in_url,
            created=key.created,
            expires=key.expires,
            revoked=key.revoked,
            used=key.used,
        )


class NewKey(Answer):
    key: Key
    token: str
    """The key itself. It is shown this once."""


class CreateKey(Asked):
    name: Annotated[str, Field(min_length=1, max_length=100)]
    account: str | None = None
    """Whose key; without it, the caller's."""
    scopes: list[str] | None = None
    """Fewer scopes than the account's role has."""
    expires_in_s: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = None
    in_url: bool = False
    """For clients that cannot send a header: let it be sent in an address, where more can see it."""


class User(Answer):
    id: str
    name: str
    role: Role
    disabled: bool
    has_password: bool
    created: float

    @classmethod
    def of(cls, account: accounts.Account) -> Self:
        return cls(
            id=account.id,
            name=account.name,
            role=account.role,
            disabled=account.disabled,
            has_password=account.has_password,
            created=account.created,
        )


class CreateUser(Asked):
    name: str
    role: Role = Role.USER


class EngineGpu(Answer):
    uuid: str | None
    """null: which card its `gpu` means is not known."""
    name: str | None
    proven: Proven
    """Whether its processes were seen on that card; "no": on another one."""
    evidence: str

    @classmethod
    def of(cls, gpu: Gpu) -> Self:
        return cls(**{name: getattr(gpu, name) for name in cls.model_fields})


class EngineFunctional(Answer):
    """That an engine has made a picture."""

    at: float
    how: Literal["job", "test"]
    evidence: str
    took_s: float | None
    """null: not known."""

    @classmethod
    def of(cls, fact: Functional) -> Self:
        return cls(at=fact.at, how=fact.how.value, evidence=fact.evidence, took_s=fact.took_s)


class Engine(Answer):
    name: str
    kind: str
    state: str
    reason: str
    """The evidence for the state, in words."""
    since: float
    ready: bool
    """It takes jobs."""
    draining: bool
    """It is given no more jobs, until it is resumed."""
    drained: bool
    """It drains, and has nothing more to do."""
    asleep: bool
    """It was stopped for want of work; a job wakes it."""
    jobs_left: int | None
    """Jobs that it runs, or that wait there; null: not known."""
    external: bool
    """Somebody else runs it; gesso cannot start or stop it."""
    url: str
    pid: int | None
    restarts: int
    outdated: bool
    """It runs on from before, with other settings than the configuration has today."""
    queue_remaining: int | None
    """Prompts it says it has; null: not known."""
    nodes: int | None
    version: str | None
    gpu: EngineGpu | None
    """The card it is held to; null: it sees all."""
    findings: list[Finding]
    """What is wrong with it now, or made it fail last."""
    phase: str | None
    """How far its start is: "loading custom nodes (NAME)"; null: it is not starting."""
    started_s: float | None
    """What its starts usually take, until it is ready; null: no start of it is known yet."""
    functional: EngineFunctional | None
    """When it last made a picture, since it came up; null: it is not known to have made one."""

    @classmethod
    def of(cls, member: Member, *, whole: bool = True) -> Self:
        """`whole`: with what quotes logs."""
        status = member.status()
        own = {name: getattr(status, name) for name in cls.model_fields}
        own["gpu"] = None if status.gpu is None else EngineGpu.of(status.gpu)
        own["functional"] = None if status.functional is None else EngineFunctional.of(status.functional)
        own["reason"] = reason(status.reason, whole=whole)
        own["findings"] = [Finding.of(found, whole=whole) for found in status.findings]
        return cls(**own)


class File(Answer):
    """To be fetched, by the job's owner, from `/view?filename=…&subfolder=…&type=…`.

    With jobs:all, of another's job, by the same with `&all=true&job=ID`.
    """

    filename: str
    subfolder: str
    type: str

    @classmethod
    def of(cls, ref: FileRef) -> Self:
        return cls(filename=ref.filename, subfolder=ref.subfolder, type=ref.type)


class Job(Answer):
    id: str
    owner: str
    """Name of the account."""
    kind: str
    """The API that it came by: "comfyui" or "openai"."""
    state: jobs.State
    priority: int
    number: float
    client_id: str | None
    engine: str | None
    attempt: int
    max_attempts: int
    cancel_asked: bool
    error: dict[str, Any] | None
    """{code, message, node?, class_type?, …}; in lists without its traceback."""
    created: float
    started: float | None
    finished: float | None
    title: str
    """To tell it from others: the words in its workflow; of somebody else's job, the kind of work only."""
    at_engine: bool
    """It waits at its engine, which is at work on another job."""
    position: Position | None = None
    """Its place among all that wait, and when it is expected to start; null once it has ended. In lists also
    null where it is so far back that its place is not certain."""
    files: list[File]
    """What it made; in lists the first few."""
    file_count: int

    @classmethod
    def of(
        cls,
        job: jobs.Job | Listed,
        owner: str,
        *,
        title: str,
        at_engine: bool,
        position: Position | None = None,
    ) -> Self:
        made = output_files(job.outputs or {})
        # What nodes only show on the way counts where nothing was saved.
        made = [ref for ref in made if ref.type == "output"] or made
        own = {name: getattr(job, name) for name in cls.model_fields if name not in MADE_UP}
        if isinstance(job, Listed):
            own["error"] = job.error and {key: job.error[key] for key in job.error if key != "traceback"}
        return cls(
            owner=owner,
            title=title,
            at_engine=at_engine,
            position=position,
            files=[File.of(ref) for ref in (made[:FILES_LISTED] if isinstance(job, Listed) else made)],
            file_count=len(made),
            **own,
        )


# Fields of a job that no record has under that name.
MADE_UP = frozenset({"owner", "title", "at_engine", "position", "files", "file_count"})
FILES_LISTED = 4


class JobDetails(Job):
    payload: dict[str, Any]
    inputs: list[dict[str, Any]]
    needs: list[str]
    outputs: dict[str, Any] | None
    meta: dict[str, Any] | None


class JobCounts(Answer):
    queued: int
    running: int


class EngineState(Answer):
    name: str
    state: str
    reason: str
    ready: bool


class Summary(Answer):
    version: str
    whoami: Whoami
    mine: int
    """The caller's jobs that wait or run."""
    jobs: JobCounts
    """Of all accounts together."""
    engines: list[EngineState]


class Keys(Answer):
    keys: list[Key]


class Users(Answer):
    users: list[User]


class Engines(Answer):
    engines: list[Engine]


class Jobs(Answer):
    jobs: list[Job]
    more: bool
    """There are more than `limit` of them."""
