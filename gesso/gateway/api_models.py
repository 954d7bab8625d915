"""The shapes of our own API: what answers hold and requests may say. Times are seconds since 1970."""

from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field

from gesso.access import accounts, keys
from gesso.access.identity import Identity, Via
from gesso.access.scopes import Role
from gesso.fleet.member import Member
from gesso.jobs import job as jobs


class Answer(BaseModel):
    model_config = ConfigDict(use_attribute_docstrings=True)


class Asked(BaseModel):
    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)


class Whoami(Answer):
    account: str
    role: Role
    scopes: list[str]
    via: Via
    key: str | None
    """Id of the key, also of the one that a browser's login was made with."""
    expires: float | None

    @classmethod
    def of(cls, identity: Identity) -> Self:
        return cls(
            account=identity.name,
            role=identity.role,
            scopes=sorted(identity.scopes),
            via=identity.via,
            key=identity.key_id,
            expires=identity.expires,
        )


class Key(Answer):
    id: str
    account: str
    name: str
    prefix: str
    """The readable beginning of the token."""
    scopes: list[str] | None
    """null: all that the account's role has."""
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


class User(Answer):
    id: str
    name: str
    role: Role
    disabled: bool
    created: float

    @classmethod
    def of(cls, account: accounts.Account) -> Self:
        return cls(
            id=account.id,
            name=account.name,
            role=account.role,
            disabled=account.disabled,
            created=account.created,
        )


class CreateUser(Asked):
    name: str
    role: Role = Role.USER


class Engine(Answer):
    name: str
    kind: str
    state: str
    reason: str
    """The evidence for the state, in words."""
    since: float
    ready: bool
    external: bool
    """Somebody else runs it; gesso cannot start or stop it."""
    url: str
    pid: int | None
    restarts: int
    queue_remaining: int | None
    """Prompts it says it has; null: not known."""
    nodes: int | None
    version: str | None

    @classmethod
    def of(cls, member: Member) -> Self:
        status = member.status()
        return cls(**{name: getattr(status, name) for name in cls.model_fields})


class Job(Answer):
    id: str
    owner: str
    """Name of the account."""
    kind: str
    state: jobs.State
    priority: int
    number: float
    client_id: str | None
    engine: str | None
    attempt: int
    max_attempts: int
    cancel_asked: bool
    error: dict[str, Any] | None
    created: float
    started: float | None
    finished: float | None

    @classmethod
    def of(cls, job: jobs.Job, owner: str) -> Self:
        own = {name: getattr(job, name) for name in Job.model_fields if name != "owner"}
        return cls(owner=owner, **own)


class JobDetails(Job):
    payload: dict[str, Any]
    inputs: list[dict[str, Any]]
    needs: list[str]
    outputs: dict[str, Any] | None
    meta: dict[str, Any] | None

    @classmethod
    def of(cls, job: jobs.Job, owner: str) -> Self:
        own = {name: getattr(job, name) for name in cls.model_fields if name not in ("owner", "needs")}
        return cls(owner=owner, needs=list(job.needs), **own)


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
