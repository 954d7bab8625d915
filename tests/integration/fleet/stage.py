"""A supervisor with quick timing over engines that are real processes."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gesso.config.engine import EngineConfig
from gesso.config.fleet import FleetConfig
from gesso.config.gpus import GpusConfig
from gesso.events import Bus, EngineChanged
from gesso.fleet.supervisor import Supervisor
from gesso.fleet.timing import Timing
from gesso.gpus.reader import Reader
from gesso.processes.record import read_record

QUICK = Timing(tick_s=0.05, probe_s=0.1, eager_probe_s=0.05, probe_limit_s=0.5)
LIMIT_S = 30.0
SKETCH = EngineConfig(name="sketch", kind="sketch")


@dataclass
class Stage:
    """A storage folder, and every state that was published, in order."""

    storage: Path
    events: list[EngineChanged] = field(default_factory=list)

    def states(self, name: str = "sketch") -> list[str]:
        return [event.state for event in self.events if event.engine == name]

    @asynccontextmanager
    async def supervisor(
        self,
        *engines: EngineConfig,
        timing: Timing = QUICK,
        reader: Reader | None = None,
        gpus: GpusConfig | None = None,
        **fleet: Any,
    ) -> AsyncIterator[Supervisor]:
        bus = Bus()
        bus.subscribe(EngineChanged, self.events.append)
        limits: dict[str, Any] = {"back_off_s": 0.05, "back_off_limit_s": 0.2, "stop_grace_s": 5.0}
        # Being tried makes an engine busy for a moment.
        limits |= {"test_at_start": False, **fleet}
        async with Supervisor(
            engines,
            self.storage,
            bus,
            fleet=FleetConfig(**limits),
            timing=timing,
            reader=reader,
            gpus=gpus,
        ) as supervisor:
            yield supervisor

    def kill_leftovers(self) -> None:
        """Whatever a failed test left running."""
        for path in (self.storage / "engines").glob("*.json"):
            record = read_record(path)
            if record is not None:
                with suppress(ProcessLookupError):
                    os.killpg(record.pid, signal.SIGKILL)
                with suppress(ChildProcessError):
                    os.waitpid(record.pid, 0)


def fake_comfyui(directory: Path, main: Iterable[str], **config: Any) -> EngineConfig:
    """An engine of kind comfyui whose main.py is the given lines."""
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "main.py").write_text("\n".join(main))
    return EngineConfig(
        name=config.pop("name", "gpu0"), kind="comfyui", directory=directory, python=sys.executable, **config
    )


async def until(condition: Any, limit_s: float = LIMIT_S) -> Any:
    """The first true answer of `condition`."""
    async with asyncio.timeout(limit_s):
        while not (answer := condition()):  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        return answer
