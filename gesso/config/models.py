"""`[[model]]`: a name that clients ask for pictures by, and the templates that draw them."""

import re
from typing import Annotated, Self

from pydantic import AfterValidator, Field, ValidationInfo, model_validator

from gesso.config.table import Table, wrong
from gesso.config.values import anchor

_SIZE = re.compile(r"([1-9][0-9]{0,4})x([1-9][0-9]{0,4})")


def split_size(text: str) -> tuple[int, int]:
    """(768, 512) of "768x512"; ValueError for anything else."""
    found = _SIZE.fullmatch(text)
    if found is None:
        raise ValueError(f"{text!r} is no size; write it like 768x512")
    return int(found[1]), int(found[2])


def _size(text: str) -> str:
    split_size(text)
    return text


def _template(value: str, info: ValidationInfo) -> str:
    """A name of the library stays one; what ends in .json is a path."""
    return str(anchor(value, info)) if value.endswith(".json") else value


PictureSize = Annotated[str, AfterValidator(_size)]
ModelName = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._:/-]*$", max_length=100)]
TemplateName = Annotated[str, Field(min_length=1), AfterValidator(_template)]


class ModelDefaults(Table):
    """What is drawn where a request does not say; what is not set here is the template's own."""

    size: PictureSize | None = None
    """Width and height for `size = "auto"`, like "768x512". Of an edit it is the first picture's own size."""

    steps: Annotated[int, Field(ge=1)] | None = None
    """Steps of the sampler at medium quality; `low` takes half of them, `high` twice as many."""

    guidance: Annotated[float, Field(ge=0, allow_inf_nan=False)] | None = None
    """How closely the prompt is followed (cfg)."""

    negative_prompt: str | None = None
    """What the picture shall not show."""


class ModelLimits(Table):
    """What requests may ask for; beyond this they are refused. The template's own limits hold besides."""

    sizes: Annotated[tuple[PictureSize, ...], Field(strict=False)] = ()
    """The sizes to choose from, like ["512x512", "768x512"]. Not set: any that the template takes."""

    pixels: Annotated[int, Field(ge=1)] | None = None
    """The most pixels that one picture may have."""

    steps: Annotated[int, Field(ge=1)] = 100
    """The most steps; more than that even `high` does not take."""

    count: Annotated[int, Field(ge=1, le=10)] = 10
    """The most pictures of one request (`n`)."""


class ModelConfig(Table):
    """A model: what clients of the OpenAI API name, bound to templates."""

    name: ModelName
    """What clients ask for, like "qwen-image"; each name once."""

    aliases: Annotated[tuple[ModelName, ...], Field(strict=False)] = ()
    """More names that it answers to, for clients that know no others: ["gpt-image-1", "dall-e-3"]."""

    template: TemplateName | None = None
    """Draws from a prompt: the name of a template that comes with gesso, or the path of a .json file."""

    edit_template: TemplateName | None = None
    """Changes pictures as a prompt says. Not set: the model edits none."""

    variation_template: TemplateName | None = None
    """Draws pictures like one that is given. Not set: the model makes no variations."""

    defaults: ModelDefaults = ModelDefaults()
    """What is drawn where a request does not say."""

    limits: ModelLimits = ModelLimits()
    """What requests may ask for."""

    @property
    def names(self) -> tuple[str, ...]:
        return (self.name, *self.aliases)

    @property
    def templates(self) -> dict[str, str]:
        """The templates that it names, by the key that names them."""
        named = {
            "template": self.template,
            "edit_template": self.edit_template,
            "variation_template": self.variation_template,
        }
        return {key: template for key, template in named.items() if template is not None}

    @model_validator(mode="after")
    def _can_do_something(self) -> Self:
        if self.template is None and self.edit_template is None:
            raise wrong("", "names neither `template` nor `edit_template`, so it could draw nothing")
        sizes, size = self.limits.sizes, self.defaults.size
        if sizes and size is not None and size not in sizes:
            raise wrong("defaults.size", f"{size!r} is not among `limits.sizes`")
        return self


# Ten pictures of a request are held in memory at once.
EMBEDDED_PIXELS = 2048 * 1024


def embedded_model() -> ModelConfig:
    """What sketch draws with its own model, where no models are configured."""
    return ModelConfig(
        name="sketch",
        template="sketch-text-to-image",
        edit_template="sketch-edit",
        variation_template="sketch-variation",
        limits=ModelLimits(pixels=EMBEDDED_PIXELS),
    )
