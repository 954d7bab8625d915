"""Cache headers by path, and which origins count as our own."""

import pytest

from gesso.sketch.middleware import cache_control, is_own


@pytest.mark.parametrize(
    ("path", "status", "value"),
    [
        ("/user.css", 404, "no-cache"),
        ("/assets/app.js", 200, "no-cache"),
        ("/templates/index.fr.json", 200, "no-cache"),
        ("/templates/other.json", 200, None),
        ("/api/view/x.PNG", 200, "public, max-age=86400"),
        ("/x.webp", 404, "public, max-age=3600"),
        ("/x.png", 302, "no-cache"),
        ("/x.png", 304, None),
        ("/view", 200, None),
    ],
)
def test_cache_header_follows_path_and_status(path: str, status: int, value: str | None) -> None:
    assert cache_control(path, status) == value


@pytest.mark.parametrize(
    ("host", "origin", "own"),
    [
        ("127.0.0.1:8188", "http://127.0.0.1:8188", True),
        ("localhost:8188", "http://LOCALHOST:8188", True),
        ("localhost:8188", "http://localhost", True),
        ("localhost", "http://localhost:3000", True),
        ("[::1]:8188", "http://[::1]:8188", True),
        ("localhost:8188", "http://127.0.0.1:8188", False),
        ("127.0.0.1:8188", "http://127.0.0.1:8189", False),
        ("127.0.0.1:8188", "https://evil.example", False),
        ("127.0.0.1:8188", "http://[", False),
        ("127.0.0.1:8188", "http://127.0.0.1:99999999", False),
        ("studio.example", "https://evil.example", True),
    ],
)
def test_only_a_loopback_address_is_guarded_against_other_origins(host: str, origin: str, own: bool) -> None:
    assert is_own(host, origin) is own
