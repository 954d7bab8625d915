"""What docs/how-to/limits.md says, done as it stands there; and usage on the command line."""

import re
import shlex
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from gesso.cli.main import run
from gesso.config.schema import parse
from tests.service import PLAIN, RunningGesso, running_service

PAGE = (Path(__file__).parents[2] / "docs/how-to/limits.md").read_text(encoding="utf-8")
LANDSCAPE = {**PLAIN, "3": {**PLAIN["3"], "inputs": {"images": ["2", 0], "filename_prefix": "landscape"}}}

Gesso = Callable[..., str]


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningGesso]:
    (limits,) = blocks("toml")
    engine = '[[engine]]\nname = "sketch"\nkind = "sketch"\n'
    with running_service(tmp_path_factory.mktemp("limits-page"), limits + engine) as running:
        assert running.call("POST", "/gesso/api/users", {"name": "ada"}).status == 201
        job = running.call("POST", "/prompt", {"prompt": LANDSCAPE}).json()["prompt_id"]
        running.ended(job)
        yield running


@pytest.fixture
def gesso(
    service: RunningGesso, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Gesso:
    monkeypatch.setenv("GESSO_URL", service.url)
    monkeypatch.setenv("GESSO_KEY", service.key)

    def typed(*arguments: str) -> str:
        code = run(list(arguments))
        printed = capsys.readouterr()
        assert code == 0, printed.err
        return printed.out

    return typed


def test_the_configuration_of_the_page_is_one() -> None:
    (text,) = blocks("toml")
    user = parse(tomllib.loads(text)).limits.user
    assert (user.jobs_running, user.storage, user.gpu_seconds_per_day) == (2, 10**10, 7200.0)


def test_usage_is_a_table_for_people_and_csv_for_programs(gesso: Gesso) -> None:
    head, line = gesso("usage", "--all").splitlines()
    assert head.split() == ["USER", "JOBS", "SUCCEEDED", "FAILED", "CANCELLED", "ENGINE", "TIME", "STORAGE"]
    assert line.split()[:5] == ["admin", "1", "1", "0", "0"] and line.endswith(" B")
    head, line = gesso("usage", "--by", "engine", "--csv").splitlines()
    assert head.startswith("engine,jobs,") and line.startswith("sketch,1,1,0,0,0.")
    assert gesso("usage", "--since", "2001-01-01", "--until", "2002-01-01") == ""


def test_every_command_of_the_page_runs(gesso: Gesso, service: RunningGesso) -> None:
    told = {}
    for line in "".join(blocks("sh")).splitlines():
        program, *arguments = shlex.split(line, comments=True)
        assert program == "gesso"
        told[" ".join(arguments)] = gesso(*arguments)
    assert "50 GB  account" in told["users limit ada --jobs-running 4 --storage 50GB"]
    assert re.search(r"jobs_queued +0 +none +account", told["users limit ada --jobs-queued none"])
    assert re.search(r"weight +- +2 +account", told["users limit ada --weight 2"])
    assert "10 GB  role user" in told["users limit ada --reset storage --reset weight"]
    assert "output/landscape_00001_.png" in told["files list --largest"]
    assert "output/landscape_00001_.png" not in gesso("files", "list")
    assert service.call("GET", "/view?filename=landscape_00001_.png").status == 404
