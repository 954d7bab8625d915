"""Every metric of `/gesso/metrics`, in one list: name, meaning, labels, and where its values come from."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

from gesso.fleet.state import State
from gesso.gpus.reader import Card
from gesso.monitoring.series import READINGS
from gesso.monitoring.snapshot import EngineReading, Snapshot

MIB = 2**20

Value = int | float | bool | None
Series = Iterable[tuple[tuple[str, ...], Value]]
"""Values of the labels in their order, and the value. What is None is not known, and left out."""


class Kind(StrEnum):
    GAUGE = "gauge"
    COUNTER = "counter"


@dataclass(frozen=True, slots=True, kw_only=True)
class Around:
    """What a snapshot does not say."""

    now: float
    version: str
    host: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """One name. `read` gives its series; no snapshot yet: none, but for gesso's own."""

    name: str
    kind: Kind
    help: str
    labels: tuple[str, ...]
    read: Callable[[Snapshot, Around], Series]


def exposition(snapshot: Snapshot | None, around: Around) -> bytes:
    """The text that Prometheus scrapes. Without a snapshot it says no more than that gesso answers."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Families(snapshot, around))
    return generate_latest(registry)


class _Families(Collector):
    def __init__(self, snapshot: Snapshot | None, around: Around) -> None:
        self._snapshot = snapshot
        self._around = around

    def collect(self) -> Iterator[GaugeMetricFamily | CounterMetricFamily]:
        for metric in METRICS:
            if self._snapshot is None:
                series: Series = [((), 1)] if metric is UP else []
            else:
                series = metric.read(self._snapshot, self._around)
            kind = GaugeMetricFamily if metric.kind is Kind.GAUGE else CounterMetricFamily
            family = kind(metric.name, metric.help, labels=metric.labels)
            for labels, value in series:
                if value is not None:
                    family.add_metric(labels, float(value))
            if family.samples:
                yield family


def _gauge(name: str, help: str, read: Callable[[Snapshot, Around], Series], *labels: str) -> Metric:
    return Metric(name=name, kind=Kind.GAUGE, help=help, labels=labels, read=read)


def _counter(name: str, help: str, read: Callable[[Snapshot, Around], Series], *labels: str) -> Metric:
    return Metric(name=name, kind=Kind.COUNTER, help=help, labels=labels, read=read)


def _one(read: Callable[[Snapshot], Value]) -> Callable[[Snapshot, Around], Series]:
    """A single series without labels."""
    return lambda now, around: [((), read(now))]


def _engines(read: Callable[[EngineReading], Value]) -> Callable[[Snapshot, Around], Series]:
    """A series for each engine, with its name."""
    return lambda now, around: [((engine.name,), read(engine)) for engine in now.engines]


def _cards(read: Callable[[Card], Value]) -> Callable[[Snapshot, Around], Series]:
    """A series for each card, with the labels of dcgm-exporter."""
    return lambda now, around: [(_card_labels(card, around), read(card)) for card in now.cards]


CARD_LABELS = ("gpu", "UUID", "pci_bus_id", "device", "modelName", "Hostname")


def _card_labels(card: Card, around: Around) -> tuple[str, ...]:
    index = card.nvml_index
    return (str(index), card.uuid, card.pci or "", f"nvidia{index}", card.name, around.host)


def _states(now: Snapshot, around: Around) -> Series:
    return [
        ((engine.name, state.value), engine.state == state.value) for engine in now.engines for state in State
    ]


def _findings(now: Snapshot, around: Around) -> Series:
    return [((engine.name, finding.name), 1) for engine in now.engines for finding in engine.findings]


def _engine_cards(now: Snapshot, around: Around) -> Series:
    return [((engine.name, engine.gpu), 1) for engine in now.engines if engine.gpu is not None]


def _jobs(now: Snapshot, around: Around) -> Series:
    return [(("queued",), now.queued), (("running",), now.running)]


def _finished(now: Snapshot, around: Around) -> Series:
    return [((state,), number) for state, number in now.finished.items()]


def _throttled(now: Snapshot, around: Around) -> Series:
    return [
        ((str(card.nvml_index), card.uuid, reason), 1)
        for card in now.cards
        for reason in card.throttled_by or ()
    ]


def _readable(now: Snapshot) -> Value:
    return None if now.machine is None else now.machine.problem is None


def _mib(size: int | None) -> Value:
    return None if size is None else round(size / MIB)


def _free(card: Card) -> Value:
    if card.memory_total is None or card.memory_used is None:
        return None
    return _mib(card.memory_total - card.memory_used)


def _users(now: Snapshot) -> Value:
    return None if now.queued is None else len(now.users)


UP = _gauge("gesso_up", "1: gesso answers.", _one(lambda now: 1))

METRICS: tuple[Metric, ...] = (
    UP,
    _gauge("gesso_info", "1, with gesso's version.", lambda now, around: [((around.version,), 1)], "version"),
    _gauge(
        "gesso_snapshot_age_seconds",
        "How old is what is told here; growing: gesso does not look any more.",
        lambda now, around: [((), max(0.0, around.now - now.at))],
    ),
    _gauge(
        "gesso_engine_state",
        "1 for the state that the engine is in, 0 for all others.",
        _states,
        "engine",
        "state",
    ),
    _gauge("gesso_engine_ready", "1: the engine takes jobs.", _engines(lambda each: each.ready), "engine"),
    _gauge(
        "gesso_engine_draining",
        "1: somebody has asked that the engine is given no more jobs.",
        _engines(lambda each: each.draining),
        "engine",
    ),
    _counter(
        "gesso_engine_restarts_total",
        "How often gesso has started the engine again.",
        _engines(lambda each: each.restarts),
        "engine",
    ),
    _gauge(
        "gesso_engine_queue",
        "Jobs that the engine says it has or waits with.",
        _engines(lambda each: each.queue_remaining),
        "engine",
    ),
    _counter(
        "gesso_engine_cpu_seconds_total",
        "Processor time of the engine's processes.",
        _engines(lambda each: each.cpu),
        "engine",
    ),
    _gauge(
        "gesso_engine_memory_bytes",
        "Resident memory of the engine's processes.",
        _engines(lambda each: each.memory),
        "engine",
    ),
    _gauge(
        "gesso_engine_gpu_memory_bytes",
        "What the engine's processes hold on cards.",
        _engines(lambda each: each.gpu_memory),
        "engine",
    ),
    _gauge("gesso_engine_gpu", "1: the engine is meant to use this card.", _engine_cards, "engine", "UUID"),
    _gauge("gesso_findings", "1 for each thing that is wrong with an engine.", _findings, "engine", "name"),
    _gauge("gesso_jobs", "Jobs that wait, and jobs that engines have.", _jobs, "state"),
    _counter(
        "gesso_jobs_finished_total",
        "Jobs that ended: succeeded, failed, cancelled.",
        _finished,
        "state",
    ),
    _gauge(
        "gesso_queue_oldest_seconds",
        "How long the job waits that waits longest; absent: none waits.",
        _one(lambda now: now.oldest_queued_s),
    ),
    _gauge("gesso_users_active", "Accounts with unfinished jobs.", _one(_users)),
    _gauge("gesso_disk_free_bytes", "Free where gesso keeps its files.", _one(lambda now: now.disk_free)),
    _gauge("gesso_disk_size_bytes", "Size of that file system.", _one(lambda now: now.disk_total)),
    _gauge(
        "gesso_certificate_expiry_timestamp_seconds",
        "When the certificate that gesso serves expires; absent: it serves none.",
        _one(lambda now: now.certificate_expires),
    ),
    _counter("gesso_process_cpu_seconds_total", "Processor time of gesso itself.", _one(lambda now: now.cpu)),
    _gauge(
        "gesso_process_resident_memory_bytes",
        "Resident memory of gesso itself.",
        _one(lambda now: now.memory),
    ),
    _gauge(
        "gesso_gpus_readable",
        "1: the cards were read whole; 0: they, or some, cannot be.",
        _one(_readable),
    ),
    _gauge("gesso_gpu_info", "1 for each card that is seen.", _cards(lambda card: 1), *CARD_LABELS),
    _gauge(
        "gesso_gpu_throttled",
        "1 for each reason for which the card's clocks are lowered now.",
        _throttled,
        "gpu",
        "UUID",
        "reason",
    ),
    _gauge(
        "gesso_gpu_power_limit_watts",
        "What the card may draw.",
        _cards(lambda card: card.power_limit_w),
        *CARD_LABELS,
    ),
    _gauge(
        "DCGM_FI_DEV_GPU_UTIL",
        "GPU utilization (in %).",
        _cards(lambda card: card.utilisation),
        *CARD_LABELS,
    ),
    _gauge(
        "DCGM_FI_DEV_FB_USED",
        "Framebuffer memory used (in MiB).",
        _cards(lambda card: _mib(card.memory_used)),
        *CARD_LABELS,
    ),
    _gauge("DCGM_FI_DEV_FB_FREE", "Framebuffer memory free (in MiB).", _cards(_free), *CARD_LABELS),
    _gauge(
        "DCGM_FI_DEV_GPU_TEMP",
        "GPU temperature (in C).",
        _cards(lambda card: card.temperature_c),
        *CARD_LABELS,
    ),
    _gauge("DCGM_FI_DEV_POWER_USAGE", "Power draw (in W).", _cards(lambda card: card.power_w), *CARD_LABELS),
    _gauge(
        "DCGM_FI_DEV_SM_CLOCK",
        "SM clock frequency (in MHz).",
        _cards(lambda card: card.clock_mhz),
        *CARD_LABELS,
    ),
    _gauge(
        "DCGM_FI_DEV_MEM_CLOCK",
        "Memory clock frequency (in MHz).",
        _cards(lambda card: card.memory_clock_mhz),
        *CARD_LABELS,
    ),
    _gauge(
        "DCGM_FI_DEV_XID_ERRORS",
        "Value of the last XID error encountered.",
        _cards(lambda card: card.xid),
        *CARD_LABELS,
    ),
)

BY_NAME: Mapping[str, Metric] = {metric.name: metric for metric in METRICS}


def markdown() -> str:
    """The reference page of metrics and samples."""
    lines = [
        "# Metrics and samples",
        "",
        "What `GET /gesso/metrics` tells Prometheus. What is not known is absent, never 0. Those that begin",
        "with `DCGM_` have the names, units and labels of NVIDIA's dcgm-exporter. Generated from",
        "`gesso/monitoring/metrics.py` and `series.py`.",
        "",
        "| metric | type | labels | meaning |",
        "|---|---|---|---|",
    ]
    for metric in METRICS:
        labels = ", ".join(f"`{label}`" for label in metric.labels)
        lines.append(f"| `{metric.name}` | {metric.kind.value} | {labels} | {metric.help} |")
    lines += [
        "",
        "## Samples",
        "",
        "What `GET /gesso/api/samples` and `gesso samples` tell. A series is the source and the name, as in",
        "`gpu.GPU-8f3a….temperature`, `engine.qwen.memory`, `queue.queued`.",
        "",
        "| source | name | unit and meaning |",
        "|---|---|---|",
    ]
    sources = {"gpu": "gpu.UUID", "engine": "engine.NAME", "queue": "queue", "gesso": "gesso"}
    for kind, readings in READINGS.items():
        lines += [f"| `{sources[kind]}` | `{name}` | {meaning} |" for name, meaning in readings.items()]
    return "\n".join(lines) + "\n"
