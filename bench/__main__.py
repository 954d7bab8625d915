"""`./dev bench [NAME…]`: what gesso costs, beside the engine alone, nginx, Caddy and LiteLLM."""

import argparse
import json
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from bench import (
    affinity,
    claims,
    drawing,
    frontend,
    gaps,
    images,
    jobs,
    monitoring,
    partials,
    proxying,
    sharing,
    startup,
    transfers,
)
from bench.figures import Section
from bench.load import measure as measure_load
from bench.machine import describe, find, load
from bench.page import as_json, as_page, as_text
from bench.place import Place

PAGE = Path(__file__).resolve().parents[1] / "docs" / "performance.md"
SECTIONS: dict[str, Callable[[Place], Section]] = {
    "proxying": proxying.measure,
    "transfers": transfers.measure,
    "start": jobs.measure_start,
    "jobs": jobs.measure_many,
    "gaps": gaps.measure,
    "affinity": affinity.measure,
    "claims": claims.measure,
    "load": measure_load,
    "monitoring": monitoring.measure,
    "drawing": drawing.measure,
    "images": images.measure,
    "partials": partials.measure,
    "sharing": sharing.measure,
    "frontend": frontend.measure,
    "startup": startup.measure,
}


def main() -> int:
    arguments = argparse.ArgumentParser(prog="./dev bench", description=__doc__)
    # Not `choices`: argparse would hold the empty list of "all" against them.
    arguments.add_argument("names", nargs="*", help=f"which to take: {', '.join(SECTIONS)}; default: all")
    arguments.add_argument("--quick", action="store_true", help="fewer samples; does not write the page")
    arguments.add_argument("--json", action="store_true", help="print JSON; does not write the page")
    arguments.add_argument(
        "--litellm", metavar="PATH", default=find("litellm"), help="LiteLLM's program (default: %(default)s)"
    )
    given = arguments.parse_args()
    unknown = [name for name in given.names if name not in SECTIONS]
    if unknown:
        arguments.error(f"there is no {', '.join(unknown)}; there are {', '.join(SECTIONS)}")
    if given.litellm is not None and find(given.litellm) is None:
        arguments.error(f"there is no program {given.litellm}")
    before = load()
    with tempfile.TemporaryDirectory(prefix="gesso-bench-") as directory:
        place = Place(directory=Path(directory), quick=given.quick, litellm=given.litellm)
        names = given.names or list(SECTIONS)
        sections = []
        for number, name in enumerate(names, 1):
            place.say(f"{name} ({number} of {len(names)})")
            sections.append(SECTIONS[name](place))
    machine = describe(given.litellm)
    if given.json:
        print(json.dumps(as_json(machine, sections, before), indent=1))
        return 0
    print(as_text(sections))
    if not given.quick and not given.names:
        PAGE.write_text(as_page(machine, sections, before), encoding="utf-8")
        print(f"\nwritten to {PAGE.relative_to(PAGE.parents[1])}", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
