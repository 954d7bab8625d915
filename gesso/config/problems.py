"""What is wrong with a configuration, said with line, key and the nearest valid name."""

import difflib
import types
import typing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from gesso.config.positions import Path as KeyPath
from gesso.config.positions import nearest_line
from gesso.config.schema import Config
from gesso.config.table import Table

# A default that is made from other keys, one of which is wrong: that one is told.
FOLLOWS = "default_factory_not_called"
WORDS = {
    "bool_type": "must be true or false",
    "dict_type": "must be a table, like { NAME = 'value' }",
    "float_type": "must be a number",
    "int_type": "must be a whole number",
    "missing": "is missing",
    "model_type": "must be a table",
    "path_type": "must be a path, as text",
    "string_type": "must be text",
    "tuple_type": "must be a list",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigProblem:
    """One thing wrong in the file.

    Example: key "engine[1].prot", line 12, message "unknown key", nearest "port".
    """

    key: str
    message: str
    line: int | None = None
    nearest: str | None = None

    def text(self, file: Path | None) -> str:
        place = f"{file or 'gesso.toml'}:{self.line}: " if self.line else f"{file}: " if file else ""
        hint = f"; did you mean {self.nearest!r}?" if self.nearest else ""
        return f"{place}{self.key + ': ' if self.key else ''}{self.message}{hint}"


def problems_of(
    error: ValidationError, lines: dict[KeyPath, int], within: KeyPath = ()
) -> list[ConfigProblem]:
    """Pydantic's findings about the table `within` in our words, in the order of the file."""
    found = [
        _problem(detail, (*within, *detail["loc"]), lines)
        for detail in error.errors(include_url=False)
        if detail["type"] != FOLLOWS
    ]
    return sorted(found, key=lambda problem: problem.line or 0)


def key_text(path: KeyPath) -> str:
    """`engine[1].port`; counted from 1, as people count."""
    text = ""
    for part in path:
        text += f"[{part + 1}]" if isinstance(part, int) else f".{part}" if text else part
    return text


def _problem(detail: ErrorDetails, path: KeyPath, lines: dict[KeyPath, int]) -> ConfigProblem:
    message, nearest = detail["msg"], None
    kind, context = detail["type"], detail.get("ctx", {})
    if kind == "table_rule":
        path += tuple(int(part) if part.isdigit() else part for part in context["key"].split(".") if part)
        message = context["message"]
    elif kind == "extra_forbidden":
        message, nearest = "unknown key", _nearest_key(path)
    elif kind == "literal_error":
        message = f"must be {context['expected']}"
        nearest = _nearest(detail["input"], _literals(_table_at(path[:-1]), path[-1]))
    elif kind == "string_pattern_mismatch":
        message = "must be lower-case letters, digits and hyphens, and begin with a letter or digit"
    elif kind == "value_error":
        message = str(context["error"])
    else:
        message = WORDS.get(kind) or message.replace("Input should be", "must be", 1)
    return ConfigProblem(key=key_text(path), message=message, line=nearest_line(lines, path), nearest=nearest)


def _nearest_key(path: KeyPath) -> str | None:
    """The key of this table that looks most like it, else the same key where another table has it."""
    wrong = str(path[-1])
    table = _table_at(path[:-1])
    if table is None:
        return None
    near = _nearest(wrong, list(keys_of(table)))
    if near is not None:
        return near
    elsewhere = [
        f"{name}.{wrong}"
        for name, section in keys_of(Config).items()
        if section and wrong in keys_of(section)
    ]
    return elsewhere[0] if elsewhere else None


def _nearest(wrong: object, names: list[str]) -> str | None:
    matches = difflib.get_close_matches(str(wrong).lower(), names, n=1, cutoff=0.6)
    return matches[0] if matches else None


def keys_of(table: type[Table]) -> dict[str, type[Table] | None]:
    """The keys of a table as the file spells them, each with the table it opens, if it opens one."""
    return {
        str(field.validation_alias or name): _table_in(field.annotation)
        for name, field in table.model_fields.items()
    }


def _table_at(path: KeyPath) -> type[Table] | None:
    """The table that stands at a path: ("engine", 0, "credential") → CredentialConfig."""
    table: type[Table] | None = Config
    for part in path:
        if table is not None and isinstance(part, str):
            table = keys_of(table).get(part)
    return table


def _table_in(annotation: Any) -> type[Table] | None:
    """The Table inside `X`, `X | None` or `tuple[X, ...]`."""
    if isinstance(annotation, type) and not isinstance(annotation, types.GenericAlias):
        return annotation if issubclass(annotation, Table) else None
    return next(filter(None, map(_table_in, typing.get_args(annotation))), None)


def _literals(table: type[Table] | None, key: str | int) -> list[str]:
    field = table.model_fields.get(str(key)) if table is not None else None
    return [str(value) for value in typing.get_args(field.annotation)] if field is not None else []
