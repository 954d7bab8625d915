"""What the audit writes how often, what it strikes out, and what happens when it cannot be written."""

import asyncio
import logging

import pytest

from gesso.access.audit import LOOKS_EVERY_S, Audit, Entry, Wanted
from gesso.access.failed_logins import ELSEWHERE, EVERY_S, PLACES, FailedLogins
from gesso.errors import StorageError
from tests.unit.access.memory import Clock, Stage


async def lines(audit: Audit, action: str) -> list[Entry]:
    return await audit.entries(Wanted(action=action))


def test_a_line_says_who_did_what_to_what_from_where() -> None:
    async def main() -> None:
        async with Stage() as stage:
            audit = Audit(stage.db, stage.clock, stage.timer)
            ada = await stage.who(stage.ada)
            await audit.note(ada, "engine.stop", "gpu-0", address="10.0.0.7", detail={"why": "hot"})
            (line,) = await lines(audit, "engine")
            assert (line.actor, line.account_id, line.key_id) == ("ada", ada.account_id, ada.key_id)
            assert (line.action, line.target, line.address) == ("engine.stop", "gpu-0", "10.0.0.7")
            assert (line.at, line.detail) == (stage.clock.now, {"why": "hot"})
            await audit.note(None, "engine.start", "gpu-0")
            (line,) = await lines(audit, "engine.start")
            assert (line.actor, line.account_id, line.key_id, line.detail) == ("gesso", None, None, None)

    asyncio.run(main())


def test_what_looks_like_a_key_is_struck_out_and_what_is_long_is_cut() -> None:
    async def main() -> None:
        async with Stage() as stage:
            audit = Audit(stage.db, stage.clock, stage.timer)
            detail = {"words": [f"it is {stage.ada}!", {"deep": stage.ada}], "long": "x" * 5000}
            await audit.note(None, "route.control", f"GET /k/{stage.ada}/x", address=stage.ada, detail=detail)
            (line,) = await lines(audit, "route")
            assert stage.ada not in repr(line)
            assert line.target == "GET /k/gesso_***/x" and line.detail is not None
            assert line.detail["words"] == ["it is gesso_***!", {"deep": "gesso_***"}]
            assert len(line.detail["long"]) < 400

    asyncio.run(main())


def test_what_cannot_be_noted_is_refused_unless_it_stops_something(caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        async with Stage() as stage:
            audit = Audit(stage.db, stage.clock, stage.timer)
            ada = await stage.who(stage.ada)
            stage.db.broken.add("*")
            with pytest.raises(StorageError):
                await audit.note(ada, "engine.restart", "gpu-0")
            for _ in range(2):
                with pytest.raises(StorageError):
                    await audit.looked(ada, "jobs.view_all", "queue")
            with caplog.at_level(logging.WARNING):
                await audit.note(ada, "engine.stop", "gpu-0", address="10.0.0.7", even_unwritten=True)
            assert "ada engine.stop gpu-0 from 10.0.0.7" in caplog.text

    asyncio.run(main())


def test_the_same_look_again_is_written_once_in_a_while_another_at_once() -> None:
    async def main() -> None:
        async with Stage() as stage:
            audit = Audit(stage.db, stage.clock, stage.timer)
            ada, admin = await stage.who(stage.ada), await stage.who(stage.admin)
            for _ in range(5):
                await asyncio.gather(*(audit.looked(ada, "jobs.view_all", "queue") for _ in range(3)))
            assert len(await lines(audit, "jobs")) == 1
            await audit.looked(admin, "jobs.view_all", "queue")
            await audit.looked(ada, "jobs.view_all", "history")
            await audit.looked(ada, "jobs.view_all", "queue", address="10.0.0.8")
            assert len(await lines(audit, "jobs")) == 4
            stage.timer.now += LOOKS_EVERY_S
            await audit.looked(ada, "jobs.view_all", "queue")
            assert len(await lines(audit, "jobs")) == 5

    asyncio.run(main())


def test_a_flood_of_failed_logins_leaves_two_lines_and_counts_them_all() -> None:
    async def main() -> None:
        async with Stage() as stage:
            audit = Audit(stage.db, stage.clock, stage.timer)
            for _ in range(1000):
                await audit.login_failed("10.0.0.9", "10.0.0.9", "ada")
            stage.timer.now += EVERY_S
            counted, first = await lines(audit, "login.failed")
            assert (first.actor, first.target, first.address) == ("-", "ada", "10.0.0.9")
            assert (counted.address, counted.detail) == ("10.0.0.9", {"more": 999})

    asyncio.run(main())


def test_failed_logins_from_everywhere_leave_few_lines_and_are_all_counted() -> None:
    failed, timer = FailedLogins(), Clock(0.0)
    alone = sum(failed.add(f"10.0.{number // 256}.{number % 256}", timer.now) for number in range(5000))
    assert alone == PLACES
    assert failed.over(timer.now) == []
    timer.now += EVERY_S
    assert failed.over(timer.now) == [(ELSEWHERE, 5000 - PLACES)]
    assert failed.over(timer.now) == [] and failed.add("10.0.0.1", timer.now)


def test_a_failed_login_that_cannot_be_noted_stays_a_failed_login() -> None:
    async def main() -> None:
        async with Stage() as stage:
            stage.db.broken.add("*")
            await Audit(stage.db, stage.clock, stage.timer).login_failed("10.0.0.9", "10.0.0.9")

    asyncio.run(main())
