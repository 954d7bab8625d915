"""Families of real processes: who belongs to one, what it uses, and that it is unknown once it has ended."""

import os
import signal
import subprocess
import sys
from contextlib import suppress

from gesso.processes.tree import cpu_s, families, family, rss
from tests.running import wait_for

CHILD = "import time; block = bytearray(30_000_000); time.sleep(600)"
PARENT = f"import subprocess, sys, time; subprocess.Popen([sys.executable, '-c', {CHILD!r}]); time.sleep(600)"


def _pair(pid: int) -> frozenset[int]:
    """The process and its child; empty until it has one."""
    found = family(pid) or frozenset()
    return found if len(found) == 2 else frozenset()


def test_a_family_is_the_process_and_its_descendants_and_is_unknown_when_it_is_gone() -> None:
    parent = subprocess.Popen([sys.executable, "-c", PARENT])
    pids = frozenset({parent.pid})
    try:
        pids = wait_for(lambda: _pair(parent.pid), 30)
        assert parent.pid in pids and os.getpid() not in pids
        whole = family(os.getpid())
        assert whole is not None and pids < whole
        alone, together = rss({parent.pid}), rss(pids)
        assert alone is not None and together is not None and together > alone
        wait_for(lambda: (rss(pids) or 0) > (rss({parent.pid}) or 0) + 30_000_000, 30)
        assert (cpu_s(pids) or 0) > 0
    finally:
        for pid in pids:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        parent.wait(30)
    assert families((parent.pid, os.getpid()))[parent.pid] is None
    assert rss({parent.pid}) is None and cpu_s({parent.pid}) is None
    assert rss(()) is None and families(()) == {}
