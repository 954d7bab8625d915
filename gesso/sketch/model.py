"""sketch's own model: small networks that ONNX Runtime runs on the processor, read when first used."""

import hashlib
import json
import logging
import re
import threading
from collections.abc import Mapping
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gesso.sketch.nodes.arrays import Array

logger = logging.getLogger(__name__)

NAME = "sketch-1"
WEIGHTS = Path(__file__).parent / "weights"
NETWORKS = ("text_encoder", "vae_encoder", "vae_decoder", "model")
_WARNING = 3


def available() -> bool:
    """Whether ONNX Runtime is installed; without it sketch has no nodes that draw."""
    return find_spec("onnxruntime") is not None


class Networks:
    """The networks of one engine; each is a file, and a session of ONNX Runtime once it has been used."""

    def __init__(self, threads: int = 1, folder: Path = WEIGHTS) -> None:
        self.threads = threads
        self._folder = folder
        self._lock = threading.Lock()
        self._sessions: dict[str, Any] = {}
        self._sums: dict[str, str] = {}

    def run(self, network: str, /, **inputs: NDArray[Any]) -> Array:
        """What the network answers."""
        given = {name: np.ascontiguousarray(value) for name, value in inputs.items()}
        answer: Array = self._session(network).run(None, given)[0]
        return answer

    def facts(self, network: str) -> Mapping[str, str]:
        """What the training wrote into the file, e.g. {"samples": "28416", "vocabulary": "[[…]]"}."""
        facts: dict[str, str] = self._session(network).get_modelmeta().custom_metadata_map
        return facts

    def loaded(self) -> list[str]:
        with self._lock:
            return list(self._sessions)

    def unload(self) -> None:
        """Lets go of everything; the next use reads it again."""
        with self._lock:
            self._sessions.clear()

    def provenance(self) -> dict[str, dict[str, Any]]:
        """Which files these are: {"model.onnx": {"sha256": "…", "bytes": 4489486}, …}."""
        return {f"{name}.onnx": self._file(name) for name in NETWORKS}

    def _file(self, network: str) -> dict[str, Any]:
        path = self._folder / f"{network}.onnx"
        if network not in self._sums:
            with path.open("rb") as file:
                self._sums[network] = hashlib.file_digest(file, "sha256").hexdigest()
        return {"sha256": self._sums[network], "bytes": path.stat().st_size}

    def _session(self, network: str) -> Any:
        with self._lock:
            if network not in self._sessions:
                self._sessions[network] = self._load(self._folder / f"{network}.onnx")
            return self._sessions[network]

    def _load(self, path: Path) -> Any:
        onnxruntime = import_module("onnxruntime")
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = self.threads
        options.inter_op_num_threads = 1
        options.log_severity_level = _WARNING
        options.use_deterministic_compute = True
        # Threads that wait by spinning take from other engines on the machine what they do not use.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        logger.info("Reading %s, for %d thread(s)", path.name, self.threads)
        return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])


class Tokeniser:
    """Words to numbers: those of one line of the vocabulary mean the same, and all others nothing."""

    def __init__(self, facts: Mapping[str, str]) -> None:
        lines: list[list[str]] = json.loads(facts["vocabulary"])
        self._numbers = {word: number for number, line in enumerate(lines, 1) for word in line}
        self._length = int(facts["tokens"])

    def __call__(self, text: str) -> NDArray[np.int64]:
        """[1, length], filled up with zeros."""
        words = re.findall("[a-z]+", text.lower())
        known = [self._numbers[word] for word in words if word in self._numbers][: self._length]
        tokens = np.zeros((1, self._length), dtype=np.int64)
        tokens[0, : len(known)] = known
        return tokens
