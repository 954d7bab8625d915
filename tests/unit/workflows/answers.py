"""Compares our answers to POST /prompt with ComfyUI's, but for what ComfyUI leaves to chance."""

import json
from typing import Any

from gesso.errors import InvalidWorkflow
from gesso.protocol.comfyui import parse_prompt_request
from gesso.workflows.catalog import Catalog
from gesso.workflows.uploads import upload_checks
from gesso.workflows.validate import Check, validate

CAMERA = ("horizontal_movement", "vertical_movement", "pan", "tilt", "roll", "zoom")
CAMERA_MESSAGE = "Invalid camera control configs: at least one of the values must be non-zero"
TASK_MESSAGE = "original_model_task_id must be MODEL_TASK_ID, RIG_TASK_ID or RETARGET_TASK_ID type"


def checks(catalog: Catalog) -> dict[str, Check]:
    """No uploaded file exists; and two of ComfyUI's own checks that are about something else."""
    tasks = ("MODEL_TASK_ID", "RIG_TASK_ID", "RETARGET_TASK_ID")
    return {
        **upload_checks(catalog, lambda name: False),
        "KlingCameraControls": Check(
            inputs=CAMERA, function=lambda inputs: any(inputs.values()) or CAMERA_MESSAGE
        ),
        "TripoConversionNode": Check(
            inputs=(),
            types=True,
            function=lambda inputs: inputs["input_types"]["original_model_task_id"] in tasks or TASK_MESSAGE,
        ),
    }


def answer(body: object, catalog: Catalog) -> tuple[int, dict[str, Any]]:
    """Status and body as the gateway would give them."""
    try:
        request = parse_prompt_request(body)
        validated = validate(request.prompt, catalog, request.targets, checks=checks(catalog))
    except InvalidWorkflow as error:
        return error.status, json.loads(json.dumps(error.body, allow_nan=False))
    return 200, {"node_errors": validated.node_errors}


def comparable(value: Any, key: str = "") -> Any:
    """Without ids and tracebacks; what comes from a Python set, sorted."""
    if isinstance(value, dict):
        return {
            name: [] if name == "traceback" else comparable(inner, name)
            for name, inner in value.items()
            if name not in ("prompt_id", "number")
        }
    if isinstance(value, list):
        items = [comparable(item) for item in value]
        return sorted(items, key=json.dumps) if key in ("errors", "dependent_outputs") else items
    if key == "details":
        return sorted(value.split("\n"))
    return value
