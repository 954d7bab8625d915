"""Under which names pictures are saved, and in which format: by the name that was given, or by a free one."""

import itertools
import re
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from gesso.errors import ProcessError

FORMATS = {".png": "png", ".jpg": "jpeg", ".jpeg": "jpeg", ".webp": "webp"}
_QUALITY = 95
_LONGEST_NAME = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """Where pictures go. `suffix` None is the picture's own; `named`: just this file was asked for."""

    folder: Path
    stem: str
    suffix: str | None = None
    named: bool = False


def target(output: Path | None, slash: bool, usual: str) -> Target | None:
    """What -o means: a folder if there is one, or it ends with a slash, else a file; None: neither."""
    if output is None:
        return Target(folder=Path(), stem=usual)
    if slash or output.is_dir():
        return Target(folder=output, stem=usual)
    if output.suffix.lower() not in FORMATS:
        return None
    return Target(folder=output.parent, stem=output.stem, suffix=output.suffix, named=True)


def prepared(target: Target) -> None:
    """See that pictures can go there, before they are drawn: afterwards they would have nowhere to go."""
    target.folder.mkdir(parents=True, exist_ok=True)
    probe = target.folder / f".{secrets.token_hex(8)}.part"
    try:
        probe.touch()
    except OSError as error:
        message = f"{str(target.folder)!r} cannot be written to: {error.strerror}."
        raise ProcessError(message, remedy="Name another place with -o.") from error
    probe.unlink()


def paths(target: Target, suffixes: Sequence[str], is_taken: Callable[[Path], bool]) -> list[Path]:
    """A path for each picture: the one that was named, or else free ones: NAME, NAME-2; NAME-1, NAME-2."""
    if target.named and len(suffixes) == 1:
        return [target.folder / f"{target.stem}{target.suffix}"]
    alone = [target.stem] if len(suffixes) == 1 else []
    names = itertools.chain(alone, (f"{target.stem}-{number}" for number in itertools.count(1 + len(alone))))
    found = []
    for suffix in suffixes:
        candidates = (target.folder / f"{name}{target.suffix or suffix}" for name in names)
        found.append(next(path for path in candidates if not is_taken(path)))
    return found


def save(data: bytes, path: Path, own_suffix: str) -> None:
    """In the format of the path's suffix; what has it already stays as it is, with the workflow in it."""
    from gesso.protocol.openai_pictures import deliver

    if path.suffix.lower() != own_suffix.lower():
        data = deliver(data, FORMATS[path.suffix.lower()], _QUALITY, "auto").data
    part = path.with_name(f".{path.name[:80]}.{secrets.token_hex(4)}.part")
    try:
        part.write_bytes(data)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def name_of(sentence: str) -> str:
    """ "A big, red heart" as the name of a file: a-big-red-heart."""
    words, name = re.findall(r"\w+", sentence.lower()), ""
    for word in words:
        longer = f"{name}-{word}" if name else word[:_LONGEST_NAME]
        if len(longer) > _LONGEST_NAME:
            break
        name = longer
    return name or "picture"
