"""One gesso with three sketches, several users of it, and what engines and records say about their jobs."""

import json
import sqlite3
import urllib.request
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gesso.jobs.claim import prompt_id
from tests.integration.sketch.exchange import send, send_json
from tests.integration.sketch.workflows import Prompt, steps
from tests.running import wait_for
from tests.service import RunningGesso, running_service

NAMES = ("one", "two", "three")
THREE = "".join(f'[[engine]]\nname = "{name}"\nkind = "sketch"\n' for name in NAMES)
PATIENCE_S = 60.0
ATTEMPTS = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """An execution that an engine completed: when, by the engine's own clock."""

    job_id: str
    begun: float
    ended: float


@dataclass(frozen=True, slots=True, kw_only=True)
class User:
    """An account, and the gateway's address with its key."""

    name: str
    url: str
    key: str

    def submit(self, prompt: Prompt, **more: Any) -> str:
        answer = send_json(self.url, "POST", "/prompt", {"prompt": prompt, **more})
        assert answer.status == 200, answer.body
        return str(answer.json["prompt_id"])

    def job(self, job_id: str) -> dict[str, Any]:
        found: dict[str, Any] = send(self.url, "GET", f"/gesso/api/jobs/{job_id}").json
        return found

    def jobs(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = send(self.url, "GET", "/gesso/api/jobs?limit=1000").json["jobs"]
        return found

    def history(self) -> dict[str, Any]:
        found: dict[str, Any] = send(self.url, "GET", "/history").json
        return found

    def queue(self) -> dict[str, list[str]]:
        found = send(self.url, "GET", "/queue").json
        return {part: [item[1] for item in found[part]] for part in ("queue_running", "queue_pending")}

    def remaining(self) -> int:
        return int(send(self.url, "GET", "/prompt").json["exec_info"]["queue_remaining"])

    def clear(self) -> None:
        """Nothing of this user's runs or waits any longer."""
        send_json(self.url, "POST", "/queue", {"clear": True})
        send(self.url, "POST", "/interrupt")
        wait_for(lambda: self.remaining() == 0, PATIENCE_S)

    def runs(self) -> list[Run]:
        """When this user's jobs that are in the history were executed."""
        return [run_of(job_id, item) for job_id, item in self.history().items()]


@contextmanager
def running_fleet(directory: Path, toml: str = THREE, **more: Any) -> Iterator[RunningGesso]:
    """A gesso whose engines are all ready."""
    with running_service(directory, toml, **more) as service:
        wait_for(lambda: all(engine["ready"] for engine in engines(service)), PATIENCE_S)
        yield service


def engines(service: RunningGesso) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = service.call("GET", "/gesso/api/engines").json()["engines"]
    return found


def new_user(service: RunningGesso, name: str) -> User:
    key = service.new_key(name)
    return User(name=name, url=service.address(key), key=key)


def lasting(seconds: float, seed: int) -> Prompt:
    """A job whose engine takes that long, in steps of a tenth of a second or less."""
    count = max(1, round(seconds / 0.1))
    prompt = steps(count, seconds / count, seed)
    prompt["5"]["inputs"].update(width=16, height=16)
    return prompt


def run_of(job_id: str, item: dict[str, Any]) -> Run:
    times = {kind: data["timestamp"] / 1000 for kind, data in item["status"]["messages"]}
    return Run(job_id=job_id, begun=times["execution_start"], ended=times["execution_success"])


def at_engine(url: str, path: str = "/queue") -> Any:
    """What an engine itself says; {} where nothing answers."""
    try:
        with urllib.request.urlopen(url + path, timeout=10) as answer:
            return json.load(answer)
    except OSError:
        return {}


def executions(urls: Sequence[str], job_ids: Sequence[str]) -> Counter[str]:
    """How often each of the jobs was executed to its end, by the engines' own histories."""
    job_of = {prompt_id(job_id, tried): job_id for job_id in job_ids for tried in range(1, ATTEMPTS + 1)}
    # For a moment the small picture that the engine is tried with is there, too.
    return Counter(job_of[each] for url in urls for each in at_engine(url, "/history") if each in job_of)


def files_of_jobs(service: RunningGesso) -> Counter[str]:
    """How many output files the database has of each job."""
    database = service.directory / "storage" / "gesso.sqlite3"
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as connection:
        rows = connection.execute("SELECT job_id, count(*) FROM file WHERE type = 'output' GROUP BY job_id")
        return Counter(dict(rows.fetchall()))
