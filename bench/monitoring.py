"""What it costs to watch: processor time of each look, and what its samples weigh."""

import asyncio
import random
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import psutil
from sqlalchemy import Connection, func, select, text

from bench.figures import Bound, Figure, Section, shown
from bench.place import Place
from gesso.config.alerts import AlertsConfig
from gesso.config.engine import EngineConfig
from gesso.database.database import Database, open_database
from gesso.database.schema import sample
from gesso.database.sqlite import sqlite_url
from gesso.events import Bus
from gesso.fleet.member import Member
from gesso.gpus.reader import Card, GpuProcess, Machine
from gesso.monitoring.collect import Collector
from gesso.monitoring.metrics import Around, exposition
from gesso.monitoring.recorder import Recorder
from gesso.monitoring.rules import Rules
from gesso.monitoring.samples import Samples
from gesso.monitoring.snapshot import Snapshot
from gesso.monitoring.thinning import MINUTE_S, QUARTER_S, RAW_S

CARDS = ENGINES = 8
EVERY_S, SCRAPED_EVERY = 5.0, 3
GOAL_SHARE, GOAL_MB = 1.0, 50.0
HOUR_S, DAY_S = 3600.0, 86_400.0
KEPT_DAYS = {RAW_S: 2 / 24, MINUTE_S: 2.0, QUARTER_S: 28.0}
GIB = 2**30
HOW = f"""
{CARDS} cards and {ENGINES} engines, a look every {EVERY_S:.0f} s, a scrape by Prometheus at every third.
Engines are real processes, each with a child; cards are made up, so what the driver takes to be read is not
in it. The clock is moved on by hand, so that hours pass in seconds; each look, the rules of the alerts, the
samples, their thinning and the scrape are what a gesso does that runs. Processor time is that of the whole
process, threads included, once thinning has begun, after two hours. Samples are weighed by the pages that
the database needs for them.
"""


class Still(Member):
    """An engine of which only the process is real."""

    def __init__(self, name: str, pid: int) -> None:
        config = EngineConfig(name=name, kind="sketch")
        super().__init__(config, None, _Idle(), log=Path("log"), record=Path("record"))  # type: ignore[arg-type]
        self._pid = pid

    @property
    def pid(self) -> int | None:
        return self._pid

    @property
    def url(self) -> str:
        return "http://127.0.0.1:8188"


class _Idle:
    queue_remaining = 0


@dataclass(slots=True)
class Moment:
    """A clock that is moved by hand, and cards that change with it."""

    now: float
    machine: Machine

    def pass_on(self, chance: random.Random) -> None:
        self.now += EVERY_S
        cards = tuple(
            replace(
                card,
                utilisation=float(chance.randint(0, 100)),
                memory_used=chance.randrange(24 * GIB),
                temperature_c=float(chance.randint(40, 85)),
                power_w=round(chance.uniform(30, 350), 2),
                clock_mhz=float(chance.randint(210, 2100)),
            )
            for card in self.machine.cards
        )
        self.machine = replace(self.machine, at=self.now, cards=cards)


@dataclass(frozen=True, slots=True, kw_only=True)
class Weight:
    """All samples of one resolution, once alone in the database."""

    rows: int
    size: int


def measure(place: Place) -> Section:
    hours = 3 if place.quick else 10
    section = Section(
        name="monitoring",
        title=f"Watching {CARDS} cards and {ENGINES} engines",
        how=HOW.strip(),
        columns=("samples", "rows a day", "bytes a row", "MB a day", "kept for", "MB kept"),
    )
    url = sqlite_url(place.folder("monitoring") / "gesso.sqlite3")
    with ExitStack() as stack:
        pids = [stack.enter_context(_engine()) for _ in range(ENGINES)]
        cpu_s, ticks, weights = asyncio.run(_watch(place, url, pids, hours))
    a_day, kept = 0.0, 0.0
    spans = {RAW_S: EVERY_S, MINUTE_S: MINUTE_S, QUARTER_S: QUARTER_S}
    words = {RAW_S: f"every {EVERY_S:.0f} s", MINUTE_S: "of a minute", QUARTER_S: "of 15 minutes"}
    for span_s, weight in weights.items():
        per_row, rows = weight.size / weight.rows, (CARDS + ENGINES + 2) * DAY_S / spans[span_s]
        mb = per_row * rows / 1e6
        a_day, kept = a_day + mb, kept + mb * KEPT_DAYS[span_s]
        for_ = f"{KEPT_DAYS[span_s] * 24:.0f} h" if span_s == RAW_S else f"{KEPT_DAYS[span_s]:.0f} d"
        more = (shown(per_row), shown(mb), for_, shown(mb * KEPT_DAYS[span_s]))
        section.rows.append((words[span_s], f"{rows:.0f}", *more))
    section.rows.append(("together", "", "", shown(a_day), "30 d", shown(kept)))
    section.figures.extend(_figures(1000 * cpu_s / ticks, a_day))
    return section


def _figures(cpu_ms: float, a_day: float) -> list[Figure]:
    return [
        Figure(
            what=f"watching {CARDS} cards and {ENGINES} engines, of one core",
            value=100 * cpu_ms / 1000 / EVERY_S,
            unit="%",
            bound=Bound.AT_MOST,
            goal=GOAL_SHARE,
            note=f"{shown(cpu_ms)} ms of processor time every {EVERY_S:.0f} s; without the driver's part",
        ),
        Figure(
            what="samples of a day, before any is thinned",
            value=a_day,
            unit="MB",
            bound=Bound.AT_MOST,
            goal=GOAL_MB,
        ),
    ]


async def _watch(
    place: Place, url: str, pids: Sequence[int], hours: int
) -> tuple[float, int, dict[int, Weight]]:
    """Processor time, of how many looks, and what the samples of each resolution weigh."""
    database = await open_database(url)
    try:
        empty = await database.read(_used)
        moment = Moment(1_795_248_000.0, Machine(reader="made up", at=0.0, cards=_cards(pids)))
        recorder = Recorder(Samples(database), keep_days=30.0)
        collector = _collector(database, place, moment, recorder, pids)
        rules = Rules(AlertsConfig(), {})
        collector.subscribe(lambda snapshot: _look(rules, snapshot))
        place.say("two hours, every 5 s, before anything is thinned")
        await _pass(collector, moment, int(2 * HOUR_S / EVERY_S))
        await recorder.flush()
        weights = {RAW_S: await _weigh(database, RAW_S, empty)}
        ticks = int((hours - 2) * HOUR_S / EVERY_S)
        place.say(f"{hours - 2} more hours, thinned with age")
        cpu_s = await _pass(collector, moment, ticks)
        await recorder.flush()
        for span_s, age_s in ((MINUTE_S, 3 * HOUR_S), (QUARTER_S, 3 * DAY_S)):
            while await recorder.samples.thin(moment.now + age_s):
                pass
            weights[span_s] = await _weigh(database, span_s, empty)
        return cpu_s, ticks, weights
    finally:
        await database.close()


async def _pass(collector: Collector, moment: Moment, ticks: int) -> float:
    """So many looks; the processor time they took, without that of making up the cards."""
    chance = random.Random(1)  # noqa: S311
    spent = 0.0
    for tick in range(ticks):
        moment.pass_on(chance)
        begun = time.process_time()
        await collector.tick()
        if tick % SCRAPED_EVERY == 0:
            exposition(collector.latest, Around(now=moment.now, version="bench", host="bench"))
        spent += time.process_time() - begun
    return spent


def _look(rules: Rules, snapshot: Snapshot) -> None:
    rules.look(snapshot)


def _collector(
    database: Database, place: Place, moment: Moment, recorder: Recorder, pids: Sequence[int]
) -> Collector:
    members = [Still(f"engine-{number}", pid) for number, pid in enumerate(pids)]
    return Collector(
        database=database,
        members=lambda: members,
        machine=lambda: moment.machine,
        bus=Bus(),
        directory=place.directory,
        every_s=EVERY_S,
        record=recorder.take,
        clock=lambda: moment.now,
    )


def _cards(pids: Sequence[int]) -> tuple[Card, ...]:
    return tuple(
        Card(
            uuid=f"GPU-{number:08x}-1c2d-4e5f-8a9b-0123456789ab",
            name="NVIDIA H100 80GB HBM3",
            nvml_index=number,
            pci=f"00000000:{number + 16:02X}:00.0",
            memory_total=80 * GIB,
            processes=(GpuProcess(pid=pids[number], memory=GIB),),
        )
        for number in range(CARDS)
    )


@contextmanager
def _engine() -> Iterator[int]:
    """A process with a child, both asleep."""
    sleep = "import time; time.sleep(3600)"
    parent = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {sleep!r}])"
    process = subprocess.Popen([sys.executable, "-c", parent])
    try:
        yield process.pid
    finally:
        for child in psutil.Process(process.pid).children():
            child.kill()
        process.kill()
        process.wait()


async def _weigh(database: Database, span_s: int, empty: int) -> Weight:
    rows: dict[int, int] = await database.read(_rows)
    assert set(rows) == {span_s}, rows
    return Weight(rows=rows[span_s], size=await database.read(_used) - empty)


def _rows(conn: Connection) -> dict[int, int]:
    counted = select(sample.c.span_s, func.count()).group_by(sample.c.span_s)
    return {span: number for span, number in conn.execute(counted)}


def _used(conn: Connection) -> int:
    """Bytes of the pages that are in use."""

    def pragma(name: str) -> Any:
        return conn.execute(text(f"PRAGMA {name}")).scalar_one()

    return int(pragma("page_size") * (pragma("page_count") - pragma("freelist_count")))
