"""Writes the trained networks as ONNX with fp16 weights, and holds them against torch."""

import argparse
import json
import logging
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import Tensor, nn

from training.captions import VOCABULARY, tokenise
from training.checkpoint import load
from training.networks import LATENT_CHANNELS, SCALE, WORD_TOKENS, Model
from training.train_model import Frozen

logger = logging.getLogger("training.export")
OPSET, LARGEST_ERROR, LARGEST_TOTAL_MB = 18, 1e-3, 8.0
# Smaller tensors are not worth a Cast.
LEAST_HALVED = 64


class ToLatents(nn.Module):
    """VAE encoder and normalisation in one."""

    def __init__(self, frozen: Frozen) -> None:
        super().__init__()
        self.vae = frozen.vae

    def forward(self, pictures: Tensor) -> Tensor:
        return self.vae.encode(pictures)


class ToPictures(nn.Module):
    """VAE decoder, kept within -1..1."""

    def __init__(self, frozen: Frozen) -> None:
        super().__init__()
        self.decoder = frozen.vae.decoder

    def forward(self, latents: Tensor) -> Tensor:
        return self.decoder(latents).clamp(-1, 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """One file: the network, inputs as traced and as checked, and the names of inputs and dynamic axes."""

    network: nn.Module
    inputs: dict[str, tuple[Tensor, Tensor]]
    axes: dict[str, dict[int, str]]
    output: str
    facts: dict[str, str]


def plans(frozen: Frozen, model: Model) -> dict[str, Plan]:
    canvas = {0: "batch", 2: "height", 3: "width"}
    latent, wide = torch.randn(2, LATENT_CHANNELS, 16, 16), torch.randn(3, LATENT_CHANNELS, 24, 16)
    picture, tall = torch.rand(2, 3, 64, 64) * 2 - 1, torch.rand(3, 3, 96, 64) * 2 - 1
    words, more = (
        tokenise(["a red heart", "remove the star"]),
        tokenise(["", "at night", "big blue moon left"]),
    )
    context, other = frozen.contexts(["a red heart", ""]), torch.randn(3, 10, 128)
    words_known = json.dumps([line.split() for line in VOCABULARY])
    return {
        "text_encoder": Plan(
            network=frozen.text, inputs={"tokens": (words, more)}, axes={"tokens": {0: "batch"}},
            output="context", facts={"vocabulary": words_known, "tokens": str(WORD_TOKENS)},
        ),
        "vae_encoder": Plan(
            network=ToLatents(frozen), inputs={"pictures": (picture, tall)}, axes={"pictures": canvas},
            output="latents", facts={"scale": str(SCALE)},
        ),
        "vae_decoder": Plan(
            network=ToPictures(frozen), inputs={"latents": (latent, wide)}, axes={"latents": canvas},
            output="pictures", facts={"scale": str(SCALE)},
        ),
        "model": Plan(
            network=model,
            inputs={
                "x": (latent, wide), "time": (torch.rand(2), torch.rand(3)),
                "context": (context, other), "source": (latent * 0, wide.flip(0)),
            },
            axes={"x": canvas, "time": {0: "batch"}, "context": {0: "batch", 1: "slots"}, "source": canvas},
            output="flow", facts={"prediction": "noise - latent", "guidance": "3.0", "steps": "16"},
        ),
    }  # fmt: skip


def write(plan: Plan, path: Path, samples: int) -> None:
    dynamic = {name: {axis: torch.export.Dim.DYNAMIC for axis in axes} for name, axes in plan.axes.items()}
    traced = torch.onnx.export(
        plan.network, tuple(one for one, _ in plan.inputs.values()), input_names=list(plan.inputs),
        output_names=[plan.output], dynamic_shapes=tuple(dynamic.values()), opset_version=OPSET,
        dynamo=True, optimize=True, verbose=False,
    )  # fmt: skip
    graph = halved(traced.model_proto)
    helper.set_model_props(graph, plan.facts | {"samples": str(samples)})
    onnx.checker.check_model(graph)
    path.write_bytes(graph.SerializeToString())


def halved(graph: onnx.ModelProto) -> onnx.ModelProto:
    """Stores weights as fp16 and casts them back at load: half the size, the speed and sums of fp32."""
    casts = []
    for one in graph.graph.initializer:
        values = numpy_helper.to_array(one)
        if one.data_type != TensorProto.FLOAT or values.size < LEAST_HALVED:
            continue
        name = one.name
        one.CopyFrom(numpy_helper.from_array(values.astype(np.float16), f"{name}_half"))
        casts.append(helper.make_node("Cast", [f"{name}_half"], [name], to=TensorProto.FLOAT))
    nodes = [*casts, *graph.graph.node]
    del graph.graph.node[:]
    graph.graph.node.extend(nodes)
    # The exporter's notes hold source lines and paths of the machine it ran on.
    del graph.graph.value_info[:], graph.graph.metadata_props[:], graph.metadata_props[:]
    for one in (*graph.graph.node, *graph.graph.initializer, *graph.graph.input, *graph.graph.output):
        del one.metadata_props[:]
        one.doc_string = ""
    graph.doc_string = graph.graph.doc_string = ""
    return graph


def error(plan: Plan, path: Path) -> float:
    """The mean difference to torch: on the traced inputs or on another batch and canvas, the worse."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    worst = 0.0
    for which in (0, 1):
        given = {name: both[which] for name, both in plan.inputs.items()}
        with torch.no_grad():
            expected = plan.network(*given.values()).numpy()
        answer = session.run(None, {name: one.numpy() for name, one in given.items()})[0]
        worst = max(worst, float(np.abs(answer - expected).mean()))
    return worst


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("runs", type=Path, help="folder of checkpoints")
    parser.add_argument("out", type=Path, help="folder for the four .onnx files")
    parser.add_argument("--checkpoint", default="model.pt", help="which MODEL of the folder")
    asked = parser.parse_args()
    torch.set_num_threads(1)
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    frozen, model, state = Frozen(asked.runs), Model(), load(asked.runs / asked.checkpoint)
    if state is None:
        parser.error(f"{asked.runs / asked.checkpoint} does not exist")
    model.load_state_dict(state["average"])
    asked.out.mkdir(parents=True, exist_ok=True)
    total = 0.0
    for name, plan in plans(frozen, model.eval()).items():
        path = asked.out / f"{name}.onnx"
        write(plan, path, state["samples"])
        size, off = path.stat().st_size / 1e6, error(plan, path)
        total += size
        logger.info("%s: %.2f MB, mean error %.1e", path.name, size, off)
        if off > LARGEST_ERROR:
            sys.exit(f"{path.name} differs from torch by {off:.1e}")
    logger.info("together %.2f MB after %d samples", total, state["samples"])
    if total > LARGEST_TOTAL_MB:
        sys.exit(f"{total:.1f} MB, {LARGEST_TOTAL_MB} allowed")


if __name__ == "__main__":
    main()
