"""What `python -m gesso.sketch` may be told, and the start of it: ComfyUI's protocol without a GPU."""

import argparse
import asyncio
import ipaddress
import logging
from pathlib import Path

from gesso.errors import RequestError
from gesso.sketch.faults import Faults, parse, table
from gesso.sketch.logs import Recent
from gesso.sketch.model_names import DEFAULT_ALIASES, OWN, UnknownFolder, parse_aliases
from gesso.sketch.server import Options, serve
from gesso.sketch.start import start, steal_port

_REMOTE = (
    "--listen {host}: other machines can reach that address, and sketch asks nobody who they are. "
    "Listen on 127.0.0.1 and put the gateway in front of it, or add --allow-remote on a trusted network."
)


def main() -> int:
    parser = _parser()
    arguments = parser.parse_args()
    hosts = tuple(host.strip() for host in arguments.listen.split(",") if host.strip())
    for host in hosts:
        if not arguments.allow_remote and not _is_loopback(host):
            parser.error(_REMOTE.format(host=host))
    try:
        faults = Faults(*(parse(text) for text in arguments.fault))
    except RequestError as error:
        parser.error(f"--fault {error.message}")
    try:
        aliases = parse_aliases(DEFAULT_ALIASES if arguments.alias is None else arguments.alias)
    except UnknownFolder as error:
        parser.error(f"--alias {error}")
    options = Options(
        hosts=hosts,
        port=arguments.port,
        directory=Path(arguments.directory),
        upload_limit=round(arguments.max_upload_size * 1024 * 1024),
        load_s=max(0.0, arguments.load_seconds),
        threads=max(1, arguments.threads),
        aliases=aliases,
        faults=faults,
    )
    recent = _log()
    if (code := start(faults)) is not None:
        return code
    try:
        with steal_port(faults, hosts, options.port):
            asyncio.run(serve(options, recent))
    except OSError as error:
        logging.getLogger(__name__).error("sketch cannot run: OSError: %s", error)
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m gesso.sketch",
        description="ComfyUI's protocol and image nodes without a GPU.",
        epilog=f"faults:\n{table()}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--listen", default="127.0.0.1", metavar="IP", help="address, or several separated by commas"
    )
    parser.add_argument("--port", type=int, default=8188)
    parser.add_argument("--directory", default=".", help="holds input, output, temp, user and models")
    parser.add_argument("--max-upload-size", type=float, default=100, metavar="MIB")
    parser.add_argument("--allow-remote", action="store_true", help="permit addresses beyond the loopback")
    parser.add_argument(
        "--threads", type=int, default=1, metavar="N", help="how many processors drawing may use at once"
    )
    parser.add_argument(
        "--alias",
        action="append",
        metavar="[FOLDER/]NAME",
        help="offer sketch's own model under this name, too, so that workflows run that ask for it "
        f"(folders: {', '.join(OWN)}; the first unless said otherwise); may be repeated; '' for none "
        f"(default: {', '.join(DEFAULT_ALIASES)})",
    )
    parser.add_argument(
        "--load-seconds",
        type=float,
        default=0.0,
        metavar="S",
        help="how long SketchPretendLoader pretends to load a model that is not the last it loaded",
    )
    parser.add_argument(
        "--preview-method",
        choices=["none", "auto", "latent2rgb", "taesd"],
        help="taken as ComfyUI takes it; sketch makes its previews in one way only",
    )
    parser.add_argument(
        "--fault",
        action="append",
        default=[],
        metavar="NAME[:args]",
        help="go wrong in this way, to try what watches over it; may be repeated",
    )
    return parser


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _log() -> Recent:
    recent = Recent()
    lines = logging.StreamHandler()
    lines.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s %(message)s"))
    logging.basicConfig(level=logging.INFO, handlers=[lines, recent])
    return recent
