"""`gesso draw`: from a sentence to a picture."""

from typing import Annotated

import typer

from gesso.cli import drawing, options
from gesso.cli.picture_files import name_of
from gesso.cli.terminal import Preview
from gesso.cli.waiting import handed_in

app = typer.Typer()

Words = Annotated[list[str], typer.Argument(metavar="SENTENCE", help="What the picture shall show.")]


@app.command()
def draw(
    context: typer.Context,
    words: Words,
    output: drawing.Out = None,
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
    """Draw what a sentence says.

    Prints the path of each file it saved: named after the sentence, without -o. Ctrl-C cancels the job.
    """
    sentence = " ".join(words)
    target = drawing.target_of(output, name_of(sentence))
    canvas = drawing.canvas_of(preview, no_preview, as_json)
    wishes = drawing.wishes_of(context)
    with options.client(url, key) as client:
        job = handed_in(lambda once: client.draw(sentence, idempotency_key=once, **wishes))
        drawing.finish(job, target, timeout_s=timeout_s, canvas=canvas, as_json=as_json)
