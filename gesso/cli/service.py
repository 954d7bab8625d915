"""`gesso service`: gesso from boot on, by systemd or by Windows' Task Scheduler."""

import os
import re
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gesso.cli import options, show
from gesso.errors import ConfigError, NotFound, ProcessError

if TYPE_CHECKING:
    from gesso.deploy.boot import BootEntry, Step
    from gesso.deploy.systemd import Scope

app = typer.Typer(help="Have the system run gesso from boot on.", no_args_is_help=True)

WINDOWS = sys.platform == "win32"
# Beyond the engines' grace: what running jobs are given, and what a kill may take.
STOP_MARGIN_S = 40.0
Name = Annotated[str, typer.Option("--name", metavar="NAME", help="What the service is called.")]
User = Annotated[
    bool | None,
    typer.Option(
        "--user/--system", help="Your own service manager, or the system's. Default: the system's for root."
    ),
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Only print what would be written and run.")]
ConfigFile = Annotated[
    Path | None,
    typer.Option("--config", metavar="FILE", help="The configuration; else GESSO_CONFIG, else ./gesso.toml."),
]


@app.command()
def install(
    config: ConfigFile = None,
    name: Name = "gesso",
    user: User = None,
    run_as: Annotated[
        str | None,
        typer.Option(
            "--run-as", metavar="ACCOUNT", help="The account a system's service runs as; not root, please."
        ),
    ] = None,
    start: Annotated[bool, typer.Option("--start/--no-start", help="Start it at once, too.")] = True,
    dry_run: DryRun = False,
    as_json: options.Json = False,
) -> None:
    """Have the system start gesso at boot, and again when it fails. Repeat it after changing paths."""
    service = _described(_checked(name), config, run_as, user=user)
    _do(_installation(service, user=user, start=start), dry_run=dry_run, as_json=as_json)
    if not dry_run and not as_json:
        print(f"Installed {name}; `gesso service status` tells how it fares.")
        show.note(f"A key for its administrator: {_key_command(config, service)}")


@app.command()
def uninstall(
    name: Name = "gesso", user: User = None, dry_run: DryRun = False, as_json: options.Json = False
) -> None:
    """Stop it, and have the system forget it. Its configuration, pictures and logs stay."""
    _checked(name)
    if not WINDOWS and not dry_run and not _systemd_state(name, user=user, wanted=None)["installed"]:
        raise NotFound(f"no service {name!r} is installed by gesso")
    _do(_removal(name, user=user), dry_run=dry_run, as_json=as_json)
    if not dry_run and not as_json:
        print(f"Uninstalled {name}.")


@app.command()
def status(
    config: ConfigFile = None,
    name: Name = "gesso",
    user: User = None,
    as_json: options.Json = False,
) -> None:
    """Show whether it is installed, enabled and running. Ends with 6 where it is not installed."""
    _checked(name)
    told = _windows_state(name) if WINDOWS else _systemd_state(name, user=user, wanted=config)
    if as_json:
        show.as_json(told)
    else:
        show.record(told)
    if not told["installed"]:
        raise NotFound(
            f"no service {name!r} is installed by gesso", remedy="`gesso service install` installs it."
        )


def _checked(name: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9_-]{1,64}", name):
        raise ConfigError(f"{name!r} is no name of a service: letters, digits, - and _ only")
    return name


def _scope(user: bool | None) -> "Scope":
    from gesso.deploy.systemd import Scope

    if user is None:
        user = os.geteuid() != 0
    return Scope.USER if user else Scope.SYSTEM


def _described(name: str, file: Path | None, run_as: str | None, *, user: bool | None) -> "BootEntry":
    """The service for this configuration. Raises ConfigError where it is not usable."""
    from gesso.config.load import load
    from gesso.deploy.boot import BootEntry, program

    loaded = load(file)
    argv = [*program(), "up", "--hide-key"]
    if loaded.path is not None:
        path = loaded.path.absolute()
        argv += ["--config", str(path)]
        directory, storage = path.parent, loaded.config.storage.directory.absolute()
    else:
        # Nobody chose where things are kept: where the system keeps such things, not where we stand now.
        directory = storage = _usual_storage(name, user=user)
        argv += ["--directory", str(storage)]
    engines = [each.directory.absolute() for each in loaded.config.engines if each.directory is not None]
    return BootEntry(
        name=name,
        argv=tuple(argv),
        directory=directory,
        account=_account(run_as, user=user),
        folders=(*dict.fromkeys([storage, *engines]),),
        owns_state=loaded.path is None,
        stop_s=loaded.config.fleet.stop_grace_s + STOP_MARGIN_S,
    )


def _usual_storage(name: str, *, user: bool | None) -> Path:
    if WINDOWS:
        return Path(os.environ.get("PROGRAMDATA", r"C:\ProgramData")) / name
    if _scope(user) == "system":
        return Path("/var/lib") / name
    return Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local/share") / name


def _account(run_as: str | None, *, user: bool | None) -> str | None:
    if WINDOWS:
        return run_as or os.environ.get("USERNAME")
    if _scope(user) == "user":
        if run_as is not None:
            raise ConfigError("--run-as is for a system's service; a user's runs as that user")
        return None
    account = run_as or os.environ.get("SUDO_USER")
    if not account:
        raise ConfigError(
            "Which account shall it run as?",
            remedy="Add --run-as ACCOUNT: one that owns the storage and the engines' folders.",
        )
    import pwd

    try:
        pwd.getpwnam(account)
    except KeyError as error:
        raise ConfigError(f"there is no account {account!r} on this machine") from error
    return account


def _installation(service: "BootEntry", *, user: bool | None, start: bool) -> "Sequence[Step]":
    if WINDOWS:
        from gesso.deploy import windows_task

        file = Path(tempfile.gettempdir()) / f"{service.name}-task.xml"
        return windows_task.installation(service, file, start=start)
    from gesso.deploy import systemd

    return systemd.installation(service, _scope(user), start=start)


def _removal(name: str, *, user: bool | None) -> "Sequence[Step]":
    if WINDOWS:
        from gesso.deploy import windows_task

        return windows_task.removal(name)
    from gesso.deploy import systemd

    return systemd.removal(name, _scope(user))


def _do(steps: "Sequence[Step]", *, dry_run: bool, as_json: bool) -> None:
    from gesso.deploy.boot import Write

    if not dry_run and not WINDOWS and not Path("/run/systemd/system").is_dir():
        raise ProcessError(
            "This system was not started by systemd.",
            remedy="`--dry-run` prints the unit; have your own service manager run `gesso up`.",
        )
    for step in steps:
        show.note(str(step))
        if dry_run and isinstance(step, Write) and not as_json:
            print(step.text, end="")
        if not dry_run:
            step.do()
    if as_json:
        written = [{"path": str(step.path), "text": step.text} for step in steps if isinstance(step, Write)]
        show.as_json({"done": not dry_run, "steps": [str(step) for step in steps], "files": written})


def _systemd_state(name: str, *, user: bool | None, wanted: Path | None) -> dict[str, Any]:
    from gesso.deploy import systemd

    scope = _scope(user)
    text = None
    if wanted is not None:
        written = systemd.unit_path(name, scope)
        found = re.search(r"^User=(.+)$", written.read_text(), re.M) if written.is_file() else None
        run_as = found[1] if found is not None else None
        text = systemd.render(_described(name, wanted, run_as, user=user), scope)
    return {"service": name, "of": scope.value, **asdict(systemd.state(name, scope, text))}


def _windows_state(name: str) -> dict[str, Any]:
    from gesso.deploy import windows_task
    from gesso.deploy.boot import ask

    done = ask(windows_task.query(name))
    fields = dict(line.split(":", 1) for line in done.stdout.splitlines() if ":" in line)
    state = {key.strip(): value.strip() for key, value in fields.items()}
    return {"service": name, "of": "task scheduler", "installed": done.returncode == 0, **state}


def _key_command(file: Path | None, service: "BootEntry") -> str:
    given = "" if file is None else f" --config {file.absolute()}"
    if file is None and "--directory" in service.argv:
        given = f" --directory {service.directory}"
    as_whom = f"sudo -u {service.account} " if service.account and not WINDOWS else ""
    return f"{as_whom}gesso keys create --local{given}"
