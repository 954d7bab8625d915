"""Three engines as one: what dies, joins or leaves loses no job, and each gets what it can run."""

import os
import signal
import sys
from pathlib import Path
from typing import Any

from tests.fleet import (
    PATIENCE_S,
    User,
    at_engine,
    engines,
    executions,
    files_of_jobs,
    lasting,
    new_user,
    running_fleet,
)
from tests.integration.sketch.exchange import send_json
from tests.integration.sketch.workflows import Prompt
from tests.running import free_port, running_sketch, wait_for
from tests.service import RunningGesso, running_service

# An engine as somebody may have it: some of sketch's classes it lacks, a loader of model files it has.
OTHER = """
import os
import numpy as np
from gesso.sketch import registry
from gesso.sketch.command import main
from gesso.sketch.node import Node, Spec
from gesso.sketch.nodes.declare import choice

class OtherLoader(Node):
    found = choice(lambda folders: sorted(os.listdir(folders.directory / "models" / "checkpoints")))
    said = {"display_name": "Other", "category": "test", "module": "test"}
    spec = Spec(**said, required={"name": found}, outputs=("IMAGE",))

    def execute(self, name):
        return (np.zeros((1, 16, 16, 3), np.float32),)

del registry.NODES[os.environ["LACKS"]]
registry.NODES["OtherLoader"] = OtherLoader
main()
"""


def ids_of(queue: dict[str, Any], part: str) -> list[str]:
    return [item[1] for item in queue.get(part, ())]


def all_succeeded(user: User, job_ids: list[str]) -> None:
    """Each of them is in the history, once, with its one picture."""
    assert sorted(user.history()) == sorted(job_ids)
    jobs = {job["id"]: job for job in user.jobs()}
    assert {job_id: jobs[job_id]["state"] for job_id in job_ids} == dict.fromkeys(job_ids, "succeeded")
    assert {job_id: jobs[job_id]["file_count"] for job_id in job_ids} == dict.fromkeys(job_ids, 1)
    assert user.queue() == {"queue_running": [], "queue_pending": []}


def test_engine_killed_with_a_job_that_runs_and_one_that_waits_there_loses_none(tmp_path: Path) -> None:
    with running_fleet(tmp_path) as service:
        user = new_user(service, "ada")
        teach = [user.submit(lasting(0.1, seed)) for seed in range(3)]
        wait_for(lambda: user.remaining() == 0, PATIENCE_S)
        job_ids = [user.submit(lasting(0.8, seed)) for seed in range(10, 22)]
        victim, running, waiting = wait_for(lambda: _with_two(service), PATIENCE_S)[0]
        os.kill(victim["pid"], signal.SIGKILL)
        wait_for(lambda: user.remaining() == 0, PATIENCE_S)
        all_succeeded(user, teach + job_ids)
        jobs = {job["id"]: job for job in user.jobs()}
        assert [jobs[each]["attempt"] for each in (running, waiting)] == [2, 2]
        assert all(jobs[each]["attempt"] == 1 for each in job_ids if each not in (running, waiting))
        ran = executions([each["url"] for each in engines(service)], teach + job_ids)
        assert set(ran.values()) == {1}
        assert {running, waiting} <= ran.keys()
        assert files_of_jobs(service) == dict.fromkeys(teach + job_ids, 1)
        assert "Traceback" not in service.log()


def _with_two(service: RunningGesso) -> list[tuple[dict[str, Any], str, str]]:
    """Engines with a job that runs and one that waits for it, and the two."""
    found = []
    for engine in engines(service):
        queue = at_engine(engine["url"])
        running, waiting = ids_of(queue, "queue_running"), ids_of(queue, "queue_pending")
        if running and waiting:
            found.append((engine, running[0], waiting[0]))
    return found


def test_gesso_killed_again_and_again_runs_each_of_thirty_jobs_once(tmp_path: Path) -> None:
    with running_fleet(tmp_path) as service:
        user = new_user(service, "ada")
        urls = [each["url"] for each in engines(service)]
        job_ids = [user.submit(lasting(0.3, seed)) for seed in range(30)]
        for ended in (4, 15):
            wait_for(lambda ended=ended: executions(urls, job_ids).total() >= ended, PATIENCE_S)  # type: ignore[misc]
            service.kill()
            service.launch()
        wait_for(lambda: user.remaining() == 0, PATIENCE_S)
        all_succeeded(user, job_ids)
        assert {each["url"] for each in engines(service)} == set(urls), "an engine was started anew"
        assert executions(urls, job_ids) == dict.fromkeys(job_ids, 1)
        assert files_of_jobs(service) == dict.fromkeys(job_ids, 1)
        assert "Traceback" not in service.log()


def test_engine_that_joins_takes_jobs_and_leaves_them_to_the_others_when_it_dies(tmp_path: Path) -> None:
    port = free_port()
    toml = '[jobs]\nunreachable_s = 2\n[[engine]]\nname = "here"\nkind = "sketch"\n'
    toml += f'[[engine]]\nname = "far"\nkind = "comfyui"\nurl = "http://127.0.0.1:{port}"\n'
    with running_service(tmp_path / "gesso", toml) as service:
        user = new_user(service, "ada")
        job_ids = [user.submit(lasting(0.5, seed)) for seed in range(4)]
        with running_sketch(tmp_path / "far", port=port) as sketch:
            wait_for(lambda: service.engine("far")["ready"], PATIENCE_S)
            job_ids += [user.submit(lasting(0.5, seed)) for seed in range(10, 20)]
            wait_for(lambda: succeeded_on(user, "far") and at_engine(sketch.url)["queue_running"], PATIENCE_S)
            sketch.process.kill()
            sketch.process.wait(10)
        wait_for(lambda: user.remaining() == 0, PATIENCE_S)
        all_succeeded(user, job_ids)
        jobs = {job["id"]: job for job in user.jobs()}
        again = {job_id for job_id in job_ids if jobs[job_id]["attempt"] == 2}
        there = succeeded_on(user, "far")
        assert again
        assert not there & again
        assert executions([service.engine("here")["url"]], job_ids) == dict.fromkeys(set(job_ids) - there, 1)
        assert files_of_jobs(service) == dict.fromkeys(job_ids, 1)
        with running_sketch(tmp_path / "far", port=port) as sketch:
            wait_for(lambda: service.engine("far")["ready"], 60)
            last = [user.submit(lasting(0.5, seed)) for seed in range(100, 104)]
            wait_for(lambda: user.remaining() == 0, PATIENCE_S)
            assert {user.job(job_id)["engine"] for job_id in last} == {"here", "far"}
        assert "Traceback" not in service.log()


def succeeded_on(user: User, engine: str) -> set[str]:
    return {job["id"] for job in user.jobs() if (job["state"], job["engine"]) == ("succeeded", engine)}


def test_each_job_goes_to_an_engine_that_has_its_classes_and_models(tmp_path: Path) -> None:
    toml = '[[engine]]\nname = "plain"\nkind = "sketch"\n'
    for name, lacks in (("a", "ImageBlur"), ("b", "ImageInvert")):
        toml += other_engine(tmp_path / name, name, lacks)
    with running_fleet(tmp_path / "gesso", toml) as service:
        user = new_user(service, "ada")
        blur, invert = {"blur_radius": 1, "sigma": 1.0}, dict[str, Any]()
        wanted = {
            "blur": (image("EmptyImage", EMPTY, "ImageBlur", blur), {"plain", "b"}),
            "invert": (image("EmptyImage", EMPTY, "ImageInvert", invert), {"plain", "a"}),
            "a": (image("OtherLoader", {"name": "a.safetensors"}), {"a"}),
            "b": (image("OtherLoader", {"name": "b.safetensors"}), {"b"}),
            "blur b": (image("OtherLoader", {"name": "b.safetensors"}, "ImageBlur", blur), {"b"}),
        }
        asked = [(user.submit(prompt), able) for _ in range(4) for prompt, able in wanted.values()]
        wait_for(lambda: user.remaining() == 0, PATIENCE_S)
        all_succeeded(user, [job_id for job_id, _ in asked])
        assert all(user.job(job_id)["engine"] in able for job_id, able in asked)
        torn = image("OtherLoader", {"name": "a.safetensors"}, "ImageBlur", blur)
        refused = send_json(user.url, "POST", "/prompt", {"prompt": torn})
        assert refused.status == 400
        assert refused.json["error"]["extra_info"]["lacking"] == {
            "plain": ["class:OtherLoader", "file:OtherLoader.name=a.safetensors"],
            "a": ["class:ImageBlur"],
            "b": ["file:OtherLoader.name=a.safetensors"],
        }
        unknown = send_json(user.url, "POST", "/prompt", {"prompt": image("OtherLoader", {"name": "c.ckpt"})})
        assert [each["type"] for each in unknown.json["node_errors"]["1"]["errors"]] == ["value_not_in_list"]


EMPTY = {"width": 16, "height": 16, "batch_size": 1, "color": 0}


def image(
    source: str, inputs: dict[str, Any], effect: str = "", more: dict[str, Any] | None = None
) -> Prompt:
    """A picture from the source, through the effect if there is one, into a file."""
    prompt: Prompt = {"1": {"class_type": source, "inputs": inputs}}
    if effect:
        prompt["2"] = {"class_type": effect, "inputs": {"image": ["1", 0], **(more or {})}}
    last = "2" if effect else "1"
    prompt["3"] = {"class_type": "SaveImage", "inputs": {"images": [last, 0], "filename_prefix": "made"}}
    return prompt


def other_engine(directory: Path, name: str, lacks: str) -> str:
    """Its configuration; it is in `directory`, as ComfyUI would be."""
    (directory / "models" / "checkpoints").mkdir(parents=True)
    (directory / "models" / "checkpoints" / f"{name}.safetensors").touch()
    (directory / "main.py").write_text(OTHER)
    return (
        f'[[engine]]\nname = "{name}"\nkind = "comfyui"\ndirectory = "{directory}"\n'
        f'python = "{sys.executable}"\nenvironment = {{ LACKS = "{lacks}" }}\n'
    )
