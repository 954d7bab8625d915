"""Takes a job's uploaded files to the engine that will run it, and keeps users apart on it."""

import hashlib
import secrets
from collections.abc import Iterator
from typing import Any

from gesso.errors import EngineUnreachable
from gesso.fleet.member import Member
from gesso.jobs.artifacts import Artifacts
from gesso.jobs.job import Job
from gesso.workflows.catalog import Catalog
from gesso.workflows.graph import class_of, inputs_of
from gesso.workflows.uploads import SUBFOLDER, file_inputs

# Stands in the prompt for a file that is not the owner's. No engine has it.
WITHHELD = f"{SUBFOLDER}/withheld"
# An input that no node declares: engines pass over it, but for what they kept of the last prompt.
APART = "gesso_owner"
# Of this process: no picture carries a lasting mark of whose it is.
_salt = secrets.token_bytes(16)


async def send_inputs(job: Job, member: Member, artifacts: Artifacts) -> dict[str, Any]:
    """Upload what the engine lacks; returns the prompt with its file inputs named as the engine has them.

    In our folder files are named by content: two users' "photo.png" never meet. Every input that names a
    file and is not pinned to one is made to name none, on outputs that were refused and on nodes nobody
    validated, too: the engine's folders hold the files of everybody, and it does not know who asks.

    `job.inputs`: [{"node": "1", "input": "image", "sha256": "…", "suffix": ".png"}], pinned when the
    job was accepted, so that an upload of the same name meanwhile changes nothing.
    """
    prompt: dict[str, Any] = job.payload["prompt"]
    if member.catalog is None:
        raise EngineUnreachable(f"it is not known which inputs of {member.name!r} name files")
    catalog = member.catalog.catalog
    named: dict[tuple[str, str], str] = dict.fromkeys(file_inputs(prompt, catalog), WITHHELD)
    named |= dict.fromkeys(_written_with_workflow(prompt, catalog), _mark(job.owner))
    for item in job.inputs:
        name = item["sha256"] + item["suffix"]
        if name not in member.uploaded:
            await member.engine.upload(artifacts.path(item["sha256"]), name=name, subfolder=SUBFOLDER)
            member.uploaded.add(name)
        named[item["node"], item["input"]] = f"{SUBFOLDER}/{name}"
    prompt = dict(prompt)
    for (node_id, name), file in named.items():
        node = prompt[node_id]
        prompt[node_id] = {**node, "inputs": {**node["inputs"], name: file}}
    return prompt


def _written_with_workflow(prompt: dict[str, Any], catalog: Catalog) -> Iterator[tuple[str, str]]:
    """(node id, APART) of nodes that write the workflow into their files.

    The engine makes no new file where the last prompt asked for the same: a user who asks for what
    another has just asked for would get that one's file, and in it that one's workflow and notes.
    """
    for node_id, node in prompt.items():
        node_type = catalog.node(class_of(node) or "")
        if node_type and node_type.hidden and inputs_of(node):
            kinds = str(list(node_type.hidden.values()))
            if "PNGINFO" in kinds or "'PROMPT'" in kinds:
                yield node_id, APART


def _mark(owner: str) -> str:
    return hashlib.blake2b(owner.encode(), key=_salt, digest_size=6).hexdigest()
