"""What an engine must have for a workflow."""

from gesso.workflows.catalog import Catalog
from gesso.workflows.needs import ModelFile, lacking, needs

INFO = {
    "CheckpointLoaderSimple": {"input": {"required": {"ckpt_name": [["a.safetensors", "sub/b.ckpt"], {}]}}},
    "New.Loader": {"input": {"required": {"name": ["COMBO", {"options": ["c=1.gguf"]}], "mode": [["x"]]}}},
    "LoadImage": {"input": {"required": {"image": [["d.bin"], {"image_upload": True}]}}},
}
PROMPT = {
    "1": {"class_type": "CheckpointLoaderSimple", "inputs": {"ckpt_name": "sub/b.ckpt"}},
    "2": {"class_type": "New.Loader", "inputs": {"name": "c=1.gguf", "mode": "x", "other": "e.pt"}},
    "3": {"class_type": "LoadImage", "inputs": {"image": "d.bin"}},
    "4": {"class_type": "Elsewhere", "inputs": {"ckpt_name": "z.ckpt"}},
}


def test_classes_and_model_files_are_needed_and_uploads_are_not():
    found = needs(PROMPT, Catalog(INFO))
    assert found.classes == {"CheckpointLoaderSimple", "New.Loader", "LoadImage", "Elsewhere"}
    assert found.files == {
        ModelFile(class_type="CheckpointLoaderSimple", input="ckpt_name", name="sub/b.ckpt"),
        ModelFile(class_type="New.Loader", input="name", name="c=1.gguf"),
    }


def test_an_engine_is_asked_by_id_for_what_it_lacks():
    ids = needs(PROMPT, Catalog(INFO)).ids()
    assert lacking(ids, Catalog(INFO)) == ("class:Elsewhere",)
    other = {**INFO, "Elsewhere": {}, "CheckpointLoaderSimple": {"input": {"required": {"ckpt_name": [[]]}}}}
    assert lacking(ids, Catalog(other)) == ("file:CheckpointLoaderSimple.ckpt_name=sub/b.ckpt",)
    assert lacking(["gpu:a"], Catalog(INFO)) == ("gpu:a",)


def test_linked_names_and_odd_nodes_need_no_file():
    prompt = {
        "1": {"class_type": "CheckpointLoaderSimple", "inputs": {"ckpt_name": ["2", 0]}},
        "2": None,
        "3": {"class_type": 5},
        "4": {"class_type": "CheckpointLoaderSimple", "inputs": []},
    }
    assert needs(prompt, Catalog(INFO)).ids() == ("class:CheckpointLoaderSimple",)
