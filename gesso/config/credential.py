"""How gesso proves to an engine who it is: the header, with the secret read from where the file says."""

import base64
from collections.abc import Mapping
from pathlib import Path

from gesso.config.alerts import NotifyConfig
from gesso.config.engine import CredentialConfig
from gesso.config.secret import Secret
from gesso.errors import ConfigError
from gesso.logs import redaction


def secret_of(credential: CredentialConfig, environ: Mapping[str, str]) -> Secret:
    """The token or `user:password`; raises ConfigError where there is none. From here on, logs hide it."""
    file = credential.bearer_file or credential.basic_file
    value, place = _read(file, credential.bearer_env or credential.basic_env, environ)
    if (credential.basic_file or credential.basic_env) and ":" not in value:
        raise ConfigError(f"what is in {place} is not of the form user:password")
    redaction.add(value)
    return Secret(value)


def address_of(notify: NotifyConfig, environ: Mapping[str, str]) -> Secret:
    """The address that alarms are sent to; raises ConfigError where there is none. Logs hide it."""
    value, _ = _read(notify.url_file, notify.url_env, environ)
    redaction.add(value)
    return Secret(value)


def _read(file: Path | None, variable: str | None, environ: Mapping[str, str]) -> tuple[str, str]:
    """What stands there, and where that is."""
    if file is not None:
        place = str(file)
        try:
            value = file.read_text(encoding="utf-8").partition("\n")[0].strip()
        except OSError as error:
            raise ConfigError(f"cannot read {place!r}: {error.strerror}") from error
        except UnicodeDecodeError as error:
            raise ConfigError(f"{place!r} is not text") from error
    else:
        place = f"environment variable {variable}"
        value = environ.get(variable or "", "").strip()
    if not value:
        raise ConfigError(f"there is no secret in {place}")
    return value, place


def headers(credential: CredentialConfig | None, environ: Mapping[str, str]) -> dict[str, str]:
    """The Authorization header for an engine; empty where it wants none."""
    if credential is None:
        return {}
    value = secret_of(credential, environ).reveal()
    if credential.bearer_file or credential.bearer_env:
        return {"Authorization": f"Bearer {value}"}
    encoded = base64.b64encode(value.encode()).decode()
    redaction.add(encoded)
    return {"Authorization": f"Basic {encoded}"}
