"""Records carry their ids and never a secret."""

import io
import json
import logging
import sys
from collections.abc import Iterator

import pytest

from gesso.logs import Redaction, TextRecords, configure, fingerprint, job_id, masked, redaction, request_id

SECRET = "correct horse battery"


@pytest.fixture
def output() -> Iterator[io.StringIO]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield io.StringIO()
    root.handlers[:], root.level = handlers, level


def test_a_text_record_carries_request_and_job(output: io.StringIO) -> None:
    configure("text", "info", output)
    request, job = request_id.set("7f3a"), job_id.set("91c2")
    logging.getLogger("gesso.jobs").info("claimed %d", 3)
    request_id.reset(request)
    job_id.reset(job)
    assert output.getvalue().endswith("Z INFO gesso.jobs [request 7f3a] [job 91c2] claimed 3\n")


def test_a_json_record_is_one_line_even_with_a_traceback(output: io.StringIO) -> None:
    configure("json", "info", output)
    try:
        raise ValueError("two\nlines")
    except ValueError:
        logging.getLogger("gesso").exception("failed")
    (line,) = output.getvalue().splitlines()
    record = json.loads(line)
    assert record["level"] == "error"
    assert "ValueError: two\nlines" in record["message"]
    assert "job_id" not in record


def test_a_record_below_the_level_is_not_written(output: io.StringIO) -> None:
    configure("text", "warning", output)
    logging.getLogger("gesso").info("quiet")
    assert output.getvalue() == ""


@pytest.mark.parametrize("kind", ["text", "json"])
def test_a_registered_secret_is_hidden_wherever_it_stands(output: io.StringIO, kind: str) -> None:
    configure(kind, "info", output)
    redaction.add(SECRET)
    try:
        raise ValueError(f"in the traceback: {SECRET}")
    except ValueError:
        logging.getLogger("gesso").exception("in the message: %s", {"argument": [SECRET]})
    assert SECRET not in output.getvalue()
    assert output.getvalue().count(f"***{fingerprint(SECRET)}") >= 2


@pytest.mark.parametrize(
    ("text", "secret"),
    [
        ("key gesso_AbCdEf0123456789xyz_-8 used", "gesso_AbCdEf0123456789xyz_-8"),
        ("GET /ws?clientId=1&token=abc.def HTTP/1.1", "abc.def"),
        ("GET /view?token=abc", "abc"),
        ("Authorization: Bearer eyJhbGciOi", "eyJhbGciOi"),
        ("authorization: basic bWU6Z2VoZWlt", "bWU6Z2VoZWlt"),
    ],
)
def test_what_looks_like_a_credential_is_hidden_unregistered(text: str, secret: str) -> None:
    assert Redaction().apply(text) == text.replace(secret, masked(secret))


def test_what_is_hidden_once_is_not_hidden_again() -> None:
    hidden = Redaction()
    hidden.add("abcdef")
    once = hidden.apply("?token=abcdef")
    assert once == f"?token={masked('abcdef')}"
    assert hidden.apply(once) == once


def test_of_two_secrets_the_longer_is_hidden_whole() -> None:
    hidden = Redaction()
    hidden.add("abcd")
    hidden.add("abcdefgh")
    assert hidden.apply("abcdefgh") == masked("abcdefgh")


@pytest.mark.parametrize("text", ["", "a", "the", "gesso_data", "module gesso_example_one", "monkey=banana"])
def test_ordinary_words_stay(text: str) -> None:
    hidden = Redaction()
    hidden.add("the")
    assert hidden.apply(text) == text


def test_a_fingerprint_is_the_beginning_of_the_sha256() -> None:
    assert fingerprint("abc") == "ba7816bf"


def test_what_comes_from_outside_neither_begins_a_line_nor_draws_on_a_terminal() -> None:
    try:
        raise ValueError("two\n2026-11-21T00:00:00.000Z INFO forged \x1b[2J")
    except ValueError:
        written = TextRecords(Redaction()).format(
            logging.LogRecord("x", logging.INFO, "x", 1, "job %s", ("1\n2 \x9b \u202e",), sys.exc_info())
        )
    first, *below = written.splitlines()
    assert first.endswith(r"job 1\n2 \x9b \u202e")
    assert all(line.startswith("  ") for line in below)
    assert "\x1b" not in written
