"""The ids a client gives its jobs."""

import uuid

_NAMESPACE = uuid.UUID("5f0f7c52-9c6e-5d0e-8a51-6d1f0a4c7e11")


def idempotent_id(account: str | None, idempotency_key: str) -> str:
    """The same id for the same idempotency key of the same account; another account's is another one."""
    return str(uuid.uuid5(_NAMESPACE, f"{account or ''}\0{idempotency_key}"))
