"""`/gesso/api/snapshot`: everything at this moment, for `gesso top`."""

import platform
from typing import Annotated, Self

from fastapi import APIRouter, Depends

from gesso import __version__
from gesso.access.identity import Identity
from gesso.gateway.api_answers import Answer
from gesso.gateway.api_caller import holder
from gesso.gateway.api_findings import Finding, reason, sees_logs
from gesso.gpus import reader
from gesso.monitoring import snapshot as seen
from gesso.monitoring.collect import Collector
from gesso.monitoring.snapshot import Snapshot

Reader = Annotated[Identity, Depends(holder("engines:read"))]


class SeenJob(Answer):
    id: str
    account: str
    since: float


class SeenEngine(Answer):
    """null: not known."""

    name: str
    kind: str
    state: str
    reason: str
    since: float
    ready: bool
    draining: bool
    restarts: int
    queue_remaining: int | None
    jobs: list[SeenJob] | None
    """Those that it has; of others only with jobs:all. null: there are some that you may not see."""
    findings: list[Finding]
    cpu: float | None
    """Seconds of processor time, of its process and their children."""
    memory: int | None
    gpu: str | None
    """The UUID of the card it is meant to use."""
    gpu_memory: int | None

    @classmethod
    def of(cls, engine: seen.EngineReading, jobs: list[SeenJob] | None, *, whole: bool) -> Self:
        own = {name: getattr(engine, name) for name in cls.model_fields.keys() - {"jobs", "findings"}}
        own["reason"] = reason(engine.reason, whole=whole)
        return cls(**own, jobs=jobs, findings=[Finding.of(each, whole=whole) for each in engine.findings])


class SeenCard(Answer):
    """Sizes are bytes, shares per cent; null: not known. `/gesso/api/gpus` tells who holds the memory."""

    uuid: str
    name: str
    nvml_index: int
    pci: str | None
    parent: str | None
    memory_total: int | None
    memory_used: int | None
    utilisation: float | None
    temperature_c: float | None
    power_w: float | None
    power_limit_w: float | None
    clock_mhz: float | None
    clock_limit_mhz: float | None
    throttled_by: list[str] | None
    xid: int | None
    problems: list[str]


class SeenUser(Answer):
    name: str
    queued: int
    running: int


class Whole(Answer):
    """One moment. null: not known, or not for you to know."""

    at: float
    version: str
    host: str
    engines: list[SeenEngine]
    cards: list[SeenCard] | None
    cards_problem: str | None
    """Why cards are not known, or not all."""
    queued: int | None
    running: int | None
    oldest_queued_s: float | None
    """null: none waits."""
    users: list[SeenUser]
    """Those with unfinished jobs; without jobs:all only you."""
    finished: dict[str, int]
    """Jobs that ended since gesso began."""
    disk_free: int | None
    """This and what follows: with monitoring:read."""
    disk_total: int | None
    cpu: float | None
    memory: int | None


def snapshot_routes(collector: Collector) -> APIRouter:
    router = APIRouter(tags=["monitoring"])

    @router.get("/snapshot")
    async def show_snapshot(identity: Reader) -> Whole:
        """Cards, engines, queue and users, not older than a second."""
        return _whole(await collector.recent(), identity)

    return router


def _whole(now: Snapshot, identity: Identity) -> Whole:
    everybody, everything = identity.may("jobs:all"), identity.may("monitoring:read")
    users = [
        SeenUser(name=user.name, queued=user.queued, running=user.running)
        for user in now.users
        if everybody or user.name == identity.name
    ]
    return Whole(
        at=now.at,
        version=__version__,
        host=platform.node(),
        engines=[
            SeenEngine.of(engine, _jobs(now, engine.name, identity), whole=sees_logs(identity))
            for engine in now.engines
        ],
        cards=None if now.machine is None else [_card(card) for card in now.cards],
        cards_problem=None if now.machine is None else now.machine.problem,
        queued=now.queued,
        running=now.running,
        oldest_queued_s=now.oldest_queued_s,
        users=users,
        finished=now.finished,
        disk_free=now.disk_free if everything else None,
        disk_total=now.disk_total if everything else None,
        cpu=now.cpu if everything else None,
        memory=now.memory if everything else None,
    )


def _jobs(now: Snapshot, engine: str, identity: Identity) -> list[SeenJob] | None:
    there = [job for job in now.jobs if job.engine == engine]
    mine = [job for job in there if identity.may("jobs:all") or job.account == identity.name]
    if there and not mine:
        return None
    return [SeenJob(id=job.id, account=job.account, since=job.since) for job in mine]


def _card(card: reader.Card) -> SeenCard:
    return SeenCard(**{name: getattr(card, name) for name in SeenCard.model_fields})
