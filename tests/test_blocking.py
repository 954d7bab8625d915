"""Nothing that may block is called on the event loop: one slow disk must not make everybody wait.

Looked at is what a coroutine calls itself, and what it calls through plain functions of its own file. What
it hands to a thread (`asyncio.to_thread`, `Database.tx`) is not called there.
"""

import ast
from collections.abc import Iterator
from textwrap import dedent

import pytest

from tests.test_architecture import python, report, tree

# Whole modules whose every function may block.
MODULES = ("requests", "shutil", "sqlite3", "subprocess", "tarfile", "zipfile")
FUNCTIONS = frozenset(
    "open input sleep time.sleep urlopen urllib.request.urlopen socket.create_connection socket.getaddrinfo "
    "hashlib.file_digest Image.open psutil.process_iter os.fsync os.fdatasync os.replace os.rename os.link "
    "os.unlink os.remove os.listdir os.scandir os.walk os.stat os.makedirs os.mkdir os.open os.read "
    "os.write".split()
)
# Of paths and of database connections, whatever they are called.
METHODS = frozenset(
    "read_text read_bytes write_text write_bytes open mkdir unlink touch iterdir glob rglob exists is_file "
    "is_dir stat lstat rmdir hardlink_to symlink_to execute exec_driver_sql process_iter".split()
)
# An engine's loop is not gesso's: sketch may wait for its own disk, as ComfyUI does.
ENGINE = "gesso/sketch/"
# Coroutines that may after all, and why.
ALLOWED = {
    "gesso/fleet/keeper.py:halt": "a record of a hundred bytes, when gesso ends",
    "gesso/fleet/keeper.py:_act": "a record of a hundred bytes, when an engine has ended",
    "gesso/fleet/supervisor.py:__aenter__": "before anybody is served",
    "gesso/processes/logs.py:follow": "for commands, which have nobody else to serve",
}

Function = ast.FunctionDef | ast.AsyncFunctionDef


def name_of(called: ast.expr) -> str:
    """As it is written: "os.replace", "self._size"; "?.stat" of what has no name."""
    if isinstance(called, ast.Name):
        return called.id
    if isinstance(called, ast.Attribute):
        return f"{name_of(called.value) or '?'}.{called.attr}"
    return ""


def calls_of(function: Function) -> Iterator[ast.Call]:
    """What is called while the function runs: not in functions defined in it, and nothing that is awaited."""
    waiting: list[ast.AST] = list(function.body)
    awaited: set[ast.AST] = set()
    while waiting:
        node = waiting.pop()
        if isinstance(node, Function | ast.Lambda | ast.ClassDef):
            continue
        if isinstance(node, ast.Await):
            awaited.add(node.value)
        elif isinstance(node, ast.AsyncWith):
            awaited |= {item.context_expr for item in node.items}
        elif isinstance(node, ast.AsyncFor):
            awaited.add(node.iter)
        elif isinstance(node, ast.Call) and node not in awaited:
            yield node
        waiting += ast.iter_child_nodes(node)


def may_block(call: ast.Call) -> bool:
    name = name_of(call.func)
    module, _, rest = name.partition(".")
    is_method = isinstance(call.func, ast.Attribute) and call.func.attr in METHODS
    return name in FUNCTIONS or is_method or (module in MODULES and bool(rest))


def blocking_functions(module: ast.Module) -> dict[str, str]:
    """Plain functions that may block, or call one that may: {"_size": "path.stat"}."""
    plain = [
        node for node in ast.walk(module) if isinstance(node, ast.FunctionDef) and not _is_read_once(node)
    ]
    found: dict[str, str] = {}
    grown = True
    while grown:
        grown = False
        for function in plain:
            why = next(_blocked(function, found), None) if function.name not in found else None
            if why is not None:
                found[function.name] = why
                grown = True
    return found


def _is_read_once(function: ast.FunctionDef) -> bool:
    """What is kept from the first call on."""
    return any(name_of(decorator) in ("cache", "cached_property") for decorator in function.decorator_list)


def _blocked(function: Function, known: dict[str, str]) -> Iterator[str]:
    for call in calls_of(function):
        name = name_of(call.func)
        own = name.removeprefix("self.")
        if may_block(call):
            yield name
        elif own in known:
            yield f"{name} → {known[own]}"


def blocked_coroutines(module: ast.Module) -> Iterator[tuple[ast.AsyncFunctionDef, str]]:
    known = blocking_functions(module)
    for node in ast.walk(module):
        if isinstance(node, ast.AsyncFunctionDef):
            for why in _blocked(node, known):
                yield node, why


def test_no_coroutine_calls_what_may_block() -> None:
    report(
        [
            f"{name}:{coroutine.lineno}: {coroutine.name} calls {why} on the loop; hand it to a thread"
            for name in python("gesso/")
            if not name.startswith(ENGINE)
            for coroutine, why in blocked_coroutines(tree(name))
            if f"{name}:{coroutine.name}" not in ALLOWED
        ]
    )


def test_what_is_allowed_still_exists() -> None:
    blocked = {
        f"{name}:{coroutine.name}"
        for name in python("gesso/")
        for coroutine, _ in blocked_coroutines(tree(name))
    }
    assert ALLOWED.keys() <= blocked


@pytest.mark.parametrize(
    ("source", "why"),
    [
        ("async def f(path): path.read_text()", "path.read_text"),
        ("async def f(): time.sleep(1)", "time.sleep"),
        ("async def f():\n  with open('a') as file: pass", "open"),
        ("async def f(conn): conn.execute(query)", "conn.execute"),
        ("async def f(): subprocess.run(['ls'])", "subprocess.run"),
        ("def g(path): return path.stat()\nasync def f(path): g(path)", "g → path.stat"),
        (
            "class C:\n  def g(self): h()\n  async def f(self): self.g()\ndef h(): os.fsync(1)",
            "self.g → h → os.fsync",
        ),
        ("async def f(path): await asyncio.to_thread(path.read_text)", None),
        ("async def f(path): await asyncio.to_thread(lambda: path.read_text())", None),
        ("async def f(path):\n  def g(): path.stat()\n  await asyncio.to_thread(g)", None),
        ("async def f(db): await db.execute(query)", None),
        ("async def f(store):\n  async with store.open() as file: pass", None),
        ("@cache\ndef g(): return path.read_text()\nasync def f(): g()", None),
        ("def f(path): path.read_text()", None),
    ],
)
def test_blocking_calls_are_told_from_those_that_wait(source: str, why: str | None) -> None:
    assert next((each for _, each in blocked_coroutines(ast.parse(dedent(source)))), None) == why
