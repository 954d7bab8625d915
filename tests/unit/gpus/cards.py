"""Cards and machines for tests, with as much in them as a test says."""

from gesso.gpus.reader import Card, GpuProcess, Machine
from gesso.gpus.recorded import RecordedReader, machine_file

GIB = 2**30


def shipped(name):
    return RecordedReader(machine_file(name), clock=lambda: 1000.0).read()


def card(number, name="NVIDIA RTX A5000", **more):
    given = {"nvml_index": number, "pci": f"00000000:{number + 1:02X}:00.0", "mig": False}
    return Card(uuid=f"GPU-{number}", name=name, **(given | more))


def machine(*cards, problem=None):
    return Machine(reader="test", at=0.0, cards=tuple(cards), problem=problem)


def process(pid, memory=GIB, **more):
    return GpuProcess(pid=pid, memory=memory, **more)
