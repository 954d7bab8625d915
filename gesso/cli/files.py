"""`gesso files`: what one's files weigh, and making room."""

from typing import Annotated, Any

import typer

from gesso.cli import options, show
from gesso.cli.api import Api
from gesso.config.values import size_text
from gesso.errors import RequestError

app = typer.Typer(help="List and delete your files.", no_args_is_help=True)

Type = Annotated[
    str | None, typer.Option("--type", metavar="TYPE", help="Only input, output or temp; all else.")
]
Largest = Annotated[bool, typer.Option("--largest", help="The largest first, and not the newest.")]
Limit = Annotated[int, typer.Option("--limit", "-n", metavar="N", min=1, max=1000, help="At most so many.")]
Paths = Annotated[
    list[str], typer.Argument(metavar="PATH", help="As the list has them: output/landscape_00001_.png.")
]


@app.command("list")
def list_(
    type: Type = None,
    largest: Largest = False,
    limit: Limit = 50,
    url: options.Url = None,
    key: options.Key = None,
    as_json: options.Json = False,
) -> None:
    """List your files: what you uploaded, and what your jobs made."""
    order = "largest" if largest else None
    found = Api(url, key).get("files", type=type, order=order, limit=limit)["files"]
    if as_json:
        show.as_json(found)
        return
    rows = [[_path(each), size_text(each["size"]), show.moment(each["created"])] for each in found]
    show.table(["path", "size", "created"], rows, empty="No files.")


@app.command()
def delete(
    paths: Paths, url: options.Url = None, key: options.Key = None, as_json: options.Json = False
) -> None:
    """Delete files of yours, for good. Jobs that wait and read them still have them."""
    asked = [_parts(path) for path in paths]
    api = Api(url, key)
    gone = [api.delete("files", **each) for each in asked]
    if as_json:
        show.as_json(gone)
        return
    for each in gone:
        print(f"{_path(each)}  {size_text(each['size'])}")


def _path(file: dict[str, Any]) -> str:
    return "/".join(part for part in (file["type"], file["subfolder"], file["filename"]) if part)


def _parts(path: str) -> dict[str, str]:
    folder, _, filename = path.rpartition("/")
    type, _, subfolder = folder.partition("/")
    if not type or not filename:
        raise RequestError(
            f"{path!r} is no path of a file.", remedy="Paths look like output/a.png: `gesso files list`."
        )
    return {"type": type, "subfolder": subfolder, "filename": filename}
