"""What a finished job left: files to read or save, texts, and the server's own record of it."""

# Generated from ../_async by `python -m gesso.client.generate`: change it there.

import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from gesso.client import verdict
from gesso.client._sync.connection import Connection
from gesso.client.flavour import sync_call


@dataclass(frozen=True, slots=True, kw_only=True)
class Output:
    """One file that a node made; `type` is "output", or "temp" for previews."""

    node: str
    filename: str
    subfolder: str
    type: str
    _connection: Connection = field(repr=False, compare=False)

    def read(self) -> bytes:
        """The whole file."""
        response = self._connection.call("GET", "/view", params=self._address())
        return response.content

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Store the file at `path`, or under its own name if that is a folder, and return where it is.

        A path that ends with a slash is a folder, made if absent. The file is written under another name
        first, so that at `path` there is never half a file.
        """
        target = Path(path)
        if os.fspath(path).endswith(("/", os.sep)) or sync_call(target.is_dir):
            target = target / safe_filename(self.filename)
        part, name = sync_call(_open_part, target)
        try:
            with self._connection.stream("/view", self._address()) as chunks:
                for chunk in chunks:
                    sync_call(part.write, chunk)
            sync_call(part.close)
            sync_call(os.replace, name, target)
        finally:
            sync_call(_discard, part, name)
        return target

    def _address(self) -> dict[str, str]:
        return {"filename": self.filename, "subfolder": self.subfolder, "type": self.type}


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """A job that succeeded."""

    job_id: str
    outputs: tuple[Output, ...]
    texts: Mapping[str, tuple[str, ...]]
    """What nodes such as PreviewAny show, by node: {"2": ("forty-two",)}."""
    raw: Mapping[str, Any] = field(repr=False)
    """The job's item of ComfyUI's /history, as the server told it."""


def result(connection: Connection, job_id: str, item: dict[str, Any]) -> Result:
    """Read a history item; raises what the job failed with."""
    failed = verdict.failure(job_id, item)
    if failed is not None:
        raise failed
    outputs = tuple(
        Output(
            node=node, filename=ref.filename, subfolder=ref.subfolder, type=ref.type, _connection=connection
        )
        for node, ref in verdict.files(item)
    )
    return Result(job_id=job_id, outputs=outputs, texts=verdict.texts(item), raw=item)


def safe_filename(name: str) -> str:
    """A server's name for a file as one that cannot leave the folder it is put in."""
    plain = name.replace("\\", "/").rsplit("/", 1)[-1].replace("\0", "").replace(":", "_")
    return plain if plain not in ("", ".", "..") else "output"


def _open_part(target: Path) -> tuple[IO[bytes], Path]:
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(f".{target.name[:80]}.{secrets.token_hex(4)}.part")
    return part.open("xb"), part


def _discard(part: IO[bytes], name: Path) -> None:
    part.close()
    name.unlink(missing_ok=True)
