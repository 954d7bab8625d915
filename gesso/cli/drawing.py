"""What `gesso draw` and `gesso edit` have in common: their options, and the way from a job to its files."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast

import typer

from gesso.cli import picture_files, show
from gesso.cli.terminal import Preview, detected
from gesso.cli.waiting import waited
from gesso.client.drawing import Wishes
from gesso.errors import JobError

if TYPE_CHECKING:
    from gesso.cli.canvas import Canvas
    from gesso.client._sync.job import Job
    from gesso.client._sync.output import Result

Out = Annotated[
    str | None,
    typer.Option(
        "--output",
        "-o",
        metavar="PATH",
        help="A folder, or a .png, .jpg or .webp, which is replaced. Several get numbers.",
    ),
]
Model = Annotated[
    str | None, typer.Option("--model", "-m", metavar="NAME", help="One of `gesso models`; the first else.")
]
Size = Annotated[str | None, typer.Option("--size", metavar="WxH", help="Width and height, like 768x512.")]
Seed = Annotated[
    int | None, typer.Option("--seed", metavar="N", min=0, help="The same one draws the same picture.")
]
Steps = Annotated[
    int | None, typer.Option("--steps", metavar="N", min=1, help="More take longer, and may be better.")
]
Guidance = Annotated[
    float | None, typer.Option("--guidance", metavar="X", min=0, help="How closely to follow the sentence.")
]
Negative = Annotated[
    str | None, typer.Option("--negative", metavar="TEXT", help="What the picture shall not show.")
]
Count = Annotated[int, typer.Option("--count", "-n", metavar="N", min=1, help="So many pictures.")]
Shown = Annotated[
    Preview,
    typer.Option(
        "--preview",
        metavar="HOW",
        help=f"How the terminal shows the picture as it is drawn: {', '.join(Preview)}.",
    ),
]
Unseen = Annotated[bool, typer.Option("--no-preview", help="The same as --preview none.")]
Timeout = Annotated[
    float | None, typer.Option("--timeout", metavar="SECONDS", help="Wait no longer; the job goes on.")
]


def wishes_of(context: typer.Context) -> Wishes:
    """What the command line says of how to draw, by the names that its parameters share with the wishes."""
    return cast(Wishes, {name: context.params[name] for name in Wishes.__annotations__})


def target_of(output: str | None, usual: str) -> picture_files.Target:
    """Where -o says that pictures go, made ready for them."""
    path = None if output is None else Path(output)
    found = picture_files.target(path, output is not None and output.endswith(("/", "\\")), usual)
    if found is None:
        raise typer.BadParameter(
            f"{output!r} is no folder, and does not end in {', '.join(picture_files.FORMATS)}.",
            param_hint="--output",
        )
    picture_files.prepared(found)
    return found


def canvas_of(asked: Preview, unseen: bool, as_json: bool) -> "Canvas | None":
    """Where the picture is seen while it is drawn; None: nowhere."""
    # Beside the progress, and where the results are read, too: a log wants no pictures.
    seen = sys.stdout.isatty() and sys.stderr.isatty()
    if unseen or as_json or asked is Preview.NONE or not seen:
        return None
    import os

    from gesso.cli.canvas import canvas

    return canvas(asked, detected(os.environ))


def finish(
    job: "Job",
    target: picture_files.Target,
    *,
    timeout_s: float | None,
    canvas: "Canvas | None",
    as_json: bool,
) -> None:
    """Wait for the pictures, save them, and say where, and what draws them again."""
    result = waited(job, timeout_s, quiet=as_json, canvas=canvas)
    seed = job.seed()
    files = _saved(result, target, canvas)
    if as_json:
        show.as_json({"job": job.id, "seed": seed, "files": [str(file) for file in files]})
        return
    for file in files:
        print(file)
    if seed is not None:
        show.note(f"gesso: drawn with --seed {seed}")


def _saved(result: "Result", target: picture_files.Target, canvas: "Canvas | None") -> list[Path]:
    if not result.outputs:
        raise JobError("The job ended well, and made no picture.", remedy="Look at the model's template.")
    pictures = [one.read() for one in result.outputs]
    suffixes = [Path(one.filename).suffix for one in result.outputs]
    files = picture_files.paths(target, suffixes, Path.exists)
    for picture, suffix, file in zip(pictures, suffixes, files, strict=True):
        picture_files.save(picture, file, suffix)
    if canvas:
        canvas.show(pictures)
    return files
