"""The console as a server gives it: to whom, with which headers, and what its files may not do."""

import asyncio
import re
import time
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest

from gesso.jobs.job import Spec, State
from tests.integration.gateway.door import Door, opened

FOLDER = Path(str(files("gesso.console")))
SCRIPTS = sorted(path.relative_to(FOLDER).as_posix() for path in FOLDER.rglob("*.js"))
PROMPT = {"1": {"class_type": "SketchSteps", "inputs": {"text": "a boat"}}}


async def _ended(door: Door, name: str, state: State = State.SUCCEEDED, **end: Any) -> str:
    """A job of this account that an engine has ended."""
    owner = (await door.access.account(name)).id
    session = await door.queue.open_session()
    spec = Spec(owner=owner, payload={"prompt": PROMPT}, needs=("class:SketchSteps",))
    job = await door.queue.submit(spec)
    (claim,) = await door.queue.claim("one", session)
    assert claim.job.id == job.id
    await door.queue.finish(claim, state, **end)
    return job.id


def test_it_is_for_those_who_are_signed_in_and_others_are_led_to_the_login(tmp_path: Path) -> None:
    async def main() -> None:
        async with opened(tmp_path) as door:
            async with door.client() as client:
                page = await client.get("/gesso/", headers={"Accept": "text/html"})
                assert (page.status_code, page.headers["location"]) == (302, "/gesso/login?next=/gesso/")
                assert (await client.get("/gesso/")).status_code == 401
                assert (await client.get("/gesso/console/console.js")).status_code == 401
            async with door.client(door.ada) as client:
                led = await client.get("/gesso")
                assert (led.status_code, led.headers["location"]) == (308, "/gesso/")
                for path in (
                    "console/../console.py",
                    "console/index.html",
                    "console/__init__.py",
                    "console/x.js",
                ):
                    assert (await client.get(f"/gesso/{path}")).status_code == 404, path

    asyncio.run(main())


def test_its_files_are_asked_for_again_and_answered_in_a_few_bytes(tmp_path: Path) -> None:
    async def main() -> None:
        async with opened(tmp_path) as door, door.client(door.ada) as client:
            page = (await client.get("/gesso/")).text
            linked = re.findall(r'(?:href|src)="(/gesso/(?:console|pages)/[^"]+)"', page)
            assert {f"/gesso/console/{name}" for name in SCRIPTS} <= set(linked), (
                "each script is asked for at once"
            )
            for path in ("/gesso/", *linked):
                first = await client.get(path)
                assert first.status_code == 200 and first.content, path
                assert "script-src 'self'" in first.headers["content-security-policy"]
                if path.startswith("/gesso/pages/"):
                    continue
                assert first.headers["cache-control"] == "private, no-cache"
                again = await client.get(path, headers={"If-None-Match": first.headers["etag"]})
                assert (again.status_code, again.content) == (304, b""), path
                other = await client.get(path, headers={"If-None-Match": '"other"'})
                assert other.status_code == 200

    asyncio.run(main())


@pytest.mark.parametrize("name", SCRIPTS)
def test_no_script_makes_markup_of_data_or_reaches_elsewhere(name: str) -> None:
    source = (FOLDER / name).read_text("utf-8")
    assert source.startswith("// "), "its first line says what it is"
    assert len(source.splitlines()) <= 200
    # A namespace is a name, and no place.
    source = source.replace('"http://www.w3.org/2000/svg"', "")
    for word in ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "://", ".style"):
        assert word not in source, word


def test_answers_that_have_not_changed_are_not_sent_again(tmp_path: Path) -> None:
    async def main() -> None:
        async with opened(tmp_path) as door, door.client(door.ada) as client:
            job_id = await _ended(door, "ada")
            for path in ("jobs", f"jobs/{job_id}", "engines", "whoami"):
                for _ in range(10):
                    first = await client.get(f"/gesso/api/{path}")
                    known = {"If-None-Match": first.headers["etag"]}
                    again = await client.get(f"/gesso/api/{path}", headers=known)
                    # Between the two an engine may have been looked at.
                    if again.status_code == 304 or path != "engines":
                        break
                assert (again.status_code, again.content) == (304, b""), path
                assert again.headers["etag"] == first.headers["etag"]
            listed = await client.get("/gesso/api/jobs")
            await _ended(door, "ada")
            known = {"If-None-Match": listed.headers["etag"]}
            assert (await client.get("/gesso/api/jobs", headers=known)).status_code == 200
            # Another's answer is another's, whatever tag is sent.
            async with door.client(door.admin) as admin:
                assert (await admin.get("/gesso/api/jobs", headers=known)).json()["jobs"] == []

    asyncio.run(main())


def test_a_list_tells_what_a_job_is_and_made_and_pages_through_them(tmp_path: Path) -> None:
    async def main() -> None:
        async with opened(tmp_path) as door, door.client(door.ada) as client:
            images = [{"filename": f"{n}.png", "subfolder": "s", "type": "output"} for n in range(9)]
            shown = [{"filename": "p.png", "subfolder": "", "type": "temp"}]
            made = await _ended(door, "ada", outputs={"1": {"images": images}, "2": {"images": shown}})
            error = {"code": "execution_failed", "message": "no", "node": "1", "traceback": ["x" * 9999]}
            failed = await _ended(door, "ada", State.FAILED, error=error)
            second, first = (await client.get("/gesso/api/jobs")).json()["jobs"]
            assert (first["id"], second["id"]) == (made, failed)
            assert first["title"] == "a boat" and first["at_engine"] is False
            assert first["files"] == images[:4] and first["file_count"] == 9
            assert second["error"] == {"code": "execution_failed", "message": "no", "node": "1"}
            details = (await client.get(f"/gesso/api/jobs/{made}")).json()
            assert details["files"] == images and details["payload"]["prompt"] == PROMPT
            assert (await client.get(f"/gesso/api/jobs/{failed}")).json()["error"] == error
            page = (await client.get("/gesso/api/jobs?limit=1")).json()
            assert page["more"] is True and [job["id"] for job in page["jobs"]] == [failed]
            page = (await client.get(f"/gesso/api/jobs?limit=1&after={failed}")).json()
            assert page["more"] is False and [job["id"] for job in page["jobs"]] == [made]
            async with door.client(door.admin) as admin:
                assert (await admin.get(f"/gesso/api/jobs?after={made}")).status_code == 404
                (newest, _) = (await admin.get("/gesso/api/jobs?all=true")).json()["jobs"]
                assert newest["title"] == "SketchSteps", "what ada wrote is hers"

    asyncio.run(main())


def test_a_page_of_many_heavy_jobs_is_quick(tmp_path: Path) -> None:
    """The workflows, 60 MB in all, stay where they are; only those of the page are looked at."""

    async def main() -> None:
        async with opened(tmp_path) as door, door.client(door.ada) as client:
            heavy = {"prompt": PROMPT, "extra_data": {"workflow": "x" * 200_000}}
            owner = (await door.access.account("ada")).id
            for _ in range(300):
                await door.queue.submit(Spec(owner=owner, payload=heavy))
            # Of this process alone: the server is in it, and others may use the machine, too.
            began = time.process_time()
            for _ in range(10):
                assert len((await client.get("/gesso/api/jobs?limit=25")).json()["jobs"]) == 25
            assert time.process_time() - began < 2.0

    asyncio.run(main())
