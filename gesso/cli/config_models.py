"""Whether the models of a configuration can be used, as far as that shows without engines."""

from gesso.config.load import Examined
from gesso.config.positions import lines_of, nearest_line
from gesso.config.problems import ConfigProblem, key_text
from gesso.errors import ConfigError
from gesso.gateway.openai.models import load_model


def model_problems(examined: Examined) -> list[ConfigProblem]:
    """Each model whose templates are not usable, or do not take what the model would give them."""
    config, found = examined.config, []
    lines = {} if examined.path is None else lines_of(examined.path.read_text(encoding="utf-8"))
    for index, model in enumerate(config.models if config is not None else ()):
        try:
            load_model(model)
        except ConfigError as error:
            path = ("model", index)
            line = nearest_line(lines, path)
            found.append(ConfigProblem(key=key_text(path), message=error.message, line=line))
    return found
