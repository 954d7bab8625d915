"""`[alerts]` takes what makes sense, and says what is meant where it does not."""

from typing import Any

import pytest
from pydantic import ValidationError

from gesso.config.alerts import RULES
from gesso.config.problems import problems_of
from gesso.config.schema import parse

OPS = {"name": "ops", "url_env": "OPS"}


def problem(**alerts: Any) -> str:
    with pytest.raises(ValidationError) as raised:
        parse({"alerts": alerts})
    (found,) = problems_of(raised.value, {})
    return found.text(None)


def test_every_rule_can_be_switched_off() -> None:
    assert parse({"alerts": {"off": list(RULES)}}).alerts.off == RULES


def test_an_unknown_rule_is_refused_with_the_nearest_name() -> None:
    expected = "alerts.off[2]: there is no rule 'queue-lang'; did you mean 'queue-long'?"
    assert problem(off=["vram", "queue-lang"]).endswith(expected)
    assert "the rules are budget-spent, wedged" in problem(off=["zzz"])


@pytest.mark.parametrize(
    ("alerts", "expected"),
    [
        ({"vram_warning": 95}, "alerts.vram_critical: lies below `vram_warning`"),
        ({"temperature_critical": 70}, "alerts.temperature_critical: lies below `temperature_warning`"),
        ({"disk_critical": "20GB"}, "alerts.disk_critical: is more than `disk_warning`"),
        (
            {"certificate_days": [7, 14, 30]},
            "alerts.certificate_days: begins with the most days: [30, 14, 7]",
        ),
        ({"notify": [OPS, OPS]}, "alerts.notify[2].name: 'ops' is the name of an address above"),
        ({"notify": [{"name": "ops"}]}, "alerts.notify[1]: give exactly one of url_env, url_file"),
        (
            {"notify": [{**OPS, "url_file": "ops"}]},
            "alerts.notify[1]: give exactly one of url_env, url_file",
        ),
        ({"notify": [{**OPS, "url": "json://geheim"}]}, "alerts.notify[1].url: unknown key"),
    ],
)
def test_what_makes_no_sense_is_refused(alerts: dict[str, Any], expected: str) -> None:
    assert problem(**alerts).startswith(expected)


def test_days_may_be_whole_numbers() -> None:
    assert parse({"alerts": {"certificate_days": [20, 10, 3]}}).alerts.certificate_days == (20, 10, 3)
