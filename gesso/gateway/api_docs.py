"""What describes our own API and OpenAI's, for programs and as a page without anything from elsewhere."""

import re
from copy import deepcopy
from html import escape
from importlib.resources import files
from string import Template
from typing import Any

from gesso.gateway.responses import Dialect, dialect_of
from gesso.protocol import openai_description

ERROR = {
    "title": "Error",
    "type": "object",
    "required": ["error"],
    "properties": {
        "error": {
            "type": "object",
            "required": ["code", "message", "remedy"],
            "properties": {
                "code": {"type": "string", "description": "For programs."},
                "message": {"type": "string"},
                "remedy": {"type": "string", "description": "What to do about it."},
            },
        }
    },
}

WRONG = {"4XX": "What is wrong, and what to do", "5XX": "What keeps it from being done"}


def described(openapi: dict[str, Any]) -> dict[str, Any]:
    """FastAPI's description of our routes and that of `/v1`, with the errors that are really sent."""
    told = deepcopy(openapi)
    schemas = told["components"]["schemas"]
    for name in ("HTTPValidationError", "ValidationError"):
        schemas.pop(name, None)
    schemas |= {"Error": ERROR} | openai_description.schemas()
    told["paths"] |= openai_description.paths()
    for path, operations in told["paths"].items():
        error = "OpenAIError" if dialect_of(path) is Dialect.OPENAI else "Error"
        content = {"application/json": {"schema": {"$ref": f"#/components/schemas/{error}"}}}
        for operation in operations.values():
            # Whoever sends no key gets no further, whatever the route.
            operation.setdefault("security", [{"HTTPBearer": []}])
            operation["responses"].pop("422", None)
            for statuses, meaning in WRONG.items():
                operation["responses"][statuses] = {"description": meaning, "content": content}
    return told


def page(description: dict[str, Any]) -> str:
    """An HTML page: every route with its parameters, body and answer, then every shape."""
    template = Template((files("gesso.gateway") / "pages" / "api.html").read_text("utf-8"))
    routes = "\n".join(
        _route(method, path, operation)
        for path, operations in description["paths"].items()
        for method, operation in operations.items()
    )
    shapes = "\n".join(
        _shape(name, schema) for name, schema in sorted(description["components"]["schemas"].items())
    )
    return template.substitute(version=escape(description["info"]["version"]), routes=routes, shapes=shapes)


def _route(method: str, path: str, operation: dict[str, Any]) -> str:
    parts = [
        f'<h3><span class="method">{method.upper()}</span> <code>{escape(path)}</code></h3>',
        f"<p>{_words(operation.get('description') or operation['summary'])}</p>",
    ]
    parameters = [
        (each["name"], each["schema"], each["required"]) for each in operation.get("parameters", ())
    ]
    if parameters:
        parts.append(_table(parameters))
    if body := operation.get("requestBody"):
        kinds = [f"{_type(each['schema'])} ({kind})" for kind, each in body["content"].items()]
        parts.append(f"<p>Body: {' or '.join(kinds)}</p>")
    status, answer = next(iter(operation["responses"].items()))
    content = answer.get("content", {})
    kind = _type(content["application/json"]["schema"]) if "application/json" in content else "text"
    parts.append(f"<p>Answer: {status}, {kind}</p>")
    return f"<section>{''.join(parts)}</section>"


def _shape(name: str, schema: dict[str, Any]) -> str:
    required = schema.get("required", ())
    rows = [(field, each, field in required) for field, each in schema.get("properties", {}).items()]
    inner = _table(rows) if rows else f"<p>{_type(schema)}</p>"
    return f'<section id="{escape(name)}"><h3>{escape(name)}</h3>{inner}</section>'


def _table(rows: list[tuple[str, dict[str, Any], bool]]) -> str:
    lines = [
        f"<tr><td><code>{escape(name)}</code></td><td>{_type(schema)}{'' if required else ', optional'}</td>"
        f"<td>{_words(schema.get('description', ''))}</td></tr>"
        for name, schema, required in rows
    ]
    return f"<table>{''.join(lines)}</table>"


def _words(text: str) -> str:
    """A docstring's text, in which `this` is code."""
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", escape(text))


def _type(schema: dict[str, Any]) -> str:
    if reference := schema.get("$ref"):
        name = escape(reference.rpartition("/")[2])
        return f'<a href="#{name}">{name}</a>'
    if choices := schema.get("anyOf"):
        return " or ".join(_type(choice) for choice in choices)
    if values := schema.get("enum"):
        return " | ".join(f"<code>{escape(str(value))}</code>" for value in values)
    if parts := schema.get("prefixItems"):
        return f"[{', '.join(_type(part) for part in parts)}]"
    if schema.get("type") == "array":
        return f"list of {_type(schema['items'])}"
    return escape(schema.get("type", "anything"))
