"""Engines above their limits of memory are restarted: known to have no job, and not again and again."""

import asyncio
import sys
import time

import pytest

from gesso.fleet.decide import Wanted
from gesso.fleet.state import State
from gesso.gpus.reader import Card, GpuProcess, Machine
from tests.integration.fleet.faulty import WATCHFUL, faulty, run_job
from tests.integration.fleet.stage import LIMIT_S, SKETCH, Stage, until

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals are POSIX")
MIB = 2**20


def test_engine_above_its_limit_is_restarted_between_jobs_but_not_again_and_again(stage: Stage) -> None:
    async def main() -> None:
        engine = faulty("leak:300", memory_limit=350 * MIB)
        async with stage.supervisor(engine, timing=WATCHFUL, restarts=0) as supervisor:
            member = await supervisor.wait_for("sketch", State.READY, timeout_s=LIMIT_S)
            pid = member.pid
            # Whoever gives it jobs has one that it does not know of yet.
            member.jobs = lambda: 1
            await run_job(member)
            found = await until(lambda: member.findings.get("leak"))
            assert "RAM " in found.evidence
            assert "its limit is 367" in found.evidence
            await until(lambda: not member.ready and "given no more jobs" in member.reason)
            assert member.usable
            assert member.pid == pid
            member.jobs = lambda: 0
            await until(lambda: member.pid not in (pid, None))
            await supervisor.wait_for("sketch", State.READY, timeout_s=LIMIT_S)
            await until(lambda: "leak" not in member.findings and member.ready)
            assert (member.restarts, member.failures) == (0, [])
            # The same again: it is said, but so soon nothing is done about it.
            second = member.pid
            await run_job(member, seed=1)
            await until(lambda: "leak" in member.findings)
            before = member.signs.vitals
            await until(lambda: member.signs.vitals is not before)
            assert member.ready
            assert member.pid == second

    asyncio.run(main())
    assert any("restarted between jobs: RAM" in event.reason for event in stage.events)
    assert "failing" not in stage.states()


def test_engine_whose_activity_is_unknown_is_not_restarted_for_its_memory(stage: Stage) -> None:
    async def main() -> None:
        async with stage.supervisor(
            SKETCH.model_copy(update={"memory_limit": 1}), timing=WATCHFUL
        ) as supervisor:
            member = supervisor.member("sketch")
            member.jobs = lambda: 1
            await supervisor.wait_for("sketch", State.READY, timeout_s=LIMIT_S)
            pid = member.pid
            await until(lambda: "leak" in member.findings)
            member.socket.queue_remaining = None
            member.jobs = lambda: 0
            before = member.signs.vitals
            await until(lambda: member.signs.vitals is not before)
            assert member.pid == pid
            member.wanted = Wanted.STOPPED

    asyncio.run(main())


class OneCard:
    """A reader of one card, on which everything asked about holds the same."""

    def __init__(self) -> None:
        self.pid = 0
        self.held: int | None = None

    def read(self) -> Machine:
        process = GpuProcess(pid=self.pid, memory=self.held)
        card = Card(uuid="GPU-0", name="RTX 3090", nvml_index=0, pci=None, processes=(process,))
        return Machine(reader="recorded", at=time.time(), cards=(card,))

    def close(self) -> None:
        """Nothing to close."""


def test_limit_of_memory_on_the_card_counts_only_what_is_known(stage: Stage) -> None:
    reader = OneCard()

    async def main() -> None:
        engine = SKETCH.model_copy(update={"vram_limit": 8 * 10**9})
        async with stage.supervisor(engine, timing=WATCHFUL, reader=reader) as supervisor:
            member = await supervisor.wait_for("sketch", State.READY, timeout_s=LIMIT_S)
            pid = reader.pid = member.pid or 0
            before = member.signs.vitals
            await until(lambda: member.signs.vitals not in (before, None))
            assert not member.findings
            member.jobs = lambda: 1
            reader.held = 9 * 10**9
            found = await until(lambda: member.findings.get("leak"))
            assert found.evidence.startswith("VRAM 9")
            reader.held = None
            await until(lambda: "leak" not in member.findings and member.ready)
            reader.held = 9 * 10**9
            member.jobs = lambda: 0
            await until(lambda: member.pid not in (pid, None))

    asyncio.run(main())
