"""`python -m gesso` is the `gesso` command."""

from gesso.cli.main import main

main()
