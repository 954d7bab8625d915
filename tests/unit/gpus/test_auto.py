"""Which reader is asked, and what is said when none knows a card."""

import pytest

from gesso.errors import ConfigError
from gesso.gpus.auto import RETRY_S, AutoReader, open_reader
from gesso.gpus.nvidia_smi import NOT_INSTALLED, NvidiaSmiReader
from gesso.gpus.nvml import NvmlReader
from gesso.gpus.recorded import RecordedReader, machine_file
from tests.unit.gpus.cards import card, machine


class Saying:
    """A reader that says what a test puts there, and counts how often."""

    def __init__(self, told):
        self.told = told
        self.read_times = 0
        self.closed = False

    def read(self):
        self.read_times += 1
        return self.told

    def close(self):
        self.closed = True


def test_where_nvml_knows_the_cards_nothing_else_is_asked():
    nvml, other = Saying(machine(card(0))), Saying(machine())
    assert AutoReader(nvml, other).read() is nvml.told and other.read_times == 0


def test_where_nvml_knows_none_nvidia_smi_is_asked():
    nvml, other = Saying(machine(problem="versions differ")), Saying(machine(card(0)))
    assert AutoReader(nvml, other).read() is other.told


def test_where_neither_knows_any_both_say_why_and_nvidia_smi_is_asked_again_only_later():
    now = [100.0]
    nvml, other = Saying(machine(problem="no driver")), Saying(machine(problem="it hangs"))
    auto = AutoReader(nvml, other, timer=lambda: now[0])
    assert [auto.read().problem for _ in range(3)] == ["no driver; it hangs"] * 3
    assert (nvml.read_times, other.read_times) == (3, 1)
    now[0] += RETRY_S
    other.told = machine(card(0))
    assert auto.read().cards


def test_that_nvidia_smi_is_not_there_is_no_news():
    auto = AutoReader(Saying(machine(problem="no driver")), Saying(machine(problem=NOT_INSTALLED)))
    assert auto.read().problem == "no driver"


def test_both_are_closed():
    readers = Saying(machine()), Saying(machine())
    AutoReader(*readers).close()
    assert all(each.closed for each in readers)


def test_a_kind_has_its_reader_and_a_simulation_comes_first():
    assert isinstance(open_reader("nvml"), NvmlReader)
    assert isinstance(open_reader("nvidia-smi"), NvidiaSmiReader)
    assert isinstance(open_reader(), AutoReader)
    assert open_reader("none") is None
    assert isinstance(open_reader("none", machine_file("mig")), RecordedReader)
    with pytest.raises(ConfigError, match="nowhere"):
        open_reader("auto", machine_file("nowhere"))
