"""Owner references: what goes when its owners go, in which order, and what survives."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from control_plane.controllers.owner_gc import FOREGROUND, ORPHAN, OwnerGarbageController
from control_plane.plan import Emit, Key, Plan
from control_plane.store import lifecycle
from proto.objects.core import ConfigMap, Node
from proto.objects.meta import Object, ObjectMeta, OwnerReference, evolve
from tests.controllers.builders import acts, ending, namespace, node, owned_by, plan_for
from tests.controllers.world import World

CONTROLLER = OwnerGarbageController()


def thing(name: str, *owners: Object, home: str = "default") -> ConfigMap:
    refs = tuple(owner.owner_reference(controller=False) for owner in owners)
    return ConfigMap(metadata=ObjectMeta(name=name, namespace=home, uid=f"uid-{name}", owner_references=refs))


def judged(obj: Object, *others: Object) -> Plan:
    return plan_for(CONTROLLER, obj, *others, key=Key("", obj.metadata.uid))


def finalized(obj: Object, *finalizers: str) -> Object:
    return evolve(ending(obj, 0), **{"metadata.finalizers": finalizers})


A, B = thing("a"), thing("b")
FOREIGN = thing("a", home="elsewhere")
UNKNOWN = OwnerReference(api_version="acme.com/v1", kind="Rocket", name="r", uid="uid-r")


@pytest.mark.parametrize(
    ("dependent", "others", "actions"),
    [
        pytest.param(thing("c"), (), [], id="without owners it stays"),
        pytest.param(thing("c", A), (A,), [], id="with its owner it stays"),
        pytest.param(thing("c", A), (), [("Delete", "c", "owners_gone")], id="without it, it goes"),
        pytest.param(thing("c", A, B), (B,), [("Update", "c", "owner_gone")], id="with one of two it drops the other"),
        pytest.param(thing("c", A, B), (), [("Delete", "c", "owners_gone")], id="without both it goes"),
        pytest.param(thing("c", A), (evolve(A, **{"metadata.uid": "uid-other"}),), [("Delete", "c", "owners_gone")],
                     id="another object under the owner's name is not the owner"),
        pytest.param(thing("c", A), (FOREIGN,), [("Delete", "c", "owners_gone")], id="an owner elsewhere is none"),
        pytest.param(thing("c", node("n1")), (node("n1"),), [], id="a node may own things in any namespace"),
        pytest.param(owned_by(thing("c"), UNKNOWN), (), [], id="an owner that cannot be judged keeps it"),
        pytest.param(owned_by(node("n1"), A.owner_reference()), (), [], id="as one in a namespace keeps a node"),
        pytest.param(ending(thing("c", A)), (), [], id="what is going already is left alone"),
        pytest.param(thing("c", A), (finalized(A, FOREGROUND),), [("Delete", "c", "owners_gone")],
                     id="an owner that waits for it lets it go"),
        pytest.param(thing("c", A, B), (finalized(A, FOREGROUND), B), [("Update", "c", "owner_gone")],
                     id="but not if another owner stays"),
        pytest.param(thing("c", A), (ending(A),), [], id="an owner that merely ends still counts"),
    ],
)  # fmt: skip
def test_as_a_dependent(dependent: Object, others: tuple[Object, ...], actions: list[tuple[str, str, str]]) -> None:
    assert acts(judged(dependent, *others)) == actions


def test_a_refused_owner_is_told() -> None:
    (event,) = (a for a in judged(thing("c", A), FOREIGN).actions if isinstance(a, Emit))
    assert event.reason == "OwnerRefInvalidNamespace"
    assert event.message == 'ownerRef [v1/ConfigMap, name: a, uid: uid-a] does not exist in namespace "default"'


@pytest.mark.parametrize(
    ("owner", "dependents", "actions"),
    [
        pytest.param(finalized(A, FOREGROUND), (thing("c", A),), [], id="foreground waits for what blocks"),
        pytest.param(finalized(A, FOREGROUND), (), [("Update", "a", "dependents_gone")], id="then goes"),
        pytest.param(
            finalized(A, FOREGROUND),
            (owned_by(thing("c"), evolve(A.owner_reference(), block_owner_deletion=None)),),
            [("Update", "a", "dependents_gone")], id="it does not wait for what does not block",
        ),
        pytest.param(finalized(A, ORPHAN), (thing("c", A, B),), [("Update", "c", "orphaned")], id="orphan frees them"),
        pytest.param(finalized(A, ORPHAN), (), [("Update", "a", "dependents_orphaned")], id="then goes"),
        pytest.param(finalized(A, "acme.com/hold"), (thing("c", A),), [], id="other finalizers are not ours"),
        pytest.param(finalized(owned_by(A, A.owner_reference()), FOREGROUND), (), [("Update", "a", "dependents_gone")],
                     id="what owns itself does not wait for itself"),
    ],
)  # fmt: skip
def test_as_an_owner_that_is_being_deleted(
    owner: Object, dependents: tuple[Object, ...], actions: list[tuple[str, str, str]]
) -> None:
    assert acts(judged(owner, *dependents)) == actions


def test_orphaning_keeps_other_owners_and_goes_in_bursts() -> None:
    (update,) = judged(finalized(A, ORPHAN), thing("c", A, B)).actions
    assert [ref.name for ref in update.object.metadata.owner_references] == ["b"]
    flood = judged(finalized(A, ORPHAN), *(thing(f"c{number}", A) for number in range(600)))
    assert len(flood.actions) == 500
    assert flood.requeue_after_s == 0


def tree() -> World:
    """a owns b, b owns c; d is owned by b and by e."""
    a = thing("a")
    b = thing("b", a)
    e = thing("e")
    return World(namespace(), a, b, e, thing("c", b), thing("d", b, e), controllers=(CONTROLLER,))


def names(world: World) -> set[str]:
    return {each.metadata.name for each in world.all(ConfigMap)}


@pytest.mark.parametrize(
    ("propagation", "left"),
    [
        pytest.param("Background", {"d", "e"}, id="in the background all that is only its own goes"),
        pytest.param("Foreground", {"d", "e"}, id="in the foreground too"),
        pytest.param("Orphan", {"b", "c", "d", "e"}, id="orphaned, all stays"),
    ],
)
def test_propagation(propagation: str, left: set[str]) -> None:
    world = tree()
    world.settle()
    world.delete(thing("a"), propagation=propagation)
    world.settle()
    assert names(world) == left
    world.assert_fixpoint()


def test_foreground_goes_from_the_leaves_to_the_root() -> None:
    world = tree()
    world.settle()
    order: list[str] = []
    before = names(world)
    world.delete(thing("a"), propagation="Foreground")

    def note(action: object) -> None:
        nonlocal before
        order.extend(sorted(before - names(world)))
        before = names(world)

    world.on_action = note
    world.settle()
    assert order == ["c", "b", "a"]


@pytest.mark.parametrize("propagation", ["Background", "Foreground", "Orphan"])
@pytest.mark.parametrize("size", [1, 2, 3])
def test_cycles_survive_until_one_is_deleted_and_then_end(propagation: str, size: int) -> None:
    ring = [thing(f"r{number}") for number in range(size)]
    linked = [owned_by(each, ring[number - 1].owner_reference()) for number, each in enumerate(ring)]
    world = World(namespace(), controllers=(CONTROLLER,))
    for each in linked:
        world.put(each)
    world.settle()
    assert len(names(world)) == size
    world.delete(ring[0], propagation=propagation)
    world.settle()
    assert len(names(world)) == (size - 1 if propagation == "Orphan" else 0)


def test_a_nodes_things_go_with_it() -> None:
    world = World(namespace("kube-node-lease"), node("n1"), controllers=(CONTROLLER,))
    world.put(thing("lease", node("n1"), home="kube-node-lease"))
    world.settle()
    world.delete(node("n1"))
    world.settle()
    assert world.all(Node) == []
    assert names(world) == set()


@settings(max_examples=80, deadline=None)
@given(
    owners=st.lists(st.sets(st.integers(0, 5), max_size=2), min_size=6, max_size=6),
    deletions=st.lists(
        st.tuples(st.integers(0, 5), st.sampled_from(("Background", "Foreground", "Orphan"))), max_size=4
    ),
    crashes=st.lists(st.integers(0, 2), max_size=20),
)
def test_whatever_is_deleted_and_however_nothing_is_left_hanging(
    owners: list[set[int]], deletions: list[tuple[int, str]], crashes: list[int]
) -> None:
    """Afterwards every reference points at something that is there, and nobody waits for ever."""
    all_things = [thing(f"t{number}") for number in range(6)]
    world = World(namespace(), controllers=(CONTROLLER,))
    for number, each in enumerate(all_things):
        # Owners are made before their dependents, as uids are known only then.
        world.put(
            owned_by(each, *(all_things[o].owner_reference(controller=False) for o in owners[number] if o < number))
        )
    for number, propagation in deletions:
        if world.truth.get(ConfigMap, "default", f"t{number}") is not None:
            world.delete(all_things[number], propagation=propagation)
        for crash in crashes[:5]:
            world.catch_up()
            world.step(crash_after=crash)
    world.settle()
    left = {each.metadata.uid for each in world.all(ConfigMap)}
    for each in world.all(ConfigMap):
        assert not each.deleting
        assert all(ref.uid in left for ref in each.metadata.owner_references)
    world.assert_fixpoint()


def test_a_reference_across_namespaces_costs_nobody_else_anything() -> None:
    """The owner lives elsewhere: whoever claims it from here goes, and is told why; what is really its own stays."""
    owner, own = thing("a", home="elsewhere"), thing("own", thing("a", home="elsewhere"), home="elsewhere")
    claiming = thing("claiming", owner)
    saved = thing("saved", owner, B)
    world = World(
        namespace(), namespace("elsewhere"), owner, own, B, claiming, saved, controllers=(CONTROLLER,)
    )  # fmt: skip
    world.settle()
    assert names(world) == {"a", "own", "b", "saved"}
    told = {event.object.metadata.name for event in world.events if event.reason == "OwnerRefInvalidNamespace"}
    assert told == {"claiming", "saved"}
    (kept,) = (each for each in world.all(ConfigMap) if each.metadata.name == "saved")
    assert [ref.name for ref in kept.metadata.owner_references] == ["b"]
    world.assert_fixpoint()


@pytest.mark.parametrize(
    ("propagation", "while_held"),
    [
        pytest.param("Background", {"a", "b"}, id="in the background its dependents stay while it does"),
        pytest.param("Foreground", {"a"}, id="in the foreground they go before it"),
        pytest.param("Orphan", {"a", "b"}, id="orphaned they stay for good"),
    ],
)
def test_a_finalizer_holds_its_object_until_it_is_taken_off(propagation: str, while_held: set[str]) -> None:
    held = evolve(thing("a"), **{"metadata.finalizers": ("acme.com/hold",)})
    world = World(namespace(), held, thing("b", held), controllers=(CONTROLLER,))
    world.settle()
    world.delete(held, propagation=propagation)
    world.settle()
    assert names(world) == while_held
    (stored,) = (each for each in world.all(ConfigMap) if each.metadata.name == "a")
    assert (stored.deleting, stored.metadata.finalizers) == (True, ("acme.com/hold",))
    released = evolve(stored, **{"metadata.finalizers": ()})
    assert lifecycle.may_be_removed(released)
    world.remove(released)
    world.settle()
    assert names(world) == ({"b"} if propagation == "Orphan" else set())
    world.assert_fixpoint()
