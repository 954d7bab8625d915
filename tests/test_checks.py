"""What `./dev check` checks, as tests, so that whoever runs the tests has run the checks."""

import subprocess
import sys
from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_loader
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[1]


def load_dev() -> ModuleType:
    """The `dev` script as a module; its name has no ending, so it cannot be imported."""
    sys.dont_write_bytecode, before = True, sys.dont_write_bytecode
    try:
        loader = SourceFileLoader("dev", str(ROOT / "dev"))
        spec = spec_from_loader("dev", loader)
        assert spec is not None
        module = module_from_spec(spec)
        loader.exec_module(module)
        return module
    finally:
        sys.dont_write_bytecode = before


dev = load_dev()


@pytest.mark.parametrize("name", dev.CHECKS)
def test_static_check_passes(name: str) -> None:
    program, *arguments = dev.CHECKS[name]
    folder = Path(sys.executable).parent
    command = [sys.executable if program == "python" else str(folder / program), *arguments]
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert done.returncode == 0, f"./dev check {name}\n{done.stdout}"


def test_help_names_every_word() -> None:
    done = subprocess.run([sys.executable, str(ROOT / "dev"), "--help"], capture_output=True, text=True)
    assert done.returncode == 0
    for name, word in dev.WORDS.items():
        assert f"  {name:7} {word.__doc__.strip()}" in done.stdout


@pytest.mark.parametrize(
    ("typed", "told"),
    [
        (["tets"], "there is no word 'tets'; there are setup, up, "),
        (["check", "typos", "lint"], "there is no check 'typos'; there are format, lint, "),
        (["docs", "--check"], "`docs` takes nothing after it"),
    ],
)
def test_what_dev_does_not_know_is_refused_with_what_it_does(typed: list[str], told: str) -> None:
    done = subprocess.run([sys.executable, str(ROOT / "dev"), *typed], capture_output=True, text=True)
    assert (done.returncode, done.stderr.startswith(f"dev: {told}")) == (2, True), done.stderr


@pytest.mark.parametrize("file", sorted((ROOT / "requirements").glob("*.txt")), ids=lambda file: file.stem)
def test_a_lock_file_pins_with_hashes_and_records_no_address(file: Path) -> None:
    lines = file.read_text(encoding="utf-8").splitlines()
    pins = [line for line in lines if line and not line.startswith((" ", "#"))]
    assert pins and all("==" in line and line.endswith("\\") for line in pins)
    assert not [line for line in lines if "://" in line or "--index" in line or "--find-links" in line]


@pytest.mark.parametrize("extra", dev.EXTRAS)
def test_every_extra_has_the_versions_that_are_tested(extra: str) -> None:
    def pins(name: str) -> set[str]:
        text = (ROOT / f"requirements/{name}.txt").read_text(encoding="utf-8")
        return {line.split()[0] for line in text.splitlines() if "==" in line and not line.startswith(" ")}

    assert pins(extra) <= pins("dev")
