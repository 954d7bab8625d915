"""A test that needs a Debian package is never silently passed over."""

from pathlib import Path

import pytest

from tests import packages

NOWHERE = "gesso-no-such-package"


@pytest.fixture(autouse=True)
def forget() -> None:
    packages.ensure.cache_clear()


def test_what_is_there_is_not_installed_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GESSO_NO_INSTALL", "1")
    assert packages.ensure("sh") is None


def test_with_the_opt_out_nothing_is_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GESSO_NO_INSTALL", "1")
    assert "GESSO_NO_INSTALL is set" in (packages.ensure(NOWHERE) or "")


def test_whoever_is_not_root_is_told_the_command(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "apt-get").write_text("#!/bin/sh\nexit 1\n")
    (tmp_path / "apt-get").chmod(0o755)
    monkeypatch.delenv("GESSO_NO_INSTALL", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    reason = packages.ensure(NOWHERE) or ""
    assert f"apt-get install {NOWHERE}" in reason or "not Debian" in reason


def test_a_skip_names_the_package(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GESSO_NO_INSTALL", "1")
    pytester.makeconftest("from tests.conftest import pytest_runtest_setup as pytest_runtest_setup\n")
    pytester.makepyfile(
        f"import pytest\n@pytest.mark.package({NOWHERE!r})\ndef test_x(): raise SystemError\n"
    )
    pytester.makeini("[pytest]\nmarkers = package\n")
    result = pytester.runpytest_inprocess("-rs")
    result.assert_outcomes(skipped=1)
    result.stdout.fnmatch_lines([f"*needs the Debian package {NOWHERE}: not installed*"])
