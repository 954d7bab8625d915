"""The table of cards as text: it fits, and what is not known is never shown as 0."""

from dataclasses import asdict

import pytest

from gesso.cli.gpus_drawn import drawn
from gesso.cli.verbs import load
from gesso.gpus.listing import NOT_READ, listing
from gesso.gpus.nvml_card import REASONS
from gesso.gpus.people import Person
from gesso.gpus.recorded import shipped as names
from gesso.gpus.throttles import explain
from tests.unit.gpus.cards import GIB, card, machine, process, shipped


def told(listed, *, everything=True, people=None):
    families, claims = {"gpu1": frozenset({41877})}, {"gpu1": "GPU-9b41f7a3-2e58-4c06-8d7e-f16a05c3b982"}
    return asdict(
        listing(listed, families=families, claims=claims, people=people or {}, everything=everything)
    )


def text(listed, width=200, **more):
    return "\n".join(drawn(told(listed, **more), width, cut=False))


@pytest.mark.parametrize("width", [80, 100, 140])
@pytest.mark.parametrize("name", names())
def test_every_machine_fits_the_terminal(name, width):
    assert max(map(len, drawn(told(shipped(name)), width, cut=True))) <= width


def test_the_orders_the_claim_and_whose_the_processes_are():
    lines = drawn(told(shipped("two-cards")), 80, cut=True)
    first, second = (line for line in lines if "GiB  " in line and "█" in line)
    assert first.startswith("0    0/1?  RTX 3080 Ti Laptop GPU ") and first.endswith(" 7 %")
    assert second.startswith("1    1/0?  NVIDIA GeForce RTX 3090 ") and "19.3/24 GiB" in second
    assert any("GPU-9b41f7a3-2e58-4c06-8d7e-f16a05c3b982  2F:00.0  for gpu1" in line for line in lines)
    (engine,) = (line.split() for line in lines if "PID 41877" in line)
    assert engine[:6] == ["PID", "41877", "9", "GiB", "engine", "gpu1"]
    (desktop,) = (line for line in lines if "PID 2214" in line)
    assert "desktop" in desktop and "Xorg" in desktop


def test_the_user_and_the_command_of_a_process_are_shown():
    shown = text(shipped("two-cards"), people={8093: Person(user="ada", command="python train.py")})
    (line,) = (line for line in shown.splitlines() if "PID 8093" in line)
    assert line.split()[4:] == ["ada", "python", "train.py"]


def test_without_the_right_to_know_there_is_no_pid_of_a_stranger():
    shown = text(shipped("two-cards"), everything=False)
    assert "8093" not in shown and "python3" not in shown and "somebody else's" in shown
    assert "PID 41877" in shown


def test_what_is_not_known_is_not_0():
    shown = text(machine(card(0, pci=None)))
    assert " 0 %" not in shown and "0/" not in shown and "0 GiB" not in shown
    assert "not known" in shown and "Not known: memory, utilisation, temperature, power, clock" in shown


def test_memory_that_a_driver_does_not_tell_is_a_question_mark():
    shown = text(machine(card(0, processes=(process(7, None),))))
    assert " ?  somebody else's" in shown


def test_readings_that_failed_are_grouped_by_reason():
    assert "power, power limit, clock, throttle reasons, Xid errors (not supported)" in text(
        shipped("failing-readings")
    )


def test_a_lost_card_and_its_xid_are_explained():
    shown = text(shipped("lost-card"))
    assert "! Lost: the card does not answer" in shown and "Xid 79: " in shown


def test_every_reason_to_lower_the_clocks_has_words():
    assert all(explain(reason) != reason for reason in REASONS.values())
    assert "at its power limit (sw_power_cap)" in text(shipped("two-cards"))


def test_a_card_that_somebody_has_slowed_down_says_so_with_both_clocks():
    slow = {"clock_mhz": 1230.0, "clock_limit_mhz": 2100.0, "throttled_by": ("applications_clocks_setting",)}
    shown = text(machine(card(0, **slow)))
    assert "1230 of 2100 MHz" in shown
    assert "! Clocks are lowered: somebody has set its clocks lower (applications_clocks_setting)" in shown


def test_a_card_at_rest_is_not_called_slowed_down():
    shown = text(machine(card(0, clock_mhz=210.0, clock_limit_mhz=2100.0, throttled_by=())))
    assert "210 of 2100 MHz" in shown and "lowered" not in shown


def test_a_machine_without_cards_says_why():
    assert drawn(told(shipped("no-driver")), 80, cut=True) == [
        "read by recorded",
        "! no NVIDIA driver is loaded.",
        "No cards are known.",
    ]
    assert "are not read" in "\n".join(drawn(asdict(NOT_READ), 200, cut=True))


def test_bars_are_full_empty_or_dotted():
    shares = {0: "░░░░", 100: "████", 1: "▏░░░"}
    for percent, bar in shares.items():
        assert bar in text(machine(card(0, utilisation=float(percent))), 60)
    assert "····" in text(machine(card(0)), 60)
    assert "<0.1/24 GiB" in text(machine(card(0, memory_used=5, memory_total=24 * GIB)))


def test_the_help_names_every_machine_that_is_shipped():
    (option,) = (each for each in load("gpus").params if each.name == "simulate")
    assert all(name in option.help for name in names())


def test_a_name_is_cut_only_where_there_is_a_terminal():
    long = machine(card(0, name="NVIDIA " + "x" * 90))
    assert "x" * 90 in "\n".join(drawn(told(long), 80, cut=False))
    assert "…" in "\n".join(drawn(told(long), 80, cut=True))
