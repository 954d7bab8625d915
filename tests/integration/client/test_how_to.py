"""The examples of docs/how-to/client.md run as they stand there."""

import re
import shutil
from pathlib import Path

import pytest

from tests.service import running_service

ROOT = Path(__file__).parents[3]
PAGE = ROOT / "docs/how-to/client.md"


@pytest.fixture(scope="module")
def service(tmp_path_factory):
    with running_service(tmp_path_factory.mktemp("how-to") / "gesso") as running:
        yield running


def test_every_example_of_the_page_runs(service, tmp_path, monkeypatch, capsys):
    shutil.copytree(ROOT / "examples", tmp_path / "examples")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GESSO_URL", service.url)
    monkeypatch.setenv("GESSO_KEY", service.key)
    blocks = re.findall(r"^```python\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    names: dict[str, object] = {}
    for block in blocks:
        exec(compile(block, str(PAGE), "exec"), names)  # noqa: S102
    printed = capsys.readouterr().out
    assert len(blocks) == 7
    assert len(list((tmp_path / "pictures").glob("painted_*.png"))) == 1
    assert len(list((tmp_path / "pictures").glob("edited_*.png"))) == 2
    assert "SketchSteps steps" in printed and "100%" in printed
