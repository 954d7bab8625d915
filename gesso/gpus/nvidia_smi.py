"""The reader that asks nvidia-smi, where NVML itself cannot be loaded: slower, and it tells less."""

import atexit
import shutil
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from gesso.gpus.nvml_ask import DRIVER_NOT_LOADED, LIBRARY_NOT_FOUND, MISMATCH, WORDS
from gesso.gpus.reader import Card, Machine
from gesso.gpus.smi_text import FIELDS, OPTIONAL, cards_of, instances_of, processes_of, refused_field
from gesso.gpus.wsl import hidden_processes, under_wsl

# What nvidia-smi says when it cannot, in our words; its exit statuses differ between versions.
KNOWN = {
    "driver/library version mismatch": WORDS[MISMATCH],
    "couldn't communicate with the nvidia driver": WORDS[DRIVER_NOT_LOADED],
    "driver not loaded": WORDS[DRIVER_NOT_LOADED],
    "no devices were found": "the NVIDIA driver finds no card",
    "couldn't find libnvidia-ml": WORDS[LIBRARY_NOT_FOUND],
    "gpu access blocked by the operating system": "the operating system blocks access to the card",
    "insufficient permissions": "nvidia-smi may not ask the driver",
}
NOT_INSTALLED = "nvidia-smi is not installed"
# Given up after a kill, so that a child the system cannot end does not hold up who asked.
DYING_S = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What one call printed. `problem`: it failed, and why."""

    text: str
    problem: str | None = None


class NvidiaSmiReader:
    """Starts nvidia-smi two or three times for a reading. One that hangs is killed; if it cannot be ended, it
    is the only one."""

    def __init__(
        self,
        program: str = "nvidia-smi",
        *,
        limit_s: float = 10.0,
        clock: Callable[[], float] = time.time,
        wsl: bool | None = None,
    ) -> None:
        self._program = program
        self._limit_s = limit_s
        self._clock = clock
        self._wsl = under_wsl() if wsl is None else wsl
        self._fields: tuple[str, ...] = FIELDS
        self._hanging: subprocess.Popen[bytes] | None = None

    def read(self) -> Machine:
        at = self._clock()
        told = self._query()
        driver, cards, problems = cards_of(told.text, self._fields)
        if told.problem is not None and not problems:
            problems.append(told.problem)
        if cards:
            cards = self._with_instances(cards, problems)
            cards = self._with_processes(cards, problems)
        return Machine(
            reader="nvidia-smi",
            at=at,
            driver=driver,
            cards=tuple(cards),
            problem="; ".join(dict.fromkeys(problems)) or None,
        )

    def close(self) -> None:
        """Nothing is open between two readings."""

    def _query(self) -> Told:
        """Fields that this version does not know are left out, or asked by their older name, from then on."""
        while True:
            told = self._run(f"--query-gpu={','.join(self._fields)}", "--format=csv,noheader,nounits")
            refused = refused_field(told.text)
            if refused not in self._fields or refused not in OPTIONAL:
                return told
            older = OPTIONAL[refused]
            renamed = [older if field == refused else field for field in self._fields]
            self._fields = tuple(field for field in renamed if field is not None)

    def _with_instances(self, cards: list[Card], problems: list[str]) -> list[Card]:
        if not any(card.mig for card in cards):
            return cards
        told = self._run("-L")
        if told.problem is not None:
            problems.append(f"MIG instances: {told.problem}")
        return instances_of(told.text, cards)

    def _with_processes(self, cards: list[Card], problems: list[str]) -> list[Card]:
        fields = "gpu_uuid,pid,used_memory,process_name"
        told = self._run(f"--query-compute-apps={fields}", "--format=csv,noheader,nounits")
        if told.problem is not None:
            return [card if card.lost else _noted(card, f"processes: {told.problem}") for card in cards]
        cards, unread = processes_of(told.text, cards)
        problems += unread
        return hidden_processes(cards) if self._wsl else cards

    def _run(self, *arguments: str) -> Told:
        if self._hanging is not None and self._hanging.poll() is None:
            return Told(text="", problem=f"nvidia-smi hangs, and cannot be ended (PID {self._hanging.pid})")
        self._hanging = None
        path = shutil.which(self._program)
        if path is None:
            return Told(text="", problem=NOT_INSTALLED)
        try:
            child = subprocess.Popen(  # noqa: S603 -- the one program, with arguments of ours
                [path, *arguments],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
            )
        except OSError as error:
            return Told(text="", problem=f"nvidia-smi cannot be started ({error.strerror})")
        # The end of gesso waits for no reading; without this, one that hangs would leave its child behind.
        atexit.register(child.kill)
        try:
            output, _ = child.communicate(timeout=self._limit_s)
        except subprocess.TimeoutExpired:
            return self._killed(child)
        finally:
            atexit.unregister(child.kill)
        text = output.decode("utf-8", "replace")
        return Told(text=text, problem=_problem(text, child.returncode))

    def _killed(self, child: subprocess.Popen[bytes]) -> Told:
        child.kill()
        try:
            child.communicate(timeout=DYING_S)
        except subprocess.TimeoutExpired:
            self._hanging = child
        return Told(text="", problem=f"nvidia-smi did not answer within {self._limit_s:g} s")


def _problem(text: str, status: int) -> str | None:
    """Not every failure has a status: a machine without a card is told in words, with status 0 or 6."""
    folded = text.casefold()
    for words, told in KNOWN.items():
        if words in folded and (status != 0 or words == "no devices were found"):
            return told
    if status == 0:
        return None
    last = _last_line(text.splitlines())
    return f"nvidia-smi failed with status {status}" + (f" ({last})" if last else "")


def _last_line(lines: Sequence[str]) -> str:
    return next((line.strip()[:200] for line in reversed(lines) if line.strip()), "")


def _noted(card: Card, problem: str) -> Card:
    return replace(card, problems=(*card.problems, problem))
