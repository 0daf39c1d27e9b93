"""Choosing free ports."""

from __future__ import annotations

from node_agent.containers.ports import PortTable
from node_agent.machine.port import MemoryMachine
from proto.ids import RandomIds
from proto.objects.pod import Pod
from tests.agent.pods import pod


def table(machine: MemoryMachine | None = None, size: int = 5) -> PortTable:
    return PortTable(machine or MemoryMachine(), RandomIds(1), (20000, 20000 + size))


def with_ports(name: str, *ports: dict[str, object]) -> Pod:
    return pod(name, {"command": ["serve"], "ports": list(ports)})


FREE = {"containerPort": 0}


def test_every_free_port_is_given_once() -> None:
    ports = table()
    chosen = [ports.choose(with_ports(f"web-{n}", FREE), {})["app/0"] for n in range(5)]
    assert sorted(chosen) == [20000, 20001, 20002, 20003, 20004]
    assert ports.choose(with_ports("one-more", FREE), {}) == {}


def test_ports_that_others_use_are_left_alone() -> None:
    ports = table(MemoryMachine(taken_ports={20000, 20001, 20003, 20004}))
    assert ports.choose(with_ports("web", FREE), {}) == {"app/0": 20002}


def test_ports_that_pods_name_are_left_alone() -> None:
    ports = table(size=2)
    assert ports.choose(with_ports("fixed", {"containerPort": 20001}), {}) == {}
    assert ports.choose(with_ports("web", FREE), {}) == {"app/0": 20000}


def test_a_choice_stays() -> None:
    ports = table()
    web = with_ports("web", FREE, FREE)
    chosen = ports.choose(web, {})
    assert len(set(chosen.values())) == 2
    assert ports.choose(web, chosen) == chosen


def test_a_host_port_is_no_choice() -> None:
    assert table().choose(with_ports("web", {"containerPort": 0, "hostPort": 99}), {}) == {}


def test_ports_are_free_again_after_the_pod() -> None:
    ports = table(size=1)
    assert ports.choose(with_ports("web", FREE), {}) == {"app/0": 20000}
    ports.release("u-web")
    assert ports.choose(with_ports("next", FREE), {}) == {"app/0": 20000}
