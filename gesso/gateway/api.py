"""gesso's own typed API under /gesso/api: accounts, keys, engines, jobs, a summary, and what describes it."""

from collections.abc import Sequence
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import APIRouter, Depends, FastAPI, Request, Security
from fastapi.exceptions import RequestValidationError
from fastapi.security import HTTPBearer
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.routing import Match

from gesso import __version__
from gesso.access.access import Access
from gesso.access.audit import Audit
from gesso.access.identity import Identity
from gesso.errors import GessoError, MethodNotAllowed, NotFound, RequestError
from gesso.fleet.supervisor import Supervisor
from gesso.gateway.api_accounts import account_routes
from gesso.gateway.api_audit import audit_routes
from gesso.gateway.api_caller import holder
from gesso.gateway.api_docs import described, page
from gesso.gateway.api_engines import engine_routes
from gesso.gateway.api_events import Events, event_routes
from gesso.gateway.api_files import file_routes
from gesso.gateway.api_findings import reason, sees_logs
from gesso.gateway.api_gpus import gpu_routes
from gesso.gateway.api_jobs import Cancel, Waiting, job_routes
from gesso.gateway.api_limits import OpenSockets, limit_routes
from gesso.gateway.api_models import EngineState, JobCounts, Summary, Whoami
from gesso.gateway.api_passwords import password_routes
from gesso.gateway.api_trials import trial_routes
from gesso.gateway.etags import Unchanged
from gesso.gateway.middleware.failures import response_for
from gesso.gateway.oversight import Oversight
from gesso.gateway.responses import html, json
from gesso.jobs.files import Files
from gesso.jobs.queue import Queue

PREFIX = "/gesso/api"
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")


def make_api(
    *,
    access: Access,
    audit: Audit,
    queue: Queue,
    supervisor: Supervisor,
    files: Files,
    cancel: Cancel,
    events: Events,
    waiting: Waiting = frozenset,
    open_sockets: OpenSockets = lambda owner: 0,
    more: Sequence[APIRouter] = (),
) -> FastAPI:
    """The app to mount at PREFIX. It expects scope["gesso.identity"], and the path as it came.

    `more`: the routes of parts that an API can be without.
    """
    app = FastAPI(
        title="gesso",
        version=__version__,
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        # Only described here: the identify middleware has read the header already.
        dependencies=[Security(HTTPBearer(auto_error=False))],
        redirect_slashes=False,
    )
    app.include_router(_summary_routes(queue, supervisor), prefix=PREFIX)
    app.include_router(account_routes(access), prefix=PREFIX)
    app.include_router(password_routes(access), prefix=PREFIX)
    app.include_router(limit_routes(access, queue, open_sockets), prefix=PREFIX)
    app.include_router(engine_routes(supervisor, audit), prefix=PREFIX)
    app.include_router(trial_routes(supervisor, audit), prefix=PREFIX)
    app.include_router(gpu_routes(supervisor), prefix=PREFIX)
    oversight = Oversight(audit=audit, access=access, queue=queue)
    app.include_router(job_routes(queue, cancel, oversight, waiting, events.positions), prefix=PREFIX)
    app.include_router(event_routes(events, oversight), prefix=PREFIX)
    app.include_router(file_routes(files), prefix=PREFIX)
    app.include_router(audit_routes(audit), prefix=PREFIX)
    for router in more:
        app.include_router(router, prefix=PREFIX)
    app.add_api_route(f"{PREFIX}/openapi.json", _openapi, include_in_schema=False)
    app.add_api_route(f"{PREFIX}/docs", _docs, include_in_schema=False)
    app.add_middleware(Unchanged)
    for kind in (GessoError, RequestValidationError, HTTPException):
        app.add_exception_handler(kind, _answer)
    return app


def _summary_routes(queue: Queue, supervisor: Supervisor) -> APIRouter:
    router = APIRouter(tags=["status"])

    @router.get("/status")
    async def status(identity: Annotated[Identity, Depends(holder("engines:read"))]) -> Summary:
        """Everything at one glance."""
        counts = await queue.counts()
        return Summary(
            version=__version__,
            whoami=Whoami.of(identity),
            mine=await queue.remaining(identity.account_id),
            jobs=JobCounts(queued=counts.queued, running=counts.running),
            engines=[
                EngineState(
                    name=each.name,
                    state=each.state,
                    reason=reason(each.told, whole=sees_logs(identity)),
                    ready=each.ready,
                )
                for each in supervisor.members()
            ],
        )

    return router


async def _openapi(request: Request) -> Response:
    return json(described(request.app.openapi()))


async def _docs(request: Request) -> Response:
    return html(page(described(request.app.openapi())))


async def _answer(request: Request, raised: Exception) -> Response:
    """What FastAPI refuses by itself is told in the same shape, by the same writer."""
    if isinstance(raised, HTTPException) and raised.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        return response_for(MethodNotAllowed(allowed=_allowed(request)), request.scope)
    return response_for(_ours(raised), request.scope)


def _allowed(request: Request) -> tuple[str, ...]:
    """All methods of this address: FastAPI tells those of the first of its routes only."""
    scope = dict(request.scope)
    return tuple(
        method
        for method in METHODS
        if any(route.matches({**scope, "method": method})[0] is Match.FULL for route in request.app.routes)
    )


def _ours(raised: Exception) -> GessoError:
    if isinstance(raised, GessoError):
        return raised
    # FastAPI wraps whatever goes wrong while it reads the body.
    if isinstance(raised.__cause__, GessoError):
        return raised.__cause__
    if isinstance(raised, RequestValidationError):
        return RequestError("; ".join(_problem(each) for each in raised.errors()) + ".")
    if isinstance(raised, HTTPException):
        return _of_status(raised)
    return GessoError()


def _problem(error: Any) -> str:
    # First stands where it was: in the body, the query, the path.
    place = ".".join(str(part) for part in error["loc"][1:])
    return f"`{place}`: {error['msg']}" if place else str(error["msg"])


def _of_status(raised: HTTPException) -> GessoError:
    match raised.status_code:
        case HTTPStatus.NOT_FOUND:
            return NotFound("There is nothing at this address.", remedy=f"{PREFIX}/docs lists the routes.")
        case status if status < 500:
            return RequestError(str(raised.detail))
        case _:
            return GessoError()
