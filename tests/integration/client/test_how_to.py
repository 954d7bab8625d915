"""The examples of docs/how-to/client.md run as they stand there."""

import re
import shutil
from pathlib import Path

import pytest

from tests.running import running_sketch

ROOT = Path(__file__).parents[3]
PAGE = ROOT / "docs/how-to/client.md"


@pytest.fixture(scope="module")
def sketch(tmp_path_factory):
    with running_sketch(tmp_path_factory.mktemp("how-to") / "sketch") as running:
        yield running


def test_every_example_of_the_page_runs(sketch, tmp_path, monkeypatch, capsys):
    shutil.copytree(ROOT / "examples", tmp_path / "examples")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GESSO_URL", sketch.url)
    monkeypatch.delenv("GESSO_KEY", raising=False)
    blocks = re.findall(r"^```python\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    names: dict[str, object] = {}
    for block in blocks:
        exec(compile(block, str(PAGE), "exec"), names)  # noqa: S102
    printed = capsys.readouterr().out
    assert len(blocks) == 6
    assert len(list((tmp_path / "pictures").glob("painted_*.png"))) == 1
    assert "SketchSteps steps" in printed and "100%" in printed
