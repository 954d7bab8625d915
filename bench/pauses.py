"""How long an engine had nothing to do between its jobs, by the times in its own history."""

import json
from itertools import pairwise

from bench.wire import Connection


def pauses_ms(engine: str, *, latest: int) -> list[float]:
    """Between its latest jobs, in the order in which they ran."""
    with Connection(engine) as line:
        history = json.loads(line.call("GET", f"/history?max_items={latest}").body)
    ran = []
    for item in history.values():
        times = {kind: data["timestamp"] for kind, data in item["status"]["messages"]}
        ran.append((times["execution_start"], times["execution_success"]))
    return [float(after[0] - before[1]) for before, after in pairwise(sorted(ran))]
