"""Engines and the cards they are held to: resolved and leased before each start, proven while they run."""

import asyncio
import re
import time
from collections import deque
from collections.abc import Collection, Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace

import psutil

from gesso.config.gpus import GpusConfig
from gesso.errors import ConfigError
from gesso.fleet.cards import Cards
from gesso.fleet.decide import Action, Activity, Wanted
from gesso.fleet.finding import Finding
from gesso.fleet.leases import Lease, shortage
from gesso.fleet.member import Member
from gesso.fleet.offload import Look, offloaded, works
from gesso.fleet.proof import Gpu, Proven, Verdicts, card_of, judge, lost, prove
from gesso.fleet.state import State
from gesso.gpus.inventory import find_card, held_on
from gesso.gpus.reader import Card, Machine
from gesso.processes.tree import cpu_s, families

VISIBLE = "CUDA_VISIBLE_DEVICES"
FULL_UUID = re.compile(r"(?i)(GPU|MIG)-[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
# Findings that keep an engine from being started.
HOLDS = ("gpu-unknown", "card-full", "card-lost")
OF_ITS_PROCESS = ("wrong-card", "cpu-offload", "card-error")
LOOKS_KEPT = 1000


@dataclass(slots=True)
class _Claim:
    """What is known of one engine's card."""

    member: Member
    uuid: str | None = None
    """The card that the configuration means, as last resolved."""
    name: str | None = None
    pinned: str | None = None
    """The card that its process was given."""
    adopted: bool = False
    """That is known of a process which an earlier gesso started."""
    leased: bool = False
    xid_before: int | None = None
    judged: Machine | None = None
    judged_life: int = -1
    """The reading that was last judged, and for which of its processes."""
    refreshed: Machine | None = None
    pids: frozenset[int] | None = None
    looks: deque[Look] = field(default_factory=lambda: deque(maxlen=LOOKS_KEPT))

    @property
    def occupied(self) -> str | None:
        """The card that its lease is for."""
        by_uuid = self.pinned is not None and self.pinned.startswith(("GPU-", "MIG-"))
        return self.pinned if by_uuid else self.uuid


class Claims:
    """The claims of all engines that have a `gpu`. The others are free, and nothing is said about them."""

    def __init__(self, cards: Cards, config: GpusConfig) -> None:
        self._cards = cards
        self._config = config
        self._claims: dict[str, _Claim] = {}
        self._measuring = asyncio.Lock()
        self._measured: Machine | None = None
        self._uses: dict[int, _Use] = {}

    def enlist(self, member: Member) -> None:
        if member.config.gpu is not None:
            claim = self._claims[member.name] = _Claim(member)
            self._tell(claim, Proven.UNKNOWN, "not looked at yet")

    def adopt(self, member: Member, planned: str | None) -> None:
        """It has a process already, which was given a card: perhaps another than it would get today.

        `planned`: what an engine without `gpu` would be given."""
        claim = self._claims.get(member.name)
        told, given = False, None
        # Without a PID psutil would tell of gesso itself.
        if (pid := member.pid) is not None:
            with suppress(psutil.Error, OSError):
                told, given = True, psutil.Process(pid).environ().get(VISIBLE)
        if claim is None:
            member.outdated |= told and given != planned
        else:
            claim.pinned, claim.adopted, claim.leased = given, told, True

    def card(self, member: Member) -> str | None:
        """The UUID that it was admitted to; None: it is not held to a card."""
        claim = self._claims.get(member.name)
        return None if claim is None else claim.pinned

    async def admit(self, member: Member) -> Action | None:
        """What it is instead of started; None: it has its lease, and may be. Asked again at each tick."""
        claim = self._claims.get(member.name)
        if claim is None:
            return None
        if self._cards.awaited:
            return Action(state=State.STARTING, reason="the cards are being read")
        held = self._examine(claim)
        if held is not None and claim.refreshed is not self._cards.latest:
            # What its last process held may still stand in the reading.
            claim.refreshed = await self._cards.refresh()
            held = self._examine(claim)
        for name in HOLDS:
            self._enter(member, {name: held if held is not None and held.name == name else None})
        if held is not None:
            claim.leased, claim.pinned = False, None
            self._tell(claim, Proven.UNKNOWN, f"not started: {held.name}")
            # Everybody may read the reason; whose processes hold what stands in the finding.
            return Action(state=State.FAILING, reason=f"not started: {held.name}: {held.summary}")
        # No await from the examination to here: nobody else was given the room meanwhile.
        claim.leased, claim.pinned, claim.adopted = True, claim.uuid, False
        card = card_of(self._cards.latest, claim.uuid)
        claim.xid_before = None if card is None else card.xid
        claim.looks.clear()
        claim.pids = None
        self._enter(member, dict.fromkeys(OF_ITS_PROCESS))
        self._tell(claim, Proven.UNKNOWN, "it is being started")
        return None

    async def look(self, member: Member) -> None:
        """Judge the latest reading, once."""
        claim = self._claims.get(member.name)
        if claim is None:
            return
        if member.pid is None:
            self._rest(claim)
            return
        machine, life = self._cards.latest, member.life
        if claim.judged is machine and claim.judged_life == life:
            return
        claim.judged, claim.judged_life = machine, life
        use = None if machine is None else (await self._measure(machine)).get(member.pid)
        if member.life != life:
            return
        if use is not None:
            claim.pids = use.pids
        self._resolve_adopted(claim, machine)
        if claim.uuid is not None:
            self._judge(claim, claim.uuid, machine, None if use is None else use.cpu_s)

    async def _measure(self, machine: Machine) -> "dict[int, _Use]":
        """What the engines' processes are at, measured once for each reading."""
        async with self._measuring:
            if self._measured is not machine:
                pids = [pid for claim in self._claims.values() if (pid := claim.member.pid) is not None]
                self._uses = await asyncio.to_thread(_measure, pids)
                self._measured = machine
            return self._uses

    def _rest(self, claim: _Claim) -> None:
        """It does not run: what its process did is over."""
        member = claim.member
        if member.gpu is not None and member.gpu.proven is not Proven.UNKNOWN:
            self._tell(claim, Proven.UNKNOWN, "it does not run")
        if member.wanted is not Wanted.RUNNING:
            self._enter(member, dict.fromkeys((*HOLDS, *OF_ITS_PROCESS)))

    def _judge(self, claim: _Claim, uuid: str, machine: Machine | None, used_s: float | None) -> None:
        member = claim.member
        proven, evidence = prove(uuid, machine, claim.pids)
        self._tell(claim, proven, evidence)
        verdicts = judge(member.name, uuid, machine, claim.pids, xid_before=claim.xid_before, now=time.time())
        self._enter(member, verdicts)
        card = card_of(machine, uuid)
        look = Look(
            at=time.monotonic(),
            executing=member.activity is Activity.BUSY,
            utilisation=None if card is None else card.utilisation,
            held=None if card is None or claim.pids is None else held_on(card, claim.pids),
            cpu_s=used_s,
        )
        claim.looks.append(look)
        if works(look):
            self._enter(member, {"cpu-offload": None})
        elif seen := offloaded(claim.looks, self._config.offload_after_s):
            self._enter(member, {"cpu-offload": _offload(card, seen)})

    def _examine(self, claim: _Claim) -> Finding | None:
        """Which card it is, and whether there is room; a finding where it cannot be started there now."""
        machine = self._cards.latest
        found = self._resolve(claim, machine)
        if isinstance(found, Finding):
            return found
        card = card_of(machine, claim.uuid)
        if machine is None or card is None:
            return None
        if card.lost:
            return lost(card.uuid, machine, time.time())
        ended = claim.pids if claim.member.pid is None else None
        short = shortage(
            claim.member.config.vram,
            card,
            tuple(self._leases_beside(claim)),
            reserve=self._config.reserve,
            ended=ended or frozenset(),
        )
        if short is None:
            return None
        return Finding(
            name="card-full",
            summary=short.summary,
            evidence=short.evidence,
            remedy="It starts by itself as soon as there is room. Stop what holds the memory, give it "
            "another `gpu`, or declare less `vram` for the engines on this card, if they need less.",
            at=time.time(),
        )

    def _resolve(self, claim: _Claim, machine: Machine | None) -> Finding | None:
        """Set the card that the configuration means; a finding where nobody can tell."""
        wanted = claim.member.config.gpu or ""
        known = claim.uuid
        try:
            card = None if machine is None else find_card(machine, wanted)
        except ConfigError as error:
            if machine is not None and machine.problem is None:
                if known is not None and card_of(machine, known) is None:
                    return lost(known, machine, time.time())
                claim.uuid = claim.name = None
                return _unknown(error.message, error.remedy)
            reason = error.message
        else:
            reason = "The cards cannot be read."
            if card is not None:
                claim.uuid, claim.name = card.uuid, card.name
                return None
        # Not to know the cards keeps nobody from the one that is known by its UUID.
        if known is None and FULL_UUID.fullmatch(wanted):
            claim.uuid = wanted
        if claim.uuid is None:
            return _unknown(
                reason, "Give the card's whole UUID, which needs no reading; `gesso gpus` says what is wrong."
            )
        return None

    def _resolve_adopted(self, claim: _Claim, machine: Machine | None) -> None:
        """The configuration may mean another card today than the one that the process was given."""
        if claim.uuid is None:
            found = self._resolve(claim, machine)
            claim.member.outdated |= found is None and claim.adopted and claim.pinned != claim.uuid
            if machine is not None:
                self._enter(claim.member, {"gpu-unknown": found})

    def _leases_beside(self, claim: _Claim) -> Iterator[Lease]:
        for other in self._claims.values():
            if other is claim or other.occupied != claim.uuid or not other.leased:
                continue
            member = other.member
            # While it restarts, its room is kept for it.
            stays = member.wanted is Wanted.RUNNING and not member.gave_up
            if stays or member.pid is not None:
                yield Lease(engine=member.name, declared=member.config.vram, pids=other.pids or frozenset())

    def _tell(self, claim: _Claim, proven: Proven, evidence: str) -> None:
        claim.member.gpu = Gpu(uuid=claim.uuid, name=claim.name, proven=proven, evidence=evidence)

    def _enter(self, member: Member, verdicts: Verdicts) -> None:
        for name, finding in verdicts.items():
            before = member.findings.get(name)
            if finding is None:
                member.findings.pop(name, None)
            else:
                # It is as old as it was when it was first found.
                member.findings[name] = finding if before is None else replace(finding, at=before.at)


@dataclass(frozen=True, slots=True)
class _Use:
    pids: frozenset[int]
    cpu_s: float | None


def _measure(pids: Collection[int]) -> dict[int, _Use]:
    return {pid: _Use(found, cpu_s(found)) for pid, found in families(pids).items() if found is not None}


def _unknown(reason: str, remedy: str) -> Finding:
    return Finding(
        name="gpu-unknown",
        summary="which card it is held to cannot be told",
        evidence=reason,
        remedy=remedy,
        at=time.time(),
    )


def _offload(card: Card | None, evidence: str) -> Finding:
    return Finding(
        name="cpu-offload",
        summary=f"a job runs, and {card.name if card else 'its card'} is idle",
        evidence=evidence,
        remedy="Look in its log for the device that it chose (`gesso engines logs`), and for a torch without "
        "CUDA after an upgrade. If the workflow has no work for a card, nothing is wrong.",
        at=time.time(),
    )
