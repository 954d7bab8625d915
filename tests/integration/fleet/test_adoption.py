"""Engines outlive gesso, and the next gesso finds them again."""

import asyncio
import os
import signal
import subprocess
import sys
from dataclasses import replace

import pytest

from gesso.fleet.state import State
from gesso.processes.process import Alive, Process
from gesso.processes.record import Record, read_record
from tests.integration.fleet.stage import LIMIT_S, SKETCH, Stage, until
from tests.running import wait_for

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals are POSIX")

# A gesso that is killed: it says when its engine is ready.
PARENT = """
import asyncio, sys
from pathlib import Path
from gesso.config.engine import EngineConfig
from gesso.events import Bus
from gesso.fleet.state import State
from gesso.fleet.supervisor import Supervisor
async def main():
    engine = EngineConfig(name="sketch", kind="sketch")
    async with Supervisor([engine], Path(sys.argv[1]), Bus()) as supervisor:
        await supervisor.wait_for("sketch", State.READY, timeout_s=30)
        print("ready", flush=True)
        await asyncio.sleep(60)
asyncio.run(main())
"""


def the_record(stage: Stage) -> Record:
    record = read_record(stage.storage / "engines" / "sketch.json")
    assert record is not None
    return record


def test_engine_survives_kill_9_of_gesso_and_is_adopted_running(stage: Stage) -> None:
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT, str(stage.storage)], stdout=subprocess.PIPE, start_new_session=True
    )
    assert parent.stdout is not None
    assert parent.stdout.readline() == b"ready\n"
    os.killpg(parent.pid, signal.SIGKILL)
    parent.wait()
    parent.stdout.close()
    record = the_record(stage)

    async def main() -> None:
        async with stage.supervisor(SKETCH) as supervisor:
            member = await supervisor.wait_for("sketch", State.READY, timeout_s=LIMIT_S)
            assert member.pid == record.pid
            assert member.url.endswith(f":{record.port}")
            assert not member.outdated
            # Adopted means ours in full: its exit is noticed, and a new one started.
            os.kill(record.pid, signal.SIGKILL)
            while member.pid in (record.pid, None):
                await supervisor.changed()
            await supervisor.wait_for("sketch", State.READY, timeout_s=LIMIT_S)
            assert "nobody can tell how" in "".join(event.reason for event in stage.events)

    asyncio.run(main())
    assert stage.states()[0] != "starting"
    wait_for(lambda: Process.adopt(record) is None)


def test_engines_left_running_are_adopted_by_the_next(stage: Stage) -> None:
    async def leave() -> int | None:
        async with stage.supervisor(SKETCH, leave_running=True) as supervisor:
            return (await supervisor.wait_for("sketch", State.READY, timeout_s=LIMIT_S)).pid

    async def adopt() -> None:
        changed = SKETCH.model_copy(update={"arguments": ("--verbose",)})
        async with stage.supervisor(changed) as supervisor:
            member = await supervisor.wait_for("sketch", State.READY, timeout_s=LIMIT_S)
            assert member.pid == pid
            assert member.outdated

    pid = asyncio.run(leave())
    record = the_record(stage)
    process = Process.adopt(record)
    assert process is not None
    assert process.poll() == Alive()
    asyncio.run(adopt())
    assert process.poll() != Alive()


def sleeper() -> "subprocess.Popen[bytes]":
    return subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"], start_new_session=True)


def test_record_of_a_pid_that_is_somebody_elses_now_starts_a_new_engine(stage: Stage) -> None:
    async def main() -> None:
        async with stage.supervisor(SKETCH, leave_running=True) as supervisor:
            await supervisor.wait_for("sketch", State.READY, timeout_s=LIMIT_S)
        record = the_record(stage)
        mine = Process.adopt(record)
        assert mine is not None
        await mine.stop(5.0)
        stranger = sleeper()
        try:
            # As after four million processes: the engine's PID is the stranger's.
            replace(record, pid=stranger.pid).write(stage.storage / "engines" / "sketch.json")
            async with stage.supervisor(SKETCH) as supervisor:
                member = await supervisor.wait_for("sketch", State.READY, timeout_s=LIMIT_S)
                assert member.pid not in (stranger.pid, record.pid)
            assert stranger.poll() is None
        finally:
            stranger.kill()
            stranger.wait()

    asyncio.run(main())


def test_engine_that_died_with_gesso_is_started_anew(stage: Stage) -> None:
    async def leave_and_kill() -> int:
        async with stage.supervisor(SKETCH, leave_running=True) as supervisor:
            member = await supervisor.wait_for("sketch", State.READY, timeout_s=LIMIT_S)
            assert member.pid is not None
        record = the_record(stage)
        os.killpg(member.pid, signal.SIGKILL)
        await until(lambda: Process.adopt(record) is None)
        return member.pid

    async def again() -> None:
        async with stage.supervisor(SKETCH) as supervisor:
            member = await supervisor.wait_for("sketch", State.READY, timeout_s=LIMIT_S)
            assert member.pid != pid
            assert member.restarts == 0

    pid = asyncio.run(leave_and_kill())
    asyncio.run(again())
