"""`gesso config check` and `gesso config show`, as typed."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from gesso.cli.config import app
from tests.machines import LARGE, SMALL, RecordedCards


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


def test_check_tells_which_cards_there_are_where_a_name_fits_none_or_several(
    typed: CliRunner, tmp_path: Path
) -> None:
    RecordedCards(tmp_path / "machine.json")
    engines = "".join(
        f'[[engine]]\nname = "e{index}"\nkind = "sketch"\ngpu = "{gpu}"\n'
        for index, gpu in enumerate(("3090", "RTX", "4090"))
    )
    Path("gesso.toml").write_text(f'[gpus]\nsimulate = "machine.json"\n{engines}')
    result = typed.invoke(app, ["check"])
    assert result.exit_code == 5
    told = result.stderr.splitlines()
    assert [line.split(":")[1:3] for line in told] == [["10", " engine[2].gpu"], ["14", " engine[3].gpu"]]
    assert "2 cards" in told[0] and "no card" in told[1]
    assert all(SMALL in line and LARGE in line for line in told)


def test_check_says_when_it_could_not_look_at_the_cards(typed: CliRunner, tmp_path: Path) -> None:
    RecordedCards(tmp_path / "machine.json", problem="no NVIDIA driver is loaded")
    engine = '[[engine]]\nname = "a"\nkind = "sketch"\ngpu = "3090"\n'
    Path("gesso.toml").write_text(f'[gpus]\nsimulate = "machine.json"\n{engine}')
    result = typed.invoke(app, ["check"])
    assert result.exit_code == 0
    assert "not checked: no NVIDIA driver is loaded" in result.stderr
    Path("gesso.toml").write_text(f'[gpus]\nreader = "none"\n{engine}')
    assert "not checked" in typed.invoke(app, ["check"]).stderr
    Path("gesso.toml").write_text(f'[gpus]\nsimulate = "nowhere.json"\n{engine}')
    absent = typed.invoke(app, ["check"])
    assert absent.exit_code == 5
    assert "gpus.simulate" in absent.stderr
