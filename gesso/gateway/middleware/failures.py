"""The one writer of errors: whatever a route raises becomes an answer in that route's dialect."""

import asyncio
import logging
from functools import cache
from html import escape
from importlib.resources import files
from string import Template
from urllib.parse import quote

from starlette.requests import ClientDisconnect
from starlette.responses import RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from starlette.websockets import WebSocketDisconnect

from gesso.errors import EngineError, GessoError, NoEngine, TooLarge, Unauthorized
from gesso.gateway.middleware.bodies import body_of, headers_of
from gesso.gateway.responses import dialect_of, html, json, raw_path_of

logger = logging.getLogger(__name__)

LOGIN = "/gesso/login"
# After "too large" the rest of the body is read and dropped for so long: a client that is still
# sending when the connection closes would see a reset, and not the answer.
LINGER_S = 30.0
# After so long a browser that was told "not yet" looks again.
REFRESH_S = 3
POLICY_VIOLATION, SERVER_ERROR = 1008, 1011


class Failures:
    """A raised GessoError is answered with its status, any other exception with 500 and the request's id."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        sent: list[str] = []

        async def noting(message: Message) -> None:
            if len(sent) < 2 or message["type"] == "websocket.close":
                sent.append(message["type"])
            await send(message)

        try:
            await self._app(scope, receive, noting)
        except (ClientDisconnect, WebSocketDisconnect):
            logger.debug("the client went away")
        except Exception as raised:
            error = _found(raised)
            if error is None:
                logger.error("unexpected failure at %s", raw_path_of(scope), exc_info=raised)
            elif error.status >= 500:
                # What engines do is news of the fleet, and told in the message: the way there is no defect.
                cause = None if isinstance(error, EngineError) else error.__cause__
                logger.warning("%s: %s", error.code, error.message, exc_info=cause)
            await _tell(error or GessoError(), scope, receive, send, sent)


def response_for(error: GessoError, scope: Scope) -> Response:
    """The answer for `error` to the request of `scope`."""
    # An address with a key that opens nothing leads nowhere: not to a form that would ask for another.
    in_url = scope.get("gesso.url_token") is not None
    if isinstance(error, Unauthorized) and is_navigation(scope) and not in_url:
        return RedirectResponse(login_url(scope), 302, headers={"cache-control": "no-store"})
    if isinstance(error, NoEngine) and is_navigation(scope):
        return _not_ready(error)
    dialect = dialect_of(raw_path_of(scope))
    name = scope.get("gesso.request_id") if error.status == 500 else None
    return json(body_of(error, dialect, name), error.status, headers_of(error, dialect))


def _not_ready(error: NoEngine) -> Response:
    """A page that becomes ComfyUI by itself: people open the address before the engines have started."""
    frame, content = _page("login.html"), _page("not_ready.html")
    page = frame.substitute(title="Not ready", content=content.substitute(message=escape(error.message)))
    headers = {"cache-control": "no-store", "refresh": str(REFRESH_S), "retry-after": str(REFRESH_S)}
    return html(page, error.status, headers)


@cache
def _page(name: str) -> Template:
    return Template((files("gesso.gateway") / "pages" / name).read_text("utf-8"))


def is_navigation(scope: Scope) -> bool:
    """Whether a person opened this address in a browser, rather than a program asking for it."""
    if scope["type"] != "http" or scope["method"] not in ("GET", "HEAD"):
        return False
    accept, mode = b"", b"navigate"
    for name, value in scope["headers"]:
        if name == b"accept":
            accept = value
        elif name == b"sec-fetch-mode":
            mode = value
    return b"text/html" in accept and mode == b"navigate"


def login_url(scope: Scope) -> str:
    """The login page, which leads back here."""
    asked = raw_path_of(scope)
    if query := scope.get("query_string", b""):
        asked += "?" + query.decode("latin-1")
    return LOGIN if asked == "/" else f"{LOGIN}?next={quote(asked, safe='/')}"


async def _tell(error: GessoError, scope: Scope, receive: Receive, send: Send, sent: list[str]) -> None:
    if scope["type"] == "websocket":
        await _refuse_socket(error, scope, receive, send, sent)
    elif not sent:
        response = response_for(error, scope)
        if isinstance(error, TooLarge):
            await _answer_and_linger(response, receive, send)
        else:
            await response(scope, receive, send)
    # An answer that has begun cannot be taken back. The server closes the connection before the
    # announced length or the last chunk, and so the client knows that it is not whole.


async def _answer_and_linger(response: Response, receive: Receive, send: Send) -> None:
    """Answer at once, but close only when the client has stopped sending, or after a while."""
    headers = [*response.raw_headers, (b"connection", b"close")]
    await send({"type": "http.response.start", "status": response.status_code, "headers": headers})
    await send({"type": "http.response.body", "body": bytes(response.body), "more_body": True})
    try:
        async with asyncio.timeout(LINGER_S):
            while (await receive()).get("more_body", False):
                pass
    except TimeoutError:
        logger.info("the client kept sending after it was told that its body is too large")
    await send({"type": "http.response.body", "body": b""})


async def _refuse_socket(
    error: GessoError, scope: Scope, receive: Receive, send: Send, sent: list[str]
) -> None:
    if "websocket.close" in sent or "websocket.http.response.start" in sent:
        return
    if "websocket.accept" in sent:
        code = SERVER_ERROR if error.status >= 500 else POLICY_VIOLATION
        # A close frame has room for 123 bytes of reason.
        reason = error.message.encode()[:123].decode(errors="ignore")
        await send({"type": "websocket.close", "code": code, "reason": reason})
    elif "websocket.http.response" in scope.get("extensions", {}):
        await response_for(error, scope)(scope, receive, send)
    else:
        await send({"type": "websocket.close", "code": POLICY_VIOLATION})


def _found(raised: Exception) -> GessoError | None:
    """The error meant: `raised` itself, or the first one of a task group's; None if it was not foreseen."""
    if isinstance(raised, GessoError):
        return raised
    if isinstance(raised, ExceptionGroup):
        foreseen, others = raised.split(GessoError)
        if foreseen is not None and others is None:
            first = foreseen.exceptions[0]
            return _found(first)
    return None
