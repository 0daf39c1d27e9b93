"""Each kind has become what was declared: a function for each, in a table by kind."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from proto.objects.apps import Deployment, ReplicaSet
from proto.objects.batch import CronJob, Job
from proto.objects.daemon_set import DaemonSet
from proto.objects.meta import Object, find_condition
from proto.objects.pod import Pod
from proto.objects.policy import PodDisruptionBudget
from proto.objects.stateful_set import StatefulSet
from proto.rollouts import CONTROLLER_REVISION_HASH
from tests.sim import invariants
from tests.sim.checks.check import Check
from tests.sim.cluster import Cluster
from tests.sim.invariants import is_ready
from tests.sim.workloads import ALL


class Wants(Check):
    """The machines are all back, each workload is there and as it is declared, no process is left over."""

    def settled(self) -> Iterable[str]:
        yield from invariants.machinery(self.cluster)
        for workload in ALL:
            found = self.cluster.audit.objects.get(workload.key)
            if found is None:
                yield f"{'/'.join(workload.key)} is not there"
            elif workload.kind in WANTS:
                for wrong in WANTS[workload.kind](self.cluster, found):
                    yield f"{'/'.join(workload.key)} {wrong}"


def _pods(cluster: Cluster, obj: Object) -> list[Pod]:
    group = (obj.metadata.namespace, obj.metadata.name)
    return [pod for pod in cluster.audit.pods() if (pod.metadata.namespace, pod.metadata.labels.get("app")) == group]


def _all_ready(cluster: Cluster, obj: Object, wanted: int) -> Iterable[str]:
    pods = _pods(cluster, obj)
    ready = sum(is_ready(pod) for pod in pods)
    if not len(pods) == ready == wanted:
        yield f"wants {wanted} pods: {len(pods)} are there, {ready} are ready"


def _told(status: Any, **expected: int) -> Iterable[str]:
    told = {name: getattr(status, name) for name in expected}
    if told != expected:
        yield f"tells of {told}, it should be {expected}"


def _observed(obj: Any) -> Iterable[str]:
    if obj.status.observed_generation != obj.metadata.generation:
        yield "has not observed its generation"


def deployment(cluster: Cluster, obj: Deployment) -> Iterable[str]:
    """All replicas are ready and of one revision, and none is told to be of another."""
    wanted = obj.spec.replicas
    yield from _all_ready(cluster, obj, wanted)
    yield from _told(obj.status, replicas=wanted, ready_replicas=wanted, available_replicas=wanted)
    yield from _told(obj.status, updated_replicas=wanted)
    yield from _observed(obj)
    if len({pod.metadata.labels.get("pod-template-hash") for pod in _pods(cluster, obj)}) > 1:
        yield "has pods of several revisions"


def replica_set(cluster: Cluster, obj: ReplicaSet) -> Iterable[str]:
    """All replicas are ready."""
    wanted = obj.spec.replicas
    yield from _all_ready(cluster, obj, wanted)
    yield from _told(obj.status, replicas=wanted, ready_replicas=wanted, available_replicas=wanted)
    yield from _observed(obj)


def stateful_set(cluster: Cluster, obj: StatefulSet) -> Iterable[str]:
    """Exactly the ordinals are there and, unless their update waits for their deletion, of the newest revision."""
    wanted, pods = obj.spec.replicas, _pods(cluster, obj)
    yield from _all_ready(cluster, obj, wanted)
    yield from _told(obj.status, replicas=wanted, ready_replicas=wanted)
    yield from _observed(obj)
    names = {f"{obj.metadata.name}-{ordinal}" for ordinal in range(wanted)}
    if {pod.metadata.name for pod in pods} != names:
        yield f"has the pods {sorted(pod.metadata.name for pod in pods)}"
    revisions = {pod.metadata.labels.get(CONTROLLER_REVISION_HASH) for pod in pods}
    if obj.spec.update_strategy.type == "RollingUpdate" and revisions != {obj.status.update_revision}:
        yield f"has pods of revisions {sorted(map(str, revisions))}"


def daemon_set(cluster: Cluster, obj: DaemonSet) -> Iterable[str]:
    """One pod is on each node."""
    yield from _all_ready(cluster, obj, len(cluster.machines))
    nodes = sorted(pod.spec.node_name for pod in _pods(cluster, obj))
    if nodes != sorted(machine.name for machine in cluster.machines):
        yield f"is on {nodes}"
    count = len(cluster.machines)
    yield from _told(obj.status, number_ready=count, desired_number_scheduled=count, updated_number_scheduled=count)


def job(cluster: Cluster, obj: Job) -> Iterable[str]:
    """It has ended, as its program makes it end, and nothing of it is active."""
    ended = "Failed" if obj.metadata.name == "failing" else "Complete"
    condition = find_condition(obj.status.conditions, ended)
    if condition is None or condition.status != "True":
        yield f"is not {ended}: {obj.status.succeeded} succeeded, {obj.status.failed} failed"
    yield from _told(obj.status, active=0)


def cron_job(cluster: Cluster, obj: CronJob) -> Iterable[str]:
    """No more of its Jobs are kept than it says, and none is active that is not there."""
    jobs = [found for found in cluster.audit.objects.values() if isinstance(found, Job)]
    mine = [found for found in jobs if any(o.uid == obj.metadata.uid for o in found.metadata.owner_references)]
    complete = sum(find_condition(found.status.conditions, "Complete") is not None for found in mine)
    if complete > (obj.spec.successful_jobs_history_limit or 0):
        yield f"keeps {complete} complete Jobs"
    if obj.spec.suspend and obj.status.active:
        yield "has Jobs that have not ended"
    if not {ref.name for ref in obj.status.active} <= {found.metadata.name for found in mine}:
        yield "tells of Jobs that are not there"


def budget(cluster: Cluster, obj: PodDisruptionBudget) -> Iterable[str]:
    """It knows how many are there."""
    count = sum(is_ready(pod) for pod in _pods(cluster, obj))
    yield from _told(obj.status, expected_pods=count, current_healthy=count)


WANTS: dict[type[Object], Callable[[Cluster, Any], Iterable[str]]] = {
    Deployment: deployment,
    ReplicaSet: replica_set,
    StatefulSet: stateful_set,
    DaemonSet: daemon_set,
    Job: job,
    CronJob: cron_job,
    PodDisruptionBudget: budget,
}
