"""The picture that the bench has drawn: the workflow for an engine, and the request for OpenAI's API."""

import base64
import io
import json
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from bench.client import Client
from bench.wire import Connection
from gesso.config.templates import template_text
from gesso.workflows.fill import fill
from gesso.workflows.template import parse_template

STEPS = 20
GENERATIONS = "/v1/images/generations"
_NAME = "sketch-text-to-image"
_TEMPLATE = parse_template(template_text(_NAME), _NAME)


def prompt(seed: int) -> str:
    """The number means nothing to the model, but keeps the words from coming out of the engine's cache."""
    return f"a big red heart left of a small blue star on a white background, {seed}"


def workflow(seed: int, side: int) -> dict[str, Any]:
    """What gesso makes of `request`."""
    values = {"prompt": prompt(seed), "seed": seed, "width": side, "height": side, "steps": STEPS}
    return fill(_TEMPLATE, values)


def request(seed: int, side: int, **more: Any) -> bytes:
    """The body of a POST to GENERATIONS."""
    asked = {"model": "sketch", "prompt": prompt(seed), "size": f"{side}x{side}"}
    return json.dumps({**asked, "seed": seed, "steps": STEPS, **more}).encode()


def drawn_by_engine(one: Client, seed: int, side: int) -> bytes:
    """The file of the picture, as soon as ComfyUI's API gives it away."""
    prompt_id = one.send(workflow(seed, side))
    one.heard("executing", prompt_id)
    return one.picture(prompt_id)


def drawn_by_api(url: str, key: str, body: bytes) -> bytes:
    """The same from OpenAI's API, on a connection of its own: servers soon close those that are idle."""
    with Connection(url, key) as line:
        answer = line.call("POST", GENERATIONS, body)
    if answer.status != 200:
        raise AssertionError(f"the picture was refused with {answer.status}: {answer.body[:300]!r}")
    return base64.b64decode(json.loads(answer.body)["data"][0]["b64_json"])


def pixels(file: bytes) -> NDArray[np.uint8]:
    with Image.open(io.BytesIO(file)) as picture:
        return np.asarray(picture.convert("RGB"))
