"""The leader, or the NATS server, is lost: nobody is declared dead for it, nothing restarts, nothing is forgotten."""

from __future__ import annotations

import asyncio
import signal

from proto.errors import NotFound, Timeout
from proto.objects.coordination import Lease
from proto.objects.core import ConfigMap, Node
from setpoint.local.kept import KeptProgram
from tests.failures.observing import Observer, is_true, write_through
from tests.waiting import eventually

REPLICAS = 6


async def leader(observer: Observer) -> KeptProgram:
    """The control plane that leads, found by the pid in its identity."""

    async def found() -> KeptProgram | None:
        try:
            lease = await observer.client.get(Lease, "setpoint-control-plane", "kube-system")
        except NotFound:
            return None
        pid = int(lease.spec.holder_identity.rpartition("-")[2])
        return next((kept for kept in observer.cluster.control_planes if kept.program.pid == pid), None)

    return await eventually(found, what="somebody leads")


async def test_the_leader_is_killed_and_another_one_leads(observer: Observer) -> None:
    await observer.deploy("web", REPLICAS)
    before = await observer.lives()
    victim = await leader(observer)
    pid = victim.program.pid

    victim.program.signal(signal.SIGKILL)
    await observer.scale("web", REPLICAS + 2)
    await observer.settled(REPLICAS + 2, within_s=15)

    assert (await leader(observer)).program.pid != pid
    after = await observer.lives()
    assert {name: after.get(name) for name in before} == before


async def test_a_frozen_leader_is_replaced_and_does_no_harm_when_it_wakes(observer: Observer) -> None:
    await observer.deploy("web", REPLICAS)
    before = await observer.lives()
    frozen = await leader(observer)
    frozen.program.signal(signal.SIGSTOP)
    try:

        async def another() -> bool:
            try:
                lease = await observer.client.get(Lease, "setpoint-control-plane", "kube-system")
            except Timeout as lost:  # The frozen one gets requests until the server forgets it.
                raise AssertionError(lost.message) from None
            return not lease.spec.holder_identity.endswith(f"-{frozen.program.pid}")

        await eventually(another, within_s=20, what="another control plane leads")
        await observer.scale("web", REPLICAS + 1)
    finally:
        frozen.program.signal(signal.SIGCONT)
    await observer.settled(REPLICAS + 1)
    await observer.all_ready(3)
    after = await observer.lives()
    assert {name: after.get(name) for name in before} == before


async def test_the_nats_server_is_killed_and_nothing_acknowledged_or_running_is_lost(observer: Observer) -> None:
    await observer.deploy("web", REPLICAS)
    before = await observer.lives()
    transitions = {node.metadata.name: _ready_since(node) for node in (await observer.client.list(Node)).items}
    acknowledged: list[str] = []
    writing = True
    writer = asyncio.create_task(write_through(observer.client, lambda: writing, acknowledged))
    await eventually(lambda: len(acknowledged) >= 20, what="writes go through")

    server = observer.cluster.nats_program
    server.program.signal(signal.SIGKILL)
    await eventually(lambda: server.restarts == 1, what="the server is started again")
    so_far = len(acknowledged)
    await eventually(lambda: len(acknowledged) >= so_far + 20, within_s=30, what="writes go through again")
    writing = False
    await writer

    await observer.settled(REPLICAS)
    assert await observer.lives() == before
    nodes = (await observer.client.list(Node)).items
    assert {node.metadata.name: _ready_since(node) for node in nodes} == transitions
    kept = {item.metadata.name for item in (await observer.client.list(ConfigMap, "default")).items}
    assert set(acknowledged) <= kept


def _ready_since(node: Node) -> str:
    assert is_true(node.status.conditions, "Ready")
    return next(str(c.last_transition_time) for c in node.status.conditions if c.type == "Ready")
