"""The supported API is a list, and asking for it loads nothing heavy."""

import subprocess
import sys

import pytest

import gesso

HEAVY = {
    "aiohttp",
    "fastapi",
    "numpy",
    "PIL",
    "psutil",
    "psycopg",
    "pydantic",
    "pynvml",
    "rich",
    "sqlalchemy",
    "sqlite3",
    "starlette",
    "typer",
    "uvicorn",
    "websockets",
}


def loaded_by(code: str) -> set[str]:
    """The modules that are there after `code` in a fresh interpreter."""
    script = f"import sys\n{code}\nprint(' '.join(sys.modules))"
    return set(
        subprocess.run(
            [sys.executable, "-c", script], capture_output=True, text=True, check=True
        ).stdout.split()
    )


def test_the_supported_api_is_this_list():
    assert gesso.__all__ == ["AsyncClient", "Client", "Workflow", "__version__", "errors"]
    assert sorted(gesso.__all__) == dir(gesso)


@pytest.mark.parametrize("name", gesso.__all__)
def test_each_name_is_there(name):
    assert getattr(gesso, name) is not None


def test_another_name_is_not():
    with pytest.raises(AttributeError, match="Cliend"):
        getattr(gesso, "Cliend")  # noqa: B009


def test_importing_gesso_loads_nothing_but_itself():
    there = loaded_by("import gesso")
    assert not there & (HEAVY | {"httpx", "asyncio", "json"})
    assert {name for name in there if name.startswith("gesso")} == {"gesso"}


@pytest.mark.parametrize("name", ["Client", "AsyncClient", "Workflow", "errors"])
def test_the_client_needs_no_server(name):
    # httpx looks for its own command line, and so loads Rich where that is installed.
    assert not loaded_by(f"import gesso; gesso.{name}") & (HEAVY - {"rich"})


def test_only_the_clients_need_httpx():
    assert "httpx" not in loaded_by("import gesso; gesso.Workflow, gesso.errors")
    assert "httpx" in loaded_by("import gesso; gesso.Client")
