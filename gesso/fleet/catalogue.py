"""Every finding there is about an engine: what it means, what gesso does, and until when it stays."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One row of the reference page; a test holds the names to those that the code gives."""

    means: str
    gesso: str
    """What gesso does about it."""


_RESTARTS = "Starts it again, within its budget; its jobs run again, on it or elsewhere."
_ONLY_TELLS = "Tells; the job has failed with this reason. The engine goes on."
_WAITS = "Does not start it, counts no failure, and starts it by itself as soon as this is over."
_WATCHES = "Watches; it is neither restarted nor given jobs."

FINDINGS: dict[str, Entry] = {
    "crashed": Entry(means="It ended with an error that has no name of its own here.", gesso=_RESTARTS),
    "killed": Entry(
        means="Somebody's SIGKILL ended it; the kernel says that it was not short of memory.", gesso=_RESTARTS
    ),
    "out-of-memory": Entry(
        means="The machine's memory did not suffice: the kernel ended it, or an allocation failed.",
        gesso=_RESTARTS,
    ),
    "cuda-out-of-memory": Entry(
        means="The card's memory did not suffice for a job, or for its start.", gesso=_ONLY_TELLS
    ),
    "cuda-poisoned": Entry(
        means="A kernel broke its connection to the card: every later job would fail, too.",
        gesso="Gives it no more jobs and restarts it at once; the job runs again.",
    ),
    "no-cuda": Entry(means="Its PyTorch finds no card, or no driver that fits.", gesso=_RESTARTS),
    "missing-module": Entry(means="A Python package that it needs is not installed.", gesso=_RESTARTS),
    "missing-library": Entry(means="A shared library that it needs is not there.", gesso=_RESTARTS),
    "port-in-use": Entry(means="Another program listens on its port.", gesso=_RESTARTS),
    "asset-database-locked": Entry(
        means="Another ComfyUI has its database open: two run in one folder.", gesso=_RESTARTS
    ),
    "models-missing": Entry(
        means="A model file, or all of them, is not where it looks: an empty folder, a disk not mounted.",
        gesso=_ONLY_TELLS,
    ),
    "disk-full": Entry(
        means="It cannot write: no room is left on its disk.",
        gesso="Runs the job again elsewhere, or later.",
    ),
    "wrong-arguments": Entry(means="It refuses its command line.", gesso=_RESTARTS),
    "not-executable": Entry(means="Its program cannot be run at all.", gesso=_RESTARTS),
    "slow-start": Entry(
        means="Its start takes longer than its starts did before, and something still moves.",
        gesso="Waits: a slow start is never interrupted.",
    ),
    "stuck-start": Entry(
        means="Nothing listens, nothing is logged, nothing is computed, for longer than its starts take.",
        gesso=_RESTARTS,
    ),
    "hang": Entry(
        means="A job makes no progress for longer than its workflow ever was silent.",
        gesso="Restarts it, within its budget; the job runs again. One that gesso does not run is only told.",
    ),
    "leak": Entry(
        means="It holds more memory than `memory_limit` or `vram_limit` allow.",
        gesso="Gives it no more jobs, and restarts it as soon as it is seen to be idle; no failure.",
    ),
    "not-functional": Entry(
        means="A small picture of a test did not come, or was not the one asked for.", gesso="Tells."
    ),
    "locked-out": Entry(
        means="It answers, but refuses what gesso shows it: 401, 403, or a login page.", gesso=_WATCHES
    ),
    "not-an-engine": Entry(
        means="Something else answers at its address: a proxy's page, other or broken JSON.", gesso=_WATCHES
    ),
    "unreachable": Entry(means="Nothing listens at the address of an engine given by `url`.", gesso=_WATCHES),
    "gpu-unknown": Entry(means="`gpu` means none of the cards, or several.", gesso=_WAITS),
    "card-full": Entry(
        means="Its share of the card's memory is not free: other engines have leases, or others hold it.",
        gesso=_WAITS,
    ),
    "wrong-card": Entry(
        means="It was seen to hold memory on another card than the one it is held to.",
        gesso="Raises an alarm; it is not ended.",
    ),
    "card-lost": Entry(means="The card that it is held to is not there any more.", gesso="Raises an alarm."),
    "card-error": Entry(means="The driver reported an Xid error of its card.", gesso="Raises an alarm."),
    "cpu-offload": Entry(
        means="A job runs, the card idles, and the processor works: it computes on the processor.",
        gesso="Raises an alarm.",
    ),
}


def markdown() -> str:
    """The table of the reference page."""
    rows = ["| finding | what it means | what gesso does |", "|---|---|---|"]
    rows += [f"| `{name}` | {entry.means} | {entry.gesso} |" for name, entry in sorted(FINDINGS.items())]
    return "\n".join(rows)
