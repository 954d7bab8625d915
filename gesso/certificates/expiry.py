"""When the certificate expires that is really served at an address, whoever serves it."""

import asyncio
import logging
import ssl
import time
from urllib.parse import urlsplit

logger = logging.getLogger(__name__)

LOOK_S = 10.0
HTTPS_PORT = 443
# X509_V_ERR_CERT_HAS_EXPIRED of OpenSSL.
EXPIRED = 10


async def expires(url: str, context: ssl.SSLContext | None = None) -> float | None:
    """Seconds since the epoch; for one that has expired, the present moment. None: not known, for nothing
    answers there, or its certificate is not trusted for another reason than its age."""
    parts = urlsplit(url)
    trusted = context or ssl.create_default_context()
    try:
        async with asyncio.timeout(LOOK_S):
            _, writer = await asyncio.open_connection(
                parts.hostname, parts.port or HTTPS_PORT, ssl=trusted, server_hostname=parts.hostname
            )
            try:
                certificate = writer.get_extra_info("peercert") or {}
            finally:
                writer.close()
    except ssl.SSLCertVerificationError as error:
        logger.warning("the certificate of %s is not trusted: %s", parts.hostname, error.verify_message)
        return time.time() if error.verify_code == EXPIRED else None
    except (OSError, ssl.SSLError) as error:
        logger.info("the certificate of %s could not be looked at: %s", parts.hostname, error)
        return None
    told = certificate.get("notAfter")
    return None if told is None else float(ssl.cert_time_to_seconds(told))
