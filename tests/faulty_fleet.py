"""A real gesso whose engine goes wrong by name, and what can be seen of it from outside."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.integration.sketch.faulty import heal, inflict
from tests.integration.sketch.workflows import steps
from tests.running import wait_for
from tests.service import RunningGesso, running_service

PATIENCE_S = 60.0
# Restarts that follow each other quickly: how long they wait is tested where time is an argument.
FLEET = "[fleet]\nback_off_s = 0.05\nback_off_limit_s = 0.2\nstop_grace_s = 5\ntest_at_start = false\n"


def engine(*faults: str, name: str = "sketch", more: str = "") -> str:
    """Its table in gesso.toml."""
    words = [f'"{word}"' for fault in faults for word in ("--fault", fault)]
    return f'[[engine]]\nname = "{name}"\nkind = "sketch"\narguments = [{", ".join(words)}]\n{more}'


@contextmanager
def faulty(
    directory: Path, *faults: str, fleet: str = "", more: str = "", **how: Any
) -> Iterator[RunningGesso]:
    """A gesso with one engine that has these faults from its start on, and with others; all are ready."""
    with running_service(directory, FLEET + fleet + engine(*faults) + more, **how) as service:
        wait_for(lambda: how.get("ready") is False or _all_ready(service), PATIENCE_S)
        yield service


def _all_ready(service: RunningGesso) -> bool:
    return all(each["ready"] for each in service.call("GET", "/gesso/api/engines").json()["engines"])


class Faulty:
    """One engine of a gesso: made to go wrong while it runs, and looked at."""

    def __init__(self, service: RunningGesso, name: str = "sketch") -> None:
        self.service = service
        self.name = name

    def now(self) -> dict[str, Any]:
        """As the API tells it."""
        return self.service.engine(self.name)

    @property
    def state(self) -> str:
        return str(self.now()["state"])

    def inflict(self, fault: str) -> None:
        answer = inflict(self.now()["url"], fault)
        assert answer.status == 200, answer.body

    def heal(self) -> None:
        assert heal(self.now()["url"]).status == 200

    def wait(self, *states: str, timeout_s: float = PATIENCE_S) -> dict[str, Any]:
        """Until it is in one of these states."""

        def there() -> dict[str, Any] | None:
            now = self.now()
            return now if now["state"] in states else None

        found = wait_for(there, timeout_s)
        assert found is not None
        return found

    def found(self, name: str, timeout_s: float = PATIENCE_S) -> dict[str, Any]:
        """The finding of that name, once it is there."""

        def there() -> dict[str, Any] | None:
            return next((each for each in self.now()["findings"] if each["name"] == name), None)

        found = wait_for(there, timeout_s)
        assert found is not None
        return found

    def findings(self) -> list[str]:
        return [each["name"] for each in self.now()["findings"]]

    def told(self) -> list[str]:
        """The states it went through, as gesso's log tells them; `ready` and `busy` are one.

        Without `alive`: on a slow machine a start is seen to pass through it.
        """
        pattern = rf" {re.escape(self.name)}: ([a-z-]+) \("
        return [state for state in re.findall(pattern, self.service.log()) if state != "alive"]

    def deaths(self) -> int:
        """How often its process ended without being asked to."""
        return len(
            re.findall(rf" {re.escape(self.name)}: process \d+ (?:exit code|ended)", self.service.log())
        )


def submit(service: RunningGesso, count: int = 10, seconds: float = 0.05, *, seed: int = 0) -> str:
    """A job of so many steps; its id."""
    return service.submit(steps(count, seconds, seed))


def end_of(service: RunningGesso, job_id: str, timeout_s: float = PATIENCE_S) -> dict[str, Any]:
    """The job, once it has ended, be it well or not."""

    def there() -> dict[str, Any] | None:
        now = service.job(job_id)
        return now if now["state"] in ("succeeded", "failed", "cancelled") else None

    found = wait_for(there, timeout_s)
    assert found is not None
    return found
