"""The house rules that a program can hold: sizes, docstrings, names, imports, what files may not contain."""

import ast
import statistics
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
LONGEST_FILE, LONGEST_FUNCTION = 400, 60
GENERATED = "gesso/client/_sync/"
BANNED_SUFFIXES = (
    "Manager",
    "Helper",
    "Helpers",
    "Util",
    "Utils",
    "Common",
    "Base",
    "Impl",
    "Handler",
    "Service",
    "Processor",
)
# The only files that may catch everything, and why. Each logs the traceback or answers with it.
CATCH_ALL = {
    "gesso/events.py": "one subscriber's failure is not the next one's",
    "gesso/fleet/keeper.py": "the tick goes on for the other engines",
    "gesso/fleet/trials.py": "what one engine answers to a test does not end gesso",
    "gesso/jobs/dispatcher.py": "the tick goes on for the other jobs",
    "gesso/jobs/hang_watch.py": "the others are watched on",
    "gesso/monitoring/alarms.py": "what is watched goes on, and the next look may succeed",
    "gesso/monitoring/collect.py": "what is watched goes on, and so does watching",
    "gesso/gateway/middleware/failures.py": "the request is answered, the server goes on",
    "gesso/database/lines.py": "what a transaction raises is its caller's, and not that of those beside it",
    "gesso/monitoring/notify.py": "what one of a hundred foreign services raises is why it did not deliver",
    "gesso/cli/main.py": "a defect ends in a message and a status, not in a traceback",
    "gesso/sketch/executor.py": "a node may raise anything; that ends its prompt",
    "gesso/sketch/worker.py": "the next prompt must still run",
    "gesso/sketch/middleware.py": "the request is answered, the server goes on",
}
# Split, so that this file does not contain what it looks for.
HOMES = tuple(f"/{name}/" for name in ("work", "root", "home"))
REGISTRIES = tuple(".".join(parts) for parts in (("pypi", "org"), ("pythonhosted", "org"), ("npmjs", "org")))


@cache
def tracked() -> tuple[str, ...]:
    """Every file git knows or would add; without git (an unpacked archive) whatever lies there."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    if listed.returncode == 0:
        names = listed.stdout.split("\0")
    else:
        names = [path.relative_to(ROOT).as_posix() for path in ROOT.rglob("*") if ".venv" not in path.parts]
    return tuple(sorted({name for name in names if name and (ROOT / name).is_file()}))


def python(*folders: str) -> list[str]:
    return [
        name
        for name in tracked()
        if (name.endswith(".py") or name == "dev")
        and not name.startswith(GENERATED)
        and (not folders or name.startswith(folders))
    ]


@cache
def text(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


@cache
def tree(name: str) -> ast.Module:
    return ast.parse(text(name), name)


def walk(name: str) -> Iterator[ast.AST]:
    return ast.walk(tree(name))


def report(breaches: list[str]) -> None:
    assert not breaches, "\n" + "\n".join(breaches)


def test_no_file_is_longer_than_one_can_read() -> None:
    sizes = {name: len(text(name).splitlines()) for name in python()}
    inner = [size for name, size in sizes.items() if name.startswith("gesso/") and size > 1]
    print(f"{len(inner)} files, median {statistics.median(inner):.0f} lines, longest {max(inner)}")
    report(
        [
            f"{name}: {size} lines, {LONGEST_FILE} allowed"
            for name, size in sizes.items()
            if size > LONGEST_FILE
        ]
    )


def test_no_function_is_longer_than_a_screen() -> None:
    report(
        [
            f"{name}:{node.lineno}: {node.name} has {size} lines, {LONGEST_FUNCTION} allowed"
            for name in python()
            for node in walk(name)
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
            and (size := (node.end_lineno or node.lineno) - node.lineno + 1) > LONGEST_FUNCTION
        ]
    )


def test_every_file_says_in_one_line_what_it_is() -> None:
    report([name for name in python() if text(name).strip() and not ast.get_docstring(tree(name))])


def test_no_class_has_a_name_that_says_nothing() -> None:
    report(
        [
            f"{name}:{node.lineno}: {node.name}"
            for name in python()
            for node in walk(name)
            if isinstance(node, ast.ClassDef) and node.name.endswith(BANNED_SUFFIXES)
        ]
    )


def test_inner_packages_have_an_empty_init() -> None:
    inits = [name for name in python("gesso/") if name.endswith("/__init__.py")]
    report([name for name in inits if name != "gesso/__init__.py" and text(name).strip()])


def test_nothing_inside_imports_the_package_root() -> None:
    breaches = []
    for name in [name for name in python("gesso/") if name != "gesso/__init__.py"]:
        for node in walk(name):
            from_root = isinstance(node, ast.ImportFrom) and node.module == "gesso" and _names_of_root(node)
            whole_root = isinstance(node, ast.Import) and any(one.name == "gesso" for one in node.names)
            if from_root or whole_root:
                breaches.append(f"{name}:{getattr(node, 'lineno', 0)}: import from the defining file instead")
    report(breaches)


def _names_of_root(node: ast.ImportFrom) -> bool:
    """`from gesso import errors` names a module, `from gesso import Client` the root's own name."""
    modules = {path.stem for path in (ROOT / "gesso").iterdir()}
    return any(one.name not in modules | {"__version__"} for one in node.names)


def test_imports_are_absolute() -> None:
    report(
        [
            f"{name}:{node.lineno}"
            for name in python()
            for node in walk(name)
            if isinstance(node, ast.ImportFrom) and node.level
        ]
    )


def test_only_the_commands_print() -> None:
    report(
        [
            f"{name}:{call.lineno}"
            for name in python("gesso/")
            for call in calls(name, "print")
            if not _is_cli(name)
        ]
    )


def _is_cli(name: str) -> bool:
    return name.startswith("gesso/cli/")


def test_no_test_waits_by_sleeping() -> None:
    """Waiting is looking again until a deadline; a sleep is only the gap between two looks of a loop."""
    report(
        [
            f"{name}:{call.lineno}: wait for a condition (tests/running.py: wait_for)"
            for name in python("tests/")
            for call in _sleeps_outside_loops(tree(name))
        ]
    )


def _sleeps_outside_loops(node: ast.AST) -> Iterator[ast.Call]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.While):
            continue
        if isinstance(child, ast.Call) and _is_call_of(child, "sleep") and not _is_zero(child):
            yield child
        yield from _sleeps_outside_loops(child)


def _is_zero(call: ast.Call) -> bool:
    """`sleep(0)` waits for nothing: it lets others run."""
    return bool(call.args) and isinstance(call.args[0], ast.Constant) and call.args[0].value == 0


def calls(name: str, function: str) -> Iterator[ast.Call]:
    return (node for node in walk(name) if isinstance(node, ast.Call) and _is_call_of(node, function))


def _is_call_of(call: ast.Call, function: str) -> bool:
    """Whether it is `function(…)` or `anything.function(…)`."""
    called = call.func
    return (isinstance(called, ast.Name) and called.id == function) or (
        isinstance(called, ast.Attribute) and called.attr == function
    )


def test_everything_is_caught_only_where_something_else_must_go_on() -> None:
    broad = [
        f"{name}:{node.lineno}: name the exceptions, or write down here why not"
        for name in python("gesso/")
        if name not in CATCH_ALL
        for node in walk(name)
        if isinstance(node, ast.ExceptHandler)
        and (node.type is None or ast.unparse(node.type) in ("Exception", "BaseException"))
        and not _raises_again(node)
    ]
    report(broad)


def _raises_again(handler: ast.ExceptHandler) -> bool:
    """Cleaning up and handing on is not catching."""
    last = handler.body[-1]
    return isinstance(last, ast.Raise) and last.exc is None


@pytest.mark.parametrize("word", [*HOMES, *REGISTRIES])
def test_no_file_names_a_place_of_a_developers_machine_or_a_registry(word: str) -> None:
    breaches = []
    for name in tracked():
        try:
            lines = text(name).splitlines()
        except UnicodeDecodeError:
            continue
        breaches += [f"{name}:{number}" for number, line in enumerate(lines, 1) if word in line]
    report(breaches)
