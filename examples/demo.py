"""`./dev demo`: starts gesso, has it draw a picture and edit that. `--stay`: `./dev up`, without that."""

import argparse
import json
import os
import shlex
import signal
import subprocess
import sys
from pathlib import Path

from rich.console import Console

HERE = Path(__file__).parent
DEMO = HERE.parent / "demo"
KEY = DEMO / "key"
TRY = '.venv/bin/gesso draw "a big red heart left of a small blue star" --size 256x256 -o demo/star.png'
HEART, GREEN = "demo/heart.png", "demo/heart-green.png"
# Larger than it need be, to be seen as it comes; the seed makes it the same each time.
HOW = ["--size", "256x256", "--seed", "7"]
COMMANDS = (
    ["draw", "a big red heart on a white background", "-o", HEART, *HOW],
    ["edit", HEART, "make the heart green", "-o", GREEN, *HOW],
)
console = Console(highlight=False, soft_wrap=True)


def main() -> int:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--stay", action="store_true", help="draw nothing; run until Ctrl-C")
    arguments.add_argument(
        "--listen", help="address to listen on; default: a free port, 127.0.0.1:8700 with --stay"
    )
    given = arguments.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # gesso ends with us, however we end
    DEMO.mkdir(exist_ok=True)
    server, url, key = start(given.listen or ("127.0.0.1:8700" if given.stay else "127.0.0.1:0"))
    try:
        if given.stay:
            console.print(invitation(url, key, "Ctrl-C stops it."))
            return server.wait()
        for command in COMMANDS:
            if (code := gesso(command, url, key)) != 0:
                return code
        console.print(f"\nThe pictures are in [bold]{HEART}[/] and [bold]{GREEN}[/]")
        console.print(f"They came from {url}, which ends now, with the key {key}")
        console.print("\n[bold]./dev up[/] starts it again, to stay. Then, for example:")
        console.print(f"  export GESSO_KEY={key}")
        console.print(f"  {TRY}")
        return 0
    except KeyboardInterrupt:
        return 130
    finally:
        server.terminate()
        server.wait()


def start(listen: str) -> tuple["subprocess.Popen[str]", str, str]:
    """Run `gesso up` as anybody would; its address, and the administrator's key."""
    storage = DEMO / "storage"
    command = [sys.executable, "-m", "gesso", "up", "--json", "--listen", listen]
    with (DEMO / "gesso.log").open("w") as log:
        server = subprocess.Popen(  # noqa: S603
            [*command, "--directory", str(storage)], stdout=subprocess.PIPE, stderr=log, text=True
        )
    assert server.stdout is not None  # noqa: S101
    line = server.stdout.readline()
    if not line.startswith('{"url"'):
        sys.exit(f"demo: gesso did not start. {reason(line + server.stdout.read())}")
    told = json.loads(line)
    if told["key"] or not KEY.exists():
        KEY.touch(mode=0o600)
        KEY.write_text(told["key"] or new_key(storage))
    return server, told["url"], KEY.read_text()


def reason(output: str) -> str:
    """What `gesso up --json` said instead of its address, or its log."""
    try:
        error = json.loads(output)["error"]
    except (ValueError, KeyError):
        return f"Its log:\n{(DEMO / 'gesso.log').read_text()}"
    return f"{error['message']}\n  {error['remedy']}"


def new_key(storage: Path) -> str:
    """A key is shown only once; whoever lost it makes another, on gesso's machine."""
    command = [
        sys.executable,
        "-m",
        "gesso",
        "keys",
        "create",
        "demo",
        "--local",
        "--directory",
        str(storage),
    ]
    made = subprocess.run(command, check=True, capture_output=True, text=True)  # noqa: S603
    return made.stdout.strip()


def gesso(command: list[str], url: str, key: str) -> int:
    """Type a command, for everybody to see; its exit code."""
    console.print(f"[bold]gesso {shlex.join(command)}[/]")
    environment = {**os.environ, "GESSO_URL": url, "GESSO_KEY": key}
    typed = [sys.executable, "-m", "gesso", *command]
    return subprocess.run(typed, cwd=DEMO.parent, env=environment, check=False).returncode  # noqa: S603


def invitation(url: str, key: str, end: str) -> str:
    return f"""gesso answers on [bold]{url}[/]
  key of admin     {key}

Try, in another terminal:
  in the browser   {url}/   (ComfyUI; sign in with the key)
  export GESSO_URL={url} GESSO_KEY={key}
  {TRY}
  .venv/bin/gesso run examples/paint.json --image 1.image=examples/harbour.png -o demo
  curl -H "Authorization: Bearer $GESSO_KEY" $GESSO_URL/system_stats
{end}"""


if __name__ == "__main__":
    sys.exit(main())
