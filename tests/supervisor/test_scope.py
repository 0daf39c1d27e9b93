"""When systemd is asked for a scope, and what becomes of a supervisor without one. The real thing is in `tests/vm`."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from node_agent.supervisor import client
from node_agent.supervisor.scope import scope_command, unit_of
from tests.supervisor.rig import Rig

V2_MOUNT = "24 1 0:2 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n"
V1_MOUNT = "35 31 0:32 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n"


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The root of a made-up machine on which systemd is process 1 and our agent is a service."""
    root = tmp_path / "root"
    for folder in ("proc/1", "proc/self", "run/systemd/private", "bin"):
        (root / folder).mkdir(parents=True)
    (root / "proc/1/comm").write_text("systemd\n")
    (root / "proc/self/cgroup").write_text("0::/system.slice/setpoint-node-agent.service\n")
    (root / "proc/self/mountinfo").write_text(V2_MOUNT)
    (root / "bin/systemd-run").touch(mode=0o755)
    monkeypatch.setenv("PATH", str(root / "bin"))
    return root


def command_on(machine: Path, node_name: str = "hub") -> list[str]:
    """What is asked on that machine, as root or as a user whose systemd listens."""
    return scope_command(node_name, {"XDG_RUNTIME_DIR": str(machine / "run")}, machine)


def test_a_scope_is_delegated_named_and_ends_after_the_agent(machine: Path) -> None:
    command = command_on(machine)
    assert command[0].endswith("systemd-run") and command[-1] == "--"
    assert {"--scope", "--property=Delegate=yes", "--property=TasksMax=infinity"} <= set(command)
    assert "--property=Before=setpoint-node-agent.service" in command
    assert any(word.startswith("--unit=setpoint-hub-") for word in command)
    assert ("--user" in command) == (os.geteuid() != 0)


def test_two_scopes_never_have_one_name(machine: Path) -> None:
    assert command_on(machine) != command_on(machine)


def test_a_long_node_name_makes_a_valid_unit_name(machine: Path) -> None:
    (unit,) = [word for word in command_on(machine, "n" * 253) if word.startswith("--unit=")]
    assert len(f"{unit.removeprefix('--unit=')}.scope") <= 255


@pytest.mark.parametrize(
    ("place", "text"),
    [
        ("proc/1/comm", "machine_init\n"),
        ("proc/self/mountinfo", V2_MOUNT + V1_MOUNT),
        ("proc/self/mountinfo", ""),
    ],
    ids=["process 1 is not systemd", "controllers of v1", "no cgroups"],
)
def test_no_scope_where_it_cannot_be_or_is_not_needed(machine: Path, place: str, text: str) -> None:
    (machine / place).write_text(text)
    assert command_on(machine) == []


def test_no_scope_where_systemd_does_not_listen(machine: Path) -> None:
    (machine / "run/systemd/private").rmdir()
    assert command_on(machine) == []


def test_no_scope_without_systemd_run(machine: Path) -> None:
    (machine / "bin/systemd-run").unlink()
    assert command_on(machine) == []


@pytest.mark.parametrize(
    ("groups", "unit"),
    [
        ("0::/system.slice/setpoint-node-agent.service\n", "setpoint-node-agent.service"),
        ("0::/system.slice/setpoint-node-agent.service/agent\n", "setpoint-node-agent.service"),
        ("0::/user.slice/user-1000.slice/session-3.scope\n", "session-3.scope"),
        ("0::/user.slice/user-1000.slice/user@1000.service/app.slice/a.service\n", "a.service"),
        ("9:memory:/m\n0::/\n", ""),
        ("9:memory:/a.service\n", ""),
    ],
)
def test_the_innermost_unit_is_ours(groups: str, unit: str) -> None:
    assert unit_of(groups) == unit


async def test_where_systemd_refuses_a_scope_the_supervisor_starts_without(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "scope_command", lambda *given: ["/bin/false"])
    rig = Rig(tmp_path)
    await rig.attach()
    assert rig.hello["pid"] > 0
    await rig.close()
