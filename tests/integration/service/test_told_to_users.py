"""What users are told of an engine's troubles: that there are some, and nothing of what its log quotes."""

import json
from pathlib import Path

from tests.faulty_fleet import PATIENCE_S, Faulty, faulty
from tests.running import wait_for

SECRET = "a_prompt_of_somebody_else"


def test_logs_are_quoted_to_those_only_who_may_read_them(tmp_path: Path):
    with faulty(tmp_path, f"missing-module:{SECRET}", ready=False) as service:
        engine = Faulty(service)
        wait_for(lambda: "missing-module" in [each["name"] for each in engine.now()["findings"]], PATIENCE_S)
        assert SECRET in engine.wait("stopped-after-failures")["reason"]
        user = service.new_key("ada")
        routes = [
            "/gesso/api/engines",
            "/gesso/api/engines/sketch",
            "/gesso/api/status",
            "/gesso/api/snapshot",
        ]
        routes += ["/gesso/api/alerts", "/gesso/readyz"]
        for route in routes:
            told = service.call("GET", route, key=user)
            assert told.status == (503 if route == "/gesso/readyz" else 200)
            assert SECRET not in json.dumps(told.json()), route
        (found,) = service.call("GET", "/gesso/api/engines/sketch", key=user).json()["findings"]
        assert (found["name"], found["evidence"], found["remedy"]) == ("missing-module", None, None)
