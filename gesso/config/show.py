"""The configuration as it may be shown: complete, defaults included, without a secret."""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

from gesso.config.credential import secret_of
from gesso.config.schema import Config
from gesso.errors import ConfigError
from gesso.logs import masked

_SECRET_NAME = re.compile(r"token|secret|passw|credential|(?:^|_)(?:key|auth|pat)(?:$|_)", re.IGNORECASE)


def secret_values(config: Config) -> Iterator[str]:
    """Every secret that stands in the file itself."""
    if config.storage.database is not None:
        password = urlsplit(config.storage.database.reveal()).password
        if password:
            yield password
    for engine in config.engines:
        yield from (value for name, value in engine.environment.items() if _SECRET_NAME.search(name))


def shown(config: Config, environ: Mapping[str, str]) -> dict[str, Any]:
    """Plain values for JSON; each secret is `***` and its fingerprint."""
    data = config.model_dump(mode="json", by_alias=True)
    data["storage"]["database"] = _without_password(config.storage.database_url)
    for engine, entry in zip(config.engines, data["engine"], strict=True):
        for name, value in engine.environment.items():
            if _SECRET_NAME.search(name):
                entry["environment"][name] = masked(value)
        if engine.credential is not None:
            given = {key: value for key, value in entry["credential"].items() if value is not None}
            try:
                entry["credential"] = {**given, "secret": str(secret_of(engine.credential, environ))}
            except ConfigError as error:
                entry["credential"] = {**given, "secret": f"unknown: {error.message}"}
    return data


def _without_password(url: str) -> str:
    password = urlsplit(url).password
    return url.replace(f":{password}@", f":{masked(password)}@", 1) if password else url


def as_toml(data: Mapping[str, Any]) -> str:
    """What `shown` gives, laid out as gesso.toml; a key that is not set stands there as a comment."""
    return "\n\n".join("\n".join(part) for part in _tables(data)) + "\n"


def _tables(data: Mapping[str, Any]) -> Iterator[list[str]]:
    for name, table in data.items():
        if isinstance(table, list):
            yield from ([f"[[{name}]]", *map(_line, entry.items())] for entry in table)
            continue
        inner = {key: value for key, value in table.items() if _is_table(value)}
        own = [_line(item) for item in table.items() if item[0] not in inner]
        if own:
            yield [f"[{name}]", *own]
        yield from _tables({f"{name}.{key}": value for key, value in inner.items()})


def _is_table(value: Any) -> bool:
    """It is one, or a list of them."""
    return isinstance(value, Mapping) or (
        isinstance(value, list) and bool(value) and all(isinstance(each, Mapping) for each in value)
    )


def _line(item: tuple[str, Any]) -> str:
    key, value = item
    if key == "credential" and value is not None:
        # `secret` is no key of the file; what is shown should be usable as one.
        given = {name: one for name, one in value.items() if name != "secret"}
        return f"{key} = {_value(given)}  # secret {value['secret']}"
    return f"# {key} is not set" if value is None else f"{key} = {_value(value)}"


def _value(value: Any) -> str:
    if isinstance(value, Mapping):
        given = {key: one for key, one in value.items() if one is not None}
        inner = ", ".join(f"{_key(key)} = {_value(one)}" for key, one in given.items())
        return f"{{ {inner} }}" if inner else "{}"
    if isinstance(value, list):
        return f"[{', '.join(map(_value, value))}]"
    return json.dumps(value, ensure_ascii=False)


def _key(key: str) -> str:
    return key if re.fullmatch(r"[A-Za-z0-9_-]+", key) else json.dumps(key, ensure_ascii=False)
