"""`gesso draw`, `gesso edit` and `gesso models` on a real gesso, in terminals of every kind."""

import json
import os
import re
import signal
import sys
from contextlib import contextmanager
from pathlib import Path

import pytest
from PIL import Image

from tests.acceptance.test_cli import Typed
from tests.running import free_port, wait_for
from tests.service import ENGINE, UNHURRIED, running_service
from tests.terminals import (
    blocks_picture,
    difference,
    in_terminal,
    iterm2_pictures,
    kitty_pictures,
    sixel_pictures,
)

GESSO = [sys.executable, "-m", "gesso"]
STROKES = Path(__file__).parents[1] / "templates" / "strokes.json"
HEART = "a big red heart on a white background"
TRUE_COLOR = {"TERM": "xterm-256color", "COLORTERM": "truecolor"}
QUICK = ("draw", HEART, "--size", "64x64", "--steps", "2", "-o", "x.png")
SLOW = ("draw", "Strokes!", "--model", "slow", "--steps", "20", "--size", "64x48")
ANCHOR = "\x1b8\x1b7"


@pytest.fixture(scope="module")
def service(tmp_path_factory):
    directory = tmp_path_factory.mktemp("gesso")
    slow = json.loads(STROKES.read_text())
    slow["workflow"]["4"]["inputs"]["seconds"] = 0.1
    (directory / "slow.json").write_text(json.dumps(slow))
    absent = json.loads(STROKES.read_text())
    absent["workflow"]["7"] = {"class_type": "FluxGuidance", "inputs": {}}
    (directory / "absent.json").write_text(json.dumps(absent))
    models = (
        '[[model]]\nname = "sketch"\naliases = ["dall-e-3"]\n'
        'template = "sketch-text-to-image"\nedit_template = "sketch-edit"\n'
        '[[model]]\nname = "slow"\ntemplate = "slow.json"\nlimits = { sizes = ["64x48", "96x64"] }\n'
        '[[model]]\nname = "absent"\ntemplate = "absent.json"\n'
    )
    with running_service(directory, ENGINE + UNHURRIED + models) as running:
        yield running


@pytest.fixture
def gesso(service, capsys, tmp_path, monkeypatch):
    monkeypatch.setenv("GESSO_URL", service.url)
    monkeypatch.setenv("GESSO_KEY", service.key)
    monkeypatch.chdir(tmp_path)
    return Typed(capsys)


def picture(path, format="PNG"):
    with Image.open(path) as image:
        assert image.format == format
        return image.convert("RGB")


def reddish(image):
    center = image.crop((24, 24, 40, 40)).resize((1, 1), Image.Resampling.BOX).getpixel((0, 0))
    return center[0] - max(center[1:]) > 60


def test_a_sentence_becomes_a_file_of_its_name(gesso):
    for name in ("a-big-red-heart-on-a-white-background.png", "a-big-red-heart-on-a-white-background-2.png"):
        # As one would say it: without quotes.
        code, out, err = gesso("draw", *HEART.split(), "--seed", 1, "--size", "64x64")
        assert (code, out) == (0, f"{name}\n") and "100%" in err
    assert reddish(picture(name))


def test_what_was_named_is_replaced_and_what_was_not_is_spared(gesso):
    Path("heart-1.png").write_text("mine")
    Path("heart.png").write_text("old")
    assert gesso("draw", HEART, "-o", "heart.png", "--steps", 1)[:2] == (0, "heart.png\n")
    picture("heart.png")
    several = gesso("draw", HEART, "-o", "heart.png", "-n", 2, "--steps", 1)
    assert several[:2] == (0, "heart-2.png\nheart-3.png\n") and Path("heart-1.png").read_text() == "mine"
    assert not list(Path().glob(".*"))


def test_the_suffix_is_the_format(gesso):
    drawn = []
    for name, format in (("a.PNG", "PNG"), ("b.jpg", "JPEG"), ("c.webp", "WEBP")):
        assert gesso("draw", HEART, "-o", f"new/{name}", "--steps", 2, "--seed", 1)[0] == 0
        drawn.append(picture(f"new/{name}", format))
    assert 0 < difference(drawn[1], drawn[0]) < 8 and 0 < difference(drawn[2], drawn[0]) < 8


def test_a_program_reads_the_job_and_its_files(gesso, service):
    told = gesso.json("draw", HEART, "--seed", 7, "-n", 2, "-o", "out/", "--steps", 2, "--size", "48x32")
    assert (
        set(told) == {"job", "seed", "files"}
        and [Path(file).parent for file in told["files"]] == [Path("out")] * 2
    )
    assert told["seed"] == 7
    assert {picture(file).size for file in told["files"]} == {(48, 32)}
    assert service.call("GET", f"/gesso/api/jobs/{told['job']}").json()["state"] == "succeeded"
    again = gesso.json("draw", HEART, "--seed", 7, "-n", 2, "-o", "out/", "--steps", 2, "--size", "48x32")
    for one, other in zip(told["files"], again["files"], strict=True):
        assert one != other and picture(one).tobytes() == picture(other).tobytes()


def test_the_seed_that_nobody_chose_is_said_and_draws_the_picture_again(gesso):
    _, out, err = gesso("draw", HEART, "-o", "x.png", "--steps", 1, "--size", "32x32")
    (seed,) = re.findall(r"drawn with --seed (\d+)", err)
    assert out == "x.png\n"
    told = gesso.json("draw", HEART, "-o", "y.png", "--steps", 1, "--size", "32x32", "--seed", seed)
    assert told["seed"] == int(seed)
    assert picture("x.png").tobytes() == picture("y.png").tobytes()


def test_a_picture_is_changed_only_where_the_mask_is_clear(gesso):
    Image.new("RGB", (64, 64), "white").save("photo.png")
    mask = Image.new("RGBA", (64, 64), (0, 0, 0, 255))
    mask.paste((0, 0, 0, 0), (0, 0, 32, 64))
    mask.save("mask.png")
    told = gesso("edit", "photo.png", "change the background to night", "--mask", "mask.png", "--seed", 1)
    assert told[:2] == (0, "photo-edited.png\n")
    right, left = (32, 0, 64, 64), (0, 0, 32, 64)
    edited, photo = picture("photo-edited.png"), picture("photo.png")
    assert (
        difference(edited.crop(right), photo.crop(right))
        == 0
        < difference(edited.crop(left), photo.crop(left))
    )


def test_models_are_listed_with_their_sizes_and_why_not(gesso):
    code, out, _ = gesso("models")
    rows = {line.split()[0]: line for line in out.splitlines()[1:]}
    assert code == 0 and list(rows) == ["sketch", "dall-e-3", "slow", "absent"]
    assert re.search(r"dall-e-3 +sketch +yes +yes", rows["dall-e-3"])
    assert re.search(
        r"^sketch +- +yes +yes +256x256; from 16x16 to \d+x\d+, multiples of 8 +-$", rows["sketch"]
    )
    assert re.search(r"yes +no +64x48, 96x64 +-$", rows["slow"])
    assert re.search(r"no +no .*FluxGuidance", rows["absent"])
    sketch, alias, slow, absent = gesso.json("models")
    assert (sketch["alias_of"], alias["alias_of"]) == (None, "sketch")
    assert (sketch["draws"], sketch["edits"], sketch["reason"]) == (True, True, None)
    assert slow["sizes"]["choices"] == ["64x48", "96x64"] and "FluxGuidance" in absent["reason"]


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["draw", "x", "--model", "nobody"], 6, "There are sketch, dall-e-3, slow, absent."),
        (["draw", "x", "--model", "absent"], 5, "`gesso models` tells which can"),
        (["draw", "x", "--size", "7x7"], 5, "--size: width must be at least 16"),
        (["draw", "x", "--size", "huge"], 5, "like '768x512'"),
        (["draw", "x", "--model", "slow", "--size", "32x32"], 5, "64x48, 96x64"),
        (["draw", "x", "--count", "99"], 5, "--count must be at most 10"),
        (["draw", "x", "--steps", "101"], 5, "at most 100 steps"),
        (["draw", " "], 5, "SENTENCE must not be empty"),
        (["draw", "x", "-o", "picture"], 2, "does not end in .png"),
        (["draw", "x", "-o", "file/x.png"], 9, "file"),
        (["draw", "x", "--count", "0"], 2, "count"),
        (["draw", "x", "--preview", "ascii"], 2, "preview"),
        (["draw", "x", "--timeout", "0", "--model", "slow"], 8, "it goes on"),
        (["edit", "absent.png", "x"], 5, "cannot be read"),
        (["edit", "file", "x"], 5, "is not a picture"),
        (["edit", "white.png", "x", "--model", "slow"], 5, "does not edit pictures"),
        (["edit", "white.png", "x", "--mask", "small.png"], 5, "--mask is 8x8"),
        (["edit", "white.png", "x", "--mask", "white.png"], 5, "no transparency"),
    ],
)
def test_what_does_not_work_says_why(gesso, arguments, code, words):
    Path("file").write_text("text")
    Image.new("RGB", (64, 64), "white").save("white.png")
    Image.new("RGBA", (8, 8)).save("small.png")
    before = sorted(Path().iterdir())
    ended, out, err = gesso(*arguments)
    assert (ended, out) == (code, "") and words in " ".join(err.split())
    assert sorted(Path().iterdir()) == before


def test_without_a_server_it_says_how_to_start_one(gesso):
    code, _, err = gesso("draw", "x", "--url", f"http://127.0.0.1:{free_port()}")
    assert code == 3 and "gesso up" in err


@contextmanager
def terminal(service, tmp_path, arguments, env, *, through=(), **options):
    kept = {name: value for name, value in os.environ.items() if name in ("PATH", "HOME", "LANG")}
    known = {**kept, "GESSO_URL": service.url, "GESSO_KEY": service.key, "PYTHONUTF8": "1", **env}
    command = [*through, *GESSO, *arguments]
    with in_terminal(command, env=known, cwd=tmp_path, **options) as (process, screen):
        yield process, screen


def frames(text):
    """What was drawn each time, between going up to the picture's first line and coming back."""
    return re.findall(r"\x1b8\x1b7\x1b\[\d+A(.*?)(?=\x1b8\x1b7)", text, re.DOTALL)


WAYS = {
    "kitty": ({"TERM": "xterm-kitty"}, lambda text: [shown for _, shown in kitty_pictures(text)]),
    "iterm2": (
        {"TERM": "xterm-256color", "TERM_PROGRAM": "iTerm.app"},
        lambda text: [shown for _, shown in iterm2_pictures(text)],
    ),
    "sixel": ({"TERM": "foot"}, sixel_pictures),
}


@pytest.mark.parametrize("way", WAYS)
def test_a_terminal_shows_each_step_and_then_the_picture(service, tmp_path, way):
    env, pictures = WAYS[way]
    with terminal(service, tmp_path, [*SLOW, "-o", "x.png"], env, cell=(8, 16)) as (process, screen):
        screen.rest()
        assert process.wait(30) == 0
    shown = frames(screen.text)
    assert len(shown) >= 2
    first, last = pictures(shown[0]), pictures(shown[-1])
    assert len(first) == len(last) == 1 and difference(first[0], last[0]) > 0.5
    assert difference(last[0], picture(tmp_path / "x.png")) < 3
    # The lines for it are made once, and each picture is drawn there anew.
    assert len(re.findall(r"(?:\r\n){15,}", screen.text)) == 1
    tops = re.findall(r"\x1b8\x1b7\x1b\[(\d+)A", screen.text)
    assert len(tops) >= len(shown) and set(tops) == {"20"}
    # The bar is gone, and the path stands below the picture.
    assert re.search(rf"{ANCHOR}x.png\r\ngesso: drawn with --seed \d+\r\n$", screen.text)
    assert "\x1b[?25h" in screen.text


@pytest.mark.parametrize(("env", "at_most"), [(TRUE_COLOR, 3), ({"TERM": "xterm-256color"}, 20)])
def test_half_blocks_do_where_nothing_else_is_sure(service, tmp_path, env, at_most):
    with terminal(service, tmp_path, [*QUICK], env, size=(40, 16)) as (process, screen):
        screen.rest()
        assert process.wait(30) == 0
    shown = blocks_picture(frames(screen.text)[-1])
    assert shown.size == (26, 26) and difference(shown, picture(tmp_path / "x.png")) < at_most


@pytest.mark.parametrize(
    ("env", "options", "rows"),
    [
        (TRUE_COLOR | {"NO_COLOR": "1"}, [], 24),
        ({"TERM": "xterm-kitty"}, ["--no-preview"], 24),
        ({"TERM": "xterm-kitty"}, ["--json"], 24),
        ({"TERM": "dumb"}, ["--preview", "kitty"], 24),
        (TRUE_COLOR, [], 3),
    ],
)
def test_no_picture_where_none_can_or_shall_be(service, tmp_path, env, options, rows):
    with terminal(service, tmp_path, [*QUICK, *options], env, size=(80, rows)) as (process, screen):
        screen.rest()
        assert process.wait(30) == 0
    assert "\x1b_G" not in screen.text and "▀" not in screen.text and "\x1b7" not in screen.text
    assert "x.png" in screen.text


def test_ctrl_c_cancels_the_job_and_leaves_nothing_of_the_picture(service, tmp_path):
    command = [*SLOW, "--steps", "100"]
    with terminal(service, tmp_path, command, WAYS["kitty"][0]) as (process, screen):
        screen.until("\x1b_Ga=T")
        assert not screen.echoes
        screen.type("\x03")
        screen.until("Cancel job")
        assert screen.echoes
        screen.until("? [Y/n]")
        (job,) = re.findall(r"Cancel job ([0-9a-f-]{36})", screen.text)
        screen.type("y\n")
        screen.rest()
        assert process.wait(30) == 130
    assert "is cancelled" in screen.text and not list(tmp_path.iterdir())
    assert "\x1b[J" in screen.text.rsplit("a=d,d=I", 1)[1].partition("Cancel job")[0]
    wait_for(lambda: service.call("GET", f"/gesso/api/jobs/{job}").json()["state"] == "cancelled")


def test_ended_from_outside_it_cancels_the_job_and_gives_the_terminal_back(service, tmp_path):
    command = [*SLOW, "--steps", "100"]
    with terminal(service, tmp_path, command, WAYS["kitty"][0]) as (process, screen):
        screen.until("\x1b_Ga=T")
        process.send_signal(signal.SIGTERM)
        screen.rest()
        assert process.wait(30) == 143 and screen.echoes
    (job,) = re.findall(r"job ([0-9a-f-]{36}) is cancelled", screen.text)
    assert "\x1b[?25h" in screen.text and "Cancel job" not in screen.text and not list(tmp_path.iterdir())
    wait_for(lambda: service.call("GET", f"/gesso/api/jobs/{job}").json()["state"] == "cancelled")


def test_a_closed_terminal_cancels_the_job(service, tmp_path):
    command = [*SLOW, "--steps", "100"]
    with terminal(service, tmp_path, command, WAYS["kitty"][0]) as (process, screen):
        screen.until("\x1b_Ga=T")
        (job,) = (each["id"] for each in service.call("GET", "/gesso/api/jobs?state=running").json()["jobs"])
        screen.close()
        assert process.wait(30) == 129
    wait_for(lambda: service.call("GET", f"/gesso/api/jobs/{job}").json()["state"] == "cancelled")
    assert not list(tmp_path.iterdir())


def test_under_nohup_it_outlives_its_terminal(service, tmp_path):
    command, log = [*SLOW, "-o", "x.png"], tmp_path / "nohup.out"
    with terminal(service, tmp_path, command, {}, through=("/usr/bin/nohup",)) as (process, screen):
        wait_for(lambda: log.exists() and "%" in log.read_text())
        screen.close()
        assert process.wait(30) == 0
    picture(tmp_path / "x.png")
