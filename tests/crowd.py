"""Many users at once, from a process of its own, so that its work is not taken for that of gesso.

`python -m tests.crowd` reads a line of JSON, an `Order`, and opens the sockets; says {"opened": 1000}; and
after another line sends the jobs, and says at the end what it `Seen`. `crowd` does that from a test.
"""

import asyncio
import json
import subprocess
import sys
import time
import uuid
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from typing import IO, Any

import aiohttp

from tests.integration.sketch.workflows import Prompt

# At once; more would only wait in the backlog.
OPENING = 50
# From the last job sent until all have ended.
PATIENCE_S = 120.0
ERRORS_KEPT = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What a crowd is to do: `sockets` for each of the keys, then so many jobs a second."""

    url: str
    keys: list[str]
    sockets: int
    jobs_per_s: float
    seconds: float


@dataclass(slots=True, kw_only=True)
class Seen:
    """What a crowd saw; times are seconds since the first job was sent."""

    accepted: int = 0
    succeeded: int = 0
    """Jobs whose success and end the socket that had asked heard."""
    strays: int = 0
    """Messages about a job, on a socket that had not asked for it."""
    messages: int = 0
    lost: int = 0
    """Sockets that the other side closed."""
    sent_s: float = 0.0
    ended_s: float = 0.0
    errors: list[str] = field(default_factory=list)
    """The first few."""

    def note(self, error: str) -> None:
        if len(self.errors) < ERRORS_KEPT:
            self.errors.append(error)


@dataclass(slots=True, kw_only=True, eq=False)
class Client:
    """One socket of one user; `jobs` are those it asked for, and the ends it heard of each."""

    name: str
    key: str
    jobs: dict[str, set[str]] = field(default_factory=dict)
    socket: aiohttp.ClientWebSocketResponse | None = None

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.key}"}


class Crowd:
    def __init__(self, session: aiohttp.ClientSession, order: Order) -> None:
        self._session = session
        self._order = order
        # Neighbours are of different users.
        self._clients = [
            Client(name=f"tab-{number}", key=key) for number in range(order.sockets) for key in order.keys
        ]
        self._closing = False
        self._left: Counter[str] = Counter()
        self._changed = asyncio.Event()
        self.seen = Seen()

    async def open(self) -> int:
        """Open all sockets; how many there are now."""
        gate = asyncio.Semaphore(OPENING)

        async def one(client: Client) -> None:
            address = f"{self._order.url}/ws?clientId={client.name}"
            async with gate:
                client.socket = await self._session.ws_connect(address, headers=client.headers)
                await client.socket.receive_json()  # the greeting

        async with asyncio.TaskGroup() as opening:
            for client in self._clients:
                opening.create_task(one(client))
        return len(self._clients)

    async def work(self) -> None:
        """Send the jobs at their rate, and wait until all have ended."""
        readers = [asyncio.create_task(self._read(client)) for client in self._clients]
        begun = time.monotonic()
        async with asyncio.TaskGroup() as sending:
            number, most = 0, round(self._order.jobs_per_s * self._order.seconds)
            while number < most:
                await asyncio.sleep(begun + number / self._order.jobs_per_s - time.monotonic())
                sending.create_task(self._send(self._clients[number % len(self._clients)], number))
                number += 1
            self.seen.sent_s = time.monotonic() - begun
        await self._all_ended()
        self.seen.ended_s = time.monotonic() - begun
        self._closing = True
        await asyncio.gather(*(client.socket.close() for client in self._clients if client.socket))
        await asyncio.gather(*readers)

    async def _all_ended(self) -> None:
        try:
            async with asyncio.timeout(PATIENCE_S):
                while self._left.total():
                    self._changed.clear()
                    await self._changed.wait()
        except TimeoutError:
            self.seen.note(f"{self._left.total()} jobs had not ended {PATIENCE_S} s after the last was sent")

    async def _send(self, client: Client, number: int) -> None:
        job_id = str(uuid.uuid4())
        client.jobs[job_id] = set()
        self._left[job_id] = 1
        body = {"prompt": short(number), "prompt_id": job_id, "client_id": client.name}
        address = f"{self._order.url}/prompt"
        try:
            async with self._session.post(address, json=body, headers=client.headers) as answer:
                text = await answer.text()
                status = answer.status
        except (aiohttp.ClientError, OSError) as error:
            status, text = 0, repr(error)
        if status == 200:
            self.seen.accepted += 1
        else:
            self.seen.note(f"{status}: {text[:300]}")
            del self._left[job_id]

    async def _read(self, client: Client) -> None:
        assert client.socket is not None
        async for message in client.socket:
            self.seen.messages += 1
            if message.type is aiohttp.WSMsgType.TEXT:
                self._hear(client, json.loads(message.data))
        if not self._closing:
            self.seen.lost += 1
            self.seen.note(f"a socket was closed with {client.socket.close_code}")

    def _hear(self, client: Client, message: dict[str, Any]) -> None:
        job_id = message["data"].get("prompt_id")
        if job_id is None:
            return
        if job_id not in client.jobs:
            self.seen.strays += 1
            return
        ends = client.jobs[job_id]
        if message["type"] == "execution_success":
            ends.add("success")
        elif message["type"] == "executing" and message["data"]["node"] is None:
            self.seen.succeeded += "success" in ends and "end" not in ends
            ends.add("end")
            del self._left[job_id]
            self._changed.set()


def short(seed: int) -> Prompt:
    """Some milliseconds of an engine's work, and like no other's."""
    size = {"width": 16, "height": 16, "batch_size": 1, "color": seed % 0xFFFFFF}
    return {
        "1": {"class_type": "EmptyImage", "inputs": size},
        "2": {"class_type": "SaveImage", "inputs": {"images": ["1", 0], "filename_prefix": "crowd"}},
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class Running:
    """A crowd whose sockets are open."""

    opened: int
    process: "subprocess.Popen[str]"

    def work(self) -> Seen:
        """Send the jobs, and wait until all have ended."""
        _write(self.process.stdin, {})
        return Seen(**_read_line(self.process))


@contextmanager
def crowd(order: Order) -> Iterator[Running]:
    command = [sys.executable, "-m", "tests.crowd"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            _write(process.stdin, asdict(order))
            yield Running(opened=_read_line(process)["opened"], process=process)
        finally:
            process.kill()


def _write(pipe: IO[str] | None, value: Any) -> None:
    assert pipe is not None
    pipe.write(json.dumps(value) + "\n")
    pipe.flush()


def _read_line(process: "subprocess.Popen[str]") -> dict[str, Any]:
    assert process.stdout is not None
    line = process.stdout.readline()
    assert line, f"the crowd ended with {process.wait()}"
    value: dict[str, Any] = json.loads(line)
    return value


async def main() -> None:
    order = Order(**json.loads(await asyncio.to_thread(sys.stdin.readline)))
    timeout = aiohttp.ClientTimeout(total=PATIENCE_S)
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0), timeout=timeout) as session:
        people = Crowd(session, order)
        _write(sys.stdout, {"opened": await people.open()})
        await asyncio.to_thread(sys.stdin.readline)
        await people.work()
        _write(sys.stdout, asdict(people.seen))


if __name__ == "__main__":
    asyncio.run(main())
