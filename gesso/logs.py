"""Log records as text or JSON lines, with request and job ids, and with secrets taken out by value."""

import hashlib
import json
import logging
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from functools import lru_cache
from typing import TextIO

request_id: ContextVar[str | None] = ContextVar("request_id", default=None)
job_id: ContextVar[str | None] = ContextVar("job_id", default=None)


@contextmanager
def about_job(name: str) -> Iterator[None]:
    """What is logged inside carries this job's id; so does whatever a task logs that is made inside."""
    token = job_id.set(name)
    try:
        yield
    finally:
        job_id.reset(token)


SHORTEST_SECRET = 4
# gesso's own keys, `token=` in a query and credentials in a header, also where nobody registered them;
# each with a word of lower case without which it cannot match: looking for that is ten times as fast.
PATTERNS = (
    ("gesso_", re.compile(r"()(\bgesso_[A-Za-z0-9_-]{20,})")),
    ("=", re.compile(r"([?&](?:token|api_key|key)=)([^&\s\"']+)")),
    ("bearer", re.compile(r"((?i:\bbearer\s+))([A-Za-z0-9._~+/=-]{8,})")),
    ("basic", re.compile(r"((?i:\bbasic\s+))([A-Za-z0-9._~+/=-]{8,})")),
)


def fingerprint(value: str) -> str:
    """The first eight hexadecimal digits of the sha256: enough to compare, too little to guess from."""
    return hashlib.sha256(value.encode()).hexdigest()[:8]


def masked(value: str) -> str:
    """How a secret is shown: "***2bd806c9"."""
    return f"***{fingerprint(value)}"


def shown(text: str) -> str:
    """`text` with what a terminal or a line would take for a command as its code: "\\n", "\\x1b"."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


class Redaction:
    """Replaces every registered secret, wherever it stands in a text."""

    def __init__(self) -> None:
        self._secrets: dict[str, str] = {}
        self._pattern: re.Pattern[str] | None = None

    def add(self, secret: str) -> None:
        """Register a secret; one that is too short would tear ordinary words apart and is left."""
        if len(secret) < SHORTEST_SECRET or secret in self._secrets:
            return
        self._secrets[secret] = masked(secret)
        # The longest first: a secret may contain another.
        longest_first = sorted(self._secrets, key=len, reverse=True)
        self._pattern = re.compile("|".join(re.escape(value) for value in longest_first))

    def apply(self, text: str) -> str:
        if self._pattern is not None:
            text = self._pattern.sub(lambda found: self._secrets[found[0]], text)
        lowered = text.lower()
        for word, pattern in PATTERNS:
            if word in lowered:
                text = pattern.sub(lambda found: found[1] + _masked_once(found[2]), text)
        return text


def _masked_once(value: str) -> str:
    return value if value.startswith("***") else masked(value)


redaction = Redaction()


class _Records(logging.Formatter):
    """Formats without secrets: the finished text is searched, arguments and traceback included."""

    def __init__(self, known: Redaction) -> None:
        super().__init__()
        self._known = known

    def message(self, record: logging.LogRecord) -> str:
        """The message, and the traceback below it; secrets are still in it."""
        return "\n".join([record.getMessage(), *self.below(record)])

    def below(self, record: logging.LogRecord) -> list[str]:
        """The lines of what is told beside the message."""
        told = self.formatException(record.exc_info) if record.exc_info else ""
        return [*told.splitlines(), *(record.stack_info or "").splitlines()]


class TextRecords(_Records):
    """`2026-11-21T10:00:00.123Z INFO gesso.jobs.dispatcher [request 7f3a] [job 91c2] message`

    A line that does not begin with two blanks is a record: what came from outside cannot forge one.
    """

    def format(self, record: logging.LogRecord) -> str:
        ids = "".join(
            f" [{name} {value}]"
            for name, value in (("request", request_id.get()), ("job", job_id.get()))
            if value
        )
        head = f"{_time(record)} {record.levelname} {record.name}{ids}"
        lines = [f"{head} {shown(record.getMessage())}", *(shown(line) for line in self.below(record))]
        return self._known.apply("\n  ".join(lines))


class JsonRecords(_Records):
    """One object per line: time, level, logger, message, and the request and job where there is one."""

    def format(self, record: logging.LogRecord) -> str:
        entry = {
            "time": _time(record),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": self._known.apply(self.message(record)),
        }
        for name, value in (("request_id", request_id.get()), ("job_id", job_id.get())):
            if value:
                entry[name] = self._known.apply(value)
        return json.dumps(entry, ensure_ascii=False)


def _time(record: logging.LogRecord) -> str:
    return f"{_second(int(record.created))}.{int(record.msecs):03}Z"


@lru_cache(maxsize=1)
def _second(moment: int) -> str:
    """The part of the time that many records share: a busy gateway writes thousands in a second."""
    return datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%dT%H:%M:%S")


def configure(kind: str = "text", level: str = "info", stream: TextIO | None = None) -> None:
    """Send every record of this process to `stream` (standard error), in place of what was set up before."""
    output = logging.StreamHandler(stream if stream is not None else sys.stderr)
    output.setFormatter(JsonRecords(redaction) if kind == "json" else TextRecords(redaction))
    # Nobody shows the thread or the process of a record, so they need not be found out.
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
    root = logging.getLogger()
    root.handlers[:] = [output]
    root.setLevel(level.upper())
