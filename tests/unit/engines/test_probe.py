"""Answers to a probe are told apart, and unknown stays unknown (F-01, F-05, F-06, F-08, F-23)."""

import json

import pytest

from gesso.engines.probe import Fact, Outcome, Probe, read_answer

STATS = json.dumps({"system": {"comfyui_version": "0.3.64"}, "devices": []}).encode()
JSON = "application/json; charset=utf-8"

ANSWERS = [
    (200, JSON, "", STATS, Outcome.OK),
    (200, "text/plain", "", STATS, Outcome.OK),
    (200, "text/html", "", b"<!DOCTYPE html><title>Login</title>", Outcome.HTML),
    (200, JSON, "", b"\n <html></html>", Outcome.HTML),
    (200, JSON, "", STATS[:-5], Outcome.NOT_JSON),
    (200, JSON, "", b"", Outcome.NOT_JSON),
    (200, JSON, "", b"\xff\xfe", Outcome.NOT_JSON),
    (200, JSON, "", b"[]", Outcome.WRONG_SHAPE),
    (200, JSON, "", b'{"status": "ok"}', Outcome.WRONG_SHAPE),
    (200, JSON, "", b'{"system": {}, "devices": null}', Outcome.WRONG_SHAPE),
    (204, "", "", b"", Outcome.CLIENT_ERROR),
    (301, "", "https://example.org/", b"", Outcome.REDIRECTED),
    (302, "", "/login", b"", Outcome.LOGIN),
    (303, "", "https://sso.example.org/SignIn?next=/", b"", Outcome.LOGIN),
    (401, JSON, "", b'{"error": "no"}', Outcome.UNAUTHORIZED),
    (403, "", "", b"", Outcome.FORBIDDEN),
    (404, JSON, "", b"{}", Outcome.CLIENT_ERROR),
    (500, JSON, "", STATS, Outcome.SERVER_ERROR),
    (502, "text/html", "", b"<html>Bad Gateway</html>", Outcome.SERVER_ERROR),
]


@pytest.mark.parametrize(("status", "content_type", "location", "body", "outcome"), ANSWERS)
def test_answer_is_told_apart(
    status: int, content_type: str, location: str, body: bytes, outcome: Outcome
) -> None:
    assert read_answer(status, content_type, location, body).outcome is outcome


def test_redirect_target_is_kept_without_its_query() -> None:
    reading = read_answer(302, "", "https://host/login?token=hush&next=/", b"")
    assert "/login" in reading.detail
    assert "hush" not in reading.detail


def test_version_is_what_the_engine_says() -> None:
    assert read_answer(200, JSON, "", STATS).version == "0.3.64"


ALIVE_AND_READY = {
    Outcome.NAME_UNKNOWN: (Fact.NO, Fact.NO),
    Outcome.REFUSED: (Fact.NO, Fact.NO),
    Outcome.UNREACHABLE: (Fact.NO, Fact.NO),
    Outcome.TLS_FAILED: (Fact.YES, Fact.NO),
    Outcome.DISCONNECTED: (Fact.UNKNOWN, Fact.UNKNOWN),
    Outcome.TIMED_OUT: (Fact.UNKNOWN, Fact.UNKNOWN),
    Outcome.NOT_HTTP: (Fact.YES, Fact.NO),
    Outcome.LOGIN: (Fact.YES, Fact.NO),
    Outcome.REDIRECTED: (Fact.YES, Fact.NO),
    Outcome.UNAUTHORIZED: (Fact.YES, Fact.NO),
    Outcome.FORBIDDEN: (Fact.YES, Fact.NO),
    Outcome.CLIENT_ERROR: (Fact.YES, Fact.NO),
    Outcome.SERVER_ERROR: (Fact.YES, Fact.NO),
    Outcome.HTML: (Fact.YES, Fact.NO),
    Outcome.NOT_JSON: (Fact.YES, Fact.NO),
    Outcome.WRONG_SHAPE: (Fact.YES, Fact.NO),
    Outcome.OK: (Fact.YES, Fact.YES),
}


@pytest.mark.parametrize("outcome", Outcome)
def test_alive_and_ready_are_two_facts_and_may_be_unknown(outcome: Outcome) -> None:
    probe = Probe(outcome=outcome, asked="GET http://127.0.0.1:1/system_stats", at=0.0, took_ms=1.0)
    assert (probe.alive, probe.ready) == ALIVE_AND_READY[outcome]


def test_probe_in_words_says_what_was_asked_and_what_came() -> None:
    probe = Probe(
        outcome=Outcome.SERVER_ERROR, asked="GET http://h/system_stats", at=0.0, took_ms=12.3, detail="502"
    )
    assert str(probe) == "GET http://h/system_stats: 5xx (502) after 12 ms"
