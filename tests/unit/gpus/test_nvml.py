"""The reader over NVML, by a stand-in for the driver: what it tells, and what it does when answers fail."""

import ctypes
import re
from pathlib import Path
from types import SimpleNamespace

import pynvml
import pytest

import gesso.gpus
from gesso.gpus import nvml_ask, nvml_card
from gesso.gpus.nvml import XID, NvmlReader, _place
from gesso.gpus.reader import GpuProcess
from tests.unit.gpus.fake_nvml import (
    FUNCTION_NOT_FOUND,
    GIB,
    LOST,
    MISMATCH,
    NOT_FOUND,
    NOT_SUPPORTED,
    UNINITIALIZED,
    UNKNOWN,
    Failing,
    FakeNvml,
    handle,
    holds,
)

SOURCES = [path.read_text(encoding="utf-8") for path in Path(gesso.gpus.__path__[0]).glob("nvml*.py")]


def reader(nvml, **more):
    return NvmlReader(nvml, clock=lambda: 1000.0, **({"wsl": False} | more))


def only(**answers):
    (card,) = reader(FakeNvml(handle(0, **answers))).read().cards
    return card


def test_everything_asked_of_the_library_is_in_it():
    asked = {name for text in SOURCES for name in re.findall(r'"(nvml[A-Z]\w+)"', text)}
    asked |= {f"nvmlDeviceGet{kind}RunningProcesses_v{n}" for kind in ("Compute", "Graphics") for n in (2, 3)}
    asked |= {f"nvmlDeviceGetMPSComputeRunningProcesses_v{version}" for version in (2, 3)}
    assert len(asked) > 25 and [name for name in asked if not hasattr(pynvml, name)] == []


def test_numbers_mean_what_they_mean_to_the_library():
    assert pynvml.NVML_ERROR_GPU_IS_LOST == nvml_ask.GPU_IS_LOST
    assert pynvml.NVML_ERROR_LIB_RM_VERSION_MISMATCH == nvml_ask.MISMATCH
    assert pynvml.NVML_ERROR_TIMEOUT == nvml_ask.TIMEOUT
    assert pynvml.NVML_ERROR_FUNCTION_NOT_FOUND == nvml_ask.FUNCTION_NOT_FOUND
    assert pynvml.NVML_ERROR_ARGUMENT_VERSION_MISMATCH == nvml_ask.OTHER_VERSION
    assert pynvml.nvmlMemory_v2 == nvml_card.MEMORY_V2
    assert (pynvml.NVML_CLOCK_SM, pynvml.NVML_CLOCK_MEM) == (nvml_card.CLOCK_SM, nvml_card.CLOCK_MEMORY)
    assert pynvml.nvmlEventTypeXidCriticalError == XID
    assert pynvml.nvmlClocksEventReasonGpuIdle == nvml_card.IDLE
    reasons = {
        value: re.sub(r"(?<!^)(?=[A-Z])", "_", name.removeprefix("nvmlClocksThrottleReason")).lower()
        for name, value in vars(pynvml).items()
        if name.startswith("nvmlClocksThrottleReason") and name[24:] not in ("All", "None", "GpuIdle")
        if name != "nvmlClocksThrottleReasonUserDefinedClocks"
    }
    assert reasons == nvml_card.REASONS


def test_every_error_of_the_library_that_has_a_name_of_its_own_has_words():
    for code in nvml_ask.WORDS:
        assert code in {value for name, value in vars(pynvml).items() if name.startswith("NVML_ERROR_")}
    assert nvml_ask.words(20) == "error 20"


def test_a_card_that_answers_everything():
    machine = reader(FakeNvml(handle(0))).read()
    assert (machine.reader, machine.at, machine.problem) == ("nvml", 1000.0, None)
    assert (machine.driver, machine.cuda_driver) == ("560.35.03", "12.6")
    (card,) = machine.cards
    assert (card.uuid, card.nvml_index, card.pci, card.mig) == ("GPU-0", 0, "00000000:01:00.0", False)
    assert (card.memory_total, card.memory_used) == (24 * GIB, 4 * GIB)
    assert (card.utilisation, card.temperature_c) == (40.0, 61.0)
    assert (card.power_w, card.power_limit_w) == (250.5, 300.0)
    assert (card.clock_mhz, card.clock_limit_mhz, card.memory_clock_mhz) == (1700.0, 2100.0, 8000.0)
    assert (card.throttled_by, card.xid, card.problems) == ((), 0, ())
    assert card.processes == (GpuProcess(pid=10, memory=3 * GIB, name="/usr/bin/program-10", graphics=False),)


READINGS = {
    "GetUtilizationRates": ("utilisation", "utilisation"),
    "GetTemperature": ("temperature_c", "temperature"),
    "GetPowerUsage": ("power_w", "power"),
    "GetClockInfo": ("clock_mhz", "clock"),
    "GetMaxClockInfo": ("clock_limit_mhz", "highest clock"),
    "GetPciInfo_v3": ("pci", "PCI address"),
    "GetComputeRunningProcesses_v3": ("processes", "processes"),
    "GetMemoryInfo": ("memory_used", "memory"),
}


@pytest.mark.parametrize("question", READINGS)
@pytest.mark.parametrize("code", [NOT_SUPPORTED, 4, UNKNOWN, 77])
def test_a_reading_that_fails_is_not_known_and_says_why(question, code):
    field, what = READINGS[question]
    card = only(**{question: Failing(code), question.replace("_v3", "_v2"): Failing(code)})
    assert getattr(card, field) is None
    assert f"{what}: {nvml_ask.words(code)}" in card.problems
    assert card.temperature_c == 61.0 or field == "temperature_c"


@pytest.mark.parametrize("raised", [UnicodeDecodeError("utf-8", b"\xff", 0, 1, "bad"), OSError("gone")])
def test_an_answer_that_is_no_answer_is_a_reading_that_failed(raised):
    card = only(GetTemperature=raised)
    assert card.temperature_c is None and card.problems[0].startswith("temperature: unusable answer")


def test_all_readings_may_fail_at_once():
    answers = {name: Failing(UNKNOWN) for name in handle(0).answers if name != "GetUUID"}
    card = only(**answers)
    assert card.uuid == "GPU-0" and card.memory_used is None and card.xid is None and card.processes is None


def test_an_older_driver_is_asked_the_older_questions():
    def memory(version=None):
        if version:
            raise FakeNvml.NVMLError(FUNCTION_NOT_FOUND)
        return SimpleNamespace(total=8 * GIB, used=GIB)

    older = {
        "GetMemoryInfo": memory,
        "GetCurrentClocksEventReasons": Failing(FUNCTION_NOT_FOUND),
        "GetEnforcedPowerLimit": Failing(NOT_SUPPORTED),
        "GetComputeRunningProcesses_v3": Failing(FUNCTION_NOT_FOUND),
        "GetComputeRunningProcesses_v2": [holds(5, GIB)],
        "GetGraphicsRunningProcesses_v3": Failing(FUNCTION_NOT_FOUND),
        "GetMPSComputeRunningProcesses_v3": Failing(FUNCTION_NOT_FOUND),
    }
    card = only(**older)
    assert (card.memory_used, card.throttled_by, card.power_limit_w) == (GIB, ("sw_power_cap",), 280.0)
    assert [each.pid for each in card.processes] == [5] and card.problems == ()


def test_reasons_are_told_in_words_and_rest_is_none_of_them():
    assert only(GetCurrentClocksEventReasons=0x1 | 0x4 | 0x40).throttled_by == (
        "sw_power_cap",
        "hw_thermal_slowdown",
    )
    assert nvml_card.throttle_words(1 << 40) == ("0x10000000000",)


def test_a_process_that_draws_and_computes_is_counted_once():
    card = only(
        GetComputeRunningProcesses_v3=[holds(1, GIB), holds(2, GIB)],
        GetGraphicsRunningProcesses_v3=[holds(2, GIB), holds(3, 5)],
        GetMPSComputeRunningProcesses_v3=[holds(4, None), holds(1, 2 * GIB)],
    )
    told = {each.pid: (each.memory, each.graphics) for each in card.processes}
    assert told == {1: (2 * GIB, False), 2: (GIB, False), 3: (5, True), 4: (None, False)}


def test_a_list_in_a_form_that_is_not_read_right_is_not_known_rather_than_nonsense():
    card = only(GetComputeRunningProcesses_v3=[holds(7, GIB), holds(0, 10**18)])
    assert card.processes is None and "form" in card.problems[0]


def test_mig_instances_are_cards_of_their_own_behind_theirs():
    parts = [
        handle(
            n,
            GetUUID=f"MIG-{n}",
            GetName="NVIDIA A100 MIG 3g.20gb",
            GetComputeRunningProcesses_v3=[holds(100 + n, GIB)],
            GetTemperature=Failing(NOT_SUPPORTED),
        )
        for n in range(2)
    ]

    def part(place):
        if place >= len(parts):
            raise FakeNvml.NVMLError(NOT_FOUND)
        return parts[place]

    divided = handle(
        0,
        GetMigMode=[1, 1],
        GetMaxMigDeviceCount=7,
        GetMigDeviceHandleByIndex=part,
        GetUtilizationRates=Failing(NOT_SUPPORTED),
        GetComputeRunningProcesses_v3=[holds(pid, GIB) for pid in (100, 101, 102)],
    )
    card, *instances = reader(FakeNvml(divided)).read().cards
    assert card.mig and card.problems == () and [each.pid for each in card.processes] == [102]
    assert [(each.uuid, each.parent, each.mig) for each in instances] == [
        ("MIG-0", "GPU-0", False),
        ("MIG-1", "GPU-0", False),
    ]
    assert [[held.pid for held in each.processes] for each in instances] == [[100], [101]]
    assert instances[0].temperature_c is None and instances[0].problems == ()


def test_xid_errors_are_remembered_and_nothing_is_waited_for():
    first, second = handle(0), handle(1, RegisterEvents=Failing(NOT_SUPPORTED))
    nvml = FakeNvml(first, second)
    told = reader(nvml)
    assert [card.xid for card in told.read().cards] == [0, None]
    nvml.events = [
        SimpleNamespace(device=first, eventType=XID, eventData=31),
        SimpleNamespace(device=first, eventType=0x1, eventData=99),
        SimpleNamespace(device=second, eventType=XID, eventData=13),
    ]
    card, unwatched = told.read().cards
    assert (card.xid, unwatched.xid) == (31, None)
    assert "Xid errors: not watched" in unwatched.problems
    assert told.read().cards[0].xid == 31
    assert nvml.calls.count("nvmlDeviceRegisterEvents") == 2


def test_a_card_that_falls_off_the_bus_is_lost_with_its_names_and_the_others_are_read():
    first, second = handle(0), handle(1)
    nvml = FakeNvml(first, second)
    told = reader(nvml)
    told.read()
    nvml.handles = [first, None]
    nvml.events = [SimpleNamespace(device=second, eventType=XID, eventData=79)]
    machine = told.read()
    alive, lost = machine.cards
    assert (alive.lost, alive.temperature_c, machine.problem) == (False, 61.0, None)
    assert (lost.lost, lost.uuid, lost.xid, lost.temperature_c, lost.processes) == (
        True,
        "GPU-1",
        79,
        None,
        None,
    )
    assert "does not answer (unknown error)" in lost.problems[0]
    nvml.handles = [first, second]
    assert [card.lost for card in told.read().cards] == [False, False]


def test_a_card_that_answers_with_lost_is_lost():
    first = handle(0)
    nvml = FakeNvml(first)
    told = reader(nvml)
    told.read()
    first.answers |= {name: Failing(LOST) for name in first.answers if name != "GetUUID"}
    (card,) = told.read().cards
    assert card.lost and card.name == "NVIDIA RTX A5000" and len(card.problems) == 1


def test_a_card_that_is_not_listed_any_more_is_lost():
    nvml = FakeNvml(handle(0), handle(1))
    told = reader(nvml)
    told.read()
    nvml.count = 1
    assert [(card.uuid, card.lost) for card in told.read().cards] == [("GPU-0", False), ("GPU-1", True)]


def test_a_card_that_never_told_its_name_is_a_problem_of_the_machine():
    machine = reader(FakeNvml(handle(0), None)).read()
    assert [card.uuid for card in machine.cards] == ["GPU-0"]
    assert machine.problem == "card 1 does not answer (unknown error)"


@pytest.mark.parametrize(("code", "words"), [(12, "installed"), (9, "loaded"), (MISMATCH, "versions")])
def test_without_a_driver_the_problem_is_named_and_the_driver_is_found_when_it_comes(code, words):
    nvml = FakeNvml(handle(0))
    nvml.init = code
    told = reader(nvml)
    machine = told.read()
    assert machine.cards == () and words in machine.problem
    nvml.init = 0
    assert told.read().problem is None


def test_after_the_driver_was_loaded_anew_it_is_asked_anew_at_once():
    nvml = FakeNvml(handle(0))
    told = reader(nvml)
    told.read()
    nvml.ready = False
    machine = told.read()
    assert machine.problem is None and machine.cards[0].xid == 0


def test_a_driver_that_goes_away_in_the_middle_is_a_problem_and_the_old_handles_are_not_used():
    nvml = FakeNvml(handle(0))
    told = reader(nvml)
    told.read()
    nvml.ready, nvml.init = False, 9
    assert told.read().problem == "no NVIDIA driver is loaded"
    nvml.init, nvml.handles = 0, [None]
    (card,) = told.read().cards
    assert card.lost and card.xid == 0


def test_cards_that_all_fall_silent_are_asked_through_a_new_connection_next_time():
    nvml = FakeNvml(handle(0))
    told = reader(nvml)
    told.read()
    nvml.handles = [None]
    told.read()
    assert not nvml.ready
    nvml.handles = [handle(0)]
    assert told.read().cards[0].lost is False


def test_closing_lets_go_of_the_driver_and_the_next_reading_opens_it_again():
    nvml = FakeNvml(handle(0))
    told = reader(nvml)
    told.close()
    told.read()
    told.close()
    assert nvml.calls[-2:] == ["nvmlEventSetFree", "nvmlShutdown"]
    assert told.read().cards


def test_under_wsl_an_empty_list_of_processes_is_not_known():
    nvml = FakeNvml(handle(0, GetComputeRunningProcesses_v3=[]), handle(1))
    first, second = reader(nvml, wsl=True).read().cards
    assert first.processes is None and "WSL" in first.problems[0] and len(second.processes) == 1


def test_a_card_is_known_again_by_where_its_handle_points():
    card, other = ctypes.c_int(1), ctypes.c_int(2)
    handles = [ctypes.cast(ctypes.pointer(each), pynvml.c_nvmlDevice_t) for each in (card, card, other)]
    first, again, different = (_place(each) for each in handles)
    assert first == again == ctypes.addressof(card) and different != first


def test_a_session_that_is_over_is_known_by_its_code():
    assert UNINITIALIZED in nvml_ask.SESSION_OVER
