"""Alarms arrive at real webhooks, mail servers and syslogs; what does not arrive is told, without secrets."""

import asyncio
import io
import logging
import threading
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import replace
from typing import Any

import pytest

from gesso.config.alerts import NotifyConfig
from gesso.errors import ConfigError
from gesso.logs import redaction
from gesso.monitoring.addresses import Address, WindowsEventLog, event_arguments, make_addresses
from gesso.monitoring.alarm import Alarm
from gesso.monitoring.message import Kind, Message, Notice
from gesso.monitoring.notify import Notify
from gesso.monitoring.rule import Severity
from gesso.monitoring.standing import Turn
from tests.receivers import Receiver, mail_server, syslog, webhook
from tests.running import free_port

# Apprise imports this one while it looks for its services.
pytestmark = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")

TOKEN = "geheimnis-0123456789"
DOWN = Alarm(
    rule="engine-down",
    subject="engine gpu-0",
    step=1,
    severity=Severity.CRITICAL,
    summary="Engine 'gpu-0' is down (failing).",
    evidence="killed by SIGKILL",
    remedy="`gesso engines logs gpu-0` shows its log.",
    raised=1000.0,
    changed=1000.0,
)
RAISED = Notice(alarm=DOWN, turn=Turn.RAISED)
OVER = Notice(
    alarm=replace(DOWN, changed=1720.0, ended=1720.0, ending="Engine 'gpu-0' is ready."), turn=Turn.RECOVERED
)


def addresses(*urls: str, severity: str = "warning") -> tuple[Address, ...]:
    """Named a, b, …"""
    given = {f"URL_{name}": url for name, url in zip("abcdef", urls, strict=False)}
    configs = [
        NotifyConfig.model_validate({"name": key[-1], "url_env": key, "severity": severity}) for key in given
    ]
    return make_addresses(configs, given)


Told = tuple[int, str, str | None, bool]


def told(notify: Notify, notices: Sequence[Notice], until: Callable[[list[Told]], Any]) -> list[Told]:
    """Send these, and wait until the outcomes are as wanted: how many, where, why not, whether finally."""

    async def run() -> list[Told]:
        outcomes: list[Told] = []
        came = asyncio.Event()

        async def outcome(sent: Sequence[Notice], name: str, why: str | None, final: bool) -> None:
            outcomes.append((len(sent), name, why, final))
            came.set()

        running = asyncio.create_task(notify.run(outcome))
        for notice in notices:
            notify.tell(notice, notify.names())
        async with asyncio.timeout(60):
            while not until(outcomes):
                await came.wait()
                came.clear()
        running.cancel()
        return outcomes

    return asyncio.run(run())


def quick(*urls: str, **more: Any) -> Notify:
    return Notify(addresses(*urls), **{"per_minute": 100, "back_off_s": (0.05, 0.05), **more})


def tried(notify: Notify) -> dict[str, str | None]:
    return {each.name: each.why for each in asyncio.run(notify.test(notify.names()))}


def test_a_webhook_hears_of_the_alarm_and_of_its_end() -> None:
    with webhook() as hook:
        told(quick(f"json://127.0.0.1:{hook.port}/{TOKEN}"), [RAISED, OVER], lambda all: len(all) == 2)
    raised, over = hook.heard
    assert "critical: Engine 'gpu-0' is down (failing)." in raised.partition(" / ")[0]
    for part in ("killed by SIGKILL", "`gesso engines logs gpu-0`", "(engine-down, engine gpu-0)"):
        assert part in raised.partition(" / ")[2]
    assert "over after 12 min: Engine 'gpu-0' is ready." in over


def test_a_mail_server_takes_the_mail() -> None:
    with mail_server() as server:
        url = f"mailto://127.0.0.1:{server.port}?from=gesso@example.org&to=ops@example.org&mode=insecure"
        assert tried(quick(url)) == {"a": None}
        told(quick(url), [RAISED], lambda all: all)
    mail = server.heard[1]
    assert "To: ops@example.org" in mail and "Subject: " in mail and "killed by SIGKILL" in mail
    assert 'Content-Type: text/plain; charset="utf-8"' in mail


def test_a_syslog_gets_the_severity() -> None:
    with syslog() as log:
        told(quick(f"rsyslog://127.0.0.1:{log.port}"), [RAISED, OVER], lambda all: len(all) == 2)
        raised, over = log.count(2)
    # <facility * 8 + severity>: kern.crit and kern.notice or info, as Apprise maps failure and success.
    assert int(raised[1 : raised.index(">")]) % 8 < int(over[1 : over.index(">")]) % 8
    assert "Engine 'gpu-0' is down" in raised


def test_what_quotes_a_secret_leaves_without_it() -> None:
    redaction.add("pass-of-an-engine")
    leaky = Notice(alarm=replace(DOWN, evidence="said pass-of-an-engine"), turn=Turn.RAISED)
    with webhook() as hook:
        told(quick(f"json://127.0.0.1:{hook.port}/"), [leaky], lambda all: all)
    assert "pass-of-an-engine" not in hook.heard[0] and "said ***" in hook.heard[0]


def test_a_closed_port_is_told_with_the_reason_and_without_the_address() -> None:
    why = tried(quick(f"json://ada:{TOKEN}@127.0.0.1:{free_port()}/hook-{TOKEN}"))["a"]
    assert why is not None and "Connection refused" in why and "127.0.0.1" in why
    assert TOKEN not in why and "ada" not in why.split()


def test_a_refusal_is_told() -> None:
    with webhook(403) as hook:
        why = tried(quick(f"json://127.0.0.1:{hook.port}/{TOKEN}"))["a"]
    assert why is not None and "403" in why


def test_each_address_is_tried_for_itself() -> None:
    with webhook() as hook:
        result = tried(quick(f"json://127.0.0.1:{free_port()}", f"json://127.0.0.1:{hook.port}"))
    assert result["a"] is not None and result["b"] is None


def test_who_does_not_answer_is_not_waited_for() -> None:
    wait = threading.Event()
    with webhook(wait=wait) as hook:
        notify = quick(f"json://127.0.0.1:{hook.port}?rto=50", limit_s=0.3)
        assert tried(notify) == {"a": "no answer within 0.3 s"}
        assert tried(notify) == {"a": "no answer within 0.3 s"}
        # Two threads hang there; a third one is not begun.
        assert tried(notify) == {"a": "messages before this one were neither taken nor refused yet"}
        wait.set()


def test_what_fails_is_tried_again_and_then_given_up(caplog: pytest.LogCaptureFixture) -> None:
    notify = quick(f"json://127.0.0.1:{free_port()}/{TOKEN}")
    outcomes = told(notify, [RAISED], lambda all: all and all[-1][3])
    assert [final for *_, final in outcomes] == [False, False, True]
    ours = [record for record in caplog.records if record.name.startswith("gesso.")]
    # Not hidden only when it is written: gesso never says it.
    assert "given up: " in ours[-1].getMessage()
    assert not any(TOKEN in record.getMessage() for record in ours)


def test_nothing_that_apprise_says_comes_to_the_log() -> None:
    stream, root = io.StringIO(), logging.getLogger()
    output = logging.StreamHandler(stream)
    root.addHandler(output)
    try:
        with webhook(500) as hook:
            assert tried(quick(f"json://127.0.0.1:{hook.port}/{TOKEN}"))["a"] is not None
    finally:
        root.removeHandler(output)
    assert TOKEN not in stream.getvalue() and "JSON" not in stream.getvalue()


def test_who_is_back_hears_in_one_message_what_there_was_meanwhile() -> None:
    port = free_port()
    notify = Notify(addresses(f"json://127.0.0.1:{port}"), per_minute=100, back_off_s=(0.3,) * 200)
    hooks: list[Receiver] = []

    def back(outcomes: list[Told]) -> bool:
        if outcomes and not hooks:
            hooks.append(stack.enter_context(webhook(port=port)))
        return bool(outcomes) and outcomes[-1][2] is None

    with ExitStack() as stack:
        outcomes = told(notify, [RAISED, OVER], back)
    assert outcomes[-1] == (2, "a", None, True)
    assert "2 messages: 1 critical, 1 over" in hooks[0].heard[0]
    assert "- critical: Engine 'gpu-0' is down" in hooks[0].heard[0]


def test_a_storm_is_put_together() -> None:
    with webhook() as hook:
        notify = quick(f"json://127.0.0.1:{hook.port}", per_minute=3, storm_s=1.0)
        many = [replace(RAISED, alarm=replace(DOWN, subject=f"engine e{n}")) for n in range(50)]
        outcomes = told(notify, many, lambda all: sum(count for count, *_ in all) == 50)
    assert [count for count, *_ in outcomes] == [1, 1, 1, 47]
    assert "47 messages: 47 critical" in hook.heard[3] and "and 7 more" in hook.heard[3]


def test_who_wants_only_critical_hears_nothing_else() -> None:
    both = (*addresses("json://127.0.0.1:9"), *addresses("json://127.0.0.1:9", severity="critical"))
    both[1].name = "b"
    notify = Notify(both, per_minute=1)
    assert (notify.names("warning"), notify.names("critical")) == (("a",), ("a", "b"))


@pytest.mark.parametrize(
    "url", [f"nosuch://{TOKEN}/x", f"just-text-{TOKEN}", f"slack://{TOKEN}", "windows://", "eventlog://gesso"]
)
def test_an_address_that_cannot_be_used_is_refused_without_showing_it(url: str) -> None:
    with pytest.raises(ConfigError) as raised:
        addresses(url)
    assert "alerts.notify 'a'" in raised.value.message and TOKEN not in raised.value.message


def test_the_secret_of_an_address_never_reaches_the_log() -> None:
    addresses(f"tgram://123456789:{TOKEN}abcdefgh/12345/", f"json://host.example.org/hooks/{TOKEN}")
    assert TOKEN not in redaction.apply(f"POST /hooks/{TOKEN} and bot123456789:{TOKEN}abcdefgh")
    assert redaction.apply("host.example.org listens") == "host.example.org listens"


def test_the_event_log_of_windows_gets_type_and_text() -> None:
    message = Message(title="gesso on pc: critical: x", text="why", kind=Kind.CRITICAL)
    arguments = event_arguments(message)
    assert arguments[arguments.index("/T") + 1] == "ERROR"
    assert arguments[-1] == "gesso on pc: critical: x\n\nwhy"
    assert WindowsEventLog("a", "warning", platform="win32").name == "a"
