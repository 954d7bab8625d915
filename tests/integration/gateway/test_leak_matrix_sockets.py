"""The leak matrix of the sockets: every event × (owner, other user, administrator)."""

import http.client
import io
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from socket import SHUT_RDWR

import pytest
from PIL import Image

from gesso.protocol import frames
from tests.integration.sketch.listening import Heard, Listener, listening
from tests.integration.sketch.workflows import Prompt, plain, steps
from tests.leaks import JSON, NAME, SECRET, SIZE, Person, endless, failing, new_person, painted
from tests.running import wait_for
from tests.service import RunningGesso, running_service

TABS = (f"tab-one-{NAME}", f"tab-two-{NAME}")
# Every kind of message that gesso sends to a socket, and how it is told from the others.
Kind = Callable[[Heard], bool]


def text(kind: str) -> Kind:
    return lambda heard: isinstance(heard, dict) and heard["type"] == kind


def frame(kind: type) -> Kind:
    return lambda heard: isinstance(heard, bytes) and isinstance(frames.decode(heard), kind)


KINDS: dict[str, Kind] = {
    "status": text("status"),
    "feature_flags": text("feature_flags"),
    "execution_start": text("execution_start"),
    "execution_cached": text("execution_cached"),
    "executing": text("executing"),
    "executed": text("executed"),
    "progress": text("progress"),
    "progress_state": text("progress_state"),
    "execution_success": text("execution_success"),
    "execution_error": text("execution_error"),
    "execution_interrupted": text("execution_interrupted"),
    "preview (1)": frame(frames.Preview),
    "text (3)": frame(frames.Text),
    "preview with metadata (4)": frame(frames.PreviewWithMetadata),
}
# What somebody hears who does nothing, whatever others do.
QUIET = ("status", "feature_flags")


def kind_of(heard: Heard) -> str:
    found = [name for name, matches in KINDS.items() if matches(heard)]
    assert found, f"a kind of event that is not in the table; enter it in KINDS: {str(heard)[:500]}"
    return found[0]


@dataclass(slots=True)
class Room:
    """Two users and an administrator, each with the same two tabs open, and one socket without a name."""

    service: RunningGesso
    ada: Person
    ben: Person
    admin: Person
    nobody: Person
    sockets: dict[str, list[Listener]] = field(default_factory=dict)

    def url(self, person: Person) -> str:
        return self.service.address(person.key)

    def submit(self, person: Person, prompt: Prompt, client_id: str | None = None) -> str:
        more = {} if client_id is None else {"client_id": client_id}
        extra = {"extra_pnginfo": {"workflow": {"note": SECRET if person is self.ada else "bens"}}}
        body = json.dumps({"prompt": prompt, "extra_data": extra, **more}).encode()
        answer = person.ask("POST", "/prompt", body, JSON)
        assert answer.status == 200, answer
        return str(answer.json()["prompt_id"])

    def run(self, person: Person, prompt: Prompt, client_id: str | None = None) -> str:
        """Until it has ended, and its owner has heard of it on all sockets that are told."""
        job_id = self.submit(person, prompt, client_id)
        wait_for(lambda: job_id in person.ask("GET", f"/history/{job_id}").json(), 60)
        for socket in self.sockets[person.name]:
            if socket.client_id == client_id:
                socket.wait_end(job_id, 60)
        return job_id

    def begun(self, person: Person, job_id: str) -> None:
        wait_for(lambda: job_id in str(person.ask("GET", "/queue").json()["queue_running"]), 60)

    def heard_by(self, person: Person) -> list[Heard]:
        return [message for socket in self.sockets[person.name] for message in socket.heard]


@pytest.fixture(scope="module")
def room(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Room]:
    with running_service(tmp_path_factory.mktemp("gesso")) as service, ExitStack() as stack:
        admin = Person("admin", service.port, service.key)
        room = Room(
            service, new_person(admin, "ada"), new_person(admin, "ben"), admin, Person("", service.port)
        )
        stack.callback(room.nobody.close)
        for person in (room.ada, room.ben, room.admin):
            stack.callback(person.close)
            # One tab as the frontend opens it, one as old clients do, and a socket that gives no clientId.
            room.sockets[person.name] = [
                stack.enter_context(listening(room.url(person), TABS[0])),
                stack.enter_context(listening(room.url(person), TABS[1], negotiate=False)),
                stack.enter_context(listening(room.url(person))),
            ]
        yield room
        assert "Traceback" not in service.log()


def provoke_everything(room: Room) -> list[str]:
    """Each kind of event, by jobs of Ada's; their ids."""
    jobs = []
    for tab in TABS:
        jobs += [room.run(room.ada, painted(), tab), room.run(room.ada, painted(), tab)]
        jobs += [room.run(room.ada, steps(3, 0.02, len(jobs)), tab), room.run(room.ada, failing(), tab)]
        running = room.submit(room.ada, endless(), tab)
        room.begun(room.ada, running)
        assert room.ada.ask("POST", "/interrupt").status == 200
        room.sockets["ada"][TABS.index(tab)].wait_end(running, 60)
        jobs.append(running)
    return [*jobs, room.run(room.ada, steps(3, 0.02, 99))]


def test_every_event_is_told_to_its_owner_and_to_nobody_else(room: Room) -> None:
    jobs = provoke_everything(room)
    told = {kind_of(message) for message in room.heard_by(room.ada)}
    assert set(KINDS) - told == set(), "Ada's jobs no longer provoke these, so the others' test is empty"
    for tab, listener in zip(TABS, room.sockets["ada"], strict=False):
        assert listener.client_id == tab
    # A job of each of the others, on the same tabs: their sockets work, and had nothing before them but
    # what is theirs. Whatever of Ada's was on its way has arrived by then.
    for person in (room.ben, room.admin):
        before = [list(socket.heard) for socket in room.sockets[person.name]]
        for number, tab in enumerate(TABS):
            room.run(person, plain(7000 + number), tab)
        for heard in before:
            assert {kind_of(message) for message in heard} <= set(QUIET), heard
            counts = [remaining(message) for message in heard if kind_of(message) == "status"]
            assert counts == [0], "a count of somebody else's jobs"
        everything = b"\n".join(as_bytes(message) for message in room.heard_by(person))
        for secret in (SECRET, *jobs, f"width: {SIZE[0]}", "secret"):
            assert secret.encode() not in everything
        counts = [remaining(each) for each in room.heard_by(person) if kind_of(each) == "status"]
        assert max(counts) == 1
    own = b"\n".join(as_bytes(message) for message in room.heard_by(room.ada))
    assert SECRET.encode() in own and all(job.encode() in own for job in jobs)
    assert f"width: {SIZE[0]}".encode() in own


def test_jobs_of_others_do_not_come_to_ones_own_tabs(room: Room) -> None:
    """The same clientIds, the other way round; also with the clientId where ComfyUI's queue keeps it."""
    for socket in room.sockets["ada"]:
        socket.heard.clear()
    jobs = [room.run(room.ben, steps(2, 0.01, 500), TABS[0]), room.run(room.ben, steps(2, 0.01, 501))]
    extra = {"client_id": TABS[1], "extra_pnginfo": {}}
    answer = room.ben.post("/prompt", {"prompt": steps(2, 0.01, 502), "extra_data": extra})
    jobs.append(answer.json()["prompt_id"])
    wait_for(lambda: jobs[-1] in room.ben.ask("GET", f"/history/{jobs[-1]}").json(), 60)
    room.run(room.ada, plain(7100), TABS[0])
    heard = b"\n".join(as_bytes(message) for message in room.heard_by(room.ada))
    assert not [job for job in jobs if job.encode() in heard]
    assert not [each for each in room.heard_by(room.ada) if kind_of(each) in ("progress", "preview (1)")]
    assert max(remaining(each) for each in room.heard_by(room.ada) if kind_of(each) == "status") == 1


def test_who_comes_to_a_tab_of_somebody_elses_is_told_nothing_of_what_runs(room: Room) -> None:
    """ComfyUI repeats to a client that comes back which node runs."""
    running = room.submit(room.ada, steps(1000, 30.0, 600), TABS[0])
    room.begun(room.ada, running)
    room.sockets["ada"][0].wait(
        lambda each: each["type"] == "executing" and each["data"].get("prompt_id") == running, 60
    )
    with listening(room.url(room.ada), TABS[0]) as again:
        assert again.messages("executing")
        for person in (room.ben, room.admin):
            with listening(room.url(person), TABS[0]) as stolen:
                assert {kind_of(message) for message in stolen.heard} <= set(QUIET)
                assert [remaining(each) for each in stolen.messages("status")] == [0]
    assert room.ada.ask("POST", "/interrupt").status == 200
    room.sockets["ada"][0].wait_end(running, 60)


def test_pictures_on_the_owners_socket_are_hers(room: Room) -> None:
    """Ben's previews are of his picture, also while both have jobs with the same clientId."""
    prompts: dict[str, Prompt] = {}
    for person, color in ((room.ada, 0xFF0000), (room.ben, 0x0000FF)):
        prompts[person.name] = steps(1, 0.0, color)
        prompts[person.name]["5"]["inputs"]["color"] = color
        prompts[person.name]["save"] = {
            "class_type": "SaveImageWebsocket",
            "inputs": {"images": ["5", 0]},
        }
        for socket in room.sockets[person.name]:
            socket.heard.clear()
    jobs = {
        person.name: [room.submit(person, varied(prompts[person.name], n), TABS[0]) for n in range(5)]
        for person in (room.ada, room.ben)
    }
    for person, strongest in ((room.ada, 0), (room.ben, 2)):
        for job_id in jobs[person.name]:
            room.sockets[person.name][0].wait_end(job_id, 60)
        results = [each for each in pictures(room.sockets[person.name][0]) if each.format == "PNG"]
        assert len(results) == 5
        for picture in results:
            pixel = picture.convert("RGB").getpixel((1, 1))
            assert isinstance(pixel, tuple) and pixel[strongest] == 255 == sum(pixel)


def varied(prompt: Prompt, number: int) -> Prompt:
    return {**prompt, "3": {**prompt["3"], "inputs": {**prompt["3"]["inputs"], "seed": number}}}


def pictures(socket: Listener) -> list[Image.Image]:
    decoded = [frames.decode(each) for each in socket.frames()]
    shown = [each for each in decoded if isinstance(each, frames.Preview | frames.PreviewWithMetadata)]
    return [Image.open(io.BytesIO(each.image)) for each in shown]


def remaining(heard: Heard) -> int:
    assert isinstance(heard, dict)
    return int(heard["data"]["status"]["exec_info"]["queue_remaining"])


def as_bytes(heard: Heard) -> bytes:
    return heard if isinstance(heard, bytes) else json.dumps(heard).encode()


@contextmanager
def streaming(room: Room, person: Person, path: str = "/gesso/api/events") -> Iterator[list[str]]:
    """The lines of a stream of server-sent events, as they come."""
    line = http.client.HTTPConnection("127.0.0.1", person.port, timeout=60)
    line.request("GET", path, headers={"Authorization": f"Bearer {person.key}"})
    answer = line.getresponse()
    assert answer.status == 200, answer.read()
    heard: list[str] = []

    def read() -> None:
        try:
            heard.extend(each.decode() for each in iter(answer.readline, b""))
        except (OSError, ValueError, http.client.HTTPException):
            pass  # the test has hung up

    # Lines are kept as they come: `extend` takes them from the iterator one by one.
    reader = threading.Thread(target=read)
    reader.start()
    try:
        yield heard
    finally:
        assert line.sock is not None
        line.sock.shutdown(SHUT_RDWR)
        reader.join(10)
        answer.close()
        line.close()


def test_stream_of_events_tells_of_ones_own_jobs_only(room: Room) -> None:
    with (
        streaming(room, room.ada) as ada,
        streaming(room, room.ben) as ben,
        streaming(room, room.admin) as admin,
    ):
        running = room.submit(room.ada, endless(), TABS[0])
        room.begun(room.ada, running)
        waiting = room.submit(room.ada, painted(), TABS[0])
        seen = f"/gesso/api/jobs/{running}/events?previews=true"
        with streaming(room, room.admin, seen) as overseen, streaming(room, room.ada, seen) as one:
            wait_for(lambda: "event: preview" in "".join(one), 60)
            # The administrator's was open first, and is told of the same step.
            wait_for(lambda: "event: progress" in "".join(overseen), 60)
            assert "event: preview" not in "".join(overseen)
        for person in (room.ben, room.nobody):
            refused = person.ask("GET", seen)
            assert refused.status in (401, 404) and SECRET.encode() not in refused.body
        wait_for(lambda: f'"{waiting}"' in "".join(each for each in ada if "place" in each), 60)
        assert room.ada.ask("POST", "/interrupt").status == 200
        wait_for(lambda: '"cancelled"' in "".join(ada), 60)
        for person, heard in ((room.ben, ben), (room.admin, admin)):
            job_id = room.run(person, plain(7200), TABS[0])
            wait_for(lambda heard=heard, job_id=job_id: job_id in "".join(heard), 60)  # type: ignore[misc]
            others = [each for each in heard if running in each or waiting in each or SECRET in each]
            assert others == []
    assert SECRET not in "".join(ada), "not a leak, but a stream that tells more than states and places"


def test_gateway_sends_no_kind_of_event_that_is_not_in_the_table() -> None:
    """By its source: what is sent by name."""
    source = Path(__file__).parents[3] / "gesso"
    sent = set()
    for path in (*source.glob("gateway/comfyui/*.py"), *source.glob("jobs/*.py")):
        for line in path.read_text("utf-8").splitlines():
            for call in ("socket.send(", ".emit(", "tell(self._bus, job, ", "tell(self._bus, self._job, "):
                if call + '"' in line:
                    sent.add(line.split(call + '"')[1].split('"')[0])
    assert sent, "the calls that send events are written in another way now: mend this test"
    assert sent <= set(KINDS)
