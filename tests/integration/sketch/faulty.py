"""A sketch with faults: started with them, and told of more while it runs."""

import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.integration.sketch.exchange import Answer, send, send_json
from tests.integration.sketch.workflows import steps
from tests.running import free_port, stop, wait_for


def with_faults(*faults: str) -> list[str]:
    """The arguments of the command."""
    return [word for fault in faults for word in ("--fault", fault)]


def inflict(url: str, fault: str) -> Answer:
    return send_json(url, "POST", "/sketch/faults", {"fault": fault})


def heal(url: str, name: str = "") -> Answer:
    return send(url, "DELETE", f"/sketch/faults/{name}" if name else "/sketch/faults")


def submit(url: str, count: int = 5, *, client_id: str | None = None, seed: int = 0) -> str:
    """A job of so many steps; its id."""
    body: dict[str, Any] = {"prompt": steps(count, 0.01, seed)}
    if client_id is not None:
        body["client_id"] = client_id
    answer = send_json(url, "POST", "/prompt", body)
    assert answer.status == 200, answer.body
    return str(answer.json["prompt_id"])


def ended(url: str, prompt_id: str) -> dict[str, Any]:
    """Its history item, once there is one."""
    item: dict[str, Any] = wait_for(
        lambda: send(url, "GET", f"/history/{prompt_id}").json.get(prompt_id), timeout_s=30
    )
    return item


def error_of(item: dict[str, Any]) -> dict[str, Any]:
    """What the execution_error of a history item says."""
    assert item["status"]["status_str"] == "error", item["status"]
    return next(data for kind, data in item["status"]["messages"] if kind == "execution_error")


def run_to_end(directory: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    """A sketch that ends by itself, with all that it logged in stderr."""
    command = [
        sys.executable,
        "-m",
        "gesso.sketch",
        "--port",
        str(free_port()),
        "--directory",
        str(directory),
    ]
    return subprocess.run([*command, *arguments], capture_output=True, text=True, timeout=60)


@contextmanager
def starting(
    directory: Path, arguments: Sequence[str]
) -> Iterator[tuple["subprocess.Popen[bytes]", str, Path]]:
    """A sketch that may never listen: its process, the address where it would, and its log."""
    log, port = directory.parent / f"{directory.name}.log", free_port()
    command = [sys.executable, "-m", "gesso.sketch", "--port", str(port), "--directory", str(directory)]
    with log.open("wb") as output:
        process = subprocess.Popen(
            [*command, *arguments],
            stdout=output,
            stderr=subprocess.STDOUT,
            env={**os.environ, "PYTHONUNBUFFERED": "1"},
        )
    try:
        yield process, f"http://127.0.0.1:{port}", log
    finally:
        stop(process)
