"""StatefulSets under arbitrary interleavings: one pod an ordinal, in order, and all comes to rest where it should."""

from __future__ import annotations

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from control_plane.controllers import ordered_pods
from control_plane.controllers.pods import is_active
from control_plane.controllers.taints import Verdict, verdict
from control_plane.plan import Action, Create, Delete
from proto.objects.controller_revision import ControllerRevision
from proto.objects.core import Node
from proto.objects.meta import evolve
from proto.objects.pod import Pod
from proto.objects.stateful_set import (
    RollingUpdateStatefulSetStrategy,
    StatefulSet,
    StatefulSetStatus,
    StatefulSetUpdateStrategy,
)
from tests.controllers.builders import namespace, template
from tests.controllers.nodes import Machines
from tests.controllers.stateful_sets import stateful_set
from tests.controllers.world import World

NODES = ("n1", "n2", "n3")
VERSIONS = ("v1", "v2", "v3")


class StatefulSets(RuleBasedStateMachine):
    """People, broken versions, lost nodes, a lagging mirror and crashing controllers around one StatefulSet."""

    @initialize(policy=st.sampled_from(("OrderedReady", "Parallel")), unavailable=st.sampled_from((None, 2)))
    def begin(self, policy: str, unavailable: int | None) -> None:
        rolling = RollingUpdateStatefulSetStrategy(max_unavailable=unavailable)
        self.world = World(namespace())
        self.machines = Machines(self.world, *NODES)
        self.running: dict[str, str] = {}
        self.disturbed: set[str] = set()
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
        self._settle()
        self.proven = {pod.metadata.name for pod in self.world.all(Pod)}
        self.world.on_action = self._check

    # What must hold

    def _check(self, action: Action) -> None:
        """Right after each write of a controller."""
        if isinstance(action, Create) and isinstance(action.object, Pod):
            name = action.object.metadata.name
            assert name not in self.running, f"{name} is made while it still runs as {self.running[name]}"
        if isinstance(action, Delete) and action.reason == "outdated_revision":
            owner = self._owner
            wanted = {f"db-{number}" for number in range(owner.spec.replicas)}
            there = {
                pod.metadata.name for pod in self.world.all(Pod) if ordered_pods.runs_ready(pod) and not pod.deleting
            }
            missing = (wanted & self.proven) - there - self.disturbed
            assert len(missing) <= ordered_pods.max_unavailable(owner), f"unavailable by our own doing: {missing}"

    @invariant()
    def a_pod_runs_once(self) -> None:
        """Processes, not objects: a lost node goes on running what it ran."""
        for pod in self.world.all(Pod):
            if pod.status.phase == "Running":
                assert self.running.setdefault(pod.metadata.name, pod.metadata.uid) == pod.metadata.uid

    def teardown(self) -> None:
        """Once people and faults stop, exactly what is wanted runs, and nobody has anything left to do."""
        self.machines.broken.clear()
        for name in NODES:
            self.machines.find(name)
        self.world.restart()
        self._settle()
        owner = self._owner
        pods = {pod.metadata.name: pod for pod in self.world.all(Pod) if is_active(pod)}
        assert sorted(pods) == sorted(f"db-{number}" for number in range(owner.spec.replicas))
        assert all(map(ordered_pods.runs_ready, pods.values()))
        partition = self._partition
        for number in range(partition, owner.spec.replicas):
            assert pods[f"db-{number}"].spec.containers == owner.spec.template.spec.containers
        assert owner.status.ready_replicas == owner.status.replicas == owner.spec.replicas
        if not partition:
            assert owner.status.current_revision == owner.status.update_revision
        assert len(self.world.all(ControllerRevision)) <= len(VERSIONS)
        self.world.assert_fixpoint()

    # What people do

    @rule(replicas=st.integers(0, 5))
    def scale(self, replicas: int) -> None:
        self.world.update(self._owner, **{"spec.replicas": replicas})

    @rule(version=st.sampled_from(VERSIONS))
    def change_the_template_or_go_back(self, version: str) -> None:
        self.world.update(self._owner, **{"spec.template": template(version)})

    @rule(partition=st.sampled_from((0, 0, 2)))
    def move_the_partition(self, partition: int) -> None:
        self.world.update(self._owner, **{"spec.update_strategy.rolling_update.partition": partition})

    @rule(number=st.integers(0, 4))
    def a_person_deletes_a_pod(self, number: int) -> None:
        if (pod := self.world.truth.get(Pod, "default", f"db-{number}")) is not None:
            self.disturbed.add(pod.metadata.name)
            self.world.delete(pod)

    # What breaks

    @rule(version=st.sampled_from(VERSIONS))
    def a_version_is_broken(self, version: str) -> None:
        self.machines.broken.add(version)

    @rule(version=st.sampled_from(VERSIONS))
    def a_version_is_repaired(self, version: str) -> None:
        self.machines.broken.discard(version)

    @rule(number=st.integers(0, 4))
    def a_pod_fails(self, number: int) -> None:
        pod = self.world.truth.get(Pod, "default", f"db-{number}")
        node = None if pod is None else self.world.truth.get(Node, "", pod.spec.node_name)
        if pod is not None and node is not None and verdict(node) is Verdict.READY and is_active(pod):
            self.disturbed.add(pod.metadata.name)
            self.running.pop(pod.metadata.name, None)
            self.world.put(evolve(pod, **{"status.phase": "Failed", "status.conditions": ()}))

    @rule(name=st.sampled_from(NODES))
    def a_node_is_lost(self, name: str) -> None:
        self.disturbed |= {pod.metadata.name for pod in self.world.all(Pod) if pod.spec.node_name == name}
        self.machines.lose(name)

    @rule(name=st.sampled_from(NODES))
    def a_node_is_back(self, name: str) -> None:
        self.machines.find(name)

    # Who acts when

    @rule(numbers=st.lists(st.integers(0, 50), min_size=1, max_size=8), seen=st.integers(0, 6))
    def controllers_act(self, numbers: list[int], seen: int) -> None:
        for number in numbers:
            self.world.step(number)
            self.world.catch_up(seen)

    @rule(number=st.integers(0, 50), writes=st.integers(0, 3))
    def a_controller_crashes_between_two_writes(self, number: int, writes: int) -> None:
        self.world.step(number, crash_after=writes)

    @rule(times=st.integers(1, 6))
    def nodes_work(self, times: int) -> None:
        for _ in range(times):
            self._machines_work()

    @rule(seconds=st.integers(1, 30))
    def time_passes(self, seconds: int) -> None:
        self.world.advance(seconds)

    # How

    @property
    def _owner(self) -> StatefulSet:
        (owner,) = self.world.all(StatefulSet)
        return owner

    @property
    def _partition(self) -> int:
        rolling = self._owner.spec.update_strategy.rolling_update
        return 0 if rolling is None else rolling.partition

    def _machines_work(self) -> bool:
        """A piece of work; what its node removed does not run any more."""
        done = self.machines.work()
        there = {pod.metadata.uid for pod in self.world.all(Pod)}
        self.running = {name: uid for name, uid in self.running.items() if uid in there}
        return done

    def _settle(self) -> None:
        self.world.settle(self._machines_work)


TestStatefulSets = StatefulSets.TestCase
TestStatefulSets.settings = settings(
    max_examples=60, stateful_step_count=40, deadline=None, suppress_health_check=list(HealthCheck)
)
