"""Node leaving: evicts the pods of a node whose agent has said that it leaves, as far as their budgets allow.

Reads: nodes with the mark of those that leave, their pods, and the budgets of these. Writes: counts what is spent in
the budgets, then deletes the pods. Never: puts the mark on or takes it off (the hub does); touches pods of DaemonSets
and finished ones, which stay with their node; makes the replacements (the pods' controllers do).

Source: Kubernetes "Graceful Node Shutdown", which ends the pods where they are and asks no budget; kubectl drain.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from control_plane.budgets import budgets_of, disruption_target, judge
from control_plane.controllers.pods import is_active
from control_plane.plan import Delete, Emit, Key, Plan, SetStatus, Snapshot, Watch
from proto.leaving import LEAVING, leaves
from proto.objects.core import Node
from proto.objects.meta import LabelSelector, LabelSelectorRequirement, Object
from proto.objects.pod import Pod
from proto.objects.policy import PodDisruptionBudget

RETRY_S = 5.0
"""Refused pods are looked at again when a budget has changed, and after this time at the latest."""

TARGET_REASON = "TerminationByKubelet"
TARGET_MESSAGE = "Pod was terminated in response to imminent node shutdown."

_MARKED = LabelSelector(match_expressions=(LabelSelectorRequirement(key=LEAVING, operator="Exists"),))


@dataclass(frozen=True, slots=True)
class LeavingView:
    """The pods that must leave a node, each with the budgets that protect it."""

    pods: tuple[tuple[Pod, tuple[PodDisruptionBudget, ...]], ...]
    now: datetime


def _node_keys(old: Object | None, new: Object | None, snapshot: Snapshot) -> Iterable[Key]:
    """The node, when it begins to leave."""
    if new is None or LEAVING not in new.metadata.labels:
        return ()
    return () if old is not None and LEAVING in old.metadata.labels else (Key(*new.key),)


def _pod_keys(old: Object | None, new: Object | None, snapshot: Snapshot) -> Iterable[Key]:
    """The node of a pod, if that node leaves."""
    if not isinstance(new, Pod) or not new.spec.node_name or not is_active(new):
        return ()
    node = snapshot.get(Node, "", new.spec.node_name)
    return (Key(*node.key),) if node is not None and LEAVING in node.metadata.labels else ()


def _budget_keys(old: Object | None, new: Object | None, snapshot: Snapshot) -> Iterable[Key]:
    """All nodes that leave, when a budget may allow more than before."""
    if isinstance(old, PodDisruptionBudget) and isinstance(new, PodDisruptionBudget):
        unseen = old.status.observed_generation != new.status.observed_generation
        if not unseen and new.status.disruptions_allowed <= old.status.disruptions_allowed:
            return ()
    return [Key(*node.key) for node in snapshot.by_selector(Node, "", _MARKED)]


class NodeLeavingController:
    """Hands over the pods of nodes that leave."""

    name = "node-leaving"
    watches: tuple[Watch, ...] = (
        Watch(Node, _node_keys),
        Watch(Pod, _pod_keys),
        Watch(PodDisruptionBudget, _budget_keys),
    )

    def observe(self, snapshot: Snapshot, key: Key, now: datetime) -> LeavingView | None:
        """The pods of one node; None if it does not leave."""
        node = snapshot.get(Node, *key)
        if node is None or LEAVING not in node.metadata.labels:
            return None
        bound = [pod for pod in snapshot.by_node(key.name) if isinstance(pod, Pod) and not pod.deleting and leaves(pod)]
        bound.sort(key=lambda pod: pod.key)
        return LeavingView(tuple((pod, budgets_of(snapshot, pod)) for pod in bound), now)

    def reconcile(self, view: LeavingView) -> Plan:
        """Evict whom the budgets let go, one after the other; the rest when they allow more."""
        spent: dict[tuple[str, str], PodDisruptionBudget] = {}
        evicted: list[Delete] = []
        for pod, budgets in view.pods:
            judgement = judge(pod, _newest(budgets, spent), view.now)
            if not judgement.allowed:
                continue
            if judgement.spent is not None:
                spent[judgement.spent.key] = judgement.spent
            target = disruption_target(TARGET_REASON, TARGET_MESSAGE, view.now)
            at_revision = judgement.trusted is not None
            evicted.append(Delete(pod, "node_leaving", at_revision=at_revision, condition=target))
        counted = tuple(SetStatus(budget, "disruption_counted") for budget in spent.values())
        refused = len(view.pods) - len(evicted)
        told = tuple(_told(delete.object) for delete in evicted)
        return Plan((*counted, *evicted, *told), RETRY_S if refused else None)


def _newest(
    budgets: Sequence[PodDisruptionBudget], spent: dict[tuple[str, str], PodDisruptionBudget]
) -> tuple[PodDisruptionBudget, ...]:
    """The budgets with what this plan has spent of them already."""
    return tuple(spent.get(budget.key, budget) for budget in budgets)


def _told(pod: Object) -> Emit:
    namespace, name = pod.key
    return Emit(pod, "NodeLeaving", f"Marking for deletion Pod {namespace}/{name}: its node leaves")
