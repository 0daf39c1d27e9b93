"""The files in `deploy/`: servers start with the configurations, systemd reads the units, all promises are in them."""

from __future__ import annotations

import configparser
import os
import re
import shutil
import socket
import subprocess
from pathlib import Path

import pytest

from setpoint.local.nats_probe import jetstream_answers
from setpoint.local.nats_server import find_binary
from setpoint.local.process_tree import ProcessTree
from tests.waiting import eventually

DEPLOY = Path(__file__).parents[2] / "deploy"
UNITS = sorted(DEPLOY.glob("*.service"))


def unit(name: str) -> configparser.ConfigParser:
    parser = configparser.ConfigParser(strict=False, interpolation=None)
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read(DEPLOY / name)
    return parser


def free_ports(count: int) -> list[int]:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [held.getsockname()[1] for held in sockets]
    for held in sockets:
        held.close()
    return ports


async def test_the_single_server_starts(tmp_path: Path) -> None:
    (port,) = free_ports(1)
    text = (DEPLOY / "nats-single.conf").read_text()
    text = text.replace("0.0.0.0:4222", f"127.0.0.1:{port}").replace("/var/lib/setpoint/nats", str(tmp_path / "nats"))
    (tmp_path / "nats.conf").write_text(text)
    async with await ProcessTree.open() as tree:
        await tree.start([str(find_binary()), "-c", str(tmp_path / "nats.conf")], log=tmp_path / "log")
        await eventually(lambda: jetstream_answers("127.0.0.1", port), what=(tmp_path / "log").read_text())


async def test_the_three_servers_make_a_cluster(tmp_path: Path) -> None:
    clients, routes = free_ports(3), free_ports(3)
    text = (DEPLOY / "nats-cluster.conf").read_text()
    for number, route in enumerate(routes, start=1):
        text = text.replace(f"nats://hub-{number}:6222", f"nats://127.0.0.1:{route}")
    async with await ProcessTree.open() as tree:
        for number, (client, route) in enumerate(zip(clients, routes, strict=True), start=1):
            own = text.replace("0.0.0.0:4222", f"127.0.0.1:{client}").replace("0.0.0.0:6222", f"127.0.0.1:{route}")
            file = tmp_path / f"hub-{number}.conf"
            file.write_text(own.replace("/var/lib/setpoint/nats", str(tmp_path / f"hub-{number}")))
            await tree.start(
                [str(find_binary()), "-c", str(file)],
                env={**os.environ, "SERVER_NAME": f"hub-{number}"},
                log=tmp_path / f"hub-{number}.log",
            )
        for client in clients:
            await eventually(lambda port=client: jetstream_answers("127.0.0.1", port), within_s=20)  # type: ignore[misc]


@pytest.mark.parametrize("name", ["nats-single.conf", "nats-cluster.conf"])
def test_every_configuration_syncs_before_it_acknowledges(name: str) -> None:
    assert re.search(r"^\s*sync_interval: always$", (DEPLOY / name).read_text(), re.MULTILINE)


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="no systemd here")
@pytest.mark.parametrize("file", UNITS, ids=lambda file: file.name)
def test_systemd_reads_the_unit(file: Path, tmp_path: Path) -> None:
    # The programs are not installed on the machine that runs the tests; any executable stands in for them.
    text = re.sub(r"/opt/setpoint/bin/[a-z-]+", "/bin/true", file.read_text())
    (tmp_path / file.name).write_text(text)
    verdict = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", str(tmp_path / file.name)],
        capture_output=True,
        text=True,
        check=False,
    )
    complaints = [line for line in verdict.stderr.splitlines() if file.name in line and "DelegateSubgroup" not in line]
    assert complaints == []


def test_a_restart_of_the_agent_spares_the_workloads() -> None:
    service = unit("setpoint-node-agent.service")["Service"]
    assert service["Delegate"] == "yes"
    assert service["KillMode"] == "process"
    assert service["Restart"] == "always"


@pytest.mark.parametrize("file", UNITS, ids=lambda file: file.name)
def test_every_unit_comes_back_at_once_and_at_boot(file: Path) -> None:
    parsed = unit(file.name)
    assert parsed["Service"]["Restart"] == "always"
    assert parsed["Service"]["RestartSec"] == "100ms"
    assert parsed["Install"]["WantedBy"] == "multi-user.target"


def test_the_recipe_joins_a_machine_as_the_unit_does() -> None:
    recipe = next(line for line in (DEPLOY / "README.md").read_text().splitlines() if "systemd-run" in line)
    service = unit("setpoint-node-agent.service")["Service"]
    for key in ("Delegate", "KillMode", "Restart", "RestartSec", "StateDirectory", "LimitNOFILE"):
        assert f"-p {key}={service[key]}" in recipe
