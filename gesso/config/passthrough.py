"""Paths of custom nodes that the configuration may open to users, and those that it may not."""

import re
from typing import Annotated

from pydantic import AfterValidator

# What gesso answers itself, or gives to users as far as they may have it, each with all below it.
RESERVED = (
    *(
        "/assets",
        "/cursor",
        "/docs",
        "/embeddings",
        "/experiment",
        "/extensions",
        "/favicon.ico",
        "/features",
    ),
    *("/fonts", "/free", "/gesso", "/global_subgraphs", "/history", "/i18n", "/internal", "/interrupt"),
    *("/jobs", "/k", "/manifest.json", "/materialdesignicons.min.css", "/models", "/node_replacements"),
    *("/object_info", "/prompt", "/queue", "/scripts", "/sdapi", "/settings", "/system_stats", "/tags"),
    *("/templates", "/upload", "/user.css", "/userdata", "/users", "/v1", "/v2/userdata", "/view"),
    *("/view_metadata", "/workflow_templates", "/ws"),
)
ALIAS = "/api"
REST = "/*"
_PLAIN = re.compile(r"(/[A-Za-z0-9._~!$&'()+,;=:@-]+)+")


def parse_path(value: str) -> str:
    """Refuses what is no path of a custom node: "/mtb/status", or "/cg-use-everywhere/*" for all below."""
    if not value.startswith("/"):
        raise ValueError(f"{value!r} does not begin with /; write it like /mtb/status or /mtb/*")
    literal = value.removesuffix(REST)
    if "*" in literal or not literal:
        raise ValueError(f"{value!r}: * stands for the rest only, as the last part: /mtb/*")
    if not _PLAIN.fullmatch(literal):
        raise ValueError(f"{value!r} is no path as it is sent: without empty parts, spaces, %, ? and #")
    if any(part in (".", "..") for part in literal.split("/")):
        raise ValueError(f"{value!r} leads elsewhere; write the path without dots")
    if _overlap(literal, ALIAS):
        raise ValueError(f"{value!r}: leave {ALIAS} out, it is opened with the path itself")
    for own in RESERVED:
        if _overlap(literal, own) or (value != literal and _overlap(own, literal)):
            raise ValueError(f"{value!r} would cover {own!r}, which gesso answers itself")
    return value


NodePath = Annotated[str, AfterValidator(parse_path)]


def _overlap(path: str, above: str) -> bool:
    return path == above or path.startswith(above + "/")
