"""An object_info is taken only when it is one."""

import gzip

import pytest

from gesso.errors import EngineRefused
from gesso.fleet.node_catalog import load_catalog

RAW = b'{"EmptyImage": {"input": {"required": {}}, "output": ["IMAGE"], "name": "EmptyImage"}}'


def test_catalog_keeps_the_bytes_and_a_compressed_copy() -> None:
    loaded = load_catalog("gpu0", RAW)
    assert loaded.raw == RAW
    assert gzip.decompress(loaded.compressed) == RAW
    assert loaded.catalog.node("EmptyImage") is not None
    assert loaded.catalog.node("Nope") is None


def test_same_bytes_have_the_same_name() -> None:
    assert load_catalog("a", RAW).sha256 == load_catalog("b", RAW).sha256


@pytest.mark.parametrize("raw", [b"", b"<html>", b"[]", b"{}", b'{"error": "x"}', RAW[:-4], b"\xff"])
def test_anything_else_is_refused(raw: bytes) -> None:
    with pytest.raises(EngineRefused, match="gpu0"):
        load_catalog("gpu0", raw)
