"""The frontend's settings: one JSON object in one file."""

import json
import logging
import os
from pathlib import Path
from typing import Any

logger = logging.getLogger(__name__)


class Settings:
    """Reads the file each time: it is small, and may be edited by hand while sketch runs."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def read(self) -> dict[str, Any]:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        try:
            content = json.loads(self._path.read_bytes())
        except FileNotFoundError:
            return {}
        except (ValueError, RecursionError):
            logger.exception("the settings in %s are not readable: taken as empty", self._path)
            return {}
        return content if isinstance(content, dict) else {}

    def update(self, changes: dict[str, Any]) -> None:
        """Adds or replaces; the file is whole at any moment."""
        text = json.dumps({**self.read(), **changes}, indent=4)
        new = self._path.with_suffix(".new")
        new.write_text(text)
        os.replace(new, self._path)
