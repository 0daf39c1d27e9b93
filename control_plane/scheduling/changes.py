"""Which kinds of change could make an unplaceable pod placeable.

Every filter names the changes that can turn its "no" into a "yes"; a decision without a node carries those of the
filters that refused a node. The engine asks here what an event changed, and retries the pods for which that matters:
not on a timer alone, and not on every heartbeat. Source of the idea: Kubernetes, scheduler queueing hints.
"""

from __future__ import annotations

from enum import Flag, auto

from control_plane.scheduling.needs import amount, resize_reason, taken_by
from control_plane.scheduling.table import is_ready
from proto.objects.core import Node
from proto.objects.pod import Pod
from proto.phases import ENDED


class Change(Flag):
    """What happened in the cluster, as far as placing is concerned. The empty flag helps nobody."""

    NODE_ADDED = auto()
    NODE_READY = auto()
    NODE_SCHEDULABLE = auto()
    NODE_LABELS = auto()
    NODE_TAINTS = auto()
    NODE_ALLOCATABLE = auto()
    POD_GONE = auto()
    """A pod that was counted on a node is not counted there any more, or takes less of it."""


NOTHING = Change(0)


def node_changes(old: Node | None, new: Node | None) -> Change:
    """What a change of a node may have made possible; the empty flag for what can only make things harder."""
    if new is None:
        return NOTHING
    if old is None or (old.deleting and not new.deleting):
        return Change.NODE_ADDED
    found = NOTHING
    if is_ready(new) and not is_ready(old):
        found |= Change.NODE_READY
    if old.spec.unschedulable and not new.spec.unschedulable:
        found |= Change.NODE_SCHEDULABLE
    if old.metadata.labels != new.metadata.labels:
        found |= Change.NODE_LABELS
    if {(t.key, t.value, t.effect) for t in old.spec.taints} - {(t.key, t.value, t.effect) for t in new.spec.taints}:
        found |= Change.NODE_TAINTS
    if _offers_more(old, new):
        found |= Change.NODE_ALLOCATABLE
    return found


def pod_changes(old: Pod | None, new: Pod | None) -> Change:
    """What a change of a pod may have made possible: it gave up its place on a node, or some of it."""
    if old is None or not counts(old):
        return NOTHING
    if new is None or not counts(new) or new.spec.node_name != old.spec.node_name:
        return Change.POD_GONE
    return Change.POD_GONE if _takes_less(old, new) else NOTHING


def _takes_less(old: Pod, new: Pod) -> bool:
    """Whether a resize, or the end of one, left something of the node to others."""
    same_spec = old.metadata.generation == new.metadata.generation
    if same_spec and resize_reason(old) == resize_reason(new):
        return False
    after = dict(taken_by(new).amounts)
    return any(count > after.get(name, 0) for name, count in taken_by(old).amounts)


def counts(pod: Pod) -> bool:
    """Whether a pod takes room on its node: bound and not finished; a terminating one does until it is gone."""
    return bool(pod.spec.node_name) and pod.status.phase not in ENDED


def _offers_more(old: Node, new: Node) -> bool:
    """Whether a node offers more of anything than before."""
    before, after = old.status.allocatable, new.status.allocatable
    if before == after:
        return False
    return any(amount(name, quantity) > amount(name, before.get(name, "0")) for name, quantity in after.items())
