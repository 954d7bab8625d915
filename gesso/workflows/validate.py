"""Says of a workflow what ComfyUI 0.3.64 would say, from its object_info alone."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from gesso.errors import Problem
from gesso.workflows.catalog import Catalog
from gesso.workflows.graph import Prompt


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """A node class's own validation (its VALIDATE_INPUTS).

    `inputs` are the arguments it takes: type conversion still happens for them, but range and list
    checks do not. `function` gets their values (None for a linked one) and answers True, False or what
    is wrong.
    """

    function: Callable[[Mapping[str, Any]], bool | str]
    inputs: tuple[str, ...]
    optional: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Validated:
    """A workflow that can run, at least in part."""

    outputs: list[str]
    node_errors: dict[str, Any] = field(default_factory=dict)
    prompt: Prompt


def validate(
    prompt: object,
    catalog: Catalog,
    targets: Collection[str] | None = None,
    *,
    checks: Mapping[str, Check] | None = None,
) -> Validated:
    raise NotImplementedError


def problems(body: Mapping[str, Any]) -> tuple[Problem, ...]:
    raise NotImplementedError
