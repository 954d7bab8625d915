"""`gesso jobs`: what waits, runs and has ended."""

from dataclasses import asdict
from typing import Annotated, Any

import typer

from gesso.cli import options, show
from gesso.cli.api import Api
from gesso.errors import GessoError, NotFound
from gesso.jobs.job import State

app = typer.Typer(help="List, show and cancel jobs.", no_args_is_help=True)

Id = Annotated[str, typer.Argument(metavar="ID", help="The job's id.")]
Ids = Annotated[list[str], typer.Argument(metavar="ID", help="The jobs' ids.")]
States = Annotated[
    list[State] | None,
    typer.Option("--state", metavar="STATE", help=f"Only these: {', '.join(State)}. Repeatable."),
]
Limit = Annotated[int, typer.Option("--limit", "-n", metavar="N", min=1, max=1000, help="At most so many.")]
Everybody = Annotated[bool, typer.Option("--all", "-a", help="Of all accounts; for administrators.")]


@app.command("list")
def list_(
    states: States = None,
    limit: Limit = 50,
    everybody: Everybody = False,
    url: options.Url = None,
    key: options.Key = None,
    as_json: options.Json = False,
) -> None:
    """List jobs: what runs, what waits, then what has ended."""
    with options.client(url, key) as client:
        if client.speaks_gesso():
            found = Api(url, key).get("jobs", state=states, limit=limit, all=everybody)["jobs"]
        else:
            found = [asdict(job) for job in client.jobs(limit=limit) if not states or job.state in states]
    if as_json:
        show.as_json(found)
        return
    owner = ["owner"] if everybody else []
    # Only where the server tells, and something waits.
    place = ["place"] if any(_place(job) for job in found) else []
    columns = ["id", "state", *place, *owner, "engine", "created", "took s", "error"]
    rows = [
        [
            *show.fields(job, "id", "state"),
            *(_place(job) for _ in place),
            *show.fields(job, *owner, "engine"),
            *_end(job),
        ]
        for job in found
    ]
    show.table(columns, rows, empty="No jobs.")


@app.command("show")
def show_(id: Id, url: options.Url = None, key: options.Key = None, as_json: options.Json = False) -> None:
    """Show one job: its state, attempts, outputs and error."""
    with options.client(url, key) as client:
        if client.speaks_gesso():
            job = Api(url, key).get("jobs", id)
        else:
            job = next((asdict(job) for job in client.jobs(limit=1000) if job.id == id), None)
    if job is None:
        raise NotFound(f"There is no job {id!r}.")
    if as_json:
        show.as_json(job)
        return
    names = ("id", "state", "owner", "engine", "attempt", "max_attempts")
    fields = {name: job[name] for name in names if name in job}
    fields |= {name: show.moment(job.get(name)) for name in ("created", "started", "finished")}
    show.record(_standing(job, fields) | {"error": _reason(job), "files": _files(job)})


@app.command()
def cancel(ids: Ids, url: options.Url = None, key: options.Key = None, as_json: options.Json = False) -> None:
    """Cancel jobs, waiting or running.

    One that has ended stays as it is.
    """
    done: list[dict[str, Any]] = []
    missing: GessoError | None = None
    with options.client(url, key) as client:
        ours = client.speaks_gesso()
        for id in ids:
            try:
                done.append({"id": id, "state": _cancelled(client, Api(url, key) if ours else None, id)})
            except NotFound as error:
                missing = error
                done.append({"id": id, "state": "not found"})
    if as_json:
        show.as_json(done)
    else:
        for one in done:
            print(f"{one['id']}  {one['state']}")
    if missing is not None and not as_json:
        raise missing
    if missing is not None:
        from gesso.cli.exits import exit_for

        raise typer.Exit(exit_for(missing))


def _cancelled(client: Any, api: Api | None, id: str) -> str:
    """The job's state afterwards."""
    if api is not None:
        job = api.post("jobs", id, "cancel")
        return "cancelling" if job["cancel_asked"] and job["state"] == "running" else str(job["state"])
    if client.job(id).place() == "absent":
        raise NotFound(f"There is no job {id!r}.")
    return "cancelled" if client.cancel(id) else "over already"


def _end(job: dict[str, Any]) -> list[object]:
    started, finished = job.get("started"), job.get("finished")
    took = finished - started if started and finished else None
    return [show.moment(job.get("created") or started), took, _reason(job)]


def _place(job: dict[str, Any]) -> int | None:
    """Among all that wait; None of a job that does not wait."""
    from gesso.client.position import position_of

    position = position_of(job)
    return position.place or None if position else None


def _standing(job: dict[str, Any], fields: dict[str, Any]) -> dict[str, Any]:
    """The fields, with where the job stands if it has not ended."""
    from gesso.client.position import in_words, position_of, spread

    position = position_of(job)
    if position is None:
        return fields
    waits = {"place": f"{position.place}: {in_words(position)}"} if position.place else {}
    return fields | waits | ({"takes": spread(position.takes_s)} if position.takes_s else {})


def _reason(job: dict[str, Any]) -> object:
    error = job.get("error")
    return error.get("message") if isinstance(error, dict) else error


def _files(job: dict[str, Any]) -> list[str]:
    from gesso.protocol.files import output_files

    return [
        "/".join(part for part in (ref.subfolder, ref.filename) if part)
        for ref in output_files(job.get("outputs") or {})
    ]
