"""Who is calling, as the identify middleware found out."""

from starlette.requests import HTTPConnection

from gesso.access.identity import Identity


def caller(connection: HTTPConnection) -> Identity:
    identity: Identity = connection.scope["gesso.identity"]
    return identity
