"""Recorded machines: those that come with gesso, files that change, and files that are wrong."""

import json
import os
import re
from pathlib import Path

import pytest

from gesso.errors import ConfigError
from gesso.gpus.recorded import RecordedReader, machine_file, recorded, shipped

GOOD = '[[cards]]\nuuid = "GPU-1"\nname = "A"\nnvml_index = 0\nmemory_used = "3GiB"\n'


@pytest.fixture
def write(tmp_path):
    def written(text, name="machine.toml"):
        new = tmp_path / f"{name}.new"
        new.write_text(text, encoding="utf-8")
        os.replace(new, tmp_path / name)
        return tmp_path / name

    return written


@pytest.mark.parametrize("name", shipped())
def test_every_shipped_machine_can_be_read(name):
    machine = RecordedReader(machine_file(name)).read()
    assert machine.reader == "recorded" and machine.at > 0
    assert machine.cards or machine.problem


def test_the_machines_that_were_promised_are_shipped():
    assert set(shipped()) == {"two-cards", "one-card", "mig", "no-driver", "failing-readings", "lost-card"}


def test_what_is_left_out_is_not_known_and_none_is_none(write):
    (card,) = RecordedReader(write(GOOD)).read().cards
    assert (card.memory_used, card.utilisation, card.processes) == (3 * 2**30, None, None)
    (card,) = RecordedReader(write(GOOD + "processes = []\nthrottled_by = []\n")).read().cards
    assert (card.processes, card.throttled_by) == ((), ())


def test_the_same_as_json(write):
    text = json.dumps(
        {"driver": "1.2", "cards": [{"uuid": "GPU-1", "name": "A", "nvml_index": 0, "xid": 13}]}
    )
    machine = RecordedReader(write(text, "machine.json")).read()
    assert (machine.driver, machine.cards[0].xid) == ("1.2", 13)


def test_a_file_that_changes_is_read_anew_and_one_that_breaks_is_a_problem(write):
    reader = RecordedReader(write(GOOD))
    write(GOOD.replace("3GiB", "4GiB"))
    assert reader.read().cards[0].memory_used == 4 * 2**30
    path = write(GOOD + "nmae = 1\n")
    machine = reader.read()
    assert machine.cards == () and machine.problem == f"{path}:6: cards[1].nmae: unknown key."
    path.unlink()
    assert "cannot be read" in str(reader.read().problem)
    write(GOOD)
    assert reader.read().problem is None


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('[[cards]]\nuuid = "GPU-1"\nname = 7\nnvml_index = 0\n', ":3: cards[1].name: must be text"),
        ('[[cards]]\nuuid = "1"\nname = "A"\nnvml_index = 0\n', ":2: cards[1].uuid: "),
        ('[[cards]]\nuuid = "GPU-1"\nname = "A"\n', ":1: cards[1].nvml_index: is missing"),
        (GOOD.replace("3GiB", "3 potatoes"), ":5: cards[1].memory_used: '3 potatoes' is no size"),
        (GOOD + "utilisation = 140\n", ":6: cards[1].utilisation: must be less than or equal to 100"),
        (GOOD + 'parent = "GPU-9"\n', ":6: cards[1].parent: there is no card 'GPU-9'"),
        (GOOD + GOOD, ":7: cards[2].uuid: 'GPU-1' is another card's, too"),
        (GOOD + "[[cards.processes]]\npid = 0\n", ":7: cards[1].processes[1].pid: must be greater than 0"),
        ("cards = 3\n", ":1: cards: must be a list"),
        ("driver = 'x'\n", ": cards: is missing"),
        ("[[cards]\n", "line 1"),
    ],
)
def test_a_bad_file_is_told_with_its_place(write, text, told):
    path = write(text)
    with pytest.raises(ConfigError) as refused:
        RecordedReader(path)
    assert str(path) in refused.value.message and told in refused.value.message


def test_a_bad_json_file_is_told_with_its_place(write):
    with pytest.raises(ConfigError, match=r"machine.json: cards\[1\].uuid: is missing"):
        recorded(write('{"cards": [{"name": "A", "nvml_index": 0}]}', "machine.json"))
    with pytest.raises(ConfigError, match="line 1 column"):
        recorded(write("{", "machine.json"))


def test_the_example_on_the_page_is_one(write):
    page = (Path(__file__).parents[3] / "docs/how-to/gpus.md").read_text(encoding="utf-8")
    (example,) = re.findall(r"```toml\n(driver.*?)```", page, re.DOTALL)
    (card,) = RecordedReader(write(example)).read().cards
    assert [process.memory for process in card.processes or ()] == [2 * 2**30]
    assert all(f"`{name}`" in page for name in shipped())


def test_a_file_that_is_not_there_or_no_text_is_told(tmp_path):
    with pytest.raises(ConfigError, match="nowhere") as refused:
        RecordedReader(machine_file("nowhere"))
    assert "two-cards" in refused.value.remedy
    (tmp_path / "bytes.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigError, match="UTF-8"):
        recorded(tmp_path / "bytes.toml")
