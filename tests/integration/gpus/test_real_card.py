"""The readers on a real card: what NVML tells, and nvidia-smi tells, is the same."""

import shutil
import subprocess
import sys

import pytest

from gesso.gpus.cuda_order import cuda_order
from gesso.gpus.nvidia_smi import NvidiaSmiReader
from gesso.gpus.nvml import NvmlReader

MIB = 2**20


@pytest.fixture(scope="module")
def machines():
    nvml = NvmlReader()
    try:
        machine = nvml.read()
        if not machine.cards:
            pytest.skip(f"not applicable: {machine.problem or 'no card'}")
        if shutil.which("nvidia-smi") is None:
            pytest.skip("not applicable: nvidia-smi is not installed")
        yield machine, NvidiaSmiReader().read(), nvml.read()
    finally:
        nvml.close()


def test_nothing_of_nvidias_is_loaded_before_a_card_is_read():
    script = "import sys, gesso.service.serve; from gesso.gpus.auto import open_reader; open_reader(); " + (
        "print('pynvml' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"


@pytest.mark.gpu
def test_both_readers_name_the_same_cards(machines):
    nvml, smi, again = machines
    assert smi.problem is None and nvml.driver == smi.driver
    names = [
        [(card.uuid, card.nvml_index, card.pci.upper(), card.mig, card.parent) for card in each.cards]
        for each in (nvml, smi, again)
    ]
    assert names[0] == names[1] == names[2]
    whole = [[card.name for card in each.cards if card.parent is None] for each in (nvml, smi)]
    assert whole[0] == whole[1]


@pytest.mark.gpu
def test_both_readers_tell_the_same_readings(machines):
    nvml, smi, _ = machines
    for ours, theirs in zip(nvml.cards, smi.cards, strict=True):
        if ours.parent is not None:
            continue
        # nvidia-smi rounds to MiB; between two readings, little changes on a card at rest.
        assert abs(ours.memory_total - theirs.memory_total) <= MIB
        assert abs(ours.memory_used - theirs.memory_used) <= 512 * MIB
        assert abs(ours.temperature_c - theirs.temperature_c) <= 10
        assert ours.power_limit_w == pytest.approx(theirs.power_limit_w, abs=1)
        assert ours.clock_limit_mhz == theirs.clock_limit_mhz
        assert ours.compute_capability == theirs.compute_capability
        for field in ("utilisation", "power_w", "clock_mhz", "memory_clock_mhz", "throttled_by"):
            assert (getattr(ours, field) is None) == (getattr(theirs, field) is None), field


@pytest.mark.gpu
def test_cards_have_cores_and_a_place_in_pcis_order(machines):
    machine = machines[0]
    whole = [card for card in machine.cards if card.parent is None]
    assert all(card.cores for card in whole)
    if not any(card.mig for card in whole):
        orders = cuda_order(machine)
        assert [orders[card.uuid].pci_bus_id for card in whole] == list(range(len(whole)))
