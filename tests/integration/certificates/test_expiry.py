"""The certificate that is really served: valid, expired, not trusted, not there; by a real TLS server."""

import asyncio
import ssl
import subprocess
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from gesso.certificates.expiry import expires
from gesso.monitoring.certificate import ServedCertificate
from tests.running import free_port

pytestmark = pytest.mark.package("openssl")
DAY_S = 86_400.0


def certificate(folder: Path, *, days: int) -> tuple[Path, Path]:
    """A certificate for localhost that signs itself, and its key."""
    key, chain = folder / "key.pem", folder / "chain.pem"
    request = ["openssl", "req", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=localhost"]
    names = ["-addext", "subjectAltName=DNS:localhost", "-keyout", str(key)]
    subprocess.run(
        [*request, *names, "-x509", "-days", str(days), "-out", str(chain)], check=True, capture_output=True
    )
    return key, chain


def expired(folder: Path) -> tuple[Path, Path]:
    """As `certificate`, but of a day long past."""
    key, _ = certificate(folder, days=1)
    chain, configuration = folder / "old.pem", folder / "ca.conf"
    (folder / "index").touch()
    configuration.write_text(
        f"[ca]\ndefault_ca=c\n[c]\ndatabase={folder}/index\nnew_certs_dir={folder}\nserial={folder}/serial\n"
        "default_md=sha256\npolicy=p\nx509_extensions=x\n[p]\ncommonName=supplied\n[x]\nsubjectAltName=DNS:localhost\n"
    )
    (folder / "serial").write_text("01\n")
    request = folder / "request.pem"
    subject = ["-subj", "/CN=localhost", "-key", str(key), "-out", str(request)]
    subprocess.run(["openssl", "req", "-new", *subject], check=True, capture_output=True)
    dates = ["-startdate", "20200101000000Z", "-enddate", "20200201000000Z"]
    signed = ["openssl", "ca", "-batch", "-selfsign", "-config", str(configuration), "-keyfile", str(key)]
    subprocess.run(
        [*signed, *dates, "-in", str(request), "-out", str(chain)], check=True, capture_output=True
    )
    return key, chain


async def looked(key: Path, chain: Path, *, trusted: bool = True) -> float | None:
    """What is told of a server with that certificate."""
    served = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    served.load_cert_chain(chain, key)
    answer: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]] = _wait
    async with await asyncio.start_server(answer, "127.0.0.1", 0, ssl=served) as server:
        port = server.sockets[0].getsockname()[1]
        context = ssl.create_default_context(cafile=str(chain) if trusted else None)
        return await expires(f"https://localhost:{port}", context)


async def _wait(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read()
    writer.close()


def test_the_end_of_a_valid_one_is_told(tmp_path: Path):
    found = asyncio.run(looked(*certificate(tmp_path, days=20)))
    assert found == pytest.approx(time.time() + 20 * DAY_S, abs=600)


def test_an_expired_one_ends_now(tmp_path: Path):
    assert asyncio.run(looked(*expired(tmp_path))) == pytest.approx(time.time(), abs=60)


def test_of_one_that_is_not_trusted_nothing_is_known(tmp_path: Path):
    assert asyncio.run(looked(*certificate(tmp_path, days=20), trusted=False)) is None


def test_without_https_there_is_nothing_to_look_at():
    served = ServedCertificate("http://localhost:1")
    asyncio.run(served.run())
    assert served.expires is None


def test_where_nothing_listens_nothing_is_known():
    assert asyncio.run(expires(f"https://127.0.0.1:{free_port()}")) is None
