"""The unit of systemd: its text as golden files, its quoting, what it may never say."""

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gesso.deploy.boot import BootEntry
from gesso.deploy.systemd import Scope, installation, removal, render
from gesso.errors import ConfigError

GOLDEN = Path(__file__).parent / "golden"
SERVICE = BootEntry(
    name="gesso",
    argv=("/opt/gesso/bin/python", "-m", "gesso", "up", "--hide-key", "--config", "/srv/gesso/gesso.toml"),
    directory=Path("/srv/gesso"),
    account="painter",
    folders=(Path("/srv/gesso/data"), Path("/srv/My ComfyUI")),
    stop_s=50.0,
)


@pytest.mark.parametrize("scope", list(Scope))
def test_the_unit_is_as_golden(scope: Scope):
    assert render(SERVICE, scope) == (GOLDEN / f"gesso-{scope}.service").read_text()


def test_the_sandbox_leaves_what_cuda_needs():
    text = render(SERVICE, Scope.SYSTEM)
    # Each of these would take the card, or the compiler of kernels, away from engines.
    for forbidden in (
        "PrivateDevices",
        "ProtectClock",
        "DevicePolicy",
        "MemoryDenyWriteExecute",
        "ProtectProc",
    ):
        assert forbidden not in text


def test_engines_outlive_gesso_under_systemd_too():
    text = render(SERVICE, Scope.SYSTEM)
    assert "KillMode=process" in text
    assert "OOMPolicy=continue" in text
    assert "PrivateTmp" not in text


@given(st.text(st.characters(exclude_characters="\n\r\0", codec="utf-8"), min_size=1))
def test_a_word_of_the_command_line_comes_out_as_it_went_in(word: str):
    service = BootEntry(name="gesso", argv=("/bin/echo", word), directory=Path("/"))
    line = next(each for each in render(service, Scope.USER).split("\n") if each.startswith("ExecStart="))
    assert _as_systemd_reads(line.removeprefix("ExecStart=/bin/echo ")) == word


def _as_systemd_reads(text: str) -> str:
    """Unquoting, specifiers and variables, as systemd.syntax(7) and systemd.service(5) say, for one word."""
    if text.startswith('"'):
        text = re.sub(r"\\(.)", r"\1", text[1:-1])
    return text.replace("%%", "%").replace("$$", "$")


def test_a_line_break_cannot_add_a_directive():
    evil = BootEntry(name="gesso", argv=("/bin/true", "a\nExecStartPre=/bin/evil"), directory=Path("/"))
    with pytest.raises(ConfigError):
        render(evil, Scope.SYSTEM)


def test_installing_writes_then_enables_then_starts():
    steps = [str(step) for step in installation(SERVICE, Scope.SYSTEM, start=True)]
    assert steps == [
        "write /etc/systemd/system/gesso.service",
        "run systemctl daemon-reload",
        "run systemctl enable gesso.service",
        "run systemctl restart gesso.service",
    ]
    assert "run systemctl restart gesso.service" not in [
        str(step) for step in installation(SERVICE, Scope.SYSTEM, start=False)
    ]


def test_a_user_s_service_begins_at_boot(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    steps = [str(step) for step in installation(SERVICE, Scope.USER, start=True)]
    assert steps[0] == f"write {tmp_path}/systemd/user/gesso.service"
    assert "run loginctl enable-linger" in steps
    assert all("--user" in step for step in steps if "systemctl" in step)


def test_uninstalling_stops_it_before_its_file_goes():
    steps = [str(step) for step in removal("gesso", Scope.SYSTEM)]
    assert steps[0] == "run systemctl disable --now gesso.service"
    assert steps[1] == "remove /etc/systemd/system/gesso.service"
