"""Who waits for a job, what becomes of one that nobody waits for, and how an answer is kept alive."""

import asyncio
import dataclasses
import json
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import pytest
from starlette.requests import ClientDisconnect

from gesso.errors import GessoError, JobError, NoEngine
from gesso.events import Bus, JobChanged
from gesso.gateway.openai import stream
from gesso.gateway.openai.answer import BREATH_S, SILENT_S, Answer, attended
from gesso.gateway.openai.darkroom import Darkroom
from gesso.gateway.openai.waiting import COMES_BACK_S, Waiting
from gesso.jobs.job import Job, State
from gesso.protocol.openai import Drawn, ImagesRequest
from gesso.protocol.openai_parameters import Route

JOB = Job(
    id="a-job",
    seq=1,
    owner="ada",
    kind="comfyui",
    state=State.RUNNING,
    priority=0,
    number=1,
    payload={},
    inputs=[],
    needs=(),
    client_id=None,
    idempotency_key=None,
    attempt=1,
    max_attempts=3,
    not_before=0,
    engine="sketch",
    prompt_id="a-job",
    session=None,
    cancel_asked=False,
    hidden=False,
    outputs=None,
    error=None,
    meta=None,
    created=1e12,
    started=None,
    finished=None,
    rev=1,
)


class Stage:
    """A queue with one job, and what is asked of it."""

    def __init__(self) -> None:
        self.job = JOB
        self.asked = 0
        self.bus = Bus()
        self.cancelled: list[str] = []
        self.leaving: list[tuple[float, asyncio.TimerHandle]] = []
        self.now = 1000.0
        self.waiting = Waiting(
            bus=self.bus,
            queue=self,  # type: ignore[arg-type]
            cancel=self.cancel,
            later=self.later,
            timer=lambda: self.now,
        )

    def later(self, after_s: float, call: Callable[[str], None], job_id: str) -> asyncio.TimerHandle:
        """Nothing happens until `pass_time`."""
        loop = asyncio.get_running_loop()
        handle = asyncio.TimerHandle(loop.time(), call, (job_id,), loop)
        self.leaving.append((after_s, handle))
        return handle

    async def pass_time(self) -> list[float]:
        """What is due happens; how long it was to wait."""
        due = [(after_s, handle) for after_s, handle in self.leaving if not handle.cancelled()]
        self.leaving.clear()
        for _, handle in due:
            handle._run()
        await asyncio.sleep(0)
        return [after_s for after_s, _ in due]

    async def get(self, job_id: str, owner: str) -> Job:
        assert (job_id, owner) == (JOB.id, JOB.owner)
        self.asked += 1
        return self.job

    async def cancel(self, owner: str | None, ids: Sequence[str] | None, states: Sequence[State]) -> None:
        self.cancelled += ids or ()

    def end(self, state: State = State.SUCCEEDED) -> None:
        self.job = dataclasses.replace(JOB, state=state, finished=2e12)
        self.change(state)

    def change(self, state: State) -> None:
        self.bus.publish(
            JobChanged(job_id=JOB.id, owner="ada", client_id=None, state=state, remaining=0, engine="sketch")
        )


def play(scene: Callable[[Stage], Awaitable[None]]) -> None:
    async def scenario() -> None:
        async with asyncio.timeout(20):
            await scene(Stage())

    asyncio.run(scenario())


async def until(condition: Callable[[], object]) -> None:
    while not condition():  # noqa: ASYNC110 - what is waited for tells nobody
        await asyncio.sleep(0.005)


def test_what_the_last_one_leaves_is_cancelled_at_once() -> None:
    async def scene(stage: Stage) -> None:
        with stage.waiting.attends(JOB, comes_back=False):
            with stage.waiting.attends(JOB, comes_back=False):
                pass
            assert await stage.pass_time() == [] and stage.waiting.attended(JOB.id)
        assert await stage.pass_time() == [0.0]
        assert stage.cancelled == [JOB.id]
        assert stage.waiting.given_up(JOB.id) and not stage.waiting.attended(JOB.id)

    play(scene)


def test_who_comes_back_in_time_finds_it() -> None:
    async def scene(stage: Stage) -> None:
        with stage.waiting.attends(JOB, comes_back=True):
            pass
        assert stage.waiting.missed(JOB)
        with stage.waiting.attends(JOB, comes_back=True):
            assert await stage.pass_time() == []
        assert await stage.pass_time() == [COMES_BACK_S]
        assert stage.cancelled == [JOB.id]

    play(scene)


def test_what_somebody_follows_by_itself_goes_on_whoever_hangs_up() -> None:
    async def scene(stage: Stage) -> None:
        with stage.waiting.attends(JOB, comes_back=True):
            pass
        stage.waiting.keep(JOB.id)
        assert await stage.pass_time() == []
        with stage.waiting.attends(JOB, comes_back=False):
            pass
        assert await stage.pass_time() == [] and stage.cancelled == []

    play(scene)


def test_for_a_while_the_same_request_is_taken_for_one_that_comes_back() -> None:
    async def scene(stage: Stage) -> None:
        assert not stage.waiting.just_left(JOB.id) and not stage.waiting.somebody_just_left()
        with stage.waiting.attends(JOB, comes_back=True):
            assert not stage.waiting.just_left(JOB.id)
        assert stage.waiting.just_left(JOB.id) and stage.waiting.somebody_just_left()
        with stage.waiting.attends(JOB, comes_back=True):
            assert not stage.waiting.just_left(JOB.id)
        assert stage.waiting.just_left(JOB.id)
        stage.now += COMES_BACK_S
        assert not stage.waiting.just_left(JOB.id) and not stage.waiting.somebody_just_left()
        with stage.waiting.attends(JOB, comes_back=True) as mine:
            mine.answered = True
        assert not stage.waiting.just_left(JOB.id)

    play(scene)


def test_an_ended_job_is_left_alone_and_remembered_unless_it_was_told() -> None:
    async def scene(stage: Stage) -> None:
        for told in (False, True):
            stage.end()
            with stage.waiting.attends(JOB, comes_back=True) as mine:
                await stage.waiting.ended(mine)
                mine.answered = told
            assert stage.waiting.missed(stage.job) is not told
        assert await stage.pass_time() == []

    play(scene)


def test_what_ended_while_gesso_was_started_anew_was_told_to_nobody() -> None:
    async def scene(stage: Stage) -> None:
        now = time.time()
        ended = dataclasses.replace(JOB, state=State.SUCCEEDED, created=now - 600, finished=now - 5)
        assert stage.waiting.missed(ended)
        assert not stage.waiting.missed(dataclasses.replace(ended, finished=now - 500))
        assert not stage.waiting.missed(dataclasses.replace(ended, created=now + 1, finished=now + 2))

    play(scene)


def test_the_queue_is_asked_at_the_beginning_and_at_the_end_only() -> None:
    async def scene(stage: Stage) -> None:
        with stage.waiting.attends(JOB, comes_back=False) as mine:
            ended = asyncio.ensure_future(stage.waiting.ended(mine))
            await until(lambda: stage.asked)
            for _ in range(3):
                stage.change(State.RUNNING)
                await asyncio.sleep(0)
            stage.end()
            assert (await ended).state is State.SUCCEEDED
        assert stage.asked == 2

    play(scene)


def test_when_gesso_stops_jobs_are_kept_and_those_who_wait_told_to_come_back() -> None:
    async def scene(stage: Stage) -> None:
        with stage.waiting.attends(JOB, comes_back=False):
            pass
        with pytest.raises(NoEngine), stage.waiting.attends(JOB, comes_back=False) as mine:
            asyncio.get_running_loop().call_soon(stage.waiting.close)
            await stage.waiting.ended(mine)
        assert await stage.pass_time() == [] and stage.cancelled == []

    play(scene)


async def answered(
    stage: Stage, error: GessoError | None = None, *, leaves: bool = False, composed_after: int = 0
) -> list[Any]:
    """What is sent to a client that waits for the job, which ends after two breaths."""
    sent: list[Any] = []

    async def compose(job: Job) -> bytes:
        await until(lambda: len(sent) >= composed_after)
        if error is not None:
            raise error
        return json.dumps({"state": job.state.value}).encode()

    async def send(message: Any) -> None:
        sent.append(message)
        if len(sent) == 3 and not leaves:
            stage.end()

    async def receive() -> Any:
        await until(lambda: leaves and sent)
        return {"type": "http.disconnect"}

    answer = Answer(waiting=stage.waiting, compose=compose, silent_s=0.02)
    app = attended(answer.tell, JOB, stage.waiting, comes_back=False)
    try:
        await app({"type": "http"}, receive, send)
    except GessoError as raised:
        sent.append(raised)
    return sent


def test_an_answer_that_takes_long_begins_with_spaces() -> None:
    async def scene(stage: Stage) -> None:
        start, *bodies = await answered(stage)
        assert start["status"] == 200 and (b"x-gesso-job", b"a-job") in start["headers"]
        assert b"".join(each["body"] for each in bodies).strip() == b'{"state": "succeeded"}'
        assert [each["body"] for each in bodies[:-1]] == [b" "] * (len(bodies) - 1)
        assert [each.get("more_body", False) for each in bodies] == [True] * (len(bodies) - 1) + [False]
        assert not stage.waiting.missed(stage.job)

    play(scene)


def test_an_answer_whose_pictures_take_long_to_be_made_begins_with_spaces() -> None:
    async def scene(stage: Stage) -> None:
        stage.end()
        start, breath, *_ = await answered(stage, composed_after=2)
        assert (start["status"], breath["body"]) == (200, b" ")

    play(scene)


def test_an_answer_that_began_and_fails_is_broken_off_and_its_error_kept_for_the_next_try() -> None:
    async def scene(stage: Stage) -> None:
        error = JobError("It failed.")
        *sent, raised = await answered(stage, error)
        assert raised is error
        assert all(each.get("more_body") for each in sent[1:])
        assert stage.waiting.missed(stage.job)

    play(scene)


def test_an_error_before_the_answer_began_is_told_with_its_status() -> None:
    async def scene(stage: Stage) -> None:
        stage.end(State.FAILED)
        error = JobError("It failed.")
        assert await answered(stage, error) == [error]
        assert not stage.waiting.missed(stage.job)

    play(scene)


def test_a_client_that_leaves_is_noticed() -> None:
    async def scene(stage: Stage) -> None:
        with pytest.raises(ClientDisconnect):
            await answered(stage, leaves=True)
        assert await stage.pass_time() == [0.0]

    play(scene)


class Words:
    """A shape of few words."""

    def completed(self, job: Job, drawn: list[Drawn]) -> list[bytes]:
        return [b"data: the end\n\n"]


@pytest.mark.parametrize("ends_at", [1, 3])
def test_a_stream_begins_at_once_and_is_kept_alive_by_comments(
    monkeypatch: pytest.MonkeyPatch, ends_at: int
) -> None:
    """Also while its pictures are made, once the job has ended."""
    monkeypatch.setattr(stream, "BREATH_S", 0.02)

    async def scene(stage: Stage) -> None:
        sent: list[Any] = []

        async def send(message: Any) -> None:
            sent.append(message)
            if len(sent) == ends_at:
                stage.end()

        async def draw(job: Job) -> list[Drawn]:
            await until(lambda: len(sent) >= 3)
            return []

        asked = ImagesRequest(route=Route.GENERATIONS, stream=True)
        streamed = stream.Streamed(
            asked,
            shape=Words(),  # type: ignore[arg-type]
            waiting=stage.waiting,
            draw=draw,
            darkroom=Darkroom(),
        )
        app = attended(streamed.tell, JOB, stage.waiting, comes_back=False)
        await app({"type": "http"}, asyncio.Future, send)
        assert (sent[0]["status"], sent[0]["headers"][0][1]) == (200, b"text/event-stream; charset=utf-8")
        *breaths, end, last = [each["body"] for each in sent[1:]]
        assert len(breaths) >= 2 and set(breaths) == {b": still drawing\n\n"}
        assert (end, last) == (b"data: the end\n\n", b"")

    play(scene)


def test_no_proxy_of_60_seconds_gives_up() -> None:
    assert SILENT_S < 60 and BREATH_S < 60
