"""gesso told to stop, by a signal or by a terminal that closes, takes its engines with it."""

import signal
from pathlib import Path

import psutil
import pytest

from tests.running import wait_for
from tests.service import running_service


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
