"""Starts the real gesso as a child process, talks to it as a client would, and kills it where a test says."""

import json
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

from tests.running import free_port, stop, wait_for

READY_S = 60.0
# For gesso.toml: the embedded engine; and no bound on requests, for tests that ask faster than anybody may.
ENGINE = '[[engine]]\nname = "sketch"\nkind = "sketch"\n'
UNHURRIED = "".join(f"[limits.{role}]\nrequests_per_s = 1e6\n" for role in ("user", "admin", "strangers"))
PLAIN: dict[str, Any] = {
    "1": {
        "class_type": "EmptyImage",
        "inputs": {"width": 48, "height": 32, "batch_size": 1, "color": 3368652},
    },
    "2": {"class_type": "ImageInvert", "inputs": {"image": ["1", 0]}},
    "3": {"class_type": "SaveImage", "inputs": {"images": ["2", 0], "filename_prefix": "plain"}},
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """An HTTP answer, whatever its status."""

    status: int
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


@dataclass(slots=True, kw_only=True)
class RunningGesso:
    """One gesso on one storage directory and one port, through as many lives as a test gives it."""

    directory: Path
    port: int
    config: Path
    key: str = ""
    process: "subprocess.Popen[str] | None" = None
    logs: list[Path] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def address(self, key: str | None = None) -> str:
        """The URL with a key in it (the administrator's), as the helpers of sketch's tests take it."""
        return f"http://:{key or self.key}@127.0.0.1:{self.port}"

    def launch(self, *program: str) -> None:
        """Start it; `program` stands in for "gesso", e.g. "tests.crash", "after-claim"."""
        log = self.directory / f"gesso-{len(self.logs)}.log"
        self.logs.append(log)
        command = [
            sys.executable,
            "-m",
            *(program or ("gesso",)),
            "up",
            "--json",
            "--config",
            str(self.config),
        ]
        with log.open("w") as output:
            self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=output, text=True)
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line.startswith('{"url"'):
            raise AssertionError(f"gesso did not start:\n{line}{self.log()}")
        self.key = json.loads(line)["key"] or self.key

    def log(self) -> str:
        """All it has written, in all its lives."""
        return "".join(log.read_text() for log in self.logs)

    def ready(self) -> None:
        """Wait until an engine is ready."""
        wait_for(lambda: self.call("GET", "/gesso/readyz").status == 200, READY_S)

    def kill(self) -> None:
        assert self.process is not None
        self.process.kill()
        self.wait()

    def wait(self, timeout_s: float = 30.0) -> int:
        """Until it has ended; its exit code."""
        assert self.process is not None
        code = self.process.wait(timeout_s)
        if self.process.stdout is not None:
            self.process.stdout.close()
        return code

    def close(self) -> None:
        if self.process is not None:
            stop(self.process)
            self.wait()

    def call(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        headers: dict[str, str] | None = None,
        key: str | None = None,
        timeout_s: float = 20.0,
    ) -> Reply:
        """One request, with the administrator's key unless another (or "") is given."""
        sent = {"Authorization": f"Bearer {self.key if key is None else key}"} if key != "" else {}
        data = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
        if data is not None:
            sent["Content-Type"] = "application/json"
        request = urllib.request.Request(
            self.url + path, data, {**sent, **(headers or {})}, method=method, unverifiable=True
        )
        try:
            with _OPENER.open(request, timeout=timeout_s) as answer:
                return Reply(status=answer.status, headers=_lower(answer.headers), body=answer.read())
        except urllib.error.HTTPError as error:
            with error:
                return Reply(status=error.code, headers=_lower(error.headers), body=error.read())

    def submit(self, prompt: dict[str, Any], *, key: str | None = None) -> str:
        """Hand in a workflow; the job's id."""
        reply = self.call("POST", "/prompt", {"prompt": prompt}, key=key)
        assert reply.status == 200, reply
        return str(reply.json()["prompt_id"])

    def job(self, job_id: str, *, key: str | None = None) -> dict[str, Any]:
        """A job as gesso's own API shows it."""
        found: dict[str, Any] = self.call("GET", f"/gesso/api/jobs/{job_id}", key=key).json()
        return found

    def history(self, job_id: str, *, key: str | None = None) -> dict[str, Any] | None:
        """The job's history item, once it has ended. A gesso that is down is no answer."""
        try:
            item: dict[str, Any] | None = self.call("GET", f"/history/{job_id}", key=key).json().get(job_id)
        except OSError:
            return None
        return item

    def ended(self, job_id: str, timeout_s: float = 60.0, *, key: str | None = None) -> dict[str, Any]:
        """Wait for the job's end; its history item."""
        item = wait_for(lambda: self.history(job_id, key=key), timeout_s)
        assert item is not None
        return item

    def picture(self, item: dict[str, Any], node: str = "3") -> bytes:
        """The first picture of a node of a history item, as a client fetches it."""
        image = item["outputs"][node]["images"][0]
        query = "&".join(f"{name}={quote(image[name])}" for name in sorted(image))
        reply = self.call("GET", f"/view?{query}")
        assert reply.status == 200, reply
        return reply.body

    def new_key(self, name: str, key: str = "test") -> str:
        """Make a user of that name, and a key called `key`; its token."""
        assert self.call("POST", "/gesso/api/users", {"name": name}).status == 201
        made = self.call("POST", "/gesso/api/keys", {"name": key, "account": name})
        assert made.status == 201
        token: str = made.json()["token"]
        return token

    def engine(self, name: str = "sketch") -> dict[str, Any]:
        """An engine as the API shows it: state, url, pid, restarts."""
        engines: list[dict[str, Any]] = self.call("GET", "/gesso/api/engines").json()["engines"]
        return next(each for each in engines if each["name"] == name)


class _Stay(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: Any) -> None:
        return None


_OPENER = urllib.request.build_opener(_Stay)


def _lower(headers: Any) -> dict[str, str]:
    return {name.lower(): value for name, value in headers.items()}


@contextmanager
def running_service(
    directory: Path, toml: str = "", *, program: Sequence[str] = (), ready: bool = True
) -> Iterator[RunningGesso]:
    """A gesso with the embedded engine (or what `toml` says) in `directory`, stopped at the end."""
    directory.mkdir(parents=True, exist_ok=True)
    port = free_port()
    config = directory / "gesso.toml"
    head = f'[gateway]\nlisten = "127.0.0.1:{port}"\n[storage]\ndirectory = "storage"\n'
    config.write_text(head + (toml or ENGINE))
    service = RunningGesso(directory=directory, port=port, config=config)
    try:
        service.launch(*program)
        if ready:
            service.ready()
        yield service
    finally:
        service.close()
        _end_orphans(directory)


def _end_orphans(directory: Path) -> None:
    """Engines outlive a killed gesso: end those whose record it left here."""
    import psutil

    for record in (directory / "storage" / "engines").glob("*.json"):
        pid = json.loads(record.read_text()).get("pid")
        if isinstance(pid, int) and psutil.pid_exists(pid):
            process = psutil.Process(pid)
            if str(directory) in " ".join(process.cmdline()):
                process.send_signal(signal.SIGKILL)
                process.wait(10)
