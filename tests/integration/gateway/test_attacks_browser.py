"""What another site's page, a stolen cookie or a forged header can do: nothing."""

from urllib.parse import quote, urlencode

import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from tests.integration.gateway.conftest import FORM, Besieged
from tests.leaks import JSON

# How a browser tells that a page of another site sent a request.
FOREIGN = {
    "another site": {"Origin": "https://evil.example"},
    "another port": {"Origin": "http://127.0.0.1:1"},
    "another name of here": {"Origin": "http://localhost:{port}"},
    "a longer name": {"Origin": "http://{here}.evil.example"},
    "a name before ours": {"Origin": "http://evil.example@{here}"},
    "a sandboxed page": {"Origin": "null"},
    "no origin": {"Origin": ""},
    "two words": {"Origin": "http://{here} https://evil.example"},
    "told by the browser": {"Sec-Fetch-Site": "cross-site"},
    "a neighbour": {"Sec-Fetch-Site": "same-site", "Origin": "http://{here}"},
    "host forged along": {"Origin": "https://evil.example", "X-Forwarded-Host": "evil.example"},
}
# What changes something; with a cookie a browser could be made to send each of them.
UNSAFE = (
    ("POST", "/prompt"),
    ("POST", "/queue"),
    ("POST", "/api/interrupt"),
    ("POST", "/upload/image"),
    ("POST", "/settings/x"),
    ("DELETE", "/userdata/x"),
    ("POST", "/userdata/x"),
    ("POST", "/gesso/api/keys"),
    ("DELETE", "/gesso/api/keys/x"),
    ("POST", "/gesso/api/password"),
    ("PATCH", "/gesso/api/users/ada/limits"),
    ("PUT", "/gesso/api/users/ada/password"),
    ("POST", "/gesso/logout"),
    ("POST", "/gesso/login"),
)


def headers_of(besieged: Besieged, page: str) -> dict[str, str]:
    told = FOREIGN[page].items()
    return {name: value.format(port=besieged.port, here=besieged.here) for name, value in told}


@pytest.mark.parametrize("page", FOREIGN)
def test_page_of_another_site_changes_nothing(besieged: Besieged, page: str) -> None:
    sent = {"Cookie": besieged.cookie, **headers_of(besieged, page)}
    for method, path in UNSAFE:
        # What a form of such a page can send without asking first.
        for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"):
            answer = besieged.nobody.ask(method, path, b"{}", {**sent, "Content-Type": kind})
            assert answer.status == 403, (method, path, answer)
    assert besieged.whoami({"Cookie": besieged.cookie}) == "ada"


@pytest.mark.parametrize("page", FOREIGN)
def test_page_of_another_site_opens_no_socket(besieged: Besieged, page: str) -> None:
    """Its answers could be read there: sockets know no rule of one origin."""
    headers = {"Cookie": besieged.cookie, **headers_of(besieged, page)}
    for path in ("/ws", "/api/ws", "/ws?clientId=x"):
        with pytest.raises(InvalidStatus) as refused:
            with connect(f"ws://{besieged.here}{path}", additional_headers=headers, proxy=None):
                pass
        assert refused.value.response.status_code == 403


def test_our_own_page_is_served(besieged: Besieged) -> None:
    """The refusals above are of the page, and not of the cookie."""
    own = {"Cookie": besieged.cookie, "Origin": f"http://{besieged.here}", "Sec-Fetch-Site": "same-origin"}
    assert besieged.nobody.ask("POST", "/queue", b"{}", {**own, **JSON}).status == 200
    with connect(f"ws://{besieged.here}/ws", additional_headers=own, proxy=None) as socket:
        assert "status" in str(socket.recv(10))


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS"])
@pytest.mark.parametrize(
    "override", ["X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override", "Gesso-Method"]
)
def test_method_is_the_one_that_was_sent(besieged: Besieged, method: str, override: str) -> None:
    """A link or a picture sends GET with the cookie, from whatever page."""
    path = "/userdata/kept.json"
    assert besieged.ada.ask("POST", path, b"{}", JSON).status == 200
    for said in ("DELETE", "POST"):
        besieged.nobody.ask(method, path, None, {"Cookie": besieged.cookie, override: said})
        besieged.nobody.ask(method, f"{path}?_method={said}", None, {"Cookie": besieged.cookie})
    assert besieged.ada.ask("GET", path).json() == {}


def test_no_answer_may_be_read_by_another_site(besieged: Besieged) -> None:
    foreign = {"Origin": "https://evil.example", "Cookie": besieged.cookie}
    asking = {**foreign, "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "x"}
    for path in (
        "/history",
        "/api/queue",
        "/gesso/api/jobs",
        "/gesso/api/keys",
        "/prompt",
        "/",
        "/gesso/login",
    ):
        for method, headers in (("GET", foreign), ("OPTIONS", asking)):
            answer = besieged.nobody.ask(method, path, None, headers)
            granted = [name for name, _ in answer.headers if name.lower().startswith("access-control-")]
            assert not granted, (method, path, answer)


def test_who_asks_is_told_by_one_proof(besieged: Besieged) -> None:
    ada, ben = (f"Bearer {person.key}" for person in (besieged.ada, besieged.ben))
    cookie = besieged.cookie
    assert besieged.whoami({"Cookie": cookie}) == "ada"
    assert besieged.whoami({"Cookie": cookie, "Authorization": ben}) == "ben"
    # A key that is wrong is not made up for by a cookie, of which its sender may not know.
    for wrong in (
        "Bearer gesso_" + "A" * 43,
        "Bearer",
        "",
        "Basic YWRhOng=",
        f"{ada}, {ben}",
        f"{ada}x",
        "Bearer *",
    ):
        assert besieged.whoami({"Cookie": cookie, "Authorization": wrong}) == "401", wrong
    assert besieged.whoami({"Cookie": f"gesso_session={besieged.ada.key}"}) == "401"
    assert besieged.whoami({"Authorization": f"Bearer {cookie.partition('=')[2]}"}) == "401"
    assert besieged.whoami({"Cookie": f"gesso_session=x; {cookie}"}) == "401"
    assert besieged.whoami({"Cookie": f"x={cookie}"}) == "401"
    assert besieged.whoami({"Cookie": cookie.upper()}) == "401"
    for name in ("X-Api-Key", "Api-Key", "Proxy-Authorization", "X-Authorization", "Sec-WebSocket-Protocol"):
        assert besieged.whoami({name: ada}) == "401"


CLAIMS = (
    "Comfy-User",
    "X-Forwarded-User",
    "X-Remote-User",
    "Remote-User",
    "X-Auth-Request-User",
    "X-OpenWebUI-User-Name",
    "X-Authenticated-User",
    "X-Client-Verify",
    "Forwarded",
    "X-Original-User",
)


def test_claims_in_headers_count_for_nothing(besieged: Besieged) -> None:
    for claim in CLAIMS:
        for said in ("ada", "admin", "for=127.0.0.1;by=admin", "SUCCESS"):
            assert besieged.whoami({claim: said}) == "401"
            assert besieged.whoami({claim: said, "Authorization": f"Bearer {besieged.ben.key}"}) == "ben"


def test_address_that_is_only_claimed_does_not_help_who_guesses(besieged: Besieged) -> None:
    """No proxy is configured here, so what one would tell is not believed."""
    statuses = []
    for number in range(12):
        claimed = {
            "X-Forwarded-For": f"198.51.100.{number}",
            "X-Real-IP": f"198.51.100.{number}",
            "Forwarded": f"for=198.51.100.{number}",
        }
        form = urlencode({"key": "gesso_" + "A" * 43}).encode()
        statuses.append(besieged.nobody.ask("POST", "/gesso/login", form, {**FORM, **claimed}).status)
    assert statuses[0] in (401, 429) and statuses[-1] == 429, statuses


def test_scheme_that_is_only_claimed_changes_no_cookie_and_no_address(besieged: Besieged) -> None:
    claimed = {
        "X-Forwarded-Proto": "https",
        "X-Forwarded-Host": "evil.example",
        "X-Forwarded-Prefix": "/evil",
    }
    answer = besieged.nobody.ask("GET", "/history", None, {**claimed, "Accept": "text/html"})
    assert answer.header("location") == "/gesso/login?next=/history"
    assert "evil" not in str(answer)


@pytest.mark.parametrize(
    "target",
    [
        "//evil.example",
        "/\\evil.example",
        "https:evil.example",
        "/%09/evil.example",
        "/%5c%5cevil.example",
        "%2f%2fevil.example",
    ],
)
def test_way_back_from_the_login_leads_nowhere_else(besieged: Besieged, target: str) -> None:
    for next_path in (target, quote(target, safe="")):
        answer = besieged.nobody.ask(
            "GET", f"/gesso/login?next={next_path}", None, {"Cookie": besieged.cookie}
        )
        found = answer.body.decode()
        assert 'href="//' not in found and 'href="https:' not in found and 'href="/\\' not in found
    page = besieged.nobody.ask("GET", f"/{target.lstrip('/')}", None, {"Accept": "text/html"})
    assert page.status in (302, 400, 401), page
    assert page.status != 302 or page.header("location").startswith("/gesso/login"), page


TRICKS = (
    "/history/{}.js",
    "/api/queue/x.js",
    "/queue.js",
    "/userdata/x.js",
    "/extensions/x/../../queue/x.js",
)


@pytest.mark.parametrize("path", TRICKS)
def test_name_of_a_script_makes_nothing_public(besieged: Besieged, path: str) -> None:
    assert besieged.nobody.ask("GET", path.format("x")).status == 401


def test_users_own_script_is_no_script_here(besieged: Besieged) -> None:
    """A saved "workflow" that is a script is served as bytes, so no page can load it from here."""
    evil = b"alert(document.domain)"
    for name in ("evil.js", "evil.mjs", "evil.html", "evil.svg", "evil.xhtml"):
        besieged.ada.ask("POST", f"/api/userdata/{name}", evil)
        answer = besieged.ada.ask("GET", f"/api/userdata/{name}")
        assert answer.body == evil
        assert answer.header("content-type") == "application/octet-stream"
        assert answer.header("x-content-type-options") == "nosniff"
