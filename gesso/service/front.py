"""The gateway: every route, with the parts that answer it."""

from starlette.types import ASGIApp

from gesso.access.access import Access
from gesso.access.audit import Audit
from gesso.config.schema import Config
from gesso.database.database import Database
from gesso.events import Bus
from gesso.fleet.supervisor import Supervisor
from gesso.gateway.api import make_api
from gesso.gateway.api_alerts import alert_routes
from gesso.gateway.api_events import Events
from gesso.gateway.api_samples import sample_routes
from gesso.gateway.api_snapshot import snapshot_routes
from gesso.gateway.app import build_app
from gesso.gateway.comfyui.catalogue import Catalogue
from gesso.gateway.comfyui.merged import Merged
from gesso.gateway.comfyui.passthrough import Passthrough
from gesso.gateway.comfyui.pictures import Pictures
from gesso.gateway.comfyui.prompts import Prompts
from gesso.gateway.comfyui.settings import Settings
from gesso.gateway.comfyui.sockets import Sockets
from gesso.gateway.comfyui.table import ComfyUIParts
from gesso.gateway.comfyui.userdata import Userdata
from gesso.gateway.console import Console
from gesso.gateway.health import Health
from gesso.gateway.login import Login
from gesso.gateway.metrics import Metrics
from gesso.gateway.openai.waiting import Waiting
from gesso.gateway.oversight import Oversight
from gesso.service.images import images_api
from gesso.service.watching import Watching
from gesso.service.working import Working


def front(
    config: Config,
    *,
    database: Database,
    access: Access,
    bus: Bus,
    supervisor: Supervisor,
    working: Working,
    watching: Watching,
    events: Events,
    waiting: Waiting,
    link_secret: bytes,
) -> ASGIApp:
    """The application that is served."""
    audit = Audit(database)
    oversight = Oversight(audit=audit, access=access, queue=working.queue)
    catalogue = Catalogue(
        supervisor=supervisor, files=working.files, artifacts=working.artifacts, roles=config.limits
    )
    passthrough = Passthrough(supervisor, config.gateway.passthrough.users)
    comfyui = ComfyUIParts(
        prompts=Prompts(
            queue=working.queue,
            dispatcher=working.dispatcher,
            catalogue=catalogue,
            files=working.files,
            bus=bus,
            oversight=oversight,
            max_attempts=config.jobs.max_attempts,
        ),
        pictures=Pictures(artifacts=working.artifacts, files=working.files, oversight=oversight),
        catalogue=catalogue,
        userdata=Userdata(database),
        settings=Settings(database),
        passthrough=passthrough,
        merged=Merged(supervisor, passthrough),
        sockets=Sockets(bus=bus, queue=working.queue, upload_limit=config.gateway.upload_limit),
        oversight=oversight,
    )
    api = make_api(
        access=access,
        audit=audit,
        queue=working.queue,
        supervisor=supervisor,
        files=working.files,
        cancel=working.dispatcher.cancel,
        events=events,
        waiting=working.dispatcher.waiting,
        open_sockets=comfyui.sockets.open_of,
        more=(
            snapshot_routes(watching.collector),
            sample_routes(watching.recorder),
            alert_routes(watching.alarms, audit),
        ),
    )
    openai = images_api(config, working, access, catalogue, bus=bus, waiting=waiting, secret=link_secret)
    login = Login(access, audit, behind_proxy=config.gateway.behind_tls)
    metrics = Metrics(lambda: watching.collector.latest)
    own = (Health(database, supervisor), login, Console(), metrics, openai)
    return build_app(config=config, access=access, comfyui=comfyui, own=own, api=api)
