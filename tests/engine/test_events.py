"""The event recorder: counts what is equal, keeps to its pace, and drops rather than waits."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from control_plane.amend import Amender
from control_plane.engine.events import SERIES_MAX, EventRecorder
from control_plane.engine.similar_events import DIFFERENT_MAX, QUIET_S
from control_plane.plan import Emit
from control_plane.store.memory import MemoryStore
from control_plane.store.mirror import Mirror
from proto.objects.core import Event, Namespace, Node
from proto.objects.meta import ObjectMeta
from tests.engine.replicas import Ground
from tests.hub.scene import pod
from tests.virtual import in_virtual_time
from tests.waiting import eventually

NODE = Node(metadata=ObjectMeta(name="n1", uid="u"))


@asynccontextmanager
async def recorder() -> AsyncIterator[tuple[EventRecorder, Mirror, MemoryStore]]:
    ground = Ground()
    store = MemoryStore(ground.server)
    mirror = Mirror(store, clock=ground.clock)
    await ground.create(Namespace(metadata=ObjectMeta(name="default")))
    made = EventRecorder(Amender(store, mirror), mirror, ground.clock, ground.ids, component="test")
    tasks = [asyncio.create_task(mirror.run()), asyncio.create_task(made.run())]
    await mirror.wait_synced()
    yield made, mirror, store
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)


def told(mirror: Mirror) -> list[tuple[str, int]]:
    return [(event.message, event.count) for event in mirror.list(Event)]


@in_virtual_time
async def test_equal_events_are_one_that_counts_and_keeps_its_first_time() -> None:
    async with recorder() as (made, mirror, _):
        made.record(Emit(NODE, "NodeNotReady", "silent", "Warning"))
        await eventually(lambda: told(mirror) == [("silent", 1)])
        for _ in range(9):
            await asyncio.sleep(1)
            made.record(Emit(NODE, "NodeNotReady", "silent", "Warning"))
        await eventually(lambda: told(mirror) == [("silent", 10)], within_s=20)
        (event,) = mirror.list(Event)
        assert event.metadata.namespace == "default"
        assert event.involved_object.kind == "Node"
        assert event.first_timestamp is not None
        assert event.last_timestamp is not None
        assert (event.last_timestamp - event.first_timestamp).total_seconds() > 8


@in_virtual_time
async def test_another_message_is_another_event() -> None:
    async with recorder() as (made, mirror, _):
        for message in ("one", "two"):
            made.record(Emit(NODE, "Reason", message))
        await eventually(lambda: sorted(told(mirror)) == [("one", 1), ("two", 1)])


@in_virtual_time
async def test_messages_that_differ_each_time_become_one_event_that_shows_the_newest() -> None:
    async with recorder() as (made, mirror, _):
        for number in range(DIFFERENT_MAX + 5):
            made.record(Emit(NODE, "Reason", f"at {number}"))
            made.record(Emit(NODE, "Other", "else"))
            await asyncio.sleep(1)
        made.record(Emit(NODE, "Reason", "at 3"))
        own = [(f"at {number}", 2 if number == 3 else 1) for number in range(DIFFERENT_MAX)]
        wanted = [*own, ("(combined from similar events): at 14", 5), ("else", 15)]
        await eventually(lambda: sorted(told(mirror)) == sorted(wanted), within_s=30)
        await asyncio.sleep(QUIET_S + 1)
        made.record(Emit(NODE, "Reason", "anew"))
        await eventually(lambda: ("anew", 1) in told(mirror))


@in_virtual_time
async def test_what_a_node_tells_names_the_node() -> None:
    async with recorder() as (made, mirror, _):
        made.record(Emit(pod("p"), "Started", "m", node="n-1"))
        (event,) = await eventually(lambda: mirror.list(Event, "default"))
        assert (event.source.component, event.source.host) == ("setpoint-node-agent", "n-1")
        assert (event.reporting_component, event.reporting_instance) == ("setpoint-node-agent", "n-1")


@in_virtual_time
async def test_events_wait_for_the_store_and_are_not_lost() -> None:
    async with recorder() as (made, mirror, store):
        store.away = True
        made.record(Emit(NODE, "Reason", "later"))
        await asyncio.sleep(5)
        store.away = False
        await eventually(lambda: told(mirror) == [("later", 1)], within_s=60)


@in_virtual_time
async def test_too_many_are_dropped_and_counted_and_nobody_waits() -> None:
    async with recorder() as (made, _, store):
        store.away = True
        for number in range(SERIES_MAX + 50):
            made.record(Emit(NODE, f"Reason{number}", "message"))
        assert made.dropped == 50


@in_virtual_time
async def test_a_namespace_that_is_not_there_gets_none() -> None:
    async with recorder() as (made, mirror, _):
        made.record(Emit(pod("p").model_copy(update={"metadata": ObjectMeta(name="p", namespace="gone")}), "R", "m"))
        await asyncio.sleep(5)
        assert told(mirror) == []
