"""A whole gesso with a machine of two cards: what its API says of engines that are held to them."""

from pathlib import Path

import psutil

from tests.machines import LARGE, SMALL, RecordedCards
from tests.running import wait_for
from tests.service import running_service

ENGINES = """
[gpus]
simulate = "machine.json"
every_s = 0.1
[[engine]]
name = "one"
kind = "sketch"
gpu = "3090"
vram = "20GiB"
[[engine]]
name = "two"
kind = "sketch"
gpu = "3090"
vram = "20GiB"
[[engine]]
name = "free"
kind = "sketch"
"""


def test_the_api_tells_the_card_its_proof_and_who_waits_for_room(tmp_path: Path) -> None:
    cards = RecordedCards(tmp_path / "machine.json")
    with running_service(tmp_path, ENGINES) as service:
        first = wait_for(lambda: next((n for n in ("one", "two") if service.engine(n)["ready"]), None), 60.0)
        assert first is not None
        last = "two" if first == "one" else "one"
        waiting = wait_for(lambda: (e := service.engine(last))["findings"] and e, 60.0)
        assert (waiting["state"], waiting["pid"], waiting["restarts"]) == ("failing", None, 0)
        assert [finding["name"] for finding in waiting["findings"]] == ["card-full"]
        assert waiting["gpu"]["proven"] == "unknown"
        assert service.engine("free")["gpu"] is None

        pid = service.engine(first)["pid"]
        assert psutil.Process(pid).environ()["CUDA_VISIBLE_DEVICES"] == LARGE
        cards.hold(LARGE, {pid: 20})
        wait_for(lambda: service.engine(first)["gpu"]["proven"] == "yes", 60.0)
        assert service.engine(first)["gpu"] == {
            "uuid": LARGE,
            "name": "NVIDIA GeForce RTX 3090",
            "proven": "yes",
            "evidence": f"PID {pid} holds 20 GiB there",
        }
        cards.hold(LARGE, {})
        cards.hold(SMALL, {pid: 5})
        wait_for(lambda: service.engine(first)["gpu"]["proven"] == "no", 60.0)
        found = wait_for(lambda: service.engine(first)["findings"], 60.0)
        assert [finding["name"] for finding in found] == ["wrong-card"]
        assert service.engine(first)["pid"] == pid

        cards.hold(SMALL, {})
        assert service.call("POST", f"/gesso/api/engines/{first}/stop").status == 200
        wait_for(lambda: service.engine(last)["ready"], 60.0)
        assert service.engine(last)["findings"] == []
