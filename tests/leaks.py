"""A world of one user's secrets, who asks for it, and what finds traces of it in answers given to others."""

import gzip
import hashlib
import http.client
import io
import json
import re
import uuid
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any
from urllib.parse import quote

from PIL import Image

from tests.integration.sketch.exchange import form
from tests.integration.sketch.workflows import Prompt, steps
from tests.running import wait_for
from tests.service import RunningGesso

# Nobody else's picture has this colour, nobody else's text has these words; `NAME` is in what has a name.
COLOR = (203, 17, 91)
SECRET = "zqsecret" + uuid.uuid4().hex
NAME = "zqname" + uuid.uuid4().hex[:12]
# The same, of the same length, for names that nobody has given to anything.
NO_NAME = "zqnone" + uuid.uuid4().hex[:12]
SIZE = (61, 43)

Ids = Mapping[str, str]
_PLACE = re.compile(r"\{(\w+)\}")
# Slashes, too: an id is one segment of a path.
plainly = partial(quote, safe="")


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """A whole answer: status, headers, body (unpacked where it was packed)."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)

    def header(self, name: str) -> str:
        return next((value for key, value in self.headers if key.lower() == name), "")


@dataclass(slots=True)
class Person:
    """Somebody who asks, on a connection that stays open; without a key: nobody in particular."""

    name: str
    port: int
    key: str = ""
    source: str = "127.0.0.1"
    """The address he comes from, of those of this machine."""
    _line: http.client.HTTPConnection | None = None

    def ask(self, method: str, target: str, body: bytes | None = None, headers: Ids | None = None) -> Heard:
        """One request, its target sent exactly as written."""
        sent = {"Authorization": f"Bearer {self.key}"} if self.key else {}
        sent |= headers or {}
        for last in (False, True):
            line = self._line or http.client.HTTPConnection(
                "127.0.0.1", self.port, timeout=30, source_address=(self.source, 0)
            )
            self._line = line
            try:
                line.request(method, target, body, sent)
                answer = line.getresponse()
                content = answer.read()
                break
            except (http.client.RemoteDisconnected, ConnectionError):
                # The server may close a connection that was idle, but not one just opened.
                self.close()
                if last:
                    raise
        if answer.getheader("Content-Encoding") == "gzip":
            content = gzip.decompress(content)
        return Heard(status=answer.status, headers=tuple(answer.getheaders()), body=content)

    def post(self, target: str, value: Any) -> Heard:
        answer = self.ask("POST", target, json.dumps(value).encode(), JSON)
        assert answer.status < 300, (target, answer)
        return answer

    def close(self) -> None:
        if self._line is not None:
            self._line.close()
        self._line = None


JSON = {"Content-Type": "application/json"}


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """Everybody, the ids of Ada's things, ids that name nothing, and what must not be seen of hers.

    Ben and the administrator only look; what changes something is tried by somebody of the same rights, so
    that what he himself wrote under Ada's names is not taken for hers.
    """

    service: RunningGesso
    ada: Person
    ben: Person
    meddler: Person
    admin: Person
    admin_meddler: Person
    nobody: Person
    ids: dict[str, str]
    absent: dict[str, str]
    hidden: dict[str, str]
    url_key: str

    def close(self) -> None:
        for person in (self.ada, self.ben, self.meddler, self.admin, self.admin_meddler, self.nobody):
            person.close()

    def snapshot(self) -> dict[str, Any]:
        """What Ada has, as she sees it; stays the same as long as nobody changes it."""
        found: dict[str, Any] = {}
        for target in SNAPSHOT:
            answer = self.ada.ask("GET", fill(target, coded(self.ids)))
            if answer.header("content-type").startswith("application/json"):
                found[target] = _still(answer.json())
            else:
                found[target] = (answer.status, hashlib.sha256(answer.body).hexdigest())
        return found


SNAPSHOT = (
    "/queue",
    "/history",
    "/settings",
    "/v2/userdata?path=workflows",
    "/userdata/{saved}",
    "/user.css",
    "/object_info/LoadImage",
    "/view?filename={output}&subfolder={folder}&type=output",
    "/view?filename={upload}&type=input",
    "/view?filename={temp}&type=temp",
    "/gesso/api/whoami",
    "/gesso/api/keys",
    "/gesso/api/jobs/{queued}",
    "/gesso/api/jobs/{waiting}",
)
# What time changes by itself.
RESTLESS = frozenset({"used", "position", "at_engine", "engine", "attempt", "started", "state", "modified"})


def _still(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _still(each) for key, each in value.items() if key not in RESTLESS}
    return [_still(each) for each in value] if isinstance(value, list) else value


def fill(template: str, ids: Ids) -> str:
    """`template` with ids in the places of their names."""
    return _PLACE.sub(lambda found: ids.get(found[1], found[0]), template)


def coded(ids: Ids, how: Callable[[str], str] = plainly) -> dict[str, str]:
    """The ids as they stand in an address."""
    return {name: how(value) for name, value in ids.items()}


def filled(value: Any, ids: Ids) -> Any:
    """A JSON value with ids in the places of their names, in keys, too."""
    if isinstance(value, dict):
        return {filled(key, ids): filled(each, ids) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [filled(each, ids) for each in value]
    return fill(value, ids) if isinstance(value, str) else value


def named_in(value: Any) -> set[str]:
    """The names of the ids that a template has places for."""
    return set(_PLACE.findall(value if isinstance(value, str) else json.dumps(value)))


def traces(heard: Heard, hidden: Ids, sent: Iterable[str] = ()) -> list[str]:
    """What of `hidden` an answer has in it, anywhere; what the asker had `sent` himself does not count."""
    text = "\n".join(f"{name}: {value}" for name, value in heard.headers) + "\n\n"
    whole = (text + heard.body.decode("latin-1")).lower()
    for value in sorted(sent, key=len, reverse=True):
        for written in {value, plainly(value), plainly(plainly(value)), json.dumps(value)[1:-1]}:
            whole = whole.replace(written.lower(), "")
    found = [name for name, value in hidden.items() if value.lower() in whole]
    return found + (["picture"] if shows_her_color(heard) else [])


def shows_her_color(heard: Heard) -> bool:
    """Whether the answer is a picture painted in Ada's colour, be it in another size or format."""
    if not heard.header("content-type").startswith("image/"):
        return False
    try:
        with Image.open(io.BytesIO(heard.body)) as picture:
            mean = picture.convert("RGB").resize((1, 1), Image.Resampling.BOX).getpixel((0, 0))
    except OSError:
        return False
    assert isinstance(mean, tuple)
    return all(abs(a - b) < 12 for a, b in zip(mean, COLOR, strict=True))


def painted() -> Prompt:
    """Shows and saves a picture in Ada's colour, and a text; the picture's size is told in a text frame."""
    red, green, blue = COLOR
    size = {"width": SIZE[0], "height": SIZE[1], "batch_size": 1, "color": red << 16 | green << 8 | blue}
    return {
        "1": {"class_type": "EmptyImage", "inputs": size},
        "2": {"class_type": "SaveImage", "inputs": {"images": ["1", 0], "filename_prefix": f"{NAME}/{NAME}"}},
        "3": {"class_type": "PreviewImage", "inputs": {"images": ["1", 0]}},
        "4": {"class_type": "PrimitiveString", "inputs": {"value": SECRET}},
        "5": {"class_type": "PreviewAny", "inputs": {"source": ["4", 0]}},
        "6": {"class_type": "GetImageSize", "inputs": {"image": ["1", 0]}},
        "7": {"class_type": "PreviewAny", "inputs": {"source": ["6", 0]}},
    }


def failing() -> Prompt:
    """Ends in an error whose message has the secret in it."""
    inputs = {"string": SECRET, "regex_pattern": f"(?P={SECRET})", "replace": ""}
    return {
        "1": {"class_type": "RegexReplace", "inputs": inputs},
        "2": {"class_type": "PreviewAny", "inputs": {"source": ["1", 0]}},
    }


def endless() -> Prompt:
    """Runs for longer than any test, and has the secret in it."""
    prompt = steps(1000, 30.0)
    prompt["4"] = {"class_type": "PrimitiveString", "inputs": {"value": SECRET}}
    return prompt


def secrets_of(ids: Ids, token: str) -> dict[str, str]:
    """All that others must not see; not the engine's name, which is everybody's."""
    return {"SECRET": SECRET, "NAME": NAME, "TOKEN": token} | {
        name: value for name, value in ids.items() if name not in ("engine", "folder")
    }


def absent_like(ids: Ids) -> dict[str, str]:
    """Ids of the same form and length that name nothing."""
    return {name: value if name == "engine" else _absent(value) for name, value in ids.items()}


def _absent(value: str) -> str:
    if NAME in value:
        return value.replace(NAME, NO_NAME)
    random = uuid.uuid4()
    if len(value) == len(str(random)) and value.count("-") == 4:
        return str(random)
    if "." in value:
        return random.hex[: len(value) - 4] + value[-4:]
    return (random.hex + uuid.uuid4().hex)[: len(value)]


def new_person(admin: Person, name: str, **more: str) -> Person:
    """An account with a key."""
    admin.post("/gesso/api/users", {"name": name, **more})
    made = admin.post("/gesso/api/keys", {"name": "key", "account": name}).json()
    return Person(name, admin.port, made["token"])


def build(service: RunningGesso) -> World:
    """Ada's world, with a job in every state, and those who must not see it."""
    admin = Person("admin", service.port, service.key)
    account = admin.post("/gesso/api/users", {"name": f"ada-{NAME}"}).json()
    first = admin.post("/gesso/api/keys", {"name": "first", "account": account["name"]}).json()
    ada = Person("ada", service.port, first["token"])
    key = ada.post("/gesso/api/keys", {"name": f"laptop-{NAME}"}).json()["key"]
    ids = {
        "account": account["name"],
        "account_id": account["id"],
        "key": key["id"],
        "key_name": key["name"],
        "key_in_use": first["key"]["id"],
        "key_prefix": first["key"]["prefix"],
        "client": f"client-{NAME}",
        "idempotency": f"again-{NAME}",
        "setting": f"Comfy.{NAME}",
        "saved": f"workflows/{NAME}.json",
        "saved_file": f"{NAME}.json",
        "folder": NAME,
        "engine": "sketch",
    }
    ids |= _files_and_jobs(ada, ids)
    ada.post(f"/settings/{ids['setting']}", SECRET)
    ada.post(f"/userdata/{quote(ids['saved'], safe='')}", {"note": SECRET})
    ada.post("/userdata/user.css", f"/* {SECRET} */")
    form_of_login = {"Content-Type": "application/x-www-form-urlencoded"}
    signed_in = ada.ask("POST", "/gesso/login", f"key={first['token']}".encode(), form_of_login)
    cookie = signed_in.header("set-cookie").split(";")[0].partition("=")[2]
    assert cookie, signed_in
    in_url = ada.post("/gesso/api/keys", {"name": "address", "in_url": True}).json()["token"]
    return World(
        service=service,
        ada=ada,
        ben=new_person(admin, "ben"),
        meddler=new_person(admin, "meddler"),
        admin=admin,
        admin_meddler=new_person(admin, "admin-meddler", role="admin"),
        nobody=Person("nobody", service.port),
        ids=ids,
        absent=absent_like(ids),
        hidden=secrets_of(ids, first["token"]) | {"COOKIE": cookie},
        url_key=in_url,
    )


def _files_and_jobs(ada: Person, ids: Ids) -> dict[str, str]:
    picture = io.BytesIO()
    Image.new("RGB", SIZE, COLOR).save(picture, "PNG")
    body, headers = form({}, (f"{NAME}.png", picture.getvalue()))
    assert ada.ask("POST", "/upload/image", body, headers).status == 200
    extra = {"extra_data": {"extra_pnginfo": {"workflow": {"note": SECRET}}}, "client_id": ids["client"]}

    def submit(prompt: Prompt, **headers: str) -> str:
        body = json.dumps({"prompt": prompt, **extra}).encode()
        answer = ada.ask("POST", "/prompt", body, JSON | headers)
        assert answer.status == 200, answer
        return str(answer.json()["prompt_id"])

    def ended(job_id: str) -> dict[str, Any]:
        item: dict[str, Any] = wait_for(lambda: ada.ask("GET", f"/history/{job_id}").json().get(job_id), 60)
        return item

    job = submit(painted(), **{"Idempotency-Key": ids["idempotency"]})
    outputs = ended(job)["outputs"]
    failed = submit(failing())
    assert ended(failed)["status"]["status_str"] == "error"
    running = submit(endless())
    wait_for(lambda: running in json.dumps(ada.ask("GET", "/queue").json()["queue_running"]), 60)
    saved, shown = outputs["2"]["images"][0], outputs["3"]["images"][0]
    view = f"/view?filename={saved['filename']}&subfolder={saved['subfolder']}&type=output"
    return {
        "job": job,
        "failed": failed,
        "running": running,
        "queued": submit(painted()),
        "waiting": submit(failing()),
        "upload": f"{NAME}.png",
        "output": saved["filename"],
        "temp": shown["filename"],
        "upload_sha256": hashlib.sha256(picture.getvalue()).hexdigest(),
        "output_sha256": hashlib.sha256(ada.ask("GET", view).body).hexdigest(),
    }
