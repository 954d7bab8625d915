"""What is documented exists, and what exists is documented."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from gesso.config.alerts import RULES
from gesso.config.problems import keys_of
from gesso.config.schema import Config
from gesso.config.table import Table
from gesso.errors import GessoError
from gesso.fleet.catalogue import FINDINGS

ROOT = Path(__file__).parents[1]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])
LINK = re.compile(r"\[[^\]]+\]\(([^)\s]+)\)")


def page(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def given_names(trees: list[ast.AST]) -> Iterator[str]:
    """The names that code gives to findings: `name="…"` of a Finding or a Failure, and a constant for one."""
    for call in (node for tree in trees for node in ast.walk(tree)):
        if isinstance(call, ast.Call) and getattr(call.func, "id", "") in ("Finding", "Failure"):
            for keyword in call.keywords:
                if keyword.arg == "name" and isinstance(keyword.value, ast.Constant):
                    yield str(keyword.value.value)
                if keyword.arg == "name" and isinstance(keyword.value, ast.Name):
                    yield from constants(trees, keyword.value.id)


def constants(trees: list[ast.AST], name: str) -> Iterator[str]:
    for each in (node for tree in trees for node in ast.walk(tree)):
        if isinstance(each, ast.Assign) and [getattr(one, "id", "") for one in each.targets] == [name]:
            yield str(ast.literal_eval(each.value))


def test_every_finding_is_in_the_catalogue_and_the_catalogue_holds_nothing_else() -> None:
    sources = [*ROOT.glob("gesso/fleet/*.py"), *ROOT.glob("gesso/jobs/*.py")]
    given = set(given_names([ast.parse(source.read_text("utf-8")) for source in sources]))
    assert given == FINDINGS.keys()


def tables() -> list[tuple[str, type[Table]]]:
    found = [(name, table) for name, table in keys_of(Config).items() if table is not None]
    for name, table in found:
        found += [(f"{name}.{key}", inner) for key, inner in keys_of(table).items() if inner is not None]
    return found


@pytest.mark.parametrize(("name", "table"), tables())
def test_every_setting_has_a_meaning_and_a_line_on_the_page(name: str, table: type[Table]) -> None:
    text = page("docs/reference/configuration.md")
    heading = f"[[{name}]]" if name in ("engine", "model", "alerts.notify") else f"[{name}]"
    section = re.split(r"^##+ ", text.split(f" `{heading}`\n")[1], maxsplit=1, flags=re.MULTILINE)[0]
    for key, field in table.model_fields.items():
        assert field.description, f"{name}.{key} has no docstring"
        assert f"\n| `{key}` | " in section


@pytest.mark.parametrize(("name", "table"), tables())
def test_every_setting_is_read_somewhere(name: str, table: type[Table]) -> None:
    code = "\n".join(file.read_text(encoding="utf-8") for file in (ROOT / "gesso").rglob("*.py"))
    unread = [key for key in table.model_fields if not re.search(rf"\.{key}\b", code)]
    assert not unread, f"[{name}] promises what nothing does: {unread}"


def test_every_rule_of_alarms_has_a_line_in_the_guide() -> None:
    listed = re.findall(r"^\| `([a-z-]+)` \|", page("docs/how-to/alerts.md"), re.MULTILINE)
    assert tuple(listed) == RULES


def errors(kind: type[GessoError] = GessoError) -> list[type[GessoError]]:
    own = [inner for inner in kind.__subclasses__() if inner.__module__ == GessoError.__module__]
    return [kind, *(error for inner in own for error in errors(inner))]


def test_every_error_has_a_code_of_its_own() -> None:
    codes = [error.code for error in errors()]
    assert len(codes) == len(set(codes))


@pytest.mark.parametrize("error", errors(), ids=lambda error: error.__name__)
def test_every_error_has_message_status_remedy_and_a_line_on_the_page(error: type[GessoError]) -> None:
    message = (error.__doc__ or "").strip().splitlines()[0]
    assert message.endswith(".") and error.remedy.endswith((".", "?"))
    assert 400 <= error.status < 600
    row = next(
        line for line in page("docs/reference/errors.md").splitlines() if f"`{error.__name__}`" in line
    )
    assert f"| `{error.code}` | {error.status} |" in row


@pytest.mark.parametrize("error", errors()[1:], ids=lambda error: error.__name__)
def test_every_error_stands_in_the_drawn_tree(error: type[GessoError]) -> None:
    drawing = page("gesso/errors.py").split('"""')[1]
    assert re.search(rf"\b{error.__name__}\s+{error.code}\s+{error.status}\b", drawing)


def test_all_errors_stand_in_one_file() -> None:
    definition = re.compile(r"^class \w+\((\w*Error|[A-Z]\w+)\)", re.MULTILINE)
    names = {error.__name__ for error in errors()}
    for file in sorted((ROOT / "gesso").rglob("*.py")):
        # sketch answers as ComfyUI does; what it raises inside is no part of gesso's own answers.
        if file.name != "errors.py" and not {"_sync", "sketch"} & set(file.parts):
            bases = set(definition.findall(file.read_text(encoding="utf-8")))
            assert not bases & names, f"{file.relative_to(ROOT)} derives {bases & names}"


@pytest.mark.parametrize("file", PAGES, ids=lambda file: file.relative_to(ROOT).as_posix())
def test_every_link_leads_to_a_file(file: Path) -> None:
    for target in LINK.findall(file.read_text(encoding="utf-8")):
        if "://" not in target and not target.startswith("#"):
            assert (file.parent / target.partition("#")[0]).exists(), target


def test_every_decision_is_listed() -> None:
    listed = set(LINK.findall(page("docs/decisions/README.md")))
    assert listed == {file.name for file in (ROOT / "docs/decisions").glob("0*.md")}


def test_every_dependency_has_a_reason() -> None:
    import tomllib

    project = tomllib.loads(page("pyproject.toml"))["project"]
    wanted = [
        *project["dependencies"],
        *(one for extra in project["optional-dependencies"].values() for one in extra),
    ]
    reasons = page("docs/decisions/0007-dependencies.md")
    for requirement in wanted:
        name = re.split(r"[\[><=;\s]", requirement)[0]
        assert name in reasons or name.startswith("types-"), name


def test_every_word_of_dev_is_explained() -> None:
    words = re.findall(r"^\| `\./dev (\w+)", page("CONTRIBUTING.md"), re.MULTILINE)
    assert "setup" in words
    defined = re.search(r"for word in \(([^)]*)\)", page("dev"))
    assert defined is not None
    assert words == [word.strip() for word in defined[1].split(",") if word.strip()]
