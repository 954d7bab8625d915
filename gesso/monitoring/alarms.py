"""Alarms that are open: they outlive restarts of gesso, and each change of one is told once."""

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import replace

from sqlalchemy import Connection

from gesso.config.alerts import AlertsConfig
from gesso.database.database import Database
from gesso.errors import StorageError
from gesso.monitoring import alarm as alarms
from gesso.monitoring.alarm import Alarm
from gesso.monitoring.message import Notice
from gesso.monitoring.notify import Notify, Tried
from gesso.monitoring.rule import Rule
from gesso.monitoring.rules import Change, Rules
from gesso.monitoring.snapshot import Snapshot
from gesso.monitoring.standing import Turn

logger = logging.getLogger(__name__)

KEPT_S = 90 * 86_400.0
ENDS = frozenset({Turn.RECOVERED, Turn.REPLACED, Turn.GONE})


class Alarms:
    """`load` first, then `run` until cancelled; `take` gives it the snapshots to look at.

    Memory leads and the database follows: an alarm about a full disk is told though it cannot be written.
    """

    def __init__(
        self,
        *,
        database: Database,
        config: AlertsConfig,
        notify: Notify,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._database = database
        self._config = config
        self._notify = notify
        self._clock = clock
        self._rules = Rules(config, {})
        self._open: dict[tuple[str, str], Alarm] = {}
        self._owing: dict[str, Alarm] = {}
        """Over, but not everybody has been told."""
        self._unsaved: dict[str, Alarm] = {}
        self._latest: Snapshot | None = None
        self._some = asyncio.Event()
        self._saving = asyncio.Lock()

    async def load(self) -> None:
        """Take up the alarms of before; who was not told of one is told now."""
        now = self._clock()
        known = {rule.name for rule in self._rules.rules}
        await self._database.tx(alarms.forget, now - KEPT_S)
        for found in await self._database.read(alarms.at_work):
            owed = tuple(name for name in found.owed if name in self._notify.names())
            alarm = replace(found, owed=owed)
            if alarm.ended is None and (alarm.rule not in known or self._is_open(alarm)):
                alarm = replace(alarm, ended=now, changed=now, owed=(), ending="Its rule is switched off.")
            self._keep(alarm)
            if alarm.owed:
                turn = Turn.RAISED if alarm.ended is None else Turn.RECOVERED
                self._notify.tell(Notice(alarm=alarm, turn=turn), alarm.owed)
        self._rules = Rules(self._config, {key: alarm.step for key, alarm in self._open.items()})
        await self._save()

    def take(self, snapshot: Snapshot) -> None:
        """Look at this one soon; if the one before was not looked at yet, it is passed over."""
        self._latest = snapshot
        self._some.set()

    async def run(self) -> None:
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._notify.run(self._told))
                group.create_task(self._look_on())
        finally:
            # Who was told just now must not be told again by the next life.
            await self._save()

    async def _look_on(self) -> None:
        failing = False
        while True:
            await self._some.wait()
            self._some.clear()
            if self._latest is None:
                continue
            try:
                await self.look(self._latest)
            except Exception:
                # Every few seconds the same would drown the log.
                if not failing:
                    logger.exception("looking for alarms failed")
                failing = True
            else:
                failing = False

    async def look(self, snapshot: Snapshot) -> list[Notice]:
        """What this snapshot changes, once it is written down and on its way to whoever is told."""
        notices = [self._turn(change, snapshot.at) for change in self._rules.look(snapshot)]
        await self._save()
        for notice in notices:
            alarm = notice.alarm
            level = logging.INFO if alarm.ended is not None else logging.WARNING
            logger.log(level, "alarm %s of %s %s: %s", alarm.rule, alarm.subject, notice.turn, _said(alarm))
            self._notify.tell(notice, alarm.owed)
        return notices

    def present(self) -> list[Alarm]:
        """Those that are open, the worst and oldest first."""
        return sorted(
            self._open.values(), key=lambda each: (each.severity, each.raised, each.rule, each.subject)
        )

    def now(self, alarm: Alarm) -> str | None:
        """What was seen last of the subject of an open alarm; None: nothing since gesso began."""
        sign = self._rules.signs.get((alarm.rule, alarm.subject))
        return None if sign is None or alarm.ended is not None else sign.summary

    async def ended(self, limit: int) -> list[Alarm]:
        """The last ones that are over, the latest first."""
        return await self._database.read(alarms.ended, limit)

    @property
    def rules(self) -> tuple[Rule, ...]:
        """Those that are switched on."""
        return self._rules.rules

    def addresses(self) -> dict[str, str]:
        """By name, the least severity that is sent there."""
        return {name: self._notify.severity(name) for name in self._notify.names()}

    async def test(self, names: Sequence[str]) -> list[Tried]:
        """Send each of these addresses a test message."""
        return await self._notify.test(names)

    def _is_open(self, alarm: Alarm) -> bool:
        return (alarm.rule, alarm.subject) in self._open

    def _turn(self, change: Change, at: float) -> Notice:
        sign = change.sign
        key = (change.rule, sign.subject)
        before = self._open.get(key)
        if change.turn in ENDS:
            before = self._open[key]
            ending = f"Replaced by {change.by!r}." if change.turn is Turn.REPLACED else sign.summary
            owed = () if change.turn is Turn.REPLACED else self._notify.names(before.severity)
            alarm = replace(before, ended=at, changed=at, ending=ending, owed=owed)
        else:
            alarm = Alarm(
                rule=change.rule,
                subject=sign.subject,
                step=change.step,
                severity=change.severity,
                summary=sign.summary,
                evidence=sign.evidence,
                remedy=sign.remedy,
                raised=at,
                changed=at,
                owed=self._notify.names(change.severity),
            )
            if before is not None:
                alarm = replace(alarm, id=before.id, raised=before.raised, undelivered=before.undelivered)
        self._keep(alarm)
        return Notice(alarm=alarm, turn=change.turn)

    def _keep(self, alarm: Alarm) -> None:
        key = (alarm.rule, alarm.subject)
        if alarm.ended is None:
            self._open[key] = alarm
        else:
            if key in self._open and self._open[key].id == alarm.id:
                del self._open[key]
            self._owing.pop(alarm.id, None)
            if alarm.owed:
                self._owing[alarm.id] = alarm
        self._unsaved[alarm.id] = alarm

    async def _told(self, notices: Sequence[Notice], name: str, why: str | None, final: bool) -> None:
        """What became of messages at an address."""
        for notice in notices:
            alarm = self._present(notice.alarm)
            if alarm is None:
                continue
            undelivered = {**alarm.undelivered, name: why} if why is not None else dict(alarm.undelivered)
            if why is None:
                undelivered.pop(name, None)
            # It may have changed again meanwhile; that is another message.
            paid = final and notice.alarm.changed == alarm.changed
            owed = tuple(each for each in alarm.owed if not paid or each != name)
            self._keep(replace(alarm, owed=owed, undelivered=undelivered))
        await self._save()

    def _present(self, alarm: Alarm) -> Alarm | None:
        """The alarm as it is now; None: it is over, and there is nothing more to note of it."""
        at_hand = self._open.get((alarm.rule, alarm.subject))
        return at_hand if at_hand is not None and at_hand.id == alarm.id else self._owing.get(alarm.id)

    async def _save(self) -> None:
        """Write what is not written yet; what cannot be is tried again with the next snapshot."""
        async with self._saving:
            pending = dict(self._unsaved)
            if not pending:
                return

            def write(conn: Connection) -> None:
                for alarm in pending.values():
                    alarms.save(conn, alarm)

            try:
                await self._database.tx(write)
            except StorageError as error:
                logger.warning("alarms cannot be written down: %s", error.message)
                return
            for key, alarm in pending.items():
                if self._unsaved.get(key) is alarm:
                    del self._unsaved[key]


def _said(alarm: Alarm) -> str:
    return f"{alarm.summary} {alarm.evidence}" if alarm.ended is None else str(alarm.ending)
