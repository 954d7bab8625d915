"""Engines on the cards that they are held to: real processes, and a machine whose readings a test writes."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest

from gesso.config.engine import EngineConfig
from gesso.config.gpus import GpusConfig
from gesso.fleet import offload
from gesso.fleet.member import Member
from gesso.fleet.proof import Proven
from gesso.fleet.state import State
from gesso.fleet.supervisor import Supervisor
from gesso.gpus.recorded import RecordedReader
from tests.fleet import lasting
from tests.integration.fleet.stage import LIMIT_S, Stage, until
from tests.integration.sketch.exchange import send_json
from tests.machines import GIB, LARGE, SMALL, RecordedCards

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals are POSIX")

QUICK = GpusConfig(every_s=0.1, offload_after_s=0.5)


@pytest.fixture
def cards(tmp_path: Path) -> RecordedCards:
    return RecordedCards(tmp_path / "machine.json")


def engine(name: str = "one", **keys: Any) -> EngineConfig:
    return EngineConfig(name=name, kind="sketch", **keys)


@asynccontextmanager
async def fleet(
    stage: Stage, cards: RecordedCards, *engines: EngineConfig, **more: Any
) -> AsyncIterator[Supervisor]:
    reader = RecordedReader(cards.path)
    async with stage.supervisor(*engines, reader=reader, gpus=QUICK, **more) as supervisor:
        yield supervisor


async def ready(supervisor: Supervisor, name: str = "one") -> Member:
    return await supervisor.wait_for(name, State.READY, timeout_s=LIMIT_S)


async def held(supervisor: Supervisor, finding: str, name: str = "one") -> Member:
    """Wait until it is kept from starting by that finding."""
    member = supervisor.member(name)
    await until(lambda: finding in member.findings and member.state is State.FAILING)
    assert member.pid is None
    assert finding in member.reason
    # Nothing failed: its budget is for engines that do.
    assert not member.failures and not member.restarts
    return member


def pid_of(member: Member) -> int:
    assert member.pid is not None
    return member.pid


@pytest.mark.parametrize("text", ["3090", LARGE, LARGE[:8]])
def test_an_engine_is_given_the_uuid_of_its_card(stage: Stage, cards: RecordedCards, text: str) -> None:
    async def main() -> None:
        async with fleet(stage, cards, engine(gpu=text)) as supervisor:
            environ = psutil.Process(pid_of(await ready(supervisor))).environ()
            assert environ["CUDA_VISIBLE_DEVICES"] == LARGE
            assert environ["CUDA_DEVICE_ORDER"] == "PCI_BUS_ID"

    asyncio.run(main())


def test_its_place_is_proven_by_its_process_and_a_contradiction_is_only_told(
    stage: Stage, cards: RecordedCards
) -> None:
    async def main() -> None:
        async with fleet(stage, cards, engine(gpu="3090"), engine("free")) as supervisor:
            member = await ready(supervisor)
            pid = pid_of(member)

            def proven(answer: Proven) -> bool:
                return member.gpu is not None and member.gpu.proven is answer

            await until(lambda: member.gpu is not None and "no memory on any card" in member.gpu.evidence)
            assert proven(Proven.UNKNOWN)
            cards.hold(LARGE, {pid: 5})
            await until(lambda: proven(Proven.YES))
            gpu = member.gpu
            assert gpu is not None
            assert (gpu.uuid, gpu.name) == (LARGE, "NVIDIA GeForce RTX 3090")
            assert gpu.evidence == f"PID {pid} holds 5 GiB there"
            assert not member.findings
            cards.hold(LARGE, {})
            cards.hold(SMALL, {pid: 5})
            await until(lambda: "wrong-card" in member.findings)
            assert proven(Proven.NO)
            assert f"PID {pid} holds 5 GiB on NVIDIA GeForce RTX 3080 Ti" in str(
                member.findings["wrong-card"]
            )
            # Not to see everything takes nothing back.
            cards.change(SMALL, processes=None)
            await until(lambda: proven(Proven.UNKNOWN))
            assert "wrong-card" in member.findings
            cards.hold(SMALL, {})
            cards.hold(LARGE, {pid: 5})
            await until(lambda: not member.findings and proven(Proven.YES))
            assert (member.pid, member.restarts, member.state) == (pid, 0, State.READY)
            free = await ready(supervisor, "free")
            assert free.gpu is None and not free.findings

    asyncio.run(main())


def test_a_card_that_cannot_be_told_holds_its_engine_and_no_other(stage: Stage, cards: RecordedCards) -> None:
    async def main() -> None:
        both = (engine(gpu="RTX"), engine("two", gpu="3090"))
        async with fleet(stage, cards, *both) as supervisor:
            await ready(supervisor, "two")
            member = await held(supervisor, "gpu-unknown")
            told = str(member.findings["gpu-unknown"])
            assert SMALL in told and LARGE in told
            assert member.gpu is not None and member.gpu.uuid is None
            await supervisor.stop("one")
            await until(lambda: not member.findings)
            supervisor.start("one")
            await held(supervisor, "gpu-unknown")
            cards.take_out(SMALL)
            # The second has the other one for itself.
            await held(supervisor, "card-full")
            await supervisor.stop("two")
            await ready(supervisor)
            assert not member.findings

    asyncio.run(main())


def test_a_uuid_needs_no_reading_and_a_name_does(stage: Stage) -> None:
    async def main() -> None:
        async with stage.supervisor(engine(gpu=LARGE), engine("two", gpu="3090"), gpus=QUICK) as supervisor:
            member = await ready(supervisor)
            assert psutil.Process(pid_of(member)).environ()["CUDA_VISIBLE_DEVICES"] == LARGE
            assert member.gpu is not None and member.gpu.proven is Proven.UNKNOWN
            two = await held(supervisor, "gpu-unknown", "two")
            assert "cannot be read" in str(two.findings["gpu-unknown"])

    asyncio.run(main())


def test_engines_share_a_card_as_far_as_it_reaches(stage: Stage, cards: RecordedCards) -> None:
    share = [engine(name, gpu="3090", vram=9 * GIB) for name in ("one", "two", "three")]

    async def main() -> None:
        async with fleet(stage, cards, *share) as supervisor:
            await until(lambda: sum(member.ready for member in supervisor.members()) == 2)
            last = next(member for member in supervisor.members() if not member.ready)
            first = next(member for member in supervisor.members() if member.ready)
            await held(supervisor, "card-full", last.name)
            told = str(last.findings["card-full"])
            assert f"{first.name} declares 9 GiB" in told and "room for 5 GiB" in told
            assert "declares" not in last.reason
            await supervisor.stop(first.name)
            await ready(supervisor, last.name)
            assert not last.findings

    asyncio.run(main())


def test_an_engine_that_declares_nothing_has_its_card_for_itself(stage: Stage, cards: RecordedCards) -> None:
    async def main() -> None:
        declared = engine("two", gpu="3090", vram=GIB)
        async with fleet(
            stage, cards, engine(gpu="3090"), declared, engine("three", gpu="3080 Ti")
        ) as supervisor:
            await ready(supervisor, "three")
            await until(lambda: any(supervisor.member(name).ready for name in ("one", "two")))
            last = "two" if supervisor.member("one").ready else "one"
            await held(supervisor, "card-full", last)

    asyncio.run(main())


def test_what_others_hold_is_no_room(stage: Stage, cards: RecordedCards) -> None:
    stranger = 2**22 + 1
    cards.hold(LARGE, {stranger: 20})

    async def main() -> None:
        async with fleet(stage, cards, engine(gpu="3090", vram=10 * GIB)) as supervisor:
            member = await held(supervisor, "card-full")
            finding = member.findings["card-full"]
            assert f"PID {stranger} python 20 GiB" in finding.evidence
            assert str(stranger) not in member.reason
            await until(lambda: member.findings["card-full"] is not finding)
            assert member.findings["card-full"].at == finding.at
            cards.hold(LARGE, {stranger: 8})
            await ready(supervisor)

    asyncio.run(main())


def test_its_room_is_kept_while_it_restarts_and_its_own_memory_is_no_obstacle(
    stage: Stage, cards: RecordedCards
) -> None:
    async def main() -> None:
        both = (engine(gpu="3090", vram=20 * GIB), engine("two", gpu="3090", vram=20 * GIB))
        async with fleet(stage, cards, *both, back_off_s=0.5, back_off_limit_s=0.5) as supervisor:
            await until(lambda: any(member.ready for member in supervisor.members()))
            first, last = sorted(supervisor.members(), key=lambda member: not member.ready)
            await held(supervisor, "card-full", last.name)
            # The reading still has it after its end; or it has nothing, and the restart is a while off.
            for held_gib in (20, 0):
                pid = pid_of(first)
                cards.hold(LARGE, {pid: held_gib} if held_gib else {})
                proven = Proven.YES if held_gib else Proven.UNKNOWN
                await until(lambda: first.gpu is not None and first.gpu.proven is proven)  # noqa: B023
                os.kill(pid, signal.SIGKILL)
                await until(lambda: first.ready and first.pid not in (None, pid))  # noqa: B023
                assert last.pid is None
            assert first.restarts == 2
            assert "card-full" not in first.findings

    asyncio.run(main())


def test_a_lost_card_is_told_and_starts_nothing_until_it_is_back(stage: Stage, cards: RecordedCards) -> None:
    async def main() -> None:
        async with fleet(stage, cards, engine(gpu="3090")) as supervisor:
            member = await ready(supervisor)
            pid = pid_of(member)
            cards.fail("the driver does not answer")
            card = cards.take_out(LARGE)
            await until(lambda: member.gpu is not None and "cannot be read" in member.gpu.evidence)
            assert not member.findings
            cards.fail(None)
            await until(lambda: "card-lost" in member.findings)
            assert (member.pid, member.state) == (pid, State.READY)
            os.kill(pid, signal.SIGKILL)
            await until(lambda: member.state is State.FAILING and "card-lost" in member.reason)
            assert member.pid is None
            cards.put_back(card)
            await ready(supervisor)
            await until(lambda: "card-lost" not in member.findings)

    asyncio.run(main())


def test_errors_of_the_card_are_told(stage: Stage, cards: RecordedCards) -> None:
    cards.change(LARGE, xid=31)

    async def main() -> None:
        async with fleet(stage, cards, engine(gpu="3090")) as supervisor:
            member = await ready(supervisor)
            await until(lambda: member.gpu is not None and "no memory" in member.gpu.evidence)
            assert not member.findings
            cards.change(LARGE, xid=13)
            await until(lambda: "card-error" in member.findings)
            assert "Xid 13" in member.findings["card-error"].evidence
            supervisor.restart("one")
            await until(lambda: "card-error" not in member.findings)

    asyncio.run(main())


@pytest.mark.parametrize(
    ("then", "outdated"),
    [({"gpu": LARGE}, False), ({"gpu": "3080 Ti"}, True), ({"gpu": "RTX"}, False), ({}, True)],
    ids=["the same card", "another card", "nobody knows", "no card"],
)
def test_an_adopted_engine_shows_whether_it_has_todays_card(
    stage: Stage, cards: RecordedCards, then: dict[str, str], outdated: bool
) -> None:
    async def main() -> None:
        async with fleet(stage, cards, engine(gpu="3090"), leave_running=True) as supervisor:
            pid = pid_of(await ready(supervisor))
        # Whoever had the card has it still.
        waiting = engine("two", gpu="3090", vram=GIB)
        async with fleet(stage, cards, engine(**then), waiting) as supervisor:
            member = await ready(supervisor)
            assert member.pid == pid
            await until(lambda: member.outdated is outdated)
            if then:
                await held(supervisor, "card-full", "two")
            if then == {"gpu": "RTX"}:
                await until(lambda: "gpu-unknown" in member.findings)
            elif then:
                await until(lambda: member.gpu is not None and "no memory" in member.gpu.evidence)
            assert (member.outdated, member.pid) == (outdated, pid)

    asyncio.run(main())


def test_an_engine_that_was_never_held_to_a_card_is_not_outdated(stage: Stage, cards: RecordedCards) -> None:
    async def main() -> None:
        async with fleet(stage, cards, engine(), leave_running=True) as supervisor:
            await ready(supervisor)
        async with fleet(stage, cards, engine(), leave_running=True) as supervisor:
            assert not (await ready(supervisor)).outdated
        async with fleet(stage, cards, engine(gpu="3090")) as supervisor:
            member = await ready(supervisor)
            await until(lambda: member.outdated)

    asyncio.run(main())


def test_a_job_beside_an_idle_card_is_told_until_the_card_works(
    stage: Stage, cards: RecordedCards, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A sketch computes nothing: here, waiting counts as work.
    monkeypatch.setattr(offload, "BUSY_CORES", 0.0)
    cards.change(LARGE, utilisation=40)

    async def main() -> None:
        async with fleet(stage, cards, engine(gpu="3090")) as supervisor:
            member = await ready(supervisor)
            body = {"prompt": lasting(30.0, 1), "client_id": "me"}
            await asyncio.to_thread(send_json, member.url, "POST", "/prompt", body)
            await supervisor.wait_for("one", State.BUSY, timeout_s=LIMIT_S)
            cards.change(LARGE, utilisation=None)
            await until(lambda: _reads(supervisor) is None)
            assert not member.findings
            cards.change(LARGE, utilisation=0)
            await until(lambda: "cpu-offload" in member.findings)
            assert "the card at 0 %" in member.findings["cpu-offload"].evidence
            cards.change(LARGE, utilisation=80)
            await until(lambda: not member.findings)
            assert member.restarts == 0 and member.state is State.BUSY
            await asyncio.to_thread(send_json, member.url, "POST", "/interrupt", {})

    asyncio.run(main())


def _reads(supervisor: Supervisor) -> float | None:
    machine = supervisor.cards.latest
    return 0.0 if machine is None else machine.cards[1].utilisation
