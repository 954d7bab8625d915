"""The board for Grafana and the rules for Prometheus: whatever they ask for is in the list of metrics."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gesso.fleet.state import State
from gesso.monitoring.metrics import BY_NAME

FOLDER = Path(__file__).parents[3] / "gesso/monitoring"
BOARD = json.loads((FOLDER / "grafana/gesso.json").read_text("utf-8"))
RULES = (FOLDER / "prometheus/gesso.rules.yml").read_text("utf-8")

# Prometheus' own, one for each target.
OWN = {"up"}
LABELS_OF_ALL = {"instance", "job"}
WORDS = {
    "and",
    "or",
    "unless",
    "by",
    "without",
    "on",
    "ignoring",
    "group_left",
    "group_right",
    "bool",
    "offset",
}
_STRINGS = re.compile(r'"[^"]*"')
_LABELS = re.compile(r"\{([^}]*)\}")
_GROUPS = re.compile(r"\b(?:by|without|on|ignoring|group_left|group_right)\s*\(([^)]*)\)")
_NAMES = re.compile(r"(?<![\w$])[A-Za-z_:][\w:]*(?![\w:]*\s*\()")


def panels() -> list[dict[str, Any]]:
    return [panel for panel in BOARD["panels"] if panel["type"] != "row"]


def of_board() -> Iterator[str]:
    for panel in panels():
        for target in panel["targets"]:
            yield target["expr"]


def of_rules() -> Iterator[str]:
    """Each `expr:`, also one that is folded over several lines."""
    for found in re.finditer(r"^( *)expr: (>-\n((?:\1  .*\n)+)|.*\n)", RULES, re.MULTILINE):
        yield found[3] or found[2]


EXPRESSIONS = [*of_board(), *of_rules()]


def parts(expression: str) -> tuple[set[str], set[str]]:
    """The metrics that an expression names, and the labels."""
    bare = _STRINGS.sub('""', expression)
    labels = {
        name for found in _LABELS.findall(bare) for name in re.findall(r"([A-Za-z_]\w*)\s*[=!]", found)
    } | {name.strip() for found in _GROUPS.findall(bare) for name in found.split(",") if name.strip()}
    rest = re.sub(r"\[[^\]]*\]", "", _GROUPS.sub("", _LABELS.sub("", bare)))
    return set(_NAMES.findall(rest)) - WORDS, labels


def test_expressions_are_taken_apart_as_they_should_be() -> None:
    taken = parts(
        'sum by (engine, state) (rate(gesso_x_total{state=~"a|b", job!="c"}[$__rate_interval])) > 5 and up'
    )
    assert taken == ({"gesso_x_total", "up"}, {"engine", "state", "job"})
    assert len(list(of_rules())) == RULES.count("- alert:") == RULES.count("expr:")
    assert "unless" in next(each for each in of_rules() if "draining" in each)


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_what_is_asked_for_exists_and_has_these_labels(expression: str) -> None:
    names, labels = parts(expression)
    assert names and names <= set(BY_NAME) | OWN
    known = {label for name in names - OWN for label in BY_NAME[name].labels} | LABELS_OF_ALL
    assert labels <= known, f"{expression}: {labels - known}"


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_states_are_those_that_engines_can_be_in(expression: str) -> None:
    if "gesso_engine_state" in expression:
        for found in re.findall(r'gesso_engine_state\{[^}]*state=~?"([^"]+)"', expression):
            assert set(found.split("|")) <= {str(state) for state in State}


def test_every_metric_can_be_seen_on_the_board_or_is_only_for_rules() -> None:
    shown = {name for expression in of_board() for name in parts(expression)[0]}
    elsewhere = {name for expression in of_rules() for name in parts(expression)[0]}
    # What the board has in another form, or nobody needs at a glance.
    unseen = {"gesso_info", "gesso_up", "DCGM_FI_DEV_MEM_CLOCK"}
    assert set(BY_NAME) - shown - elsewhere == unseen


def test_the_board_has_a_place_for_everything() -> None:
    assert len({panel["id"] for panel in BOARD["panels"]}) == len(BOARD["panels"])
    taken: dict[tuple[int, int], str] = {}
    for panel in BOARD["panels"]:
        at = panel["gridPos"]
        assert at["x"] + at["w"] <= 24
        for x in range(at["x"], at["x"] + at["w"]):
            for y in range(at["y"], at["y"] + at["h"]):
                assert (x, y) not in taken, (panel["title"], taken.get((x, y)))
                taken[x, y] = panel["title"]
    sources = {json.dumps(panel["datasource"]) for panel in panels()}
    assert sources == {json.dumps({"type": "prometheus", "uid": "${datasource}"})}


def test_every_alert_says_how_bad_it_is_and_what_it_means() -> None:
    alerts = RULES.split("- alert: ")[1:]
    assert len({alert.split("\n")[0] for alert in alerts}) == len(alerts)
    for alert in alerts:
        assert re.search(r"severity: (warning|critical)", alert), alert
        assert "summary:" in alert and "description:" in alert, alert
