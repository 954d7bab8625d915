"""Engines with faults under a supervisor that looks often, and jobs for them."""

import asyncio
from dataclasses import replace
from typing import Any

from gesso.config.engine import EngineConfig
from gesso.fleet.member import Member
from tests.integration.fleet.stage import QUICK
from tests.integration.sketch.exchange import send_json
from tests.integration.sketch.workflows import steps

WATCHFUL = replace(QUICK, vitals_s=0.1, recovered_s=0.5)


def faulty(*faults: str, **config: Any) -> EngineConfig:
    words = [word for fault in faults for word in ("--fault", fault)]
    return EngineConfig(name="sketch", kind="sketch", arguments=tuple(words), **config)


async def run_job(member: Member, seed: int = 0) -> None:
    """A job, handed to the engine as any other program might."""
    prompt = {"prompt": steps(2, 0.01, seed)}
    answer = await asyncio.to_thread(send_json, member.url, "POST", "/prompt", prompt)
    assert answer.status == 200, answer.body
