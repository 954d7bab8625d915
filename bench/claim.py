"""How long a claim takes beside a long history: `python -m bench.claim [finished] [queued] [users] [url]`."""

import asyncio
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Connection, insert

from bench.figures import quantile
from gesso.database.database import open_database
from gesso.database.schema import job
from gesso.database.sqlite import sqlite_url
from gesso.jobs.job import Limits, Spec, State
from gesso.jobs.queue import Queue
from gesso.jobs.queue_rows import intern_need

CHUNK = 5_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """Milliseconds, as the caller of `Queue` waits for them."""

    claim_p50_ms: float
    claim_p99_ms: float
    finish_p50_ms: float
    submit_p50_ms: float
    jobs_per_s: float


def seed_finished(conn: Connection, number: int, owners: int = 100) -> None:
    """Put `number` jobs that ended long ago into history, spread over `owners`."""
    need_id = intern_need(conn, ("KSampler", "VAEDecode"))
    for start in range(0, number, CHUNK):
        numbers = range(start, min(start + CHUNK, number))
        conn.execute(insert(job), [_finished_row(n, owners, need_id) for n in numbers])


def _finished_row(n: int, owners: int, need_id: int) -> dict[str, object]:
    return {
        "id": f"seed-{n}",
        "owner": f"user-{n % owners}",
        "kind": "comfyui",
        "state": State.SUCCEEDED.value,
        "priority": 0,
        "number": float(n),
        "payload": {"prompt": {"9": {"class_type": "SaveImage", "inputs": {"filename_prefix": "seed"}}}},
        "inputs": [],
        "need_id": need_id,
        "request_hash": "",
        "attempt": 1,
        "max_attempts": 3,
        "not_before": 0.0,
        "rev": 3,
        "created": float(n),
        "started": float(n),
        "finished": float(n + 1),
    }


async def measure(url: str, finished: int, queued: int, users: int) -> Figures:
    """Seed, submit `queued` jobs of `users`, then claim and finish them all, one at a time."""
    database = await open_database(url)
    try:
        await database.tx(seed_finished, finished)
        queue = Queue(database, limits=Limits(max_queued=queued + 1))
        session = await queue.open_session()
        submits, claims, finishes = [], [], []
        for n in range(queued):
            begun = time.perf_counter()
            await queue.submit(
                Spec(owner=f"user-{n % users}", payload={"n": n}, needs=("KSampler", "VAEDecode"))
            )
            submits.append(time.perf_counter() - begun)
        first = time.perf_counter()
        for _ in range(queued):
            begun = time.perf_counter()
            (claim,) = await queue.claim("gpu0", session)
            claims.append(time.perf_counter() - begun)
            await queue.finish(claim, State.SUCCEEDED, outputs={})
            finishes.append(time.perf_counter() - begun - claims[-1])
        took_s = time.perf_counter() - first
    finally:
        await database.close()
    return Figures(
        claim_p50_ms=1000 * quantile(claims, 0.5),
        claim_p99_ms=1000 * quantile(claims, 0.99),
        finish_p50_ms=1000 * quantile(finishes, 0.5),
        submit_p50_ms=1000 * quantile(submits, 0.5),
        jobs_per_s=queued / took_s,
    )


def main() -> None:
    finished, queued, users = (int(word) for word in (sys.argv[1:4] or ("100000", "500", "50")))
    with tempfile.TemporaryDirectory() as directory:
        url = sys.argv[4] if len(sys.argv) > 4 else sqlite_url(Path(directory) / "gesso.sqlite3")
        print(asyncio.run(measure(url, finished, queued, users)))


if __name__ == "__main__":
    main()
