"""Ids that stay the same."""

import uuid

from gesso.client.identity import idempotent_id


def test_the_same_key_names_the_same_job_and_no_one_elses():
    mine = idempotent_id("ada", "order 1")
    assert mine == idempotent_id("ada", "order 1")
    assert (
        len(
            {
                mine,
                idempotent_id("ada", "order 2"),
                idempotent_id("bob", "order 1"),
                idempotent_id(None, "order 1"),
            }
        )
        == 4
    )
    assert str(uuid.UUID(mine)) == mine
