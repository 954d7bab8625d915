"""Asking for a password: twice and unseen on a terminal, or by the line from standard input."""

import sys

import typer

from gesso.errors import RequestError


def password(what: str, *, from_stdin: bool, twice: bool = False) -> str:
    """A password; never an argument, which other users of the machine could read."""
    if from_stdin:
        line = sys.stdin.readline()
        if not line:
            raise RequestError(f"{what} is missing on standard input.", remedy="One password on each line.")
        return line.rstrip("\r\n")
    if not sys.stdin.isatty():
        raise RequestError(
            "There is no terminal to ask for a password.",
            remedy="Hand it over on standard input: `… --stdin < FILE`.",
        )
    answer: str = typer.prompt(what, hide_input=True, confirmation_prompt=twice, err=True)
    return answer
