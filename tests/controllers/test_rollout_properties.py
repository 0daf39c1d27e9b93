"""Deployments under arbitrary interleavings: bounds are kept at every write, and all comes to rest where it should."""

from __future__ import annotations

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import invariant, precondition, rule

from control_plane.controllers.pods import is_active, is_ready
from control_plane.controllers.revisions import same_template
from control_plane.controllers.scaling import Bounds, bounds
from control_plane.controllers.taints import Verdict, verdict
from control_plane.plan import Action, Create, Delete
from proto.objects.apps import Deployment, ReplicaSet
from proto.objects.core import Node
from proto.objects.meta import evolve
from proto.objects.pod import Pod
from tests.controllers.builders import deployment, namespace, template
from tests.controllers.interleaving import VERSIONS, Interleaved
from tests.controllers.nodes import Machines
from tests.controllers.world import World

NODES = ("n1", "n2", "n3", "n4")


class Rollouts(Interleaved):
    """People, broken versions, a lagging mirror and crashing controllers around one Deployment."""

    def __init__(self) -> None:
        super().__init__()
        self.world = World(namespace())
        self.machines = Machines(self.world, *NODES)
        self.world.put(deployment(6, surge=2, unavailable=1))
        self.world.settle(self.machines.work)
        self.faults = 0
        self.limits: list[Bounds] = []
        self.before = 0
        self._at_rest()
        self.world.on_action = self._check

    # What must hold

    def _check(self, action: Action) -> None:
        """Right after each write of a controller."""
        active = [pod for pod in self.world.all(Pod) if is_active(pod)]
        ready = sum(map(is_ready, active))
        if isinstance(action, Create) and isinstance(action.object, Pod):
            ceiling = max(limits.ceiling for limits in self.limits)
            assert len(active) <= ceiling, f"{len(active)} pods, at most {ceiling} allowed"
        if isinstance(action, Delete) and action.reason == "replica_surplus" and ready < self.before:
            floor = min(limits.floor for limits in self.limits) - self.faults
            assert ready >= floor, f"{ready} pods available, at least {floor} wanted"
        self.before = ready

    @invariant()
    def pods_have_one_name_each(self) -> None:
        names = [pod.metadata.name for pod in self.world.all(Pod)]
        assert len(set(names)) == len(names)

    def teardown(self) -> None:
        """Once people and faults stop, exactly what is wanted runs, and nobody has anything left to do."""
        self.machines.broken.clear()
        for name in NODES:
            self.machines.find(name)
        self.world.update(self._deployment, **{"spec.paused": False})
        self.world.restart()
        self._settle()
        wanted = self._deployment
        active = [pod for pod in self.world.all(Pod) if is_active(pod)]
        assert len(active) == wanted.spec.replicas
        assert all(map(is_ready, active))
        sets = {each.metadata.uid: each for each in self.world.all(ReplicaSet)}
        for pod in active:
            owner = pod.metadata.controller
            assert owner is not None
            assert same_template(sets[owner.uid].spec.template, wanted.spec.template)
        assert len(sets) <= wanted.spec.revision_history_limit + 1
        assert wanted.status.observed_generation == wanted.metadata.generation
        assert wanted.status.available_replicas == wanted.spec.replicas
        self.world.assert_fixpoint()

    # What people do

    @rule(replicas=st.integers(0, 8))
    def scale(self, replicas: int) -> None:
        self.world.update(self._deployment, **{"spec.replicas": replicas})
        self.limits.append(bounds(self._deployment.spec))

    @rule(version=st.sampled_from(VERSIONS))
    def change_the_template_or_go_back(self, version: str) -> None:
        self.world.update(self._deployment, **{"spec.template": template(version)})

    @rule(paused=st.booleans())
    def pause_or_resume(self, paused: bool) -> None:
        self.world.update(self._deployment, **{"spec.paused": paused})

    # Who acts when

    @rule(changes=st.integers(1, 5))
    def the_mirror_catches_up_a_little(self, changes: int) -> None:
        self.world.catch_up(changes)

    @rule(times=st.integers(1, 6))
    def nodes_work(self, times: int) -> None:
        for _ in range(times):
            self.machines.work()
        self.before = self._ready()

    @precondition(lambda self: not self.machines.broken)
    @rule()
    def all_comes_to_rest(self) -> None:
        self._settle()
        if not self._deployment.spec.paused and all(verdict(each) is Verdict.READY for each in self.world.all(Node)):
            self._at_rest()

    # How

    @property
    def _deployment(self) -> Deployment:
        found = self.world.truth.get(Deployment, "default", "web")
        assert found is not None
        return found

    def _ready(self) -> int:
        return sum(is_active(pod) and is_ready(pod) for pod in self.world.all(Pod))

    def _settle(self) -> None:
        for _ in range(3):
            self.world.settle(self.machines.work)
            self.world.advance(15)
        self.world.settle(self.machines.work)

    def _at_rest(self) -> None:
        """What was broken or changed before counts no more."""
        self.faults = 0
        self.limits = [bounds(self._deployment.spec)]
        self.before = self._ready()


class FaultyRollouts(Rollouts):
    """The same, with pods and nodes that fail: what a fault took may be missing below the floor."""

    @rule(number=st.integers(0, 20))
    def delete_a_pod(self, number: int) -> None:
        if pods := self.world.all(Pod):
            self.faults += 1
            self.world.delete(pods[number % len(pods)])

    @rule(number=st.integers(0, 20), phase=st.sampled_from(("Running", "Failed")))
    def a_pod_fails(self, number: int, phase: str) -> None:
        if running := [pod for pod in self.world.all(Pod) if is_ready(pod)]:
            self.faults += 1
            self.machines.set_ready(running[number % len(running)], "False", phase)

    @rule(name=st.sampled_from(NODES))
    def a_node_is_lost(self, name: str) -> None:
        lost = sum(pod.spec.node_name == name for pod in self.world.all(Pod))
        self.faults += lost
        self.machines.lose(name)

    @rule(name=st.sampled_from(NODES))
    def a_node_is_back(self, name: str) -> None:
        self.machines.find(name)


_SETTINGS = settings(max_examples=80, stateful_step_count=50, deadline=None, suppress_health_check=list(HealthCheck))
Rollouts.TestCase.settings = FaultyRollouts.TestCase.settings = _SETTINGS
TestRollouts = Rollouts.TestCase
TestFaultyRollouts = FaultyRollouts.TestCase


def test_a_template_that_never_gets_ready_leaves_the_old_pods_alone() -> None:
    world = World(namespace())
    machines = Machines(world, *NODES)
    machines.broken.add("v2")
    world.put(deployment(4, surge=1, unavailable=1))
    world.settle(machines.work)
    world.update(world.all(Deployment)[0], **{"spec.template": template("v2")})
    world.settle(machines.work)
    assert sum(map(is_ready, world.all(Pod))) == 3
    assert len(world.all(Pod)) == 5


def test_a_lagging_mirror_makes_no_doubles() -> None:
    world = World(namespace())
    world.put(deployment(3))
    world.settle()
    before = {pod.metadata.uid for pod in world.all(Pod)}
    # Somebody who still sees no pod at all plans the very same creations.
    blind = World(namespace())
    for replica_set in world.all(ReplicaSet):
        blind.put(evolve(replica_set, **{"status.next_slot": None}))
    blind.catch_up()
    for work in list(blind.waiting):
        world.perform(blind.plan(work), work)
    assert {pod.metadata.uid for pod in world.all(Pod)} == before
    assert len(before) == 3
