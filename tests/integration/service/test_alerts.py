"""Alarms of a whole gesso: raised, told, kept over a restart, over; and twenty crashes that are one."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from gesso.cli.main import run
from tests.receivers import webhook
from tests.running import free_port, running_sketch, wait_for
from tests.service import ENGINE, RunningGesso, running_service

TOKEN = "hook-geheimnis-0123456789"
QUICK = "[alerts]\nengine_down_s = 0\nrecover_s = 0\n[monitoring]\nevery_s = 1\n"
OPS = '[[alerts.notify]]\nname = "ops"\nurl_file = "ops.url"\n'


def away(port: int) -> str:
    return f'[[engine]]\nname = "away"\nkind = "comfyui"\nurl = "http://127.0.0.1:{port}"\n'


def alerts(service: RunningGesso, key: str | None = None) -> list[dict[str, Any]]:
    reply = service.call("GET", "/gesso/api/alerts", key=key)
    assert reply.status == 200
    found: list[dict[str, Any]] = reply.json()["alarms"]
    return found


def test_an_alarm_is_told_once_survives_a_restart_and_ends_with_a_word(tmp_path: Path) -> None:
    port = free_port()
    with webhook() as hook:
        (tmp_path / "ops.url").write_text(f"json://127.0.0.1:{hook.port}/{TOKEN}\n")
        with running_service(tmp_path, QUICK + OPS + ENGINE + away(port)) as service:
            told = hook.waits_for(lambda text: "critical: Engine 'away' is down" in text)
            (alarm,) = alerts(service)
            assert (alarm["rule"], alarm["subject"], alarm["undelivered"]) == (
                "engine-down",
                "engine away",
                {},
            )
            assert alarm["evidence"] and alarm["remedy"]

            mine = service.new_key("ada")
            (seen,) = alerts(service, key=mine)
            assert seen["summary"] == alarm["summary"]
            assert (seen["evidence"], seen["remedy"], seen["undelivered"]) == (None, None, None)
            for path in ("ended", "rules"):
                assert service.call("GET", f"/gesso/api/alerts/{path}", key=mine).status == 403

            service.close()
            service.launch()
            # Looked at by the new life, and the same alarm.
            (again,) = wait_for(lambda: [each for each in alerts(service) if each["now"]], 30)
            assert (again["id"], again["raised"]) == (alarm["id"], alarm["raised"])
            with running_sketch(tmp_path / "away", port=port):
                over = hook.waits_for(lambda text: "over after" in text)
                assert [text for text in hook.heard if "critical: Engine 'away'" in text] == [told]
            assert "Engine 'away' is ready" in over
            ended = service.call("GET", "/gesso/api/alerts/ended").json()["alarms"]
            assert alarm["id"] in [each["id"] for each in ended]
            assert TOKEN not in service.log()


def test_crashes_in_a_row_are_one_message(tmp_path: Path) -> None:
    fleet = "[fleet]\nrestarts = 4\nback_off_s = 0.01\nback_off_limit_s = 0.01\n"
    broken = '[[engine]]\nname = "broken"\nkind = "sketch"\narguments = ["--no-such-option"]\n'
    patient = QUICK.replace("engine_down_s = 0", "engine_down_s = 600")
    with webhook() as hook:
        (tmp_path / "ops.url").write_text(f"json://127.0.0.1:{hook.port}/\n")
        with running_service(tmp_path, patient + OPS + fleet + broken, ready=False) as service:
            told = hook.waits_for(lambda text: "broken" in text, 180)
            assert "failed too often and stays stopped" in told and "failed 5 times" in told
            wait_for(lambda: alerts(service), 30)
            assert [each["rule"] for each in alerts(service)] == ["budget-spent"]
        assert len(hook.heard) == 1


def test_an_address_that_cannot_be_used_keeps_gesso_from_starting(tmp_path: Path) -> None:
    (tmp_path / "ops.url").write_text(f"nosuch://{TOKEN}\n")
    (tmp_path / "gesso.toml").write_text(f'[gateway]\nlisten = "127.0.0.1:0"\n{OPS}')
    command = [sys.executable, "-m", "gesso", "up", "--config", "gesso.toml"]
    ended = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert ended.returncode == 5 and "alerts.notify 'ops'" in ended.stderr
    assert TOKEN not in ended.stdout + ended.stderr


def test_the_command_line_lists_tries_and_explains(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def gesso(*arguments: str) -> tuple[int, str]:
        capsys.readouterr()
        code = run(["alerts", *arguments])
        printed = capsys.readouterr()
        assert TOKEN not in printed.out + printed.err
        return code, printed.out + printed.err

    dead = '[[alerts.notify]]\nname = "dead"\nurl_file = "dead.url"\nseverity = "critical"\n'
    off = QUICK.replace("[alerts]\n", '[alerts]\noff = ["vram"]\n')
    with webhook() as hook:
        (tmp_path / "ops.url").write_text(f"json://127.0.0.1:{hook.port}/\n")
        (tmp_path / "dead.url").write_text(f"json://127.0.0.1:{free_port()}/{TOKEN}\n")
        with running_service(tmp_path, off + OPS + dead + ENGINE + away(free_port())) as service:
            monkeypatch.setenv("GESSO_URL", service.url)
            monkeypatch.setenv("GESSO_KEY", service.key)
            wait_for(lambda: [each for each in alerts(service) if each["undelivered"]], 60)
            code, told = gesso("list")
            assert code == 0 and "Engine 'away' is down" in told and "what to do: " in told
            assert "not delivered to dead: " in told and "Connection refused" in told
            assert json.loads(gesso("list", "--all", "--json")[1])[0]["rule"] == "engine-down"

            code, told = gesso("rules")
            assert code == 0 and "an engine is down for 0 s" in told
            assert "vram" not in told and "dead     critical" in told

            code, told = gesso("test")
            assert code == 1 and "delivered" in told and "Connection refused" in told
            assert any("this is a test" in text for text in hook.heard)
            assert gesso("test", "--name", "ops")[0] == 0
            assert gesso("test", "--name", "nobody")[0] == 6
            audit = service.call("GET", "/gesso/api/audit?action=alerts").json()["entries"]
            assert [(each["action"], each["target"]) for each in audit] == [
                ("alerts.test", "ops"),
                ("alerts.test", None),
            ]


def test_without_an_address_a_test_says_what_to_enter(service: RunningGesso) -> None:
    reply = service.call("POST", "/gesso/api/alerts/test")
    assert reply.status == 404 and "[[alerts.notify]]" in reply.body.decode()
