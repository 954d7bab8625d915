"""The parts that take jobs from the queue to the engines and back."""

from dataclasses import dataclass

from gesso.config.schema import Config
from gesso.events import Bus
from gesso.fleet.supervisor import Supervisor
from gesso.jobs.artifacts import Artifacts
from gesso.jobs.dispatcher import Dispatcher
from gesso.jobs.files import Files
from gesso.jobs.hang_watch import HangWatch
from gesso.jobs.positions import Positions
from gesso.jobs.queue import Queue
from gesso.jobs.runner import Runner


@dataclass(frozen=True, slots=True, kw_only=True)
class Working:
    """What the gateway needs of them. `dispatcher.run` and `hangs.run` do the work."""

    queue: Queue
    files: Files
    artifacts: Artifacts
    dispatcher: Dispatcher
    hangs: HangWatch
    positions: Positions


def working(
    config: Config,
    *,
    queue: Queue,
    files: Files,
    artifacts: Artifacts,
    supervisor: Supervisor,
    bus: Bus,
    session: str,
) -> Working:
    """Joined, but not yet running."""
    hangs = HangWatch(queue=queue, supervisor=supervisor, fleet=config.fleet)
    runner = Runner(
        queue=queue,
        artifacts=artifacts,
        files=files,
        bus=bus,
        hangs=hangs,
        report=supervisor.report_failure,
        unreachable_s=config.jobs.unreachable_s,
    )
    dispatcher = Dispatcher(
        queue=queue,
        supervisor=supervisor,
        runner=runner,
        bus=bus,
        session=session,
        lease_s=config.jobs.lease_s,
    )
    positions = Positions(
        queue=queue, supervisor=supervisor, waiting=dispatcher.waiting, begun_at=runner.begun_at
    )
    return Working(
        queue=queue,
        files=files,
        artifacts=artifacts,
        dispatcher=dispatcher,
        hangs=hangs,
        positions=positions,
    )
