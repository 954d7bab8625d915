"""The routes of ComfyUI: which of them are ours, which an engine answers, which need an administrator."""

from dataclasses import dataclass

from gesso.gateway.comfyui.catalogue import Catalogue
from gesso.gateway.comfyui.merged import Merged
from gesso.gateway.comfyui.passthrough import Passthrough
from gesso.gateway.comfyui.pictures import Pictures
from gesso.gateway.comfyui.prompts import Prompts
from gesso.gateway.comfyui.settings import Settings
from gesso.gateway.comfyui.sockets import Sockets
from gesso.gateway.comfyui.userdata import Userdata
from gesso.gateway.oversight import Oversight
from gesso.gateway.routing import Routes


@dataclass(frozen=True, slots=True, kw_only=True)
class ComfyUIParts:
    """The parts of the virtual ComfyUI."""

    prompts: Prompts
    pictures: Pictures
    catalogue: Catalogue
    userdata: Userdata
    settings: Settings
    passthrough: Passthrough
    merged: Merged
    sockets: Sockets
    oversight: Oversight


# Answered by an engine: they tell of the server and its models, not of any user.
READ = (
    "/",
    "/view_metadata/{folder}",
    "/global_subgraphs/{name}",
)
# The frontend's files, and those of custom nodes' frontend extensions.
STATIC = (
    "/materialdesignicons.min.css",
    "/favicon.ico",
    "/manifest.json",
    "/assets/{path...}",
    "/cursor/{path...}",
    "/docs/{path...}",
    "/extensions/{path...}",
    "/fonts/{path...}",
    "/scripts/{path...}",
    "/templates/{path...}",
    "/api/workflow_templates/{path...}",
)
# These change the server for everybody, or show what everybody does.
CONTROL = (
    ("GET", "/internal/logs"),
    ("GET", "/internal/logs/raw"),
    ("PATCH", "/internal/logs/subscribe"),
    ("GET", "/internal/folder_paths"),
    ("GET", "/internal/files/{directory}"),
)
METHODS = ("POST", "PUT", "PATCH", "DELETE", "OPTIONS")
# Never an engine's, though the table has nothing there: the other dialects, keys in paths, and what newer
# ComfyUIs show of everybody's jobs and files.
KEPT = ("/gesso", "/v1", "/sdapi", "/k", "/jobs", "/assets", "/tags", "/ws")


def add_comfyui(routes: Routes, parts: ComfyUIParts) -> None:
    """Enter ComfyUI's routes, each also under /api."""
    prompts, pictures, catalogue = parts.prompts, parts.pictures, parts.catalogue
    userdata, settings = parts.userdata, parts.settings
    ours = (
        ("GET", "/prompt", prompts.show),
        ("POST", "/prompt", prompts.submit),
        ("GET", "/queue", prompts.queue),
        ("POST", "/queue", prompts.change_queue),
        ("GET", "/history", prompts.history),
        ("GET", "/history/{prompt_id}", prompts.history_of),
        ("POST", "/history", prompts.change_history),
        ("POST", "/interrupt", prompts.interrupt),
        ("GET", "/object_info", catalogue.object_info),
        ("GET", "/object_info/{node_class}", catalogue.object_info_of),
        ("POST", "/upload/image", pictures.upload_image),
        ("POST", "/upload/mask", pictures.upload_mask),
        ("GET", "/view", pictures.view),
        ("GET", "/features", parts.sockets.features),
        ("GET", "/users", settings.users),
        ("GET", "/settings", settings.index),
        ("POST", "/settings", settings.write_all),
        ("GET", "/settings/{name}", settings.read),
        ("POST", "/settings/{name}", settings.write),
        ("GET", "/userdata", userdata.index),
        ("GET", "/v2/userdata", userdata.index_v2),
        ("GET", "/userdata/{file}", userdata.read),
        ("POST", "/userdata/{file}", userdata.write),
        ("DELETE", "/userdata/{file}", userdata.remove),
        ("POST", "/userdata/{file}/move/{dest}", userdata.move),
    )
    for method, pattern, handler in ours:
        routes.add(method, pattern, handler, api=True)
    routes.add("GET", "/user.css", userdata.stylesheet)
    routes.websocket("/ws", parts.sockets.asgi, api=True)
    _add_engines(routes, parts)
    own = {pattern.partition("/{")[0] for _, pattern, _ in ours}
    unknown = parts.oversight.noted(parts.passthrough.unknown)
    routes.fallback(unknown, needs="engines:control", kept=(*KEPT, *sorted(own)))


def _add_engines(routes: Routes, parts: ComfyUIParts) -> None:
    """What the engines answer; what needs engines:control is noted in the audit first."""
    passthrough, noted = parts.passthrough, parts.oversight.noted
    for pattern, handler in parts.merged.routes():
        routes.add("GET", pattern, handler, api=True)
    for pattern in READ:
        routes.add("GET", pattern, passthrough.read, api=True)
    routes.add("GET", "/experiment/models/preview/{folder}/{index}/{path...}", passthrough.preview, api=True)
    for pattern in STATIC:
        routes.add("GET", pattern, passthrough.read)
    for method, pattern in CONTROL:
        routes.add(method, pattern, noted(passthrough.control), needs="engines:control", api=True)
    routes.add("POST", "/free", noted(passthrough.free), needs="engines:control", api=True)
    for path in passthrough.opened_paths:
        pattern = path.removesuffix("*") + "{rest...}" if path.endswith("/*") else path
        routes.add("GET", pattern, passthrough.opened, api=True)
        for method in METHODS:
            routes.add(method, pattern, noted(passthrough.unknown), needs="engines:control", api=True)
