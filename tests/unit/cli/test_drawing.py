"""Handing a drawing in: an interruption leaves no job behind; what is refused is named as it was typed."""

from typing import Any

import pytest

from gesso.cli.drawing import handed_in
from gesso.errors import EngineUnreachable, InvalidParameter


class Job:
    cancelled = 0

    def cancel(self) -> bool:
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


@pytest.mark.parametrize(
    ("param", "told"), [("n", "--count must be at most 10."), ("size", "'size' must be at most 10.")]
)
def test_what_is_refused_is_named_as_the_option_that_says_it(param, told):
    def ask(key: str) -> Any:
        raise InvalidParameter(f"'{param}' must be at most 10.", param=param)

    with pytest.raises(InvalidParameter) as refused:
        handed_in(ask)
    assert refused.value.message == told
