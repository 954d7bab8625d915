"""For clients that follow their job themselves: the id they give it, and an answer that does not wait."""

import uuid

from starlette.requests import Request
from starlette.responses import Response

from gesso.errors import RequestError
from gesso.gateway import responses
from gesso.jobs.job import Job

JOB = "x-gesso-job"
# RFC 7240.
ASKED, PREFERENCE = "prefer", "respond-async"


def chosen_id(request: Request) -> str | None:
    """The id that the client gives its job, which then is its clientId on `/ws`, too; None: it gives none."""
    text = request.headers.get(JOB)
    if text is None:
        return None
    try:
        return str(uuid.UUID(text))
    except ValueError as error:
        remedy = "Choose a random UUID, another one for each picture."
        raise RequestError(f"The header {JOB} is no UUID.", remedy=remedy) from error


def is_asked(request: Request) -> bool:
    preferences = ",".join(request.headers.getlist(ASKED)).split(",")
    return PREFERENCE in (each.partition(";")[0].strip().lower() for each in preferences)


def accepted(job: Job) -> Response:
    """The job is kept; what becomes of it, its own routes and sockets tell."""
    headers = {JOB: job.id, "location": f"/gesso/api/jobs/{job.id}", "preference-applied": PREFERENCE}
    return responses.json({"job": job.id}, 202, headers)
