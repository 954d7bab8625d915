"""What docs/how-to/keys.md says of passwords and of keys in addresses, done as it stands there."""

import json
import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.running import wait_for
from tests.service import RunningGesso, running_service

pty: Any = pytest.importorskip("pty", reason="needs a terminal as POSIX has them")

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/how-to/keys.md").read_text(encoding="utf-8")
GESSO = str(Path(sys.executable).with_name("gesso"))
PATIENCE_S = 60.0


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningGesso]:
    with running_service(tmp_path_factory.mktemp("keys-page"), ready=False) as running:
        assert running.call("POST", "/gesso/api/users", {"name": "ada"}).status == 201
        yield running


def lines(heading: str) -> list[str]:
    """The commands of a section, without their comments."""
    section = PAGE.partition(f"## {heading}\n")[2].partition("\n## ")[0]
    found = "\n".join(re.findall(r"```sh\n(.*?)```", section, re.DOTALL)).splitlines()
    return [line.partition("  #")[0].strip() for line in found if line]


def environ(service: RunningGesso, **more: str) -> dict[str, str]:
    path = f"{Path(GESSO).parent}{os.pathsep}{os.environ['PATH']}"
    return {**os.environ, "PATH": path, "GESSO_URL": service.url, "GESSO_KEY": service.key, **more}


def shell(line: str, service: RunningGesso, place: Path, **more: str) -> str:
    done = subprocess.run(
        ["bash", "-euc", line.replace("http://127.0.0.1:8700", service.url).replace("curl", "curl -sf")],
        cwd=place,
        env=environ(service, **more),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )
    assert done.returncode == 0, f"{line}\n{done.stdout}{done.stderr}"
    return done.stdout


def at_a_terminal(line: str, typed: list[str], service: RunningGesso) -> tuple[int, str]:
    """A command as a person gives it: `typed` answers one question each. What the terminal showed."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        line.split(), stdin=theirs, stdout=theirs, stderr=theirs, env=environ(service), start_new_session=True
    )
    os.close(theirs)
    deadline = threading.Timer(PATIENCE_S, process.kill)
    deadline.start()
    shown, waiting = b"", list(typed)
    try:
        while True:
            piece = os.read(ours, 4096)
            shown += piece
            # The blank is written when the terminal listens, and shows no more.
            if waiting and shown.endswith(b": "):
                os.write(ours, waiting.pop(0).encode() + b"\n")
            if not piece:
                break
    except OSError:
        pass  # so a terminal ends on Linux
    finally:
        deadline.cancel()
        os.close(ours)
    return process.wait(PATIENCE_S), shown.decode()


def has_password(service: RunningGesso, name: str) -> bool:
    users = service.call("GET", "/gesso/api/users").json()["users"]
    return bool(next(user for user in users if user["name"] == name)["has_password"])


def test_passwords_are_asked_for_twice_and_never_shown(service: RunningGesso, tmp_path: Path) -> None:
    by_terminal, ones_own, piped, removing = lines("A password for the browser")
    code, shown = at_a_terminal(
        by_terminal, ["a long word", "a longer word", "a long word", "a long word"], service
    )
    assert code == 0 and "a long" not in shown, shown
    assert has_password(service, "ada")
    assert at_a_terminal(ones_own, ["a long word", "a long word"], service)[0] == 0
    code, shown = at_a_terminal(ones_own, ["a long word", "another word", "another word"], service)
    assert code == 0 and "Present" in shown, shown
    assert at_a_terminal(ones_own, ["a long word", "more words", "more words"], service)[0] != 0
    (tmp_path / "FILE").write_text("from a file\n")
    shell(piped, service, tmp_path)
    assert has_password(service, "ada")
    shell(removing, service, tmp_path)
    assert not has_password(service, "ada")


def test_a_key_in_an_address_opens_as_the_page_says(service: RunningGesso, tmp_path: Path) -> None:
    create, *curls = lines("A client that cannot send a header")
    token = shell(create, service, tmp_path).strip()
    assert len(curls) == 2
    for curl in curls:
        assert json.loads(shell(curl, service, tmp_path, FRAME=token)) == {
            "queue_running": [],
            "queue_pending": [],
        }
    # A line is written when its answer has gone out.
    wait_for(lambda: all(shown in service.log() for shown in ("/k/***/queue", "token=***")), PATIENCE_S)
    assert token not in service.log()
