"""Metrics of a whole gesso with simulated cards: who may read them, and what Prometheus makes of them."""

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote
from urllib.request import urlopen

import pytest

from gesso.cli.main import run
from gesso.monitoring.metrics import BY_NAME
from tests.running import free_port, stop, wait_for
from tests.service import ENGINE, PLAIN, RunningGesso, running_service

MACHINE = Path(__file__).parents[3] / "gesso/gpus/machines"
RULES = Path(__file__).parents[3] / "gesso/monitoring/prometheus/gesso.rules.yml"
LIMIT_S = 60.0
# Labels are dcgm-exporter's: boards and rules that are written for it work here as well.
AS_DCGM = "label names should be written in 'snake_case' not 'camelCase'"


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningGesso]:
    simulated = f'[gpus]\nsimulate = "{MACHINE / "two-cards.toml"}"\nevery_s = 1.0\n'
    toml = simulated + "[monitoring]\nevery_s = 1.0\n" + ENGINE
    with running_service(tmp_path_factory.mktemp("gesso"), toml) as running:
        job = running.call("POST", "/prompt", {"prompt": PLAIN}).json()["prompt_id"]
        running.ended(job)
        wait_for(lambda: "DCGM_FI_DEV_FB_USED" in metrics(running), LIMIT_S)
        yield running


@pytest.fixture(scope="module")
def key(service: RunningGesso) -> str:
    """A key as one makes it for Prometheus: it can do nothing else."""
    made = service.call("POST", "/gesso/api/keys", {"name": "prometheus", "scopes": ["monitoring:read"]})
    token: str = made.json()["token"]
    return token


def metrics(service: RunningGesso, key: str | None = None) -> str:
    return service.call("GET", "/gesso/metrics", key=key).body.decode()


def test_a_key_for_metrics_reads_metrics_and_samples_and_nothing_else(
    service: RunningGesso, key: str
) -> None:
    answer = service.call("GET", "/gesso/metrics", key=key)
    assert answer.status == 200 and answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    assert service.call("GET", "/gesso/api/samples", key=key).status == 200
    for path in ("/queue", "/gesso/api/snapshot", "/gesso/api/engines", "/gesso/api/users", "/system_stats"):
        assert service.call("GET", path, key=key).status == 403, path


def test_metrics_are_not_for_users_nor_for_nobody(service: RunningGesso) -> None:
    user = service.new_key("mia")
    assert service.call("GET", "/gesso/metrics", key=user).status == 403
    assert service.call("GET", "/gesso/api/samples", key=user).status == 403
    assert service.call("GET", "/gesso/metrics", key="").status == 401


def test_every_line_is_one_of_the_list(service: RunningGesso) -> None:
    text = metrics(service)
    names = {line.split("{")[0].split()[0] for line in text.splitlines() if not line.startswith("#")}
    assert names <= set(BY_NAME)
    wait_for(lambda: 'gesso_engine_state{engine="sketch",state="ready"} 1.0' in metrics(service), LIMIT_S)
    wait_for(lambda: 'gesso_jobs_finished_total{state="succeeded"} 1.0' in metrics(service), LIMIT_S)
    assert text.count("DCGM_FI_DEV_GPU_TEMP{") == 2


def test_ended_jobs_and_cards_stand_in_the_samples(service: RunningGesso, key: str) -> None:
    def rows() -> list[list[str]]:
        text = service.call("GET", "/gesso/api/samples?since=1h&format=csv", key=key).body.decode()
        return [line.split(",") for line in text.splitlines()]

    assert rows()[0] == ["at", "source", "name", "min", "avg", "max", "n"]
    wait_for(lambda: sum(float(row[4]) for row in rows() if row[1:3] == ["queue", "succeeded"]) == 1, LIMIT_S)
    sources = {row[1].split("-")[0] for row in rows()[1:]}
    assert sources == {"gpu.GPU", "engine.sketch", "queue", "gesso"}
    as_json = service.call("GET", "/gesso/api/samples?series=queue.queued", key=key).json()["samples"]
    assert as_json and {(each["source"], each["name"]) for each in as_json} == {("queue", "queued")}
    assert {each["span_s"] for each in as_json} == {0} and "span_s" in as_json[0]
    hours = service.call("GET", "/gesso/api/samples?series=queue.queued&every_s=3600", key=key).json()
    assert 1 <= len(hours["samples"]) <= 2 and {each["span_s"] for each in hours["samples"]} == {3600}
    none = service.call("GET", "/gesso/api/samples?series=nothing", key=key)
    assert none.json() == {"samples": []}
    bad = service.call("GET", "/gesso/api/samples?since=1h&until=2h", key=key)
    assert bad.status == 400


def test_a_user_sees_cards_engines_and_himself(service: RunningGesso) -> None:
    user = service.new_key("noa")
    own = service.call("GET", "/gesso/api/snapshot", key=user).json()
    assert len(own["cards"]) == 2 and [engine["name"] for engine in own["engines"]] == ["sketch"]
    assert own["disk_free"] is own["memory"] is own["cpu"] is None
    all_of_it = service.call("GET", "/gesso/api/snapshot").json()
    assert all_of_it["disk_free"] > 0 and all_of_it["memory"] > 0


@pytest.mark.package("prometheus")
def test_promtool_finds_nothing_wrong_with_metrics_and_rules(service: RunningGesso) -> None:
    checked = subprocess.run(
        ["promtool", "check", "metrics"], input=metrics(service), capture_output=True, text=True
    )
    said = checked.stdout + checked.stderr
    assert [line for line in said.splitlines() if not line.endswith(AS_DCGM)] == []
    rules = subprocess.run(["promtool", "check", "rules", str(RULES)], capture_output=True, text=True)
    assert rules.returncode == 0 and "SUCCESS" in rules.stdout, rules


@contextmanager
def prometheus(service: RunningGesso, key: str, directory: Path) -> Iterator[str]:
    """One that scrapes this gesso every second, as the how-to page says; its address."""
    (directory / "gesso.key").write_text(key)
    config = {
        "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
        "rule_files": [str(RULES)],
        "scrape_configs": [
            {
                "job_name": "gesso",
                "metrics_path": "/gesso/metrics",
                "authorization": {"credentials_file": str(directory / "gesso.key")},
                "static_configs": [{"targets": [f"127.0.0.1:{service.port}"]}],
            }
        ],
    }
    # JSON is YAML.
    (directory / "prometheus.yml").write_text(json.dumps(config))
    port = free_port()
    command = [
        "prometheus",
        f"--config.file={directory / 'prometheus.yml'}",
        f"--storage.tsdb.path={directory / 'data'}",
        f"--web.listen-address=127.0.0.1:{port}",
    ]
    with (directory / "log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT)
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        stop(process)


def asked(url: str, path: str) -> Any:
    """What Prometheus answers; {} while it does not."""
    try:
        with urlopen(url + path, timeout=10) as answer:
            return json.load(answer)["data"]
    except OSError:
        return {}


def value(url: str, expression: str) -> list[tuple[dict[str, str], float]]:
    found = asked(url, f"/api/v1/query?query={quote(expression)}").get("result", ())
    return [(each["metric"], float(each["value"][1])) for each in found]


@pytest.mark.package("prometheus")
def test_prometheus_scrapes_with_a_key_and_takes_the_rules(
    service: RunningGesso, key: str, tmp_path: Path
) -> None:
    with prometheus(service, key, tmp_path) as url:
        wait_for(lambda: value(url, 'up{job="gesso"}')[:1] and value(url, 'up{job="gesso"}')[0][1], LIMIT_S)
        ((labels, ready),) = wait_for(lambda: value(url, "gesso_engine_ready"), LIMIT_S)
        assert labels["engine"] == "sketch" and ready == 1
        assert len(value(url, "DCGM_FI_DEV_FB_USED")) == 2
        groups = wait_for(lambda: asked(url, "/api/v1/rules").get("groups"), LIMIT_S)
        rules = [rule for group in groups for rule in group["rules"]]
        assert {rule["health"] for rule in rules} <= {"ok", "unknown"}, rules
        wait_for(
            lambda: all(
                rule["health"] == "ok"
                for group in asked(url, "/api/v1/rules").get("groups", ())
                for rule in group["rules"]
            ),
            LIMIT_S,
        )
        # A healthy gesso with cool cards alarms nobody.
        firing = [rule["name"] for rule in rules if rule["state"] == "firing"]
        assert not set(firing) - {"GessoDiskLow", "GessoDiskFull"}, firing


def test_what_is_shipped_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["metrics", "rules"]) == 0
    assert capsys.readouterr().out == RULES.read_text("utf-8")
    assert run(["metrics", "board"]) == 0
    assert json.loads(capsys.readouterr().out)["title"] == "gesso"
    assert run(["metrics", "list", "--json"]) == 0
    assert {each["name"] for each in json.loads(capsys.readouterr().out)} == set(BY_NAME)
