"""The leak matrix's table: OpenAI's API. Who may have what was drawn there is tried with its own library."""

from tests.integration.gateway.leak_rows import elsewhere, same, strangers

CONTENT = "/v1/images/content"
FORGED = "format=png&compression=100&background=auto&expires=9999999999"
OPENAI = (
    same("/v1/models"),
    same("/v1/models/{name...}", "/v1/models/sketch", "/v1/models/{account}", "/v1/models/{output}"),
    elsewhere("POST", "/v1/images/generations"),  # it draws, and waits for what runs: test_openai_images.py
    elsewhere("POST", "/v1/images/edits"),
    elsewhere("POST", "/v1/images/variations"),
    strangers(
        "GET",
        CONTENT,
        f"{CONTENT}?job={{job}}&index=0&{FORGED}&signature=0",
        f"{CONTENT}?job={{running}}&index=0",
        CONTENT,
    ),
)
