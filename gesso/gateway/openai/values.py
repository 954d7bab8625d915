"""What a request asks for, as values of a template's parameters, within the model's limits (pure)."""

from collections.abc import Sequence
from typing import Any

from gesso.config.models import ModelConfig, split_size
from gesso.errors import InvalidParameter
from gesso.protocol.openai import ImagesRequest
from gesso.protocol.openai_pictures import Source
from gesso.workflows.fill import checked
from gesso.workflows.template import Parameter, Template

# How many of a model's steps each quality takes.
EFFORT = {"low": 0.5, "high": 2.0, "hd": 2.0, "xhigh": 3.0, "max": 4.0}

Size = tuple[int, int]


def values_of(
    asked: ImagesRequest, config: ModelConfig, template: Template, sources: Sequence[Source], *, seed: int
) -> dict[str, Any]:
    """All but the names of the files. `seed` is for requests that name none.

    Raises InvalidParameter, naming OpenAI's parameter, for what the model or its template does not take.
    """
    values: dict[str, Any] = {"prompt": asked.prompt} if "prompt" in template.parameters else {}
    for name, given, default in (
        ("negative_prompt", asked.negative_prompt, config.defaults.negative_prompt),
        ("guidance", asked.guidance, config.defaults.guidance),
        ("seed", asked.seed, _seed(template, seed)),
    ):
        if given is not None:
            values[name] = checked(_parameter(template, config, name), given)
        elif default is not None and name in template.parameters:
            values[name] = default
    return (
        values
        | _size(asked, config, template, sources)
        | _steps(asked, config, template)
        | _count(asked, config, template)
    )


def _parameter(template: Template, config: ModelConfig, name: str) -> Parameter:
    if name not in template.parameters:
        message = f"The model {config.name!r} takes no '{name}'."
        raise InvalidParameter(message, param=name, kind="unsupported_parameter")
    return template.parameters[name]


def _seed(template: Template, seed: int) -> int:
    """One that the template takes: some nodes have no room for large ones."""
    parameter = template.parameters.get("seed")
    if parameter is None or parameter.maximum is None:
        return seed
    least, most = int(parameter.minimum or 0), int(parameter.maximum)
    return least + seed % max(1, most - least + 1)


def _count(asked: ImagesRequest, config: ModelConfig, template: Template) -> dict[str, Any]:
    most = config.limits.count if "count" in template.parameters else 1
    if asked.n > most:
        raise InvalidParameter(f"The model {config.name!r} draws at most {most} in one request.", param="n")
    if "count" not in template.parameters:
        return {}
    return {"count": _checked(template.parameters["count"], asked.n, "n")}


def _steps(asked: ImagesRequest, config: ModelConfig, template: Template) -> dict[str, Any]:
    if asked.steps is not None:
        parameter = _parameter(template, config, "steps")
        if asked.steps > config.limits.steps:
            message = f"The model {config.name!r} takes at most {config.limits.steps} steps."
            raise InvalidParameter(message, param="steps")
        return {"steps": checked(parameter, asked.steps)}
    parameter = template.parameters.get("steps")  # type: ignore[assignment]
    if parameter is None:
        return {}
    usual = config.defaults.steps or parameter.default
    most = min(config.limits.steps, parameter.maximum or config.limits.steps)
    wanted = round(usual * EFFORT.get(asked.quality, 1.0))
    return {"steps": int(min(max(wanted, parameter.minimum or 1), most))}


def _size(
    asked: ImagesRequest, config: ModelConfig, template: Template, sources: Sequence[Source]
) -> dict[str, Any]:
    width, height = template.parameters.get("width"), template.parameters.get("height")
    if width is None or height is None:
        if asked.size is not None:
            message = f"The model {config.name!r} decides the size itself; leave 'size' out, or 'auto'."
            raise InvalidParameter(message, param="size")
        return {}
    if asked.size is not None:
        size = _allowed(asked.size, config)
    elif sources:
        size = fitted((sources[0].width, sources[0].height), width, height, config.limits.pixels)
    elif config.defaults.size is not None:
        size = split_size(config.defaults.size)
    else:
        size = (width.default, height.default)
    return {"width": _checked(width, size[0], "size"), "height": _checked(height, size[1], "size")}


def _allowed(size: Size, config: ModelConfig) -> Size:
    limits, name = config.limits, f"The model {config.name!r}"
    if limits.sizes and f"{size[0]}x{size[1]}" not in limits.sizes:
        raise InvalidParameter(f"{name} draws in the sizes {', '.join(limits.sizes)}.", param="size")
    if limits.pixels is not None and size[0] * size[1] > limits.pixels:
        raise InvalidParameter(f"{name} draws pictures of at most {limits.pixels} pixels.", param="size")
    return size


def fitted(size: Size, width: Parameter, height: Parameter, pixels: int | None = None) -> Size:
    """The nearest size that the template takes, of the same shape as far as that goes."""
    scale = min(
        1.0,
        (width.maximum or size[0]) / size[0],
        (height.maximum or size[1]) / size[1],
        (pixels / (size[0] * size[1])) ** 0.5 if pixels else 1.0,
    )
    return _near(size[0] * scale, width), _near(size[1] * scale, height)


def _near(wanted: float, parameter: Parameter) -> int:
    multiple = parameter.multiple
    number = max(1, int(wanted / multiple)) * multiple
    if parameter.minimum is not None:
        number = max(number, -(-int(parameter.minimum) // multiple) * multiple)
    return number


def _checked(parameter: Parameter, value: int, param: str) -> int:
    """`checked`, with what is wrong said of OpenAI's parameter."""
    try:
        checked(parameter, value)
    except InvalidParameter as error:
        message = f"'{param}': {error.message.replace(repr(parameter.name), parameter.name)}"
        raise InvalidParameter(message, param=param, kind=error.kind) from error
    return value
