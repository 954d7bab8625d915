"""The kinds of value a setting can have: sizes, addresses, names, paths."""

import ipaddress
import re
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, ValidationInfo

UNITS = {
    "": 1,
    "B": 1,
    "KB": 10**3,
    "MB": 10**6,
    "GB": 10**9,
    "TB": 10**12,
    "KIB": 2**10,
    "MIB": 2**20,
    "GIB": 2**30,
    "TIB": 2**40,
}


def parse_size(value: Any) -> Any:
    """The bytes of "100MB" (decimal), "1.5 GiB" (binary) or a plain number."""
    if not isinstance(value, str):
        return value
    found = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([A-Za-z]*)\s*", value)
    if found is None or found[2].upper() not in UNITS:
        raise ValueError(f"{value!r} is no size; write it like 100MB, 2GB or 512MiB")
    return int(float(found[1]) * UNITS[found[2].upper()])


def size_text(size: int) -> str:
    """A size for people, as `parse_size` takes it: "812 B", "3.4 GB"."""
    amount, unit = float(size), "B"
    for unit in ("B", "KB", "MB", "GB", "TB"):
        if round(amount, 1) < 1000 or unit == "TB":
            break
        amount /= 1000
    return f"{amount:.0f} {unit}" if amount == int(amount) else f"{amount:.1f} {unit}"


def binary_text(size: int) -> str:
    """A size of memory for people, as drivers count and `parse_size` takes it: "512 MiB", "10.5 GiB"."""
    amount, unit = float(size), "B"
    for unit in ("B", "KiB", "MiB", "GiB", "TiB"):
        if round(amount, 1) < 1024 or unit == "TiB":
            break
        amount /= 1024
    return f"{amount:.1f}".removesuffix(".0") + f" {unit}"


def parse_listen(value: str) -> str:
    """Refuses what is not `host:port`."""
    host, port = split_listen(value)
    if not host:
        raise ValueError(f"{value!r} names no host; write it like 127.0.0.1:8700")
    if not 0 <= port <= 65535:
        raise ValueError(f"{value!r}: a port lies between 0 (any free one) and 65535")
    return value


def split_listen(value: str) -> tuple[str, int]:
    """("127.0.0.1", 8700) of "127.0.0.1:8700", ("::1", 8700) of "[::1]:8700"."""
    host, colon, port = value.rpartition(":")
    if not colon or not re.fullmatch(r"[0-9]{1,5}", port):
        raise ValueError(f"{value!r} is no address; write it like 127.0.0.1:8700")
    if host.startswith("[") and host.endswith("]"):
        return host[1:-1], int(port)
    if ":" in host:
        raise ValueError(f"{value!r}: write an IPv6 address in brackets, like [::1]:8700")
    return host, int(port)


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach `host`; a name other than localhost counts as no."""
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def parse_url(value: str) -> str:
    """An http(s) address without a user's name or password in it, and without the last slash."""
    try:
        parts = urlsplit(value)
        port_is_number = parts.port is None or parts.port > 0
    except ValueError as error:
        # Not the cause: it quotes a part of the address, and that may be a password.
        raise ValueError("no usable address; write it like http://gpu2:8188") from error
    if parts.username is not None or parts.password is not None:
        raise ValueError("an address carries no user name or password; use `credential`")
    if parts.scheme not in ("http", "https") or not parts.hostname or not port_is_number:
        raise ValueError(f"{value!r} is no address; write it like http://gpu2:8188")
    if parts.query or parts.fragment:
        raise ValueError(f"{value!r}: an address has no ? or # part here")
    return value.rstrip("/")


def anchor(value: Any, info: ValidationInfo) -> Any:
    """A path as written in the file is relative to the file: `context["base"]`."""
    if not isinstance(value, str | Path):
        return value
    if value == "":
        raise ValueError("an empty path")
    path = Path(value).expanduser()
    base = (info.context or {}).get("base")
    return path if base is None else Path(base) / path


def anchor_program(value: str, info: ValidationInfo) -> str:
    """A program with a slash is a path; a bare name is looked up in PATH."""
    if "/" in value or "\\" in value:
        return str(anchor(value, info))
    return value


Size = Annotated[int, BeforeValidator(parse_size, json_schema_input_type=int | str), Field(ge=0)]
Listen = Annotated[str, AfterValidator(parse_listen)]
Url = Annotated[str, AfterValidator(parse_url)]
FilePath = Annotated[Path, BeforeValidator(anchor)]
Program = Annotated[str, Field(min_length=1), AfterValidator(anchor_program)]
Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]*$", max_length=63)]
Seconds = Annotated[float, Field(ge=0, allow_inf_nan=False)]
