"""The reader that asks NVML, the driver's own library, through nvidia-ml-py."""

import ctypes
import importlib
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from typing import Any

from gesso.gpus.nvml_ask import GPU_IS_LOST, TIMEOUT, Failed, SessionOver, call
from gesso.gpus.nvml_card import read_card
from gesso.gpus.reader import Card, Machine
from gesso.gpus.wsl import hidden_processes, under_wsl

XID = 0x8
# More events than this since the last look are left for the next one.
EVENTS_AT_A_TIME = 64


class NvmlReader:
    """A connection to the driver is opened by the first reading, kept, and opened anew when it breaks.

    A card that was there once and does not answer, or is not listed, is told as `lost`.
    """

    def __init__(
        self, nvml: Any = None, *, clock: Callable[[], float] = time.time, wsl: bool | None = None
    ) -> None:
        self._nvml = nvml
        self._clock = clock
        self._wsl = under_wsl() if wsl is None else wsl
        self._open = False
        self._xids: Xids | None = None
        self._seen: dict[str, tuple[Card, Any]] = {}
        """Every card ever read, as it was last, by UUID, and its handle in this connection; no instances."""

    def read(self) -> Machine:
        problem = ""
        # Twice: a driver that was loaded anew answers to a new connection only.
        for _ in range(2):
            try:
                return self._machine()
            except SessionOver as over:
                problem = str(over)
                self.close()
            except Failed as failed:
                self.close()
                return self._nothing(failed.reason)
        return self._nothing(problem)

    def close(self) -> None:
        if self._xids is not None:
            self._xids.close()
            self._xids = None
        # A handle of an old connection must not be shown to a new one.
        self._seen = {uuid: (card, None) for uuid, (card, _) in self._seen.items()}
        if self._open:
            self._open = False
            with suppress(Failed, SessionOver):
                call(self._nvml, "nvmlShutdown")

    def _nothing(self, problem: str) -> Machine:
        return Machine(reader="nvml", at=self._clock(), problem=problem)

    def _machine(self) -> Machine:
        nvml = self._connected()
        count = int(call(nvml, "nvmlDeviceGetCount"))
        xids = self._xids = self._xids or Xids(nvml)
        xids.collect()
        cards: list[Card] = []
        silent: list[str] = []
        for index in range(count):
            try:
                handle = call(nvml, "nvmlDeviceGetHandleByIndex", index)
                for card in read_card(nvml, handle, index, xids.of(handle)):
                    cards.append(self._remembered(card, handle))
            except Failed as failed:
                silent.append(f"card {index} does not answer ({failed.reason})")
        if self._wsl:
            cards = hidden_processes(cards)
        problem = self._with_lost(cards, silent)
        machine = Machine(
            reader="nvml",
            at=self._clock(),
            driver=_told(nvml, "nvmlSystemGetDriverVersion"),
            cuda_driver=_version(_told(nvml, "nvmlSystemGetCudaDriverVersion_v2")),
            cards=tuple(sorted(cards, key=lambda card: card.nvml_index)),
            problem=problem,
        )
        if silent and all(card.lost for card in cards):
            # None of them answers: the driver may have been replaced below us.
            self.close()
        return machine

    def _with_lost(self, cards: list[Card], silent: list[str]) -> str | None:
        """Adds what was there before to the cards; returns the problem of cards that never told a name."""
        there = {card.uuid for card in cards}
        missing = [seen for uuid, seen in self._seen.items() if uuid not in there]
        for card, handle in missing:
            told = next((text for text in silent if text.startswith(f"card {card.nvml_index} ")), None)
            xid = card.xid if self._xids is None or handle is None else self._xids.last(handle)
            cards.append(_lost(card, xid, told or "the driver does not list the card any more"))
        return "; ".join(silent) if len(silent) > len(missing) else None

    def _remembered(self, card: Card, handle: Any) -> Card:
        """The card; where it is lost, with what was known of it before."""
        if card.lost and card.uuid in self._seen:
            return _lost(self._seen[card.uuid][0], card.xid, *card.problems)
        if card.parent is None:
            self._seen[card.uuid] = card, handle
        return card

    def _connected(self) -> Any:
        if self._nvml is None:
            try:
                self._nvml = importlib.import_module("pynvml")
            except ImportError as error:
                raise Failed(None, f"nvidia-ml-py cannot be loaded ({error})") from error
        if not self._open:
            call(self._nvml, "nvmlInit")
            self._open = True
        return self._nvml


class Xids:
    """The last Xid error of each card since it was first asked for; looking costs microseconds."""

    def __init__(self, nvml: Any) -> None:
        self._nvml = nvml
        self._set: Any = None
        self._last: dict[int, int | None] = {}
        with suppress(Failed):
            self._set = call(nvml, "nvmlEventSetCreate")

    def of(self, handle: Any) -> int | None:
        """0: none so far; None: this card's are not told (Windows, virtual machines). Watched from now on."""
        place = _place(handle)
        if place not in self._last:
            self._last[place] = self._watched(handle)
        return self._last[place]

    def last(self, handle: Any) -> int | None:
        """The same, of a card that cannot be asked any more."""
        return self._last.get(_place(handle))

    def collect(self) -> None:
        """Take what has happened; nothing is waited for."""
        if self._set is None:
            return
        for _ in range(EVENTS_AT_A_TIME):
            try:
                event = call(self._nvml, "nvmlEventSetWait_v2", self._set, 0)
            except Failed as failed:
                if failed.code not in (TIMEOUT, GPU_IS_LOST):
                    self._last = dict.fromkeys(self._last)
                return
            place = _place(event.device)
            if event.eventType == XID and self._last.get(place) is not None:
                self._last[place] = int(event.eventData)

    def close(self) -> None:
        if self._set is not None:
            with suppress(Failed, SessionOver):
                call(self._nvml, "nvmlEventSetFree", self._set)
            self._set = None

    def _watched(self, handle: Any) -> int | None:
        if self._set is None:
            return None
        try:
            call(self._nvml, "nvmlDeviceRegisterEvents", handle, XID, self._set)
        except Failed:
            return None
        return 0


def _place(handle: Any) -> int:
    """A handle points at the driver's card; the pointer is made anew with each answer, its target is not."""
    return (
        ctypes.cast(handle, ctypes.c_void_p).value or 0 if isinstance(handle, ctypes._Pointer) else id(handle)
    )


def _lost(card: Card, xid: int | None, *problems: str) -> Card:
    """Its names, and nothing of what it was at."""
    return replace(
        Card(uuid=card.uuid, name=card.name, nvml_index=card.nvml_index, pci=card.pci),
        lost=True,
        mig=card.mig,
        cores=card.cores,
        compute_capability=card.compute_capability,
        memory_total=card.memory_total,
        clock_limit_mhz=card.clock_limit_mhz,
        xid=xid,
        problems=problems,
    )


def _told(nvml: Any, function: str) -> Any:
    try:
        return call(nvml, function)
    except Failed:
        return None


def _version(number: int | None) -> str | None:
    """ "12.4" of 12040."""
    return None if number is None else f"{number // 1000}.{number % 1000 // 10}"
