"""A collection pass: it finds what the loops would remove, all that follows from it, and nothing else."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from control_plane.garbage import CollectionPass, Retention, collectors
from control_plane.plan import Controller
from control_plane.store.mirror import Mirror
from proto.objects.batch import Job
from proto.objects.core import ConfigMap, Event
from proto.objects.meta import Condition, Object, ObjectMeta, evolve
from proto.objects.pod import Pod
from tests.controllers import daemon_sets, stateful_sets
from tests.controllers.builders import NOW, ago, deployment, ending, namespace, node, owned_by, replica_set
from tests.controllers.daemon_sets import daemon_set
from tests.controllers.jobs import TEMPLATE, cron_job, job
from tests.controllers.stateful_sets import stateful_set
from tests.controllers.world import World

KEPT = Retention(finished_pods=1, events=timedelta(minutes=10))


def found(*objects: Object, kept: Retention = KEPT) -> list[tuple[str, str]]:
    """(name, reason) of all garbage among the objects."""
    collection = CollectionPass(Mirror.of(*objects), NOW, kept)
    for _ in collection.steps():
        pass
    return [(delete.object.metadata.name, delete.reason) for delete in collection.found.values()]


def thing(name: str, *owners: Object, finalizers: tuple[str, ...] = ()) -> ConfigMap:
    refs = tuple(owner.owner_reference(controller=False) for owner in owners)
    meta = ObjectMeta(
        name=name, namespace="default", uid=f"uid-{name}", owner_references=refs, finalizers=finalizers,
        creation_timestamp=ago(60),
    )  # fmt: skip
    return ConfigMap(metadata=meta)


def a_pod(name: str, phase: str = "Succeeded", bound_to: str = "", age_s: float = 60) -> Pod:
    meta = ObjectMeta(name=name, namespace="default", uid=f"uid-{name}", creation_timestamp=ago(age_s))
    return evolve(Pod(metadata=meta, spec=TEMPLATE.spec), **{"spec.node_name": bound_to, "status.phase": phase})


def an_event(name: str, age_s: float) -> Event:
    return Event(metadata=ObjectMeta(name=name, namespace="default", uid=f"uid-{name}"), last_timestamp=ago(age_s))


def finished(wanted: Job, age_s: float, name: str = "work", condition: str = "Complete") -> Job:
    told = Condition(type=condition, status="True", last_transition_time=ago(age_s))
    changes: dict[str, Any] = {"metadata.name": name, "metadata.uid": f"uid-{name}", "status.conditions": (told,)}
    return evolve(wanted, **changes)


def former_replica_set(owner: Object, version: str, number: int) -> Object:
    return replica_set(version, 0, owner=owner, revision=number)


GONE = thing("gone")
OLD_JOB = finished(job(ttl_seconds_after_finished=30), age_s=31)
TICK = cron_job(**{"spec.suspend": True, "spec.successful_jobs_history_limit": 1})
TICKS = [owned_by(finished(job(), 10, f"tick-{n}"), TICK.owner_reference()) for n in range(3)]


@pytest.mark.parametrize(
    ("objects", "garbage"),
    [
        pytest.param((thing("a"), thing("b", thing("a"))), [], id="nothing"),
        pytest.param((thing("a", GONE),), [("a", "owners_gone")], id="without its owner"),
        pytest.param(
            (thing("c", thing("b")), thing("b", thing("a")), thing("a", GONE)),
            [("a", "owners_gone"), ("b", "owners_gone"), ("c", "owners_gone")],
            id="and what it owned, owners first",
        ),
        pytest.param(
            (thing("a", GONE, finalizers=("acme.com/hold",)), thing("b", thing("a"))),
            [("a", "owners_gone")],
            id="what others hold still owns",
        ),
        pytest.param(
            (thing("a", GONE, finalizers=("orphan",)), thing("b", thing("a"))),
            [("a", "owners_gone")],
            id="what is to free its dependents does not take them along",
        ),
        pytest.param((thing("a", thing("b")), thing("b", thing("a"))), [], id="a cycle lives on"),
        pytest.param(
            (OLD_JOB, owned_by(a_pod("p", "Running"), OLD_JOB.owner_reference())),
            [("work", "ttl_after_finished"), ("p", "owners_gone")],
            id="a Job after its time, with its pods",
        ),
        pytest.param((finished(job(ttl_seconds_after_finished=30), 29),), [], id="a Job before its time"),
        pytest.param((TICK, *TICKS), [("tick-0", "history_limit"), ("tick-1", "history_limit")], id="old ticks"),
        pytest.param(
            (namespace(), *(a_pod(f"p{n}", age_s=n) for n in range(3)), a_pod("q", "Running")),
            [("p2", "finished_over_threshold"), ("p1", "finished_over_threshold")],
            id="finished pods over the threshold, the oldest",
        ),
        pytest.param((a_pod("p", "Running", "n1"), a_pod("q", "Running", "n2"), node("n2")), [("p", "node_gone")],
                     id="pods of a node that is gone"),
        pytest.param((ending(a_pod("p", "Pending")),), [("p", "terminating_unbound")], id="ending without a node"),
        pytest.param((namespace(), an_event("e", 601), an_event("f", 599)), [("e", "event_expired")], id="old events"),
    ],
)  # fmt: skip
def test_what_is_found(objects: tuple[Object, ...], garbage: list[tuple[str, str]]) -> None:
    assert found(*objects) == garbage


def test_more_than_one_burst_is_found_in_one_pass() -> None:
    assert len(found(namespace(), *(a_pod(f"p{n}") for n in range(1_200)))) == 1_199
    assert len(found(namespace(), *(an_event(f"e{n}", 9_999) for n in range(1_200)))) == 1_200


def test_pods_that_finalizers_hold_are_found_once() -> None:
    held = [evolve(a_pod(f"p{n}"), **{"metadata.finalizers": ("acme.com/hold",)}) for n in range(1_200)]
    assert len(found(namespace(), *held)) == 1_199


def test_what_was_thought_away_is_still_there() -> None:
    world = Mirror.of(thing("a", GONE))
    list(CollectionPass(world, NOW).steps())
    assert [each.metadata.name for each in world.list(ConfigMap)] == ["a"]


LIMIT = {"spec.revision_history_limit": 1}


@pytest.mark.parametrize(
    ("owner", "make"),
    [
        pytest.param(deployment(0, version="v9", **LIMIT), former_replica_set, id="of a Deployment"),
        pytest.param(stateful_set(0, "v9", **LIMIT), stateful_sets.revision, id="of a StatefulSet"),
        pytest.param(daemon_set("v9", **LIMIT), daemon_sets.revision, id="of a DaemonSet"),
    ],
)
def test_old_revisions_are_found(owner: Object, make: Callable[[Any, str, int], Object]) -> None:
    """Of three that are of no use the youngest is kept."""
    revisions = [make(owner, f"v{number}", number) for number in (1, 2, 3, 9)]
    garbage = [(revisions[number].metadata.name, "revision_history_limit") for number in (0, 1)]
    assert found(namespace(), owner, *revisions) == garbage


THINGS = st.lists(st.lists(st.integers(0, 9), max_size=2, unique=True), min_size=1, max_size=10)


@settings(max_examples=150, deadline=None)
@given(owners=THINGS, gone=st.sets(st.integers(0, 9)), held=st.sets(st.integers(0, 9)))
def test_a_pass_finds_what_the_loops_would_remove(owners: list[list[int]], gone: set[int], held: set[int]) -> None:
    """Whatever owns what (in circles, too), and whatever is gone or held: both come to the same."""
    known = [thing(f"t{number}") for number in range(10)]
    objects = [
        thing(f"t{number}", *(known[owner] for owner in of),
              finalizers=("acme.com/hold",) if number in held else ())
        for number, of in enumerate(owners)
        if number not in gone
    ]  # fmt: skip
    loops: tuple[Controller[Any], ...] = collectors(KEPT)
    world = World(namespace(), *objects, controllers=loops)
    world.settle()
    left = {each.metadata.name for each in world.all(ConfigMap) if not each.deleting}
    garbage = {name for name, _ in found(namespace(), *objects)}
    assert garbage == {each.metadata.name for each in objects} - left
