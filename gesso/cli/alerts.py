"""`gesso alerts`: what is wrong, what counts as wrong, and whether somebody is told."""

from typing import Annotated, Any

import typer

from gesso.cli import options, show
from gesso.cli.api import Api
from gesso.cli.exits import Exit

app = typer.Typer(help="Show what is wrong, and try whether somebody is told of it.", no_args_is_help=True)

All = Annotated[bool, typer.Option("--all", help="Also what is over; for administrators.")]
Limit = Annotated[
    int, typer.Option("--limit", "-n", metavar="N", min=1, max=1000, help="At most so many that are over.")
]
Name = Annotated[str | None, typer.Option("--name", metavar="NAME", help="Only this address.")]


@app.command("list")
def list_(
    with_ended: All = False,
    limit: Limit = 100,
    url: options.Url = None,
    key: options.Key = None,
    as_json: options.Json = False,
) -> None:
    """List what is wrong now, the worst first."""
    api = Api(url, key)
    found = api.get("alerts")["alarms"]
    if with_ended:
        found += api.get("alerts", "ended", limit=limit)["alarms"]
    if as_json:
        show.as_json(found)
        return
    columns = ["since", "severity", "rule", "subject", "what"]
    rows = [
        [show.moment(each["raised"]), *show.fields(each, "severity", "rule", "subject"), each["summary"]]
        for each in found
    ]
    if with_ended:
        columns.append("until")
        rows = [[*row, show.moment(each["ended"])] for row, each in zip(rows, found, strict=True)]
    show.table(columns, rows, empty="Nothing is wrong.")
    for each in found:
        if not each["ended"]:
            _explain(each)
        for name, why in (each["undelivered"] or {}).items():
            show.note(f"{each['rule']}, {each['subject']}: not delivered to {name}: {why}")


def _explain(alarm: dict[str, Any]) -> None:
    if not alarm["evidence"] and not alarm["remedy"]:
        return
    print(f"\n{show.tamed(alarm['summary'])}")
    now = alarm["now"] if alarm["now"] != alarm["summary"] else None
    for what, text in (("now", now), ("evidence", alarm["evidence"]), ("what to do", alarm["remedy"])):
        if text:
            print(f"  {what}: {show.tamed(text)}")


@app.command()
def rules(url: options.Url = None, key: options.Key = None, as_json: options.Json = False) -> None:
    """List the rules in effect, and who is told.

    Those that are switched off are left out; thresholds are the configured ones.
    """
    told = Api(url, key).get("alerts", "rules")
    if as_json:
        show.as_json(told)
        return
    rows = [
        [rule["name"], " or ".join(rule["severities"]), rule["when"], rule["ends"]] for rule in told["rules"]
    ]
    show.table(["rule", "severity", "when", "over when"], rows, empty="All rules are switched off.")
    print()
    addresses = [[name, least] for name, least in told["addresses"].items()]
    show.table(["address", "from"], addresses, empty="Nobody is told: no address is configured.")


@app.command()
def test(
    name: Name = None, url: options.Url = None, key: options.Key = None, as_json: options.Json = False
) -> None:
    """Send a test message to each configured address.

    Ends with 1 if one was not delivered.
    """
    told = Api(url, key).post("alerts", "test", body={"name": name}, repeat=False)["tested"]
    if as_json:
        show.as_json(told)
    else:
        rows = [
            [each["name"], "delivered" if each["delivered"] else "failed", each["seconds"], each["why"]]
            for each in told
        ]
        show.table(["address", "result", "seconds", "why"], rows, empty="No address.")
    if not all(each["delivered"] for each in told):
        raise typer.Exit(Exit.FAILED)
