"""SketchSteps: paints a picture over in ever finer brush strokes, one layer per step."""

import time

import numpy as np

from gesso.sketch.node import Context, Node, Spec
from gesso.sketch.nodes.arrays import Array, to_pictures
from gesso.sketch.nodes.brush import Painting
from gesso.sketch.nodes.declare import IMAGE, decimal, integer
from gesso.sketch.nodes.waiting import wait_until


class SketchSteps(Node):
    """Takes the time that it is told to take: for trying what a long generation looks like from outside."""

    spec = Spec(
        display_name="Sketch Steps",
        category="sketch",
        module="gesso.sketch",
        required={
            "image": IMAGE,
            "steps": integer(8, 1, 1000, 1),
            "seconds": decimal(0.0, 0.0, 60.0, 0.01),
            "seed": integer(0, 0, 2**64 - 1, control_after_generate=True),
        },
        outputs=("IMAGE",),
        context=True,
        description="Repaints the picture in brush strokes, coarse to fine, one layer per step. "
        "Each step takes at least so many seconds.",
    )

    def execute(self, image: Array, steps: int, seconds: float, seed: int, context: Context) -> tuple[Array]:
        painted = []
        total = steps * len(image)
        for number, picture in enumerate(to_pictures(image[..., :3])):
            painting = Painting(picture.convert("RGB"), steps=steps, seed=seed + number)
            for step in range(steps):
                begun = time.monotonic()
                painting.layer(step, context.check)
                wait_until(begun + seconds, context)
                context.progress(number * steps + step + 1, total, painting.picture())
            painted.append(np.asarray(painting.picture(), dtype=np.float32) / np.float32(255))
        return (np.stack(painted),)


NODES: dict[str, type[Node]] = {"SketchSteps": SketchSteps}
