"""What every table of gesso.toml is: strict, closed, and unchangeable once read."""

from pydantic import BaseModel, ConfigDict
from pydantic_core import PydanticCustomError


class Table(BaseModel):
    """A TOML table: typed strictly, unknown keys forbidden, unchangeable once read."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        strict=True,
        validate_default=True,
        use_attribute_docstrings=True,
        validate_by_name=True,
    )


def wrong(key: str, message: str) -> PydanticCustomError:
    """An error about one key of the table (or a path below it: "1.name") that a whole-table rule found."""
    # The message is data, not a template: braces in it must not be filled in.
    return PydanticCustomError("table_rule", "{message}", {"key": key, "message": message})
