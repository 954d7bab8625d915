"""Nodes that say what is to be drawn."""

from gesso.sketch.model_parts import Clip, Conditioning
from gesso.sketch.node import Input, Node, Spec

CLIP = Input("CLIP", {})


def prompt() -> Input:
    """A text of several lines, as all that encode it declare it."""
    return Input("STRING", {"multiline": True, "dynamicPrompts": True})


class CLIPTextEncode(Node):
    """A sentence; words that the model does not know mean nothing."""

    spec = Spec(
        display_name="CLIP Text Encode (Prompt)",
        category="conditioning",
        required={"text": prompt(), "clip": CLIP},
        outputs=("CONDITIONING",),
    )

    def execute(self, text: str, clip: Clip) -> tuple[Conditioning]:
        return (Conditioning(clip.encode(text)),)


class ConditioningZeroOut(Node):
    """Nothing said at all, which is not the same as an empty sentence."""

    spec = Spec(
        display_name="ConditioningZeroOut",
        category="advanced/conditioning",
        required={"conditioning": Input("CONDITIONING")},
        outputs=("CONDITIONING",),
    )

    def execute(self, conditioning: Conditioning) -> tuple[Conditioning]:
        return (conditioning.zero(),)


NODES: dict[str, type[Node]] = {cls.__name__: cls for cls in (CLIPTextEncode, ConditioningZeroOut)}
