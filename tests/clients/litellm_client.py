"""What LiteLLM gets of a running gesso, as JSON: `python litellm_client.py URL KEY`."""

import asyncio
import base64
import io
import json
import struct
import sys
import zlib
from typing import Any

import litellm  # type: ignore[import-not-found]

SIDE = 16


def png(alpha: bool) -> bytes:
    """A red square; with `alpha`, transparent on its left."""
    pixels = [b"\xff\x00\x00" + (bytes([255 * (x >= SIDE // 2)]) if alpha else b"") for x in range(SIDE)]
    rows = (b"\0" + b"".join(pixels)) * SIDE
    header = struct.pack(">IIBBBBB", SIDE, SIDE, 8, 6 if alpha else 2, 0, 0, 0)
    parts = ((b"IHDR", header), (b"IDAT", zlib.compress(rows)), (b"IEND", b""))
    chunks = (
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in parts
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


def count(answer: Any) -> int:
    return sum(base64.b64decode(each.b64_json).startswith(b"\x89PNG") for each in answer.data)


def main(url: str, key: str) -> dict[str, Any]:
    known = {"api_base": f"{url}/v1", "api_key": key}
    azure = {"api_base": url, "api_key": key, "api_version": "2025-04-01-preview"}
    picture = png(alpha=False)
    # A job of the slow model takes longer than one try may, and all tries together do not.
    slow = {"model": "openai/slow", **known, "timeout": 1, "max_retries": 0}
    router = litellm.Router(
        model_list=[
            {"model_name": "pictures", "litellm_params": {"model": "openai/sketch", **known}},
            {"model_name": "slow", "litellm_params": slow},
        ],
        num_retries=8,
    )
    told: dict[str, Any] = {
        "generation": count(litellm.image_generation("a heart", model="openai/sketch", n=2, **known)),
        "edit": count(
            litellm.image_edit(
                model="openai/sketch",
                image=[picture, picture],
                mask=png(alpha=True),
                prompt="make it green",
                n=2,
                **known,
            )
        ),
        "variation": count(
            litellm.image_variation(model="openai/sketch", image=io.BytesIO(picture), **known)
        ),
        "azure": count(litellm.image_generation("a heart", model="azure/sketch", **azure)),
        "router": count(asyncio.run(router.aimage_generation(model="pictures", prompt="a heart"))),
    }
    try:
        litellm.image_generation("a heart", model="openai/nobodys", **known)
    except litellm.NotFoundError as error:
        told["error"] = str(error)
    told["retried"] = count(router.image_generation(model="slow", prompt="a heart that takes its time"))
    return told


if __name__ == "__main__":
    json.dump(main(*sys.argv[1:]), sys.stdout)
