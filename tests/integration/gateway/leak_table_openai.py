"""The leak matrix's table: OpenAI's API. Who may have what was drawn there is tried with its own library."""

from gesso.gateway.openai.table import NOT_HERE
from tests.integration.gateway.leak_rows import Ask, elsewhere, own, same, strangers

CONTENT = "/v1/images/content"
FORGED = "format=png&compression=100&background=auto&expires=9999999999"
OPENAI = (
    same("/v1/models"),
    same("/v1/models/{name}", "/v1/models/sketch", "/v1/models/{account}", "/v1/models/{output}"),
    same("/v1/models/{name...}", "/v1/models/{folder}/{output}"),
    elsewhere("POST", "/v1/images/generations"),  # it draws, and waits for what runs: test_openai_images.py
    elsewhere("POST", "/v1/images/edits"),
    elsewhere("POST", "/v1/images/variations"),
    elsewhere("POST", "/v1/chat/completions"),
    *(own("POST", path, Ask(path=path, body={"input": "{job}", "model": "{account}"})) for path in NOT_HERE),
    strangers(
        "GET",
        CONTENT,
        f"{CONTENT}?job={{job}}&index=0&{FORGED}&signature=0",
        f"{CONTENT}?job={{running}}&index=0",
        CONTENT,
    ),
)
