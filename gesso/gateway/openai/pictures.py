"""The pictures of a job that has ended, in the form that was asked for; or the error that it ended with."""

from collections.abc import Sequence
from pathlib import Path

from gesso.errors import ExecutionFailed, JobCancelled, JobError, JobLost, NotFound
from gesso.gateway.openai.darkroom import Darkroom
from gesso.gateway.openai.links import Linked, Links
from gesso.gateway.openai.submit import outputs_of
from gesso.jobs.artifacts import Artifacts
from gesso.jobs.artifacts_disk import open_at
from gesso.jobs.files import Files
from gesso.jobs.job import Job, State
from gesso.protocol.files import FileRef, output_files
from gesso.protocol.openai import Drawn, ImagesRequest
from gesso.protocol.openai_pictures import Delivered, deliver

ERRORS: dict[str, type[JobError]] = {"execution_failed": ExecutionFailed, "job_lost": JobLost}


class Gallery:
    def __init__(self, *, artifacts: Artifacts, files: Files, links: Links, darkroom: Darkroom) -> None:
        self._artifacts = artifacts
        self._files = files
        self._links = links
        self._darkroom = darkroom

    async def drawn(self, job: Job, asked: ImagesRequest, base: str) -> list[Drawn]:
        """What the job drew; `base` begins links to it. Raises JobError for a job that drew nothing."""
        if job.state is not State.SUCCEEDED:
            raise error_of(job)
        refs = pictures_of(job)
        if not refs:
            raise JobError("The job ended well, and made no picture.", remedy="Look at the model's template.")
        drawn = []
        for index, ref in enumerate(refs):
            linked = Linked(
                job=job.id,
                index=index,
                format=asked.output_format,
                compression=asked.output_compression,
                background=asked.background,
            )
            made = await self.one(job, ref, linked)
            as_link = asked.response_format == "url"
            drawn.append(
                Drawn(
                    width=made.width,
                    height=made.height,
                    opaque=made.opaque,
                    data=None if as_link else made.data,
                    url=self._links.make(base, linked) if as_link else None,
                )
            )
        return drawn

    async def one(self, job: Job, ref: FileRef, linked: Linked) -> Delivered:
        """A picture of the job's. NotFound where its owner has deleted it, EngineRefused where it is none."""
        found = await self._files.find(job.owner, ref)
        return await self._darkroom.run(_delivered, self._artifacts.path(found.sha256), linked)


def _delivered(path: Path, linked: Linked) -> Delivered:
    with open_at(path, 0) as file:
        data = file.read()
    return deliver(data, linked.format, linked.compression, linked.background)


def pictures_of(job: Job) -> Sequence[FileRef]:
    """The pictures that are the answer, in their order."""
    outputs = job.outputs or {}
    return [ref for node in outputs_of(job) for ref in output_files({node: outputs.get(node) or {}})]


def picture_of(job: Job, index: int) -> FileRef:
    """Raises NotFound."""
    refs = pictures_of(job)
    if index >= len(refs):
        raise NotFound("This link leads to nothing.")
    return refs[index]


def error_of(job: Job) -> JobError:
    """Why the job made no picture."""
    if job.state is State.CANCELLED:
        return JobCancelled()
    told = job.error or {}
    kind = ERRORS.get(str(told.get("code")), JobError)
    node = f" (node {told['node']}, {told.get('class_type')})" if told.get("node") else ""
    error = kind(f"{told.get('message') or 'The job failed.'}{node}")
    if told.get("remedy"):
        error.remedy = str(told["remedy"])
    return error
