"""`/gesso/api/engines/{name}/test`: have an engine make a small picture, and see whether it is right."""

from typing import Annotated, Literal, Self

from fastapi import APIRouter, Depends

from gesso.access.audit import Audit
from gesso.access.identity import Identity
from gesso.fleet.functional import Trial
from gesso.fleet.supervisor import Supervisor
from gesso.gateway.api_answers import Answer
from gesso.gateway.api_caller import Where, holder

Controller = Annotated[Identity, Depends(holder("engines:control"))]


class EngineTestStep(Answer):
    name: str
    """In this order: handed over, executed, fetched, looked at."""
    took_s: float


class EngineTest(Answer):
    """What came of it."""

    engine: str
    ok: Literal["yes", "no", "unknown"]
    """Unknown: it could not be tried, as where others' jobs took all the time."""
    evidence: str
    at: float
    took_s: float
    steps: list[EngineTestStep]
    """As far as it came, and how long each took."""

    @classmethod
    def of(cls, engine: str, trial: Trial) -> Self:
        return cls(
            engine=engine,
            ok=trial.ok.value,
            evidence=trial.evidence,
            at=trial.at,
            took_s=trial.took_s,
            steps=[EngineTestStep(name=step.name, took_s=step.took_s) for step in trial.steps],
        )


def trial_routes(supervisor: Supervisor, audit: Audit) -> APIRouter:
    router = APIRouter(prefix="/engines", tags=["engines"])

    @router.post("/{name}/test")
    async def test_engine(identity: Controller, where: Where, name: str) -> EngineTest:
        """Have it make a small picture of one colour, without any model; answered when it was looked at.

        The picture waits its turn behind what the engine has to do, 20 seconds at most. It is in nobody's
        history. An engine may drop the models that it has loaded for it.
        """
        member = supervisor.member(name)
        await audit.note(identity, "engine.test", name, address=where)
        return EngineTest.of(name, await supervisor.trials.test(member))

    return router
