"""The command line against a real gesso: every verb, for people and for programs, and the exit codes."""

import io
import json
from pathlib import Path

import pytest
from PIL import Image

from gesso.cli.main import run
from tests.integration.client import workflows
from tests.running import free_port, wait_for
from tests.service import running_service


@pytest.fixture(scope="module")
def service(tmp_path_factory):
    with running_service(tmp_path_factory.mktemp("cli") / "data") as running:
        yield running


class Typed:
    """Types `gesso …` and returns the exit code, standard output and standard error."""

    def __init__(self, capsys):
        self._capsys = capsys

    def __call__(self, *arguments):
        code = run([str(argument) for argument in arguments])
        printed = self._capsys.readouterr()
        return code, printed.out, printed.err

    def json(self, *arguments):
        code, out, err = self(*arguments, "--json")
        assert (code, err) == (0, ""), err or out
        return json.loads(out)

    def error(self, *arguments):
        """The error as a program reads it, with the exit code in it."""
        code, out, err = self(*arguments, "--json")
        assert err == ""
        return {"exit": code, **json.loads(out)["error"]}


@pytest.fixture
def gesso(service, capsys, tmp_path, monkeypatch):
    monkeypatch.setenv("GESSO_URL", service.url)
    monkeypatch.setenv("GESSO_KEY", service.key)
    monkeypatch.delenv("GESSO_CONFIG", raising=False)
    monkeypatch.chdir(tmp_path)
    return Typed(capsys)


@pytest.fixture
def written(tmp_path):
    def write(workflow):
        (tmp_path / "workflow.json").write_text(json.dumps(workflow))
        return "workflow.json"

    return write


def test_run_saves_the_pictures_and_prints_where(gesso, written):
    code, out, err = gesso("run", written(workflows.plain()), "--set", "1.width=80", "-o", "out")
    assert code == 0 and "100%" in err
    (path,) = out.splitlines()
    with Image.open(path) as image:
        assert image.size == (80, 32) and Path(path).parent == Path("out")


def test_run_takes_a_picture_and_keeps_what_is_there(gesso, written):
    Image.new("RGB", (8, 8), (0, 0, 0)).save("black.png")
    command = ("run", written(workflows.inverted()), "--image", "1.image=black.png")
    files = [gesso.json(*command)["files"][0] for _ in range(2)]
    for file in files:
        with Image.open(file) as image:
            assert image.getpixel((0, 0)) == (255, 255, 255)
    assert len(set(files)) == 2


def test_run_prints_texts(gesso, written):
    assert gesso("run", written(workflows.text("forty-two")))[:2] == (0, "2: forty-two\n")
    assert gesso.json("run", written(workflows.text("forty-three")))["texts"] == {"2": ["forty-three"]}


def test_run_shows_steps_as_lines_where_there_is_no_terminal(gesso, written):
    _, _, err = gesso("run", written(workflows.slow(steps=10, seconds=0.05)))
    assert "SketchSteps (node 2)" in err and "/10" in err


def test_an_input_that_was_not_there_is_pointed_out(gesso, written):
    code, _, err = gesso("run", written(workflows.plain()), "--set", "1.widht=80")
    assert code == 0 and "no input 'widht', only width, height" in err


def test_a_job_may_be_submitted_watched_and_cancelled(gesso, written):
    job = gesso.json("run", written(workflows.slow()), "--detach")["job"]
    wait_for(lambda: gesso.json("jobs", "show", job)["state"] == "running")
    assert job in gesso("jobs", "list", "--state", "running")[1]
    code, _, err = gesso("jobs", "list", "--state", "runing")
    assert code == 2 and "'runing' is not one of 'queued', 'running'" in " ".join(err.split())
    assert gesso("jobs", "cancel", job)[0] == 0
    wait_for(lambda: gesso.json("jobs", "show", job)["state"] == "cancelled")
    assert job in [one["id"] for one in gesso.json("jobs", "list", "--all")]
    assert gesso("jobs", "show", job)[1].splitlines()[1].split() == ["state", "cancelled"]


def test_the_time_to_wait_may_be_limited(gesso, written):
    code, _, err = gesso("run", written(workflows.slow()), "--timeout", "0.3")
    assert code == 8 and "goes on" in err
    running = gesso.json("jobs", "list", "--state", "running", "--state", "queued")
    assert gesso("jobs", "cancel", *[job["id"] for job in running])[0] == 0


def test_a_wrong_workflow_ends_with_5_and_names_the_input(gesso, written):
    wrong = workflows.plain()
    wrong["1"]["inputs"]["width"] = "wide"
    code, out, err = gesso("run", written(wrong))
    assert (code, out) == (5, "") and "EmptyImage" in err and "width" in err
    told = gesso.error("run", written(wrong))
    assert (told["exit"], told["code"], told["problems"][0]["input"]) == (5, "invalid_workflow", "width")


def test_a_job_that_fails_ends_with_1_and_names_the_node(gesso, written):
    told = gesso.error("run", written(workflows.failing()))
    assert (told["exit"], told["failure"]["node"], told["failure"]["class_type"]) == (1, "1", "RegexReplace")
    code, out, err = gesso("run", written(workflows.failing()))
    assert (code, out) == (1, "") and "unterminated subpattern" in err and "Traceback" not in err


@pytest.mark.parametrize("content", ["", "[]", '{"nodes": [], "links": []}'])
def test_a_file_that_is_no_workflow_ends_with_5(gesso, content):
    Path("w.json").write_text(content)
    code, _, err = gesso("run", "w.json")
    assert code == 5 and "w.json" in err and "Export (API)" in err


def test_where_pictures_cannot_be_written_it_ends_with_9(gesso, written):
    Path("file").write_text("")
    code, _, err = gesso("run", written(workflows.plain()), "-o", "file/out")
    assert code == 9 and "file" in err and "Traceback" not in err


def test_status_tells_who_where_and_what(gesso, service):
    told = gesso.json("status")
    assert (told["url"], told["kind"], told["ready"], told["whoami"]["account"]) == (
        service.url,
        "gesso",
        True,
        "admin",
    )
    code, out, _ = gesso("status")
    assert code == 0 and "admin (admin)" in out and "sketch" in out
    assert told["troubles"] == [] and out.startswith("Nothing is known to be wrong.")


def test_a_key_is_printed_once_works_and_is_revoked(gesso, service, monkeypatch):
    code, token, err = gesso("keys", "create", "bot", "--days", "1")
    assert code == 0 and "only now" in err
    found = next(key for key in gesso.json("keys", "list") if key["name"] == "bot")
    assert token.startswith(found["prefix"]) and found["expires"]
    assert gesso("status", "--key", token.strip())[0] == 0
    assert "is revoked" in gesso("keys", "revoke", found["id"])[1]
    assert gesso.error("status", "--key", token.strip())["exit"] == 4
    assert token.strip() not in gesso("keys", "list")[1]


def test_a_key_for_addresses_is_warned_of_and_opens_by_address(gesso, service):
    code, out, err = gesso("keys", "create", "viewer", "--in-url")
    assert code == 0 and "--scope jobs:own --days 30" in err and out.strip() not in err
    assert service.call("GET", f"/k/{out.strip()}/queue", key="").status == 200
    assert "in addresses" in gesso("keys", "list")[1]
    narrow = gesso("keys", "create", "wall", "--in-url", "--scope", "jobs:own", "--days", "1")
    assert "--scope" not in narrow[2] and "whoever sees" in narrow[2]
    made = gesso.json("keys", "create", "frame", "--in-url", "--local", "--config", str(service.config))
    assert made["key"]["in_url"] is True


def test_passwords_are_typed_or_piped_and_never_arguments(gesso, service, monkeypatch):
    def typing(*lines):
        monkeypatch.setattr("sys.stdin", io.StringIO("".join(f"{line}\n" for line in lines)))

    gesso("users", "create", "pia")
    typing("a long password")
    told = gesso("users", "password", "pia", "--stdin")
    assert told[0] == 0 and "new password" in told[1] and "a long password" not in told[1] + told[2]
    row = next(line for line in gesso("users", "list")[1].splitlines() if line.startswith("pia"))
    assert row.split()[:4] == ["pia", "user", "no", "yes"]

    key = gesso.json("keys", "create", "--user", "pia")["token"]
    monkeypatch.setenv("GESSO_KEY", key)
    typing("not that one", "a longer password")
    assert gesso.error("users", "password", "--stdin")["code"] == "forbidden"
    typing("a long password", "short")
    assert gesso.error("users", "password", "--stdin")["exit"] == 5
    typing("a long password", "a longer password")
    assert gesso.json("users", "password", "--stdin")["has_password"] is True
    typing("a longer password")
    assert "missing" in gesso.error("users", "password", "--stdin")["message"]
    typing("a longer password", "a longer password")
    assert "--stdin" in gesso.error("users", "password")["remedy"]
    assert gesso.error("users", "password", "pia", "--remove")["code"] == "forbidden"
    assert gesso("users", "password", "a long password", "surplus")[0] == 2

    monkeypatch.setenv("GESSO_KEY", service.key)
    assert gesso.json("users", "password", "pia", "--remove")["has_password"] is False


def test_a_user_has_no_say_over_others(gesso):
    assert gesso.json("users", "create", "ada")["role"] == "user"
    token = gesso.json("keys", "create", "hers", "--user", "ada")["token"]
    assert gesso.error("users", "list", "--key", token)["exit"] == 4
    assert gesso("jobs", "list", "--key", token)[0] == 0
    assert "disabled" in gesso("users", "disable", "ada")[1]
    assert gesso.error("jobs", "list", "--key", token)["exit"] == 4
    assert [user["disabled"] for user in gesso.json("users", "list") if user["name"] == "ada"] == [True]
    assert gesso("users", "enable", "ada")[0] == 0
    assert gesso("jobs", "list", "--key", token)[0] == 0


def test_an_engine_is_listed_restarted_stopped_and_started(gesso, service):
    def state():
        (engine,) = gesso.json("engines", "list")
        return engine["state"], engine["pid"]

    wait_for(lambda: state()[0] == "ready", 30)
    before = state()[1]
    assert "listens on" in gesso("engines", "logs", "sketch")[1]
    assert gesso("engines", "restart", "sketch")[0] == 0
    wait_for(lambda: state()[0] == "ready" and state()[1] != before, 30)
    assert gesso("engines", "stop", "sketch")[0] == 0
    assert gesso("status")[0] == 3
    assert gesso("engines", "start", "sketch")[0] == 0
    wait_for(lambda: gesso("status")[0] == 0, 30)


@pytest.mark.parametrize(
    "command",
    [
        ("jobs", "show", "nope"),
        ("jobs", "cancel", "nope"),
        ("keys", "revoke", "nope"),
        ("users", "disable", "nope"),
        ("engines", "logs", "nope"),
    ],
)
def test_what_is_not_there_ends_with_6(gesso, command):
    code, _, err = gesso(*command)
    assert code == 6 and "nope" in err and "Traceback" not in err


@pytest.mark.parametrize("command", [("status",), ("jobs", "list"), ("keys", "list"), ("engines", "list")])
def test_nobody_there_ends_with_3(gesso, command):
    told = gesso.error(*command, "--url", f"http://127.0.0.1:{free_port()}")
    assert told["exit"] == 3 and "gesso up" in told["remedy"]


@pytest.mark.parametrize("command", [("nope",), ("run",), ("jobs", "show"), ("run", "w.json", "--set", "x")])
def test_a_wrong_command_line_ends_with_2(gesso, command):
    Path("w.json").write_text(json.dumps(workflows.plain()))
    assert gesso(*command)[0] == 2


def test_a_key_is_made_on_the_database_when_gesso_lets_nobody_in(gesso, service):
    made = gesso.json("keys", "create", "rescue", "--local", "--user", "admin", "--config", service.config)
    assert gesso("status", "--key", made["token"])[0] == 0
    assert made["key"]["id"] in [
        key["id"] for key in gesso.json("keys", "list", "--local", "--config", service.config)
    ]
    assert gesso("keys", "revoke", made["key"]["id"], "--local", "--config", service.config)[0] == 0
    # Another process's revocation is noticed a moment later.
    wait_for(lambda: gesso("status", "--key", made["token"])[0] == 4)


def test_a_key_is_not_made_in_a_database_that_nobody_uses(gesso):
    code, _, err = gesso("keys", "create", "--local")
    assert code == 5 and "--config" in err
    assert not Path("gesso-data").exists()


def test_the_storage_may_be_named_where_there_is_no_configuration(gesso, service):
    storage = service.directory / "storage"
    made = gesso.json("keys", "create", "rescue", "--local", "--directory", storage)
    assert gesso("status", "--key", made["token"])[0] == 0
    assert gesso("keys", "revoke", made["key"]["id"], "--local", "--directory", storage)[0] == 0


@pytest.mark.parametrize("key", ["gesso_wrong", ""])
def test_who_has_no_key_is_told_how_to_get_one(gesso, monkeypatch, key):
    monkeypatch.setenv("GESSO_KEY", key)
    code, _, err = gesso("status")
    assert code == 4
    assert "GESSO_KEY" in err and "gesso keys create --local" in err and "Bearer" not in err


def test_a_folder_that_cannot_be_made_is_told_before_the_job_runs(gesso, written):
    before = gesso.json("jobs", "list")
    Path("file").write_text("")
    assert gesso("run", written(workflows.plain()), "-o", "file/out")[0] == 9
    assert gesso.json("jobs", "list") == before


def test_the_storage_is_for_gesso_alone(service):
    assert (service.directory / "storage").stat().st_mode & 0o777 == 0o700
