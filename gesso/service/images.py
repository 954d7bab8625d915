"""OpenAI's Images API, joined from its parts."""

from gesso.access.access import Access
from gesso.config.schema import Config
from gesso.events import Bus
from gesso.gateway.comfyui.catalogue import Catalogue
from gesso.gateway.openai.darkroom import Darkroom
from gesso.gateway.openai.links import Links
from gesso.gateway.openai.models import Models
from gesso.gateway.openai.pictures import Gallery
from gesso.gateway.openai.submit import Submission
from gesso.gateway.openai.table import OpenAI
from gesso.gateway.openai.waiting import Waiting
from gesso.service.working import Working


def images_api(
    config: Config,
    working: Working,
    access: Access,
    catalogue: Catalogue,
    *,
    bus: Bus,
    waiting: Waiting,
    secret: bytes,
) -> OpenAI:
    """Raises ConfigError for a model whose templates cannot be used."""
    models = Models(config.models, catalogue)
    links, darkroom = Links(secret), Darkroom()
    submission = Submission(
        models=models,
        queue=working.queue,
        catalogue=catalogue,
        artifacts=working.artifacts,
        files=working.files,
        bus=bus,
        waiting=waiting,
        max_attempts=config.jobs.max_attempts,
    )
    return OpenAI(
        access=access,
        models=models,
        catalogue=catalogue,
        submission=submission,
        waiting=waiting,
        gallery=Gallery(artifacts=working.artifacts, files=working.files, links=links, darkroom=darkroom),
        links=links,
        queue=working.queue,
        darkroom=darkroom,
        public_url=config.gateway.public_url,
        behind_tls=config.gateway.behind_tls,
    )
