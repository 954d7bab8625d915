"""Where sketch keeps its files: input, output, temp, user and models under one directory."""

import mimetypes
import os
import re
import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from gesso.errors import RequestError

_ANNOTATION = re.compile(r"^(?P<name>.*?) ?\[(?P<type>input|output|temp)\]$", re.DOTALL)


@dataclass(frozen=True, slots=True, kw_only=True)
class SavePath:
    """Where the next picture of a prefix goes: `directory / f"{stem}_{counter:05}_.png"`."""

    directory: Path
    stem: str
    counter: int
    subfolder: str


class Folders:
    """The directories of one sketch; they exist once this is constructed."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory.absolute()
        self.input = self.directory / "input"
        self.output = self.directory / "output"
        self.temp = self.directory / "temp"
        self.user = self.directory / "user"
        self.models = self.directory / "models"
        self.without_models: Callable[[], bool] = lambda: False
        """Whether loaders are to offer nothing: see `faults`."""
        self.aliases: Mapping[str, Sequence[str]] = {}
        """By folder, further names under which loaders offer sketch's own model."""
        for folder in (self.input, self.output, self.temp, self.user, self.models):
            folder.mkdir(parents=True, exist_ok=True)

    def of_type(self, type_: str) -> Path:
        """The folder behind "input", "output" or "temp"; any other name is a RequestError."""
        if type_ not in ("input", "output", "temp"):
            raise RequestError(f"There is no folder of the type {type_!r}.")
        return self.directory / type_

    def resolve(self, type_: str, subfolder: str, filename: str) -> Path:
        """The path of a file in a typed folder, refused (RequestError) where it would lead outside of it."""
        return _inside(self.of_type(type_), Path(subfolder) / filename)

    def annotated(self, name: str, default: str = "input") -> Path:
        """The path behind a loader's value: "x.png", "sub/x.png [output]"; refused outside the folders."""
        match = _ANNOTATION.match(name)
        type_, bare = (match["type"], match["name"]) if match else (default, name)
        return _inside(self.of_type(type_), Path(bare))

    def files(self) -> list[str]:
        """What lies directly in the input folder, sorted."""
        return sorted(entry.name for entry in os.scandir(self.input) if entry.is_file())

    def pictures(self) -> list[str]:
        """The pictures among these, by their names' ends: what a loader offers."""
        kinds = ((name, mimetypes.guess_type(name)[0] or "") for name in self.files())
        return [name for name, kind in kinds if kind.startswith("image/")]

    def save_path(self, prefix: str, *, type_: str = "output", width: int = 0, height: int = 0) -> SavePath:
        """Counts on from the highest number that files with this prefix have, as ComfyUI does."""
        root = self.of_type(type_)
        subfolder, stem = os.path.split(os.path.normpath(_substitute(prefix, width, height)))
        directory = _inside(root, Path(subfolder))
        try:
            names = os.listdir(directory)
        except FileNotFoundError:
            directory.mkdir(parents=True, exist_ok=True)
            names = []
        start = stem.lower() + "_" if os.name == "nt" else stem + "_"
        counter = 0
        for name in names:
            folded = name.lower() if os.name == "nt" else name
            if folded.startswith(start):
                digits = name[len(start) :].split("_", 1)[0]
                counter = max(counter, int(digits) if digits.isdecimal() else 0)
        return SavePath(directory=directory, stem=stem, counter=counter + 1, subfolder=subfolder)

    def clear_temp(self) -> None:
        """Empties the temp folder; ComfyUI does so when it starts and when it stops."""
        shutil.rmtree(self.temp, ignore_errors=True)
        self.temp.mkdir(parents=True, exist_ok=True)


def _inside(root: Path, relative: Path) -> Path:
    # realpath on both sides: a link inside the folder must not lead out of it either.
    path = Path(os.path.normpath(root / relative))
    real_root = os.path.realpath(root)
    try:
        inside = os.path.commonpath((real_root, os.path.realpath(path))) == real_root
    except ValueError:  # another drive, or a name that no file can have
        inside = False
    if not inside:
        raise RequestError(f"The path {str(relative)!r} leads outside the {root.name} folder.")
    return path


def _substitute(prefix: str, width: int, height: int) -> str:
    if "%" not in prefix:
        return prefix
    now = time.localtime()
    values = {
        "width": str(width),
        "height": str(height),
        "year": str(now.tm_year),
        "month": f"{now.tm_mon:02}",
        "day": f"{now.tm_mday:02}",
        "hour": f"{now.tm_hour:02}",
        "minute": f"{now.tm_min:02}",
        "second": f"{now.tm_sec:02}",
    }
    for name, value in values.items():
        prefix = prefix.replace(f"%{name}%", value)
    return prefix
