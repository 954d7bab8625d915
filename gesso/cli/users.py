"""`gesso users`: the accounts, for administrators."""

from typing import Annotated, Any

import typer

from gesso.access.scopes import Role
from gesso.cli import options, show
from gesso.cli.api import Api

app = typer.Typer(help="List, create, disable and enable accounts.", no_args_is_help=True)


Name = Annotated[str, typer.Argument(metavar="NAME", help="The account's name.")]
RoleOption = Annotated[Role, typer.Option("--role", help="What it may do: admin or user.")]


@app.command("list")
def list_(url: options.Url = None, key: options.Key = None, as_json: options.Json = False) -> None:
    """List accounts."""
    users = Api(url, key).get("users")["users"]
    if as_json:
        show.as_json(users)
        return
    rows = [[*show.fields(user, "name", "role", "disabled"), show.moment(user["created"])] for user in users]
    show.table(["name", "role", "disabled", "created"], rows, empty="No accounts.")


@app.command()
def create(
    name: Name,
    role: RoleOption = Role.USER,
    url: options.Url = None,
    key: options.Key = None,
    as_json: options.Json = False,
) -> None:
    """Create an account. It needs a key before it can do anything."""
    user = Api(url, key).post("users", body={"name": name, "role": role.value}, repeat=False)
    _told(user, "is created; its key: gesso keys create --user " + name, as_json=as_json)


@app.command()
def disable(
    name: Name, url: options.Url = None, key: options.Key = None, as_json: options.Json = False
) -> None:
    """Disable an account: its keys and logins open nothing until it is enabled."""
    _told(Api(url, key).post("users", name, "disable"), "is disabled", as_json=as_json)


@app.command()
def enable(
    name: Name, url: options.Url = None, key: options.Key = None, as_json: options.Json = False
) -> None:
    """Enable an account that was disabled."""
    _told(Api(url, key).post("users", name, "enable"), "is enabled", as_json=as_json)


def _told(user: dict[str, Any], what: str, *, as_json: bool) -> None:
    if as_json:
        show.as_json(user)
    else:
        print(f"Account {user['name']} ({user['role']}) {what}.")
