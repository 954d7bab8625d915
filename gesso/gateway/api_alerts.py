"""`/gesso/api/alerts`: what is wrong, what was, and whether those who should be told are."""

from typing import Annotated, Self

from fastapi import APIRouter, Depends, Query

from gesso.access.audit import Audit
from gesso.access.identity import Identity
from gesso.errors import NotFound
from gesso.gateway.api_answers import Answer, Asked
from gesso.gateway.api_caller import Where, holder
from gesso.monitoring import alarm as alarms
from gesso.monitoring.alarms import Alarms
from gesso.monitoring.notify import Tried
from gesso.monitoring.rule import Severity

Reader = Annotated[Identity, Depends(holder("engines:read"))]
Controller = Annotated[Identity, Depends(holder("engines:control"))]


class Alarm(Answer):
    """`evidence`, `remedy` and `undelivered` are null without engines:control: logs are quoted in them."""

    id: str
    rule: str
    subject: str
    """"engine gpu-0", "card GPU-…", "queue", "disk"."""
    severity: Severity
    """The worst since it was raised."""
    summary: str
    now: str | None
    """What was seen last; null: nothing since gesso began, or it is over."""
    evidence: str | None
    remedy: str | None
    raised: float
    changed: float
    ended: float | None
    ending: str | None
    undelivered: dict[str, str] | None
    """By name of the address, why the last message to it has not arrived."""

    @classmethod
    def of(cls, alarm: alarms.Alarm, now: str | None, *, whole: bool) -> Self:
        values = {name: getattr(alarm, name) for name in cls.model_fields if name != "now"}
        hidden = {} if whole else dict.fromkeys(("evidence", "remedy", "undelivered"))
        return cls(**{**values, **hidden, "now": now})


class AlarmList(Answer):
    alarms: list[Alarm]


class Rule(Answer):
    name: str
    severities: list[Severity]
    when: str
    """What raises it, with the thresholds in effect."""
    ends: str


class RulesInEffect(Answer):
    rules: list[Rule]
    """Those that are switched on."""
    addresses: dict[str, Severity]
    """By name of each address, the least that is sent there."""


class AskTest(Asked):
    name: str | None = None
    """Of the address; without it, all of them."""


class Tested(Answer):
    name: str
    delivered: bool
    why: str | None
    """Why it was not delivered."""
    seconds: float

    @classmethod
    def of(cls, tried: Tried) -> Self:
        return cls(name=tried.name, delivered=tried.why is None, why=tried.why, seconds=tried.seconds)


class TestedAll(Answer):
    tested: list[Tested]


def alert_routes(alarms: Alarms, audit: Audit) -> APIRouter:
    router = APIRouter(prefix="/alerts", tags=["alerts"])

    @router.get("")
    async def list_alerts(identity: Reader) -> AlarmList:
        """What is wrong now, the worst and oldest first."""
        whole = identity.may("engines:control")
        return AlarmList(alarms=[Alarm.of(each, alarms.now(each), whole=whole) for each in alarms.present()])

    @router.get("/ended")
    async def list_ended(
        identity: Controller, limit: Annotated[int, Query(ge=1, le=1000)] = 100
    ) -> AlarmList:
        """What was wrong in the last 90 days, the latest first."""
        return AlarmList(alarms=[Alarm.of(each, None, whole=True) for each in await alarms.ended(limit)])

    @router.get("/rules")
    async def list_rules(identity: Controller) -> RulesInEffect:
        """Every rule that is switched on, with the thresholds in effect, and who is told."""
        return RulesInEffect(
            rules=[
                Rule(
                    name=each.name,
                    severities=list(dict.fromkeys(step.severity for step in each.steps)),
                    when=each.when,
                    ends=each.ends,
                )
                for each in alarms.rules
            ],
            addresses={name: Severity(least) for name, least in alarms.addresses().items()},
        )

    @router.post("/test")
    async def test_alerts(identity: Controller, where: Where, asked: AskTest | None = None) -> TestedAll:
        """Send a test message to the addresses; answered when each has taken or refused it: within 30 s."""
        name = None if asked is None else asked.name
        known = tuple(alarms.addresses())
        if not known:
            raise NotFound(
                "No address is configured.", remedy="Enter one: `[[alerts.notify]]` in gesso.toml."
            )
        if name is not None and name not in known:
            raise NotFound(f"There is no address {name!r}.", remedy=f"There are: {', '.join(known)}.")
        await audit.note(identity, "alerts.test", name, address=where)
        tried = await alarms.test(known if name is None else (name,))
        return TestedAll(tested=[Tested.of(each) for each in tried])

    return router
