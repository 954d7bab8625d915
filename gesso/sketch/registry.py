"""The node classes that sketch has, and what the API tells about them."""

from collections.abc import Mapping
from typing import Any

from gesso.sketch.folders import Folders
from gesso.sketch.node import Node

NODES: dict[str, type[Node]] = {}


def object_info(folders: Folders) -> dict[str, Any]:
    """The answer of GET /object_info: every class, with the files that loaders offer right now."""
    raise NotImplementedError


def validation_checks(folders: Folders) -> Mapping[str, Any]:
    """The custom checks for `workflows.validate.validate(checks=…)`."""
    raise NotImplementedError
