"""The reader over nvidia-smi, with a real child process in its place that prints what was recorded."""

import json
import os
import subprocess
import sys

import psutil
import pytest

from gesso.gpus.nvidia_smi import NOT_INSTALLED, NvidiaSmiReader
from gesso.gpus.smi_text import FIELDS
from tests.running import wait_for

pytestmark = pytest.mark.skipif(os.name == "nt", reason="the stand-in is a script")

MIB = 2**20
SCRIPT = """#!{python}
import json, os, pathlib, signal, sys, time
answers = json.loads(pathlib.Path({answers!r}).read_text())
with open({calls!r}, "a") as calls:
    calls.write(json.dumps([os.getpid(), *sys.argv[1:]]) + "\\n")
if answers.get("hang"):
    while True:
        time.sleep(0.05)
asked = next(kind for kind in ("--query-gpu", "--query-compute-apps", "-L") if sys.argv[1].startswith(kind))
if asked == "--query-gpu":
    fields = sys.argv[1].partition("=")[2].split(",")
    unknown = [field for field in fields if field in answers.get("unknown", [])]
    if unknown:
        print(f'Field "{{unknown[0]}}" is not a valid field to query.\\n')
        sys.exit(2)
    for card in answers.get("cards", []):
        print(", ".join(str(card.get(field, "[N/A]")) for field in fields))
print(answers.get(asked, ""), end="")
sys.exit(answers.get("status", 0))
"""
CARD = {
    "index": 0,
    "uuid": "GPU-aa",
    "pci.bus_id": "00000000:01:00.0",
    "driver_version": "560.35.03",
    "memory.total": 24576,
    "memory.used": 1024,
    "clocks_throttle_reasons.active": "0x4",
    "power.limit": "300.00",
    "name": "NVIDIA RTX A5000",
}


class NvidiaSmi:
    """The stand-in: `answers` may be changed between calls."""

    def __init__(self, folder):
        self.program = folder / "nvidia-smi"
        self.answers = folder / "answers.json"
        self.log = folder / "calls"
        script = SCRIPT.format(python=sys.executable, answers=str(self.answers), calls=str(self.log))
        self.program.write_text(script)
        self.program.chmod(0o755)
        self.say()

    def say(self, **answers):
        self.answers.write_text(json.dumps(answers))

    @property
    def calls(self):
        return [json.loads(line) for line in self.log.read_text().splitlines()] if self.log.exists() else []


@pytest.fixture
def smi(tmp_path):
    return NvidiaSmi(tmp_path)


def reader(smi, *, limit_s=30.0, wsl=False):
    return NvidiaSmiReader(str(smi.program), limit_s=limit_s, clock=lambda: 5.0, wsl=wsl)


def test_a_card_with_its_processes(smi):
    smi.say(cards=[CARD], **{"--query-compute-apps": "GPU-aa, 4242, 512, /usr/bin/python3\n"})
    machine = reader(smi).read()
    assert (machine.reader, machine.at, machine.driver, machine.problem) == (
        "nvidia-smi",
        5.0,
        "560.35.03",
        None,
    )
    (card,) = machine.cards
    assert (card.uuid, card.memory_used) == ("GPU-aa", 1024 * MIB)
    assert [(each.pid, each.memory) for each in card.processes] == [(4242, 512 * MIB)]
    assert "temperature: not supported" in card.problems


def test_fields_that_this_version_does_not_know_are_asked_by_their_older_name_or_not(smi):
    smi.say(cards=[CARD], unknown=["compute_cap", "clocks_event_reasons.active", "enforced.power.limit"])
    told = reader(smi)
    (card,) = told.read().cards
    assert (card.throttled_by, card.power_limit_w, card.compute_capability) == (
        ("sw_power_cap",),
        300.0,
        None,
    )
    before = len(smi.calls)
    told.read()
    assert len(smi.calls) == before + 2, "what was refused once is not asked again"


def test_a_version_that_does_not_know_what_all_must_know_is_a_problem(smi):
    smi.say(unknown=["uuid"])
    machine = reader(smi).read()
    assert machine.cards == () and "status 2" in machine.problem and '"uuid"' in machine.problem


@pytest.mark.parametrize(
    ("text", "status", "told"),
    [
        ("No devices were found\n", 6, "finds no card"),
        ("No devices were found\n", 0, "finds no card"),
        (
            "Failed to initialize NVML: Driver/library version mismatch\nNVML library version: 560.35\n",
            18,
            "different versions",
        ),
        (
            "NVIDIA-SMI has failed because it couldn't communicate with the NVIDIA driver. "
            "Make sure that the latest NVIDIA driver is installed and running.\n",
            9,
            "no NVIDIA driver is loaded",
        ),
        (
            "NVIDIA-SMI couldn't find libnvidia-ml.so library in your system.\n",
            12,
            "no NVIDIA driver is installed",
        ),
        (
            "Failed to initialize NVML: GPU access blocked by the operating system\n",
            17,
            "operating system blocks",
        ),
        ("Segmentation fault\n", 139, "failed with status 139 (Segmentation fault)"),
        ("", 1, "failed with status 1"),
    ],
)
def test_what_it_says_when_it_cannot_is_told_in_words(smi, text, status, told):
    smi.say(status=status, **{"--query-gpu": text})
    machine = reader(smi).read()
    assert machine.cards == () and told in machine.problem


def test_a_lost_card_does_not_hide_the_others(smi):
    lost = "Unable to determine the device handle for GPU0000:2F:00.0: GPU is lost.  Reboot the system\n"
    smi.say(cards=[CARD], status=15, **{"--query-gpu": lost})
    machine = reader(smi).read()
    assert [card.uuid for card in machine.cards] == ["GPU-aa"] and "GPU is lost" in machine.problem


def test_processes_that_cannot_be_asked_for_are_not_known(smi):
    told = reader(smi)
    smi.say(cards=[CARD], status=3)
    (card,) = told.read().cards
    assert card.processes is None and card.problems[-1].startswith("processes: nvidia-smi failed")


def test_mig_instances_are_listed(smi):
    listed = "GPU 0: A100 (UUID: GPU-aa)\n  MIG 3g.20gb     Device  0: (UUID: MIG-11)\n"
    apps = "GPU-aa, 4242, 512, python\n"
    smi.say(cards=[CARD | {"mig.mode.current": "Enabled"}], **{"-L": listed, "--query-compute-apps": apps})
    card, instance = reader(smi).read().cards
    assert card.mig and instance.parent == "GPU-aa" and instance.processes is None
    assert [each.pid for each in card.processes] == [4242]


def test_under_wsl_no_processes_are_told(smi):
    smi.say(cards=[CARD])
    (card,) = reader(smi, wsl=True).read().cards
    assert card.processes is None and "WSL" in card.problems[-1]


def test_one_that_hangs_is_killed_and_nothing_else(smi):
    smi.say(hang=True)
    bystander = psutil.Popen([smi.program, "--query-gpu"])
    try:
        wait_for(lambda: smi.calls, 60)
        machine = reader(smi, limit_s=1.0).read()
        assert machine.problem == "nvidia-smi did not answer within 1 s"
        # Loaded as this machine may be, it may have been killed before it could write down its PID.
        own = [call[0] for call in smi.calls if call[0] != bystander.pid]
        assert not any(psutil.pid_exists(pid) for pid in own)
        assert bystander.poll() is None
    finally:
        bystander.kill()
        bystander.wait()


def test_one_that_cannot_be_ended_is_the_only_one(smi, monkeypatch):
    """As one that waits for a driver in the kernel: a kill has no effect until it returns."""
    smi.say(hang=True)
    monkeypatch.setattr("gesso.gpus.nvidia_smi.DYING_S", 0.1)
    told = reader(smi, limit_s=0.1)
    with monkeypatch.context() as unkillable:
        unkillable.setattr("subprocess.Popen.kill", lambda child: None)
        told.read()
    hanging = told._hanging
    try:
        assert told.read().problem == f"nvidia-smi hangs, and cannot be ended (PID {hanging.pid})"
    finally:
        hanging.kill()
        hanging.communicate()
    smi.say(cards=[CARD])
    assert reader(smi).read().cards


def test_where_it_is_not_installed_it_says_so(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert NvidiaSmiReader().read().problem == NOT_INSTALLED


def test_what_cannot_be_run_says_so(tmp_path):
    broken = tmp_path / "nvidia-smi"
    broken.write_text("#!/no/such/interpreter\n")
    broken.chmod(0o755)
    assert "cannot be started" in str(NvidiaSmiReader(str(broken)).read().problem)


def test_the_stand_in_is_asked_for_the_fields_in_their_order(smi):
    smi.say(cards=[CARD])
    reader(smi).read()
    assert smi.calls[0][1] == f"--query-gpu={','.join(FIELDS)}"


def test_the_end_of_the_program_ends_what_is_still_being_asked(smi):
    smi.say(hang=True)
    reads = (
        "import sys, threading\nfrom gesso.gpus.nvidia_smi import NvidiaSmiReader\n"
        "threading.Thread(target=NvidiaSmiReader(sys.argv[1]).read, daemon=True).start()\nsys.stdin.read()"
    )
    program = subprocess.Popen([sys.executable, "-c", reads, str(smi.program)], stdin=subprocess.PIPE)
    with program:
        try:
            ((pid, *_),) = wait_for(lambda: smi.calls, 30)
            program.communicate(timeout=20)
        finally:
            program.kill()
    wait_for(lambda: not psutil.pid_exists(pid))
