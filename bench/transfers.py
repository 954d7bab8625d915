"""100 MB up and down: seconds, directly and through gesso, and what memory that takes."""

import os
import time
from contextlib import ExitStack
from urllib.parse import urlencode

from bench.figures import Bound, Figure, Section, quantile, ratio, shown
from bench.place import Memory, Place
from bench.wire import Connection
from tests.running import running_sketch
from tests.service import running_service

BORDER = "----gesso-bench"
GOAL_GROWTH_MIB = 32.0
HOW = """
One connection; the same random bytes as a picture's file to `/upload/image`, then back from `/view`; the
middle of several turns. sketch and ComfyUI write an upload and answer; gesso answers when it has been hashed
and synced to the disk. Memory is the resident size of gesso's process: before, and at its largest.
"""


def measure(place: Place) -> Section:
    section = Section(
        name="transfers",
        title="A large file",
        how=HOW.strip(),
        columns=(
            "what",
            "direct s",
            "MB/s",
            "through gesso s",
            "MB/s",
            "of direct",
            "memory MiB before",
            "at most",
        ),
    )
    megabytes = 50 if place.quick else 100
    turns = 2 if place.quick else 7
    with ExitStack() as stack:
        directory = place.folder("transfers")
        place.say("starting sketch and gesso")
        sketch = stack.enter_context(running_sketch(directory / "sketch"))
        gesso = stack.enter_context(running_service(directory / "gesso"))
        assert gesso.process is not None
        direct = stack.enter_context(Connection(sketch.url))
        through = stack.enter_context(Connection(gesso.url, gesso.key))
        growth = 0.0
        for what, move in (("upload", _upload), ("download", _download)):
            place.say(f"{what} of {megabytes} MB, {turns} times each way")
            took: dict[str, list[float]] = {"direct": [], "gesso": []}
            with Memory(gesso.process.pid) as memory:
                for turn in range(turns):
                    content = os.urandom(1_000_000) * megabytes
                    for name, line in (("direct", direct), ("gesso", through)):
                        took[name].append(move(line, content, turn))
            section.rows.append(_row(what, megabytes, took, memory))
            growth = max(growth, memory.peak_mib - memory.before_mib)
    section.figures.append(
        Figure(
            what=f"memory gained by {megabytes} MB transfers",
            value=growth,
            unit="MiB",
            bound=Bound.AT_MOST,
            goal=GOAL_GROWTH_MIB,
        )
    )
    return section


def _row(what: str, megabytes: int, took: dict[str, list[float]], memory: Memory) -> tuple[str, ...]:
    direct, through = (quantile(took[name], 0.5) for name in ("direct", "gesso"))
    return (
        f"{what} {megabytes} MB",
        shown(direct),
        shown(megabytes / direct),
        shown(through),
        shown(megabytes / through),
        ratio(direct, through),
        shown(memory.before_mib),
        shown(memory.peak_mib),
    )


def _upload(line: Connection, content: bytes, turn: int) -> float:
    head = (
        f'--{BORDER}\r\nContent-Disposition: form-data; name="image"; filename="large-{turn}.bin"\r\n'
        "Content-Type: application/octet-stream\r\n\r\n"
    )
    body = memoryview(b"".join((head.encode(), content, f"\r\n--{BORDER}--\r\n".encode())))
    begun = time.perf_counter()
    answer = line.send_large("/upload/image", body, f"multipart/form-data; boundary={BORDER}")
    took = time.perf_counter() - begun
    if answer.status != 200:
        raise AssertionError(f"the upload was refused with {answer.status}: {answer.body[:200]!r}")
    return took


def _download(line: Connection, content: bytes, turn: int) -> float:
    query = urlencode({"filename": f"large-{turn}.bin", "type": "input"})
    begun = time.perf_counter()
    size = line.drain(f"/view?{query}")
    took = time.perf_counter() - begun
    if size != len(content):
        raise AssertionError(f"{size} bytes came back, not {len(content)}")
    return took
