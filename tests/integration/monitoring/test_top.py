"""`gesso top` in a real terminal: it fills the screen, follows its size, and leaves it as it was."""

import os
import re
import select
import struct
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.running import stop, wait_for
from tests.service import RunningGesso, running_service

if sys.platform == "win32":
    pytest.skip("needs a pseudo-terminal", allow_module_level=True)

import fcntl
import pty
import signal
import termios

LIMIT_S = 60.0
ALTERNATE, BACK = "\x1b[?1049h", "\x1b[?1049l"


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningGesso]:
    with running_service(tmp_path_factory.mktemp("gesso")) as running:
        yield running


@dataclass
class Terminal:
    """A program in a terminal, and all that it has written there."""

    process: "subprocess.Popen[bytes]"
    side: int
    written: str = ""

    def resize(self, columns: int, lines: int) -> None:
        fcntl.ioctl(self.side, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))

    def type(self, keys: str) -> None:
        os.write(self.side, keys.encode())

    def read(self) -> str:
        # At the end of the program the terminal is gone, and reading an error.
        with suppress(OSError):
            while select.select([self.side], [], [], 0)[0] and (more := os.read(self.side, 65536)):
                self.written += more.decode("utf-8", "replace")
        return self.written

    def shows(self, text: str) -> bool:
        return text in re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", self.read())

    def ends(self) -> int:
        def ended() -> bool:
            self.read()
            return self.process.poll() is not None

        wait_for(ended, LIMIT_S)
        self.read()
        return self.process.returncode


@contextmanager
def top(service: RunningGesso, *arguments: str, key: str = "") -> Iterator[Terminal]:
    side, other = pty.openpty()
    environment = {
        **os.environ,
        "GESSO_URL": service.url,
        "GESSO_KEY": key or service.key,
        "TERM": "xterm-256color",
    }
    environment.pop("COLUMNS", None)
    environment.pop("LINES", None)
    fcntl.ioctl(side, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    command = [sys.executable, "-m", "gesso", "top", "--every", "0.5", *arguments]
    process = subprocess.Popen(
        command, stdin=other, stdout=other, stderr=other, env=environment, start_new_session=True
    )
    os.close(other)
    terminal = Terminal(process, side)
    try:
        yield terminal
    finally:
        stop(process)
        os.close(terminal.side)


def test_it_fills_the_screen_follows_its_size_and_ends_with_q(service: RunningGesso) -> None:
    with top(service) as terminal:
        wait_for(lambda: terminal.shows("sketch") and terminal.shows("QUEUE"), LIMIT_S)
        assert ALTERNATE in terminal.written and BACK not in terminal.written
        terminal.written = ""
        terminal.resize(140, 50)
        wait_for(lambda: terminal.shows(" " * 90), LIMIT_S)
        terminal.type("q")
        assert terminal.ends() == 0
        assert BACK in terminal.written


def test_ctrl_c_is_an_end_like_any_other(service: RunningGesso) -> None:
    with top(service) as terminal:
        wait_for(lambda: terminal.shows("QUEUE"), LIMIT_S)
        os.kill(terminal.process.pid, signal.SIGINT)
        assert terminal.ends() == 0
        assert BACK in terminal.written and "Traceback" not in terminal.written


def test_a_closed_terminal_ends_it(service: RunningGesso) -> None:
    with top(service) as terminal:
        wait_for(lambda: terminal.shows("QUEUE"), LIMIT_S)
        os.close(terminal.side)
        try:
            os.kill(terminal.process.pid, signal.SIGHUP)
            assert terminal.process.wait(LIMIT_S) == 129
        finally:
            terminal.side = os.open(os.devnull, os.O_RDONLY)


def test_a_user_sees_what_he_may(service: RunningGesso) -> None:
    with top(service, key=service.new_key("mia")) as terminal:
        wait_for(lambda: terminal.shows("sketch"), LIMIT_S)
        assert not terminal.shows("disk")
        terminal.type("q")
        assert terminal.ends() == 0


def test_a_server_that_goes_away_is_told_of_and_waited_for(tmp_path: Path) -> None:
    with running_service(tmp_path) as service, top(service) as terminal:
        wait_for(lambda: terminal.shows("sketch"), LIMIT_S)
        service.close()
        wait_for(lambda: terminal.shows("as of "), LIMIT_S)
        service.launch()
        terminal.written = ""
        wait_for(lambda: "as of" not in terminal.read()[-4000:] and terminal.shows("QUEUE"), LIMIT_S)
        terminal.type("q")
        assert terminal.ends() == 0


def test_one_frame_is_printed_where_it_is_wanted(service: RunningGesso) -> None:
    with top(service, "--once") as terminal:
        assert terminal.ends() == 0
        assert terminal.shows("sketch") and ALTERNATE not in terminal.written


def test_without_a_terminal_it_prints_plain_text(service: RunningGesso) -> None:
    environment = {**os.environ, "GESSO_URL": service.url, "GESSO_KEY": service.key}
    done = subprocess.run(
        [sys.executable, "-m", "gesso", "top"],
        env=environment,
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
    )
    assert done.returncode == 0 and "ENGINES" in done.stdout and "\x1b" not in done.stdout
