"""gesso's supported Python API: the client, its results and the errors they raise."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gesso import errors
    from gesso.client._async.client import AsyncClient
    from gesso.client._sync.client import Client
    from gesso.client.workflow import Workflow

__version__ = "0.1.0"

__all__ = ["AsyncClient", "Client", "Workflow", "__version__", "errors"]

# Loaded when first used, so that `import gesso` and `gesso --help` are instant.
_HOMES = {
    "AsyncClient": "gesso.client._async.client",
    "Client": "gesso.client._sync.client",
    "Workflow": "gesso.client.workflow",
}


def __getattr__(name: str) -> object:
    from importlib import import_module

    if name == "errors":
        return import_module("gesso.errors")
    if name not in _HOMES:
        raise AttributeError(f"module 'gesso' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
