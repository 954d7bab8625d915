"""Models without a model, for tests: the strokes of templates/strokes.json, as slow or wrong as one likes."""

import json
from pathlib import Path
from typing import Any

STROKES = Path(__file__).parent / "templates" / "strokes.json"
# Valid, and no regular expression.
FAILING = {
    "class_type": "RegexReplace",
    "inputs": {"string": "x", "regex_pattern": "(?P=nobody)", "replace": ""},
}


def template(file: Path, *, seconds: float = 0.0, nodes: Any = None, outputs: Any = ("9",)) -> str:
    """A copy of the strokes, slower or with other nodes; its entry in gesso.toml."""
    data = json.loads(STROKES.read_text())
    data["workflow"]["4"]["inputs"]["seconds"] = seconds
    data["workflow"] |= nodes or {}
    data["outputs"] = outputs
    file.write_text(json.dumps(data))
    return f"[[model]]\nname = '{file.stem}'\ntemplate = '{file}'\n"


def failing(file: Path) -> str:
    """One whose jobs fail."""
    nodes = {"5": FAILING, "2": {"class_type": "PreviewAny", "inputs": {"source": ["5", 0]}}}
    return template(file, outputs=("2", "9"), nodes=nodes)
