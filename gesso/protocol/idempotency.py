"""The header `Idempotency-Key`: requests with the same one are one request, and make one job."""

from collections.abc import Mapping

from gesso.errors import InvalidParameter

HEADER = "Idempotency-Key"
# It is kept with the job, and looked for at each request that has one.
LONGEST = 255


def idempotency_key(headers: Mapping[str, str]) -> str | None:
    """None: there is none. InvalidParameter for what is no good as a name."""
    key = headers.get(HEADER)
    return None if key is None else checked(key)


def checked(key: str) -> str:
    """The key. InvalidParameter for what is no good as a name, or cannot be sent."""
    if not (0 < len(key) <= LONGEST and key.isascii() and key.isprintable()):
        message = f"'{HEADER}' must have 1 to {LONGEST} characters, all of them printable ASCII."
        remedy = "A random UUID does well, a new one for each job."
        raise InvalidParameter(message, param=HEADER, remedy=remedy)
    return key
