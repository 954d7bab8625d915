"""The picture that each user begins with: without one, the frontend's loaders have nothing to show."""

from pathlib import Path

from tests.service import RunningGesso

HARBOUR = Path(__file__).parents[3] / "examples" / "harbour.png"


def _new_user(service: RunningGesso, name: str) -> str:
    assert service.call("POST", "/gesso/api/users", {"name": name}).status == 201
    token: str = service.call("POST", "/gesso/api/keys", {"name": "k", "account": name}).json()["token"]
    return token


def _offered(service: RunningGesso, key: str) -> list[str]:
    info = service.call("GET", "/object_info/LoadImage", key=key).json()
    choices: list[str] = info["LoadImage"]["input"]["required"]["image"][0]
    return choices


def test_a_new_user_finds_an_example_among_the_pictures_and_can_run_with_it(service: RunningGesso) -> None:
    key = _new_user(service, "fresh")
    assert _offered(service, key) == ["example.png"]
    assert _offered(service, key) == ["example.png"]
    view = service.call("GET", "/view?filename=example.png&type=input", key=key)
    assert (view.status, view.body) == (200, HARBOUR.read_bytes())
    prompt = {
        "1": {"class_type": "LoadImage", "inputs": {"image": "example.png"}},
        "2": {"class_type": "SaveImage", "inputs": {"images": ["1", 0], "filename_prefix": "x"}},
    }
    assert service.call("POST", "/prompt", {"prompt": prompt}, key=key).status == 200


def test_who_brings_a_picture_first_is_offered_that_alone(service: RunningGesso) -> None:
    key = _new_user(service, "prepared")
    boundary = "b"
    part = f'--{boundary}\r\nContent-Disposition: form-data; name="image"; filename="own.png"\r\n\r\n'
    body = part.encode() + HARBOUR.read_bytes() + f"\r\n--{boundary}--\r\n".encode()
    headers = {"Content-Type": f"multipart/form-data; boundary={boundary}"}
    assert service.call("POST", "/upload/image", body, headers=headers, key=key).status == 200
    assert _offered(service, key) == ["own.png"]
