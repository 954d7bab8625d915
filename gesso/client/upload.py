"""A picture on its way to the server: its name and its bytes."""

import hashlib
import os
from contextlib import AbstractContextManager
from io import BytesIO
from pathlib import Path
from typing import IO

from gesso.errors import RequestError

Source = str | os.PathLike[str] | bytes

_STARTS = (
    (b"\x89PNG", ".png"),
    (b"\xff\xd8\xff", ".jpg"),
    (b"GIF8", ".gif"),
    (b"BM", ".bmp"),
)


def opened(source: Source) -> AbstractContextManager[IO[bytes]]:
    """The bytes of a file's path, or the bytes themselves, to be read."""
    if isinstance(source, bytes):
        return BytesIO(source)
    try:
        return Path(source).open("rb")
    except OSError as error:
        raise RequestError(
            f"{os.fspath(source)!r} cannot be read: {error.strerror}.",
            remedy="Check the path of the picture.",
        ) from error


def named(source: Source) -> str:
    """The file's own name; bytes are named after their content, so that the same ones get the same name."""
    if not isinstance(source, bytes):
        return Path(source).name
    return hashlib.sha256(source).hexdigest()[:16] + _suffix(source)


def _suffix(data: bytes) -> str:
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return ".webp"
    return next((suffix for start, suffix in _STARTS if data.startswith(start)), ".bin")
