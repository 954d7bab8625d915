"""What is shown is complete, usable as a file, and without a secret."""

import tomllib

from gesso.config.schema import parse
from gesso.config.show import as_toml, secret_values, shown
from gesso.logs import fingerprint

DATA = {
    "storage": {"database": "postgresql://gesso:geheim123@db/gesso"},
    "engine": [
        {
            "name": "a",
            "kind": "comfyui",
            "directory": "/srv/ComfyUI",
            "arguments": ['--say="hi"', "ü"],
            "environment": {"HF_TOKEN": "geheim456", "HF_HOME": "/srv/hf", "my dir": "/srv"},
        },
        {"name": "b", "kind": "comfyui", "url": "http://gpu2", "credential": {"bearer_env": "TOKEN"}},
    ],
}


def test_secrets_are_shown_as_stars_and_fingerprint() -> None:
    text = as_toml(shown(parse(DATA), {"TOKEN": "geheim789"}))
    assert "geheim" not in text
    for secret in ("geheim123", "geheim456", "geheim789"):
        assert f"***{fingerprint(secret)}" in text


def test_what_is_shown_can_be_read_again() -> None:
    config = parse({"engine": DATA["engine"]})
    again = parse(tomllib.loads(as_toml(shown(config, {"TOKEN": "geheim789"}))))
    assert again.gateway == config.gateway
    assert again.engines[0].arguments == config.engines[0].arguments
    assert again.engines[1] == config.engines[1]
    assert again.storage.database_url == config.storage.database_url


def test_a_secret_that_is_absent_is_shown_as_unknown() -> None:
    assert shown(parse(DATA), {})["engine"][1]["credential"]["secret"].startswith("unknown: ")


def test_the_secrets_of_the_file_are_known_to_the_logs() -> None:
    assert set(secret_values(parse(DATA))) == {"geheim123", "geheim456"}


def test_tables_that_stand_in_the_file_several_times_are_shown_so() -> None:
    alerts = {
        "off": ["vram"],
        "notify": [{"name": "ops", "url_env": "OPS"}, {"name": "mail", "url_file": "/srv/mail"}],
    }
    text = as_toml(shown(parse({"alerts": alerts}), {"OPS": "json://geheim123456"}))
    assert "geheim" not in text and text.count("[[alerts.notify]]") == 2
    assert parse(tomllib.loads(text)).alerts == parse({"alerts": alerts}).alerts
