"""For all suites: fast tests first, Debian packages on demand, Hypothesis without a stopwatch."""

import signal
from pathlib import Path

import hypothesis
import pytest

from tests import packages

pytest_plugins = ["pytester"]

# The files of acceptance are the longest: were they last, workers would wait for each other at the end.
LEVELS = ("unit", "", "acceptance", "integration")

# How long an example takes says nothing on a machine that is shared.
hypothesis.settings.register_profile("gesso", deadline=None)
hypothesis.settings.load_profile("gesso")


# A shell's background job begins with Ctrl-C ignored, one of nohup with the end of its terminal, and each
# hands that on to every program the tests start.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
if hasattr(signal, "SIGHUP") and signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
    signal.signal(signal.SIGHUP, signal.SIG_DFL)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Unit tests, then those of tests/ itself, then acceptance, then integration; else as collected."""
    items.sort(key=_level)


def _level(item: pytest.Item) -> int:
    folder, _, rest = item.path.relative_to(Path(__file__).parent).as_posix().partition("/")
    return LEVELS.index(folder) if rest and folder in LEVELS else LEVELS.index("")


def pytest_runtest_setup(item: pytest.Item) -> None:
    """`@pytest.mark.package("chromium")`: have it, or install it, or be reported as skipped with its name."""
    for marker in item.iter_markers("package"):
        for name in marker.args:
            missing = packages.ensure(name)
            if missing:
                pytest.skip(f"needs the Debian package {name}: {missing}")
