"""Models whose templates are named wrongly, or are no templates: said before anything starts."""

import subprocess
import sys
from pathlib import Path

import pytest

from gesso.config.load import examine, load
from gesso.errors import ConfigError

TOML = "\n[[model]]\nname = 'mine'\ntemplate = '{}'\n"


def check(directory: Path) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "gesso", "config", "check", "--config", str(directory / "gesso.toml")]
    return subprocess.run(command, capture_output=True, text=True, timeout=60)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        (
            "sketch-text-to-imag",
            "there is no template 'sketch-text-to-imag'; did you mean 'sketch-text-to-image'?",
        ),
        ("flux", "there are sketch-edit"),
        ("mine.json", "No such file"),
    ],
)
def test_a_template_that_is_not_there_is_named_with_line_and_key(
    tmp_path: Path, name: str, words: str
) -> None:
    (tmp_path / "gesso.toml").write_text(TOML.format(name))
    (problem,) = examine(None, {}, tmp_path).problems
    assert (problem.line, problem.key) == (4, "model[1].template") and words in problem.message
    with pytest.raises(ConfigError):
        load(None, {}, tmp_path)


def test_check_reads_the_templates(tmp_path: Path) -> None:
    (tmp_path / "gesso.toml").write_text(TOML.format("mine.json"))
    (tmp_path / "mine.json").write_text('{"nodes": []}')
    told = check(tmp_path)
    assert told.returncode == 5
    assert "gesso.toml:2: model[1]: The template" in told.stderr and "a key 'nodes'" in told.stderr


def test_check_names_the_models(tmp_path: Path) -> None:
    (tmp_path / "gesso.toml").write_text(TOML.format("sketch-text-to-image"))
    told = check(tmp_path)
    assert told.returncode == 0 and told.stdout.strip().endswith("engines: sketch; models: mine")
