"""Takes a job's uploaded files to the engine that will run it."""

from typing import Any

from gesso.errors import EngineUnreachable
from gesso.fleet.member import Member
from gesso.jobs.artifacts import Artifacts
from gesso.jobs.job import Job
from gesso.workflows.uploads import SUBFOLDER, file_inputs

# Stands in the prompt for a file that is not the owner's. No engine has it.
WITHHELD = f"{SUBFOLDER}/withheld"


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
    named: dict[tuple[str, str], str] = dict.fromkeys(file_inputs(prompt, member.catalog.catalog), WITHHELD)
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
