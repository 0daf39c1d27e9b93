"""Disruption: how many pods of each PodDisruptionBudget may be disrupted now.

Reads: a budget, the pods that it protects, and how many of them their controllers want. Writes: the budget's status.
Never: ends a pod; forgets a disruption that was allowed before the pod's deletion is seen, or 2 minutes have passed.

How many pods there should be is what their controllers want where the budget is a share or `maxUnavailable`, and what
is there where it is a plain `minAvailable`. A pod is healthy when it is ready; one that is being deleted is not, nor is
one whose eviction was allowed. When the wanted number cannot be told, nothing is allowed (`SyncFailed`).

Source: Kubernetes `pkg/controller/disruption`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from control_plane.budgets import (
    DELETION_EXPECTED_WITHIN,
    DISRUPTION_ALLOWED,
    SYNC_FAILED,
    allowed_condition,
    is_expected_to_go,
)
from control_plane.controllers.pods import is_ready
from control_plane.controllers.scaling import int_or_percent
from control_plane.plan import Action, Emit, Key, Plan, SetStatus, Snapshot, Watch, own_key
from proto import catalog
from proto.objects.meta import Condition, Object, evolve, with_condition
from proto.objects.pod import Pod
from proto.objects.policy import PodDisruptionBudget, PodDisruptionBudgetStatus
from proto.selectors import format_label_selector

SCALABLE = frozenset(kind.kind for kind in catalog.KINDS if "scale" in kind.subresources)
"""Kinds that say how many pods they want."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """How many pods the controllers of some pods want. `problem`: why that cannot be told; "" if it can."""

    count: int = 0
    unmanaged: tuple[str, ...] = ()
    problem: str = ""


@dataclass(frozen=True, slots=True)
class DisruptionView:
    """A budget and its pods; `wanted` is None where the budget does not depend on it."""

    budget: PodDisruptionBudget
    pods: tuple[Pod, ...]
    wanted: Wanted | None
    now: datetime


def _pod_keys(old: Object | None, new: Object | None, snapshot: Snapshot) -> Iterable[Key]:
    """The budgets of a pod that counts differently now."""
    if isinstance(old, Pod) and isinstance(new, Pod) and _counts_as(old) == _counts_as(new):
        return ()
    return {key for pod in (old, new) if pod is not None for key in _keys_for(snapshot, pod, pod.metadata.labels)}


def _counts_as(pod: Pod) -> tuple[object, ...]:
    owner = pod.metadata.controller
    return pod.metadata.labels, pod.deleting, is_ready(pod), owner and owner.uid


def _owner_keys(old: Object | None, new: Object | None, snapshot: Snapshot) -> Iterable[Key]:
    """The budgets of the pods of a controller that wants another number of them."""
    if old is None or new is None or _replicas(old) == _replicas(new):
        return ()
    return _keys_for(snapshot, new, new.spec.template.metadata.labels)  # type: ignore[attr-defined]


def _keys_for(snapshot: Snapshot, obj: Object, labels: dict[str, str]) -> list[Key]:
    budgets = snapshot.selecting(PodDisruptionBudget, obj.metadata.namespace, labels)
    return [Key(*budget.key) for budget in budgets]


class DisruptionController:
    """Keeps the status of every budget."""

    name = "disruption"
    watches: tuple[Watch, ...] = (
        Watch(PodDisruptionBudget, own_key),
        Watch(Pod, _pod_keys),
        *(Watch(catalog.BY_KIND[kind].model, _owner_keys) for kind in sorted(SCALABLE)),
    )

    def observe(self, snapshot: Snapshot, key: Key, now: datetime) -> DisruptionView | None:
        """The pods of one budget; None if it is gone."""
        budget = snapshot.get(PodDisruptionBudget, *key)
        if budget is None:
            return None
        selector = budget.spec.selector
        pods = () if selector is None else tuple(snapshot.by_selector(Pod, key.namespace, selector))
        wanted = None if isinstance(budget.spec.min_available, int) else _wanted(snapshot, pods)
        return DisruptionView(budget, pods, wanted, now)

    def reconcile(self, view: DisruptionView) -> Plan:
        """Count, and tell what cannot be counted."""
        budget = view.budget
        if view.wanted is not None and view.wanted.problem:
            status = _failed(budget, view.wanted.problem, view.now)
        else:
            status = _counted(view)
        kept = status.disrupted_pods.values()
        requeue_s = (min(kept) + DELETION_EXPECTED_WITHIN - view.now).total_seconds() if kept else None
        if status == budget.status:
            return Plan(requeue_after_s=requeue_s)
        write = SetStatus(evolve(budget, status=status), "pods_counted")
        return Plan((write, *_told(view, status)), requeue_s)


def _wanted(snapshot: Snapshot, pods: Iterable[Pod]) -> Wanted:
    """What the controllers of `pods` want together, each of them counted once."""
    counts: dict[str, int] = {}
    unmanaged: list[str] = []
    for pod in pods:
        reference = pod.metadata.controller
        if reference is None:
            unmanaged.append(pod.metadata.name)
            continue
        owner = snapshot.by_uid(reference.uid)
        if owner is None:
            return Wanted(problem=f'found no controllers for pod "{pod.metadata.name}"')
        owner = _top(snapshot, owner)
        if owner.KIND not in SCALABLE:
            resource = catalog.of(owner).qualified_resource
            return Wanted(problem=f"{resource} does not implement the scale subresource")
        counts[owner.metadata.uid] = _replicas(owner)
    return Wanted(sum(counts.values()), tuple(unmanaged))


def _top(snapshot: Snapshot, owner: Object) -> Object:
    """The one that decides: a Deployment for its ReplicaSets."""
    reference = owner.metadata.controller
    above = snapshot.by_uid(reference.uid) if reference is not None else None
    return above if above is not None and above.KIND in SCALABLE else owner


def _replicas(owner: Object) -> int:
    count: int = owner.spec.replicas  # type: ignore[attr-defined]
    return count


def _desired(view: DisruptionView) -> tuple[int, int]:
    """How many pods there should be, and how many of them must be healthy."""
    spec = view.budget.spec
    if view.wanted is None:
        assert isinstance(spec.min_available, int), "only a plain number does without the wanted count"
        return len(view.pods), spec.min_available
    expected = view.wanted.count
    if spec.max_unavailable is not None:
        return expected, max(0, expected - int_or_percent(spec.max_unavailable, expected, round_up=True))
    if spec.min_available is not None:
        return expected, int_or_percent(spec.min_available, expected, round_up=True)
    return 0, 0


def _counted(view: DisruptionView) -> PodDisruptionBudgetStatus:
    """The status that the pods give."""
    budget, now = view.budget, view.now
    expected, desired = _desired(view)
    expected_to_go = {pod.metadata.name for pod in view.pods if is_expected_to_go(pod, budget, now)}
    healthy = sum(is_ready(pod) and not pod.deleting and pod.metadata.name not in expected_to_go for pod in view.pods)
    waiting = {pod.metadata.name for pod in view.pods if not pod.deleting} & expected_to_go
    allowed = max(0, healthy - desired) if expected > 0 else 0
    generation = budget.metadata.generation
    return PodDisruptionBudgetStatus(
        observed_generation=generation,
        disrupted_pods={name: at for name, at in budget.status.disrupted_pods.items() if name in waiting},
        disruptions_allowed=allowed,
        current_healthy=healthy,
        desired_healthy=desired,
        expected_pods=expected,
        conditions=with_condition(budget.status.conditions, allowed_condition(allowed, generation, now)),
    )


def _failed(budget: PodDisruptionBudget, problem: str, now: datetime) -> PodDisruptionBudgetStatus:
    """The status of a budget whose pods cannot be counted: nothing is allowed."""
    failed = Condition(
        type=DISRUPTION_ALLOWED,
        status="False",
        reason=SYNC_FAILED,
        message=problem,
        observed_generation=budget.metadata.generation,
        last_transition_time=now,
    )
    return evolve(
        budget.status,
        observed_generation=budget.metadata.generation,
        disruptions_allowed=0,
        conditions=with_condition(budget.status.conditions, failed),
    )


def _told(view: DisruptionView, status: PodDisruptionBudgetStatus) -> list[Action]:
    """What people should know, each when it begins."""
    budget, told = view.budget, list[Action]()
    if view.wanted is not None and view.wanted.problem:
        words = f"Failed to calculate the number of expected pods: {view.wanted.problem}"
        return [Emit(budget, "CalculateExpectedPodCountFailed", words, "Warning")]
    if not view.pods and budget.status.observed_generation != status.observed_generation:
        told.append(Emit(budget, "NoPods", "No matching pods found"))
    if view.wanted is not None and view.wanted.unmanaged:
        told.append(Emit(budget, "UnmanagedPods", _unmanaged_words(budget), "Warning"))
    by_name = {pod.metadata.name: pod for pod in view.pods}
    for name, since in budget.status.disrupted_pods.items():
        pod = by_name.get(name)
        if pod is not None and not pod.deleting and since + DELETION_EXPECTED_WITHIN <= view.now:
            words = "Pod was expected by PDB {}/{} to be deleted but it wasn't".format(*budget.key)
            told.append(Emit(pod, "NotDeleted", words, "Warning"))
    return told


def _unmanaged_words(budget: PodDisruptionBudget) -> str:
    selector = budget.spec.selector
    return (
        f"Pods selected by this PodDisruptionBudget (selector: {format_label_selector(selector) if selector else ''}) "
        "were found to be unmanaged. As a result, the status of the PDB cannot be calculated correctly, which may "
        'result in undefined behavior. To account for these pods please set ".spec.minAvailable" field of the PDB to '
        "an integer value."
    )
