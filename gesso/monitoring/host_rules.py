"""Rules about what all engines share: the queue, the disk, the certificate."""

from collections.abc import Iterator

from gesso.config.alerts import AlertsConfig
from gesso.config.values import size_text
from gesso.monitoring.rule import Rule, Severity, Sign, Step, step_at
from gesso.monitoring.snapshot import Snapshot

# A queue is short again at this part of its threshold, a disk has room again at this much more.
QUEUE_BAND = 0.8
DISK_BAND = 1.1
DAY_S = 86_400.0

WARNING, CRITICAL = Severity.WARNING, Severity.CRITICAL


def host_rules(config: AlertsConfig) -> tuple[Rule, ...]:
    jobs, wait_s, days = config.queue_jobs, config.queue_wait_s, config.certificate_days
    disk = (config.disk_warning, config.disk_critical)
    hold_s = config.hold_s
    return (
        Rule(
            name="queue-long",
            steps=(Step(severity=WARNING, for_s=hold_s),),
            look=lambda scene: _queue_long(scene.snapshot, jobs),
            when=f"{jobs} jobs wait for {hold_s:g} s",
            ends=f"fewer than {jobs * QUEUE_BAND:.0f} wait",
        ),
        Rule(
            name="queue-wait",
            steps=(Step(severity=WARNING, for_s=hold_s),),
            look=lambda scene: _queue_wait(scene.snapshot, wait_s),
            when=f"a job waits for {wait_s / 60:g} min",
            ends=f"none waits longer than {wait_s * QUEUE_BAND / 60:g} min",
        ),
        Rule(
            name="disk-low",
            steps=(Step(severity=WARNING, for_s=hold_s), Step(severity=CRITICAL, for_s=hold_s)),
            look=lambda scene: _disk_low(scene.snapshot, disk),
            when=f"{size_text(disk[0])} or less are free for {hold_s:g} s; critical at {size_text(disk[1])}",
            ends=f"more than {size_text(int(disk[0] * DISK_BAND))} are free",
        ),
        Rule(
            name="certificate",
            steps=(Step(severity=WARNING), Step(severity=WARNING), Step(severity=CRITICAL)),
            look=lambda scene: _certificate(scene.snapshot, days),
            when=f"the certificate expires in {days[0]:g} days; again at {days[1]:g}; critical: {days[2]:g}",
            ends="a newer one is served",
        ),
    )


def _queue_long(now: Snapshot, jobs: int) -> Iterator[Sign]:
    if now.queued is None:
        yield Sign(subject="queue", raises=None)
        return
    takers = sum(engine.ready for engine in now.engines)
    yield Sign(
        subject="queue",
        raises=int(now.queued >= jobs),
        keeps=int(now.queued >= jobs * QUEUE_BAND),
        summary=f"{now.queued} jobs wait.",
        evidence=f"{now.running} run; engines that take jobs: {takers}",
        remedy="`gesso engines list` shows whether engines are missing; more engines take more jobs.",
    )


def _queue_wait(now: Snapshot, wait_s: float) -> Iterator[Sign]:
    if now.queued is None:
        yield Sign(subject="queue", raises=None)
        return
    oldest_s = now.oldest_queued_s or 0.0
    yield Sign(
        subject="queue",
        raises=int(oldest_s >= wait_s),
        keeps=int(oldest_s >= wait_s * QUEUE_BAND),
        summary=f"A job waits for {oldest_s / 60:.0f} min." if oldest_s else "No job waits.",
        evidence=f"{now.queued} jobs wait, {now.running} run",
        remedy="`gesso jobs list --all` shows what waits for what; it may need an engine that is not ready.",
    )


def _disk_low(now: Snapshot, thresholds: tuple[int, int]) -> Iterator[Sign]:
    free = now.disk_free
    if free is None:
        yield Sign(subject="disk", raises=None)
        return
    of = "" if now.disk_total is None else f" of {size_text(now.disk_total)}"
    yield Sign(
        subject="disk",
        raises=sum(free <= each for each in thresholds),
        keeps=sum(free <= each * DISK_BAND for each in thresholds),
        summary=f"{size_text(free)} are free on the disk of the storage directory.",
        evidence=f"{size_text(free)}{of} are free",
        remedy="Free space there, or lower `storage.keep_days` and `storage.keep_size`.",
    )


def _certificate(now: Snapshot, days: tuple[float, float, float]) -> Iterator[Sign]:
    if now.certificate_expires is None:
        yield Sign(subject="certificate", raises=None)
        return
    left = (now.certificate_expires - now.at) / DAY_S
    told = f"expires in {left:.0f} days" if left >= 0 else f"expired {-left:.0f} days ago"
    thresholds = tuple(-each for each in days)
    yield Sign(
        subject="certificate",
        raises=step_at(-left, thresholds),
        keeps=step_at(1.0 - left, thresholds),
        summary=f"The certificate that gesso serves {told}.",
        evidence=f"it {told}",
        remedy="Renew it; browsers refuse one that has expired.",
    )
