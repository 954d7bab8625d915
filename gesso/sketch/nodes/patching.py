"""Nodes that change how a model is sampled from."""

from dataclasses import replace

from gesso.sketch.model_parts import Model
from gesso.sketch.node import Input, Node, Spec
from gesso.sketch.nodes.declare import decimal


class ModelSamplingSD3(Node):
    """More of the steps where there is much noise, for a shift above 1."""

    spec = Spec(
        display_name="ModelSamplingSD3",
        category="advanced/model",
        module="comfy_extras.nodes_model_advanced",
        required={"model": Input("MODEL"), "shift": decimal(3.0, 0.0, 100.0, 0.01)},
        outputs=("MODEL",),
    )

    def execute(self, model: Model, shift: float) -> tuple[Model]:
        if shift <= 0:
            raise ValueError("A shift of 0 leaves no noise to begin with: it must be above 0.")
        return (replace(model, shift=shift),)


class ModelSamplingAuraFlow(ModelSamplingSD3):
    """The same, with another default."""

    spec = Spec(
        display_name="ModelSamplingAuraFlow",
        category="advanced/model",
        module="comfy_extras.nodes_model_advanced",
        required={"model": Input("MODEL"), "shift": decimal(1.73, 0.0, 100.0, 0.01)},
        outputs=("MODEL",),
    )


class CFGNorm(Node):
    """Keeps guidance from making a place of the latent stronger than it is without."""

    spec = Spec(
        category="advanced/guidance",
        module="comfy_extras.nodes_cfg",
        required={"model": Input("MODEL", {}), "strength": decimal(1.0, 0.0, 100.0, 0.01)},
        outputs=("MODEL",),
        output_names=("patched_model",),
        modern=True,
        experimental=True,
    )

    def execute(self, model: Model, strength: float) -> tuple[Model]:
        return (replace(model, norm=strength),)


NODES: dict[str, type[Node]] = {
    cls.__name__: cls for cls in (ModelSamplingSD3, ModelSamplingAuraFlow, CFGNorm)
}
