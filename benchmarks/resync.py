"""What it costs to look at 10,000 objects again and find that nothing is to be done: every controller's full pass.

The objects are what the controllers themselves made of Deployments, with their pods and nodes, brought to rest. Then a
new leader's loops look at all of it, and at all of it once more; nothing may be written.
"""

from __future__ import annotations

import asyncio
import gc
import time
from collections.abc import AsyncIterator
from typing import Any

from benchmarks.clusters import sleepers
from benchmarks.measuring import Figure
from control_plane import controllers
from control_plane.engine.apply import Applier
from control_plane.engine.loop import LoopPace, ReconcileLoop
from control_plane.store import lifecycle
from control_plane.store.memory import MemoryStore, MemoryStoreServer
from control_plane.store.mirror import Mirror
from proto import catalog
from proto.clock import SystemClock
from proto.ids import RandomIds
from proto.objects.core import Namespace, Node, NodeStatus
from proto.objects.meta import Condition, Object, ObjectMeta, evolve
from proto.objects.pod import Pod

OBJECTS = 10_000
NODES = 100
PODS_EACH = 18
DEPLOYMENTS = (OBJECTS - NODES) // (PODS_EACH + 2)
"""Each comes with a ReplicaSet."""

BUDGET_S = 1.0
QUIET_LOOKS = 20
BUILT_WITHIN_S = 120.0


class Ground:
    """A store in memory, and every controller's loop on it."""

    def __init__(self) -> None:
        self.clock, self.ids = SystemClock(), RandomIds(1)
        self.store = MemoryStore(MemoryStoreServer())
        self.mirror = Mirror(self.store, clock=self.clock, history=1_000)
        self._applier = Applier(self.store, self.mirror, self.clock, self.ids, lambda emit: None)

    async def create(self, obj: Object) -> None:
        """Store a new object."""
        await self.store.put(lifecycle.for_create(obj, uid=self.ids.uid(), now=self.clock.now()), 0)

    def loops(self) -> list[ReconcileLoop]:
        """A new leader's loops."""
        return [self._loop(controller) for controller in controllers.ALL]

    def _loop(self, controller: Any) -> ReconcileLoop:
        return ReconcileLoop(controller, self.mirror, self._applier, self.clock, lambda emit: None, LoopPace())


async def measure() -> AsyncIterator[Figure]:
    """CPU seconds of a full pass of all controllers, the worst of three."""
    ground = Ground()
    following = asyncio.create_task(ground.mirror.run())
    await ground.mirror.wait_synced()
    await _build(ground)
    count = sum(len(list(ground.mirror.list(kind.model))) for kind in catalog.KINDS)
    gc.collect()
    before = ground.mirror.revision
    times_s = [await _full_pass(ground) for _ in range(3)]
    if ground.mirror.revision != before:
        raise RuntimeError(f"{ground.mirror.revision - before} writes in passes that had nothing to do")
    note = f"{count:,} objects, {len(controllers.ALL)} controllers, nothing written"
    yield Figure("CPU of a full pass with nothing to do", max(times_s), "s", BUDGET_S, note=note)
    following.cancel()


async def _build(ground: Ground) -> None:
    """Deployments with all their pods, Ready on their nodes."""
    await ground.create(Namespace(metadata=ObjectMeta(name="default")))
    ready = NodeStatus(conditions=(Condition(type="Ready", status="True", reason="AgentReady"),))
    for number in range(NODES):
        await ground.create(Node(metadata=ObjectMeta(name=f"n{number}"), status=ready))
    for number in range(DEPLOYMENTS):
        await ground.create(sleepers(f"load-{number}", PODS_EACH))
    loops = ground.loops()
    tasks = [asyncio.create_task(loop.run()) for loop in loops]
    async with asyncio.timeout(BUILT_WITHIN_S):
        await _at_rest(ground, loops)
        for number, pod in enumerate(list(ground.mirror.list(Pod))):
            stored = ground.mirror.get(Pod, *pod.key)
            assert stored is not None
            await ground.store.put(_running(stored, number), stored.metadata.revision)
        await _at_rest(ground, loops)
    await _end(tasks)


def _running(pod: Pod, number: int) -> Pod:
    told = Condition(type="Ready", status="True", last_transition_time=pod.metadata.creation_timestamp)
    return evolve(
        pod,
        **{"spec.node_name": f"n{number % NODES}", "status.phase": "Running", "status.conditions": (told,)},
    )


async def _full_pass(ground: Ground) -> float:
    """CPU seconds of one."""
    loops = ground.loops()
    started_s = time.process_time()
    tasks = [asyncio.create_task(loop.run()) for loop in loops]
    await _at_rest(ground, loops)
    took_s = time.process_time() - started_s
    await _end(tasks)
    return took_s


async def _at_rest(ground: Ground, loops: list[ReconcileLoop]) -> None:
    """Until nothing was waiting, worked on or written in many looks in a row."""
    quiet, revision = 0, -1
    while quiet < QUIET_LOOKS:
        await asyncio.sleep(0.02)
        is_quiet = ground.mirror.revision == revision and all(loop.queue.idle for loop in loops)
        quiet, revision = quiet + 1 if is_quiet else 0, ground.mirror.revision


async def _end(tasks: list[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
