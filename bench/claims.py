"""How long a claim takes with a hundred thousand ended jobs in the database, and with none."""

import asyncio

from bench.claim import measure as claim_jobs
from bench.figures import Bound, Figure, Section, shown
from bench.place import Place
from gesso.database.sqlite import sqlite_url

GOAL_RATIO = 1.5
HOW = """
SQLite on this disk, synchronous and full as always: the jobs of 50 users are accepted, then claimed and
finished one at a time, each step a transaction of its own, in an empty database and beside a long history.
"""


def measure(place: Place) -> Section:
    history = 20_000 if place.quick else 100_000
    queued = 200 if place.quick else 1_000
    section = Section(
        name="claims",
        title="Claiming beside a long history",
        how=HOW.strip(),
        columns=("ended jobs", "accept p50 ms", "claim p50 ms", "claim p99 ms", "finish p50 ms", "jobs/s"),
    )
    claimed = []
    for finished in (0, history):
        place.say(f"{queued} claims beside {finished} ended jobs")
        url = sqlite_url(place.folder("claims") / f"{finished}.sqlite3")
        figures = asyncio.run(claim_jobs(url, finished=finished, queued=queued, users=50))
        claimed.append(figures.claim_p50_ms)
        times = (figures.submit_p50_ms, figures.claim_p50_ms, figures.claim_p99_ms, figures.finish_p50_ms)
        section.rows.append((str(finished), *map(shown, times), shown(figures.jobs_per_s)))
    section.figures.append(
        Figure(
            what=f"claim beside {history} ended jobs, of one beside none, p50",
            value=claimed[1] / claimed[0],
            unit="",
            bound=Bound.AT_MOST,
            goal=GOAL_RATIO,
            note="the goal is ours: a claim must not grow with history",
        )
    )
    return section
