"""`gesso keys`: who may ask, and what."""

from typing import Annotated, Any

import typer

from gesso.cli import local, options, show
from gesso.cli.api import Api

app = typer.Typer(help="List, create and revoke keys.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(metavar="NAME", help="What the key is for: laptop, discord-bot.")]
Id = Annotated[str, typer.Argument(metavar="ID", help="The key's id, as `gesso keys list` shows it.")]
User = Annotated[str | None, typer.Option("--user", metavar="NAME", help="Whose key; your own otherwise.")]
Everybody = Annotated[bool, typer.Option("--all", "-a", help="Of all accounts; for administrators.")]
Scope = Annotated[
    list[str] | None,
    typer.Option("--scope", metavar="SCOPE", help="Only this of what the account may do. Repeatable."),
]
Days = Annotated[
    float | None, typer.Option("--days", metavar="N", min=0.001, help="It ends after so many days.")
]
InUrl = Annotated[
    bool, typer.Option("--in-url", help="For clients that cannot send a header: it also works in addresses.")
]
Local = Annotated[
    bool, typer.Option("--local", help="On the database itself, on its machine, when gesso is down.")
]


@app.command("list")
def list_(
    user: User = None,
    everybody: Everybody = False,
    on_disk: Local = False,
    config: options.Config = None,
    directory: options.Directory = None,
    url: options.Url = None,
    key: options.Key = None,
    as_json: options.Json = False,
) -> None:
    """List keys. The keys themselves are not stored, only their beginnings."""
    if on_disk:
        found = local.keys(local.database_url(config, directory), None if everybody else user)
    else:
        found = Api(url, key).get("keys", account=user, all=everybody)["keys"]
    if as_json:
        show.as_json(found)
        return
    rows = [
        [*show.fields(one, "id", "account", "name", "prefix"), _scopes(one), *_times(one)] for one in found
    ]
    columns = ["id", "account", "name", "begins", "scopes", "created", "last used", "ends"]
    show.table(columns, rows, empty="No keys.")


@app.command()
def create(
    name: Name = "command line",
    user: User = None,
    scopes: Scope = None,
    days: Days = None,
    in_url: InUrl = False,
    on_disk: Local = False,
    config: options.Config = None,
    directory: options.Directory = None,
    url: options.Url = None,
    key: options.Key = None,
    as_json: options.Json = False,
) -> None:
    """Create a key and print it. It is shown this once."""
    expires_in_s = None if days is None else days * 86400
    if on_disk:
        made = local.create_key(
            local.database_url(config, directory),
            user or "admin",
            name,
            scopes=scopes,
            expires_in_s=expires_in_s,
            in_url=in_url,
        )
    else:
        body = {"name": name, "account": user, "scopes": scopes, "expires_in_s": expires_in_s}
        body["in_url"] = in_url
        # Not repeated: a key whose answer was lost would be one that nobody knows.
        made = Api(url, key).post("keys", body=body, repeat=False)
    if as_json:
        show.as_json(made)
        return
    show.note(f"A key of {made['key']['account']}. It is shown only now: keep it, as GESSO_KEY for example.")
    if in_url:
        _warn(narrow=bool(scopes), ends=days is not None)
    print(made["token"])


@app.command()
def revoke(
    id: Id,
    on_disk: Local = False,
    config: options.Config = None,
    directory: options.Directory = None,
    url: options.Url = None,
    key: options.Key = None,
    as_json: options.Json = False,
) -> None:
    """Revoke a key: from now on it opens nothing."""
    if on_disk:
        revoked = local.revoke_key(local.database_url(config, directory), id)
    else:
        revoked = Api(url, key).delete("keys", id)
    if as_json:
        show.as_json(revoked)
    else:
        print(f"Key {revoked['id']} ({revoked['name']}) of {revoked['account']} is revoked.")


def _warn(*, narrow: bool, ends: bool) -> None:
    show.note("It opens `/k/KEY/…` and `…?token=KEY`: whoever sees such an address has the key.")
    show.note("Addresses are kept in histories, bookmarks and the logs of proxies.")
    if not (narrow and ends):
        show.note("Let it do little, and not for long: --scope jobs:own --days 30.")


def _scopes(key: dict[str, Any]) -> str:
    named = "all of its account's" if key["scopes"] is None else ", ".join(key["scopes"])
    return f"{named}; in addresses" if key["in_url"] else named


def _times(key: dict[str, Any]) -> list[str]:
    ends = f"revoked {show.moment(key['revoked'])}" if key["revoked"] else show.moment(key["expires"])
    return [show.moment(key["created"]), show.moment(key["used"]), ends]
