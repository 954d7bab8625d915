"""Inputs that name a file a user uploaded: which they are, and whether the file is there."""

from collections.abc import Callable, Mapping
from typing import Any

from gesso.workflows.catalog import Catalog
from gesso.workflows.validate import Check


def upload_inputs(prompt: Mapping[str, Any], catalog: Catalog) -> list[tuple[str, str, str]]:
    """All (node id, input name, file name as written) of `prompt` whose input has an upload option."""
    raise NotImplementedError


def upload_checks(catalog: Catalog, exists: Callable[[str], bool]) -> dict[str, Check]:
    """Checks for every class with an upload input; `exists` gets the name as written ("a.png [output]")."""
    raise NotImplementedError
