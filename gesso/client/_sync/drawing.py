"""Hands in what a model shall draw or change; the job is then one like any other."""

# Generated from ../_async by `python -m gesso.client.generate`: change it there.

import os
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from typing import Any

from gesso.client._sync.connection import Connection
from gesso.client.flavour import sync_call
from gesso.client.upload import Source, named, opened
from gesso.errors import GatewayError

# Names the job, so that it is there once though the request be repeated, and follows it by that name.
_JOB = "x-gesso-job"
_HEADERS = {"Prefer": "respond-async"}


def draw(connection: Connection, job_id: str, fields: Mapping[str, Any]) -> str:
    """The id of the job that draws."""
    headers = {**_HEADERS, _JOB: job_id}
    return _id(connection.json("POST", "/v1/images/generations", json=fields, headers=headers))


def edit(
    connection: Connection,
    job_id: str,
    pictures: Source | Sequence[Source],
    mask: Source | None,
    fields: Mapping[str, Any],
) -> str:
    """The id of the job that changes the first picture."""
    several = [pictures] if isinstance(pictures, str | bytes | os.PathLike) else pictures
    headers = {**_HEADERS, _JOB: job_id}
    with ExitStack() as stack:
        files = []
        for name, source in [*(("image[]", each) for each in several), *([("mask", mask)] if mask else [])]:
            file = sync_call(opened, source)
            files.append((name, (named(source), stack.enter_context(file))))
        texts = {name: str(value) for name, value in fields.items()}
        answer = connection.json("POST", "/v1/images/edits", data=texts, files=files, headers=headers)
    return _id(answer)


def _id(answer: object) -> str:
    if isinstance(answer, Mapping) and isinstance(answer.get("job"), str):
        return str(answer["job"])
    raise GatewayError("The server did not answer with the id of a job.")
