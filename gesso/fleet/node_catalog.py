"""What an engine offers: its object_info, as bytes for clients and as a Catalog for us."""

import gzip
import hashlib
import json
from dataclasses import dataclass

from gesso.errors import EngineRefused
from gesso.workflows.catalog import Catalog

# The default level takes four times as long for a tenth less.
LEVEL = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeCatalog:
    """One loading of GET /object_info."""

    raw: bytes
    compressed: bytes
    """`raw` in gzip, ready for clients that take it."""
    sha256: str
    catalog: Catalog


def load_catalog(engine: str, raw: bytes) -> NodeCatalog:
    """Read it; raises EngineRefused for anything but an object with at least one node class.

    An engine with no node classes is one that has not finished starting, or no engine.
    """
    try:
        value = json.loads(raw)
    except ValueError as error:
        raise EngineRefused(f"{engine!r} answered GET /object_info with no JSON: {error}") from error
    if not isinstance(value, dict) or not value or not all(isinstance(info, dict) for info in value.values()):
        raise EngineRefused(f"{engine!r} answered GET /object_info with no node classes")
    return NodeCatalog(
        raw=raw,
        compressed=gzip.compress(raw, LEVEL),
        sha256=hashlib.sha256(raw).hexdigest(),
        catalog=Catalog(value),
    )
