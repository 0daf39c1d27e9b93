"""Jobs under arbitrary interleavings: every end is counted once, never too many pods at a time, and all completes."""

from __future__ import annotations

from enum import Enum

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from control_plane.controllers import ALL
from control_plane.controllers.job_pods import index_of, is_gone, is_tracked
from control_plane.controllers.job_policies import finished_condition
from control_plane.controllers.pods import is_finished, is_ready
from control_plane.controllers.taints import Verdict, verdict
from control_plane.plan import Action, Create
from control_plane.store.history import MirrorEvent
from proto.intervals import Intervals
from proto.objects.batch import Job
from proto.objects.core import Node
from proto.objects.meta import INT32_MAX
from proto.objects.pod import Pod
from tests.controllers.builders import namespace, node
from tests.controllers.jobs import finish, indexed, job, live, the_job
from tests.controllers.nodes import Machines
from tests.controllers.world import World

NODES = ("n1", "n2", "n3")
CONCERNED = {
    "job",
    "job-pods-left-behind",
    "node-lifecycle",
    "node-eviction",
    "taint-eviction",
    "pod-gc-node",
    "pod-gc-unbound",
}
CONTROLLERS = tuple(each for each in ALL if each.name in CONCERNED)
"""Those that have to do with a Job's pods: with all of them chance would seldom choose one that matters."""

COMPLETIONS = 6


class JobMachines(Machines):
    """Nodes that report what has ended, so that finalizers hold it."""

    def _work(self, pod: Pod) -> bool:
        if not pod.deleting:
            return super()._work(pod)
        home = self.world.truth.get(Node, "", pod.spec.node_name) if pod.spec.node_name else None
        if home is None or verdict(home) is not Verdict.READY or not pod.metadata.deletion_grace_period_seconds:
            return False
        self.world.delete(pod, grace_s=0)
        return True


class End(Enum):
    """How a pod ended that is to be counted. `EITHER`: it was being deleted, and succeeded before that was over."""

    SUCCESS = "success"
    FAILURE = "failure"
    EITHER = "either"


class Ends:
    """Keeps the books beside the controller: what ended, as it happened, by uid."""

    def __init__(self, world: World, *, patient: bool = False):
        self._patient = patient
        self.by_uid: dict[str, End] = {}
        self.indexes: dict[str, int | None] = {}
        self._world = world
        world.truth.subscribe(self._on_event)

    def _on_event(self, event: MirrorEvent) -> None:
        pod = event.new
        if not isinstance(pod, Pod) or not is_tracked(pod):
            return
        if not is_finished(pod) and not is_gone(pod) and (self._patient or not pod.deleting):
            return
        if any(finished_condition(each.status) for each in self._world.all(Job)):
            return
        before, uid = self.by_uid.get(pod.metadata.uid), pod.metadata.uid
        self.indexes[uid] = index_of(pod)
        if pod.status.phase != "Succeeded":
            self.by_uid.setdefault(uid, End.FAILURE)
        elif before is None:
            self.by_uid[uid] = End.SUCCESS
        elif before is End.FAILURE:
            self.by_uid[uid] = End.EITHER

    def count(self, *ends: End) -> int:
        return sum(end in ends for end in self.by_uid.values())

    def indexes_of(self, *ends: End) -> set[int | None]:
        return {self.indexes[uid] for uid, end in self.by_uid.items() if end in ends}


class Jobs(RuleBasedStateMachine):
    """People, nodes, a lagging mirror and crashing controllers around one Job."""

    def the_wanted(self) -> Job:
        return job(COMPLETIONS, 2, backoff_limit=INT32_MAX)

    def __init__(self) -> None:
        super().__init__()
        self.world = World(namespace(), controllers=CONTROLLERS)
        self.machines = JobMachines(self.world, *NODES)
        wanted = self.the_wanted()
        self.ends = Ends(self.world, patient=wanted.spec.pod_replacement_policy == "Failed")
        self.world.put(wanted)
        self.limits = [2]
        self.world.on_action = self._check
        self.counted = (0, 0)

    # What must hold

    def _check(self, action: Action) -> None:
        """Right after each write of a controller."""
        if isinstance(action, Create) and isinstance(action.object, Pod):
            working = [pod for pod in live(self.world) if is_tracked(pod)]
            assert len(working) <= max(self.limits), f"{len(working)} at a time, at most {self.limits} allowed"

    @invariant()
    def counts_only_grow(self) -> None:
        status = the_job(self.world).status
        counted = (status.succeeded, status.failed)
        assert all(new >= old for new, old in zip(counted, self.counted, strict=True)), f"{self.counted} → {counted}"
        assert status.succeeded <= COMPLETIONS
        assert sum(counted) <= len(self.ends.by_uid), f"{counted}, and this ended: {self.ends.by_uid}"
        self.counted = counted

    def teardown(self) -> None:
        """Once faults stop and every program succeeds the Job completes, with the right counts."""
        for name in NODES:
            if self.world.truth.get(Node, "", name) is None:
                self.world.put(node(name))
            self.machines.find(name)
        self.world.update(the_job(self.world), **{"spec.suspend": False, "spec.parallelism": 2})
        self.limits.append(2)
        self.world.restart()
        for _ in range(3 * COMPLETIONS):
            self.world.settle(self.machines.work)
            if finished_condition(the_job(self.world).status):
                break
            for pod in live(self.world):
                finish(self.world, pod)
            self.world.settle(self.machines.work)
            self.world.advance(400)
        self._check_the_end()

    def _check_the_end(self) -> None:
        status = the_job(self.world).status
        assert finished_condition(status) == "Complete"
        assert status.succeeded == COMPLETIONS
        assert (status.active, status.terminating or 0) == (0, 0)
        assert self._right(status.succeeded, status.failed)
        assert not [pod for pod in self.world.all(Pod) if is_tracked(pod)], "all were let go"
        assert not live(self.world)
        self.world.assert_fixpoint()

    def _right(self, succeeded: int, failed: int) -> bool:
        certain, doubtful = self.ends.count(End.SUCCESS), self.ends.count(End.EITHER)
        return certain <= succeeded <= certain + doubtful and succeeded + failed == len(self.ends.by_uid)

    # What people do

    @rule(parallelism=st.integers(0, 5))
    def scale(self, parallelism: int) -> None:
        self.world.update(the_job(self.world), **{"spec.parallelism": parallelism})
        self.limits.append(parallelism)

    @rule(suspended=st.booleans())
    def suspend_or_resume(self, suspended: bool) -> None:
        self.world.update(the_job(self.world), **{"spec.suspend": suspended})

    @rule(number=st.integers(0, 9), forced=st.booleans())
    def delete_a_pod(self, number: int, forced: bool) -> None:
        if pods := live(self.world):
            self.world.delete(pods[number % len(pods)], **({"grace_s": 0} if forced else {}))

    # What programs and nodes do

    @rule(number=st.integers(0, 9), failed=st.booleans())
    def a_pod_ends(self, number: int, failed: bool) -> None:
        """Also one that is being deleted already."""
        pods = [pod for pod in self.world.all(Pod) if is_ready(pod) and not is_finished(pod)]
        if pods:
            finish(self.world, pods[number % len(pods)], int(failed))

    @rule(times=st.integers(1, 6))
    def nodes_work(self, times: int) -> None:
        for _ in range(times):
            self.machines.work()

    @rule(name=st.sampled_from(NODES))
    def a_node_is_lost(self, name: str) -> None:
        if self.world.truth.get(Node, "", name) is not None:
            self.machines.lose(name)

    @rule(name=st.sampled_from(NODES))
    def a_node_is_back(self, name: str) -> None:
        if self.world.truth.get(Node, "", name) is not None:
            self.machines.find(name)

    @rule(name=st.sampled_from(NODES))
    def a_node_is_removed_or_joins(self, name: str) -> None:
        stored = self.world.truth.get(Node, "", name)
        if stored is None:
            self.world.put(node(name))
        else:
            self.world.remove(stored)

    # Who acts when

    @rule(numbers=st.lists(st.integers(0, 20), min_size=1, max_size=8), seen=st.integers(0, 6))
    def controllers_act(self, numbers: list[int], seen: int) -> None:
        for number in numbers:
            self.world.step(number)
            self.world.catch_up(seen)

    @rule(number=st.integers(0, 20), writes=st.integers(0, 3))
    def a_controller_crashes_between_two_writes(self, number: int, writes: int) -> None:
        self.world.step(number, crash_after=writes)

    @rule(changes=st.integers(1, 5))
    def the_mirror_catches_up_a_little(self, changes: int) -> None:
        self.world.catch_up(changes)

    @rule(seconds=st.sampled_from([1, 10, 40, 400]))
    def time_passes(self, seconds: int) -> None:
        self.world.advance(seconds)

    @precondition(lambda self: not the_job(self.world).spec.suspend)
    @rule()
    def all_comes_to_rest(self) -> None:
        self.world.settle(self.machines.work)
        self.limits = [the_job(self.world).spec.parallelism or 0]


class IndexedJobs(Jobs):
    """The same with an index for each completion: failures are tried again under the same index."""

    def the_wanted(self) -> Job:
        return indexed(COMPLETIONS, 2, backoff_limit=INT32_MAX)

    def _right(self, succeeded: int, failed: int) -> bool:
        certain = self.ends.indexes_of(End.SUCCESS)
        possible = certain | self.ends.indexes_of(End.EITHER)
        told = Intervals.parse(the_job(self.world).status.completed_indexes)
        completed = {index for index in range(COMPLETIONS) if index in told}
        return certain <= completed <= possible and succeeded + failed == len(self.ends.by_uid)

    @invariant()
    def an_index_is_worked_on_by_one(self) -> None:
        working = [index_of(pod) for pod in live(self.world) if is_tracked(pod)]
        assert len(set(working)) == len(working)


class PatientJobs(Jobs):
    """The same where only pods that have really ended are replaced."""

    def the_wanted(self) -> Job:
        return job(COMPLETIONS, 2, backoff_limit=INT32_MAX, pod_replacement_policy="Failed")


_SETTINGS = settings(max_examples=100, stateful_step_count=50, deadline=None, suppress_health_check=list(HealthCheck))
Jobs.TestCase.settings = IndexedJobs.TestCase.settings = PatientJobs.TestCase.settings = _SETTINGS
TestJobs = Jobs.TestCase
TestIndexedJobs = IndexedJobs.TestCase
TestPatientJobs = PatientJobs.TestCase
