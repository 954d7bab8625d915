"""How far an engine's start is: from the lines of its log, and from its answers."""

import re
from enum import StrEnum

from gesso.fleet.decide import Health


class Phase(StrEnum):
    PROCESS_UP = "process up"
    IMPORTING = "importing"
    INSTALLING = "installing packages"
    CARD = "checking the card"
    CUSTOM_NODES = "loading custom nodes"
    LISTENING = "listening"
    ANSWERING = "answering"
    NODE_CLASSES = "loading node classes"
    CONNECTING = "connecting"
    READY = "ready"


# The phase that begins with a line; a group says of what. The last that matches wins.
LINES = (
    (Phase.INSTALLING, r"(?:Collecting|Downloading|Building wheel for) ([\w.-]+)"),
    (Phase.INSTALLING, r"Installing collected packages"),
    (Phase.IMPORTING, r"Successfully installed |Prestartup times for custom nodes:"),
    (Phase.CARD, r"Total VRAM \d|Set vram state to: |Device: |Set cuda device to: "),
    (Phase.CUSTOM_NODES, r"ComfyUI version: |\[Prompt Server\] web root: |Import times for custom nodes:"),
    (Phase.CUSTOM_NODES, r"### Loading: ([^(]{1,60}?)(?: \(|$)"),
    (Phase.CUSTOM_NODES, r"[Ll]oading custom nodes(?: \(([^)]{1,60})\))?"),
    (Phase.LISTENING, r"Starting server|To see the GUI go to: |[Ll]istening on "),
)
COMPILED = tuple((phase, re.compile(pattern)) for phase, pattern in LINES)


class LogPhase:
    """What the log says of the start. It never goes back behind "listening": later lines are of jobs."""

    def __init__(self) -> None:
        self.phase = Phase.PROCESS_UP
        self.detail = ""

    def feed(self, line: str) -> None:
        """A cleaned line."""
        if self.phase is Phase.LISTENING or not line:
            return
        if self.phase is Phase.PROCESS_UP:
            self.phase = Phase.IMPORTING
        for phase, pattern in COMPILED:
            found = pattern.match(line)
            if found is not None:
                self.phase = phase
                self.detail = next((name for name in found.groups() if name), "").strip()

    def __str__(self) -> str:
        return f"{self.phase} ({self.detail})" if self.detail else str(self.phase)


def phase(log: LogPhase, health: Health, *, connecting: bool, ready: bool) -> str:
    """Where the start is; what was asked over the network knows more than the log."""
    if ready:
        return Phase.READY
    if connecting:
        return Phase.CONNECTING
    if health is Health.OK:
        return Phase.NODE_CLASSES
    if health in (Health.LOCKED, Health.BROKEN):
        return Phase.ANSWERING
    return str(log)
