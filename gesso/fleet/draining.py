"""Draining: an engine finishes what it has and is given no more; recorded, so that it outlives restarts."""

from pathlib import Path

from gesso.errors import StorageError


def jobs_left(ours: int, told: int | None, *, gone: bool) -> int | None:
    """What a draining engine still has: the jobs we follow there, or more where the engine itself says so
    (others may use it, too). None: nobody can tell. `gone`: it does not run, and is not expected back."""
    if told is not None:
        return max(ours, told)
    return ours if ours or gone else None


def described(left: int | None) -> str:
    """How far the draining is, in words."""
    match left:
        case None:
            return "draining: it does not tell how many jobs it has"
        case 0:
            return "drained"
        case 1:
            return "draining: 1 job left"
        case _:
            return f"draining: {left} jobs left"


def mark_of(record: Path) -> Path:
    """The file whose existence says that the engine drains, beside the record of its process."""
    return record.with_suffix(".draining")


def write_mark(mark: Path, *, draining: bool) -> None:
    """Raises StorageError; then nothing has changed."""
    try:
        if draining:
            mark.parent.mkdir(parents=True, exist_ok=True)
            mark.touch()
        else:
            mark.unlink(missing_ok=True)
    except OSError as error:
        raise StorageError(f"{str(mark)!r} cannot be changed: {error.strerror}.") from error
