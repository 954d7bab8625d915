"""`gesso users limit`: what one account may have and do."""

from typing import Annotated, Any

import typer

from gesso.cli import options, show
from gesso.cli.api import Api
from gesso.config.values import size_text
from gesso.errors import RequestError

Name = Annotated[str, typer.Argument(metavar="NAME", help="The account's name.")]


def _limit(what: str, metavar: str = "N") -> Any:
    return typer.Option(metavar=metavar, help=f'{what}; "none": no limit.')


Queued = Annotated[str | None, _limit("How many unfinished jobs it may have")]
Running = Annotated[str | None, _limit("How many of its jobs may run at the same time")]
Gpu = Annotated[str | None, _limit("How many seconds engines may work for it in 24 hours", "SECONDS")]
Storage = Annotated[str | None, _limit("How much its files may weigh together, as 5GB", "SIZE")]
Requests = Annotated[str | None, _limit("How many requests it may send in a second")]
Sockets = Annotated[str | None, _limit("How many WebSockets it may have open")]
Body = Annotated[str | None, _limit("Its largest request body, as 20MB", "SIZE")]
Weight = Annotated[
    float | None,
    typer.Option(metavar="N", help="Its share while others wait: with 2 twice as much as usual."),
]
Reset = Annotated[
    list[str] | None,
    typer.Option("--reset", metavar="LIMIT", help="Back to its role's: storage, weight, … Repeatable."),
]


def limit(
    name: Name,
    jobs_queued: Queued = None,
    jobs_running: Running = None,
    gpu_seconds_per_day: Gpu = None,
    storage: Storage = None,
    requests_per_s: Requests = None,
    sockets: Sockets = None,
    body: Body = None,
    weight: Weight = None,
    reset: Reset = None,
    url: options.Url = None,
    key: options.Key = None,
    as_json: options.Json = False,
) -> None:
    """Change an account's limits, at once; without options, show them."""
    given = {
        "jobs_queued": jobs_queued,
        "jobs_running": jobs_running,
        "gpu_seconds_per_day": gpu_seconds_per_day,
        "storage": storage,
        "requests_per_s": requests_per_s,
        "sockets": sockets,
        "body": body,
        "weight": weight,
    }
    change: dict[str, object] = {
        limit: _value(limit, value) for limit, value in given.items() if value is not None
    }
    for each in reset or ():
        named = each.replace("-", "_")
        if named not in given or named in change:
            raise RequestError(f"{each!r} cannot be reset.", remedy=f"Limits are {', '.join(given)}.")
        change[named] = None
    api = Api(url, key)
    told = api.patch("users", name, "limits", body=change) if change else api.get("limits", account=name)
    if as_json:
        show.as_json(told)
    else:
        print_limits(told)


def _value(limit: str, value: object) -> object:
    """Numbers as numbers; "5GB" and "none" are understood by the server."""
    if not isinstance(value, str) or value == "none":
        return value
    for number in (int, float):
        try:
            return number(value)
        except ValueError:
            continue
    if limit in ("storage", "body"):
        return value
    raise RequestError(f"--{limit.replace('_', '-')} takes a number or none, not {value!r}.")


def print_limits(told: dict[str, Any]) -> None:
    role, rows = f"role {told['role']}", []
    for name, limit in told["limits"].items():
        amounts = [_amount(name, limit["used"]), _amount(name, limit["limit"], none="none")]
        rows.append([name, *amounts, "account" if limit["own"] else role])
    rows.append(["weight", None, f"{told['weight']:g}", "everybody" if told["weight"] == 1 else "account"])
    show.table(["limit", "used", "of", "set for"], rows, empty="No limits.")


def _amount(name: str, value: float | None, none: str = "-") -> str:
    if value is None:
        return none
    if name in ("storage", "body"):
        return size_text(int(value))
    return show.duration(value) if name == "gpu_seconds_per_day" else f"{value:g}"
