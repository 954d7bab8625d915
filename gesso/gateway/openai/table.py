"""`/v1`: OpenAI's Images API, for its unmodified clients."""

import json
import time
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp

from gesso.access.access import Access
from gesso.errors import InvalidParameter, NotFound
from gesso.gateway import responses
from gesso.gateway.comfyui.caller import caller
from gesso.gateway.comfyui.catalogue import Catalogue
from gesso.gateway.openai.answer import Answer, attended
from gesso.gateway.openai.asking import asking
from gesso.gateway.openai.darkroom import Darkroom
from gesso.gateway.openai.forms import read_chat, read_edit, read_fields
from gesso.gateway.openai.later import accepted, chosen_id, is_asked
from gesso.gateway.openai.links import PATH, Links
from gesso.gateway.openai.models import Model, Models, size_of
from gesso.gateway.openai.pictures import Gallery, picture_of
from gesso.gateway.openai.shapes import ChatShape, ImagesShape, Shape
from gesso.gateway.openai.stream import Streamed
from gesso.gateway.openai.submit import KEYS, Order, Submission, Wish
from gesso.gateway.openai.waiting import Waiting
from gesso.gateway.routing import Routes
from gesso.jobs.job import Job
from gesso.jobs.queue import Queue
from gesso.protocol.idempotency import idempotency_key
from gesso.protocol.openai import Drawn, parse_request
from gesso.protocol.openai_parameters import Route
from gesso.protocol.openai_pictures import MEDIA

DRAWS = ("/v1/images/generations", "/v1/images/edits", "/v1/images/variations", "/v1/chat/completions")
NOT_HERE = (
    "/v1/completions",
    "/v1/embeddings",
    "/v1/moderations",
    "/v1/responses",
    "/v1/audio/speech",
    "/v1/audio/transcriptions",
    "/v1/audio/translations",
)
RETRIES = "x-stainless-retry-count"
# Retries by itself, and does not say so.
LITELLM = "litellm/"


class OpenAI:
    def __init__(
        self,
        *,
        access: Access,
        models: Models,
        catalogue: Catalogue,
        submission: Submission,
        waiting: Waiting,
        gallery: Gallery,
        links: Links,
        queue: Queue,
        darkroom: Darkroom,
        public_url: str | None,
        behind_tls: bool,
    ) -> None:
        self._access = access
        self._models = models
        self._catalogue = catalogue
        self._submission = submission
        self._waiting = waiting
        self._gallery = gallery
        self._links = links
        self._queue = queue
        self._darkroom = darkroom
        self._public_url = public_url
        self._scheme = "https" if behind_tls else "http"
        self._created = int(time.time())

    def add_to(self, routes: Routes) -> None:
        routes.add("GET", "/v1/models", self.list_models)
        # A name may have a slash in it, sent as one or as %2F.
        routes.add("GET", "/v1/models/{name}", self.show_model)
        routes.add("GET", "/v1/models/{name...}", self.show_model)
        routes.add("POST", "/v1/images/generations", self.generate)
        routes.add("POST", "/v1/images/edits", self.edit)
        routes.add("POST", "/v1/images/variations", self.vary)
        routes.add("GET", PATH, self.content, public=True)
        routes.add("POST", "/v1/chat/completions", self.chat)
        for path in NOT_HERE:
            routes.add("POST", path, self.words)

    async def list_models(self, request: Request) -> Response:
        """`GET /v1/models`: also those that cannot draw now, with the reason."""
        await self._catalogue.look_again(patience_s=0.0)
        data = [
            self._shown(model, name, request) for model in self._models.all for name in model.config.names
        ]
        return responses.json({"object": "list", "data": data})

    async def show_model(self, request: Request, name: str) -> Response:
        """`GET /v1/models/{name}`"""
        return responses.json(self._shown(self._models.named(name), name, request))

    def _shown(self, model: Model, name: str, request: Request) -> dict[str, Any]:
        denied = self._catalogue.denied_to(caller(request))
        told = {}
        for route, (key, _) in KEYS.items():
            if key in model.templates:
                reasons = self._models.why_not(model, key, denied)
                told[route.value] = {
                    "available": not reasons,
                    "reason": "; ".join(reasons) or None,
                    "description": model.templates[key].description,
                    "parameters": sorted(model.templates[key].parameters),
                }
        return {
            "id": name,
            "alias_of": None if name == model.name else model.name,
            "object": "model",
            "created": self._created,
            "owned_by": "gesso",
            "available": any(each["available"] for each in told.values()),
            "reason": next((each["reason"] for each in told.values() if each["reason"]), None),
            "routes": told,
            "size": size_of(model),
            "count": model.config.limits.count,
            "steps": model.config.limits.steps,
        }

    async def generate(self, request: Request) -> ASGIApp:
        """`POST /v1/images/generations`"""
        return await self._draw(
            request, Wish(asked=parse_request(Route.GENERATIONS, await read_fields(request)))
        )

    async def edit(self, request: Request) -> ASGIApp:
        """`POST /v1/images/edits`"""
        return await self._edit(request, Route.EDITS)

    async def vary(self, request: Request) -> ASGIApp:
        """`POST /v1/images/variations`"""
        return await self._edit(request, Route.VARIATIONS)

    async def chat(self, request: Request) -> ASGIApp:
        """`POST /v1/chat/completions`: what the user's last message says is drawn, or done to pictures."""
        chat, sources = await read_chat(request, self._darkroom)
        wish = Wish(asked=chat.asked, sources=tuple(sources))
        return await self._draw(request, wish, ChatShape(chat, wish.sizes))

    async def words(self, request: Request) -> ASGIApp:
        """What OpenAI has for words and sounds."""
        message = f"This server makes images, and there is no model for {request.url.path}."
        raise NotFound(message, remedy=f"It has {', '.join(DRAWS)}.")

    async def content(self, request: Request) -> Response:
        """`GET /v1/images/content?…`: where a signed link leads."""
        linked = self._links.read(request.query_params)
        job = await self._queue.get(linked.job)
        made = await self._gallery.one(job, picture_of(job, linked.index), linked)
        headers = {"Cache-Control": "private, max-age=3600", "X-Content-Type-Options": "nosniff"}
        return Response(made.data, media_type=MEDIA[linked.format], headers=headers)

    async def _edit(self, request: Request, route: Route) -> ASGIApp:
        asked, sources, mask = await read_edit(request, route, self._darkroom)
        if mask is not None and route is Route.VARIATIONS:
            raise InvalidParameter("Unknown parameter: 'mask'.", param="mask", kind="unknown_parameter")
        return await self._draw(request, Wish(asked=asked, sources=tuple(sources), mask=mask))

    async def _draw(self, request: Request, wish: Wish, shape: Shape | None = None) -> ASGIApp:
        asked, shape = wish.asked, shape or ImagesShape(wish.asked, wish.sizes)
        retries = request.headers.get(RETRIES, "")
        key, job_id, base = idempotency_key(request.headers), chosen_id(request), self._base(request)
        plan = self._submission.plan(wish)
        # Last, as it may make an account: what cannot be drawn is refused by now.
        identity = await asking(request, asked, self._access)
        order = Order(
            identity=identity,
            wish=wish,
            plan=plan,
            idempotency_key=key,
            # Not as a number, of which Python reads no more than 4300 digits.
            repeats=retries.isdecimal() and retries.strip("0") != "",
            job_id=job_id,
        )
        job = await self._submission.job_of(order)
        if is_asked(request):
            self._waiting.keep(job.id)
            return accepted(job)

        async def draw(ended: Job) -> list[Drawn]:
            return await self._gallery.drawn(ended, asked, base)

        async def compose(ended: Job) -> bytes:
            drawn = await draw(ended)
            # Pictures make megabytes of JSON.
            return await self._darkroom.run(lambda: json.dumps(shape.whole(ended, drawn)).encode())

        if asked.stream:
            streamed = Streamed(asked, shape=shape, waiting=self._waiting, draw=draw, darkroom=self._darkroom)
            # Its library does not try again once a stream has begun.
            return attended(streamed.tell, job, self._waiting, comes_back=key is not None)
        answer = Answer(waiting=self._waiting, compose=compose)
        agent = request.headers.get("user-agent", "")
        comes_back = bool(retries) or key is not None or agent.startswith(LITELLM)
        return attended(answer.tell, job, self._waiting, comes_back=comes_back)

    def _base(self, request: Request) -> str:
        """What links begin with: the address that the client used, unless we know a better one."""
        if self._public_url is not None:
            return self._public_url
        host = request.headers.get("host")
        if not host:
            raise NotFound("The request names no host, so links could lead nowhere.")
        return f"{self._scheme}://{host}"
