"""LiteLLM's proxy in front of a gesso, where it is installed; it is no part of gesso's environment."""

import json
import os
import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.running import answers, free_port, stop, wait_for

KEY = "sk-bench"
# It asks for nothing on the internet: prices come with it.
_QUIET = {**os.environ, "LITELLM_LOCAL_MODEL_COST_MAP": "True", "LITELLM_LOG": "ERROR"}
START_S = 120.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Proxy:
    url: str
    pid: int
    key: str = KEY


def version(program: str) -> str:
    said = subprocess.run([program, "--version"], env=_QUIET, capture_output=True, text=True, timeout=START_S)
    number = re.search(r"\d+(\.\d+)+", said.stdout)
    return number[0] if number else "?"


@contextmanager
def running_litellm(program: str, directory: Path, base_url: str, key: str) -> Iterator[Proxy]:
    """One worker that checks a key, as gesso does, keeps no records, and leads to the model `sketch`."""
    config, log, port = directory / "litellm.yaml", directory / "litellm.log", free_port()
    model = {"model": "openai/sketch", "api_base": f"{base_url}/v1", "api_key": key}
    settings = {
        "model_list": [
            {"model_name": "sketch", "litellm_params": model, "model_info": {"mode": "image_generation"}}
        ],
        "general_settings": {"master_key": KEY},
        "litellm_settings": {"telemetry": False},
    }
    config.write_text(json.dumps(settings))  # JSON is YAML, too
    command = [program, "--config", str(config), "--host", "127.0.0.1", "--port", str(port)]
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, env=_QUIET, cwd=directory, stdout=output, stderr=subprocess.STDOUT
        )
    url = f"http://127.0.0.1:{port}"
    try:
        wait_for(lambda: process.poll() is not None or answers(f"{url}/health/liveliness"), START_S)
        if process.poll() is not None:
            raise AssertionError(f"LiteLLM ended with {process.returncode}:\n{log.read_text()[-4000:]}")
        yield Proxy(url=url, pid=process.pid)
    finally:
        stop(process)
