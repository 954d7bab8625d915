"""What the engines offer, as one: the catalogue jobs are checked against, and each user's view of it."""

import asyncio
import gzip
import json
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from gesso.access.identity import Identity
from gesso.access.scopes import Role
from gesso.config.limits import RolesConfig
from gesso.errors import InvalidWorkflow, NoEngine, StorageError
from gesso.fleet.decide import Wanted
from gesso.fleet.member import Member
from gesso.fleet.node_catalog import NodeCatalog
from gesso.fleet.supervisor import Supervisor
from gesso.gateway import responses
from gesso.gateway.comfyui.caller import caller
from gesso.gateway.comfyui.refresh import Refresh
from gesso.jobs.artifacts import Artifacts
from gesso.jobs.files import Files
from gesso.protocol.files import FileRef
from gesso.workflows.catalog import Catalog
from gesso.workflows.denied import is_denied, without_denied
from gesso.workflows.graph import Prompt
from gesso.workflows.needs import has_all, lacking, needs
from gesso.workflows.union import union
from gesso.workflows.uploads import KINDS

# A request that comes while the engines start is held for so long before it is told to come back.
PATIENCE_S = 10.0
# Whoever wants to know it anew waits for slow engines no longer than this, and hears of their news next time.
REFRESH_S = 1.5
# What a model or a node class that is not known looks like in ComfyUI's refusals.
UNKNOWN = frozenset({"value_not_in_list", "invalid_prompt"})
PACKED = 64
# Stands for "your own uploads" in the prepared object_info; random, so that no node can say it by accident.
MARK = b'"gesso:uploads:8d1f3c0a5be94c7f"'
Denied = tuple[str, ...]
EXAMPLE = Path(__file__).with_name("example.png")


class Catalogue:
    """`/object_info`, and the `Catalog` of `POST /prompt`.

    The lists of uploaded files in it are the caller's own: an engine's input folder holds the files of
    everybody, and of jobs long gone.
    """

    def __init__(
        self, *, supervisor: Supervisor, files: Files, artifacts: Artifacts, roles: RolesConfig
    ) -> None:
        self._supervisor = supervisor
        self._refresh = Refresh(supervisor)
        self._denied = {Role.USER: roles.user.denied_nodes, Role.ADMIN: roles.admin.denied_nodes}
        self._files = files
        self._artifacts = artifacts
        # What is shown now, and of which engines' catalogues it was made.
        self._made_of: tuple[str, ...] = ()
        self._union: Catalog | None = None
        self._shown: Catalog | None = None
        self._prepared: dict[Denied, bytes] = {}
        self._packed: dict[tuple[Denied, bytes], bytes] = {}

    async def current(self) -> Catalog:
        """What the engines together can do; NoEngine if none has been ready yet."""
        try:
            async with asyncio.timeout(PATIENCE_S):
                while (catalog := self.now()) is None:
                    await self._supervisor.changed()
        except TimeoutError as error:
            states = ", ".join(f"{member.name} is {member.state}" for member in self._supervisor.members())
            message = f"No engine has been ready yet, so it is not known what can run: {states}."
            raise NoEngine(message) from error
        return catalog

    def now(self) -> Catalog | None:
        """What the engines together can do, as far as it is known; None if none has been ready yet."""
        known = self._known()
        made_of = tuple(each.sha256 for each in known.values())
        if known and (self._union is None or self._made_of != made_of):
            self._union = union([each.catalog for each in known.values()])
            self._made_of = made_of
        return self._union if known else None

    async def look_again(self, *, patience_s: float = REFRESH_S) -> None:
        """Ask the engines anew, and wait so long for their answers."""
        await self._refresh.begin(patience_s=patience_s)

    def lacking(self, wanted: Sequence[str]) -> dict[str, tuple[str, ...]]:
        """What each engine lacks of `wanted` (see `Needs.ids`); empty when one of them has it all."""
        lacks = {name: lacking(wanted, each.catalog) for name, each in self._known().items()}
        return lacks if all(lacks.values()) else {}

    def stopped(self, prompt: Prompt) -> tuple[str, ...]:
        """The engines that could run it, where all of them are stopped until somebody starts one."""
        known = [(each, each.catalog.catalog) for each in self._supervisor.members() if each.catalog]
        if not any(_is_down(each) for each, _ in known):
            return ()
        fits = [each for each, catalog in known if has_all(catalog, needs(prompt, catalog).ids())]
        return tuple(each.name for each in fits) if all(map(_is_down, fits)) else ()

    def denied_to(self, identity: Identity) -> Denied:
        """Patterns of the node classes that the caller's role may not use."""
        return self._denied[identity.role]

    async def may_be_new(self, refused: InvalidWorkflow) -> bool:
        """Whether what a workflow was refused for may have come since: the engines have been asked anew, and
        have said something else."""
        kinds = {problem.kind for problem in refused.problems} or {refused.body.get("error", {}).get("type")}
        if kinds.isdisjoint(UNKNOWN):
            return False
        before = await self.current()
        return await self._refresh.begin(patience_s=REFRESH_S) and await self.current() is not before

    def _known(self) -> dict[str, NodeCatalog]:
        """By engine, also of those that are just being restarted; without those that will not come back,
        unless there are no others."""
        members = [member for member in self._supervisor.members() if member.catalog is not None]
        staying = [member for member in members if not member.given_up] or members
        return {member.name: member.catalog for member in staying if member.catalog is not None}

    async def object_info(self, request: Request) -> Response:
        """`GET /object_info`"""
        uploads = await self._uploads(request)
        # The frontend's "refresh" asks like this, and means it.
        await self._refresh.begin(patience_s=REFRESH_S if _wants_news(request) else 0.0)
        denied = self.denied_to(caller(request))
        body = (await self._prepare(denied)).replace(MARK, uploads)
        headers = {"Vary": "Accept-Encoding"}
        if "gzip" in request.headers.get("accept-encoding", ""):
            body = await self._pack(denied, uploads, body)
            headers["Content-Encoding"] = "gzip"
        return Response(body, media_type="application/json; charset=utf-8", headers=headers)

    async def object_info_of(self, request: Request, node_class: str) -> Response:
        """`GET /object_info/{node_class}`: {class: info}, or {} for a class nobody has."""
        await self._refresh.begin(patience_s=REFRESH_S if _wants_news(request) else 0.0)
        raw = (await self.current()).raw
        if node_class not in raw or is_denied(node_class, self.denied_to(caller(request))):
            return responses.json({})
        body = prepare({node_class: raw[node_class]}).replace(MARK, await self._uploads(request))
        return Response(body, media_type="application/json; charset=utf-8")

    async def _prepare(self, denied: Denied) -> bytes:
        """object_info as those see it to whom `denied` is denied, but for their uploads."""
        catalog = await self.current()
        if self._shown is not catalog:
            self._shown, self._prepared, self._packed = catalog, {}, {}
        if denied not in self._prepared:
            prepared = await asyncio.to_thread(lambda: prepare(without_denied(catalog.raw, denied)))
            if self._shown is not catalog:
                return await self._prepare(denied)
            self._prepared[denied] = prepared
        return self._prepared[denied]

    async def _pack(self, denied: Denied, uploads: bytes, body: bytes) -> bytes:
        packed, key = self._packed, (denied, uploads)
        if key not in packed:
            if len(packed) >= PACKED:
                packed.clear()
            packed[key] = await asyncio.to_thread(gzip.compress, body, 5)
        return packed[key]

    async def _uploads(self, request: Request) -> bytes:
        """The caller's input files, as the inside of a JSON list."""
        account = caller(request).account_id
        files = await self._files.list(account, "input")
        names = [file.ref.filename for file in files if not file.ref.subfolder]
        return json.dumps(names or await self._example(account))[1:-1].encode()

    async def _example(self, account: str) -> list[str]:
        """The picture that a user begins with, as ComfyUI's input folder does.

        From an empty list the frontend's loaders ask for a file named "undefined", and complain.
        """
        ref = FileRef(filename=EXAMPLE.name, subfolder="", type="input")
        with suppress(StorageError):
            artifact = await self._artifacts.store(await asyncio.to_thread(EXAMPLE.read_bytes))
            kept = await self._files.put(account, ref, artifact, content_type="image/png")
            return [kept.filename]
        return []


def _is_down(member: Member) -> bool:
    return member.wanted is Wanted.STOPPED or member.gave_up


def _wants_news(request: Request) -> bool:
    """Whether the caller refuses an answer that was kept."""
    return "no-" in request.headers.get("cache-control", "")


def prepare(object_info: Any) -> bytes:
    """object_info as JSON in which every list of uploaded files is `[MARK]`."""
    mark = json.loads(MARK)
    marked = {}
    for name, info in object_info.items():
        groups = dict(info.get("input") or {})
        for group in ("required", "optional"):
            if isinstance(groups.get(group), dict):
                groups[group] = {key: _marked(value, mark) for key, value in groups[group].items()}
        marked[name] = {**info, "input": groups}
    return json.dumps(marked, separators=(",", ":")).encode()


def _marked(declared: Any, mark: str) -> Any:
    """One input declaration: [choices, {"image_upload": true}] or ["COMBO", {"options": choices, …}]."""
    if not (isinstance(declared, list) and len(declared) > 1 and isinstance(declared[1], dict)):
        return declared
    options = declared[1]
    if not any(options.get(option) for option in KINDS):
        return declared
    if isinstance(declared[0], list):
        return [[mark], *declared[1:]]
    if isinstance(options.get("options"), list):
        return [declared[0], {**options, "options": [mark]}, *declared[2:]]
    return declared
