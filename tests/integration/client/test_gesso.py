"""What the client makes of gesso beyond ComfyUI's protocol: restarts, keys, jobs cancelled elsewhere."""

import threading

import pytest

from gesso import Client, errors
from gesso.client.place import Place
from tests.integration.client import workflows
from tests.running import wait_for
from tests.service import running_service


@pytest.fixture(scope="module")
def service(tmp_path_factory):
    with running_service(tmp_path_factory.mktemp("gesso") / "data") as running:
        yield running


@pytest.fixture
def client(service):
    with Client(service.url, service.key) as made:
        yield made


def test_a_gateway_killed_and_started_again_in_the_middle_is_waited_out(tmp_path):
    with running_service(tmp_path / "own") as service, Client(service.url, service.key) as client:
        job = client.submit(workflows.slow(steps=60, seconds=0.05))
        results = []
        waiting = threading.Thread(target=lambda: results.append(job.wait(timeout_s=60)))
        waiting.start()
        wait_for(lambda: job.place() is Place.RUNNING)
        service.kill()
        service.launch()
        waiting.join(60)
        assert results[0].outputs[0].read()


def test_a_job_cancelled_elsewhere_is_told_to_be_cancelled(service, client):
    jobs = [client.submit(workflows.slow()) for _ in range(4)]
    wait_for(lambda: jobs[0].place() is Place.RUNNING)
    waiting = client.job(jobs[-1].id)
    with Client(service.url, service.key) as other:
        for job in reversed(jobs):
            other.cancel(job.id)
    for job in (waiting, client.job(jobs[0].id)):
        with pytest.raises(errors.JobCancelled):
            job.wait(timeout_s=20)


def test_a_wrong_key_and_no_key_are_refused(service):
    for key in ("", "gesso_wrong"):
        with Client(service.url, key) as stranger, pytest.raises(errors.Unauthorized):
            stranger.submit(workflows.plain())


def test_the_same_idempotency_key_for_another_workflow_is_refused(client):
    client.submit(workflows.plain(), idempotency_key="order 7")
    with pytest.raises(errors.IdempotencyMismatch):
        client.submit(workflows.plain(), idempotency_key="order 7")


def test_an_idempotency_key_outlives_the_key_it_was_sent_with(service, client):
    workflow = workflows.plain()
    first = client.submit(workflow, idempotency_key="order 8")
    made = service.call("POST", "/gesso/api/keys", {"name": "second"}).json()
    with Client(service.url, made["token"]) as again:
        assert again.submit(workflow, idempotency_key="order 8").id == first.id


def test_accounts_do_not_meet_in_an_idempotency_key(service, client):
    assert service.call("POST", "/gesso/api/users", {"name": "ada"}).status == 201
    made = service.call("POST", "/gesso/api/keys", {"name": "hers", "account": "ada"}).json()
    mine = client.submit(workflows.plain(), idempotency_key="order 9")
    with Client(service.url, made["token"]) as ada:
        hers = ada.submit(workflows.plain(), idempotency_key="order 9")
        assert hers.id != mine.id
        assert ada.job(mine.id).place() is Place.ABSENT


def test_gesso_is_known_from_a_bare_comfyui(client):
    assert client.speaks_gesso()
