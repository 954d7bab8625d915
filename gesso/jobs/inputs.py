"""Takes a job's uploaded files to the engine that will run it."""

import copy
from typing import Any

from gesso.fleet.member import Member
from gesso.jobs.artifacts import Artifacts
from gesso.jobs.job import Job

# Our folder in the engine's input directory. Files are named by content: two users' "photo.png"
# never meet, and nobody can name a file whose content he does not have.
SUBFOLDER = "gesso"


async def send_inputs(job: Job, member: Member, artifacts: Artifacts) -> dict[str, Any]:
    """Upload what the engine lacks; returns the prompt with its file inputs named as the engine has them.

    `job.inputs`: [{"node": "1", "input": "image", "sha256": "…", "suffix": ".png"}], pinned when the
    job was accepted, so that an upload of the same name meanwhile changes nothing.
    """
    prompt: dict[str, Any] = job.payload["prompt"]
    if not job.inputs:
        return prompt
    prompt = copy.deepcopy(prompt)
    for item in job.inputs:
        name = item["sha256"] + item["suffix"]
        if name not in member.uploaded:
            await member.engine.upload(artifacts.path(item["sha256"]), name=name, subfolder=SUBFOLDER)
            member.uploaded.add(name)
        prompt[item["node"]]["inputs"][item["input"]] = f"{SUBFOLDER}/{name}"
    return prompt
