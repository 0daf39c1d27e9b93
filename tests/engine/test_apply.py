"""Applying plans: each action once, in order, against what was seen; and what becomes of failures."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest

from control_plane.engine.apply import Applier, Outcome, Verdict
from control_plane.plan import Action, Create, Delete, Emit, Plan, SetStatus, Update
from control_plane.store.memory import MemoryStore
from control_plane.store.mirror import Mirror
from proto.objects.apps import ReplicaSet, ReplicaSetSpec
from proto.objects.core import ConfigMap, Namespace
from proto.objects.meta import Object, ObjectMeta, OwnerReference, evolve
from proto.objects.pod import Pod
from tests.engine.replicas import Ground
from tests.hub.scene import pod
from tests.virtual import in_virtual_time


@dataclass
class Bench:
    """An applier on a store in memory, with a mirror that follows."""

    ground: Ground
    store: MemoryStore
    mirror: Mirror
    events: list[Emit] = field(default_factory=list)

    def __post_init__(self) -> None:
        ground = self.ground
        self.applier = Applier(self.store, self.mirror, ground.clock, ground.ids, self.events.append)

    async def perform(self, *actions: Action) -> Outcome:
        """Apply a plan, and let the mirror see it."""
        outcome = await self.applier.perform(Plan(actions))
        await self.mirror.wait_for(self.ground.server.revision, 5.0)
        return outcome

    def get(self, seen: Object) -> Object:
        found = self.mirror.get(type(seen), *seen.key)
        assert found is not None, f"no {seen.key}"
        return found


@asynccontextmanager
async def bench() -> AsyncIterator[Bench]:
    ground = Ground()
    store = MemoryStore(ground.server)
    mirror = Mirror(store, clock=ground.clock)
    following = asyncio.create_task(mirror.run())
    await ground.create(Namespace(metadata=ObjectMeta(name="default")), replica_set())
    await mirror.wait_for(ground.server.revision, 5.0)
    yield Bench(ground, store, mirror)
    await store.close()
    await following


def replica_set() -> ReplicaSet:
    return ReplicaSet(metadata=ObjectMeta(name="rs", namespace="default"), spec=ReplicaSetSpec(replicas=2))


def owned_by(name: str, uid: str) -> Pod:
    owner = OwnerReference(api_version="apps/v1", kind="ReplicaSet", name="rs", uid=uid, controller=True)
    return evolve(pod(name), **{"metadata.owner_references": (owner,)})


@in_virtual_time
async def test_a_creation_is_done_once_however_often_it_is_asked_for() -> None:
    async with bench() as on:
        create = Create(owned_by("p", "u"), "replica_missing")
        first = await on.perform(create)
        again = await on.perform(create, Emit(owned_by("p", "u"), "SuccessfulCreate", "made"))
        assert first.verdict is again.verdict is Verdict.DONE
        assert on.get(create.object).metadata.revision == first.revision
        assert [event.reason for event in on.events] == ["SuccessfulCreate"]


@pytest.mark.parametrize(
    ("namespace", "problem"),
    [("nowhere", "namespace nowhere does not exist"), ("default", "Pod p already exists and belongs to rs")],
    ids=["no namespace", "the name is another's"],
)
def test_a_creation_that_cannot_be_is_refused_and_ends_the_plan(namespace: str, problem: str) -> None:
    @in_virtual_time
    async def check() -> None:
        async with bench() as on:
            await on.perform(Create(owned_by("p", "someone"), "theirs"))
            wanted = evolve(owned_by("p", "us"), **{"metadata.namespace": namespace})
            outcome = await on.perform(Create(wanted, "ours"), Emit(wanted, "SuccessfulCreate", "made"))
            assert outcome.verdict is Verdict.REFUSED
            assert outcome.problem == problem
            assert on.events == []

    check()


@in_virtual_time
async def test_an_update_stands_on_what_was_seen() -> None:
    async with bench() as on:
        seen = on.get(replica_set())
        assert isinstance(seen, ReplicaSet)
        wider = evolve(seen, **{"spec.replicas": 5})
        assert (await on.perform(Update(wider, "scaled"))).verdict is Verdict.DONE
        late = await on.perform(Update(evolve(seen, **{"spec.replicas": 7}), "scaled"))
        assert late.verdict is Verdict.CONFLICT
        stored = on.get(seen)
        assert isinstance(stored, ReplicaSet)
        assert (stored.spec.replicas, stored.metadata.generation) == (5, 2)


@in_virtual_time
async def test_one_plan_may_write_spec_and_status_of_one_object() -> None:
    async with bench() as on:
        seen = on.get(replica_set())
        update = Update(evolve(seen, **{"metadata.annotations": {"a": "b"}}), "annotated")
        status = SetStatus(evolve(seen, **{"status.replicas": 3}), "counted")
        outcome = await on.perform(update, status)
        stored = on.get(seen)
        assert isinstance(stored, ReplicaSet)
        assert outcome.verdict is Verdict.DONE
        assert (stored.status.replicas, stored.metadata.annotations) == (3, {"a": "b"})
        assert stored.metadata.revision == outcome.revision


@in_virtual_time
async def test_the_last_finalizer_takes_the_object_with_it() -> None:
    async with bench() as on:
        held = ConfigMap(metadata=ObjectMeta(name="c", namespace="default", finalizers=("mine",)))
        await on.perform(Create(held, "made"))
        await on.perform(Delete(on.get(held), "over"))
        marked = on.get(held)
        assert marked.deleting
        await on.perform(Update(evolve(marked, **{"metadata.finalizers": ()}), "released"))
        assert on.mirror.get(ConfigMap, "default", "c") is None


@in_virtual_time
async def test_a_deletion_concerns_the_very_object_that_was_seen() -> None:
    async with bench() as on:
        await on.perform(Create(pod("p", "n1"), "made"))
        seen = on.get(pod("p"))
        other = evolve(seen, **{"metadata.uid": "another-life"})
        assert (await on.perform(Delete(other, "surplus"))).verdict is Verdict.DONE
        assert not on.get(seen).deleting
        await on.perform(Delete(seen, "surplus"))
        assert on.get(seen).deleting
        assert (await on.perform(Delete(seen, "surplus", at_revision=True))).verdict is Verdict.CONFLICT
        await on.perform(Delete(seen, "node_gone", force=True))
        assert on.mirror.get(Pod, "default", "p") is None
        assert (await on.perform(Delete(seen, "node_gone", force=True))).verdict is Verdict.DONE


@in_virtual_time
async def test_a_store_that_cannot_write_is_told_from_one_that_refuses() -> None:
    async with bench() as on:
        on.store.away = True
        assert (await on.applier.perform(Plan((Create(pod("p"), "made"),)))).verdict is Verdict.UNAVAILABLE
        on.store.away = False
        huge = evolve(pod("p"), **{"metadata.annotations": {"a": "x" * 2**21}})
        assert (await on.perform(Create(huge, "made"))).verdict is Verdict.REFUSED
