"""Binary frames: what goes in comes out, and rubbish stays harmless."""

import struct

from hypothesis import example, given
from hypothesis import strategies as st

from gesso.protocol.frames import (
    PREVIEW,
    PREVIEW_WITH_METADATA,
    TEXT,
    Preview,
    PreviewWithMetadata,
    Text,
    Unknown,
    decode,
    downgrade,
    encode_preview,
    encode_preview_with_metadata,
    encode_text,
)
from tests.unit.protocol.json_values import JSON


def test_the_bytes_are_comfyuis():
    assert encode_preview(b"jpg", "image/jpeg") == b"\0\0\0\1\0\0\0\1jpg"
    assert encode_preview(b"png", "image/png") == b"\0\0\0\1\0\0\0\2png"
    assert encode_text("7", "hé") == b"\0\0\0\3\0\0\0\x017h\xc3\xa9"
    assert encode_text("7", "x", "id") == b"\0\0\0\3\0\0\0\2id\0\0\0\x017x"
    assert encode_preview_with_metadata({"a": 1}, b"jpg") == b'\0\0\0\4\0\0\0\x08{"a": 1}jpg'


@given(st.binary(), st.sampled_from(["image/jpeg", "image/png"]))
def test_previews_come_back(image, mime):
    assert decode(encode_preview(image, mime)) == Preview(image=image, mime=mime)


@given(st.dictionaries(st.text(), JSON), st.binary())
def test_previews_with_metadata_come_back(metadata, image):
    frame = encode_preview_with_metadata(metadata, image)
    assert decode(frame) == PreviewWithMetadata(metadata=metadata, image=image)


@given(st.text(), st.text(), st.none() | st.text())
def test_texts_come_back(node_id, text, prompt_id):
    frame = encode_text(node_id, text, prompt_id)
    expected = Text(node_id=node_id, text=text, prompt_id=prompt_id)
    assert decode(frame, text_has_prompt_id=prompt_id is not None) == expected


@given(st.sampled_from([b"", *(struct.pack(">I", kind) for kind in range(6))]), st.binary(), st.booleans())
@example(struct.pack(">II", PREVIEW_WITH_METADATA, 100_000), b"[" * 100_000, False)
@example(struct.pack(">II", PREVIEW_WITH_METADATA, 2), b"[]", False)
@example(struct.pack(">II", TEXT, 2**32 - 1), b"", True)
@example(struct.pack(">II", PREVIEW, 9), b"", True)
def test_rubbish_never_raises(head, rest, flag):
    frame = head + rest
    decoded = decode(frame, text_has_prompt_id=flag)
    if isinstance(decoded, Unknown):
        assert decoded.frame == frame
        assert decoded.reason


def test_a_preview_for_old_clients_keeps_the_picture():
    png = PreviewWithMetadata(metadata={"image_type": "image/png"}, image=b"x")
    assert decode(downgrade(png)) == Preview(image=b"x", mime="image/png")
    assert decode(downgrade(PreviewWithMetadata(metadata={}, image=b"x"))) == Preview(
        image=b"x", mime="image/jpeg"
    )
