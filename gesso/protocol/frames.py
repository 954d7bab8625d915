"""ComfyUI's binary WebSocket frames: previews, previews with metadata, texts."""

from dataclasses import dataclass
from typing import Any

PREVIEW = 1
TEXT = 3
PREVIEW_WITH_METADATA = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """A picture that does not say whose it is."""

    image: bytes
    mime: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PreviewWithMetadata:
    """A picture, with e.g. {"node_id": "3", "prompt_id": "…", "image_type": "image/jpeg", …}."""

    metadata: dict[str, Any]
    image: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Text:
    """What a node says while it runs; `prompt_id` only where both sides agreed on sending it."""

    node_id: str
    text: str
    prompt_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Unknown:
    """A frame we cannot read, and why."""

    frame: bytes
    reason: str


def encode_preview(image: bytes, mime: str) -> bytes:
    raise NotImplementedError


def encode_preview_with_metadata(metadata: dict[str, Any], image: bytes) -> bytes:
    raise NotImplementedError


def encode_text(node_id: str, text: str, prompt_id: str | None = None) -> bytes:
    raise NotImplementedError


def downgrade(preview: PreviewWithMetadata) -> bytes:
    """The type-1 frame for clients that did not ask for metadata."""
    raise NotImplementedError


def decode(
    frame: bytes, *, text_has_prompt_id: bool = False
) -> Preview | PreviewWithMetadata | Text | Unknown:
    raise NotImplementedError
