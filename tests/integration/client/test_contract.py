"""What the client promises, held against every server that speaks ComfyUI's protocol, in both flavours."""

import io
import uuid

import pytest
from PIL import Image

from gesso import Workflow, errors
from gesso.client.place import Place
from gesso.client.progress import Progress
from tests.integration.client import workflows
from tests.running import wait_for


def picture(color=(10, 200, 30), size=(24, 16)):
    data = io.BytesIO()
    Image.new("RGB", size, color).save(data, "PNG")
    return data.getvalue()


def test_a_workflow_runs_and_its_picture_is_read(client):
    result = client.run(workflows.plain())
    (output,) = result.outputs
    assert (output.node, output.subfolder, output.type) == ("3", "contract", "output")
    with Image.open(io.BytesIO(output.read())) as image:
        assert image.size == (48, 32)


def test_a_picture_goes_in_and_comes_out_changed(client, tmp_path):
    photo = tmp_path / "photo.png"
    photo.write_bytes(picture((10, 200, 30)))
    result = client.run(workflows.inverted(), images={"1.image": photo})
    with Image.open(result.outputs[0].save(tmp_path / "out.png")) as image:
        assert image.getpixel((3, 3)) == pytest.approx((245, 55, 225), abs=1)


def test_bytes_may_be_uploaded_and_keep_one_name(client):
    data = picture((1, 2, 3))
    name = client.upload(data)
    assert client.upload(data) == name
    assert client.upload(picture((3, 2, 1)), name=name) != name
    assert client.upload(data, name="x.png", subfolder="deep/er").startswith("deep/er/x")
    client.run(Workflow(workflows.inverted()).set("1.image", name))


def test_saving_makes_folders_and_takes_the_files_own_name_in_one(client, tmp_path):
    output = client.run(workflows.plain()).outputs[0]
    into = tmp_path / "a" / "b" / "named.png"
    assert output.save(into) == into and into.read_bytes() == output.read()
    assert output.save(tmp_path) == tmp_path / output.filename
    assert output.save(f"{tmp_path}/new/") == tmp_path / "new" / output.filename
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(["a", "new", output.filename])


def test_a_saved_file_may_be_read_by_whom_the_umask_allows(client, tmp_path):
    plain = tmp_path / "plain"
    plain.touch()
    saved = client.run(workflows.plain()).outputs[0].save(tmp_path / "x.png")
    assert saved.stat().st_mode == plain.stat().st_mode


def test_texts_are_part_of_the_result(client):
    result = client.run(workflows.text("forty-two"))
    assert result.texts == {"2": ("forty-two",)} and result.outputs == ()


def test_progress_rises_from_node_to_node_with_steps_and_previews(client, slow):
    heard: list[Progress] = []
    client.run(slow(steps=20, seconds=0.03), on_progress=heard.append)
    assert [news.fraction for news in heard] == sorted(news.fraction for news in heard)
    assert heard[-1].fraction == 1.0
    steps = [news for news in heard if news.class_type == "SketchSteps" and news.steps == 20]
    assert steps and all(news.node == "2" for news in steps)
    previews = [news.preview for news in heard if news.preview]
    with Image.open(io.BytesIO(previews[-1])) as image:
        assert image.width > 0


def test_a_wrong_workflow_is_refused_with_node_input_and_reason(client):
    wrong = workflows.plain()
    wrong["1"]["inputs"]["width"] = "wide"
    wrong["3"]["class_type"] = "SaveImage"
    with pytest.raises(errors.InvalidWorkflow) as caught:
        client.submit(wrong)
    assert ("1", "EmptyImage", "width") in [(p.node, p.class_type, p.input) for p in caught.value.problems]
    assert caught.value.body["node_errors"]


def test_an_unknown_class_is_refused_by_name(client):
    wrong = workflows.plain()
    wrong["2"]["class_type"] = "NoSuchNode"
    with pytest.raises(errors.InvalidWorkflow, match="NoSuchNode"):
        client.submit(wrong)


def test_outputs_that_cannot_be_made_are_told_when_others_can(client):
    half = workflows.plain() | {"9": {"class_type": "SaveImage", "inputs": {"filename_prefix": "x"}}}
    job = client.submit(half)
    assert [(p.node, p.input) for p in job.problems] == [("9", "images")]
    assert [output.node for output in job.wait().outputs] == ["3"]


def test_a_node_that_raises_is_named_with_its_reason(client):
    with pytest.raises(errors.ExecutionFailed) as caught:
        client.run(workflows.failing())
    failure = caught.value.failure
    assert (failure.node, failure.class_type, failure.exception_type) == ("1", "RegexReplace", "re.error")
    assert "unterminated subpattern" in failure.message and failure.traceback


def test_a_running_job_is_cancelled(client, slow):
    job = client.submit(slow())
    wait_for(lambda: job.place() is Place.RUNNING)
    assert job.cancel()
    with pytest.raises(errors.JobCancelled):
        job.wait(timeout_s=20)
    assert job.place() in (Place.FINISHED, Place.ABSENT)
    assert not job.cancel()


def test_a_waiting_job_is_cancelled_and_the_running_one_left_alone(client, slow):
    # A server may hand an engine a few jobs ahead, which then count as running.
    first, *_, last = jobs = [client.submit(slow()) for _ in range(4)]
    wait_for(lambda: first.place() is Place.RUNNING)
    assert last.place() is Place.QUEUED
    assert last.cancel()
    with pytest.raises(errors.JobCancelled):
        last.wait(timeout_s=20)
    assert first.place() is Place.RUNNING
    assert client.cancel(first.id)
    for job in jobs[1:-1]:
        job.cancel()


def test_waiting_ends_in_time_and_the_job_goes_on(client, slow):
    job = client.submit(slow(steps=20, seconds=0.05))
    with pytest.raises(errors.NotFinished):
        job.wait(timeout_s=0.2)
    with pytest.raises(TimeoutError):
        job.wait(timeout_s=0)
    assert client.job(job.id).wait(timeout_s=20).job_id == job.id


def test_a_finished_job_is_found_again_by_its_id(client):
    result = client.run(workflows.plain())
    again = client.job(result.job_id)
    assert again.result().outputs[0].filename == result.outputs[0].filename
    assert again.wait().outputs[0].read() == result.outputs[0].read()


def test_a_job_nobody_knows_is_not_waited_for(client):
    unknown = client.job(str(uuid.uuid4()))
    assert unknown.place() is Place.ABSENT and unknown.result() is None and not unknown.cancel()
    with pytest.raises(errors.JobLost):
        unknown.wait(timeout_s=5)


def test_the_same_idempotency_key_is_the_same_job(client):
    workflow, key = workflows.plain(), str(uuid.uuid4())
    first = client.submit(workflow, idempotency_key=key)
    assert client.submit(workflow, idempotency_key=key).id == first.id
    result = first.wait(timeout_s=20)
    assert (
        client.submit(workflow, idempotency_key=key).wait().outputs[0].filename == result.outputs[0].filename
    )


def test_many_jobs_of_one_client_are_waited_for_in_any_order(client):
    jobs = [client.submit(workflows.plain()) for _ in range(5)]
    assert [job.wait(timeout_s=20).job_id for job in reversed(jobs)] == [job.id for job in reversed(jobs)]


def test_the_list_of_jobs_tells_their_states(client, slow):
    good = client.run(workflows.plain()).job_id
    bad = client.submit(workflows.failing())
    with pytest.raises(errors.ExecutionFailed):
        bad.wait()
    running = client.submit(slow())
    wait_for(lambda: running.place() is Place.RUNNING)
    states = {job.id: job.state for job in client.jobs()}
    assert (states[good], states[bad.id], states[running.id]) == ("succeeded", "failed", "running")
    running.cancel()


def test_the_server_describes_itself(client):
    assert client.object_info()["SaveImage"]["output_node"] is True
    assert client.system_stats()["system"]["comfyui_version"]
