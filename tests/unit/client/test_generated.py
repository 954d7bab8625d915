"""The synchronous client is what the asynchronous one makes it."""

from gesso.client.generate import stale


def test_the_synchronous_client_is_up_to_date():
    assert stale() == [], "run `python -m gesso.client.generate`"
