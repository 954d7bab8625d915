"""ComfyUI's own frontend, served from its installed package."""

import importlib.util
import logging
import os
from pathlib import Path

from aiohttp import web

logger = logging.getLogger(__name__)

_PACKAGE = "comfyui_frontend_package"
_NO_CACHE = {"Cache-Control": "no-cache", "Pragma": "no-cache", "Expires": "0"}
_MISSING = (
    "The ComfyUI frontend is not installed beside this sketch: `pip install 'gesso[sketch]'` brings it. "
    "The API works without it.\n"
)


def frontend_root() -> Path | None:
    """The folder of the frontend's files; None where its package is not installed."""
    found = importlib.util.find_spec(_PACKAGE)
    if found is None or not found.submodule_search_locations:
        logger.warning(_MISSING.strip())
        return None
    return Path(found.submodule_search_locations[0]) / "static"


def extension_paths(root: Path | None) -> list[str]:
    """The frontend's own extension scripts, as GET /extensions lists them."""
    if root is None:
        return []
    found = []
    for folder, _, names in os.walk(root / "extensions"):
        relative = os.path.relpath(folder, root).replace(os.sep, "/")
        found += [f"/{relative}/{name}" for name in names if name.endswith(".js")]
    return found


def index(root: Path | None) -> web.StreamResponse:
    """The page itself, never from a cache: its assets carry their version in their names."""
    if root is None:
        return web.Response(status=503, text=_MISSING)
    return web.FileResponse(root / "index.html", headers=_NO_CACHE)
