"""Where alarms are sent: addresses as Apprise takes them, and the event log of Windows."""

import logging
import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from typing import Any, Protocol
from urllib.parse import unquote, urlsplit

from gesso.config.alerts import NotifyConfig
from gesso.config.credential import address_of
from gesso.errors import ConfigError
from gesso.logs import Redaction, redaction
from gesso.monitoring.message import Kind, Message

EVENT_LOG = "eventlog"
EVENT_LOG_S = 20.0
REASON_MOST = 300
# A part of an address that is so long is nothing that stands elsewhere in a log by chance.
SURELY_SECRET = 16


class Address(Protocol):
    """Takes messages to somebody. `send` blocks, for as long as the other side lets it: use a thread."""

    name: str
    severity: str
    """The least that is sent there."""

    def send(self, message: Message) -> str | None:
        """Why it was not delivered, without a secret; None: it was. May raise anything."""
        ...

    def hidden(self, text: str) -> str:
        """The text without any part of the address that may be secret."""
        ...


def make_addresses(notify: Sequence[NotifyConfig], environ: Mapping[str, str]) -> tuple[Address, ...]:
    """The configured addresses; ConfigError for one that cannot be used. Takes a second: use a thread."""
    return tuple(_address(each, address_of(each, environ).reveal()) for each in notify)


def _address(config: NotifyConfig, url: str) -> Address:
    if urlsplit(url).scheme == EVENT_LOG:
        return WindowsEventLog(config.name, config.severity)
    return AppriseAddress(config.name, config.severity, url)


class AppriseAddress:
    """Any of the services that Apprise knows."""

    def __init__(self, name: str, severity: str, url: str) -> None:
        self.name, self.severity = name, severity
        self._url = url
        self._own = _parts_hidden(url)
        with _heard().listening() as said:
            plugin = _plugin(url)
        if plugin is None:
            scheme = url.partition(":")[0] if "://" in url else "none"
            raise ConfigError(
                f"alerts.notify {name!r}: Apprise cannot use the address (scheme {scheme!r}): "
                f"{self._reason(said)}.",
                remedy="Its wiki lists how addresses are written: https://github.com/caronc/apprise/wiki.",
            )

    def send(self, message: Message) -> str | None:
        from apprise import NotifyType

        kinds = {
            Kind.CRITICAL: NotifyType.FAILURE,
            Kind.WARNING: NotifyType.WARNING,
            Kind.OVER: NotifyType.SUCCESS,
            Kind.NOTE: NotifyType.INFO,
        }
        with _heard().listening() as said:
            # Made anew each time: an instance waits between its messages, and remembers where it got stuck.
            plugin = _plugin(self._url)
            delivered = plugin is not None and plugin.notify(
                title=message.title, body=message.text, notify_type=kinds[message.kind]
            )
        return None if delivered else self._reason(said)

    def hidden(self, text: str) -> str:
        return redaction.apply(self._own.apply(text))

    def _reason(self, said: Sequence[logging.LogRecord]) -> str:
        """What Apprise said of it: its warnings, and what it tells of the connection in a whisper."""
        told: dict[str, None] = {}
        for record in said:
            text = record.getMessage()
            if record.levelno >= logging.WARNING:
                told[text.strip().rstrip(".")] = None
            elif text.startswith("Socket Exception: "):
                told[_in_short(text.removeprefix("Socket Exception: "))] = None
        text = " ".join("; ".join(told).split()) or "Apprise does not say why"
        return self.hidden(text)[:REASON_MOST]


class WindowsEventLog:
    """The application log of Windows, by way of its own `eventcreate` (which administrators may use)."""

    def __init__(self, name: str, severity: str, platform: str = sys.platform) -> None:
        self.name, self.severity = name, severity
        if platform != "win32":
            raise ConfigError(f"alerts.notify {name!r}: {EVENT_LOG}:// is for Windows; here use syslog://.")

    def send(self, message: Message) -> str | None:
        program = shutil.which("eventcreate")
        if program is None:
            return "there is no program eventcreate"
        done = subprocess.run(  # noqa: S603 - the system's own program, its arguments are texts
            [program, *event_arguments(message)], capture_output=True, text=True, timeout=EVENT_LOG_S
        )
        return (
            None if done.returncode == 0 else self.hidden((done.stderr or done.stdout).strip()[:REASON_MOST])
        )

    def hidden(self, text: str) -> str:
        return redaction.apply(text)


def event_arguments(message: Message) -> list[str]:
    types = {Kind.CRITICAL: "ERROR", Kind.WARNING: "WARNING"}
    text = f"{message.title}\n\n{message.text}"
    return [
        *("/L", "APPLICATION", "/SO", "gesso", "/ID", "1"),
        *("/T", types.get(message.kind, "INFORMATION"), "/D", text),
    ]


class _Heard(logging.Handler):
    """What Apprise says in this thread: only so it tells why it failed. None of it goes to our log."""

    def __init__(self) -> None:
        super().__init__()
        self._of = threading.local()

    @contextmanager
    def listening(self) -> Iterator[list[logging.LogRecord]]:
        said: list[logging.LogRecord] = []
        self._of.records = said
        try:
            yield said
        finally:
            self._of.records = None

    def emit(self, record: logging.LogRecord) -> None:
        records = getattr(self._of, "records", None)
        if records is not None:
            records.append(record)


@cache
def _heard() -> _Heard:
    heard, logger = _Heard(), logging.getLogger("apprise")
    logger.addHandler(heard)
    logger.setLevel(logging.DEBUG)
    logger.propagate = False
    # It writes down paths of requests, and in webhooks these are the secret.
    logging.getLogger("urllib3").setLevel(logging.WARNING)
    return heard


def _plugin(url: str) -> Any:
    import apprise

    asset = apprise.AppriseAsset(app_id="gesso", app_desc="gesso", app_url="")
    plugin = apprise.Apprise.instantiate(url, asset=asset)
    if plugin is not None:
        plugin.notify_format = apprise.NotifyFormat.TEXT
    return plugin


def _parts_hidden(url: str) -> Redaction:
    """All that may be secret in an address: a user, a part of the path, with some services the host."""
    own, parts = Redaction(), urlsplit(url)
    texts = [url, url.partition("://")[2], *re.split(r"[/?&=,;:@#]", url.partition("://")[2])]
    for text in (*texts, *map(unquote, texts)):
        if text.lower() == parts.hostname and _is_host(text):
            continue
        own.add(text)
        if len(text) >= SURELY_SECRET and not _is_host(text):
            redaction.add(text)
    return own


def _is_host(text: str) -> bool:
    """The name of a machine, and not a token in its place."""
    return text == "localhost" or "." in text


def _in_short(text: str) -> str:
    """The last word of a chain of exceptions."""
    found = re.search(r"\[Errno -?\d+\] ([^'\")]+)", text)
    return found[1] if found else text
