"""`gesso run`: one workflow, from a file to the pictures it makes."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gesso.cli import options, show
from gesso.cli.waiting import waited

if TYPE_CHECKING:
    from gesso.client._sync.job import Job
    from gesso.client._sync.output import Result
    from gesso.client.workflow import Workflow

app = typer.Typer()

File = Annotated[Path, typer.Argument(metavar="WORKFLOW.json", help="In API format, as ComfyUI exports it.")]
Set = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="NODE.INPUT=VALUE", help="Set an input: --set 6.text='a cat'. Repeatable."),
]
Image = Annotated[
    list[str] | None,
    typer.Option(
        "--image", metavar="NODE.INPUT=FILE", help="Upload a picture: --image 1.image=a.png. Repeatable."
    ),
]
Out = Annotated[Path, typer.Option("--output", "-o", metavar="DIR", help="Where the pictures go.")]
Temp = Annotated[bool, typer.Option("--previews", help="Save what PreviewImage shows, too.")]
Timeout = Annotated[
    float | None, typer.Option("--timeout", metavar="SECONDS", help="Wait no longer; the job goes on.")
]
Detach = Annotated[
    bool, typer.Option("--detach", "-d", help="Submit only; print the job's id and do not wait.")
]
Once = Annotated[
    str | None,
    typer.Option("--idempotency-key", metavar="TEXT", help="The same text names the same job for ever."),
]
Front = Annotated[bool, typer.Option("--front", help="Before all jobs that wait; on gesso, only your own.")]


@app.command()
def run(
    workflow: File,
    assignments: Set = None,
    images: Image = None,
    output: Out = Path("."),
    previews: Temp = False,
    timeout_s: Timeout = None,
    detach: Detach = False,
    idempotency_key: Once = None,
    front: Front = False,
    url: options.Url = None,
    key: options.Key = None,
    as_json: options.Json = False,
) -> None:
    """Run a workflow and save what it makes.

    Prints the path of each file it saved. Ctrl-C cancels the job.
    """
    filled = _filled(workflow, pairs(assignments, "--set"))
    # Before the job, not after it: hours of work would have nowhere to go.
    if not detach:
        output.mkdir(parents=True, exist_ok=True)
    with options.client(url, key) as client:
        job = client.submit(
            filled, images=pairs(images, "--image"), idempotency_key=idempotency_key, front=front
        )
        if detach:
            show.as_json({"job": job.id}) if as_json else print(job.id)
            return
        _warn(job)
        result = waited(job, timeout_s, quiet=as_json)
        files = saved(result, output, previews=previews)
    if as_json:
        show.as_json({"job": job.id, "files": [str(file) for file in files], "texts": dict(result.texts)})
        return
    for file in files:
        print(file)
    for node, texts in result.texts.items():
        for text in texts:
            print(f"{node}: {text}")


def pairs(given: list[str] | None, option: str) -> dict[str, str]:
    """{"6.text": "a cat"} from ["6.text=a cat"]."""
    found = {}
    for text in given or ():
        target, equals, value = text.partition("=")
        if not equals or "." not in target:
            raise typer.BadParameter(f"{text!r} is not NODE.INPUT=VALUE.", param_hint=option)
        found[target] = value
    return found


def saved(result: "Result", folder: Path, *, previews: bool) -> list[Path]:
    """Store the files under free names; previews only when asked for, or when there is nothing else."""
    from gesso.client._sync.output import safe_filename
    from gesso.protocol.files import next_name

    wanted = [one for one in result.outputs if previews or one.type != "temp"] or result.outputs
    paths = []
    for one in wanted:
        name = next_name(safe_filename(one.filename), lambda name: (folder / name).exists())
        paths.append(one.save(folder / name))
    return paths


def _filled(path: Path, assignments: dict[str, str]) -> "Workflow":
    from gesso.client.workflow import Workflow

    workflow = Workflow.load(path)
    for target, value in assignments.items():
        node, _, name = target.partition(".")
        there = workflow.prompt.get(node, {}).get("inputs", {})
        workflow.set(target, value)
        if name not in there:
            show.note(
                f"gesso: node {node!r} had no input {name!r}, only {', '.join(there) or 'none'}: added."
            )
    return workflow


def _warn(job: "Job") -> None:
    if job.problems:
        show.note("gesso: some outputs of this workflow cannot be made; the others are.")
        rows = [(p.node, p.class_type, p.input, p.message, p.details) for p in job.problems]
        show.table(["node", "class", "input", "problem", "details"], rows, empty="", error=True)
