"""Writes the synchronous client from the asynchronous one: `python -m gesso.client.generate`."""

import tempfile
from pathlib import Path

_HERE = Path(__file__).parent
_SOURCE, _TARGET = _HERE / "_async", _HERE / "_sync"
_NAMES = {
    "AsyncClient": "Client",
    "AsyncConnection": "Connection",
    "AsyncJob": "Job",
    "AsyncOutput": "Output",
    "AsyncResult": "Result",
    "AsyncWaiting": "Waiting",
    "_async": "_sync",
    "aclose": "close",
    "aiter_bytes": "iter_bytes",
    "aread": "read",
    "async_call": "sync_call",
    "async_sleep": "sync_sleep",
}


def generated() -> dict[str, str]:
    """What each file of `_sync/` has to hold, by name."""
    # A tool of development, so that whoever only uses the client need not have it.
    import unasync  # type: ignore[import-untyped]

    with tempfile.TemporaryDirectory() as folder:
        rule = unasync.Rule(f"{folder}/_async/", f"{folder}/_sync/", additional_replacements=_NAMES)
        copies = []
        for file in sorted(_SOURCE.glob("*.py")):
            copy = Path(folder, "_async", file.name)
            copy.parent.mkdir(exist_ok=True)
            copy.write_text(_mark(file.read_text("utf-8")).replace("`async with`", "`with`"), "utf-8")
            copies.append(str(copy))
        unasync.unasync_files(copies, [rule])
        return {file.name: file.read_text("utf-8") for file in sorted(Path(folder, "_sync").glob("*.py"))}


def stale() -> list[str]:
    """The files of `_sync/` that are not what they have to be."""
    wanted = generated()
    there = {file.name: file.read_text("utf-8") for file in _TARGET.glob("*.py")}
    return sorted(name for name in wanted.keys() | there.keys() if wanted.get(name) != there.get(name))


def write() -> list[str]:
    """Bring `_sync/` up to date; returns the names of the files that were not."""
    wanted, changed = generated(), stale()
    for name in changed:
        if name in wanted:
            (_TARGET / name).write_text(wanted[name], "utf-8")
        else:
            (_TARGET / name).unlink()
    return changed


def _mark(source: str) -> str:
    """Tell whoever opens the generated file where to change it; empty files stay empty."""
    if not source:
        return source
    head, rest = source.split("\n", 1)
    return (
        f"{head}\n\n# Generated from ../_async by `python -m gesso.client.generate`: change it there.\n{rest}"
    )


if __name__ == "__main__":
    write()
