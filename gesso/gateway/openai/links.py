"""Links to pictures that need no key: signed, and good for an hour."""

import hashlib
import hmac
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from urllib.parse import urlencode

from gesso.errors import Forbidden, NotFound

PATH = "/v1/images/content"
LASTS_S = 3600
FIELDS = ("job", "index", "format", "compression", "background", "expires")


@dataclass(frozen=True, slots=True, kw_only=True)
class Linked:
    """What a link leads to: one picture of a job, in the form that was asked for."""

    job: str
    index: int
    format: str
    compression: int
    background: str


class Links:
    """Makes and reads links. `secret` signs them; `clock` gives seconds since 1970."""

    def __init__(self, secret: bytes, *, clock: Callable[[], float] = time.time) -> None:
        self._secret = secret
        self._clock = clock

    def make(self, base: str, linked: Linked) -> str:
        """The whole address; `base` is like "https://gesso.example"."""
        query = {
            "job": linked.job,
            "index": str(linked.index),
            "format": linked.format,
            "compression": str(linked.compression),
            "background": linked.background,
            "expires": str(int(self._clock()) + LASTS_S),
        }
        return f"{base}{PATH}?{urlencode({**query, 'signature': self._sign(query)})}"

    def read(self, query: Mapping[str, str]) -> Linked:
        """What the link leads to. Forbidden where its time is over; NotFound where it is none of ours."""
        signed = {name: query.get(name, "") for name in FIELDS}
        signature = query.get("signature", "").encode("utf-8", "replace")
        if not hmac.compare_digest(self._sign(signed).encode(), signature):
            raise NotFound("This link leads to nothing.", remedy="Ask for the picture again.")
        if int(signed["expires"]) < self._clock():
            raise Forbidden("This link's time is over.", remedy="Ask for the picture again.")
        return Linked(
            job=signed["job"],
            index=int(signed["index"]),
            format=signed["format"],
            compression=int(signed["compression"]),
            background=signed["background"],
        )

    def _sign(self, query: Mapping[str, str]) -> str:
        text = "\n".join(f"{name}={query[name]}" for name in FIELDS)
        return hmac.new(self._secret, text.encode("utf-8", "replace"), hashlib.sha256).hexdigest()
