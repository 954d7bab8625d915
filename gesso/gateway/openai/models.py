"""The models: their templates, read once, and whether engines can draw with them now."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gesso.config.models import ModelConfig, split_size
from gesso.config.templates import template_text
from gesso.errors import ConfigError, InvalidParameter, UnknownModel
from gesso.gateway.comfyui.catalogue import Catalogue
from gesso.jobs.condition import Condition
from gesso.jobs.hindrance import Standing, hindrance
from gesso.workflows.catalog import Catalog
from gesso.workflows.denied import is_denied
from gesso.workflows.fill import checked, fill
from gesso.workflows.fitness import obstacles, samples
from gesso.workflows.graph import Prompt, class_of
from gesso.workflows.needs import needs
from gesso.workflows.template import Kind, Template, parse_template

NOT_KNOWN_YET = "no engine has been ready yet"
# What a template must take to be used by a model; what else it needs, nobody would give it.
PROMPT, IMAGE = "prompt", "image"
GIVEN = {PROMPT, "negative_prompt", "width", "height", "count", "seed", "steps", "guidance", "mask"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """One `[[model]]` with its templates, by the key that names them."""

    config: ModelConfig
    templates: Mapping[str, Template]

    @property
    def name(self) -> str:
        return self.config.name

    def template(self, key: str, what: str) -> Template:
        """Raises InvalidParameter where the model has none of that kind."""
        found = self.templates.get(key)
        if found is None:
            message = f"The model {self.name!r} does not {what}."
            raise InvalidParameter(
                message, param="model", remedy=f"`{key}` in its `[[model]]` would make it do so."
            )
        return found


def load_model(config: ModelConfig) -> Model:
    """The model with its templates read. ConfigError says which key is wrong, and why."""
    templates = {}
    for key, name in config.templates.items():
        template = parse_template(template_text(name), name)
        _check_use(key, template)
        templates[key] = template
        _check_defaults(config, template)
    return Model(config=config, templates=templates)


class Models:
    """All models by the names that clients ask for; the first is drawn with where a request names none."""

    def __init__(self, configs: Iterable[ModelConfig], catalogue: Catalogue) -> None:
        self.all = tuple(load_model(config) for config in configs)
        self._by_name = {name: model for model in self.all for name in model.config.names}
        self._catalogue = catalogue
        self._judged: Catalog | None = None
        self._obstacles: dict[tuple[str, str], tuple[str, ...]] = {}

    def named(self, name: str | None) -> Model:
        """Raises UnknownModel."""
        if name is None and self.all:
            return self.all[0]
        if name is None or name not in self._by_name:
            called = "" if name is None else f" {name[:100]!r}"
            message = f"There is no model{called} here, or you have no access to it."
            raise UnknownModel(message, remedy=f"There are {', '.join(self._by_name)}." if self.all else None)
        return self._by_name[name]

    def stopped(self, model: Model, key: str) -> str | None:
        """That whatever could draw with this template is stopped, so that a job would wait for somebody who
        starts it; None: there is nothing to wait for, or it comes by itself."""
        engines = self._catalogue.stopped(_least(model.templates[key]))
        standing = [Standing(engine=each, condition=Condition.STOPPED) for each in engines]
        return hindrance(standing) if standing else None

    def why_not(self, model: Model, key: str, denied: Sequence[str]) -> tuple[str, ...]:
        """Why nothing can be drawn now with this template of the model; empty if it can."""
        catalog = self._catalogue.now()
        if catalog is None:
            return (NOT_KNOWN_YET,)
        if stopped := self.stopped(model, key):
            return (stopped,)
        if self._judged is not catalog:
            self._judged, self._obstacles = catalog, {}
        template = model.templates[key]
        if (model.name, key) not in self._obstacles:
            self._obstacles[model.name, key] = obstacles(template, catalog) or self._apart(template, catalog)
        classes = {class_of(node) or "" for node in template.workflow.values()}
        refused = sorted(name for name in classes if is_denied(name, denied))
        return (
            *(f"your role may not use the node class {name}" for name in refused),
            *self._obstacles[model.name, key],
        )

    def _apart(self, template: Template, catalog: Catalog) -> tuple[str, ...]:
        """What each engine lacks, where no one engine has everything."""
        lacks = self._catalogue.lacking(needs(_least(template), catalog).ids())
        return tuple(f"the engine {name} lacks {', '.join(missing)}" for name, missing in lacks.items())


def _least(template: Template) -> Prompt:
    """The workflow with the least that it can be given: what it needs of an engine."""
    return fill(template, next(samples(template)))


def size_of(model: Model) -> dict[str, Any] | None:
    """The sizes it draws in: the usual one, the only ones to choose from, the bounds; None: it decides."""
    template = model.templates.get("template") or model.templates["edit_template"]
    width, height = template.parameters.get("width"), template.parameters.get("height")
    if width is None or height is None:
        return None

    def written(across: float | None, down: float | None) -> str | None:
        return None if across is None or down is None else f"{across:.0f}x{down:.0f}"

    return {
        "usual": model.config.defaults.size or written(width.default, height.default),
        "choices": list(model.config.limits.sizes),
        "least": written(width.minimum, height.minimum),
        "most": written(width.maximum, height.maximum),
        "multiple": max(width.multiple, height.multiple),
        "pixels": model.config.limits.pixels,
    }


def _check_use(key: str, template: Template) -> None:
    wanted = {"template": {PROMPT}, "edit_template": {PROMPT, IMAGE}, "variation_template": {IMAGE}}[key]
    if missing := sorted(wanted - template.parameters.keys()):
        raise ConfigError(f"{template.name!r} has no parameter {missing[0]!r}, so it cannot be `{key}`.")
    given = {*GIVEN, *template.images} if IMAGE in wanted else GIVEN - {"mask"}
    for parameter in template.parameters.values():
        if parameter.required and (parameter.name not in given or parameter.name == "mask"):
            raise ConfigError(f"{template.name!r} needs {parameter.name!r}, which no request gives.")
    kinds = {"prompt": Kind.TEXT, "width": Kind.INTEGER, "height": Kind.INTEGER, "count": Kind.INTEGER}
    for name, kind in (
        kinds | {"seed": Kind.INTEGER, "steps": Kind.INTEGER, "guidance": Kind.NUMBER}
    ).items():
        if name in template.parameters and template.parameters[name].kind is not kind:
            raise ConfigError(
                f"{name!r} of {template.name!r} is {template.parameters[name].kind}, not {kind}."
            )


def _check_defaults(config: ModelConfig, template: Template) -> None:
    """What the model draws where nothing is said must be something that its templates take."""
    defaults = config.defaults
    values = {"steps": defaults.steps, "guidance": defaults.guidance}
    sizes = [*config.limits.sizes, *([defaults.size] if defaults.size else [])]
    wanted = [(name, value) for name, value in values.items() if value is not None]
    wanted += [pair for size in sizes for pair in zip(("width", "height"), split_size(size), strict=True)]
    for name, value in wanted:
        if name in template.parameters:
            try:
                checked(template.parameters[name], value)
            except InvalidParameter as error:
                raise ConfigError(f"the template {template.name!r}: {error.message}") from error
