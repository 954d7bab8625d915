"""`/gesso/api/gpus`: the cards of this machine, by all their names, and who holds what of them."""

import asyncio
from typing import Annotated

from fastapi import APIRouter, Depends

from gesso.access.identity import Identity
from gesso.errors import ConfigError
from gesso.fleet.supervisor import Supervisor
from gesso.gateway.api_caller import holder
from gesso.gpus.inventory import find_card
from gesso.gpus.listing import NOT_READ, Gpus, listing
from gesso.gpus.people import people
from gesso.gpus.reader import Machine
from gesso.processes.tree import families

Reader = Annotated[Identity, Depends(holder("engines:read"))]


def gpu_routes(supervisor: Supervisor) -> APIRouter:
    router = APIRouter(prefix="/gpus", tags=["engines"])

    @router.get("")
    async def list_gpus(identity: Reader) -> Gpus:
        """Every card, as it was read last, and the processes that hold memory on it.

        Whose the processes are that are not engines' is told to those who have `engines:control`.
        """
        machine = supervisor.cards.latest
        if machine is None:
            return NOT_READ
        everything = identity.may("engines:control")
        pids = {member.name: member.pid for member in supervisor.members() if member.pid is not None}
        return await asyncio.to_thread(_listed, machine, pids, _claims(machine, supervisor), everything)

    return router


def _listed(machine: Machine, pids: dict[str, int], claims: dict[str, str], everything: bool) -> Gpus:
    found = families(pids.values())
    return listing(
        machine,
        families={name: found[pid] or frozenset({pid}) for name, pid in pids.items()},
        claims=claims,
        people=people(machine) if everything else {},
        everything=everything,
    )


def _claims(machine: Machine, supervisor: Supervisor) -> dict[str, str]:
    """The card that each engine's `gpu` means; whose `gpu` means none has a finding that says so."""
    claims = {}
    for member in supervisor.members():
        if member.config.gpu is not None:
            try:
                claims[member.name] = find_card(machine, member.config.gpu).uuid
            except ConfigError:
                continue
    return claims
