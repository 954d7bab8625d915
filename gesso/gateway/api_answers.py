"""What all answers and requests of our own API have in common."""

from typing import Any

from pydantic import BaseModel, ConfigDict

# Of routes that answer with a table, too.
CSV: dict[int | str, dict[str, Any]] = {200: {"content": {"text/csv": {"schema": {"type": "string"}}}}}


class Answer(BaseModel):
    model_config = ConfigDict(use_attribute_docstrings=True)


class Asked(BaseModel):
    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)
