"""Who asks for a picture: the caller, or the person for whom a trusted service does."""

import re
import unicodedata
from contextlib import suppress
from urllib.parse import unquote

from starlette.requests import Request

from gesso.access.access import Access
from gesso.access.identity import Identity
from gesso.access.scopes import FOR_OTHERS
from gesso.gateway.comfyui.caller import caller
from gesso.gateway.middleware.addressed import from_where
from gesso.protocol.openai import ImagesRequest

# Ours, for services that can be told which headers to send; Open WebUI's, whose names are not unique.
HEADERS = ("x-gesso-user", "x-openwebui-user-email", "x-openwebui-user-id")
# Letters beyond ASCII, as some clients send them. ASCII stays as it is: nobody shall be Ada who calls himself
# "%61da" where names are sent as they are.
ESCAPED = re.compile("(?:%[89A-Fa-f][0-9A-Fa-f])+")


async def asking(request: Request, asked: ImagesRequest, access: Access) -> Identity:
    """What others than such services say of persons means nothing."""
    identity = caller(request)
    if not identity.may(FOR_OTHERS):
        return identity
    sent = (written(request.headers.get(name, "")) for name in HEADERS)
    told = (*sent, asked.user or "", asked.safety_identifier or "")
    named = next((each.strip() for each in told if each.strip()), None)
    if named is None:
        return identity
    return await access.person(identity, unicodedata.normalize("NFC", named), address=from_where(request))


def written(value: str) -> str:
    """A header's value as its sender meant it: headers are read as Latin-1, and mostly are UTF-8."""
    with suppress(UnicodeError):  # it is Latin-1
        value = value.encode("latin-1").decode()
    return ESCAPED.sub(_unescaped, value)


def _unescaped(found: re.Match[str]) -> str:
    try:
        return unquote(found[0], errors="strict")
    except UnicodeError:
        return found[0]
