"""Finding, reading and accepting real files."""

from pathlib import Path

import pytest

from gesso.config.credential import headers
from gesso.config.engine import CredentialConfig
from gesso.config.load import examine, load, overridden
from gesso.errors import ConfigError
from gesso.logs import fingerprint, redaction


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def listen(port: int) -> str:
    return f'[gateway]\nlisten = "127.0.0.1:{port}"\n'


def test_the_file_is_looked_for_in_this_order(tmp_path: Path) -> None:
    assert load(None, {}, tmp_path).path is None
    write(tmp_path / "gesso.toml", listen(1))
    assert load(None, {}, tmp_path).config.gateway.port == 1
    write(tmp_path / "variable.toml", listen(2))
    environ = {"GESSO_CONFIG": "variable.toml"}
    assert load(None, environ, tmp_path).config.gateway.port == 2
    write(tmp_path / "option.toml", listen(3))
    assert load("option.toml", environ, tmp_path).config.gateway.port == 3


@pytest.mark.parametrize(
    ("option", "environ", "named"),
    [("no.toml", {}, "--config"), (None, {"GESSO_CONFIG": "no.toml"}, "GESSO_CONFIG")],
)
def test_a_file_that_is_named_but_absent_is_an_error(
    tmp_path: Path, option: str | None, environ: dict[str, str], named: str
) -> None:
    write(tmp_path / "gesso.toml", listen(1))
    with pytest.raises(ConfigError, match=named) as caught:
        load(option, environ, tmp_path)
    assert str(tmp_path / "no.toml") in caught.value.message


@pytest.mark.parametrize(
    ("text", "line"), [("a = 1\nb =\nc = 2\n", 2), ("\n\n[x\n", 3), ("a = 1\na = 2\n", 2), ("x = ", 1)]
)
def test_what_is_not_toml_is_refused_with_its_line(tmp_path: Path, text: str, line: int) -> None:
    file = write(tmp_path / "gesso.toml", text)
    with pytest.raises(ConfigError, match="not TOML") as caught:
        load(None, {}, tmp_path)
    assert caught.value.message.startswith(f"{file}:{line}: ")


def test_what_is_not_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / "gesso.toml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigError, match="UTF-8"):
        load(None, {}, tmp_path)


def test_everything_named_must_be_there(tmp_path: Path) -> None:
    write(tmp_path / "empty/readme", "")
    write(
        tmp_path / "gesso.toml",
        "[[engine]]\nname = 'a'\nkind = 'comfyui'\ndirectory = 'nowhere'\npython = 'bin/none'\n"
        "[[engine]]\nname = 'b'\nkind = 'comfyui'\nurl = 'http://gpu2'\n"
        "credential = { bearer_file = 'b.token' }\n"
        "[[engine]]\nname = 'c'\nkind = 'comfyui'\ndirectory = 'empty'\n",
    )
    found = examine(None, {}, tmp_path).problems
    assert [(problem.line, problem.key) for problem in found] == [
        (4, "engine[1].directory"),
        (5, "engine[1].python"),
        (10, "engine[2].credential.bearer_file"),
        (14, "engine[3].directory"),
    ]
    with pytest.raises(ConfigError) as caught:
        load(None, {}, tmp_path)
    assert len(caught.value.message.splitlines()) == 4


def test_the_python_of_the_engines_own_environment_is_preferred(tmp_path: Path) -> None:
    write(tmp_path / "ComfyUI/main.py", "")
    write(tmp_path / "gesso.toml", "[[engine]]\nname = 'a'\nkind = 'comfyui'\ndirectory = 'ComfyUI'\n")
    assert load(None, {}, tmp_path).config.engines[0].python in ("python3", "python")
    python = write(tmp_path / "ComfyUI/venv/bin/python", "#!/bin/sh\n")
    python.chmod(0o755)
    assert load(None, {}, tmp_path).config.engines[0].python == str(python)


def test_a_credential_becomes_a_header_that_logs_do_not_show(tmp_path: Path) -> None:
    token = write(tmp_path / "token", "geheim-9f3a\nnot this\n")
    credential = CredentialConfig(bearer_file=token)
    assert headers(credential, {}) == {"Authorization": "Bearer geheim-9f3a"}
    assert redaction.apply("said geheim-9f3a.") == f"said ***{fingerprint('geheim-9f3a')}."
    basic = CredentialConfig(basic_env="LOGIN")
    assert headers(basic, {"LOGIN": "me:geheim"}) == {"Authorization": "Basic bWU6Z2VoZWlt"}
    assert headers(None, {}) == {}


@pytest.mark.parametrize("environ", [{}, {"LOGIN": ""}, {"LOGIN": "no-colon"}])
def test_a_credential_without_its_secret_is_an_error(environ: dict[str, str]) -> None:
    with pytest.raises(ConfigError, match="LOGIN") as caught:
        headers(CredentialConfig(basic_env="LOGIN"), environ)
    assert "no-colon" not in caught.value.message


def test_a_command_line_overrides_as_strictly_as_a_file(tmp_path: Path) -> None:
    write(tmp_path / "gesso.toml", '[storage]\ndatabase = "postgresql://u:geheim@db/x"\nkeep_days = 3\n')
    config = load(None, {}, tmp_path).config
    changed = overridden(config, {"gateway": {"listen": "127.0.0.1:0"}, "storage": {"directory": tmp_path}})
    assert (changed.gateway.port, changed.storage.directory) == (0, tmp_path)
    assert changed.storage.keep_days == 3
    assert changed.storage.database_url == "postgresql://u:geheim@db/x"
    with pytest.raises(ConfigError, match=r"gateway\.listen: .*behind_tls"):
        overridden(config, {"gateway": {"listen": "0.0.0.0:8700"}})
