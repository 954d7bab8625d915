"""`gesso config check` and `gesso config show`, as typed."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from gesso.cli.config import app


@pytest.fixture
def typed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> CliRunner:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("GESSO_CONFIG", raising=False)
    return CliRunner()


def test_check_passes_the_embedded_default(typed: CliRunner) -> None:
    result = typed.invoke(app, ["check"])
    assert result.exit_code == 0
    assert "engines: sketch" in result.stdout


def test_check_tells_every_problem_on_standard_error_and_ends_with_5(typed: CliRunner) -> None:
    Path("gesso.toml").write_text("[gateway]\nlisen = 1\n[jobs]\nlease_s = 0\n")
    result = typed.invoke(app, ["check"])
    assert result.exit_code == 5
    assert result.stdout == ""
    assert [line.split(":")[1] for line in result.stderr.splitlines()] == ["2", "4"]


def test_check_in_json_tells_the_same(typed: CliRunner) -> None:
    Path("other.toml").write_text("[gateway]\nlisen = 1\n")
    result = typed.invoke(app, ["check", "--config", "other.toml", "--json"])
    assert result.exit_code == 5
    assert json.loads(result.stdout) == {
        "ok": False,
        "file": str(Path("other.toml").absolute()),
        "problems": [{"line": 2, "key": "gateway.lisen", "message": "unknown key", "nearest": "listen"}],
    }


def test_show_tells_all_settings_and_no_secret(typed: CliRunner) -> None:
    Path("gesso.toml").write_text('[storage]\ndatabase = "postgresql://u:geheim123@db/x"\n')
    text, data = typed.invoke(app, ["show"]), typed.invoke(app, ["show", "--json"])
    assert text.exit_code == data.exit_code == 0
    assert "geheim123" not in text.output + data.output
    assert json.loads(data.stdout)["storage"]["keep_days"] is None
    assert "# keep_days is not set" in text.stdout


def test_show_of_an_unusable_file_says_why(typed: CliRunner) -> None:
    Path("gesso.toml").write_text("[gateway]\nlisen = 1\n")
    result = typed.invoke(app, ["show"])
    assert (result.exit_code, result.stdout) == (5, "")
    assert "did you mean 'listen'?" in result.stderr
