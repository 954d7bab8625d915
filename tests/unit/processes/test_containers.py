"""Containers as /proc shows them: lines of real systems."""

import pytest

from gesso.processes.containers import Container, Published, read_group, read_proxy

ID = "3f2a9c1d4e5b6a7988776655443322110f0e0d0c0b0a09080706050403020100"


@pytest.mark.parametrize(
    "text, runtime",
    [
        (f"0::/system.slice/docker-{ID}.scope\n", "docker"),
        (f"12:pids:/docker/{ID}\n11:memory:/docker/{ID}\n", "docker"),
        (
            f"0::/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-{ID}.scope/container\n",
            "podman",
        ),
        (f"0::/kubepods.slice/kubepods-burstable.slice/cri-containerd-{ID}.scope\n", "containerd"),
    ],
)
def test_a_container_is_known_by_its_control_group(text: str, runtime: str):
    assert read_group(text) == Container(runtime=runtime, id=ID[:12])


@pytest.mark.parametrize(
    "text",
    [
        "0::/init.scope\n",
        "0::/user.slice/user-1000.slice/session-2.scope\n",
        "0::/system.slice/docker.service\n",
        "",
    ],
)
def test_who_is_in_none_is_said_to_be_in_none(text: str):
    assert read_group(text) is None


def test_a_published_port_is_read_from_docker_s_proxy():
    there = "-container-ip 172.17.0.2 -container-port 8188"
    argv = f"/usr/bin/docker-proxy -proto tcp -host-ip 10.0.0.4 -host-port 9188 {there}"
    assert read_proxy(argv.split()) == Published(
        host="10.0.0.4", port=9188, inner_host="172.17.0.2", inner_port=8188
    )


@pytest.mark.parametrize(
    "argv", [[], ["python", "-host-port", "1"], ["docker-proxy"], ["docker-proxy", "-host-port", "x"]]
)
def test_other_command_lines_publish_nothing(argv: list[str]):
    assert read_proxy(argv) is None
