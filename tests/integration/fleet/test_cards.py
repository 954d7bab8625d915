"""Cards are read beside the loop, and a driver that hangs stops nothing."""

import asyncio
import threading
import time

import pytest

from gesso.config.engine import EngineConfig
from gesso.fleet import cards as module
from gesso.fleet.cards import Cards
from gesso.fleet.state import State
from gesso.gpus.reader import Machine
from tests.integration.fleet.stage import Stage, until

LIMIT_S = 30.0


class Driver:
    """A reader that counts, and hangs or breaks while it is told to."""

    def __init__(self) -> None:
        self.readings = 0
        self.free = threading.Event()
        self.free.set()
        self.breaks = False
        self.threads: set[str] = set()
        self.closed = False

    def read(self) -> Machine:
        self.readings += 1
        self.threads.add(threading.current_thread().name)
        assert self.free.wait(LIMIT_S)
        if self.breaks:
            raise OSError("a defect in the reader")
        return Machine(reader="recorded", at=time.time(), driver=str(self.readings))

    def close(self) -> None:
        self.closed = True


@pytest.fixture
def driver() -> Driver:
    return Driver()


def test_cards_are_read_again_and_again_off_the_loop(driver: Driver) -> None:
    cards = Cards(driver, 0.01)

    async def main() -> None:
        assert cards.latest is None and cards.awaited
        task = asyncio.create_task(cards.run())
        await until(lambda: driver.readings >= 3)
        assert cards.latest is not None and not cards.awaited
        task.cancel()
        await asyncio.wait((task,))
        await until(lambda: cards._under_way is None)
        await cards.close()

    asyncio.run(main())
    assert driver.threads == {"cards"}
    assert driver.closed


def test_a_refresh_is_no_older_than_its_asking(driver: Driver) -> None:
    cards = Cards(driver, 60.0)

    async def main() -> None:
        driver.free.clear()
        first = asyncio.create_task(cards.refresh(LIMIT_S))
        await until(lambda: driver.readings == 1)
        second = asyncio.create_task(cards.refresh(LIMIT_S))
        await asyncio.sleep(0)
        driver.free.set()
        assert (await first) is not None
        newer = await second
        assert newer is not None and newer.driver == "2"

    asyncio.run(main())


def test_what_a_hanging_driver_said_last_becomes_unknown(
    driver: Driver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PATIENCE_S", 0.3)
    cards = Cards(driver, 0.01)

    async def main() -> None:
        task = asyncio.create_task(cards.run())
        await until(lambda: cards.latest)
        driver.free.clear()
        await until(lambda: cards.latest is None)
        count = driver.readings
        # Nobody waits for it any more, and no second thread is sent after the first.
        begun = time.monotonic()
        assert await cards.refresh(LIMIT_S) is None
        assert time.monotonic() - begun < LIMIT_S / 2
        assert driver.readings == count
        await cards.close()
        assert not driver.closed
        driver.free.set()
        await until(lambda: cards.latest)
        task.cancel()
        await asyncio.wait((task,))

    asyncio.run(main())


def test_engines_become_ready_and_end_while_the_driver_hangs(driver: Driver, stage: Stage) -> None:
    driver.free.clear()

    async def main() -> None:
        async with stage.supervisor(reader=driver) as supervisor:
            await until(lambda: driver.readings)
            assert supervisor.cards.latest is None
        driver.free.set()

    asyncio.run(main())


def test_a_hanging_driver_keeps_from_starting_only_who_is_named_by_name(
    driver: Driver, stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PATIENCE_S", 0.3)
    driver.free.clear()
    uuid = "GPU-11111111-1111-1111-1111-111111111111"
    engines = [
        EngineConfig(name=name, kind="sketch", gpu=gpu)
        for name, gpu in (("free", None), ("exact", uuid), ("named", "3090"))
    ]

    async def main() -> None:
        async with stage.supervisor(*engines, reader=driver) as supervisor:
            for name in ("free", "exact"):
                await supervisor.wait_for(name, State.READY, timeout_s=LIMIT_S)
            named = await supervisor.wait_for("named", State.FAILING, timeout_s=LIMIT_S)
            assert list(named.findings) == ["gpu-unknown"]
        driver.free.set()

    asyncio.run(main())
    # While the first reading may still come, nothing is wrong.
    assert stage.states("named") == ["starting", "failing"]


def test_a_reader_that_fails_leaves_the_last_reading_and_is_asked_again(
    driver: Driver, monkeypatch: pytest.MonkeyPatch
) -> None:
    cards = Cards(driver, 0.01)
    told: list[object] = []
    monkeypatch.setattr(threading, "excepthook", told.append)

    async def main() -> None:
        before = await cards.refresh()
        driver.breaks = True
        assert await cards.refresh() is before
        driver.breaks = False
        assert await cards.refresh() is not before
        assert told

    asyncio.run(main())


def test_without_a_reader_nothing_is_known_and_nobody_waits() -> None:
    async def main() -> None:
        cards = Cards(None)
        assert not cards.awaited
        assert await cards.refresh() is None
        await cards.run()
        await cards.close()

    asyncio.run(main())
