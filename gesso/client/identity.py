"""The ids a client gives its jobs."""

import hashlib
import uuid

_NAMESPACE = uuid.UUID("5f0f7c52-9c6e-5d0e-8a51-6d1f0a4c7e11")


def idempotent_id(key: str | None, idempotency_key: str) -> str:
    """The same id for the same idempotency key, and another one for everybody else's.

    Job ids are one space for all users of a server, so the user's key is part of what is hashed.
    """
    who = hashlib.sha256((key or "").encode()).hexdigest()
    return str(uuid.uuid5(_NAMESPACE, f"{who}:{idempotency_key}"))
