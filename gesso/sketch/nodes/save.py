"""Nodes that write picture files, and those that send pictures to the client without one."""

import json
import random
from collections.abc import Mapping
from typing import Any

from PIL.PngImagePlugin import PngInfo

from gesso.sketch.node import Context, Input, Node, Outcome, Spec
from gesso.sketch.nodes.arrays import Array, to_pictures
from gesso.sketch.nodes.declare import IMAGE, MASK, boolean, choice, decimal, integer, text
from gesso.sketch.nodes.masks import as_images

_HIDDEN = {"prompt": "PROMPT", "extra_pnginfo": "EXTRA_PNGINFO"}


def _texts(prompt: object, extra_pnginfo: Mapping[str, Any] | None) -> dict[str, str]:
    """What a file tells of its making: {"prompt": "{…}", "workflow": "{…}"}."""
    texts = {} if prompt is None else {"prompt": json.dumps(prompt)}
    return texts | {name: json.dumps(value) for name, value in (extra_pnginfo or {}).items()}


class SaveImage(Node):
    """Numbered PNG files that carry the prompt and the workflow that made them."""

    spec = Spec(
        display_name="Save Image",
        category="image",
        required={"images": Input("IMAGE", {}), "filename_prefix": text("ComfyUI")},
        hidden=_HIDDEN,
        output_node=True,
        context=True,
    )
    folder = "output"
    compress_level = 4

    def __init__(self) -> None:
        self.suffix = ""

    def execute(
        self,
        images: Array,
        context: Context,
        filename_prefix: str = "ComfyUI",
        prompt: object = None,
        extra_pnginfo: Mapping[str, Any] | None = None,
    ) -> Outcome:
        height, width = images.shape[1:3]
        prefix = filename_prefix + self.suffix
        place = context.folders.save_path(prefix, type_=self.folder, width=width, height=height)
        info = PngInfo()
        for name, value in _texts(prompt, extra_pnginfo).items():
            info.add_text(name, value)
        saved = []
        for index, picture in enumerate(to_pictures(images)):
            stem = place.stem.replace("%batch_num%", str(index))
            name = f"{stem}_{place.counter + index:05}_.png"
            picture.save(place.directory / name, pnginfo=info, compress_level=self.compress_level)
            saved.append({"filename": name, "subfolder": place.subfolder, "type": self.folder})
        return Outcome(ui={"images": saved})


class PreviewImage(SaveImage):
    """The same in the temp folder, under a name that no other preview node has."""

    spec = Spec(
        display_name="Preview Image",
        category="image",
        required={"images": IMAGE},
        hidden=_HIDDEN,
        output_node=True,
        context=True,
    )
    folder = "temp"
    compress_level = 1

    def __init__(self) -> None:
        letters = random.choices("abcdefghijklmnopqrstuvwxyz", k=5)  # noqa: S311 -- a name, not a secret
        self.suffix = "_temp_" + "".join(letters)


class MaskPreview(PreviewImage):
    """A mask as a preview in grey."""

    spec = Spec(
        display_name="MaskPreview",
        category="mask",
        module="comfy_extras.nodes_mask",
        required={"mask": MASK},
        hidden=_HIDDEN,
        output_node=True,
        context=True,
    )
    compress_level = 4

    def execute(self, mask: Array, context: Context, **more: Any) -> Outcome:  # type: ignore[override]
        return super().execute(as_images(mask), context, **more)


class SaveAnimatedWEBP(Node):
    """One animated WebP of the whole batch."""

    spec = Spec(
        display_name="SaveAnimatedWEBP",
        category="image/animation",
        module="comfy_extras.nodes_images",
        required={
            "images": IMAGE,
            "filename_prefix": text("ComfyUI"),
            "fps": decimal(6.0, 0.01, 1000.0, 0.01),
            "lossless": boolean(True),
            "quality": integer(80, 0, 100),
            "method": choice(("default", "fastest", "slowest")),
        },
        hidden=_HIDDEN,
        output_node=True,
        context=True,
    )
    methods = {"default": 4, "fastest": 0, "slowest": 6}

    def execute(
        self,
        images: Array,
        filename_prefix: str,
        fps: float,
        lossless: bool,
        quality: int,
        method: str,
        context: Context,
        prompt: object = None,
        extra_pnginfo: Mapping[str, Any] | None = None,
    ) -> Outcome:
        height, width = images.shape[1:3]
        place = context.folders.save_path(filename_prefix, width=width, height=height)
        first, *rest = to_pictures(images)
        exif = first.getexif()
        # The prompt in the tag Model, all else in the tags from Make downwards: where readers look for them.
        tag = 0x010F
        for key, value in _texts(prompt, extra_pnginfo).items():
            if key == "prompt":
                exif[0x0110] = f"prompt:{value}"
            else:
                exif[tag] = f"{key}:{value}"
                tag -= 1
        name = f"{place.stem}_{place.counter:05}_.webp"
        first.save(
            place.directory / name,
            save_all=True,
            append_images=rest,
            duration=int(1000.0 / fps),
            exif=exif,
            lossless=lossless,
            quality=quality,
            method=self.methods[method],
        )
        saved = {"filename": name, "subfolder": place.subfolder, "type": "output"}
        return Outcome(ui={"images": [saved], "animated": (bool(rest),)})


class SaveAnimatedPNG(Node):
    """One animated PNG of the whole batch."""

    spec = Spec(
        display_name="SaveAnimatedPNG",
        category="image/animation",
        module="comfy_extras.nodes_images",
        required={
            "images": IMAGE,
            "filename_prefix": text("ComfyUI"),
            "fps": decimal(6.0, 0.01, 1000.0, 0.01),
            "compress_level": integer(4, 0, 9),
        },
        hidden=_HIDDEN,
        output_node=True,
        context=True,
    )

    def execute(
        self,
        images: Array,
        filename_prefix: str,
        fps: float,
        compress_level: int,
        context: Context,
        prompt: object = None,
        extra_pnginfo: Mapping[str, Any] | None = None,
    ) -> Outcome:
        height, width = images.shape[1:3]
        place = context.folders.save_path(filename_prefix, width=width, height=height)
        info = PngInfo()
        for key, value in _texts(prompt, extra_pnginfo).items():
            # A chunk of its own: text chunks of animated files get lost in some readers.
            info.add(b"comf", key.encode("latin-1") + b"\0" + value.encode("latin-1"), after_idat=True)
        first, *rest = to_pictures(images)
        name = f"{place.stem}_{place.counter:05}_.png"
        first.save(
            place.directory / name,
            pnginfo=info,
            compress_level=compress_level,
            save_all=True,
            append_images=rest,
            duration=int(1000.0 / fps),
        )
        saved = {"filename": name, "subfolder": place.subfolder, "type": "output"}
        return Outcome(ui={"images": [saved], "animated": (True,)})


class SaveImageWebsocket(Node):
    """The pictures in full size as PNG previews on the socket; no file is written."""

    spec = Spec(
        display_name="SaveImageWebsocket",
        category="api/image",
        module="custom_nodes.websocket_image_save",
        required={"images": IMAGE},
        output_node=True,
        context=True,
    )

    def execute(self, images: Array, context: Context) -> Outcome:
        for index, picture in enumerate(to_pictures(images)):
            context.progress(index, len(images), picture, format="PNG", max_size=None)
        return Outcome()

    @staticmethod
    def fingerprint(folders: Any, **_: Any) -> object:
        # What went over a socket is gone: it must be sent again for every prompt.
        return object()


NODES: dict[str, type[Node]] = {
    "SaveImage": SaveImage,
    "PreviewImage": PreviewImage,
    "MaskPreview": MaskPreview,
    "SaveAnimatedWEBP": SaveAnimatedWEBP,
    "SaveAnimatedPNG": SaveAnimatedPNG,
    "SaveImageWebsocket": SaveImageWebsocket,
}
