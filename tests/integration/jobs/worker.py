"""A gateway's stand-in, to be killed: `python -m tests.integration.jobs.worker work|submit URL LOG`."""

import asyncio
import os
import sys
from pathlib import Path

from gesso.errors import Conflict
from gesso.jobs.job import Spec, State
from gesso.jobs.queue import Queue
from tests.databases import opened

WORK_S = 0.03


def note(log: Path, *words: object) -> None:
    """One line, written whole even when others write too."""
    handle = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.write(handle, (" ".join(str(word) for word in (os.getpid(), *words)) + "\n").encode())
    os.close(handle)


async def work(url: str, log: Path) -> None:
    """Claim and finish until the file beside the log says that it is over."""
    over = log.with_suffix(".over")
    async with opened(url) as database:
        queue = Queue(database)
        session = await queue.open_session()
        while not over.exists():
            try:
                await queue.beat(session)
            except Conflict:
                note(log, "reaped")
                session = await queue.open_session()
            claims = await queue.claim("gpu0", session)
            for claim in claims:
                note(log, "claimed", claim.job.id, claim.attempt)
            await asyncio.sleep(WORK_S)
            for claim in claims:
                if await queue.finish(claim, State.SUCCEEDED, outputs={"by": {"pid": os.getpid()}}):
                    note(log, "finished", claim.job.id, claim.attempt)
                else:
                    note(log, "dropped", claim.job.id, claim.attempt)


async def submit(url: str, log: Path) -> None:
    """Submit until killed; note every job that was accepted."""
    async with opened(url) as database:
        queue = Queue(database)
        while True:
            job = await queue.submit(Spec(owner="ada", payload={}))
            note(log, "accepted", job.id)


if __name__ == "__main__":
    asyncio.run({"work": work, "submit": submit}[sys.argv[1]](sys.argv[2], Path(sys.argv[3])))
