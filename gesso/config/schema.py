"""What gesso.toml may say: every table, key, default and meaning. The reference page is made from this."""

from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from gesso.config.alerts import AlertsConfig
from gesso.config.engine import EngineConfig
from gesso.config.fleet import FleetConfig
from gesso.config.gpus import GpusConfig
from gesso.config.limits import RolesConfig
from gesso.config.models import ModelConfig, embedded_model
from gesso.config.monitoring import MonitoringConfig
from gesso.config.passthrough import NodePath
from gesso.config.secret import Secret
from gesso.config.table import Table, wrong
from gesso.config.values import FilePath, Listen, Seconds, Size, Url, is_loopback, split_listen


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


class JobsConfig(Table):
    """How jobs are queued and repeated."""

    max_attempts: Annotated[int, Field(ge=1)] = 3
    """How often a job is tried when its engine dies under it. A workflow that fails is not repeated."""

    unreachable_s: Seconds = 120.0
    """How long an engine may be away before others get its jobs; after its process has ended nobody waits."""

    lease_s: Annotated[float, Field(ge=1, allow_inf_nan=False)] = 15.0
    """A gateway that is not heard of for this long has lost its jobs; another takes them over."""


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


def _embedded() -> tuple[EngineConfig, ...]:
    return (EngineConfig(name="sketch", kind="sketch"),)


def _embedded_models(data: dict[str, Any]) -> tuple[ModelConfig, ...]:
    """Where no models are configured, those of the engines that bring their own."""
    engines: tuple[EngineConfig, ...] = data.get("engines", ())
    return (embedded_model(),) if any(engine.kind == "sketch" for engine in engines) else ()


class Config(Table):
    """All of gesso.toml."""

    gateway: GatewayConfig = GatewayConfig()
    storage: StorageConfig = StorageConfig()
    fleet: FleetConfig = FleetConfig()
    gpus: GpusConfig = GpusConfig()
    jobs: JobsConfig = JobsConfig()
    limits: RolesConfig = RolesConfig()
    logs: LogsConfig = LogsConfig()
    alerts: AlertsConfig = AlertsConfig()
    monitoring: MonitoringConfig = MonitoringConfig()
    engines: tuple[EngineConfig, ...] = Field(
        default_factory=_embedded,
        strict=False,
        validation_alias="engine",
        serialization_alias="engine",
    )
    models: tuple[ModelConfig, ...] = Field(
        default_factory=_embedded_models,
        strict=False,
        validation_alias="model",
        serialization_alias="model",
    )

    @model_validator(mode="after")
    def _models_do_not_collide(self) -> Self:
        names: set[str] = set()
        for index, model in enumerate(self.models):
            for name in model.names:
                if name in names:
                    raise wrong(f"model.{index}.name", f"{name!r} is the name of a model above")
                names.add(name)
        return self

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
    tables: dict[str, Any] = {name: {} for name in Config.model_fields if name not in ("engines", "models")}
    return Config.model_validate({**tables, **data}, context={"base": base}, by_alias=True, by_name=False)
