"""What is wished of a model, in the words of OpenAI's API, and what the list of models tells; pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypedDict

from gesso.errors import GatewayError


class Wishes(TypedDict, total=False):
    """How to draw; what is left out, or None, the model decides."""

    model: str | None
    """Its name, as `client.models()` has it; the server's first one else."""
    size: str | None
    """WIDTHxHEIGHT, like "768x512". Of an edit: the picture's own size else, as far as the model goes."""
    count: int | None
    """How many pictures, of one job."""
    seed: int | None
    """The same seed draws the same picture; another one each time else."""
    steps: int | None
    """More of them take longer, and may be better."""
    guidance: float | None
    """How closely the prompt is followed."""
    negative_prompt: str | None
    """What shall not be there."""


_WORDS = {"count": "n"}


def fields(prompt: str, wishes: Wishes) -> dict[str, Any]:
    """The fields of a request."""
    told = {_WORDS.get(name, name): value for name, value in wishes.items() if value is not None}
    return {"prompt": prompt, **told}


def seed_of(record: object) -> int | None:
    """From gesso's answer about a job; None where it tells of no seed."""
    payload = record.get("payload") if isinstance(record, Mapping) else None
    told = payload.get("openai") if isinstance(payload, Mapping) else None
    seed = told.get("seed") if isinstance(told, Mapping) else None
    return seed if isinstance(seed, int) else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Sizes:
    """The sizes that a model draws in, as WIDTHxHEIGHT; None is no bound."""

    usual: str | None
    choices: tuple[str, ...] = ()
    """There are no others, where there are any."""
    least: str | None = None
    most: str | None = None
    multiple: int = 1
    """Width and height are multiples of it."""
    pixels: int | None = None
    """The most that width times height may be."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """One model of the server. `draws` and `edits` are whether it can now; `reason` is why not."""

    name: str
    alias_of: str | None
    """The model whose second name this is."""
    draws: bool
    edits: bool
    reason: str | None
    sizes: Sizes | None
    """None: it decides itself."""

    @property
    def available(self) -> bool:
        """Whether it can do anything now."""
        return self.draws or self.edits


def models_of(answer: object) -> list[Model]:
    """From the answer of `GET /v1/models`. GatewayError for what no gesso answers."""
    told = answer.get("data") if isinstance(answer, Mapping) else None
    try:
        return [_model(each) for each in told or ()]
    except (KeyError, TypeError, AttributeError) as error:
        raise GatewayError("The server's list of models is not gesso's.") from error


def _model(told: Mapping[str, Any]) -> Model:
    routes, size = told["routes"], told["size"]
    return Model(
        name=told["id"],
        alias_of=told.get("alias_of"),
        draws=routes.get("generations", {}).get("available", False),
        edits=routes.get("edits", {}).get("available", False),
        reason=told["reason"],
        sizes=size and Sizes(**{**size, "choices": tuple(size["choices"])}),
    )
