"""What may name a request, so that it is one however often it is sent."""

import pytest

from gesso import Client
from gesso.errors import InvalidParameter
from gesso.protocol.idempotency import LONGEST, idempotency_key

NO_GOOD = ["", "für", "two\nlines", "x" * (LONGEST + 1)]


def test_header_is_taken_as_it_is_or_absent() -> None:
    assert idempotency_key({}) is None
    for key in ("order 1", "x" * LONGEST):
        assert idempotency_key({"Idempotency-Key": key}) == key


@pytest.mark.parametrize("key", NO_GOOD)
def test_what_cannot_be_sent_or_kept_is_refused_by_name(key: str) -> None:
    with pytest.raises(InvalidParameter) as caught:
        idempotency_key({"Idempotency-Key": key})
    assert caught.value.param == "Idempotency-Key"


@pytest.mark.parametrize("key", NO_GOOD)
def test_client_refuses_it_before_it_asks_anybody(key: str) -> None:
    with Client("http://127.0.0.1:1") as client, pytest.raises(InvalidParameter):
        client.submit({"1": {"class_type": "A", "inputs": {}}}, idempotency_key=key)
