"""Brings a running job's files home: from the engine to our store, under names of their owner's own."""

from typing import Any

from gesso.engines.comfyui import ComfyUI
from gesso.jobs.artifacts import Artifacts
from gesso.jobs.files import Files
from gesso.jobs.job import Claim
from gesso.protocol.files import FileRef, map_output_files, output_files


class Collector:
    """The files of one claim, fetched once each however often messages name them.

    Names are the owner's: "ComfyUI_00001_.png" of one engine and of another are two pictures, so
    the second becomes "ComfyUI_00002_.png" in the owner's folder, in every message and in history.
    """

    def __init__(self, *, claim: Claim, engine: ComfyUI, artifacts: Artifacts, files: Files) -> None:
        self._job = claim.job
        self._engine = engine
        self._artifacts = artifacts
        self._files = files
        self._kept: dict[FileRef, FileRef] = {}

    async def outputs(self, outputs: dict[str, Any]) -> dict[str, Any]:
        """`outputs` of an `executed` message or a history item, every file stored and renamed to ours."""
        for ref in output_files(outputs):
            if ref not in self._kept:
                self._kept[ref] = await self._keep(ref)
        return map_output_files(outputs, lambda ref: self._kept[ref])

    async def _keep(self, ref: FileRef) -> FileRef:
        async with self._engine.fetch(ref) as file, self._artifacts.writer() as writer:
            async for chunk in file.chunks:
                await writer.write(chunk)
            naming = self._files.naming(
                self._job.owner,
                ref,
                content_type=file.content_type,
                job_id=self._job.id,
                on_conflict="number",
            )
            return await writer.commit_with(naming)
