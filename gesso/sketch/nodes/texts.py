"""Nodes on texts, constants, and the preview of any value."""

import json
import re
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

from gesso.sketch.node import Input, Node, Outcome, Spec
from gesso.sketch.nodes.declare import boolean, choice, decimal, integer, text

_LONG = text(multiline=True)
_LARGEST = 2**63 - 1


def _string(
    display_name: str,
    required: dict[str, Input],
    output: str = "STRING",
    name: str | None = None,
    optional: dict[str, Input] | None = None,
) -> Spec:
    return Spec(
        display_name=display_name,
        category="utils/string",
        module="comfy_extras.nodes_string",
        required=required,
        optional=optional or {},
        outputs=(output,),
        output_names=None if name is None else (name,),
        modern=True,
    )


def _primitive(display_name: str, value: Input) -> Spec:
    return Spec(
        display_name=display_name,
        category="utils/primitive",
        module="comfy_extras.nodes_primitive",
        required={"value": value},
        outputs=(str(value.type),),
        modern=True,
    )


class Constant(Node):
    """A value as it is."""

    def execute(self, value: Any) -> tuple[Any]:
        return (value,)


class PrimitiveInt(Constant):
    spec = _primitive("Int", integer(minimum=-_LARGEST, maximum=_LARGEST, control_after_generate=True))


class PrimitiveFloat(Constant):
    spec = _primitive("Float", decimal(minimum=-_LARGEST, maximum=_LARGEST))


class PrimitiveString(Constant):
    spec = _primitive("String", text(multiline=False))


class PrimitiveStringMultiline(Constant):
    spec = _primitive("String (Multiline)", _LONG)


class PrimitiveBoolean(Constant):
    spec = _primitive("Boolean", boolean())


class StringConcatenate(Node):
    """Two texts with something between them."""

    spec = _string(
        "Concatenate", {"string_a": _LONG, "string_b": _LONG, "delimiter": text("", multiline=False)}
    )

    def execute(self, string_a: str, string_b: str, delimiter: str) -> tuple[str]:
        return (delimiter.join((string_a, string_b)),)


class StringSubstring(Node):
    """A part; places below 0 count from the end."""

    spec = _string("Substring", {"string": _LONG, "start": integer(), "end": integer()})

    def execute(self, string: str, start: int, end: int) -> tuple[str]:
        return (string[start:end],)


class StringLength(Node):
    """The number of characters."""

    spec = _string("Length", {"string": _LONG}, "INT", "length")

    def execute(self, string: str) -> tuple[int]:
        return (len(string),)


class CaseConverter(Node):
    """Capitals or small letters."""

    convert = {
        "UPPERCASE": str.upper,
        "lowercase": str.lower,
        "Capitalize": str.capitalize,
        "Title Case": str.title,
    }
    spec = _string("Case Converter", {"string": _LONG, "mode": choice(tuple(convert))})

    def execute(self, string: str, mode: str) -> tuple[str]:
        return (self.convert[mode](string),)


class StringTrim(Node):
    """Without the white space at its ends."""

    trim = {"Both": str.strip, "Left": str.lstrip, "Right": str.rstrip}
    spec = _string("Trim", {"string": _LONG, "mode": choice(tuple(trim))})

    def execute(self, string: str, mode: str) -> tuple[str]:
        return (self.trim[mode](string),)


class StringReplace(Node):
    """One text in place of another."""

    spec = _string("Replace", {"string": _LONG, "find": _LONG, "replace": _LONG})

    def execute(self, string: str, find: str, replace: str) -> tuple[str]:
        return (string.replace(find, replace),)


class StringContains(Node):
    """Whether a text is in another."""

    spec = _string(
        "Contains",
        {"string": _LONG, "substring": _LONG, "case_sensitive": boolean(True)},
        "BOOLEAN",
        "contains",
    )

    def execute(self, string: str, substring: str, case_sensitive: bool) -> tuple[bool]:
        if not case_sensitive:
            string, substring = string.lower(), substring.lower()
        return (substring in string,)


class StringCompare(Node):
    """Whether a text starts with, ends with or is another."""

    compare: ClassVar[Mapping[str, Callable[[str, str], bool]]] = {
        "Starts With": str.startswith,
        "Ends With": str.endswith,
        "Equal": str.__eq__,
    }
    spec = _string(
        "Compare",
        {
            "string_a": _LONG,
            "string_b": _LONG,
            "mode": choice(tuple(compare)),
            "case_sensitive": boolean(True),
        },
        "BOOLEAN",
    )

    def execute(self, string_a: str, string_b: str, mode: str, case_sensitive: bool) -> tuple[bool]:
        if not case_sensitive:
            string_a, string_b = string_a.lower(), string_b.lower()
        return (bool(self.compare[mode](string_a, string_b)),)


_FLAGS = {"case_insensitive": boolean(True), "multiline": boolean(False), "dotall": boolean(False)}


def _flags(case_insensitive: bool, multiline: bool, dotall: bool) -> re.RegexFlag:
    flags = re.NOFLAG
    if case_insensitive:
        flags |= re.IGNORECASE
    if multiline:
        flags |= re.MULTILINE
    return flags | re.DOTALL if dotall else flags


class RegexMatch(Node):
    """Whether a pattern is found; a pattern that is none is not found."""

    spec = _string("Regex Match", {"string": _LONG, "regex_pattern": _LONG, **_FLAGS}, "BOOLEAN", "matches")

    def execute(self, string: str, regex_pattern: str, **flags: bool) -> tuple[bool]:
        try:
            return (re.search(regex_pattern, string, _flags(**flags)) is not None,)
        except re.error:
            return (False,)


class RegexExtract(Node):
    """What a pattern finds, all finds on lines of their own; nothing where the pattern is none."""

    spec = _string(
        "Regex Extract",
        {
            "string": _LONG,
            "regex_pattern": _LONG,
            "mode": choice(("First Match", "All Matches", "First Group", "All Groups")),
            **_FLAGS,
            "group_index": integer(1, 0, 100),
        },
    )

    def execute(
        self, string: str, regex_pattern: str, mode: str, group_index: int, **flags: bool
    ) -> tuple[str | None]:
        try:
            pattern = re.compile(regex_pattern, _flags(**flags))
        except re.error:
            return ("",)
        found = list(pattern.finditer(string)) if mode.startswith("All") else _first(pattern, string)
        if mode == "All Matches":
            # Of a pattern with groups, ComfyUI takes the first group for the match.
            group = 1 if pattern.groups else 0
            return ("\n".join(match.group(group) or "" for match in found),)
        if mode == "First Match":
            return (found[0].group(0) if found else "",)
        if pattern.groups < group_index or (mode == "All Groups" and not pattern.groups):
            return ("",)
        if mode == "First Group":
            return (found[0].group(group_index) if found else "",)
        return ("\n".join(match.group(group_index) for match in found),)


def _first(pattern: re.Pattern[str], string: str) -> list[re.Match[str]]:
    match = pattern.search(string)
    return [] if match is None else [match]


class RegexReplace(Node):
    """What a pattern finds, replaced; a pattern that is none is an error."""

    spec = _string(
        "Regex Replace",
        {"string": _LONG, "regex_pattern": _LONG, "replace": _LONG},
        optional={**_FLAGS, "count": integer(0, 0, 100)},
    )

    def execute(
        self,
        string: str,
        regex_pattern: str,
        replace: str,
        case_insensitive: bool = True,
        multiline: bool = False,
        dotall: bool = False,
        count: int = 0,
    ) -> tuple[str]:
        flags = _flags(case_insensitive, multiline, dotall)
        return (re.sub(regex_pattern, replace, string, count=count, flags=flags),)


class PreviewAny(Node):
    """Any value as a text: as it is, as JSON, or as Python writes it."""

    spec = Spec(
        display_name="Preview Any",
        category="utils",
        module="comfy_extras.nodes_preview_any",
        required={"source": Input("*", {})},
        output_node=True,
    )

    def execute(self, source: Any = None) -> Outcome:
        return Outcome(ui={"text": (self._text(source),)})

    @staticmethod
    def _text(source: Any) -> str:
        if source is None or isinstance(source, str | int | float):
            return str(source)
        try:
            return json.dumps(source)
        except (TypeError, ValueError, RecursionError):
            return str(source)


NODES: dict[str, type[Node]] = {
    cls.__name__: cls
    for cls in (
        PrimitiveInt,
        PrimitiveFloat,
        PrimitiveString,
        PrimitiveStringMultiline,
        PrimitiveBoolean,
        StringConcatenate,
        StringSubstring,
        StringLength,
        CaseConverter,
        StringTrim,
        StringReplace,
        StringContains,
        StringCompare,
        RegexMatch,
        RegexExtract,
        RegexReplace,
        PreviewAny,
    )
}
