"""Turns what SQLAlchemy raises into gesso's errors."""

from sqlalchemy.exc import IntegrityError, SQLAlchemyError

from gesso.errors import Conflict, DiskFull, GessoError, StorageError

# SQLite's SQLITE_FULL, and PostgreSQL's disk_full (SQLSTATE 53100).
_FULL = ("database or disk is full", "No space left on device")


def translate(error: SQLAlchemyError) -> GessoError:
    """The error of gesso that says the same as `error`."""
    cause = str(getattr(error, "orig", None) or error)
    if isinstance(error, IntegrityError):
        return Conflict(f"The database refused a change that breaks a rule: {cause}")
    if any(sign in cause for sign in _FULL):
        return DiskFull(f"The database could not be written: {cause}")
    return StorageError(f"The database could not do its part: {cause}")
