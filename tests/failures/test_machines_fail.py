"""A machine is lost, in every way a machine can be lost, and comes back."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Awaitable, Callable

import pytest

from tests.failures.observing import Observer, supervisor_of
from tests.waiting import eventually

REPLICAS = 6

Act = Callable[[Observer, str], Awaitable[None]]


async def cut(observer: Observer, name: str) -> None:
    await observer.cluster.machines[name].cut()


async def heal(observer: Observer, name: str) -> None:
    await observer.cluster.machines[name].heal()


async def freeze(observer: Observer, name: str) -> None:
    await observer.cluster.machines[name].freeze()


async def thaw(observer: Observer, name: str) -> None:
    await observer.cluster.machines[name].thaw()


async def power_off(observer: Observer, name: str) -> None:
    await observer.cluster.power_off(name)


async def power_on(observer: Observer, name: str) -> None:
    await observer.cluster.power_on(name)


WAYS = [
    pytest.param(cut, heal, id="its link is cut silently"),
    pytest.param(freeze, thaw, id="all its processes are frozen"),
    pytest.param(power_off, power_on, id="all its processes are killed"),
]


@pytest.mark.parametrize(("lose", "restore"), WAYS)
async def test_a_lost_machine_s_work_moves_and_exactly_the_replicas_run_after_it_returns(
    observer: Observer, lose: Act, restore: Act
) -> None:
    await observer.deploy("web", REPLICAS)
    before = await observer.lives()
    victim = observer.node_with_pods(await observer.pods())

    await lose(observer, victim)
    await observer.node_lost(victim)

    async def replaced() -> bool:
        pods = (await observer.pods()).values()
        running = [pod for pod in pods if pod.spec.node_name != victim and pod.status.phase == "Running"]
        return len(running) == REPLICAS

    await eventually(replaced, within_s=20, what="replacements run elsewhere")

    await restore(observer, victim)
    await observer.all_ready(3)
    await observer.settled(REPLICAS)
    after = await observer.lives()
    untouched = {name: life for name, life in before.items() if life.node != victim}
    assert {name: after.get(name) for name in untouched} == untouched


async def test_a_partition_that_heals_in_time_changes_nothing(observer: Observer) -> None:
    await observer.deploy("web", REPLICAS)
    before = await observer.lives()
    victim = observer.node_with_pods(await observer.pods())

    await cut(observer, victim)
    await heal(observer, victim)

    await observer.settled(REPLICAS)
    assert await observer.lives() == before


async def test_all_machines_are_cut_off_at_once_and_no_pod_moves_for_it(observer: Observer) -> None:
    await observer.deploy("web", REPLICAS)
    before = await observer.lives()
    machines = observer.cluster.machines

    await asyncio.gather(*(cut(observer, name) for name in machines))
    await asyncio.gather(*(observer.node_lost(name) for name in machines))
    await asyncio.gather(*(heal(observer, name) for name in machines))

    await observer.all_ready(3)
    await observer.settled(REPLICAS)
    assert await observer.lives() == before


async def test_the_agent_alone_is_killed_and_its_pods_go_on(observer: Observer) -> None:
    await observer.deploy("web", REPLICAS)
    before = await observer.lives()
    victim = observer.node_with_pods(await observer.pods())
    kept = observer.cluster.agents[victim]

    kept.program.signal(signal.SIGKILL)

    await eventually(lambda: kept.restarts == 1, what="the agent is started again")
    await observer.settled(REPLICAS)
    assert await observer.lives() == before


async def test_the_supervisor_alone_is_killed_and_its_pods_go_on(observer: Observer) -> None:
    await observer.deploy("web", REPLICAS)
    before = await observer.lives()
    machine = observer.cluster.machines[observer.node_with_pods(await observer.pods())]
    old = supervisor_of(await machine.processes())

    os.kill(old, signal.SIGKILL)

    async def another() -> bool:
        return supervisor_of(await machine.processes()) != old

    await eventually(another, what="another supervisor runs")
    await observer.settled(REPLICAS)
    assert await observer.lives() == before
