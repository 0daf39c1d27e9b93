"""What a pod counts as: active, ready, available; and which of several is deleted first.

One function a rule, shared by all controllers that count pods. Reads: pods. Writes: nothing.

Source: Kubernetes `pkg/controller/controller_utils.go` and `pkg/api/v1/pod/util.go`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from control_plane.controllers.ages import LONG_AGO, made_at
from proto.objects.meta import Condition, ObjectMeta, OwnerReference
from proto.objects.pod import Pod, PodTemplateSpec
from proto.objects.pod_status import ContainerStatus
from proto.phases import ENDED

DELETION_COST = "controller.kubernetes.io/pod-deletion-cost"
"""Annotation: of otherwise equal pods the one with the lower number is deleted first."""

REMADE_AFTER_S = 10
"""What fails wherever it is placed is not tried in a tight loop (the kubelet's first back-off is as long)."""

_PHASE_RANK = {"Pending": 0, "Unknown": 1, "Running": 2}


def is_finished(pod: Pod) -> bool:
    """Whether all its containers ended for good; it will never run again."""
    return pod.status.phase in ENDED


def is_to_be_remade(pod: Pod) -> bool:
    """Whether it has ended for good, which its controller does not want, and nobody deletes it yet."""
    return is_finished(pod) and pod.metadata.deletion_timestamp is None


def is_refused(pod: Pod) -> bool:
    """Whether its node did not take it, and would not take another one like it now: it has failed and never began."""
    return pod.status.phase == "Failed" and bool(pod.status.reason) and not all_statuses(pod)


def remade_in_s(pod: Pod, now: datetime) -> float:
    """In how many seconds a pod that has ended may give way to another: when it is `REMADE_AFTER_S` old."""
    made = made_at(pod)
    return REMADE_AFTER_S - (now - made).total_seconds()


def all_statuses(pod: Pod) -> tuple[ContainerStatus, ...]:
    """Those of init containers, then those of the others."""
    return (*pod.status.init_container_statuses, *pod.status.container_statuses)


def is_active(pod: Pod) -> bool:
    """Whether it counts towards a wanted number: neither finished nor being deleted."""
    return pod.metadata.deletion_timestamp is None and not is_finished(pod)


def ready_condition(pod: Pod) -> Condition | None:
    """Its `Ready` condition."""
    for condition in pod.status.conditions:
        if condition.type == "Ready":
            return condition
    return None


def is_ready(pod: Pod) -> bool:
    """Whether its `Ready` condition is true."""
    condition = ready_condition(pod)
    return condition is not None and condition.status == "True"


def available_at(pod: Pod, min_ready_s: int) -> datetime | None:
    """When it becomes, or became, available: `min_ready_s` after it got ready; None while it is not ready."""
    condition = ready_condition(pod)
    if condition is None or condition.status != "True":
        return None
    since = condition.last_transition_time
    if since is None:
        # Nobody said since when: count it from the start of time, or never if it must be ready for a while.
        return None if min_ready_s else LONG_AGO
    return since + timedelta(seconds=min_ready_s)


def is_available(pod: Pod, min_ready_s: int, now: datetime) -> bool:
    """Whether it has been ready for at least `min_ready_s` seconds."""
    if min_ready_s == 0:
        return is_ready(pod)
    at = available_at(pod, min_ready_s)
    return at is not None and at <= now


@dataclass(frozen=True, slots=True)
class PodCounts:
    """How many of some pods are what. `next_available_s`: when the count of available ones grows by itself."""

    replicas: int = 0
    fully_labeled: int = 0
    ready: int = 0
    available: int = 0
    next_available_s: float | None = None


def count_pods(pods: Iterable[Pod], labels: Mapping[str, str], min_ready_s: int, now: datetime) -> PodCounts:
    """Count active pods; `labels` are those of the template, which a fully labelled pod all has."""
    replicas = fully_labeled = ready = available = 0
    soonest: datetime | None = None
    wanted = labels.items()
    for pod in pods:
        replicas += 1
        fully_labeled += wanted <= pod.metadata.labels.items()
        if not is_ready(pod):
            continue
        ready += 1
        at = available_at(pod, min_ready_s) if min_ready_s else LONG_AGO
        if at is not None and at <= now:
            available += 1
        elif at is not None and (soonest is None or at < soonest):
            soonest = at
    wait_s = None if soonest is None else (soonest - now).total_seconds()
    return PodCounts(replicas, fully_labeled, ready, available, wait_s)


def deletion_rank(pod: Pod, neighbours: int, now: datetime) -> tuple[object, ...]:
    """Sorts pods so that those which are missed least come first; `neighbours`: how many siblings share its node.

    In this order: without a node; pending before running; not ready; the lower deletion cost; ready for a shorter time;
    restarted more often; younger; more siblings on its node. Times are compared by their order of magnitude, so that
    the node decides between pods of about one age; then they are compared exactly. Equal ones by uid, so that two
    observers agree.

    Source: Kubernetes `ActivePodsWithRanksAndTimestamps`, where the fuller node comes before the age.
    """
    ready = is_ready(pod)
    condition = ready_condition(pod)
    ready_ms = _age_ms(condition.last_transition_time if ready and condition is not None else None, now)
    age_ms = _age_ms(pod.metadata.creation_timestamp, now)
    return (
        bool(pod.spec.node_name),
        _PHASE_RANK.get(pod.status.phase, 1),
        ready,
        _deletion_cost(pod),
        ready_ms.bit_length(),
        -sum(container.restart_count for container in all_statuses(pod)),
        age_ms.bit_length(),
        -neighbours,
        ready_ms,
        age_ms,
        pod.metadata.uid,
    )


def pod_from_template(template: PodTemplateSpec, namespace: str, name: str, owner: OwnerReference) -> Pod:
    """The pod that `template` describes, under a name of its own, for its controlling `owner`."""
    return Pod(
        metadata=ObjectMeta(
            name=name,
            namespace=namespace,
            labels=template.metadata.labels,
            annotations=template.metadata.annotations,
            finalizers=template.metadata.finalizers,
            owner_references=(owner,),
        ),
        spec=template.spec,
    )


def _deletion_cost(pod: Pod) -> int:
    """The annotation's number; 0 where there is none or it is not one (Kubernetes: the same)."""
    try:
        return int(pod.metadata.annotations.get(DELETION_COST, "0"))
    except ValueError:
        return 0


def _age_ms(since: datetime | None, now: datetime) -> int:
    """Milliseconds since then; an unknown time counts as just now, so that it sorts as the youngest."""
    return 0 if since is None else max(0, (now - since) // timedelta(milliseconds=1))
