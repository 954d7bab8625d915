"""The leak matrix's table: every HTTP route, with requests for what is another's. Here those of ComfyUI."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from tests.integration.gateway.leak_rows import Ask, Row, admin, elsewhere, own, same
from tests.integration.gateway.leak_table_api import OURS, PAGES
from tests.integration.gateway.leak_table_openai import OPENAI

# What the service of the matrix opens to users.
OPENED = '[gateway.passthrough]\nusers = ["/leaky/*"]\n'


def _save(**inputs: Any) -> dict[str, Any]:
    load = {"class_type": inputs.pop("loader", "LoadImage"), "inputs": inputs}
    save = {"class_type": "SaveImage", "inputs": {"images": ["1", 0], "filename_prefix": "bens"}}
    return {"1": load, "2": save}


BLANK = _save(loader="EmptyImage", width=16, height=16, batch_size=1, color=255)
TAKEN = "the id becomes the job's own, in one namespace for all; only who knows a random id learns that it is"

COMFYUI = (
    own("GET", "/prompt", "/prompt", shows=('"queue_remaining": 3',)),
    own(
        "POST",
        "/prompt",
        Ask(path="/prompt", body={"prompt": BLANK, "client_id": "{client}"}),
        Ask(path="/prompt", body={"prompt": BLANK}, headers={"Idempotency-Key": "{idempotency}"}),
        Ask(path="/prompt", body={"prompt": BLANK, "extra_data": {"client_id": "{client}"}}),
        Ask(path="/prompt", body={"prompt": _save(image="{upload}")}),
        Ask(path="/prompt", body={"prompt": _save(image="{folder}/{output} [output]")}),
        Ask(path="/prompt", body={"prompt": _save(image="{temp} [temp]")}),
        Ask(path="/prompt", body={"prompt": _save(image="gesso/{upload_sha256}.png")}),
        Ask(path="/prompt", body={"prompt": _save(image="{output}", loader="LoadImageOutput")}),
        bites=7,
    ),
    own(
        "POST",
        "/prompt",
        Ask(path="/prompt", body={"prompt": BLANK, "prompt_id": "{job}"}),
        Ask(path="/prompt", body={"prompt": BLANK, "prompt_id": "{running}"}),
        Ask(path="/prompt", body={"prompt": BLANK, "prompt_id": "{queued}"}),
        oracle=TAKEN,
    ),
    own("GET", "/queue", "/queue", shows=("{running}", "{queued}", "SECRET"), all=True),
    own(
        "POST",
        "/queue",
        Ask(path="/queue", body={"delete": ["{queued}", "{running}", "{job}"]}),
        Ask(path="/queue", body={"clear": True}),
        bites=2,
    ),
    own(
        "GET",
        "/history",
        "/history",
        "/history?max_items=1000",
        "/history?max_items=1000&offset=0",
        "/history?max_items=-1",
        "/history?prompt_id={job}",
        shows=("{job}", "{output}", "SECRET"),
        all=True,
    ),
    own(
        "GET",
        "/history/{prompt_id}",
        "/history/{job}",
        "/history/{failed}",
        shows=("{client}", "SECRET"),
        all=True,
    ),
    own(
        "POST",
        "/history",
        Ask(path="/history", body={"delete": ["{failed}", "{job}"]}),
        Ask(path="/history", body={"clear": True}),
        bites=4,
    ),
    own(
        "POST",
        "/interrupt",
        Ask(path="/interrupt", body={"prompt_id": "{running}"}),
        Ask(path="/interrupt", body={"prompt_id": "{queued}"}),
        Ask(path="/interrupt"),
        bites=3,
    ),
    own("GET", "/object_info", "/object_info", shows=("{upload}",)),
    own("GET", "/object_info/{node_class}", "/object_info/LoadImage", shows=("{upload}",)),
    own(
        "POST",
        "/upload/image",
        Ask(path="/upload/image", form={"overwrite": "true"}, picture="{upload}"),
        Ask(path="/upload/image", form={"subfolder": "{folder}", "type": "output"}, picture="{output}"),
        Ask(path="/upload/image", form={"overwrite": "1", "type": "temp"}, picture="{temp}"),
        bites=6,
    ),
    own(
        "POST",
        "/upload/mask",
        Ask(
            path="/upload/mask",
            form={"original_ref": '{"filename": "{upload}", "type": "input"}'},
            picture="mask.png",
        ),
        Ask(
            path="/upload/mask",
            form={"original_ref": '{"filename": "{output}", "subfolder": "{folder}", "type": "output"}'},
            picture="mask.png",
        ),
    ),
    own(
        "GET",
        "/view",
        "/view?filename={upload}&type=input",
        "/view?filename={output}&subfolder={folder}&type=output",
        "/view?filename={temp}&type=temp",
        "/view?filename={upload}&type=input&preview=webp;90",
        "/view?filename={output}&subfolder={folder}&channel=rgb",
        "/view?filename={folder}/{output}%20%5Boutput%5D",
        "/view?filename={output}&subfolder=./{folder}&type=output&rand=1",
        "/view?filename={output}&subfolder={folder}&type=output&job={job}",
        "/view?filename={temp}&type=temp&job={job}",
        shows=("picture",),
        all=True,
    ),
    own(
        "GET",
        "/view",
        "/view?filename={upload_sha256}.png&subfolder=gesso&type=input",
        "/view?filename={upload_sha256}",
        "/view?filename=sha256:{output_sha256}",
        "/view?filename=blake3:{output_sha256}",
        "/view?filename={output_sha256}&type=output",
    ),
    own("GET", "/settings", "/settings", shows=("{setting}", "SECRET")),
    own("POST", "/settings", Ask(path="/settings", body={"{setting}": 1}), bites=5),
    own("GET", "/settings/{name}", "/settings/{setting}", shows=("SECRET",)),
    own("POST", "/settings/{name}", Ask(path="/settings/{setting}", body=2), bites=8),
    own(
        "GET",
        "/userdata",
        "/userdata?dir=workflows",
        "/userdata?dir=workflows&recurse=true&full_info=true",
        "/userdata?dir=workflows&recurse=true&split=true",
        shows=("{saved_file}",),
    ),
    own("GET", "/v2/userdata", "/v2/userdata", "/v2/userdata?path=workflows", shows=("{saved_file}",)),
    own("GET", "/userdata/{file}", "/userdata/{saved}", shows=("SECRET",)),
    own("GET", "/user.css", "/user.css", shows=("SECRET",)),
    own("DELETE", "/userdata/{file}", "/userdata/{saved}", bites=11),
    own(
        "POST",
        "/userdata/{file}/move/{dest}",
        Ask(path="/userdata/{saved}/move/workflows%2Fmoved.json"),
        Ask(path="/userdata/{saved}/move/{saved}"),
        Ask(path="/userdata/workflows%2Fmoved.json/move/{saved}?overwrite=true"),
        bites=9,
    ),
    own(
        "POST",
        "/userdata/{file}",
        Ask(path="/userdata/{saved}", body={"note": "bens"}),
        Ask(path="/userdata/{saved}?overwrite=false&full_info=true", body={"note": "bens"}),
        bites=10,
    ),
    same("/features"),
    same("/users"),
    same("/"),
    same("/system_stats"),
    same("/embeddings"),
    same("/models"),
    same("/models/{folder}", "/models/checkpoints", "/models/{output}", "/models/..%2Foutput"),
    same("/view_metadata/{folder}", "/view_metadata/checkpoints?filename=..%2F..%2Foutput%2F{output}"),
    same("/extensions"),
    same("/i18n"),
    same("/workflow_templates"),
    same("/global_subgraphs"),
    same("/global_subgraphs/{name}", "/global_subgraphs/{job}"),
    same("/node_replacements"),
    same("/experiment/models"),
    same("/experiment/models/{folder}", "/experiment/models/checkpoints", "/experiment/models/output"),
    same(
        "/experiment/models/preview/{folder}/{index}/{path...}",
        "/experiment/models/preview/checkpoints/0/{output}",
        "/experiment/models/preview/output/0/{folder}/{output}",
    ),
    admin("POST", "/free", Ask(path="/free", body={})),
    admin("GET", "/internal/logs"),
    admin("GET", "/internal/logs/raw"),
    admin(
        "PATCH",
        "/internal/logs/subscribe",
        Ask(path="/internal/logs/subscribe", body={"enabled": True, "clientId": "{client}"}),
    ),
    admin("GET", "/internal/folder_paths"),
    admin("GET", "/internal/files/{directory}", "/internal/files/output", "/internal/files/input"),
    same(
        "/leaky/{rest...}",
        "/leaky/{output}",
        "/leaky/..%2fview%3ffilename={output}",
        "/leaky/%2e%2e/history/{job}",
        "/leaky/x/../../history/{job}",
    ),
    *(
        admin(method, "/leaky/{rest...}", Ask(path="/leaky/history/{job}", body={"delete": ["{job}"]}))
        for method in ("POST", "PUT", "PATCH", "DELETE", "OPTIONS")
    ),
    elsewhere("WEBSOCKET", "/ws"),
)
UNKNOWN = (
    admin(
        "ANY",
        "/{unknown...}",
        "/manager/queue/status",
        "/output/{folder}/{output}",
        "/api/jobs2/{job}",
        "/internal/../history/{job}",
        "/internal2/files/output",
        "/users/{account_id}",
    ),
)
ONLY_PLAIN = ("/user.css",)

STATIC = (
    same("/materialdesignicons.min.css"),
    same("/favicon.ico"),
    same("/manifest.json"),
    same("/api/workflow_templates/{path...}", "/api/workflow_templates/{output}"),
    *(
        same(
            f"/{folder}/{{path...}}",
            f"/{folder}/{{folder}}/{{output}}",
            f"/{folder}/%2e%2e/output/{{folder}}/{{output}}",
            f"/{folder}/..%2foutput%2f{{folder}}%2f{{output}}",
        )
        for folder in ("assets", "cursor", "docs", "extensions", "fonts", "scripts", "templates")
    ),
)

# The console's own files: the same for all who are signed in. All others need a row.
CONSOLE = "/gesso/console/"


def rows(table: list[tuple[str, str]]) -> list[Row]:
    """Every row, ComfyUI's also under /api, and the console's files as this `table` has them."""
    console = [same(pattern) for _, pattern in table if pattern.startswith(CONSOLE)]
    return [*COMFYUI, *_under_api(), *UNKNOWN, *STATIC, *OURS, *PAGES, *OPENAI, *console]


def _under_api() -> Iterator[Row]:
    for row in COMFYUI:
        if row.pattern not in ONLY_PLAIN:
            asks = tuple(replace(ask, path=f"/api{ask.path}") for ask in row.asks)
            yield replace(row, pattern=f"/api{row.pattern}", asks=asks, bites=0, alias=True)
