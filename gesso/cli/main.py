"""The `gesso` command: runs the verb, and turns every failure into a message and an exit code."""

import gc
import os
import sys
from typing import Any

from gesso import __version__
from gesso.cli import endings


def main() -> None:
    """The entry point."""
    # What a verb imports is many objects and hardly garbage, so collecting beside that is time lost.
    gc.disable()
    endings.watched()
    try:
        code = run(sys.argv[1:])
    except BrokenPipeError:
        # Whoever read what we say has gone. What is still to be written goes nowhere, and without a word.
        endings.silence(sys.stdout.fileno())
        code = 1
    sys.exit(code)


def run(arguments: list[str]) -> int:
    """Run `gesso` with these arguments and return the exit code."""
    try:
        import typer  # noqa: F401
    except ModuleNotFoundError:
        print("gesso: the command line is not installed.\n  pip install 'gesso[server]'", file=sys.stderr)
        return 9
    from gesso.cli.exits import Exit
    from gesso.cli.failures import report
    from gesso.errors import GessoError, ProcessError

    as_json = "--json" in arguments
    try:
        return _call(arguments)
    except GessoError as error:
        return report(error, as_json=as_json)
    except KeyboardInterrupt:
        print("gesso: interrupted", file=sys.stderr)
        return Exit.INTERRUPTED
    except ModuleNotFoundError as error:
        from gesso.cli.verbs import not_installed

        return report(not_installed(error, " ".join(arguments[:1])), as_json=as_json)
    except OSError as error:
        return report(ProcessError(str(error), remedy=_LOCAL_REMEDY), as_json=as_json)
    except Exception as error:
        if os.environ.get("GESSO_TRACEBACK"):
            raise
        cause = GessoError(f"internal error: {type(error).__name__}: {error}", remedy=_DEFECT_REMEDY)
        return report(cause, as_json=as_json)


def _call(arguments: list[str]) -> int:
    try:
        application().main(args=arguments, prog_name="gesso")
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else 0 if end.code is None else 1
    return 0


def application() -> Any:
    """The command with all its verbs, as Typer has it."""
    import typer

    from gesso.cli.verbs import VERBS, Verbs, plain, stub

    app = typer.Typer(
        cls=Verbs,
        name="gesso",
        no_args_is_help=True,
        add_completion=True,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
        context_settings={"help_option_names": ["-h", "--help"]},
    )

    @app.callback()
    def gesso(
        version: bool = typer.Option(
            False, "--version", is_eager=True, callback=_version, help="Show the version."
        ),
    ) -> None:
        """One image service over any number of ComfyUI processes.

        Where the server is and who asks: --url and --key, or GESSO_URL and GESSO_KEY. Every verb has --json.
        The exit codes are in docs/reference/cli.md.
        """
        # The verb has been imported by now, and what it imported stays.
        if not gc.isenabled():
            gc.freeze()
            gc.enable()

    group = plain(typer.main.get_command(app))
    for name in VERBS:
        group.add_command(stub(name))
    return group


def _version(asked: bool) -> None:
    if asked:
        import typer

        print(f"gesso {__version__}")
        raise typer.Exit


_LOCAL_REMEDY = "Look at the path and its permissions."
_DEFECT_REMEDY = "This is a defect in gesso: please report it, with what GESSO_TRACEBACK=1 shows."


if __name__ == "__main__":
    main()
