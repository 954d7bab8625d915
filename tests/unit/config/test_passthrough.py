"""Which paths of custom nodes may be opened to users."""

from pathlib import Path

import pytest

from gesso.config.load import examine
from gesso.config.passthrough import parse_path


@pytest.mark.parametrize(
    "path", ["/mtb/status", "/cg-use-everywhere/*", "/rgthree/api/config.json", "/view2"]
)
def test_a_custom_nodes_path_is_taken(path: str) -> None:
    assert parse_path(path) == path


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("mtb/status", "does not begin with /"),
        ("/mtb*", "the rest only"),
        ("/*/status", "the rest only"),
        ("/*", "the rest only"),
        ("/mtb/../internal/logs", "leads elsewhere"),
        ("/mtb/%2e%2e/x", "no path as it is sent"),
        ("/mtb//x", "no path as it is sent"),
        ("/mtb/", "no path as it is sent"),
        ("/mtb?x=1", "no path as it is sent"),
        ("/mtb/{name}", "no path as it is sent"),
        ("/api/mtb", "leave /api out"),
        ("/internal/logs", "/internal"),
        ("/free", "/free"),
        ("/history/*", "/history"),
        ("/view", "/view"),
        ("/v2/*", "/v2/userdata"),
        ("/gesso/api/users", "/gesso"),
        ("/k/*", "/k"),
    ],
)
def test_any_other_path_is_refused_with_the_reason(path: str, reason: str) -> None:
    with pytest.raises(ValueError, match="/") as refused:
        parse_path(path)
    assert reason in str(refused.value)


def test_the_refusal_names_the_line(tmp_path: Path) -> None:
    file = tmp_path / "gesso.toml"
    file.write_text('[gateway.passthrough]\nusers = [\n  "/mtb/status",\n  "/internal/logs",\n]\n')
    (problem,) = examine(file, {}).problems
    assert problem.line == 4
    assert problem.key == "gateway.passthrough.users[2]"
    assert "would cover '/internal'" in problem.message
