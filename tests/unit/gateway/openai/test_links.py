"""Signed links."""

from urllib.parse import parse_qsl, urlsplit

import pytest

from gesso.errors import Forbidden, NotFound
from gesso.gateway.openai.links import FIELDS, LASTS_S, Linked, Links

LINKED = Linked(job="a-job", index=1, format="webp", compression=80, background="auto")


def query_of(links: Links) -> dict[str, str]:
    return dict(parse_qsl(urlsplit(links.make("https://gesso.example", LINKED)).query))


def test_a_link_is_read_as_it_was_made() -> None:
    links = Links(b"secret", clock=lambda: 1000.0)
    assert links.make("https://gesso.example", LINKED).startswith("https://gesso.example/v1/images/content?")
    assert links.read(query_of(links)) == LINKED


@pytest.mark.parametrize("name", [*FIELDS, "signature"])
@pytest.mark.parametrize("value", ["", "2", "ä", "\udcff"])
def test_a_changed_link_leads_to_nothing(name: str, value: str) -> None:
    links = Links(b"secret", clock=lambda: 1000.0)
    with pytest.raises(NotFound):
        links.read({**query_of(links), name: value})


def test_a_link_of_another_installation_leads_to_nothing() -> None:
    with pytest.raises(NotFound):
        Links(b"secret").read(query_of(Links(b"another")))


def test_a_link_ends_with_its_time() -> None:
    now = 1000.0
    links = Links(b"secret", clock=lambda: now)
    query = query_of(links)
    now += LASTS_S
    assert links.read(query) == LINKED
    now += 1
    with pytest.raises(Forbidden, match="time is over"):
        links.read(query)
