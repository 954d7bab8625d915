"""Every parameter of OpenAI's Images API, and what becomes of it here: one table for code and page (pure)."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum


class Route(StrEnum):
    """The three ways to ask for pictures."""

    GENERATIONS = "generations"
    EDITS = "edits"
    VARIATIONS = "variations"


class Effect(StrEnum):
    """What becomes of a parameter."""

    HONOURED = "honoured"
    NO_EFFECT = "accepted without effect"
    REFUSED = "refused"
    OURS = "honoured; not OpenAI's"


class Kind(StrEnum):
    TEXT = "text"
    INTEGER = "whole number"
    NUMBER = "number"
    BOOLEAN = "true or false"
    FILE = "file"
    ANYTHING = "anything"


ALL = frozenset(Route)
G, E, V = Route.GENERATIONS, Route.EDITS, Route.VARIATIONS
QUALITIES = ("auto", "low", "medium", "high", "xhigh", "max", "standard", "hd")
FORMATS = ("png", "jpeg", "webp")
FOR_WHOM = (
    "With a key that acts for others (`jobs:for-others`): the person behind the request. With any other "
    "it has no effect: who asks is known by the key."
)
LONGEST_PROMPT = 32_000
MOST_IMAGES = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """One row. `choices`: the texts it may be; `least`, `most`: the numbers."""

    name: str
    routes: frozenset[Route] = ALL
    kind: Kind = Kind.TEXT
    effect: Effect = Effect.HONOURED
    choices: tuple[str, ...] = ()
    least: int | None = None
    most: int | None = None
    required: frozenset[Route] = frozenset()
    meaning: str


def _row(name: str, meaning: str, **more: object) -> Parameter:
    return Parameter(name=name, meaning=meaning, **more)  # type: ignore[arg-type]


TABLE: tuple[Parameter, ...] = (
    _row(
        "prompt",
        f"What the picture shall show, or what shall change; up to {LONGEST_PROMPT} characters.",
        routes=frozenset({G, E}),
        required=frozenset({G, E}),
    ),
    _row("model", "A model's name or alias (`GET /v1/models`). Left out: the first one."),
    _row("n", "So many pictures in one answer.", kind=Kind.INTEGER, least=1, most=10),
    _row(
        "size",
        "`auto`, or WIDTHxHEIGHT within the limits of the model and its template. `auto` is the model's own "
        "size; of an edit or a variation, that of the first picture, made to fit.",
    ),
    _row(
        "quality",
        "How many steps are taken: `low` half of the model's, `high` and `hd` twice, `xhigh` three times, "
        "`max` four times as many, within its limit; `medium`, `standard` and `auto` as many.",
        routes=frozenset({G, E}),
        choices=QUALITIES,
    ),
    _row(
        "response_format",
        "`b64_json` (when left out), or `url`: a signed link, good for one hour, that needs no key.",
        choices=("url", "b64_json"),
    ),
    _row(
        "output_format",
        "`png` (when left out: the file as the engine made it, with its workflow in it), `jpeg` or `webp`.",
        routes=frozenset({G, E}),
        choices=FORMATS,
    ),
    _row(
        "output_compression",
        "The quality of `jpeg` and `webp`, 100 when left out; of `png` only 100 is taken.",
        routes=frozenset({G, E}),
        kind=Kind.INTEGER,
        least=0,
        most=100,
    ),
    _row(
        "background",
        "`auto`, or `opaque`: what is transparent becomes white. `transparent` is refused: no template "
        "draws it.",
        routes=frozenset({G, E}),
        choices=("auto", "opaque"),
    ),
    _row(
        "stream",
        "`true`: the answer is server-sent events.",
        routes=frozenset({G, E}),
        kind=Kind.BOOLEAN,
    ),
    _row(
        "partial_images",
        "With `stream`: so many of the sampler's previews before the picture.",
        routes=frozenset({G, E}),
        kind=Kind.INTEGER,
        least=0,
        most=3,
    ),
    _row(
        "image",
        f"The picture to start from; `image` or `image[]` again for each of up to {MOST_IMAGES}, as many as "
        "the model's template takes. PNG, JPEG, WebP, GIF, TIFF and other usual ones, whole.",
        routes=frozenset({E, V}),
        kind=Kind.FILE,
        required=frozenset({E, V}),
    ),
    _row(
        "mask",
        "A picture of the first one's size: where it is transparent, the first one changes.",
        routes=frozenset({E}),
        kind=Kind.FILE,
    ),
    _row(
        "images",
        'Of a JSON body, instead of `image`: `[{"image_url": "data:image/png;base64,…"}]`. Links to other '
        "places and `file_id` are refused: gesso fetches nothing from elsewhere for a client.",
        routes=frozenset({E}),
        kind=Kind.ANYTHING,
    ),
    _row(
        "input_fidelity",
        "The template decides how near an edit stays.",
        routes=frozenset({E}),
        effect=Effect.NO_EFFECT,
        choices=("high", "low"),
    ),
    _row(
        "moderation",
        "There is no moderation.",
        routes=frozenset({G, E}),
        effect=Effect.NO_EFFECT,
        choices=("low", "auto"),
    ),
    _row(
        "style",
        "Say it in the prompt.",
        routes=frozenset({G}),
        effect=Effect.NO_EFFECT,
        choices=("vivid", "natural"),
    ),
    _row(
        "complexity",
        "Nothing is planned before the first step.",
        routes=frozenset({G, E}),
        effect=Effect.NO_EFFECT,
        choices=("low", "medium", "high"),
    ),
    _row("user", FOR_WHOM),
    _row("safety_identifier", "As `user`, where there is no `user`.", routes=frozenset({G, E})),
    *(
        _row(name, meaning, routes=frozenset({G, E}), kind=Kind.ANYTHING, effect=Effect.REFUSED)
        for name, meaning in (
            ("frame_count", "No GIFs are drawn."),
            ("frame_duration_ms", "No GIFs are drawn."),
            ("svg", "No SVG is drawn."),
        )
    ),
    _row(
        "markup",
        "Use `mask`.",
        routes=frozenset({E}),
        kind=Kind.ANYTHING,
        effect=Effect.REFUSED,
    ),
    _row("negative_prompt", "What shall not be there.", routes=frozenset({G, E}), effect=Effect.OURS),
    _row(
        "seed",
        "The same seed draws the same picture. Left out: another one each time.",
        kind=Kind.INTEGER,
        effect=Effect.OURS,
        least=0,
        most=2**64 - 1,
    ),
    _row(
        "steps",
        "Steps of the sampler; goes before `quality`.",
        kind=Kind.INTEGER,
        effect=Effect.OURS,
        least=1,
    ),
    _row(
        "guidance",
        "How closely the prompt is followed (cfg).",
        routes=frozenset({G, E}),
        kind=Kind.NUMBER,
        effect=Effect.OURS,
        least=0,
    ),
)


def parameters_of(route: Route) -> dict[str, Parameter]:
    return {row.name: row for row in TABLE if route in row.routes}


def markdown() -> str:
    """The reference page's tables, one for each route."""
    return "\n\n".join("\n".join(_section(route)) for route in Route) + "\n"


def _section(route: Route) -> Iterator[str]:
    yield f"## `POST /v1/images/{route}`\n"
    yield "| parameter | values | here | meaning |"
    yield "|---|---|---|---|"
    for row in parameters_of(route).values():
        needed = ", required" if route in row.required else ""
        yield f"| `{row.name}` | {_values(row)}{needed} | {row.effect} | {row.meaning} |"


def _values(row: Parameter) -> str:
    if row.choices:
        return ", ".join(f"`{choice}`" for choice in row.choices)
    if row.most is not None:
        return f"{row.least} to {row.most}"
    return row.kind.value
