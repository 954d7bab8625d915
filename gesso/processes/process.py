"""A process that outlives us: started, found again, polled, and stopped with all its children."""

import asyncio
import subprocess
import sys
import uuid
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

from gesso.errors import ProcessError
from gesso.processes.record import Record, boot_id, is_same, started_of

if sys.platform == "win32":
    from gesso.processes import windows as system
else:
    from gesso.processes import posix as system

TOKEN = "GESSO_PROCESS"  # noqa: S105 - the name of an environment variable
POLL_S = 0.02
KILL_S = 10.0


@dataclass(frozen=True, slots=True)
class Alive:
    """It runs (or is stopped by a signal, or frozen: the system cannot tell more)."""


@dataclass(frozen=True, slots=True)
class Exited:
    """It ended, and this is its exit code; negative for a signal. `exits.explain` has the words."""

    code: int


@dataclass(frozen=True, slots=True)
class Gone:
    """It ended, and nobody can tell how: it was not our child. A later process with its PID is not it."""


@dataclass(frozen=True, slots=True)
class Unknown:
    """The system does not tell. Nothing may be done to the process on this answer."""

    reason: str


Poll = Alive | Exited | Gone | Unknown


class Process:
    """A handle on one process and its group. Nothing is ever signalled whose identity is not proven:
    the leader by PID and start time, its orphaned children by the token in their environment.

    Between the proof and the signal lie microseconds, in which a PID that is not our child's could in
    theory end and be given away again; the system gives PIDs out in turn, so this needs all of them.
    """

    def __init__(self, record: Record, child: "subprocess.Popen[bytes] | None" = None) -> None:
        self.record = record
        self._child = child
        self._end: Exited | Gone | None = None

    @classmethod
    def start(
        cls,
        argv: Sequence[str],
        *,
        env: Mapping[str, str],
        cwd: Path,
        log: Path,
        port: int | None = None,
        record_path: Path | None = None,
    ) -> "Process":
        """Run `argv` with its output appended to `log`; raises ProcessError where it cannot be run.

        With `record_path`, the record is there before this returns: kill us right after, and the next
        one adopts the process.
        """
        token = uuid.uuid4().hex
        try:
            log.parent.mkdir(parents=True, exist_ok=True)
            with log.open("ab") as output:
                child = system.spawn(argv, {**env, TOKEN: token}, cwd, output)
        except (OSError, ValueError) as error:
            raise ProcessError(f"cannot run {argv[0]!r} in {str(cwd)!r}: {error}") from error
        record = Record(
            pid=child.pid,
            started=started_of(child.pid) or 0.0,
            boot=boot_id(),
            argv=tuple(argv),
            port=port,
            log=str(log),
            token=token,
        )
        if record_path is not None:
            try:
                record.write(record_path)
            except OSError as error:
                system.kill(child.pid)
                raise ProcessError(f"cannot write {str(record_path)!r}: {error}") from error
        return cls(record, child)

    @classmethod
    def adopt(cls, record: Record) -> "Process | None":
        """The process of the record if it still runs; None if it ended or its PID is somebody else's now.

        Raises ProcessError where the system does not tell.
        """
        process = cls(record)
        state = process.poll()
        if isinstance(state, Unknown):
            raise ProcessError(f"cannot tell whether process {record.pid} is ours: {state.reason}")
        return process if isinstance(state, Alive) else None

    @property
    def pid(self) -> int:
        return self.record.pid

    def poll(self) -> Poll:
        """Alive, Exited with its code, Gone (ended, code unknown), or Unknown; an end is final."""
        if self._end is None:
            try:
                return self._look()
            except (OSError, psutil.Error, ValueError) as error:
                return Unknown(str(error))
        return self._end

    def _look(self) -> Poll:
        # Our child keeps its PID until we collect it; any other must prove itself each time.
        if self._child is None and not is_same(self.record):
            self._end = Gone()
            return self._end
        try:
            code = system.collect(self.pid, self._child)
        except ChildProcessError:
            self._child = None
            if system.is_zombie(self.pid) or not is_same(self.record):
                self._end = Gone()
            return self._end or Alive()
        if code is not None:
            self._end = Exited(code)
        return self._end or Alive()

    def on_exit(self, call: Callable[[], None]) -> Callable[[], None]:
        """Call back on the running loop when it ends, where the system can; else `poll` must be asked.

        Returns the function that stops listening.
        """
        return system.on_exit(self.pid, call)

    async def stop(self, grace_s: float) -> Exited | Gone:
        """Ask the whole group to end, kill after `grace_s` what is left of it; also after its leader ended.

        Raises ProcessError where it does not end even then, or where nobody can tell whether it is ours.
        """
        deadline = asyncio.get_running_loop().time() + grace_s
        if isinstance(self._proven(), Alive):
            system.ask_to_end(self.pid)
            if await self._ended_within(grace_s) is None and isinstance(self._proven(), Alive):
                system.kill(self.pid)
                await self._ended_within(KILL_S)
        end = self._proven()
        if isinstance(end, Alive):
            raise ProcessError(
                f"process {self.pid} does not end, not even by SIGKILL: it hangs in a driver or disk"
            )
        await self._end_orphans(deadline)
        return end

    def _proven(self) -> Alive | Exited | Gone:
        state = self.poll()
        if isinstance(state, Unknown):
            raise ProcessError(f"cannot tell whether process {self.pid} is ours: {state.reason}")
        return state

    async def _ended_within(self, limit_s: float) -> Exited | Gone | None:
        loop = asyncio.get_running_loop()
        deadline = loop.time() + limit_s
        while True:
            state = self.poll()
            if isinstance(state, Exited | Gone):
                return state
            if loop.time() >= deadline:
                return None
            await asyncio.sleep(POLL_S)

    async def _end_orphans(self, deadline: float) -> None:
        """Children that outlived the leader: they may hold the port or the card that a successor needs."""
        loop = asyncio.get_running_loop()
        # It asks the system about every process there is.
        orphans = await asyncio.to_thread(self._orphans)
        for orphan in orphans:
            with suppress(psutil.NoSuchProcess):
                orphan.terminate()
        while orphans and loop.time() < deadline:
            await asyncio.sleep(POLL_S)
            orphans = [orphan for orphan in orphans if _runs(orphan)]
        for orphan in orphans:
            with suppress(psutil.NoSuchProcess):
                orphan.kill()

    def _orphans(self) -> list[psutil.Process]:
        found = []
        for process in psutil.process_iter():
            if process.pid == self.pid or not system.belongs(self.pid, process):
                continue
            # Another's environment cannot be read: then it is not ours either.
            with suppress(psutil.Error, OSError):
                if process.environ().get(TOKEN) == self.record.token:
                    found.append(process)
        return found


def _runs(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
