"""What gesso.toml may say: every table, key, default and meaning. The reference page is made from this."""

from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from gesso.config.passthrough import NodePath
from gesso.config.secret import Secret
from gesso.config.values import FilePath, Listen, Name, Program, Seconds, Size, Url, is_loopback, split_listen


class Table(BaseModel):
    """A TOML table: typed strictly, unknown keys forbidden, unchangeable once read."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        strict=True,
        validate_default=True,
        use_attribute_docstrings=True,
        validate_by_name=True,
    )


def wrong(key: str, message: str) -> PydanticCustomError:
    """An error about one key of the table (or a path below it: "1.name") that a whole-table rule found."""
    # The message is data, not a template: braces in it must not be filled in.
    return PydanticCustomError("table_rule", "{message}", {"key": key, "message": message})


class PassthroughConfig(Table):
    """Routes of custom nodes, unknown to gesso: what is not entered needs the scope `engines:control`."""

    users: Annotated[tuple[NodePath, ...], Field(strict=False)] = ()
    """Paths that every user may `GET`; `*` stands for the rest: ["/mtb/status", "/cg-use-everywhere/*"]."""


class GatewayConfig(Table):
    """What listens, and what it takes."""

    listen: Listen = "127.0.0.1:8700"
    """Address and port to listen on; port 0 takes any free one. Beyond loopback only with `behind_tls`."""

    behind_tls: bool = False
    """Says that a proxy in front of gesso does TLS, so that `listen` may be an address others can reach."""

    public_url: Url | None = None
    """The address users type, where it differs from `listen`: browsers are held to this origin."""

    upload_limit: Size = 100_000_000
    """The largest request body: bytes, or text like "100MB" (decimal) and "512MiB" (binary)."""

    passthrough: PassthroughConfig = PassthroughConfig()
    """Which unknown routes users may read."""

    @property
    def host(self) -> str:
        return split_listen(self.listen)[0]

    @property
    def port(self) -> int:
        return split_listen(self.listen)[1]

    @model_validator(mode="after")
    def _loopback_without_tls(self) -> Self:
        if not self.behind_tls and not is_loopback(self.host):
            raise wrong(
                "listen",
                f"{self.listen!r} can be reached from other machines, and keys would travel unencrypted; "
                "listen on 127.0.0.1, or set `behind_tls = true` where a proxy in front does TLS",
            )
        return self


class StorageConfig(Table):
    """Where jobs, pictures and logs are kept, and for how long."""

    directory: FilePath = Path("gesso-data")
    """Holds the database, the artifacts, the engines' records and their logs. Made if absent."""

    database: Secret | None = None
    """Address of the database, if it is not to be `gesso.sqlite3` in `directory`; like "sqlite:////srv/gesso.sqlite3"."""

    keep_days: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = None
    """Files older than this are removed. Not set: no limit by age."""

    keep_size: Size | None = None
    """When the files together are larger than this, the oldest are removed. Not set: no limit by size."""

    @property
    def database_url(self) -> str:
        if self.database is not None:
            return self.database.reveal()
        return f"sqlite:///{(self.directory / 'gesso.sqlite3').as_posix()}"


class FleetConfig(Table):
    """How engine processes are watched and restarted."""

    restarts: Annotated[int, Field(ge=0)] = 5
    """How often an engine that exits is started again within `restart_window_s`; then it stays stopped."""

    restart_window_s: Seconds = 600.0
    """The time in seconds over which `restarts` is counted."""

    back_off_s: Seconds = 1.0
    """The wait before the second restart (the first is at once); it doubles with each one that follows."""

    back_off_limit_s: Seconds = 60.0
    """The longest wait before a restart."""

    start_limit_s: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 600.0
    """How long an engine may take from its start until it is ready."""

    stop_grace_s: Seconds = 10.0
    """How long an engine that is asked to stop may take before it is killed."""

    leave_running: bool = False
    """Leave engines running when gesso stops in order; the next start adopts them."""

    @model_validator(mode="after")
    def _limit_is_longest(self) -> Self:
        if self.back_off_limit_s < self.back_off_s:
            raise wrong("back_off_limit_s", "is shorter than `back_off_s`, the first wait")
        return self


class JobsConfig(Table):
    """How jobs are queued and repeated."""

    max_attempts: Annotated[int, Field(ge=1)] = 3
    """How often a job is tried when its engine dies under it. A workflow that fails is not repeated."""

    unreachable_s: Seconds = 120.0
    """How long an engine may be away before others get its jobs; after its process has ended nobody waits."""

    lease_s: Annotated[float, Field(ge=1, allow_inf_nan=False)] = 15.0
    """A gateway that is not heard of for this long has lost its jobs; another takes them over."""


class LimitsConfig(Table):
    """What one account of a role may have and do. A limit that is not set is none."""

    jobs_queued: Annotated[int, Field(ge=1)] | None = 1000
    """How many unfinished jobs it may have."""

    jobs_running: Annotated[int, Field(ge=1)] | None = None
    """How many of its jobs may run at the same time, on all engines together."""

    gpu_seconds_per_day: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = None
    """How many seconds engines may have worked for it in the last 24 hours."""

    storage: Size | None = None
    """How much its files may weigh together: bytes, or text like "10GB"."""

    requests_per_s: Annotated[float, Field(ge=0.01, allow_inf_nan=False)] | None = 100.0
    """How many requests it may send in a second, over a while; ten times as many may come at once."""

    sockets: Annotated[int, Field(ge=1)] | None = 100
    """How many WebSockets it may have open."""

    body: Size | None = None
    """Its largest request body, where that is to be less than `gateway.upload_limit`."""

    denied_nodes: Annotated[tuple[str, ...], Field(strict=False)] = ()
    """Node classes its workflows may not use; `*` stands for any letters: ["*Shell*"]."""


class StrangersConfig(Table):
    """What may come from one address of those who have shown no key that is valid."""

    requests_per_s: Annotated[float, Field(ge=0.01, allow_inf_nan=False)] | None = 100.0
    """How many requests in a second, over a while; ten times as many may come at once."""


class RolesConfig(Table):
    """The limits of each role; `gesso users limit` changes them for one account."""

    user: LimitsConfig = LimitsConfig()
    """Those of users."""

    admin: LimitsConfig = LimitsConfig()
    """Those of administrators."""

    strangers: StrangersConfig = StrangersConfig()
    """Those of an address, as long as nobody has signed in from it."""


class LogsConfig(Table):
    """What gesso itself writes to standard error, and how engine logs are kept."""

    format: Literal["text", "json"] = "text"
    """`text` for people, `json` for one JSON object per line."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    """The least important kind of record that is written."""

    engine_log_size: Size = 10_000_000
    """An engine's log is rotated when it is larger than this."""

    engine_log_files: Annotated[int, Field(ge=1)] = 3
    """How many rotated logs are kept for each engine."""


class CredentialConfig(Table):
    """What gesso shows to an engine behind a login: exactly one of these. The secret stands elsewhere."""

    bearer_file: FilePath | None = None
    """A file whose first line is the token for `Authorization: Bearer`."""

    bearer_env: Annotated[str, Field(min_length=1)] | None = None
    """The environment variable that holds the token."""

    basic_file: FilePath | None = None
    """A file whose first line is `user:password` for `Authorization: Basic`."""

    basic_env: Annotated[str, Field(min_length=1)] | None = None
    """The environment variable that holds `user:password`."""

    @model_validator(mode="after")
    def _exactly_one(self) -> Self:
        if len(self.model_fields_set) != 1:
            raise wrong("", f"give exactly one of {', '.join(type(self).model_fields)}")
        return self


class EngineConfig(Table):
    """One engine: started by gesso (`directory`), or run by somebody else (`url`)."""

    name: Name
    """What it is called everywhere: lower-case letters, digits and hyphens; each name once."""

    kind: Literal["comfyui", "sketch"]
    """`comfyui` is ComfyUI; `sketch` is the small engine that comes with gesso and needs no GPU."""

    directory: FilePath | None = None
    """The folder with ComfyUI's `main.py`. For `sketch`: where its files are (default: in the storage)."""

    python: Program | None = None
    """The Python that runs it. Default: the one in `venv` or `.venv` of `directory`, else `python3`."""

    arguments: Annotated[tuple[str, ...], Field(strict=False)] = ()
    """More arguments for its command line; gesso itself sets the address and the port."""

    environment: dict[str, str] = {}
    """Environment variables it gets, beside gesso's own."""

    port: Annotated[int, Field(ge=1, le=65535)] | None = None
    """The loopback port it gets. Default: a free one."""

    url: Url | None = None
    """The address of an engine that gesso does not start. It is only watched, never stopped."""

    credential: CredentialConfig | None = None
    """What gesso shows to an engine given by `url`."""

    slots: Annotated[int, Field(ge=1)] = 2
    """How many jobs it is handed at a time: one that runs and, behind a short one, one that waits there."""

    @model_validator(mode="after")
    def _one_place(self) -> Self:
        if self.directory is not None and self.url is not None:
            raise wrong(
                "url", "give either `directory` (gesso starts it) or `url` (somebody else does), not both"
            )
        if self.kind == "comfyui" and self.directory is None and self.url is None:
            raise wrong("", "give `directory` (gesso starts it) or `url` (somebody else does)")
        return self

    @model_validator(mode="after")
    def _settings_have_effect(self) -> Self:
        if self.url is not None:
            for key in ("python", "arguments", "environment", "port"):
                if getattr(self, key):
                    raise wrong(key, "has no effect on an engine that is given by `url`")
        elif self.credential is not None:
            raise wrong("credential", "is for an engine that is given by `url`")
        elif self.kind == "sketch" and self.python is not None:
            raise wrong("python", "has no effect on a sketch; it runs on gesso's own")
        for argument in self.arguments:
            if argument.split("=")[0] in ("--port", "--listen"):
                raise wrong("arguments", f"{argument!r} is set by gesso; use the key `port`")
        return self


def _embedded() -> tuple[EngineConfig, ...]:
    return (EngineConfig(name="sketch", kind="sketch"),)


class Config(Table):
    """All of gesso.toml."""

    gateway: GatewayConfig = GatewayConfig()
    storage: StorageConfig = StorageConfig()
    fleet: FleetConfig = FleetConfig()
    jobs: JobsConfig = JobsConfig()
    limits: RolesConfig = RolesConfig()
    logs: LogsConfig = LogsConfig()
    engines: tuple[EngineConfig, ...] = Field(
        default_factory=_embedded,
        strict=False,
        validation_alias="engine",
        serialization_alias="engine",
    )

    @model_validator(mode="after")
    def _engines_do_not_collide(self) -> Self:
        if not self.engines:
            raise wrong("engine", "there must be at least one; leave the key out for the embedded one")
        names: set[str] = set()
        ports: dict[int, str] = {}
        for index, engine in enumerate(self.engines):
            if engine.name in names:
                raise wrong(f"engine.{index}.name", f"{engine.name!r} is the name of an engine above")
            names.add(engine.name)
            if engine.port is not None and engine.port in ports:
                raise wrong(f"engine.{index}.port", f"{engine.port} is already {ports[engine.port]!r}'s")
            if engine.port is not None:
                ports[engine.port] = engine.name
        return self


def parse(data: dict[str, Any], base: Path | None = None) -> Config:
    """The configuration a TOML document says; raises pydantic's ValidationError, with TOML's names."""
    # Absent tables are read as empty ones, so that paths in their defaults are anchored too.
    tables: dict[str, Any] = {name: {} for name in Config.model_fields if name != "engines"}
    return Config.model_validate({**tables, **data}, context={"base": base}, by_alias=True, by_name=False)
