"""Which engine a job goes to, and who may go first because an engine has his models loaded (pure).

The turn (`jobs/fairness`) says whose job is next. If an engine that has room has its models loaded, it
goes there; else to one whose models no waiting job needs. Only if all that is left are engines whose
models are needed by jobs behind it, one of those goes first: what is loaded is used before it is
replaced.

Going first is bounded, so that it never breaks fairness:

- of another user's jobs only by as much GPU time as it takes to load those models again, at most `LOAD_S`;
- each job for at most `PATIENCE_S` after it was first overtaken;
- only jobs that would have to load are overtaken by other users, only by jobs that need not;
- among one user's own jobs only within the next `LOOK_AHEAD`, and never past one that he put in front.

An engine that is about to be done (`due_in_s`) can be given its next job already, so that it need not wait
for us. No engine is kept idle while there is a job for it, but that a job may be given to one that has
its models and will soon be done.
"""

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import islice

# The most that a load of models is taken to cost: so much may shares differ because of it.
LOAD_S = 15.0
PATIENCE_S = 60.0
SOON_S = 1.0
# An engine gets its next job when this part of the one that runs is left: estimates err in proportion.
LEAD_PART, LEAST_LEAD_S = 0.1, 0.1
# How many users, and how many jobs of each, are looked at.
LOOK_AHEAD = 16

Models = frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Seat:
    """An engine that can be given a job; not `idle`: one runs there.

    `loaded` as `models_of` names them; `load_s`: what it takes to load them again, once they are replaced.
    """

    engine: str
    loaded: Models = frozenset()
    load_s: float = LOAD_S
    idle: bool = True

    def has(self, models: Models) -> bool:
        """All of them are loaded, and there are some."""
        return bool(models) and models <= self.loaded


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """A queued job. `overtaken`: since when others have gone first because of their models.

    `lane`: the user's own order of urgency; in one lane his jobs may be exchanged.
    """

    seq: int
    models: Models
    overtaken: float | None = None
    lane: tuple[int, bool] = (0, False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One user's next jobs that an engine can run, in his order; at least one."""

    vtime: float
    jobs: Sequence[Waiting]


@dataclass(frozen=True, slots=True, kw_only=True)
class First:
    """The job that goes first, and those that would have had their turn before."""

    seq: int
    overtaken: tuple[int, ...]


def models_of(needs: Iterable[str]) -> Models:
    """The models among the needs of a job (`workflows.needs`) whose loading takes long.

    LoRAs do not count: they are small, and are laid over a model that is loaded already.
    """
    return frozenset(need for need in needs if need.startswith("file:") and not _is_lora(need))


def _is_lora(need: str) -> bool:
    loader, _, _ = need.partition("=")
    return "lora" in loader.lower()


def loaded_after(loaded: Models, models: Models) -> Models:
    """What an engine has loaded after a job with these models.

    ComfyUI keeps the models of its last prompt, and drops those that the next does not name. One that
    names none may drop them too; taking them as kept costs nothing, for any next job loads then.
    """
    return models or loaded


def is_soon(expected_s: float | None, spent_s: float) -> bool:
    """Whether a job that was expected to take `expected_s` has its end near, or at most just missed it."""
    return expected_s is not None and abs(expected_s - spent_s) < SOON_S


def due_in_s(expected_s: float | None, spent_s: float) -> float | None:
    """In how many seconds an engine can be handed the job after this one; None: that cannot be told.

    As late as an engine that must not pause allows, at most `SOON_S` early: what waits at an engine is no
    more in the queue, where whoever asks for one job after the other would come before it.
    """
    if expected_s is None or spent_s >= expected_s + SOON_S:
        return None
    lead_s = min(SOON_S, max(LEAST_LEAD_S, LEAD_PART * expected_s))
    return max(0.0, expected_s - lead_s - spent_s)


def decide(
    models: Models,
    fitting: Sequence[Seat],
    wanted: Collection[Models],
    lines: Callable[[Seat], Iterable[Line]],
    now: float,
) -> tuple[Seat, First | None]:
    """Where a job goes now; None: the one with `models`, whose turn it is.

    `fitting`: the engines that can run it, the least busy first. `wanted`: the models of each kind of
    job that waits. `lines`: see `first`.
    """
    ranked = sorted(fitting, key=partial(_cost, models, wanted))
    best = ranked[0]
    if models and not best.has(models):
        for seat in ranked:
            # One that can be loaded without harm comes before all others that are as busy.
            if seat.idle is not best.idle or not _is_wanted(seat, wanted):
                break
            instead = first(lines(seat), seat, now)
            if instead is not None:
                return seat, instead
    return best, None


def _cost(models: Models, wanted: Collection[Models], seat: Seat) -> tuple[bool, bool, bool, bool]:
    return (not seat.has(models), not seat.idle, _is_wanted(seat, wanted), bool(seat.loaded))


def _is_wanted(seat: Seat, wanted: Collection[Models]) -> bool:
    """Whether some waiting job could use what is loaded there."""
    return any(map(seat.has, wanted))


def first(lines: Iterable[Line], seat: Seat, now: float) -> First | None:
    """The job that may go first on `seat`, for its models are loaded; None: the one whose turn it is.

    `lines` in the order of turns. The first job of the first line has the turn, and would have to load.
    """
    passed: list[int] = []
    turn: float | None = None
    for line in islice(lines, LOOK_AHEAD):
        turn = line.vtime if turn is None else turn
        if line.vtime > turn + seat.load_s:
            break
        own: list[int] = []
        head = line.jobs[0]
        for job in line.jobs[:LOOK_AHEAD]:
            if job.lane != head.lane:
                break
            if seat.has(job.models):
                return First(seq=job.seq, overtaken=(*passed, *own))
            if not _is_patient(job, now):
                break
            own.append(job.seq)
        if not head.models or not _is_patient(head, now):
            break
        passed.append(head.seq)
    return None


def _is_patient(job: Waiting, now: float) -> bool:
    return job.overtaken is None or now < job.overtaken + PATIENCE_S
