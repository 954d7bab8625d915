"""Names and bytes of what is uploaded."""

import pytest

from gesso.client.upload import named, opened


def test_a_file_keeps_its_name():
    assert named("some/where/photo of me.png") == "photo of me.png"


@pytest.mark.parametrize(
    ("start", "suffix"),
    [
        (b"\x89PNG\r\n", ".png"),
        (b"\xff\xd8\xff\xe0", ".jpg"),
        (b"RIFF....WEBPVP8", ".webp"),
        (b"GIF89a", ".gif"),
        (b"?", ".bin"),
    ],
)
def test_bytes_are_named_after_their_content(start, suffix):
    assert named(start + b"1") == named(start + b"1") != named(start + b"2")
    assert named(start).endswith(suffix)


def test_bytes_can_be_read():
    with opened(b"data") as file:
        assert file.read() == b"data"
