"""Which line of a TOML document each key stands on; tomllib does not tell."""

import re
import tomllib
from collections.abc import Callable

Path = tuple[str | int, ...]

_BLANK = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")
_STRING = re.compile(
    r'"""(?:[^\\]|\\.)*?"{3,5}(?!")'
    r"|'''.*?'{3,5}(?!')"
    r'|"(?:[^"\\\n]|\\.)*"'
    r"|'[^'\n]*'",
    re.DOTALL,
)
_KEY = re.compile(r"""(?:"(?:[^"\\\n]|\\.)*"|'[^'\n]*'|[A-Za-z0-9_.\- \t])+""")
_SCALAR = re.compile(r"[^,\]}#\n]+")


def lines_of(text: str) -> dict[Path, int]:
    """The line of each key and table of a *valid* document.

    Example: {("engine", 0): 3, ("engine", 0, "name"): 4, ("engine", 0, "credential", "bearer_file"): 5}.
    """
    return _Scanner(text).document()


def nearest_line(lines: dict[Path, int], path: Path) -> int | None:
    """The line of `path`, or of the innermost table around it that stands in the document."""
    while path:
        if path in lines:
            return lines[path]
        path = path[:-1]
    return None


class _Scanner:
    """Walks a document that tomllib has accepted; on any other its answer is worthless but finite."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._lines: dict[Path, int] = {}
        self._elements: dict[Path, int] = {}

    def document(self) -> dict[Path, int]:
        table: Path = ()
        self._blank()
        while self._at < len(self._text):
            if self._next("[["):
                table = self._header(array=True)
            elif self._next("["):
                table = self._header(array=False)
            else:
                self._pair(table)
            self._blank()
        return self._lines

    def _header(self, *, array: bool) -> Path:
        start = self._at
        keys = self._keys()
        self._next("]]" if array else "]")
        # A header speaks of the last element of every array on its way.
        path: Path = ()
        for key in keys[:-1]:
            path = self._last(*path, key)
        path = (*path, keys[-1])
        if array:
            self._elements[path] = self._elements.get(path, -1) + 1
            self._note(path, start)
        path = self._last(*path)
        self._note(path, start)
        return path

    def _last(self, *path: str | int) -> Path:
        return (*path, self._elements[path]) if path in self._elements else path

    def _pair(self, table: Path) -> None:
        start = self._at
        path = table
        for key in self._keys():
            path = (*path, key)
            self._note(path, start)
        self._next("=")
        self._blank()
        self._value(path)

    def _value(self, path: Path) -> None:
        if self._next("{"):
            self._items("}", lambda _index: self._pair(path))
        elif self._next("["):
            self._items("]", lambda index: self._element((*path, index)))
        else:
            _ = self._take(_STRING) or self._take(_SCALAR) or self._skip()

    def _element(self, path: Path) -> None:
        self._note(path, self._at)
        self._value(path)

    def _items(self, end: str, item: Callable[[int], None]) -> None:
        index = 0
        self._blank()
        while self._at < len(self._text) and not self._next(end):
            item(index)
            index += 1
            self._blank()
            self._next(",")
            self._blank()

    def _keys(self) -> list[str]:
        raw = self._take(_KEY) or self._skip()
        keys: list[str] = []
        # tomllib itself splits the dots and undoes the quotes.
        table: object = tomllib.loads(f"{raw} = 0")
        while isinstance(table, dict):
            (key, table), *_ = table.items()
            keys.append(key)
        return keys

    def _note(self, path: Path, start: int) -> None:
        self._lines.setdefault(path, self._text.count("\n", 0, start) + 1)

    def _blank(self) -> None:
        self._take(_BLANK)

    def _next(self, word: str) -> bool:
        found = self._text.startswith(word, self._at)
        self._at += len(word) if found else 0
        return found

    def _take(self, pattern: re.Pattern[str]) -> str:
        found = pattern.match(self._text, self._at)
        self._at = found.end() if found else self._at
        return found[0] if found else ""

    def _skip(self) -> str:
        self._at += 1
        return "x"
