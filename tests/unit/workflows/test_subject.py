"""What a workflow is about, in a few words."""

from gesso.workflows.subject import LIMIT, subject, work

PROMPT = {
    "1": {"class_type": "CLIPTextEncode", "inputs": {"text": "a lighthouse\n in  fog", "clip": ["4", 1]}},
    "2": {
        "class_type": "CLIPTextEncode",
        "inputs": {"text": "blurry, ugly, many more words", "clip": ["4", 1]},
    },
    "3": {"class_type": "KSampler", "inputs": {"positive": ["1", 0], "negative": ["2", 0], "seed": 1}},
    "4": {
        "class_type": "CheckpointLoaderSimple",
        "inputs": {"ckpt_name": "a-very-long-name-of-a-model.safetensors"},
    },
}


def test_the_words_that_were_written_for_the_picture_tell_what_it_is_about() -> None:
    assert subject(PROMPT) == "a lighthouse in fog"
    assert (
        subject({"1": {"class_type": "X", "inputs": {"negative_prompt": "no no no", "prompt": "yes"}}})
        == "yes"
    )


def test_a_workflow_without_words_has_no_subject() -> None:
    assert subject({"1": PROMPT["4"]}) is None
    assert (
        subject({"1": {"class_type": "X", "inputs": {"text": "x"}}, "2": {}, "3": {"inputs": {"text": 5}}})
        is None
    )


def test_a_long_text_is_cut() -> None:
    found = subject({"1": {"class_type": "X", "inputs": {"text": "word " * 10_000}}})
    assert found is not None and len(found) <= LIMIT and found.endswith("word…")


def test_the_kind_of_work_is_its_models_or_else_its_telling_nodes() -> None:
    assert work(["class:KSampler", "file:CheckpointLoaderSimple.ckpt_name=sub/b.ckpt"]) == "b.ckpt"
    assert work(["class:LoadImage", "class:SaveImage", "class:SketchSteps"]) == "SketchSteps"
    assert work(["class:LoadImage", "class:SaveImage"]) == "LoadImage, SaveImage"
    assert work([]) == ""
