"""Where templates are: those that come with gesso by name, an operator's own by path."""

import difflib
from importlib.resources import files
from pathlib import Path

from gesso.errors import ConfigError

SUFFIX = ".json"


def shipped() -> tuple[str, ...]:
    """The names of the templates that come with gesso."""
    library = files("gesso") / "workflows" / "library"
    names = (file.name for file in library.iterdir())
    return tuple(sorted(name.removesuffix(SUFFIX) for name in names if name.endswith(SUFFIX)))


def template_text(template: str) -> str:
    """The text of a template's file. ConfigError names the nearest template, or what keeps it from us."""
    if template.endswith(SUFFIX):
        try:
            return Path(template).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
            raise ConfigError(f"the template {template!r} cannot be read: {reason}") from error
    if template not in shipped():
        near = difflib.get_close_matches(template, shipped(), n=1, cutoff=0.4)
        hint = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(shipped())}"
        raise ConfigError(f"there is no template {template!r}; {hint}")
    return (files("gesso") / "workflows" / "library" / (template + SUFFIX)).read_text(encoding="utf-8")
