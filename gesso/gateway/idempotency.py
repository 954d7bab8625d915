"""The header `Idempotency-Key`: requests with the same one are one request, and make one job."""

from starlette.requests import Request

from gesso.errors import InvalidParameter

HEADER = "Idempotency-Key"
# It is kept with the job, and looked for at each request that has one.
LONGEST = 255


def idempotency_key(request: Request) -> str | None:
    """None: the request names none. InvalidParameter for what is no good as a name."""
    key = request.headers.get(HEADER)
    if key is None:
        return None
    if not (0 < len(key) <= LONGEST and key.isascii() and key.isprintable()):
        message = f"The header {HEADER} must have 1 to {LONGEST} characters, all of them printable ASCII."
        raise InvalidParameter(
            message, param=HEADER, remedy="A random UUID does well, a new one for each job."
        )
    return key
