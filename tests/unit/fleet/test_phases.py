"""How far a start is, by the log of ComfyUI, of sketch, and by its answers."""

from gesso.fleet.decide import Health
from gesso.fleet.log_lines import cleaned
from gesso.fleet.phases import LogPhase, phase
from tests.unit.fleet.test_failures import START


def phases(text: str) -> list[str]:
    """Each phase once, in order."""
    log = LogPhase()
    found = [str(log)]
    for line in text.splitlines():
        log.feed(cleaned(line))
        if str(log) != found[-1]:
            found.append(str(log))
    return found


def test_start_of_comfyui_goes_through_its_phases() -> None:
    assert phases(START) == [
        "process up",
        "importing",
        "checking the card",
        "loading custom nodes",
        "loading custom nodes (ComfyUI-Manager)",
        "loading custom nodes",
        "listening",
    ]


def test_packages_that_are_installed_at_start_are_seen() -> None:
    text = """\
Prestartup times for custom nodes:
Collecting opencv-python (from -r requirements.txt (line 3))
Downloading opencv_python-4.10.0-cp37-abi3-linux_x86_64.whl (62.5 MB)
Installing collected packages: opencv-python
Successfully installed opencv-python-4.10.0
Total VRAM 24106 MB, total RAM 24106 MB
"""
    assert phases(text) == [
        "process up",
        "importing",
        "installing packages (opencv-python)",
        "installing packages (opencv_python-4.10.0-cp37-abi3-linux_x86_64.whl)",
        "installing packages",
        "importing",
        "checking the card",
    ]


def test_nothing_that_a_job_logs_is_a_phase() -> None:
    assert phases("Starting server\nTotal VRAM 1 MB\n### Loading: x\n")[-1] == "listening"


def test_answers_know_more_than_the_log() -> None:
    log = LogPhase()

    def told(health: Health, *, connecting: bool = False, ready: bool = False) -> str:
        return phase(log, health, connecting=connecting, ready=ready)

    assert told(Health.SILENT) == "process up"
    assert told(Health.UNKNOWN) == "process up"
    assert told(Health.LOCKED) == "answering"
    assert told(Health.OK) == "loading node classes"
    assert told(Health.OK, connecting=True) == "connecting"
    assert told(Health.OK, ready=True) == "ready"
