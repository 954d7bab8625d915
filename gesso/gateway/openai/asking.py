"""Who asks for a picture: the caller, or the person for whom a trusted service does."""

from starlette.requests import Request

from gesso.access.access import Access
from gesso.access.identity import Identity
from gesso.access.scopes import FOR_OTHERS
from gesso.gateway.comfyui.caller import caller
from gesso.gateway.middleware.addressed import from_where
from gesso.protocol.openai import ImagesRequest

# Ours, for services that can be told which headers to send; Open WebUI's, whose names are not unique.
HEADERS = ("x-gesso-user", "x-openwebui-user-email", "x-openwebui-user-id")


async def asking(request: Request, asked: ImagesRequest, access: Access) -> Identity:
    """What others than such services say of persons means nothing."""
    identity = caller(request)
    if not identity.may(FOR_OTHERS):
        return identity
    told = [*(request.headers.get(name) for name in HEADERS), asked.user, asked.safety_identifier]
    named = next((each.strip() for each in told if each and each.strip()), None)
    if named is None:
        return identity
    return await access.person(identity, named, address=from_where(request))
