"""Engines that can do different things, as one: each job goes where it can run."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from tests.running import wait_for
from tests.service import PLAIN, running_service

# An engine that has a class of its own, and a model file; it is asked what it can do, and never gets a job.
OFFER: dict[str, Any] = {
    "OtherLoader": {
        "input": {"required": {"file": [["b.safetensors"], {}]}},
        "output": ["IMAGE"],
        "output_node": False,
    },
}


class Answers(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        body = {
            "/system_stats": {"system": {"comfyui_version": "0.3.64"}, "devices": []},
            "/object_info": OFFER,
        }.get(self.path)
        self.send_response(404 if body is None else 200)
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        self.wfile.write(json.dumps(body).encode())

    def log_message(self, *_: Any) -> None:
        pass


@contextmanager
def other_engine() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Answers) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()


def test_catalogue_is_that_of_all_and_a_job_no_engine_can_run_is_refused(tmp_path: Path) -> None:
    with other_engine() as url:
        toml = f'[[engine]]\nname = "other"\nkind = "comfyui"\nurl = "{url}"\n'
        with running_service(tmp_path, toml + '[[engine]]\nname = "sketch"\nkind = "sketch"\n') as service:
            both = {"OtherLoader", "SaveImage"}
            wait_for(lambda: both <= service.call("GET", "/object_info").json().keys(), 60)
            fits = service.call("POST", "/prompt", {"prompt": PLAIN}).json()["prompt_id"]
            assert service.ended(fits)["status"]["status_str"] == "success"
            assert service.call("GET", f"/gesso/api/jobs/{fits}").json()["engine"] == "sketch"

            torn = {**PLAIN, "1": {"class_type": "OtherLoader", "inputs": {"file": "b.safetensors"}}}
            refused = service.call("POST", "/prompt", {"prompt": torn})
            assert refused.status == 400
            error = refused.json()["error"]
            assert error["type"] == "no_engine_fits"
            assert error["extra_info"]["lacking"] == {
                "other": ["class:ImageInvert", "class:SaveImage"],
                "sketch": ["class:OtherLoader", "file:OtherLoader.file=b.safetensors"],
            }
