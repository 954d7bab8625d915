"""`gesso models`: what there is to draw with."""

from dataclasses import asdict
from typing import TYPE_CHECKING

import typer

from gesso.cli import options, show

if TYPE_CHECKING:
    from gesso.client.drawing import Sizes

app = typer.Typer()


@app.command()
def models(url: options.Url = None, key: options.Key = None, as_json: options.Json = False) -> None:
    """List the models that draw, and why not if they cannot."""
    with options.client(url, key) as client:
        found = client.models()
    if as_json:
        show.as_json([asdict(each) for each in found])
        return
    rows = [
        (
            each.name,
            each.alias_of,
            each.draws,
            each.edits,
            sizes_text(each.sizes) if each.sizes else "its own",
            each.reason,
        )
        for each in found
    ]
    show.table(["model", "alias of", "draws", "edits", "sizes", "why not"], rows, empty="No models.")


def sizes_text(sizes: "Sizes") -> str:
    """ "256x256; from 16x16 to 1024x1024, multiples of 8", or the few that there are."""
    if sizes.choices:
        return ", ".join(sizes.choices)
    bounds = [f"from {sizes.least}" if sizes.least else "", f"to {sizes.most}" if sizes.most else ""]
    more = [
        " ".join(bound for bound in bounds if bound),
        f"multiples of {sizes.multiple}" if sizes.multiple > 1 else "",
        f"at most {sizes.pixels} pixels" if sizes.pixels else "",
    ]
    return "; ".join(part for part in (sizes.usual or "", ", ".join(each for each in more if each)) if part)
