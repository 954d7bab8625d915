"""Whose a process is, as the system tells it: the user and the command line."""

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass

import psutil

from gesso.gpus.reader import Machine


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """Who runs a process, and with what command. None: the system does not tell, or it has ended."""

    user: str | None
    command: str | None


def people(machine: Machine) -> dict[int, Person]:
    """By PID, of all processes that hold memory on a card. A recorded machine's PIDs mean nobody here."""
    if machine.reader == "recorded":
        return {}
    return {pid: person(pid) for pid in pids_of(machine)}


def pids_of(machine: Machine) -> frozenset[int]:
    return frozenset(process.pid for card in machine.cards for process in card.processes or ())


def person(pid: int) -> Person:
    user = command = None
    with suppress(psutil.Error, OSError):
        process = psutil.Process(pid)
        # In this order: whose it is, anybody may know.
        with suppress(psutil.Error, KeyError):
            user = process.username()
        command = _line(process.cmdline())
    return Person(user=user, command=command)


def _line(words: Iterable[str]) -> str | None:
    return " ".join(words) or None
