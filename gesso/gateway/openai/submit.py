"""From a request to its job: found again where it is a repetition, else made and queued."""

import hashlib
import json
import secrets
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from gesso import logs
from gesso.access.identity import Identity
from gesso.errors import InvalidParameter, NoEngine
from gesso.events import Bus
from gesso.gateway.comfyui.catalogue import Catalogue
from gesso.gateway.limits import limits_of
from gesso.gateway.openai.models import NOT_KNOWN_YET, Model, Models
from gesso.gateway.openai.values import values_of
from gesso.gateway.openai.waiting import Waiting
from gesso.jobs.artifacts import Artifacts
from gesso.jobs.files import Files
from gesso.jobs.job import Job, Spec, State
from gesso.jobs.queue import Queue
from gesso.jobs.relay import announce
from gesso.protocol.files import FileRef
from gesso.protocol.openai import ImagesRequest
from gesso.protocol.openai_parameters import Route
from gesso.protocol.openai_pictures import Source
from gesso.workflows.fill import fill
from gesso.workflows.needs import needs
from gesso.workflows.shape import shape
from gesso.workflows.template import Template
from gesso.workflows.uploads import upload_checks
from gesso.workflows.validate import validate

KEYS = {
    Route.GENERATIONS: ("template", "draw from a prompt alone"),
    Route.EDITS: ("edit_template", "edit pictures"),
    Route.VARIATIONS: ("variation_template", "make variations"),
}
SUBFOLDER = "openai"
# Of jobs: this API asked for them.
KIND = "openai"
# A repetition gets the job of the request it repeats: one that has not ended, or ended so long ago at most.
REPEATED_WITHIN_S = 15 * 60.0
# Seeds that nobody chose stay below what a browser's numbers can hold.
SEEDS = 2**53


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What one request asks for, and the pictures that it brings."""

    asked: ImagesRequest
    sources: tuple[Source, ...] = ()
    mask: Source | None = None

    @property
    def sizes(self) -> list[tuple[int, int]]:
        """Of the pictures to start from."""
        return [(each.width, each.height) for each in self.sources]

    @property
    def digest(self) -> str:
        """The same for the same wish; what is drawn from it, without a seed, may differ."""
        pictures = [*self.sources, *([self.mask] if self.mask else [])]
        files = [each.sha256 for each in pictures]
        # How the answer is brought is no part of what is drawn.
        asked = asdict(replace(self.asked, stream=False, partial_images=0))
        text = json.dumps(["openai", asked, files, self.mask is not None], sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How a wish is drawn: the template, its values, and the pictures by the parameters that take them."""

    model: Model
    key: str
    values: Mapping[str, Any]
    files: Mapping[str, Source]

    @property
    def template(self) -> Template:
        return self.model.templates[self.key]


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """A wish that can be drawn: for whom, and whether it repeats an earlier one.

    `job_id` is the client's choice; it hears of the job under that id.
    """

    identity: Identity
    wish: Wish
    plan: Plan
    idempotency_key: str | None = None
    repeats: bool = False
    job_id: str | None = None


class Submission:
    def __init__(
        self,
        *,
        models: Models,
        queue: Queue,
        catalogue: Catalogue,
        artifacts: Artifacts,
        files: Files,
        bus: Bus,
        waiting: Waiting,
        max_attempts: int,
    ) -> None:
        self._models = models
        self._queue = queue
        self._catalogue = catalogue
        self._artifacts = artifacts
        self._files = files
        self._bus = bus
        self._waiting = waiting
        self._max_attempts = max_attempts

    def plan(self, wish: Wish) -> Plan:
        """How to draw it. UnknownModel, or InvalidParameter for what the model does not take."""
        key, what = KEYS[wish.asked.route]
        model = self._models.named(wish.asked.model)
        template = model.template(key, what)
        seed = secrets.randbelow(SEEDS)
        return Plan(
            model=model,
            key=key,
            values=values_of(wish.asked, model.config, template, wish.sources, seed=seed),
            files=_placed(wish, model, template),
        )

    async def job_of(self, order: Order) -> Job:
        """The job that draws what is asked for. Raises what keeps it from being drawn."""
        digest = order.wish.digest
        if order.idempotency_key is None and order.job_id is None:
            earlier = await self._earlier(order, digest)
            if earlier is not None:
                logs.job_id.set(earlier.id)
                return earlier
        try:
            await self._require(order.plan, order.identity)
        except (NoEngine, InvalidParameter):
            # What is drawn already, or waits already, needs no engine now.
            named = await self._named(order, digest)
            if named is None:
                raise
            logs.job_id.set(named.id)
            return named
        names = await self._store(order.identity, order.plan.files)
        spec = await self._spec(order, names)
        job = await self._queue.submit(
            replace(spec, request_hash=digest), limits_of(order.identity.allowance)
        )
        logs.job_id.set(job.id)
        await announce(self._bus, self._queue, job, job.state)
        return job

    async def _earlier(self, order: Order, digest: str) -> Job | None:
        """The job of the request that this one repeats: best one that nobody waits for any more.

        Not every client says that it repeats; one that left a moment ago, and asks for the same, does.
        """
        if not order.repeats and not self._waiting.somebody_just_left():
            return None  # as nearly always; and of who asks for the same all day, that is a lot to read
        since = time.time() - REPEATED_WITHIN_S
        found = [
            job
            for job in await self._queue.same_request(order.identity.account_id, digest, since)
            if order.repeats or self._waiting.just_left(job.id)
            if not job.state.ended or self._waiting.missed(job)
            if job.state is not State.CANCELLED or not self._waiting.given_up(job.id)
        ]
        alone = [job for job in found if not self._waiting.attended(job.id)]
        return next(iter(alone or found), None)

    async def _named(self, order: Order, digest: str) -> Job | None:
        """The job of this very request, by the name that the client has given it."""
        found = await self._queue.same_request(order.identity.account_id, digest, 0.0)
        key = order.idempotency_key
        return next(
            (job for job in found if job.id == order.job_id or (key and key == job.idempotency_key)), None
        )

    async def _require(self, plan: Plan, identity: Identity) -> None:
        """Raises NoEngine where somebody has to start one first, InvalidParameter where none would do."""
        denied = self._catalogue.denied_to(identity)
        reasons = self._models.why_not(plan.model, plan.key, denied)
        if reasons == (NOT_KNOWN_YET,):
            await self._catalogue.current()
            reasons = self._models.why_not(plan.model, plan.key, denied)
        if reasons:
            await self._catalogue.look_again()
            reasons = self._models.why_not(plan.model, plan.key, denied)
        if not reasons:
            return
        message = f"The model {plan.model.name!r} cannot draw this now: {'; '.join(reasons[:5])}."
        if self._models.stopped(plan.model, plan.key):
            remedy = "`gesso engines start NAME`, or ask again when an administrator has done so."
            raise NoEngine(message, remedy=remedy)
        remedy = "`GET /v1/models` tells which can."
        raise InvalidParameter(message, param="model", kind="model_unavailable", remedy=remedy)

    async def _store(self, identity: Identity, files: Mapping[str, Source]) -> dict[str, str]:
        """Keep the pictures as the caller's uploads; their names, by the parameter that each is for."""
        names = {}
        for name, source in files.items():
            ref = FileRef(filename=f"{source.sha256[:16]}.{source.format}", subfolder=SUBFOLDER, type="input")
            naming = self._files.naming(
                identity.account_id,
                ref,
                content_type=f"image/{source.format}",
                storage=identity.allowance.storage,
            )
            async with self._artifacts.writer() as writer:
                await writer.write(source.data)
                kept = await writer.commit_with(naming)
            names[name] = f"{kept.subfolder}/{kept.filename}"
        return names

    async def _spec(self, order: Order, names: Mapping[str, str]) -> Spec:
        """`names`: of the pictures kept, by the parameter that each is for."""
        plan, template = order.plan, order.plan.template
        values = {**plan.values, **names}
        catalog = await self._catalogue.current()
        prompt = fill(template, values)
        checks = upload_checks(catalog, lambda name: name in names.values(), prompt)
        validated = validate(prompt, catalog, template.outputs, checks=checks)
        inputs = [
            {
                "node": node,
                "input": place,
                "file": names[name],
                "sha256": source.sha256,
                "suffix": f".{source.format}",
            }
            for name, source in plan.files.items()
            for node, place in template.parameters[name].inputs
        ]
        return Spec(
            owner=order.identity.account_id,
            kind=KIND,
            payload={
                "prompt": validated.prompt,
                "extra_data": {},
                "outputs": validated.outputs,
                "targets": list(template.outputs),
                # For streams, which may join a job of another request, and for who looks at it later.
                "openai": {"model": plan.model.name, "outputs": list(template.outputs), **values},
            },
            needs=needs(validated.prompt, catalog).ids(),
            shape=shape(validated.prompt, catalog, validated.outputs),
            id=order.job_id,
            client_id=order.job_id,
            idempotency_key=order.idempotency_key,
            inputs=inputs,
            max_attempts=self._max_attempts,
        )


def _placed(wish: Wish, model: Model, template: Template) -> dict[str, Source]:
    """Each picture of the request at the parameter of the template that takes it."""
    takes = template.images
    if len(wish.sources) > len(takes):
        most = f"at most {len(takes)} picture{'s' if len(takes) > 1 else ''}"
        raise InvalidParameter(f"The model {model.name!r} takes {most} to start from.", param="image")
    placed = dict(zip(takes, wish.sources, strict=False))
    if wish.mask is not None:
        if "mask" not in template.parameters:
            raise InvalidParameter(f"The model {model.name!r} takes no mask.", param="mask")
        placed["mask"] = wish.mask
    return placed


def outputs_of(job: Job) -> Sequence[str]:
    """The nodes whose pictures are the answer, in order; none where it is no job of this API's."""
    nodes: Sequence[str] = (job.payload.get("openai") or {}).get("outputs") or ()
    return nodes
