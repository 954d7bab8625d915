"""`gesso gpus` as people and programs use it: with a running gesso, without one, and watched."""

import json
import os
import pty
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from gesso.cli.main import run
from gesso.gpus.recorded import machine_file
from tests.integration.sketch.exchange import send
from tests.running import free_port, wait_for
from tests.service import running_service

GESSO = [sys.executable, "-m", "gesso"]
RTX_3090 = "GPU-9b41f7a3-2e58-4c06-8d7e-f16a05c3b982"
ENGINE = '[[engine]]\nname = "painter"\nkind = "sketch"\ngpu = "3090"\n'
GPUS = '[gpus]\nsimulate = "machine.toml"\nevery_s = 0.2\n'


def place(text, path: Path):
    new = path.with_suffix(".new")
    new.write_text(text)
    os.replace(new, path)


@pytest.fixture(scope="module")
def service(tmp_path_factory):
    directory = tmp_path_factory.mktemp("gpus") / "data"
    directory.mkdir()
    machine = directory / "machine.toml"
    recorded = machine_file("two-cards").read_text()
    place(recorded, machine)
    with running_service(directory, GPUS + ENGINE) as running:
        (engine,) = send(running.address(), "GET", "/gesso/api/engines").json["engines"]
        # The program that the recorded card had is now the engine that runs here.
        place(recorded.replace("41877", str(engine["pid"])), machine)
        yield running


@pytest.fixture
def nowhere(monkeypatch, tmp_path):
    """No gesso runs at the address that is asked."""
    monkeypatch.setenv("GESSO_URL", f"http://127.0.0.1:{free_port()}")
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def typed(capsys):
    def call(*arguments):
        code = run(["gpus", *arguments])
        printed = capsys.readouterr()
        return code, printed.out, printed.err

    return call


def test_a_running_gesso_knows_which_engine_claims_and_holds_a_card(service, typed):
    asked = ("--url", service.url, "--key", service.key)

    def held():
        told = json.loads(typed(*asked, "--json")[1])
        card = next(card for card in told["cards"] if card["uuid"] == RTX_3090)
        return [each for each in card["processes"] if each["engine"] == "painter"] and card

    card = wait_for(held, 60)
    assert card["claimed_by"] == ["painter"] and card["index_when_pinned"] == 0
    code, out, err = typed(*asked)
    assert (code, err) == (0, "")
    assert "for painter" in out and "engine painter" in out and "throttl" not in err


def test_where_no_gesso_runs_this_machine_is_read_and_that_is_said(nowhere, typed):
    code, out, err = typed("--json")
    assert code == 0 and "read directly" in err
    told = json.loads(out)
    assert told["cards"] or told["problem"]


def test_locally_nothing_is_asked(nowhere, typed):
    code, out, err = typed("--local")
    assert (code, err) == (0, "") and out


def test_another_machine_that_does_not_answer_is_not_taken_for_this_one(typed):
    code, out, err = typed("--url", "http://nowhere.invalid:8700")
    assert code == 3 and out == "" and "read directly" not in err


def test_simulated_machines_by_name_and_by_file(nowhere, typed, tmp_path):
    code, out, err = typed("--simulate", "two-cards")
    assert (code, err) == (0, "") and "1    1/0?  NVIDIA GeForce RTX 3090" in out
    place(machine_file("mig").read_text(), tmp_path / "mine.toml")
    assert "MIG 3g.20gb" in typed("--simulate", "mine.toml")[1]
    code, out, err = typed("--simulate", "no-such")
    assert code == 5 and "two-cards" in err


def test_json_has_the_shape_that_the_server_tells(service, nowhere, typed):
    local = json.loads(typed("--simulate", "two-cards", "--json")[1])
    served = send(service.address(), "GET", "/gesso/api/gpus").json
    assert local.keys() == served.keys()
    assert local["cards"][0].keys() == served["cards"][0].keys()
    assert local["cards"][0]["processes"][0].keys() == served["cards"][0]["processes"][0].keys()


def test_local_and_simulate_exclude_each_other(typed):
    assert typed("--local", "--simulate", "mig")[0] == 5


def test_watched_without_a_terminal_it_prints_one_table_after_another(tmp_path):
    place(machine_file("one-card").read_text(), tmp_path / "m.toml")
    command = [*GESSO, "gpus", "--simulate", "m.toml", "--watch", "--every", "0.1"]
    with subprocess.Popen(
        command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as child:
        try:
            lines = iter(child.stdout.readline, "")
            assert next(line for line in lines if "RTX 4070" in line)
            changed = machine_file("one-card").read_text().replace("utilisation = 0", "utilisation = 77")
            place(changed, tmp_path / "m.toml")
            assert next(line for line in lines if "77 %" in line)
        finally:
            child.send_signal(signal.SIGINT)
            _, err = child.communicate(timeout=60)
    assert (child.returncode, err) == (0, "")


def test_watched_as_json_each_line_is_a_reading(tmp_path):
    command = [*GESSO, "gpus", "--simulate", "mig", "--watch", "--every", "0.1", "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
        try:
            first, second = (json.loads(child.stdout.readline()) for _ in range(2))
        finally:
            child.send_signal(signal.SIGINT)
            child.communicate(timeout=60)
    assert first["at"] < second["at"] and child.returncode == 0


def test_on_a_terminal_ctrl_c_ends_it_and_gives_the_screen_back(tmp_path):
    ours, theirs = pty.openpty()
    command = [*GESSO, "gpus", "--simulate", "two-cards", "--watch", "--every", "0.1"]
    environment = {**os.environ, "COLUMNS": "80", "LINES": "50", "TERM": "xterm"}
    child = subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs, env=environment)
    os.close(theirs)
    shown = bytearray()

    def read_until(wanted):
        while wanted not in shown:
            try:
                shown.extend(os.read(ours, 65536))
            except OSError:
                break

    try:
        read_until(b"Ctrl-C ends")
        child.send_signal(signal.SIGINT)
        read_until(b"\x1b[?1049l")
        assert child.wait(60) == 0
        assert b"RTX 3090" in shown and b"\x1b[?1049l" in shown and b"Traceback" not in shown
    finally:
        child.kill()
        child.wait()
        os.close(ours)
