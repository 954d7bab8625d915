"""`gesso metrics`: what Prometheus and Grafana are given."""

from importlib.resources import files

import typer

from gesso.cli import options, show

app = typer.Typer(
    help="Print the metrics, rules for Prometheus, a board for Grafana.",
    no_args_is_help=True,
)


@app.command("list")
def list_(as_json: options.Json = False) -> None:
    """List every metric of `/gesso/metrics`."""
    # Late, as all that takes longer to load than `gesso --help` may.
    from gesso.monitoring.metrics import METRICS

    if as_json:
        show.as_json(
            [
                {"name": each.name, "type": each.kind.value, "labels": each.labels, "help": each.help}
                for each in METRICS
            ]
        )
        return
    rows = [(each.name, each.kind.value, " ".join(each.labels), each.help) for each in METRICS]
    show.table(["name", "type", "labels", "meaning"], rows, empty="None.")


@app.command()
def rules(as_json: options.Json = False) -> None:
    """Print alert rules for Prometheus; with --json as one JSON text.

    Example: gesso metrics rules > /etc/prometheus/gesso.rules.yml
    """
    text = _shipped("prometheus", "gesso.rules.yml")
    if as_json:
        show.as_json(text)
    else:
        print(text, end="")


@app.command()
def board(as_json: options.Json = False) -> None:
    """Print a board for Grafana, to be imported there. It is JSON in any case."""
    print(_shipped("grafana", "gesso.json"), end="")


def _shipped(*path: str) -> str:
    return files("gesso.monitoring").joinpath(*path).read_text(encoding="utf-8")
