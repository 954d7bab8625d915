"""The client of one server: gesso, ComfyUI, or anything else that speaks ComfyUI's protocol."""

# Generated from ../_async by `python -m gesso.client.generate`: change it there.

import os
import uuid
from collections.abc import Iterator, Callable, Mapping, Sequence
from contextlib import contextmanager
from types import TracebackType
from typing import Any, Self, Unpack

from gesso.client import answers
from gesso.client._sync import drawing
from gesso.client._sync.connection import Connection, pause_s
from gesso.client._sync.job import Job
from gesso.client._sync.lookup import locate
from gesso.client._sync.output import Result
from gesso.client.address import server_key, server_url
from gesso.client.drawing import Model, Wishes, fields, models_of
from gesso.client.flavour import sync_call, sync_sleep
from gesso.client.identity import idempotent_id
from gesso.client.place import JobInfo, Place, listed
from gesso.client.progress import Progress
from gesso.client.upload import Source, named, opened
from gesso.client.workflow import Workflow
from gesso.errors import EngineUnreachable, GatewayError, NotFound
from gesso.protocol.idempotency import HEADER, checked

_NOT_ASKED = ""
_NOT_GESSO_REMEDY = "Models to draw with are gesso's: name its address, --url or GESSO_URL."


class Client:
    """Talks to the server at `url` (default: GESSO_URL, else http://127.0.0.1:8700) with `key` (GESSO_KEY).

    `timeout_s` bounds each single request; `retries` is how often one is repeated that a passing fault has
    kept from being answered; `patience_s` is how long a wait puts up with a silent server.
    """

    def __init__(
        self,
        url: str | None = None,
        key: str | None = None,
        *,
        timeout_s: float = 30.0,
        retries: int = 2,
        patience_s: float = 60.0,
    ) -> None:
        self._connection = Connection(
            server_url(url, os.environ), server_key(key, os.environ), timeout_s=timeout_s, retries=retries
        )
        self._retries = retries
        self._patience_s = patience_s
        self._whose: str | None = _NOT_ASKED

    @property
    def url(self) -> str:
        """The server's address."""
        return self._connection.url

    def run(
        self,
        workflow: Workflow | Mapping[str, Any],
        *,
        images: Mapping[str, Source] | None = None,
        on_progress: Callable[[Progress], None] | None = None,
        timeout_s: float | None = None,
        idempotency_key: str | None = None,
        front: bool = False,
    ) -> Result:
        """Submit a workflow and wait for its result: `submit` and `Job.wait` in one."""
        job = self.submit(workflow, images=images, idempotency_key=idempotency_key, front=front)
        return job.wait(on_progress, timeout_s=timeout_s)

    def submit(
        self,
        workflow: Workflow | Mapping[str, Any],
        *,
        images: Mapping[str, Source] | None = None,
        idempotency_key: str | None = None,
        front: bool = False,
    ) -> Job:
        """Hand in a workflow; returns as soon as the server has accepted it.

        `images` uploads pictures and names them in the workflow: {"1.image": "photo.png"}, a path or bytes.
        The same `idempotency_key` names the same job for ever, however often it is submitted.
        `front` puts it before all that waits: on gesso one's own jobs, on a bare ComfyUI everybody's.

        Raises InvalidWorkflow with its `problems` when the server finds the workflow wrong.
        """
        filled = Workflow(workflow.prompt if isinstance(workflow, Workflow) else workflow)
        for target, source in (images or {}).items():
            filled.set(target, self.upload(source))
        job_id = self._job_id(idempotency_key)
        # The id as clientId gives each job a socket of its own, which whoever knows the id can open again.
        body: dict[str, Any] = {"prompt": filled.prompt, "prompt_id": job_id, "client_id": job_id}
        if front:
            body["front"] = True
        answer = self._post_once(job_id, body, idempotency_key)
        if not isinstance(answer, dict) or not isinstance(answer.get("prompt_id"), str):
            raise GatewayError(f"{self.url}/prompt did not answer with the id of a job.")
        errors = answer.get("node_errors")
        problems = answers.invalid_workflow({"node_errors": errors}).problems if errors else ()
        return Job(
            self._connection,
            answer["prompt_id"],
            prompt=body["prompt"],
            problems=problems,
            patience_s=self._patience_s,
        )

    def draw(
        self, prompt: str, *, idempotency_key: str | None = None, **wishes: Unpack[Wishes]
    ) -> Job:
        """Have one of gesso's models draw what `prompt` says; returns as soon as the server has accepted it.

        Example: `client.draw("a big red heart", size="64x64", count=2).wait().outputs[0].save("heart.png")`.
        Raises UnknownModel, or InvalidParameter for a wish that the model does not take.
        """
        job_id = self._job_id(idempotency_key)
        with self._only_gesso():
            made = drawing.draw(self._connection, job_id, fields(prompt, wishes))
        return self.job(made)

    def edit(
        self,
        pictures: Source | Sequence[Source],
        prompt: str,
        *,
        mask: Source | None = None,
        idempotency_key: str | None = None,
        **wishes: Unpack[Wishes],
    ) -> Job:
        """Have a model change a picture, a path or bytes, as `prompt` says; like `draw`.

        Of several pictures the first is changed, and the others may be spoken of. Where `mask`, of the
        first one's size, is transparent, that one changes; without it, everywhere.
        """
        job_id = self._job_id(idempotency_key)
        with self._only_gesso():
            made = drawing.edit(self._connection, job_id, pictures, mask, fields(prompt, wishes))
        return self.job(made)

    def models(self) -> list[Model]:
        """The models that gesso draws with, also those that cannot now, with the reason."""
        with self._only_gesso():
            return models_of(self._connection.json("GET", "/v1/models"))

    @contextmanager
    def _only_gesso(self) -> Iterator[None]:
        """For what a bare ComfyUI does not have."""
        try:
            yield
        except (NotFound, GatewayError) as error:
            if self.speaks_gesso():
                raise
            raise GatewayError(f"{self.url} is not gesso.", remedy=_NOT_GESSO_REMEDY) from error

    def _job_id(self, idempotency_key: str | None) -> str:
        if idempotency_key is None:
            return str(uuid.uuid4())
        key = checked(idempotency_key)
        # The ids of jobs are one space for all accounts, so the account is part of what names one.
        return idempotent_id(self._account(), key)

    def _post_once(self, job_id: str, body: dict[str, Any], idempotency_key: str | None) -> Any:
        """POST /prompt such that the job is there once, though an answer be lost and the request repeated."""
        headers = {HEADER: idempotency_key} if idempotency_key else {}
        accepted = {"prompt_id": job_id}
        # gesso itself keeps one job per key and per id; ComfyUI would run it again, so there we look first.
        if idempotency_key and not self.speaks_gesso() and self._is_there(job_id):
            return accepted
        for tried in range(self._retries + 1):
            try:
                return self._connection.json(
                    "POST", "/prompt", json=body, headers=headers, repeat=False
                )
            except EngineUnreachable:
                if tried == self._retries:
                    raise
            sync_sleep(pause_s(tried))
            if self._is_there(job_id):
                return accepted
        raise AssertionError("the last try returns or raises")

    def _is_there(self, job_id: str) -> bool:
        return (locate(self._connection, job_id)).place is not Place.ABSENT

    def speaks_gesso(self) -> bool:
        """Whether the server is gesso, and not a bare ComfyUI."""
        return self._account() is not None

    def _account(self) -> str | None:
        """Whose key this is; None where there are no accounts, because the server is not gesso."""
        if self._whose is _NOT_ASKED:
            try:
                answer = self._connection.json("GET", "/gesso/api/whoami")
                self._whose = str(answer["account"]) if isinstance(answer, dict) else None
            except (NotFound, GatewayError):
                self._whose = None
        return self._whose

    def upload(self, image: Source, *, name: str | None = None, subfolder: str = "") -> str:
        """Send a picture, a path or bytes; returns its name as an input of LoadImage takes it.

        The same picture sent again keeps its name; another one under the same name gets a number.
        """
        with sync_call(opened, image) as file:
            answer = self._connection.json(
                "POST",
                "/upload/image",
                files={"image": (name or named(image), file)},
                data={"subfolder": subfolder, "type": "input"},
            )
        if not isinstance(answer, dict) or not isinstance(answer.get("name"), str):
            raise GatewayError(f"{self.url}/upload/image did not answer with the name of a file.")
        folder = answer.get("subfolder")
        return f"{folder}/{answer['name']}" if folder else str(answer["name"])

    def job(self, job_id: str) -> Job:
        """The handle of a job submitted before, here or elsewhere."""
        return Job(self._connection, job_id, patience_s=self._patience_s)

    def cancel(self, job_id: str) -> bool:
        """End a job, waiting or running; False when it was over already."""
        return self.job(job_id).cancel()

    def jobs(self, *, limit: int = 100) -> list[JobInfo]:
        """The jobs this key may see: the newest finished first (`limit` of them), what runs, what waits."""
        queue = self._connection.json("GET", "/queue")
        history = self._connection.json("GET", "/history", params={"max_items": str(limit)})
        return list(listed(queue, history))

    def object_info(self) -> dict[str, Any]:
        """All node classes the server has, with their inputs, as ComfyUI describes them."""
        return self._object("/object_info")

    def system_stats(self) -> dict[str, Any]:
        """The server's version, memory and devices, as ComfyUI describes them."""
        return self._object("/system_stats")

    def _object(self, path: str) -> dict[str, Any]:
        answer = self._connection.json("GET", path)
        if not isinstance(answer, dict):
            raise GatewayError(f"{self.url}{path} is not what it should be.")
        return answer

    def close(self) -> None:
        """Give the network connections back; `with` does it by itself."""
        self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
