"""SketchPretendLoader: takes the time that loading a model takes, and loads none."""

import time
from zlib import crc32

import numpy as np

from gesso.sketch.folders import Folders
from gesso.sketch.node import Context, Node, Spec
from gesso.sketch.nodes.arrays import Array
from gesso.sketch.nodes.declare import choice
from gesso.sketch.nodes.waiting import wait_until

MODELS = tuple(f"{name}.safetensors" for name in ("harbour", "lagoon", "meadow", "summit"))
"""There are no such files."""

_SIDE = 64


def offered(folders: Folders) -> list[str]:
    return [] if folders.without_models() else list(MODELS)


class SketchPretendLoader(Node):
    """For trying how work is divided among engines that keep the model they used last."""

    spec = Spec(
        display_name="Sketch Pretend Loader",
        category="sketch/testing",
        module="gesso.sketch",
        required={"model_name": choice(offered)},
        outputs=("IMAGE",),
        context=True,
        description="Pretends to load a model: waits as long as sketch was told with --load-seconds, "
        "unless the model is the one it pretended to load last. Gives a plain picture in the model's colour.",
    )

    def execute(self, model_name: str, context: Context) -> tuple[Array]:
        memory = context.memory
        if not memory.holds(model_name):
            wait_until(time.monotonic() + memory.load_s, context)
            context.text(f"{model_name}: load {memory.note(model_name)}")
        colour = np.frombuffer(crc32(model_name.encode()).to_bytes(4)[:3], dtype=np.uint8) / np.float32(255)
        return (np.broadcast_to(colour.astype(np.float32), (1, _SIDE, _SIDE, 3)),)


NODES: dict[str, type[Node]] = {"SketchPretendLoader": SketchPretendLoader}
