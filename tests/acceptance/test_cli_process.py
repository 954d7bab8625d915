"""The installed command as a process: how fast it is, Ctrl-C, and what it says without its libraries."""

import json
import os
import pty
import signal
import subprocess
import sys

import pytest

from gesso import Client
from tests.integration.client import workflows
from tests.integration.client.faulty import Faulty, listening
from tests.running import running_sketch, wait_for
from tests.terminals import Screen

GESSO = [sys.executable, "-m", "gesso"]


@pytest.fixture(scope="module")
def sketch(tmp_path_factory):
    with running_sketch(tmp_path_factory.mktemp("sketch") / "data") as running:
        yield running


@pytest.fixture
def environment(sketch, tmp_path):
    kept = {name: value for name, value in os.environ.items() if not name.startswith("GESSO_")}
    return kept | {"GESSO_URL": sketch.url}


def call(*arguments, **options):
    return subprocess.run([*GESSO, *arguments], capture_output=True, text=True, timeout=60, **options)


def test_help_loads_neither_rich_nor_a_network_library():
    script = (
        "import sys; from gesso.cli.main import run; run(['--help']); print(*sys.modules, file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    loaded = set(done.stderr.split())
    assert "typer" in loaded
    assert not loaded & {
        "rich",
        "httpx",
        "websockets",
        "asyncio",
        "pydantic",
        "sqlalchemy",
        "aiohttp",
        "uvicorn",
    }


def test_version():
    import gesso

    assert call("--version").stdout == f"gesso {gesso.__version__}\n"


@pytest.mark.parametrize("verb", ["run", "status", "jobs"])
def test_a_bare_comfyui_will_do(environment, tmp_path, verb):
    (tmp_path / "w.json").write_text(json.dumps(workflows.plain()))
    arguments = {"run": ["run", "w.json"], "status": ["status"], "jobs": ["jobs", "list"]}[verb]
    done = call(*arguments, "--json", env=environment, cwd=tmp_path)
    assert done.returncode == 0 and json.loads(done.stdout) is not None


def test_what_only_gesso_has_is_said_so(environment):
    done = call("keys", "list", env=environment)
    assert done.returncode == 3 and "is not gesso" in done.stderr


def test_ctrl_c_cancels_the_job(environment, sketch, tmp_path):
    (tmp_path / "w.json").write_text(json.dumps(workflows.slow()))
    process = subprocess.Popen(
        [*GESSO, "run", "w.json"], env=environment, cwd=tmp_path, stderr=subprocess.PIPE, text=True
    )
    with Client(sketch.url, "") as client, process:
        assert any("SketchSteps" in line for line in process.stderr)
        process.send_signal(signal.SIGINT)
        assert process.wait(20) == 130
        assert "is cancelled" in process.stderr.read()
        wait_for(lambda: "cancelled" in [job.state for job in client.jobs()])


def test_on_a_terminal_ctrl_c_asks_once_and_no_means_go_on(environment, sketch, tmp_path):
    (tmp_path / "w.json").write_text(json.dumps(workflows.slow(steps=60, seconds=0.05)))
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [*GESSO, "run", "w.json"],
        env=environment | {"TERM": "xterm"},
        cwd=tmp_path,
        stdin=theirs,
        stderr=theirs,
    )
    os.close(theirs)
    screen = Screen(ours)
    with process:
        screen.until("SketchSteps")
        process.send_signal(signal.SIGINT)
        screen.until("Cancel job")
        os.write(ours, b"n\n")
        screen.rest()
        assert process.wait(30) == 0
    os.close(ours)
    assert screen.text.count("Cancel job") == 1
    assert [path.suffix for path in tmp_path.glob("slow*")] == [".png"]


def test_a_job_that_ended_while_it_was_asked_is_saved(environment, sketch, tmp_path):
    (tmp_path / "w.json").write_text(json.dumps(workflows.slow(steps=10, seconds=0.05)))
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [*GESSO, "run", "w.json"],
        env=environment | {"TERM": "xterm"},
        cwd=tmp_path,
        stdin=theirs,
        stderr=theirs,
    )
    os.close(theirs)
    screen = Screen(ours)
    with process, Client(sketch.url, "") as client:
        screen.until("SketchSteps")
        process.send_signal(signal.SIGINT)
        screen.until("Cancel job")
        wait_for(lambda: "running" not in [job.state for job in client.jobs()])
        os.write(ours, b"y\n")
        screen.rest()
        assert process.wait(30) == 0
    os.close(ours)
    assert [path.suffix for path in tmp_path.glob("slow*")] == [".png"]


@pytest.mark.parametrize(
    ("status", "body", "code"),
    [
        (401, "{}", 4),
        (403, "{}", 4),
        (413, "{}", 5),
        (429, "{}", 7),
        (500, "<html>oops</html>", 3),
        (200, "<html>", 3),
    ],
)
def test_a_servers_refusal_has_its_exit_code(capsys, monkeypatch, tmp_path, status, body, code):
    from aiohttp import web

    from gesso.cli.main import run

    async def refuse(request):
        return web.Response(status=status, text=body, content_type="text/html")

    monkeypatch.chdir(tmp_path)
    (tmp_path / "w.json").write_text(json.dumps(workflows.plain()))
    with listening(Faulty(answers={"POST /prompt": refuse})) as server:
        assert run(["run", "w.json", "--url", server.url]) == code
    assert "Traceback" not in capsys.readouterr().err


@pytest.mark.parametrize(
    ("absent", "verb"), [("uvicorn", ["up"]), ("typer", ["status"]), ("pydantic", ["config", "show"])]
)
def test_without_its_libraries_a_verb_says_what_to_install(tmp_path, absent, verb):
    script = (
        f"import sys; sys.modules[{absent!r}] = None\nfrom gesso.cli.main import run; sys.exit(run({verb!r}))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=60, cwd=tmp_path
    )
    assert done.returncode == 9 and "gesso[server]" in done.stderr and "Traceback" not in done.stderr


def test_a_defect_is_told_in_one_line_and_shown_on_demand(environment):
    script = (
        "import sys, gesso.cli.options as options\n"
        "def broken(*_): raise KeyError('x')\n"
        "options.client = broken\n"
        "from gesso.cli.main import run; sys.exit(run(['status']))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, env=environment)
    assert done.returncode == 70 and "KeyError" in done.stderr and "Traceback" not in done.stderr
    shown = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        env=environment | {"GESSO_TRACEBACK": "1"},
    )
    assert "Traceback" in shown.stderr


def test_a_reader_that_goes_away_is_no_defect(environment):
    process = subprocess.Popen(
        [*GESSO, "jobs", "list", "--json"],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    process.stdout.close()
    with process:
        said = process.stderr.read()
    assert "Traceback" not in said and "defect" not in said and "BrokenPipe" not in said


def test_a_reader_that_has_gone_is_told_of_no_error_either(environment):
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "w") as gone:
        done = subprocess.run(
            [*GESSO, "jobs", "show", "x", "--json", "--url", "http://127.0.0.1:9"],
            stdout=gone,
            stderr=subprocess.PIPE,
            env=environment,
            text=True,
            timeout=60,
        )
    assert (done.returncode, done.stderr) == (1, "")
