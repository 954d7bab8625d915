"""Other clients than OpenAI's Python library: what they were seen to send, and they themselves if present.

`GESSO_LITELLM` names a Python that has litellm (its openai is older than the one our tests need, so it is no
part of the environment), `GESSO_NODE_OPENAI` a folder with OpenAI's package for Node in it.
"""

import base64
import http.client
import json
import os
import subprocess
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import openai
import pytest
from PIL import Image

from tests.running import wait_for
from tests.service import ENGINE, UNHURRIED, RunningGesso, running_service

CLIENTS = Path(__file__).parents[2] / "clients"
RECORDED = [
    pytest.param(record, id=f"{file.stem} {record['what']}")
    for file in sorted(CLIENTS.glob("*.json"))
    for record in json.loads(file.read_text())
]
HASTE = "defaults = { steps = 2 }\n"


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningGesso]:
    directory = tmp_path_factory.mktemp("gesso")
    strokes = json.loads((CLIENTS.parent / "templates" / "strokes.json").read_text())
    strokes["workflow"]["4"]["inputs"] |= {"seconds": 0.1, "steps": 30}
    (directory / "slow.json").write_text(json.dumps(strokes))
    templates = {"template": "text-to-image", "edit_template": "edit", "variation_template": "variation"}
    sketch = "".join(f"{key} = 'sketch-{name}'\n" for key, name in templates.items())
    slow = "[[model]]\nname = 'slow'\ntemplate = 'slow.json'\n"
    models = f"[[model]]\nname = 'sketch'\n{sketch}{HASTE}{slow}"
    with running_service(directory, ENGINE + UNHURRIED + models) as service:
        yield service


@pytest.mark.parametrize("record", RECORDED)
def test_what_a_client_was_seen_to_send_is_drawn(service: RunningGesso, record: dict[str, Any]) -> None:
    body = base64.b64decode(record["base64"]) if "base64" in record else record["body"].encode()
    headers = {name: value.replace("{key}", service.key) for name, value in record["headers"].items()}
    connection = http.client.HTTPConnection("127.0.0.1", service.port, timeout=60)
    try:
        chunked = "chunked" in headers.get("transfer-encoding", "")
        connection.request(
            record["method"],
            record["path"],
            iter([body[:100], body[100:]]) if chunked else body,
            headers,
            encode_chunked=chunked,
        )
        answer = connection.getresponse()
        told = answer.read()
    finally:
        connection.close()
    assert answer.status == 200, told
    assert pictures(answer.headers["content-type"], told) == record["pictures"]


def pictures(content_type: str, told: bytes) -> int:
    """How many pictures an answer or a stream of either API brings."""
    if content_type.startswith("text/event-stream"):
        return told.count(b'"b64_json"') + told.count(b"data:image/")
    return len(json.loads(told).get("data") or json.loads(told)["choices"])


def test_azures_client_draws_with_the_model_that_its_address_names(service: RunningGesso) -> None:
    known: Any = {"azure_endpoint": service.url, "api_version": "2025-04-01-preview"}
    with openai.AzureOpenAI(**known, api_key=service.key, azure_deployment="sketch") as client:
        assert client.images.generate(prompt="a heart").data
        assert client.images.generate(model="slow", prompt="a heart", size="64x64").size == "64x64"
    with openai.AzureOpenAI(**known, api_key=service.key) as client:
        with pytest.raises(openai.NotFoundError) as refused:
            client.images.generate(model="nobodys", prompt="a heart")
        assert refused.value.code == "model_not_found"
    with openai.AzureOpenAI(**known, api_key="wrong") as client, pytest.raises(openai.AuthenticationError):
        client.images.generate(model="sketch", prompt="a heart")


@pytest.mark.parametrize("base", ["", "/openai/v1", "/openai/v1/"])
def test_the_api_is_also_where_other_clients_look_for_it(service: RunningGesso, base: str) -> None:
    with openai.OpenAI(base_url=service.url + base, api_key=service.key) as client:
        assert client.images.generate(prompt="a heart").data
        assert client.chat.completions.create(
            model="sketch", messages=[{"role": "user", "content": "a heart"}]
        ).choices


def ask_to_draw(service: RunningGesso, key: str) -> http.client.HTTPConnection:
    """As LiteLLM does, whose repetitions look like the first request."""
    headers = {"Authorization": f"Bearer {key}", "User-Agent": "litellm/1.106.2"}
    connection = http.client.HTTPConnection("127.0.0.1", service.port, timeout=60)
    connection.request(
        "POST", "/v1/images/generations", '{"model": "slow", "prompt": "a heart", "steps": 15}', headers
    )
    return connection


def test_a_client_that_repeats_without_saying_so_finds_its_job(service: RunningGesso) -> None:
    key = service.new_key("impatient")
    first = ask_to_draw(service, key)
    wait_for(lambda: count_jobs(service, key), 30)
    first.close()
    wait_for(lambda: "/v1/images/generations 499" in service.log(), 30)
    with closing(ask_to_draw(service, key)) as second:
        answer = second.getresponse()
        assert answer.status == 200 and answer.read()
    assert count_jobs(service, key) == 1
    with closing(ask_to_draw(service, key)) as another:
        assert another.getresponse().status == 200
    assert count_jobs(service, key) == 2


def test_a_service_that_acts_for_others_draws_for_each_of_its_users(service: RunningGesso) -> None:
    key = service_key(service, "webui")
    asked = {"prompt": "a heart", "size": "64x64"}
    for headers, more in (
        ({"X-OpenWebUI-User-Email": "ada@example.org", "X-OpenWebUI-User-Id": "1"}, {}),
        ({"X-OpenWebUI-User-Email": "ben@example.org"}, {"user": "somebody"}),
        ({}, {"user": "65f1"}),
        ({}, {}),
    ):
        told = service.call("POST", "/v1/images/generations", asked | more, headers=headers, key=key)
        assert told.status == 200, told.body
    owners = {job["owner"] for job in service.call("GET", "/gesso/api/jobs?all=true").json()["jobs"]}
    assert {"webui~ada@example.org", "webui~ben@example.org", "webui~65f1", "webui"} <= owners
    assert count_jobs(service, key) == 1
    listed = service.call("GET", "/history", key=key).json()
    assert len(listed) == 1


def test_a_person_is_the_same_however_the_name_is_written(service: RunningGesso) -> None:
    key = service_key(service, "umlauts")
    named = "zo\u00eb@example.org"
    for headers, more in (
        ({"X-Gesso-User": named}, {}),  # Latin-1 on the wire
        ({"X-Gesso-User": named.encode().decode("latin-1")}, {}),  # UTF-8 on the wire
        ({"X-Gesso-User": "zo%C3%AB@example.org"}, {}),
        ({"X-OpenWebUI-User-Email": "zoe\u0308@example.org".encode().decode("latin-1")}, {}),
        ({}, {"user": named}),
    ):
        told = service.call(
            "POST",
            "/v1/images/generations",
            {"prompt": "x", "size": "64x64"} | more,
            headers=headers,
            key=key,
        )
        assert told.status == 200, told.body
    (person,) = persons_of(service, "umlauts")
    assert person.startswith("umlauts~zo-@example.org~")


def test_a_request_that_is_refused_makes_no_person(service: RunningGesso) -> None:
    key = service_key(service, "careless")
    for asked, status in (
        ({"prompt": "x", "model": "nobodys"}, 404),
        ({"prompt": "x", "n": 9, "model": "slow"}, 400),
        ({"prompt": "x", "size": "1x1"}, 400),
    ):
        told = service.call("POST", "/v1/images/generations", asked | {"user": "eve"}, key=key)
        assert told.status == status, told.body
    for header in ("x-gesso-job", "Idempotency-Key"):
        asked, sent = {"prompt": "x", "user": "eve"}, {header: ""}
        told = service.call("POST", "/v1/images/generations", asked, headers=sent, key=key)
        assert told.status == 400, told.body
    assert persons_of(service, "careless") == []


def service_key(service: RunningGesso, name: str) -> str:
    """Of a new account that may act for others."""
    service.new_key(name)
    asked = {"account": name, "name": "chat", "scopes": ["jobs:own", "jobs:for-others"]}
    return str(service.call("POST", "/gesso/api/keys", asked).json()["token"])


def persons_of(service: RunningGesso, name: str) -> list[str]:
    users = service.call("GET", "/gesso/api/users").json()["users"]
    return [user["name"] for user in users if user["name"].startswith(f"{name}~")]


def test_what_other_clients_say_of_persons_means_nothing(service: RunningGesso) -> None:
    for key in (service.new_key("cyd"), service.key):
        before = count_jobs(service, key)
        told = service.call(
            "POST",
            "/v1/images/generations",
            {"prompt": "a heart", "user": "dan"},
            headers={"X-OpenWebUI-User-Email": "dan@example.org", "X-Gesso-User": "dan"},
            key=key,
        )
        assert told.status == 200 and count_jobs(service, key) == before + 1
    assert "~dan" not in json.dumps(service.call("GET", "/gesso/api/users").json())


def count_jobs(service: RunningGesso, key: str) -> int:
    return len(service.call("GET", "/gesso/api/jobs", key=key).json()["jobs"])


def run(*command: str) -> Any:
    done = subprocess.run(command, capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def test_litellm_draws_each_picture_once(service: RunningGesso) -> None:
    python = os.environ.get("GESSO_LITELLM")
    if python is None:
        pytest.skip("GESSO_LITELLM names no Python with litellm")
    key = service.new_key("litellm")
    told = run(python, str(CLIENTS / "litellm_client.py"), service.url, key)
    assert "no model 'nobodys'" in told.pop("error")
    assert told == {"generation": 2, "edit": 2, "variation": 1, "azure": 1, "router": 1, "retried": 1}
    assert count_jobs(service, key) == len(told)


def test_openais_package_for_node_draws_each_picture_once(service: RunningGesso, tmp_path: Path) -> None:
    folder = os.environ.get("GESSO_NODE_OPENAI")
    if folder is None:
        pytest.skip("GESSO_NODE_OPENAI names no folder with OpenAI's package for Node")
    picture, mask = tmp_path / "picture.png", tmp_path / "mask.png"
    Image.new("RGB", (16, 16), "red").save(picture)
    Image.new("RGBA", (16, 16)).save(mask)
    key = service.new_key("node")
    told = run("node", str(CLIENTS / "node_client.mjs"), folder, service.url, key, str(picture), str(mask))
    assert told.pop("variation").startswith(f"{service.url}/v1/images/content?")
    assert told == {
        "models": ["sketch", "slow"],
        "generation": 2,
        "stream": ["image_generation.partial_image", "image_generation.completed"],
        "edit": 2,
        "read": 1,
        "unknown": ["NotFoundError", 404, "model_not_found", None],
        "refused": ["BadRequestError", 400, "invalid_value", "n"],
        "stranger": ["AuthenticationError", 401, "invalid_api_key", None],
        "azure": 1,
        "retried": 1,
    }
    assert count_jobs(service, key) == len(
        ("generation", "stream", "edit", "read", "variation", "azure", "retried")
    )
