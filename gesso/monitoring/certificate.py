"""Keeps in mind until when the certificate is valid that users see at `gateway.public_url`."""

import asyncio

from gesso.certificates.expiry import expires

EVERY_S = 3600.0


class ServedCertificate:
    """`run` until cancelled. Without a public address with https there is nothing to look at."""

    def __init__(self, url: str | None) -> None:
        self._url = url if url is not None and url.startswith("https://") else None
        self.expires: float | None = None
        """Seconds since the epoch; None: not known, or there is none."""

    async def run(self) -> None:
        while self._url is not None:
            self.expires = await expires(self._url)
            await asyncio.sleep(EVERY_S)
