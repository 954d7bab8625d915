"""`gesso users`: the accounts, for administrators."""

from typing import Annotated, Any

import typer

from gesso.access.scopes import Role
from gesso.cli import limits, options, show, typed
from gesso.cli.api import Api

app = typer.Typer(help="List, create, limit, disable and enable accounts.", no_args_is_help=True)
app.command()(limits.limit)


Name = Annotated[str, typer.Argument(metavar="NAME", help="The account's name.")]
Whose = Annotated[str | None, typer.Argument(metavar="NAME", help="Whose password; your own without it.")]
Stdin = Annotated[
    bool,
    typer.Option(
        "--stdin", help="Read it from standard input: one line, and for your own the present one before it."
    ),
]
Remove = Annotated[bool, typer.Option("--remove", help="Take the password away: only keys open the account.")]
RoleOption = Annotated[Role, typer.Option("--role", help="What it may do: admin or user.")]


@app.command("list")
def list_(url: options.Url = None, key: options.Key = None, as_json: options.Json = False) -> None:
    """List accounts."""
    users = Api(url, key).get("users")["users"]
    if as_json:
        show.as_json(users)
        return
    rows = [
        [*show.fields(user, "name", "role", "disabled", "has_password"), show.moment(user["created"])]
        for user in users
    ]
    show.table(["name", "role", "disabled", "password", "created"], rows, empty="No accounts.")


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
    """Disable an account.

    Its keys and logins open nothing until it is enabled.
    """
    _told(Api(url, key).post("users", name, "disable"), "is disabled", as_json=as_json)


@app.command()
def enable(
    name: Name, url: options.Url = None, key: options.Key = None, as_json: options.Json = False
) -> None:
    """Enable an account that was disabled."""
    _told(Api(url, key).post("users", name, "enable"), "is enabled", as_json=as_json)


@app.command()
def password(
    name: Whose = None,
    from_stdin: Stdin = False,
    remove: Remove = False,
    url: options.Url = None,
    key: options.Key = None,
    as_json: options.Json = False,
) -> None:
    """Set a password, your own or for administrators anybody's. It is asked for, never an argument."""
    api = Api(url, key)
    if name is not None or remove:
        name = name or api.get("whoami")["account"]
        new = None if remove else typed.password("New password", from_stdin=from_stdin, twice=True)
        user = api.put("users", name, "password", body={"new": new})
    else:
        has_one = api.get("whoami")["has_password"]
        old = typed.password("Present password", from_stdin=from_stdin) if has_one else None
        new = typed.password("New password", from_stdin=from_stdin, twice=True)
        user = api.post("password", body={"old": old, "new": new}, repeat=False)
    what = "has no password any more" if remove else "has a new password"
    _told(user, f"{what}; browsers that were signed in are not any more", as_json=as_json)


def _told(user: dict[str, Any], what: str, *, as_json: bool) -> None:
    if as_json:
        show.as_json(user)
    else:
        print(f"Account {user['name']} ({user['role']}) {what}.")
