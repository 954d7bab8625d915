"""ComfyUI's binary WebSocket frames: previews, previews with metadata, texts."""

import json
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

PREVIEW = 1
TEXT = 3
PREVIEW_WITH_METADATA = 4

MIMES = {1: "image/jpeg", 2: "image/png"}


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
    """A picture for whoever listens; like ComfyUI, all that is not PNG is called JPEG."""
    return struct.pack(">II", PREVIEW, 2 if mime == "image/png" else 1) + image


def encode_preview_with_metadata(metadata: Mapping[str, Any], image: bytes) -> bytes:
    """A picture with its node and prompt; `metadata` has "image_type", the picture's content type."""
    encoded = json.dumps(metadata).encode()
    return struct.pack(">II", PREVIEW_WITH_METADATA, len(encoded)) + encoded + image


def encode_text(node_id: str, text: str, prompt_id: str | None = None) -> bytes:
    """A node's text; with a prompt id only for receivers that have supports_progress_text_metadata."""
    named = [node_id] if prompt_id is None else [prompt_id, node_id]
    return struct.pack(">I", TEXT) + b"".join(map(_sized, named)) + text.encode(errors="replace")


def downgrade(preview: PreviewWithMetadata) -> bytes:
    """The frame for clients that did not ask for metadata."""
    return encode_preview(preview.image, str(preview.metadata.get("image_type", "")))


def decode(
    frame: bytes, *, text_has_prompt_id: bool = False
) -> Preview | PreviewWithMetadata | Text | Unknown:
    """Read a frame; never raises. `text_has_prompt_id`: what was agreed with the sender."""
    if len(frame) < 4:
        return Unknown(frame=frame, reason="shorter than its type")
    (kind,) = struct.unpack_from(">I", frame)
    try:
        match kind:
            case 1:
                return _preview(frame)
            case 3:
                return _text(frame, text_has_prompt_id)
            case 4:
                return _preview_with_metadata(frame)
    except (ValueError, struct.error, RecursionError) as error:
        return Unknown(frame=frame, reason=f"type {kind}: {error}")
    return Unknown(frame=frame, reason=f"type {kind} is not known")


def _preview(frame: bytes) -> Preview:
    (code,) = struct.unpack_from(">I", frame, 4)
    if code not in MIMES:
        raise ValueError(f"picture format {code} is not known")
    return Preview(image=frame[8:], mime=MIMES[code])


def _preview_with_metadata(frame: bytes) -> PreviewWithMetadata:
    encoded, image = _split(frame[4:])
    metadata = json.loads(encoded)
    if not isinstance(metadata, dict):
        raise ValueError("the metadata is no object")
    return PreviewWithMetadata(metadata=metadata, image=image)


def _text(frame: bytes, has_prompt_id: bool) -> Text:
    first, rest = _split(frame[4:])
    if not has_prompt_id:
        return Text(node_id=first.decode(), text=rest.decode())
    second, rest = _split(rest)
    return Text(prompt_id=first.decode(), node_id=second.decode(), text=rest.decode())


def _sized(text: str) -> bytes:
    encoded = text.encode(errors="replace")
    return struct.pack(">I", len(encoded)) + encoded


def _split(data: bytes) -> tuple[bytes, bytes]:
    (length,) = struct.unpack_from(">I", data)
    if length > len(data) - 4:
        raise ValueError("shorter than it says")
    return data[4 : 4 + length], data[4 + length :]
