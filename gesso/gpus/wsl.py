"""Under WSL, Windows owns the card and tells no processes: the list is empty, and that means nothing."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from gesso.gpus.reader import Card


def under_wsl() -> bool:
    try:
        return "microsoft" in Path("/proc/sys/kernel/osrelease").read_text(encoding="ascii").casefold()
    except (OSError, UnicodeError):
        return False


def hidden_processes(cards: Sequence[Card]) -> list[Card]:
    """The cards, with an empty list of processes told as not known."""
    hidden = "processes: Windows does not tell them to WSL"
    return [
        replace(card, processes=None, problems=(*card.problems, hidden)) if card.processes == () else card
        for card in cards
    ]
