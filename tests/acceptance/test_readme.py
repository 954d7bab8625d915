"""The README's tour, as it stands there, on a fresh gesso."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.service import RunningGesso, running_service

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
TOUR = README.partition("## A tour of one minute")[2].partition("\n## ")[0]


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", TOUR, re.DOTALL)


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningGesso]:
    with running_service(tmp_path_factory.mktemp("readme")) as running:
        yield running


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A folder that looks like the clone to the tour, so that it leaves nothing in ours."""
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    (tmp_path / "demo").mkdir()
    programs = tmp_path / ".venv" / "bin"
    programs.mkdir(parents=True)
    (programs / "gesso").symlink_to(Path(sys.executable).with_name("gesso"))
    return tmp_path


def run(program: list[str], text: str, service: RunningGesso, place: Path) -> str:
    environ = {**os.environ, "GESSO_URL": service.url, "GESSO_KEY": service.key}
    done = subprocess.run(
        [*program, text], cwd=place, env=environ, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_curl_lines_work(service: RunningGesso, place: Path) -> None:
    [script] = [block for block in blocks("sh") if "curl" in block]
    told = run(["bash", "-euc"], script.replace("curl -s", "curl -sf"), service, place)
    assert '"name": "harbour.png"' in told
    assert '"node_errors": {}' in told
    assert '"queue_running"' in told


def test_python_lines_work(service: RunningGesso, place: Path) -> None:
    [script] = [block for block in blocks("python") if "import gesso" in block]
    told = run([sys.executable, "-c"], script, service, place)
    assert "SketchSteps" in told
    assert (place / "demo" / "eight-steps.png").read_bytes().startswith(b"\x89PNG")


def test_lines_with_openais_library_work(service: RunningGesso, place: Path) -> None:
    [script] = [block for block in blocks("python") if "import openai" in block]
    run([sys.executable, "-c"], script, service, place)
    assert (place / "demo" / "moon.png").read_bytes().startswith(b"\x89PNG")


def test_command_lines_work(service: RunningGesso, place: Path) -> None:
    [script] = [block for block in blocks("sh") if "gesso run" in block]
    told = run(["bash", "-euc"], script, service, place)
    assert "demo/painted_" in told
    assert "gesso_" in told  # the new key, shown once
    assert list((place / "demo").glob("painted_*.png"))
    assert (place / "demo" / "two.png").exists() and (place / "demo" / "green.png").exists()


@pytest.mark.parametrize("target", re.findall(r"\]\(([^)#]+)", README))
def test_link_leads_somewhere(target: str) -> None:
    assert target.startswith("http") or (ROOT / target).exists()
