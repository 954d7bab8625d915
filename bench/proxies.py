"""nginx and Caddy beside gesso: each with one key to check, an access log, and connections kept open."""

import os
import subprocess
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.machine import find
from tests.running import answers, free_port, stop, wait_for

READY_S = 15.0


@contextmanager
def constant_backend(directory: Path, body: bytes, otherwise: str) -> Iterator[str | None]:
    """A server that gives GET /system_stats the same bytes at once, and passes all else to `otherwise`.

    None where nginx is not installed. With it, what the proxies cost is seen, and not what sketch costs.
    """
    (directory / "stats").write_bytes(body)
    port = free_port()
    server = f"""
        server {{
            listen 127.0.0.1:{port} backlog=1024;
            keepalive_requests 1000000;
            client_max_body_size 0;
            location = /system_stats {{
                default_type "application/json; charset=utf-8";
                return 200 '{body.decode().replace("'", "")}';
            }}
            location / {{
                proxy_pass {otherwise};
                proxy_http_version 1.1;
                proxy_set_header Upgrade $http_upgrade;
                proxy_set_header Connection $upgrading;
            }}
        }}
    """
    with _nginx(directory, server, log=False) as running:
        yield _address(running, port, "/system_stats")


@contextmanager
def nginx_proxy(directory: Path, backend: str, key: str) -> Iterator[str | None]:
    """nginx in front of `backend`; None where it is not installed."""
    port = free_port()
    address = backend.removeprefix("http://")
    server = f"""
        upstream backend {{ server {address}; keepalive 64; }}
        server {{
            listen 127.0.0.1:{port} backlog=1024;
            keepalive_requests 1000000;
            client_max_body_size 0;
            location / {{
                if ($http_authorization != "Bearer {key}") {{ return 401; }}
                proxy_pass http://backend;
                proxy_http_version 1.1;
                proxy_set_header Connection "";
            }}
        }}
    """
    with _nginx(directory, server, log=True) as running:
        yield _address(running, port, "/")


@contextmanager
def caddy_proxy(directory: Path, backend: str, key: str) -> Iterator[str | None]:
    """Caddy in front of `backend`; None where it is not installed."""
    program = find("caddy")
    if program is None:
        yield None
        return
    port = free_port()
    config = directory / "Caddyfile"
    config.write_text(
        textwrap.dedent(f"""\
            {{
                admin off
                auto_https off
            }}
            http://127.0.0.1:{port} {{
                log {{
                    output file {directory / "access.log"}
                }}
                @stranger not header Authorization "Bearer {key}"
                respond @stranger 401
                reverse_proxy {backend}
            }}
            """)
    )
    home = {"HOME": str(directory), "XDG_DATA_HOME": str(directory), "XDG_CONFIG_HOME": str(directory)}
    # A Go program takes one thread for each core it may have; gesso is held to one core, so is this.
    environment = {**os.environ, **home, "GOMAXPROCS": "1"}
    command = [program, "run", "--config", str(config), "--adapter", "caddyfile"]
    with _running(command, directory / "caddy.log", environment) as running:
        yield _address(running, port, "/")


@dataclass(frozen=True, slots=True, kw_only=True)
class Running:
    """A started server and where it says what is wrong."""

    process: subprocess.Popen[bytes]
    log: Path


@contextmanager
def _nginx(directory: Path, servers: str, *, log: bool) -> Iterator[Running | None]:
    program = find("nginx")
    if program is None:
        yield None
        return
    paths = "\n".join(
        f"{name}_temp_path {directory / name};"
        for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    config = directory / "nginx.conf"
    config.write_text(
        f"""
        daemon off;
        master_process off;
        pid {directory / "nginx.pid"};
        events {{ worker_connections 1024; }}
        http {{
            access_log {directory / "access.log" if log else "off"};
            {paths}
            map $http_upgrade $upgrading {{ default upgrade; "" close; }}
            {servers}
        }}
        """
    )
    command = [program, "-p", str(directory), "-c", str(config), "-e", "stderr"]
    with _running(command, directory / "nginx.log") as running:
        yield running


@contextmanager
def _running(command: list[str], log: Path, environment: dict[str, str] | None = None) -> Iterator[Running]:
    with log.open("ab") as output:
        process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT, env=environment)
    try:
        yield Running(process=process, log=log)
    finally:
        stop(process)


def _address(running: Running | None, port: int, path: str) -> str | None:
    """Where it answers, once it does; None where there is no such program."""
    if running is None:
        return None
    url = f"http://127.0.0.1:{port}"
    wait_for(lambda: running.process.poll() is not None or answers(url + path), READY_S)
    if running.process.poll() is not None:
        raise AssertionError(f"{running.process.args!r} ended:\n{running.log.read_text()}")
    return url
