"""The mirror: indexes, events, and what it makes of gaps and resends."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from control_plane.store.history import KEPT_S
from control_plane.store.mirror import Mirror, MirrorEvent
from control_plane.store.port import Change
from proto import catalog
from proto.clock import SystemClock
from proto.errors import Expired
from proto.objects.core import ConfigMap, Namespace, Node
from proto.objects.meta import LabelSelector, LabelSelectorRequirement, Object, ObjectMeta, OwnerReference, evolve
from proto.objects.pod import Pod
from proto.selectors import matches

PODS = catalog.BY_KIND["Pod"]


def pod(name: str, *, uid: str = "", labels: dict[str, str] | None = None, node: str = "", owner: str = "") -> Pod:
    owners = (OwnerReference(api_version="apps/v1", kind="ReplicaSet", name="rs", uid=owner),) if owner else ()
    meta = ObjectMeta(
        name=name, namespace="default", uid=uid or f"u-{name}", labels=labels or {}, owner_references=owners
    )
    return evolve(Pod(metadata=meta), **{"spec.node_name": node})


def put(obj: Object, revision: int) -> Change:
    return Change("put", revision, evolve(obj, **{"metadata.resource_version": str(revision)}))


def delete(obj: Object, revision: int) -> Change:
    return Change("delete", revision, evolve(obj, **{"metadata.resource_version": str(revision)}))


def synced(revision: int) -> Change:
    return Change("synced", revision)


def names(objects: Any) -> list[str]:
    return [obj.metadata.name for obj in objects]


def watched(mirror: Mirror) -> list[tuple[str, str, int]]:
    """The (type, name, revision) of every event from now on."""
    events: list[tuple[str, str, int]] = []

    def note(event: MirrorEvent) -> None:
        assert event.object.metadata.resource_version == str(event.revision)
        events.append((event.type, event.object.metadata.name, event.revision))

    mirror.subscribe(note)
    return events


def test_it_answers_from_indexes() -> None:
    a = pod("a", labels={"app": "web", "tier": "x"}, node="n1", owner="rs-1")
    b = pod("b", labels={"app": "web"}, node="n2", owner="rs-1")
    mirror = Mirror.of(a, b, Node(metadata=ObjectMeta(name="n1", uid="u-n1")))
    assert names(mirror.list(Pod)) == ["a", "b"]
    assert names(mirror.list(Pod, "default")) == ["a", "b"]
    assert names(mirror.list(Pod, "other")) == []
    assert names(mirror.by_owner(Pod, "rs-1")) == ["a", "b"]
    assert names(mirror.by_node("n1")) == ["a"]
    assert names(mirror.by_selector(Pod, "default", LabelSelector(match_labels={"app": "web", "tier": "x"}))) == ["a"]
    assert mirror.by_uid("u-n1") is mirror.get(Node, "", "n1")
    assert mirror.get(Pod, "default", "c") is None


def test_a_change_moves_an_object_between_indexes() -> None:
    mirror = Mirror.of(pod("a", labels={"app": "web"}, owner="rs-1"))
    mirror.apply(put(pod("a", labels={"app": "db"}, node="n1"), 2))
    assert names(mirror.by_owner(Pod, "rs-1")) == []
    assert names(mirror.by_selector(Pod, "default", LabelSelector(match_labels={"app": "web"}))) == []
    assert names(mirror.by_selector(Pod, "default", LabelSelector(match_labels={"app": "db"}))) == ["a"]
    assert names(mirror.by_node("n1")) == ["a"]
    mirror.apply(delete(pod("a"), 3))
    assert names(mirror.list(Pod)) == names(mirror.by_node("n1")) == []
    assert mirror.by_uid("u-a") is None


LABELS = st.dictionaries(st.sampled_from("abc"), st.sampled_from("xyz"), max_size=3)
REQUIREMENTS = st.builds(
    LabelSelectorRequirement,
    key=st.sampled_from("abc"),
    operator=st.sampled_from(["In", "NotIn", "Exists", "DoesNotExist"]),
    values=st.lists(st.sampled_from("xyz"), min_size=1, max_size=2).map(tuple),
)


@given(
    st.lists(LABELS, max_size=8),
    st.builds(LabelSelector, match_labels=LABELS, match_expressions=st.lists(REQUIREMENTS, max_size=2).map(tuple)),
)
def test_a_selector_finds_what_a_walk_over_everything_finds(
    labelled: list[dict[str, str]], selector: LabelSelector
) -> None:
    pods = [pod(f"p{number}", labels=labels) for number, labels in enumerate(labelled)]
    found = names(Mirror.of(*pods).by_selector(Pod, "default", selector))
    assert sorted(found) == sorted(p.metadata.name for p in pods if matches(selector, p.metadata.labels))


def test_events_tell_old_and_new() -> None:
    mirror = Mirror.of()
    events: list[MirrorEvent] = []
    unsubscribe = mirror.subscribe(events.append)
    mirror.apply(put(pod("a"), 1))
    mirror.apply(put(pod("a", node="n1"), 2))
    mirror.apply(delete(pod("a", node="n1"), 3))
    unsubscribe()
    mirror.apply(put(pod("b"), 4))
    assert [event.type for event in events] == ["ADDED", "MODIFIED", "DELETED"]
    added, modified, deleted = events
    assert (added.old, modified.old, deleted.old) == (None, added.new, modified.new)
    assert (deleted.new, deleted.object.metadata.resource_version) == (None, "3")


def test_a_listener_hears_of_the_kinds_that_it_asked_for() -> None:
    mirror = Mirror.of()
    events: list[MirrorEvent] = []
    unsubscribe = mirror.subscribe(events.append, ("Node", "Pod"))
    mirror.apply(put(Namespace(metadata=ObjectMeta(name="a")), 1))
    mirror.apply(put(pod("a"), 2))
    unsubscribe()
    mirror.apply(put(pod("b"), 3))
    assert [event.object.key for event in events] == [("default", "a")]


def test_a_listener_that_raises_does_not_stop_the_others(caplog: pytest.LogCaptureFixture) -> None:
    mirror = Mirror.of()
    mirror.subscribe(lambda event: 1 / 0)  # type: ignore[arg-type, return-value]
    events = watched(mirror)
    mirror.apply(put(pod("a"), 1))
    assert events == [("ADDED", "a", 1)]
    assert "listener_raised" in caplog.text


def test_an_object_made_anew_in_a_gap_is_a_removal_and_an_addition() -> None:
    mirror = Mirror.of(pod("a", uid="first"))
    events = watched(mirror)
    mirror.apply(put(pod("a", uid="second"), 9))
    assert events == [("DELETED", "a", 8), ("ADDED", "a", 9)]
    assert mirror.by_uid("first") is None


def test_the_deletion_of_what_was_never_seen_is_no_event() -> None:
    mirror = Mirror.of()
    events = watched(mirror)
    mirror.apply(delete(pod("a"), 5))
    assert (events, mirror.revision) == ([], 5)


def test_a_resend_makes_events_of_differences_only() -> None:
    mirror = Mirror.of(pod("same"), pod("changed"), pod("gone"))
    events = watched(mirror)
    mirror.apply(Change("reset", 0))
    assert not mirror.synced
    for change in (put(pod("same"), 1), put(pod("changed", node="n1"), 7), put(pod("new"), 8), synced(9)):
        mirror.apply(change)
    assert events == [("MODIFIED", "changed", 7), ("ADDED", "new", 8), ("DELETED", "gone", 9)]
    assert mirror.synced
    assert mirror.revision == 9


def test_after_the_stream_was_replaced_old_revisions_are_expired() -> None:
    mirror = Mirror.of(*(pod(f"p{number}") for number in range(50)))
    mirror.apply(Change("reset", 0))
    with pytest.raises(Expired):
        mirror.events_since(50, PODS)
    mirror.apply(put(pod("p1"), 1))
    mirror.apply(synced(1))
    assert (mirror.revision, names(mirror.list(Pod))) == (1, ["p1"])
    with pytest.raises(Expired):
        mirror.events_since(50, PODS)
    assert mirror.events_since(1, PODS) == []


def test_a_watch_resumes_from_the_revisions_that_are_held() -> None:
    mirror = Mirror(history=3)
    mirror.apply(put(pod("loaded"), 10))
    mirror.apply(synced(10))
    with pytest.raises(Expired, match=r"too old resource version: 9 \(10\)"):
        mirror.events_since(9, PODS)
    for revision in range(11, 16):
        mirror.apply(put(pod(f"p{revision}"), revision))
    assert mirror.first_revision(PODS) == 12
    assert [event.revision for event in mirror.events_since(12, PODS)] == [13, 14, 15]
    assert [event.revision for event in mirror.events_since(14, PODS)] == [15]
    with pytest.raises(Expired):
        mirror.events_since(11, PODS)
    with pytest.raises(Expired, match="unknown resource version"):
        mirror.events_since(16, PODS)


def test_a_busy_kind_does_not_push_out_the_history_of_a_quiet_one() -> None:
    mirror = Mirror(history=3)
    mirror.apply(synced(0))
    mirror.apply(put(ConfigMap(metadata=ObjectMeta(name="c", namespace="default", uid="c")), 1))
    for revision in range(2, 20):
        mirror.apply(put(pod(f"p{revision}"), revision))
    assert [event.revision for event in mirror.events_since(0, catalog.BY_KIND["ConfigMap"])] == [1]


def test_old_events_are_forgotten() -> None:
    class SteppedClock(SystemClock):
        at_s = 0.0

        def monotonic_s(self) -> float:
            return self.at_s

    clock = SteppedClock()
    mirror = Mirror(clock=clock)
    mirror.apply(synced(0))
    mirror.apply(put(pod("a"), 1))
    clock.at_s = KEPT_S + 1
    mirror.apply(put(pod("b"), 2))
    assert mirror.first_revision(PODS) == 1
    assert [event.revision for event in mirror.events_since(1, PODS)] == [2]


async def test_one_can_wait_for_a_revision() -> None:
    mirror = Mirror.of(pod("a"))
    assert await mirror.wait_for(1, 0)
    assert not await mirror.wait_for(2, 0.01)
    waiting = [asyncio.create_task(mirror.wait_for(revision, 5)) for revision in (3, 2)]
    await asyncio.sleep(0)
    mirror.apply(put(pod("b"), 2))
    assert await waiting[1]
    assert not waiting[0].done()
    mirror.apply(put(pod("c"), 4))
    assert await waiting[0]
