"""gesso's own log as JSON: every record about a job carries its id, and no other record does."""

import json
import re
from pathlib import Path
from typing import Any

from tests.integration.sketch.workflows import steps
from tests.running import wait_for
from tests.service import ENGINE, PLAIN, running_service

UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")


def test_every_record_about_a_job_carries_its_id(tmp_path: Path) -> None:
    with running_service(tmp_path, '[logs]\nformat = "json"\n' + ENGINE) as service:
        done = service.call("POST", "/prompt", {"prompt": PLAIN}).json()["prompt_id"]
        service.ended(done)
        # One whose engine dies under it: the queue, the runner and the fleet have something to say.
        long = service.call("POST", "/prompt", {"prompt": steps(100, 0.2)}).json()["prompt_id"]
        wait_for(lambda: service.engine()["state"] == "busy", 60)
        service.call("POST", "/gesso/api/engines/sketch/restart")
        wait_for(lambda: "attempt 1" in service.log(), 60)
        assert service.call("POST", f"/gesso/api/jobs/{long}/cancel").status == 200
        wait_for(lambda: "cancelled" in str(service.call("GET", f"/gesso/api/jobs/{long}").body), 60)
    records: list[dict[str, Any]] = [json.loads(line) for line in service.log().splitlines()]
    about = [record for record in records if record["message"].startswith("job ")]
    assert about and {record["job_id"] for record in about} == {long}
    for record in records:
        if UUID.search(record["message"]) and record["logger"].startswith("gesso.jobs"):
            assert record["job_id"] in record["message"]
    submits = [record for record in records if record["message"].startswith("POST /prompt 200")]
    assert [record["job_id"] for record in submits] == [done, long]
    assert all(record["request_id"] for record in submits)
    assert not any("job_id" in record for record in records if record["logger"].startswith("gesso.fleet"))
