"""Sizes, addresses and paths as a setting may spell them."""

import pytest

from gesso.config.values import is_loopback, parse_listen, parse_size, parse_url, size_text, split_listen


@pytest.mark.parametrize(
    ("text", "size"),
    [("100MB", 100_000_000), ("512MiB", 512 * 2**20), ("1.5 kb", 1500), ("7", 7), ("0 B", 0), (123, 123)],
)
def test_a_size_is_read_in_its_unit(text: object, size: int) -> None:
    assert parse_size(text) == size


@pytest.mark.parametrize("text", ["", "MB", "100 megs", "-1MB", "1e3", "1,5MB"])
def test_what_is_no_size_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="no size"):
        parse_size(text)


@pytest.mark.parametrize(
    ("listen", "host", "port"),
    [("127.0.0.1:8700", "127.0.0.1", 8700), ("[::1]:80", "::1", 80), ("localhost:0", "localhost", 0)],
)
def test_an_address_is_split_into_host_and_port(listen: str, host: str, port: int) -> None:
    assert parse_listen(listen) == listen
    assert split_listen(listen) == (host, port)


@pytest.mark.parametrize(
    "listen", ["8700", ":8700", "127.0.0.1", "::1:8700", "host:70000", "host:http", "h:-1"]
)
def test_what_is_no_address_to_listen_on_is_refused(listen: str) -> None:
    with pytest.raises(ValueError, match=r"address|host|port"):
        parse_listen(listen)


@pytest.mark.parametrize(
    ("host", "loopback"),
    [
        ("127.0.0.1", True),
        ("127.8.8.8", True),
        ("::1", True),
        ("localhost", True),
        ("0.0.0.0", False),  # noqa: S104
        ("::", False),
        ("192.168.1.2", False),
        ("localhost.example", False),
    ],
)
def test_only_addresses_of_this_machine_are_loopback(host: str, loopback: bool) -> None:
    assert is_loopback(host) is loopback


def test_a_url_loses_only_its_last_slash() -> None:
    assert parse_url("https://gpu2:8188/comfy/") == "https://gpu2:8188/comfy"


@pytest.mark.parametrize(
    "url", ["gpu2:8188", "ftp://gpu2", "http://", "http://gpu2:99999", "http://gpu2/?a=b"]
)
def test_what_is_no_url_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="address"):
        parse_url(url)


@pytest.mark.parametrize("url", ["http://me:geheim123@gpu2", "http://me:geheim123", "http://geheim123@gpu2"])
def test_a_password_in_a_url_is_refused_and_not_repeated(url: str) -> None:
    with pytest.raises(ValueError, match="address") as caught:
        parse_url(url)
    assert "geheim123" not in str(caught.value)


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1 KB"),
        (1500, "1.5 KB"),
        (999_960, "1.0 MB"),
        (3_400_000_000, "3.4 GB"),
        (5_000_000_000_000_000, "5000 TB"),
    ],
)
def test_a_size_is_told_so_that_people_can_compare_it(size: int, text: str) -> None:
    assert size_text(size) == text
    assert parse_size(text) == pytest.approx(size, rel=0.05)
