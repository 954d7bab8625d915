"""Every problem names line, key and the nearest valid name."""

import tomllib
from pathlib import Path

import pytest
from pydantic import ValidationError

from gesso.config.positions import lines_of
from gesso.config.problems import ConfigProblem, problems_of
from gesso.config.schema import parse


def problems(text: str) -> list[ConfigProblem]:
    with pytest.raises(ValidationError) as caught:
        parse(tomllib.loads(text))
    return problems_of(caught.value, lines_of(text))


@pytest.mark.parametrize(
    ("text", "line", "key", "nearest"),
    [
        ("[gatway]\n", 1, "gatway", "gateway"),
        ("[gateway]\nlisten_on = 1\n", 2, "gateway.listen_on", "listen"),
        ("[gateway]\nUPLOAD_LIMIT = 1\n", 2, "gateway.UPLOAD_LIMIT", "upload_limit"),
        ("[gateway]\nkeep_days = 1\n", 2, "gateway.keep_days", "storage.keep_days"),
        ("[gateway]\nzzz = 1\n", 2, "gateway.zzz", None),
        ("[[engines]]\nname = 'a'\n", 1, "engines", "engine"),
        (
            "[[engine]]\nname='a'\nkind='sketch'\n[[engine]]\nname='b'\nkind='sketsh'\n",
            6,
            "engine[2].kind",
            "sketch",
        ),
        (
            "[[engine]]\nname='a'\nkind='comfyui'\nurl='http://x'\ncredential={bearer_fil='x'}\n",
            5,
            "engine[1].credential.bearer_fil",
            "bearer_file",
        ),
    ],
)
def test_a_misspelt_name_is_answered_with_the_nearest(
    text: str, line: int, key: str, nearest: str | None
) -> None:
    (problem,) = problems(text)
    assert (problem.line, problem.key, problem.nearest) == (line, key, nearest)


@pytest.mark.parametrize(
    ("text", "line", "key", "message"),
    [
        ("[[engine]]\nname = 'a'\n\n", 1, "engine[1].kind", "is missing"),
        ("[jobs]\nmax_attempts = '9'\n", 2, "jobs.max_attempts", "must be a whole number"),
        ("jobs = 3\n", 1, "jobs", "must be a table"),
        ("engine = 3\n", 1, "engine", "must be a list"),
        ("[storage]\ndatabase = 3\n", 2, "storage.database", "must be text"),
        ("[jobs]\n\nlease_s = 0\n", 3, "jobs.lease_s", "must be greater than or equal to 1"),
        (
            "[[engine]]\nname='a'\nkind='sketch'\n[[engine]]\nname='a'\nkind='sketch'\n",
            5,
            "engine[2].name",
            "'a' is the name of an engine above",
        ),
        (
            "[[engine]]\nname='a'\nkind='sketch'\n  [engine.environment]\n  A = 1\n",
            5,
            "engine[1].environment.A",
            "must be text",
        ),
    ],
)
def test_a_wrong_value_is_answered_with_what_it_must_be(text: str, line: int, key: str, message: str) -> None:
    (problem,) = problems(text)
    assert (problem.line, problem.key, problem.message) == (line, key, message)


def test_all_problems_are_told_at_once_in_the_order_of_the_file() -> None:
    found = problems("[jobs]\nlease = 1\nmax_attempts = 'x'\n[gateway]\nlisten = 1\n[fleed]\n")
    assert [problem.line for problem in found] == [2, 3, 5, 6]


def test_a_problem_reads_like_a_compiler_message() -> None:
    problem = ConfigProblem(key="engine[1].prot", line=12, message="unknown key", nearest="port")
    assert (
        problem.text(Path("gesso.toml")) == "gesso.toml:12: engine[1].prot: unknown key; did you mean 'port'?"
    )


def test_a_value_that_may_be_secret_is_not_repeated() -> None:
    text = "[[engine]]\nname='a'\nkind='comfyui'\nurl='http://x'\ncredential='geheim123'\n"
    assert "geheim123" not in "".join(problem.text(None) for problem in problems(text))
