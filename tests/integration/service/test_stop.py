"""gesso told to stop, by a signal or by a terminal that closes, takes its engines with it."""

import os
import signal
import socket
from pathlib import Path

import psutil
import pytest

from tests.integration.service.test_alerts import alerts
from tests.running import wait_for
from tests.service import ENGINE, running_service

HANGING = """
[gpus]
reader = "nvidia-smi"
[monitoring]
every_s = 1
[alerts]
hold_s = 0
disk_warning = "900TB"
[[alerts.notify]]
name = "ops"
url_file = "ops.url"
"""


@pytest.mark.skipif(not hasattr(signal, "SIGHUP"), reason="Windows has no SIGHUP")
@pytest.mark.parametrize("number", ["SIGINT", "SIGTERM", "SIGHUP"])
def test_no_engine_is_left_behind(tmp_path: Path, number: str) -> None:
    with running_service(tmp_path) as service:
        engine = service.engine()["pid"]
        assert service.process is not None
        service.process.send_signal(getattr(signal, number))
        assert service.wait() == 0
        wait_for(lambda: not psutil.pid_exists(engine))
        assert "Traceback" not in service.log()


@pytest.mark.skipif(not hasattr(signal, "SIGSTOP"), reason="Windows cannot freeze a process")
def test_nothing_that_hangs_keeps_gesso_from_ending(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A driver, an address of alarms and an engine that answer nothing, all at once."""
    tools = tmp_path / "tools"
    tools.mkdir()
    asked = tools / "asked"
    (tools / "nvidia-smi").write_text(f"#!/bin/sh\n: > {asked}\nexec sleep 30\n")
    (tools / "nvidia-smi").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tools}{os.pathsep}{os.environ['PATH']}")
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        (tmp_path / "ops.url").write_text(f"json://127.0.0.1:{deaf.getsockname()[1]}/?cto=60&rto=60\n")
        with running_service(tmp_path, HANGING + ENGINE) as service:
            service.ready()
            wait_for(asked.exists)
            wait_for(lambda: "disk-low" in [each["rule"] for each in alerts(service)])
            line, _ = deaf.accept()
            with line:
                engine = service.engine()["pid"]
                os.kill(engine, signal.SIGSTOP)
                wait_for(lambda: service.engine()["state"] == "unknown")
                assert service.process is not None
                service.process.send_signal(signal.SIGTERM)
                assert service.wait(20.0) == 0
                wait_for(lambda: not psutil.pid_exists(engine))
                assert "Traceback" not in service.log()
