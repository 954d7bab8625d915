"""Rest is a thing of engines that are known to be idle: what is asked at the last moment decides it."""

import asyncio
import sys
from dataclasses import dataclass, field

import pytest

from gesso.errors import EngineUnreachable
from gesso.fleet.member import Member
from gesso.fleet.state import State
from tests.integration.fleet.faulty import WATCHFUL, faulty, run_job
from tests.integration.fleet.stage import LIMIT_S, SKETCH, Stage, until

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals are POSIX")
MIB = 2**20


@dataclass
class Mute:
    """Keeps an engine's word on its queue back, until it is let go; then there was no answer."""

    member: Member
    asked: int = 0
    answered: asyncio.Event = field(default_factory=asyncio.Event)

    async def queue_length(self) -> int:
        self.asked += 1
        await self.answered.wait()
        raise EngineUnreachable("no answer")


def mute(member: Member, monkeypatch: pytest.MonkeyPatch) -> Mute:
    kept_back = Mute(member)
    monkeypatch.setattr(member.engine, "queue_length", kept_back.queue_length)
    return kept_back


async def ticks(member: Member, count: int = 5) -> None:
    """That many looks at its process, and what follows from them."""
    for _ in range(count):
        member.wake.set()
        await until(lambda: not member.wake.is_set())


def test_engine_that_is_asked_whether_it_may_sleep_runs_on_until_it_says_so(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def main() -> None:
        engine = SKETCH.model_copy(update={"sleep_after_s": 0.3})
        async with stage.supervisor(engine) as supervisor:
            member = supervisor.member("sketch")
            silent = mute(member, monkeypatch)
            await supervisor.wait_for("sketch", State.READY, timeout_s=LIMIT_S)
            pid = member.pid
            await until(lambda: silent.asked)
            # No job comes between the question and the sleep.
            assert not member.ready
            await ticks(member)
            assert (member.pid, member.state, member.asleep) == (pid, State.READY, False)
            silent.answered.set()
            await until(lambda: member.ready)
            await ticks(member)
            assert (member.pid, member.restarts) == (pid, 0)

    asyncio.run(main())
    assert "stopped" not in stage.states()[:-1]


def test_engine_that_was_stopped_while_it_was_asked_is_not_called_asleep(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def main() -> None:
        engine = SKETCH.model_copy(update={"sleep_after_s": 0.3})
        async with stage.supervisor(engine) as supervisor:
            member = supervisor.member("sketch")
            silent = mute(member, monkeypatch)
            await supervisor.wait_for("sketch", State.READY, timeout_s=LIMIT_S)
            await until(lambda: silent.asked)
            await supervisor.stop("sketch")
            silent.answered.set()
            await ticks(member)
            assert (member.state, member.asleep) == (State.STOPPED, False)

    asyncio.run(main())


def test_engine_above_its_limit_that_does_not_say_that_it_is_idle_runs_on(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def main() -> None:
        engine = faulty("leak:300", memory_limit=350 * MIB)
        async with stage.supervisor(engine, timing=WATCHFUL) as supervisor:
            member = await supervisor.wait_for("sketch", State.READY, timeout_s=LIMIT_S)
            silent = mute(member, monkeypatch)
            silent.answered.set()
            pid = member.pid
            await run_job(member)
            await until(lambda: "leak" in member.findings)
            await until(lambda: silent.asked > 2)
            assert (member.pid, member.usable) == (pid, True)
            monkeypatch.undo()
            await until(lambda: member.pid not in (pid, None))

    asyncio.run(main())
