"""The reconcile loop and a leader that may die at any write: what is declared becomes true, once."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass

import pytest

from control_plane.engine.apply import Applier
from control_plane.engine.loop import LoopPace, ReconcileLoop
from control_plane.plan import Create, Emit, Key, Plan, Snapshot, Watch, own_key
from control_plane.store.memory import MemoryStore, MemoryStoreServer
from control_plane.store.mirror import Mirror
from control_plane.store.port import StoreUnavailable
from proto.clock import Instant, LoopClock
from proto.objects.apps import Deployment, ReplicaSet
from proto.objects.core import ConfigMap, Namespace
from proto.objects.meta import Object, ObjectMeta, evolve
from proto.objects.pod import Pod
from tests.engine.replicas import Ground, Replica
from tests.hub.test_straight_path import deployment
from tests.virtual import in_virtual_time
from tests.waiting import eventually


@dataclass
class Echo:
    """Makes `<name>-echo` for every ConfigMap that is none; fails for one name until it is told not to."""

    name: str = "echo"
    watches: tuple[Watch, ...] = (Watch(ConfigMap, own_key),)
    broken: bool = True
    passes: int = 0

    def observe(self, snapshot: Snapshot, key: Key, now: Instant) -> ConfigMap | None:
        self.passes += 1
        if key.name == "bad" and self.broken:
            raise ZeroDivisionError("a fault of ours")
        return None if key.name.endswith("-echo") else snapshot.get(ConfigMap, *key)

    def reconcile(self, view: ConfigMap) -> Plan:
        echo = ConfigMap(metadata=ObjectMeta(name=f"{view.metadata.name}-echo", namespace=view.metadata.namespace))
        return Plan((Create(echo, "echo_missing"),))


def config(name: str) -> ConfigMap:
    return ConfigMap(metadata=ObjectMeta(name=name, namespace="default"))


@in_virtual_time
async def test_a_failing_controller_is_contained_logged_once_and_tried_again(caplog: pytest.LogCaptureFixture) -> None:
    ground, events, echo = Ground(), list[Emit](), Echo()
    store = MemoryStore(ground.server)
    mirror = Mirror(store, clock=ground.clock)
    tasks = [asyncio.create_task(mirror.run())]
    await ground.create(Namespace(metadata=ObjectMeta(name="default")), config("bad"), config("good"))
    await mirror.wait_for(ground.server.revision, 5.0)
    applier = Applier(store, mirror, ground.clock, ground.ids, events.append)
    loop = ReconcileLoop(echo, mirror, applier, ground.clock, events.append, LoopPace(full_pass_s=50.0))
    with caplog.at_level(logging.ERROR):
        tasks.append(asyncio.create_task(loop.run()))
        await eventually(lambda: mirror.get(ConfigMap, "default", "good-echo"))
        await ground.create(config("late"))
        await eventually(lambda: mirror.get(ConfigMap, "default", "late-echo"))
        await asyncio.sleep(20)
        assert mirror.get(ConfigMap, "default", "bad-echo") is None
        assert len(caplog.records) == 1
    echo.broken = False
    await eventually(lambda: mirror.get(ConfigMap, "default", "bad-echo"), within_s=31)
    quiet = echo.passes
    await asyncio.sleep(45)
    assert echo.passes - quiet <= 6  # The full pass, and nothing else, looks again.
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)


class SlowClock(LoopClock):
    """A clock on which looking at a key takes time."""

    spent_s = 0.0

    def monotonic_s(self) -> float:
        return super().monotonic_s() + self.spent_s


@dataclass
class Ponderer:
    """Takes half a second to look at anything."""

    clock: SlowClock
    name: str = "ponderer"
    watches: tuple[Watch, ...] = (Watch(ConfigMap, own_key),)
    passes: int = 0

    def observe(self, snapshot: Snapshot, key: Key, now: Instant) -> ConfigMap | None:
        self.passes += 1
        self.clock.spent_s += 0.5
        return snapshot.get(ConfigMap, *key)

    def reconcile(self, view: ConfigMap) -> Plan:
        return Plan()


@in_virtual_time
async def test_a_key_that_takes_long_rests_before_its_next_changes_are_looked_at() -> None:
    ground, clock = Ground(), SlowClock()
    store = MemoryStore(ground.server)
    mirror = Mirror(store, clock=clock)
    ponderer = Ponderer(clock)
    applier = Applier(store, mirror, clock, ground.ids, lambda emit: None)
    loop = ReconcileLoop(ponderer, mirror, applier, clock, lambda emit: None, LoopPace(full_pass_s=5_000.0))
    tasks = [asyncio.create_task(mirror.run()), asyncio.create_task(loop.run())]
    await ground.create(Namespace(metadata=ObjectMeta(name="default")), config("busy"))
    await eventually(lambda: mirror.get(ConfigMap, "default", "busy"))
    for number in range(100):
        seen = mirror.get(ConfigMap, "default", "busy")
        assert seen is not None
        await store.put(evolve(seen, data={"number": str(number)}), seen.metadata.revision)
        await asyncio.sleep(0.1)
    await asyncio.sleep(2)
    assert 6 <= ponderer.passes <= 9, "in twelve seconds, with 1.5 s of rest each"
    quiet = ponderer.passes
    await asyncio.sleep(20)
    assert ponderer.passes == quiet, "the last change was looked at, and nothing after it"
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)


class MortalServer(MemoryStoreServer):
    """A store whose clients are cut off after so many writes: with or without having heard of the last one."""

    writes_left = 10**9

    def write(self, obj: Object, expected_revision: int, type: str) -> int:  # type: ignore[override]
        if self.writes_left <= 0 and obj.KIND in ("ReplicaSet", "Pod", "Deployment"):
            raise StoreUnavailable("cut off")
        if obj.KIND in ("ReplicaSet", "Pod", "Deployment"):
            self.writes_left -= 1
        return super().write(obj, expected_revision, type)  # type: ignore[arg-type]


@pytest.mark.parametrize("writes", range(1, 14))
@pytest.mark.parametrize("acknowledged", [True, False], ids=["acked", "ack lost"])
def test_a_leader_that_dies_after_any_write_leaves_a_plan_that_the_next_one_finishes(
    writes: int, acknowledged: bool
) -> None:
    @in_virtual_time
    async def check() -> None:
        server = MortalServer()
        ground = Ground(server=server)
        first, second = Replica(ground, "a"), Replica(ground, "b")
        await first.start()
        await eventually(lambda: first.mirror.get(Namespace, "", "default"))
        await ground.create(deployment(4))
        server.writes_left = writes
        first.store.lose_acks = 0 if acknowledged else 2
        await eventually(lambda: server.writes_left == 0, within_s=30)
        await first.stop()
        server.writes_left = 10**9
        await second.start()

        def pods() -> list[Pod]:
            return list(second.mirror.list(Pod, "default"))

        def told() -> bool:
            found = second.mirror.get(Deployment, "default", "web")
            return found is not None and found.status.replicas == 4

        await eventually(lambda: len(pods()) == 4 and told())
        await asyncio.sleep(30)
        assert len(pods()) == 4
        assert len(list(second.mirror.list(ReplicaSet, "default"))) == 1
        await second.stop()

    check()
