"""Engines are tried with a small picture: what works is known to, what does not is named; nothing is left."""

import asyncio
import json
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from gesso.config.engine import EngineConfig
from gesso.engines.location import Finished
from gesso.engines.probe import Fact
from gesso.errors import Conflict
from gesso.fleet.functional import How
from gesso.fleet.state import State
from gesso.fleet.supervisor import Supervisor
from tests.integration.fleet.stage import LIMIT_S, SKETCH, Stage, fake_comfyui, until
from tests.integration.fleet.test_supervisor import SERVE


def with_fault(fault: str) -> EngineConfig:
    return EngineConfig(name="sketch", kind="sketch", arguments=("--fault", fault))


def left_at(url: str) -> tuple[Any, Any]:
    """What its queue and its history hold."""
    found = []
    for path in ("/queue", "/history"):
        with urllib.request.urlopen(url + path, timeout=10) as answer:
            found.append(json.load(answer))
    return found[0], found[1]


async def ready(supervisor: Supervisor) -> Any:
    return await supervisor.wait_for("sketch", State.READY, timeout_s=LIMIT_S)


def test_engine_that_works_is_known_to_and_keeps_nothing_of_it(stage: Stage) -> None:
    async def main() -> None:
        async with stage.supervisor(SKETCH) as supervisor:
            member = await ready(supervisor)
            assert member.functional is None
            trial = await supervisor.trials.test(member)
            assert trial.ok is Fact.YES
            assert [step.name for step in trial.steps] == ["handed over", "executed", "fetched", "looked at"]
            assert member.functional is not None and member.functional.how is How.TEST
            queue, history = await asyncio.to_thread(left_at, member.url)
            assert queue == {"queue_running": [], "queue_pending": []} and history == {}
            output = stage.storage / "engines" / "sketch" / "output"
            assert [path for path in output.rglob("*") if path.is_file()] == []
            assert "sketch" not in member.findings
            # What another process has made proves nothing of the next.
            supervisor.restart("sketch")
            await until(lambda: member.functional is None)

    asyncio.run(main())


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ("no-pictures:black", "its picture is #000000"),
        ("no-pictures", "names none"),
        ("cuda-poison", "an illegal memory access"),
        ("wrong-history:other", "another prompt's end"),
    ],
)
def test_engine_that_answers_and_does_not_work_is_named_and_not_restarted(
    fault: str, words: str, stage: Stage
) -> None:
    async def main() -> None:
        async with stage.supervisor(with_fault(fault), restarts=0) as supervisor:
            member = await ready(supervisor)
            trial = await supervisor.trials.test(member)
            assert trial.ok is Fact.NO and words in trial.evidence
            assert member.functional is None
            if fault != "cuda-poison":  # for which its log has it restarted
                assert member.findings["not-functional"].evidence == trial.evidence
                assert member.state in (State.READY, State.BUSY) and member.restarts == 0

    asyncio.run(main())


def test_engine_is_tried_by_itself_when_it_has_become_ready(stage: Stage) -> None:
    async def main() -> None:
        async with stage.supervisor(SKETCH, test_at_start=True) as supervisor:
            member = await ready(supervisor)
            await until(lambda: member.functional)
            await until(lambda: member.ready and member.free)
            assert not supervisor.trials._is_due(member), "once is enough"

    asyncio.run(main())


def test_engine_that_makes_pictures_too_rarely_is_tried_again(stage: Stage) -> None:
    async def main() -> None:
        async with stage.supervisor(SKETCH, functional_every_s=1.0) as supervisor:
            member = await ready(supervisor)
            await until(lambda: member.functional)
            first = member.functional
            await until(lambda: member.functional is not first)

    asyncio.run(main())


def test_engine_that_has_to_do_is_not_tried_by_itself(stage: Stage) -> None:
    async def main() -> None:
        async with stage.supervisor(SKETCH) as supervisor:
            member = await ready(supervisor)
            # Its socket says that it has nothing to do a moment after it has opened.
            await until(lambda: member.free)
            supervisor.trials._fleet = supervisor.trials._fleet.model_copy(update={"test_at_start": True})
            assert supervisor.trials._is_due(member)
            member.jobs = lambda: 1
            assert not supervisor.trials._is_due(member)
            member.jobs = lambda: 0
            member.socket.queue_remaining = None  # unknown is not idle
            assert not supervisor.trials._is_due(member)
            member.socket.queue_remaining = 0
            member.draining = True
            assert not supervisor.trials._is_due(member)

    asyncio.run(main())


def test_engine_without_the_nodes_for_it_is_left_as_unknown(stage: Stage, tmp_path: Path) -> None:
    async def main() -> None:
        engine = fake_comfyui(tmp_path / "comfy", [SERVE])
        async with stage.supervisor(engine) as supervisor:
            member = await supervisor.wait_for("gpu0", State.READY, timeout_s=LIMIT_S)
            trial = await supervisor.trials.test(member)
            assert trial.ok is Fact.UNKNOWN and "node classes" in trial.evidence
            assert member.functional is None and "not-functional" not in member.findings

    asyncio.run(main())


def test_engine_that_is_not_up_cannot_be_tried(stage: Stage) -> None:
    async def main() -> None:
        async with stage.supervisor(SKETCH) as supervisor:
            member = await ready(supervisor)
            await supervisor.stop("sketch")
            with pytest.raises(Conflict, match="is stopped"):
                await supervisor.trials.test(member)

    asyncio.run(main())


def test_picture_that_hangs_does_not_keep_jobs_from_the_engine_for_ever(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gesso.fleet.trials.LIMIT_S", 1.0)

    async def main() -> None:
        async with stage.supervisor(
            with_fault("hang"), hang_floor_s=2.0, hang_limit_s=2.0, stop_grace_s=0.5
        ) as supervisor:
            member = await ready(supervisor)
            trial = await supervisor.trials.test(member)
            assert trial.ok is Fact.NO and "was not done with it" in trial.evidence
            assert member.findings["not-functional"]
            await until(lambda: member.restarts == 1)
            assert "small picture" in member.findings["hang"].evidence

    asyncio.run(main())


@pytest.mark.parametrize("item", [{"status": "well"}, {"status": {"status_str": "success"}, "outputs": [1]}])
def test_history_in_a_form_that_nobody_knows_is_no_picture_and_ends_nothing(
    item: Any, stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def main() -> None:
        async with stage.supervisor(SKETCH, test_at_start=True) as supervisor:
            member = supervisor.member("sketch")

            async def locate(prompt_id: str, *, ended: bool = False) -> Finished:
                return Finished(item=item)

            monkeypatch.setattr(member.engine, "locate", locate)
            found = await until(lambda: member.findings.get("not-functional"))
            assert "in a form that is not known" in found.evidence
            monkeypatch.undo()
            assert (await supervisor.trials.test(member)).ok is Fact.YES

    asyncio.run(main())
