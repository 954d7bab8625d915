"""Pictures in memory, as GET /view gives them: smaller previews, single channels, and what a picture is."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """What a picture's header says."""

    width: int
    height: int
    mode: str
    content_type: str


def render_view(data: bytes, preview: str | None = None, channel: str | None = None) -> tuple[bytes, str]:
    raise NotImplementedError


def probe_picture(data: bytes) -> Picture | None:
    raise NotImplementedError
