"""Handing a job in, and waiting for it: what ends us from outside leaves no job behind."""

from typing import Any

import pytest

from gesso.cli.waiting import handed_in, waited
from gesso.errors import EngineUnreachable, NotFinished


class Job:
    """Its wait ends with the first of `ends`, its first attempts to be cancelled with the others."""

    id = "job"
    cancelled = 0

    def __init__(self, *ends: type[BaseException]) -> None:
        self._ends = list(ends)

    def wait(self, *_: object, **__: object) -> Any:
        raise self._ends.pop(0)

    def cancel(self) -> bool:
        if self._ends:
            raise self._ends.pop(0)
        self.cancelled += 1
        return True


@pytest.mark.parametrize("end", [KeyboardInterrupt, SystemExit])
def test_an_end_while_it_is_handed_in_cancels_the_job_of_the_same_key(end):
    asked, job = [], Job()

    def ask(key: str) -> Any:
        asked.append(key)
        if len(asked) == 1:
            raise end
        return job

    with pytest.raises(end):
        handed_in(ask)
    assert len(asked) == 2 and len(set(asked)) == 1 and job.cancelled == 1


def test_ctrl_c_while_no_server_answers_is_no_error():
    answers = [KeyboardInterrupt, EngineUnreachable]

    def ask(key: str) -> Any:
        raise answers.pop(0)

    with pytest.raises(KeyboardInterrupt):
        handed_in(ask)


def test_an_end_of_the_time_to_wait_leaves_the_job():
    job: Any = Job(NotFinished)
    with pytest.raises(NotFinished):
        waited(job, 0.1, quiet=True)
    assert job.cancelled == 0


@pytest.mark.parametrize("ends", [(SystemExit,), (OSError,), (OSError, SystemExit), (SystemExit, SystemExit)])
def test_an_end_from_outside_cancels_the_job_also_when_it_is_told_twice(ends):
    job: Any = Job(*ends)
    with pytest.raises(ends[0]):
        waited(job, None, quiet=True)
    assert job.cancelled == 1
