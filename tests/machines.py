"""A machine with two cards, recorded in a file that a test rewrites under a running gesso."""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

GIB = 2**30
SMALL, LARGE = "GPU-11111111-1111-1111-1111-111111111111", "GPU-22222222-2222-2222-2222-222222222222"


@dataclass
class RecordedCards:
    """Two cards, "RTX 3080 Ti" (16 GiB) and "RTX 3090" (24 GiB); each change is there at the next reading."""

    path: Path
    cards: dict[str, dict[str, Any]] = field(default_factory=dict)
    problem: str | None = None

    def __post_init__(self) -> None:
        for index, (uuid, name, total) in enumerate(((SMALL, "RTX 3080 Ti", 16), (LARGE, "RTX 3090", 24))):
            self.cards[uuid] = {
                "uuid": uuid,
                "name": f"NVIDIA GeForce {name}",
                "nvml_index": index,
                "memory_total": total * GIB,
                "memory_used": 0,
                "utilisation": 0,
                "xid": 0,
                "processes": [],
            }
        self.write()

    def write(self) -> None:
        machine = {"cards": list(self.cards.values()), "problem": self.problem}
        draft = self.path.with_suffix(".draft")
        draft.write_text(json.dumps(machine))
        draft.replace(self.path)

    def change(self, uuid: str, **values: Any) -> None:
        self.cards[uuid].update(values)
        self.write()

    def hold(self, uuid: str, held: dict[int, int]) -> None:
        """These processes hold so many GiB of the card, and nobody else holds any."""
        processes = [{"pid": pid, "memory": size * GIB, "name": "python"} for pid, size in held.items()]
        self.change(uuid, processes=processes, memory_used=sum(held.values()) * GIB)

    def fail(self, problem: str | None) -> None:
        self.problem = problem
        self.write()

    def take_out(self, uuid: str) -> dict[str, Any]:
        card = self.cards.pop(uuid)
        self.write()
        return card

    def put_back(self, card: dict[str, Any]) -> None:
        self.cards[card["uuid"]] = card
        self.write()
