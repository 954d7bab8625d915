"""Monitoring: what looks at everything, remembers it, and tells of what is wrong."""

import asyncio
import os
from dataclasses import dataclass

from gesso.config.schema import Config
from gesso.database.database import Database
from gesso.events import Bus
from gesso.fleet.supervisor import Supervisor
from gesso.monitoring.addresses import make_addresses
from gesso.monitoring.alarms import Alarms
from gesso.monitoring.certificate import ServedCertificate
from gesso.monitoring.collect import Collector
from gesso.monitoring.notify import Notify
from gesso.monitoring.recorder import Recorder
from gesso.monitoring.samples import Samples


@dataclass(frozen=True, slots=True, kw_only=True)
class Watching:
    """What monitoring has for the gateway to tell of."""

    collector: Collector
    recorder: Recorder
    alarms: Alarms
    certificate: ServedCertificate


async def make_alarms(config: Config, database: Database) -> Alarms:
    """Those of before are taken up; an address that cannot be used is refused, before any engine starts."""
    addresses = await asyncio.to_thread(make_addresses, config.alerts.notify, os.environ)
    notify = Notify(addresses, per_minute=config.alerts.messages_per_minute)
    alarms = Alarms(database=database, config=config.alerts, notify=notify)
    await alarms.load()
    return alarms


def watching(
    config: Config, database: Database, supervisor: Supervisor, bus: Bus, alarms: Alarms
) -> Watching:
    """Joined, but not yet running: `collector`, `alarms`, `certificate`; at the end, `recorder.flush`."""
    certificate = ServedCertificate(config.gateway.public_url)
    recorder = Recorder(Samples(database), config.monitoring.keep_days)
    collector = Collector(
        database=database,
        members=supervisor.members,
        machine=lambda: supervisor.cards.latest,
        bus=bus,
        directory=config.storage.directory,
        every_s=config.monitoring.every_s,
        record=recorder.take,
        certificate_expires=lambda: certificate.expires,
    )
    collector.subscribe(alarms.take)
    return Watching(collector=collector, recorder=recorder, alarms=alarms, certificate=certificate)
