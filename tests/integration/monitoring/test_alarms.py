"""Alarms outlive gesso: none is repeated, none is forgotten, on both databases."""

import asyncio
import threading
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from sqlalchemy import text

from gesso.config.alerts import AlertsConfig
from gesso.database.database import Database
from gesso.errors import StorageError
from gesso.monitoring.alarms import KEPT_S, Alarms
from gesso.monitoring.message import Message
from gesso.monitoring.notify import Notify
from gesso.monitoring.rules import Change
from gesso.monitoring.snapshot import Snapshot
from tests.databases import opened
from tests.snapshots import card, engine, machine, snapshot

NOW = 1_800_000_000.0
AT_ONCE = {"engine_down_s": 0.0, "recover_s": 0.0, "hold_s": 0.0}
FAILING = engine(state="failing", reason="killed by SIGKILL")


class Ear:
    """An address that keeps what it hears, unless it is deaf."""

    def __init__(self, name: str = "ops", severity: str = "warning") -> None:
        self.name, self.severity = name, severity
        self.deaf = False
        self.deaf_to = "nothing of that kind"
        self.free = threading.Event()
        self.free.set()
        self.titles: list[str] = []

    def send(self, message: Message) -> str | None:
        self.free.wait(30)
        if self.deaf or self.deaf_to in message.title:
            return "it is deaf"
        self.titles.append(message.title.partition(": ")[2])
        return None

    def hidden(self, text: str) -> str:
        return text


class Life:
    """One life of gesso, as far as alarms go."""

    def __init__(self, database: Database, *ears: Ear, **config: Any) -> None:
        self.at = NOW
        notify = Notify(ears, per_minute=1000, back_off_s=(3600.0,))
        settings = AlertsConfig.model_validate({**AT_ONCE, **config})
        self.alarms = Alarms(database=database, config=settings, notify=notify, clock=lambda: self.at)

    async def __aenter__(self) -> "Life":
        await self.alarms.load()
        self.task = asyncio.create_task(self.alarms.run())
        return self

    async def __aexit__(self, *_: object) -> None:
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)

    async def see(self, *engines: Any, **more: Any) -> None:
        self.at += 5.0
        await self.alarms.look(snapshot(self.at, *engines, **more))

    def names(self) -> list[str]:
        return [f"{each.rule} of {each.subject}" for each in self.alarms.present()]


def run(url: str, scenario: Callable[[Database], Awaitable[None]]) -> None:
    async def opening() -> None:
        async with opened(url) as database:
            await scenario(database)

    asyncio.run(opening())


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(30):
        while not condition():  # noqa: ASYNC110 - what is waited for is the alarms' own business
            await asyncio.sleep(0.01)


async def settled(life: Life) -> None:
    """Everybody has been told of everything."""
    await until(lambda: not any(each.owed for each in life.alarms.present()) and not life.alarms._owing)


def test_a_restart_neither_repeats_nor_forgets(database_url: str) -> None:
    async def scenario(database: Database) -> None:
        ear = Ear()
        async with Life(database, ear) as first:
            await first.see(FAILING, machine=machine(card(used=9.5)))
            await settled(first)
        assert len(ear.titles) == 2
        async with Life(database, ear) as second:
            assert second.names() == ["engine-down of engine gpu-0", "vram of card GPU-1"]
            await second.see(engine(state="starting"))
            await second.see(FAILING, machine=machine(card(used=9.5)))
            assert len(ear.titles) == 2
            await second.see(engine(), machine=machine(card()))
            await settled(second)
        assert sorted(ear.titles[2:]) == [
            "over after 10 s: Card RTX 3090 (GPU-1): 10 % of its memory is in use.",
            "over after 10 s: Engine 'gpu-0' is ready.",
        ]
        async with Life(database, ear) as third:
            await third.see(engine(), machine=machine(card()))
            assert third.names() == []
            ended = await third.alarms.ended(10)
        assert {each.ending for each in ended} == {title.partition("s: ")[2] for title in ear.titles[2:]}
        assert len(ear.titles) == 4

    run(database_url, scenario)


def test_an_alarm_is_one_line_whatever_becomes_of_it(database_url: str) -> None:
    async def scenario(database: Database) -> None:
        ear = Ear()
        async with Life(database, ear) as life:
            for used in (8.5, 9.5, 8.5, 9.5, 1.0):
                await life.see(engine(), machine=machine(card(used=used)))
            await settled(life)
            (ended,) = await life.alarms.ended(10)
        assert (ended.severity, ended.step, ended.raised) == ("critical", 2, NOW + 5.0)
        assert [title.partition(":")[0] for title in ear.titles] == [
            "warning",
            "critical (was a warning)",
            "over after 20 s",
        ]

    run(database_url, scenario)


def test_what_took_the_place_of_another_is_the_only_message(database_url: str) -> None:
    async def scenario(database: Database) -> None:
        ear = Ear()
        async with Life(database, ear) as life:
            await life.see(FAILING)
            await life.see(engine(state="stopped-after-failures"))
            await settled(life)
            assert life.names() == ["budget-spent of engine gpu-0"]
            assert [each.ending for each in await life.alarms.ended(10)] == ["Replaced by 'budget-spent'."]
        assert [title.partition(":")[0] for title in ear.titles] == ["critical", "critical"]

    run(database_url, scenario)


def test_who_could_not_be_told_is_told_after_the_restart(database_url: str) -> None:
    async def scenario(database: Database) -> None:
        deaf, ear = Ear("deaf"), Ear("ear")
        deaf.deaf = True
        async with Life(database, deaf, ear) as first:
            await first.see(FAILING)
            await until(lambda: first.alarms.present()[0].undelivered and ear.titles)
            (alarm,) = first.alarms.present()
            assert (alarm.undelivered, alarm.owed) == ({"deaf": "it is deaf"}, ("deaf",))
        deaf.deaf = False
        async with Life(database, deaf, ear) as second:
            await settled(second)
            assert second.alarms.present()[0].undelivered == {}
        assert (len(deaf.titles), len(ear.titles)) == (1, 1)

    run(database_url, scenario)


def test_an_end_that_nobody_could_be_told_is_told_after_the_restart(database_url: str) -> None:
    async def scenario(database: Database) -> None:
        ear = Ear()
        async with Life(database, ear) as first:
            await first.see(FAILING)
            await settled(first)
            ear.deaf = True
            await first.see(engine())
            await until(lambda: any(each.undelivered for each in first.alarms._owing.values()))
        ear.deaf = False
        async with Life(database, ear) as second:
            await settled(second)
        assert [title.partition(":")[0] for title in ear.titles] == ["critical", "over after 5 s"]

    run(database_url, scenario)


def test_news_that_come_while_others_are_delivered_are_owed_for_themselves(database_url: str) -> None:
    async def scenario(database: Database) -> None:
        ear = Ear()
        ear.deaf_to = "over after"
        async with Life(database, ear) as first:
            ear.free.clear()
            await first.see(FAILING)
            await first.see(engine())
            # The alarm is over before anybody has taken the news of its beginning.
            ear.free.set()
            await until(lambda: any(each.undelivered for each in first.alarms._owing.values()))
        ear.deaf_to = "nothing of that kind"
        async with Life(database, ear) as second:
            await settled(second)
        assert [title.partition(":")[0] for title in ear.titles] == ["critical", "over after 5 s"]

    run(database_url, scenario)


def test_an_address_that_is_gone_is_owed_nothing(database_url: str) -> None:
    async def scenario(database: Database) -> None:
        old, new = Ear("old"), Ear("new")
        old.deaf = True
        async with Life(database, old) as first:
            await first.see(FAILING)
        async with Life(database, new) as second:
            await settled(second)
            assert second.names() == ["engine-down of engine gpu-0"]
        assert new.titles == []

    run(database_url, scenario)


def test_a_rule_that_is_switched_off_takes_its_alarms_along_in_silence(database_url: str) -> None:
    async def scenario(database: Database) -> None:
        ear = Ear()
        async with Life(database, ear) as first:
            await first.see(FAILING)
            await settled(first)
        async with Life(database, ear, off=["engine-down"]) as second:
            assert second.names() == []
            assert (await second.alarms.ended(1))[0].ending == "Its rule is switched off."
        assert len(ear.titles) == 1

    run(database_url, scenario)


def test_what_is_long_over_is_forgotten_and_what_is_open_never(database_url: str) -> None:
    async def scenario(database: Database) -> None:
        async with Life(database) as first:
            await first.see(FAILING, disk_free=10**9)
            await first.see(engine(), disk_free=10**9)
        later = Life(database)
        later.at = NOW + KEPT_S + 60.0
        async with later:
            assert later.names() == ["disk-low of disk"]
            assert await later.alarms.ended(10) == []

    run(database_url, scenario)


class Full:
    """A database on a disk that may be full."""

    def __init__(self, inner: Database) -> None:
        self.inner = inner
        self.full = False

    async def tx(self, fn: Callable[..., Any], /, *args: object) -> Any:
        if self.full:
            raise StorageError("There is no room left on the disk.")
        return await self.inner.tx(fn, *args)

    async def read(self, fn: Callable[..., Any], /, *args: object) -> Any:
        return await self.inner.read(fn, *args)

    async def close(self) -> None:
        await self.inner.close()


def test_an_alarm_that_cannot_be_written_is_told_and_written_later(database_url: str) -> None:
    async def scenario(database: Database) -> None:
        disk, ear = Full(database), Ear()
        async with Life(disk, ear) as life:
            disk.full = True
            await life.see(disk_free=0)
            await settled(life)
            assert len(ear.titles) == 1
            assert await database.read(rows) == 0
            disk.full = False
            await life.see(disk_free=0)
            assert await database.read(rows) == 1

    run(database_url, scenario)


def rows(conn: Any) -> int:
    return int(conn.execute(text("SELECT count(*) FROM alarm")).scalar_one())


def test_snapshots_that_are_handed_over_are_looked_at(database_url: str) -> None:
    async def scenario(database: Database) -> None:
        ear = Ear()
        async with Life(database, ear) as life:
            seen: list[Snapshot] = [snapshot(NOW, FAILING), snapshot(NOW + 5, FAILING)]
            for each in seen:
                life.alarms.take(each)
            await until(lambda: ear.titles)
        assert life.names() == ["engine-down of engine gpu-0"]

    run(database_url, scenario)


def test_a_rule_that_fails_ends_nothing_and_is_said_once(
    database_url: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def scenario(database: Database) -> None:
        async with Life(database) as life:
            looked = 0

            def broken(seen: Snapshot) -> list[Change]:
                nonlocal looked
                looked += 1
                raise KeyError("a card that nobody thought of")

            with monkeypatch.context() as patched:
                patched.setattr(life.alarms._rules, "look", broken)
                life.alarms.take(snapshot(NOW + 1, FAILING))
                await until(lambda: looked == 1)
                life.alarms.take(snapshot(NOW + 2, FAILING))
                await until(lambda: looked == 2)
            life.alarms.take(snapshot(NOW + 3, FAILING))
            await until(lambda: life.names() == ["engine-down of engine gpu-0"])
            assert not life.task.done()

    run(database_url, scenario)
    assert sum("looking for alarms failed" in each.getMessage() for each in caplog.records) == 1
