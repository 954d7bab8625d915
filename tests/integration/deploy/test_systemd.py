"""`gesso service` with a real systemd: verified, installed, killed, restarted, uninstalled."""

import json
import os
import subprocess
import sys
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from gesso.deploy.boot import BootEntry
from gesso.deploy.systemd import Scope, render
from tests import systemd
from tests.running import free_port, wait_for

pytestmark = pytest.mark.package("systemd")
GESSO = (sys.executable, "-m", "gesso")


@pytest.mark.parametrize("scope", list(Scope))
def test_systemd_finds_nothing_wrong_with_the_unit(scope: Scope, tmp_path: Path):
    folder = tmp_path / "with a space, 50% and $HOME"
    folder.mkdir()
    service = BootEntry(
        name="gesso",
        argv=(*GESSO, "up", "--config", str(folder / "gesso.toml")),
        directory=folder,
        account="root",
        folders=(folder,),
    )
    unit = tmp_path / "gesso.service"
    unit.write_text(render(service, scope))
    asked = ["systemd-analyze", "verify", "--man=no", *(["--user"] if scope is Scope.USER else []), str(unit)]
    environment = {**os.environ, "XDG_RUNTIME_DIR": str(tmp_path)}
    done = subprocess.run(asked, capture_output=True, text=True, env=environment)
    ours = [line for line in done.stderr.splitlines() if "gesso.service" in line]
    assert (done.returncode, ours) == (0, [])


def test_a_service_survives_a_kill_with_its_engine_and_ends_without_a_trace(tmp_path: Path):
    hindrance = systemd.obstacle()
    if hindrance:
        pytest.skip(f"systemd cannot be booted: {hindrance}")
    port = free_port()
    configuration = tmp_path / "gesso.toml"
    configuration.write_text(
        f'[gateway]\nlisten = "127.0.0.1:{port}"\n\n[storage]\ndirectory = "data"\n\n'
        '[[engine]]\nname = "sketch"\nkind = "sketch"\n'
    )
    given = ("--config", str(configuration))
    with systemd.booted(tmp_path) as system:

        def status() -> dict[str, Any]:
            done = system.run(*GESSO, "service", "status", *given, "--json")
            return json.loads(done.stdout) if done.stdout else {}

        installed = system.run(*GESSO, "service", "install", *given, "--run-as", "root")
        # systemctl came back, and the type of the unit is "notify": so it answers now.
        assert installed.returncode == 0, installed.stderr + system.log.read_text()
        assert urllib.request.urlopen(f"http://127.0.0.1:{port}/gesso/healthz").status == 200
        first = status()
        assert (first["enabled"], first["active"], first["changed"]) == ("enabled", "active (running)", False)

        # PIDs in records are those of the inner system, as the engine's environment is read there.
        record = tmp_path / "data/engines/sketch.json"
        engine = wait_for(lambda: json.loads(record.read_text())["pid"] if record.exists() else None, 60)
        environment = system.run("cat", f"/proc/{engine}/environ").stdout
        assert "GESSO_PROCESS=" in environment
        assert "NOTIFY_SOCKET=" not in environment
        journal = system.log.read_text()
        system.run("kill", "-9", str(first["pid"]))
        second = wait_for(lambda: _restarted(status(), first), 60)
        wait_for(lambda: _answers(port), 60)
        assert second["restarts"] == 1
        assert json.loads(record.read_text())["pid"] == engine
        assert system.run("kill", "-0", str(engine)).returncode == 0

        removed = system.run(*GESSO, "service", "uninstall")
        assert removed.returncode == 0, removed.stderr
        assert system.run("kill", "-0", str(engine)).returncode != 0
        assert system.run(*GESSO, "service", "status").returncode == 6
        assert not _answers(port)
        # The administrator's key was made at the first start; it is in no log.
        assert "gesso_" not in journal


def _restarted(told: dict[str, Any], before: dict[str, Any]) -> Any:
    return told if told.get("pid") not in (None, before["pid"]) and "running" in told["active"] else None


def _answers(port: int) -> bool:
    try:
        return bool(urllib.request.urlopen(f"http://127.0.0.1:{port}/gesso/healthz", timeout=5).status == 200)
    except OSError:
        return False
