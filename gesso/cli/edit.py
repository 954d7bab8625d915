"""`gesso edit`: from a picture and a sentence to another picture."""

from pathlib import Path
from typing import Annotated

import typer

from gesso.cli import drawing, options
from gesso.cli.terminal import Preview
from gesso.cli.waiting import handed_in

app = typer.Typer()

Picture = Annotated[Path, typer.Argument(metavar="PICTURE", help="The picture to change; it stays as it is.")]
Words = Annotated[list[str], typer.Argument(metavar="SENTENCE", help="What shall change.")]
Images = Annotated[
    list[Path] | None,
    typer.Option("--image", metavar="FILE", help="Another picture that the sentence speaks of. Repeatable."),
]
Mask = Annotated[
    Path | None,
    typer.Option(
        "--mask", metavar="FILE", help="A picture of the same size: only where it is transparent may change."
    ),
]


@app.command()
def edit(
    context: typer.Context,
    picture: Picture,
    words: Words,
    output: drawing.Out = None,
    images: Images = None,
    mask: Mask = None,
    model: drawing.Model = None,
    size: drawing.Size = None,
    seed: drawing.Seed = None,
    steps: drawing.Steps = None,
    guidance: drawing.Guidance = None,
    negative_prompt: drawing.Negative = None,
    count: drawing.Count = 1,
    preview: drawing.Shown = Preview.AUTO,
    no_preview: drawing.Unseen = False,
    timeout_s: drawing.Timeout = None,
    url: options.Url = None,
    key: options.Key = None,
    as_json: options.Json = False,
) -> None:
    """Change a picture as a sentence says.

    Prints the path of each file it saved: PICTURE-edited, without -o. Ctrl-C cancels the job.
    """
    sentence = " ".join(words)
    target = drawing.target_of(output, f"{picture.stem}-edited")
    canvas = drawing.canvas_of(preview, no_preview, as_json)
    wishes = drawing.wishes_of(context)
    pictures = [picture, *(images or ())]
    with options.client(url, key) as client:
        job = handed_in(
            lambda once: client.edit(pictures, sentence, mask=mask, idempotency_key=once, **wishes)
        )
        drawing.finish(job, target, timeout_s=timeout_s, canvas=canvas, as_json=as_json)
