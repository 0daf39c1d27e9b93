"""StatefulSets under arbitrary interleavings: one pod an ordinal, in order, and all comes to rest where it should."""

from __future__ import annotations

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import initialize, invariant, precondition, rule

from control_plane.controllers import ordered_pods
from control_plane.controllers.pods import REMADE_AFTER_S, is_active
from control_plane.controllers.taints import OUT_OF_SERVICE, Verdict, verdict
from control_plane.plan import Action, Create, Delete
from proto.objects.controller_revision import ControllerRevision
from proto.objects.core import Node, Taint
from proto.objects.meta import evolve
from proto.objects.pod import Pod
from proto.objects.stateful_set import (
    RollingUpdateStatefulSetStrategy,
    StatefulSet,
    StatefulSetStatus,
    StatefulSetUpdateStrategy,
)
from tests.controllers.builders import namespace, node, template
from tests.controllers.interleaving import VERSIONS, Interleaved
from tests.controllers.nodes import Machines
from tests.controllers.stateful_sets import stateful_set
from tests.controllers.world import World

NODES = ("n1", "n2", "n3")
REPLICAS_MAX = 5
FENCED_S = 20
"""Longer than any lease: what a node stops by itself has stopped."""


class StatefulSets(Interleaved):
    """People, broken versions, lost nodes, a lagging mirror and crashing controllers around one StatefulSet.

    `processes` are what really runs, (pod, node) by uid: a lost node goes on running what it ran, whatever becomes of
    the objects, until it fences itself or is dead. `disturbed` are pods that others than the controller disturbed.
    """

    @initialize(policy=st.sampled_from(("OrderedReady", "Parallel")), unavailable=st.sampled_from((None, 2)))
    def begin(self, policy: str, unavailable: int | None) -> None:
        rolling = RollingUpdateStatefulSetStrategy(max_unavailable=unavailable)
        self.world = World(namespace())
        self.machines = Machines(self.world, *NODES)
        self.processes: dict[str, tuple[str, str]] = {}
        self.disturbed: set[str] = set()
        self.proven: set[str] = set()
        self.world.put(
            stateful_set(
                4,
                status=StatefulSetStatus(),
                **{
                    "spec.pod_management_policy": policy,
                    "spec.update_strategy": StatefulSetUpdateStrategy(rolling_update=rolling),
                },
            )
        )
        self.all_comes_to_rest()
        self.world.on_action = self._check

    # What must hold

    def _check(self, action: Action) -> None:
        """Right after each write of a controller."""
        if isinstance(action, Create) and isinstance(action.object, Pod):
            name = action.object.metadata.name
            assert name not in self._running, f"{name} is made while it still runs"
            self._check_order(action)
        if isinstance(action, Delete) and action.reason in ("replica_surplus", "outdated_revision"):
            self._check_order(action)
        if isinstance(action, Delete) and action.reason == "outdated_revision":
            there = {pod.metadata.name for pod in self.world.all(Pod) if _serves(pod)}
            missing = (self._wanted(self._owner) & self.proven) - there - self.disturbed
            assert len(missing) <= ordered_pods.max_unavailable(self._owner), f"unavailable by our own doing: {missing}"

    def _check_order(self, action: Action) -> None:
        """By what the controller saw: it cannot know better."""
        owner = self.world.seen.get(StatefulSet, "default", "db")
        assert owner is not None
        seen = {pod.metadata.name: pod for pod in self.world.seen.list(Pod)}
        serving = {name for name, pod in seen.items() if _serves(pod)}
        wanted, number = self._wanted(owner), int(action.object.metadata.name.rpartition("-")[2])
        in_order = owner.spec.pod_management_policy == "OrderedReady"
        if isinstance(action, Create) and in_order:
            assert {name for name in wanted if name < action.object.metadata.name} <= serving
        if action.reason == "replica_surplus" and in_order:
            assert wanted <= serving
            assert action.object.metadata.name == max(seen)
        if action.reason == "outdated_revision" and action.object.metadata.name in serving:
            above = {name for name in wanted if name > f"db-{number}"}
            updated = {
                name
                for name in above & serving
                if ordered_pods.revision_name(seen[name]) == owner.status.update_revision
            }
            assert len(above - updated) < ordered_pods.max_unavailable(owner), f"db-{number} before {above - updated}"

    @invariant()
    def a_pod_runs_once(self) -> None:
        assert len(set(self._running)) == len(self._running), f"twice: {self._running}"

    def teardown(self) -> None:
        """Once people and faults stop, exactly what is wanted runs, and nobody has anything left to do."""
        self.machines.broken.clear()
        self.world.restart()
        self._settle()
        for name in NODES:
            self._bring_back(name)
        self.world.advance(REMADE_AFTER_S)
        self._settle()
        self._assert_right()
        self.world.assert_fixpoint()

    def _assert_right(self) -> None:
        owner = self._owner
        pods = {pod.metadata.name: pod for pod in self.world.all(Pod) if is_active(pod)}
        assert set(pods) == self._wanted(owner)
        assert all(map(_serves, pods.values()))
        assert set(self._running) == set(pods)
        partition = self._partition
        for number in range(partition, owner.spec.replicas):
            assert pods[f"db-{number}"].spec.containers == owner.spec.template.spec.containers
        assert owner.status.ready_replicas == owner.status.replicas == owner.spec.replicas
        if not partition:
            assert owner.status.current_revision == owner.status.update_revision
        assert len(self.world.all(ControllerRevision)) <= len(VERSIONS)

    # What people do

    @rule(replicas=st.integers(0, REPLICAS_MAX))
    def scale(self, replicas: int) -> None:
        self.disturbed |= {f"db-{number}" for number in range(replicas, REPLICAS_MAX)}
        self.world.update(self._owner, **{"spec.replicas": replicas})

    @rule(version=st.sampled_from(VERSIONS))
    def change_the_template_or_go_back(self, version: str) -> None:
        self.world.update(self._owner, **{"spec.template": template(version)})

    @rule(partition=st.sampled_from((0, 0, 2)))
    def move_the_partition(self, partition: int) -> None:
        self.world.update(self._owner, **{"spec.update_strategy.rolling_update.partition": partition})

    @rule(number=st.integers(0, REPLICAS_MAX - 1))
    def a_person_deletes_a_pod(self, number: int) -> None:
        if (pod := self.world.truth.get(Pod, "default", f"db-{number}")) is not None:
            self.disturbed.add(pod.metadata.name)
            self.world.delete(pod)

    # What breaks

    @rule(number=st.integers(0, REPLICAS_MAX - 1))
    def a_pod_fails(self, number: int) -> None:
        pod = self.world.truth.get(Pod, "default", f"db-{number}")
        home = None if pod is None else self.world.truth.get(Node, "", pod.spec.node_name)
        if pod is not None and home is not None and verdict(home) is Verdict.READY and is_active(pod):
            self.disturbed.add(pod.metadata.name)
            self.processes.pop(pod.metadata.uid, None)
            self.world.put(evolve(pod, **{"status.phase": "Failed", "status.conditions": ()}))

    @rule(name=st.sampled_from(NODES))
    def a_node_is_lost(self, name: str) -> None:
        if self.world.truth.get(Node, "", name) is not None:
            self._disturb(name)
            self.machines.lose(name)

    @rule(name=st.sampled_from(NODES))
    def a_lost_node_fences_itself_and_the_hub_knows(self, name: str) -> None:
        if (lost := self._lost(name)) is not None:
            self._ends(name)
            self.world.put(evolve(lost, **{"status.since_grant_seconds": FENCED_S}))

    @rule(name=st.sampled_from(NODES))
    def a_lost_node_is_dead_and_declared_so(self, name: str) -> None:
        if (lost := self._lost(name)) is not None:
            self._ends(name)
            taint = Taint(key=OUT_OF_SERVICE, value="nodeshutdown", effect="NoExecute")
            self.world.put(evolve(lost, **{"spec.taints": (*lost.spec.taints, taint)}))

    @rule(name=st.sampled_from(NODES))
    def a_node_is_dead_and_removed(self, name: str) -> None:
        if (stored := self.world.truth.get(Node, "", name)) is not None:
            self._disturb(name)
            self._ends(name)
            self.world.remove(stored)

    @rule(name=st.sampled_from(NODES))
    def a_node_is_back(self, name: str) -> None:
        self._bring_back(name)

    # Who acts when

    @rule(times=st.integers(1, 6))
    def nodes_work(self, times: int) -> None:
        for _ in range(times):
            self._machines_work()

    @precondition(lambda self: not self.machines.broken and len(self.machines.healthy()) == len(NODES))
    @rule()
    def all_comes_to_rest(self) -> None:
        self.world.advance(REMADE_AFTER_S)
        self._settle()
        self._assert_right()
        self.proven, self.disturbed = set(self._running), set()

    # How

    @property
    def _owner(self) -> StatefulSet:
        (owner,) = self.world.all(StatefulSet)
        return owner

    @property
    def _partition(self) -> int:
        rolling = self._owner.spec.update_strategy.rolling_update
        return 0 if rolling is None else rolling.partition

    @property
    def _running(self) -> list[str]:
        return [name for name, _ in self.processes.values()]

    @staticmethod
    def _wanted(owner: StatefulSet) -> set[str]:
        return {f"db-{number}" for number in range(owner.spec.replicas)}

    def _lost(self, name: str) -> Node | None:
        stored = self.world.truth.get(Node, "", name)
        return stored if stored is not None and verdict(stored) is Verdict.LOST else None

    def _disturb(self, name: str) -> None:
        self.disturbed |= {pod.metadata.name for pod in self.world.all(Pod) if pod.spec.node_name == name}

    def _ends(self, name: str) -> None:
        """Everything on that node."""
        self.processes = {uid: where for uid, where in self.processes.items() if where[1] != name}

    def _bring_back(self, name: str) -> None:
        stored = self.world.truth.get(Node, "", name)
        if stored is None:
            # Who removes a node vouches for its pods; so it does not come back before they are gone.
            if not any(pod.spec.node_name == name for pod in self.world.all(Pod)):
                self.world.put(node(name))
            return
        kept = tuple(taint for taint in stored.spec.taints if taint.key != OUT_OF_SERVICE)
        if kept != stored.spec.taints or stored.status.since_grant_seconds is not None:
            self.world.put(evolve(stored, **{"spec.taints": kept, "status.since_grant_seconds": None}))
        self.machines.find(name)

    def _machines_work(self) -> bool:
        """A piece of work; machines that are heard run what is theirs, and nothing else."""
        done = self.machines.work()
        ready = {each.metadata.name for each in self.world.all(Node) if verdict(each) is Verdict.READY}
        pods = {pod.metadata.uid: pod for pod in self.world.all(Pod) if pod.status.phase == "Running"}
        lost = {uid: where for uid, where in self.processes.items() if where[1] not in ready}
        started = {
            uid: (pod.metadata.name, pod.spec.node_name) for uid, pod in pods.items() if pod.spec.node_name in ready
        }
        self.processes = lost | started
        return done

    def _settle(self) -> None:
        self.world.settle(self._machines_work)


def _serves(pod: Pod) -> bool:
    return ordered_pods.runs_ready(pod) and not pod.deleting


TestStatefulSets = StatefulSets.TestCase
TestStatefulSets.settings = settings(
    max_examples=80, stateful_step_count=50, deadline=None, suppress_health_check=list(HealthCheck)
)
