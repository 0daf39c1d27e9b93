"""Originals that are put aside while their node is cut off, and which one goes on when it is back.

A pod that may be kept (`spec.disconnect.onReconnect`) is not deleted when its node is given up. It gets the condition
`Disconnected` instead: it does not count any more, so its ReplicaSet makes another, and stays bound to its node, which
goes on running it. When the node is back

    keepOriginal   the original counts again as soon as it is ready, and for a while it is the last to go
    keepBest       the original counts again as soon as it is ready, and the one that is missed least goes, as always

and one that is not ready within `PATIENCE_S` is deleted.

A pod whose choice is `keepReplacement`, the default, never comes here: it is deleted at once, and its node stops it
when it hears of that.

Reads: pods, and the nodes of those put aside. Writes: the condition `Disconnected` of pods, and deletions.

Source: Nomad, `disconnect` block, reconcile. Here only two choices remain: ready for longest is what "best" means.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from control_plane.controllers.conditions import condition, settled
from control_plane.controllers.pods import is_ready
from control_plane.controllers.taints import Verdict, verdict
from control_plane.plan import Action, Delete, Emit, Key, SetStatus, Snapshot
from proto.disconnection import disconnection
from proto.objects.core import Node
from proto.objects.meta import Object, evolve, find_condition
from proto.objects.pod import Pod

DISCONNECTED = "Disconnected"
ORIGINAL_KEPT = "OriginalKept"

PATIENCE_S = 60
"""So long after its node is back an original may take to be ready."""


@dataclass(frozen=True, slots=True)
class Returned:
    """An original whose node is back since `since`."""

    pod: Pod
    since: datetime


def may_be_kept(pod: Pod) -> bool:
    """Whether the original may go on after its node was cut off, rather than its replacement."""
    owner = pod.metadata.controller
    keeps = disconnection(pod).on_reconnect != "keepReplacement"
    return keeps and owner is not None and owner.kind == "ReplicaSet"


def is_disconnected(pod: Pod) -> bool:
    """Whether it is put aside: its node is cut off, or just back, and it does not count."""
    told = find_condition(pod.status.conditions, DISCONNECTED)
    return told is not None and told.status == "True"


def was_kept(pod: Pod, now: datetime) -> bool:
    """Whether it is an original that was chosen just now, so that another must go."""
    told = find_condition(pod.status.conditions, DISCONNECTED)
    if told is None or told.reason != ORIGINAL_KEPT or told.last_transition_time is None:
        return False
    return now - told.last_transition_time < timedelta(seconds=PATIENCE_S)


def put_aside(pod: Pod, now: datetime) -> Pod:
    """The pod, not counted any more."""
    return _with(pod, "True", "NodeUnreachable", "the node is cut off: the pod may run there, and does not count", now)


def returned(snapshot: Snapshot, pods: Iterable[Pod], now: datetime) -> tuple[Returned, ...]:
    """Those of the pods put aside whose node is well again."""
    found = []
    for pod in pods:
        node = snapshot.get(Node, "", pod.spec.node_name)
        if node is not None and verdict(node) is Verdict.READY:
            ready = find_condition(node.status.conditions, "Ready")
            since = None if ready is None else ready.last_transition_time
            found.append(Returned(pod, since or now))
    return tuple(found)


def reunite(original: Returned, owner: Object, now: datetime) -> tuple[Action, ...]:
    """What becomes of an original whose node is back; nothing yet while it has time left to get ready."""
    pod = original.pod
    if is_ready(pod):
        if disconnection(pod).on_reconnect == "keepOriginal":
            kept = _with(pod, "False", ORIGINAL_KEPT, "the node is back, and the original is kept", now)
            return (SetStatus(kept, "original_kept"),)
        counts = _with(pod, "False", "NodeReachable", "the node is back, and the better one is kept", now)
        return (SetStatus(counts, "node_reachable"),)
    if patience_s(original, now) > 0:
        return ()
    message = f"Deleted pod: {pod.metadata.name}: it was not ready within {PATIENCE_S} s after its node was back"
    return Delete(pod, "original_not_ready", at_revision=True), Emit(owner, "SuccessfulDelete", message)


def patience_s(original: Returned, now: datetime) -> float:
    """How long it is still waited for an original that is not ready."""
    return (original.since + timedelta(seconds=PATIENCE_S) - now).total_seconds()


def node_back_keys(old: Object | None, new: Object | None, snapshot: Snapshot) -> Iterable[Key]:
    """The owners of pods put aside on a node that is well again; O(pods of the node), once for each return."""
    if not isinstance(new, Node) or verdict(new) is not Verdict.READY:
        return ()
    if isinstance(old, Node) and verdict(old) is Verdict.READY:
        return ()
    pods = (pod for pod in snapshot.by_node(new.metadata.name) if isinstance(pod, Pod) and is_disconnected(pod))
    owners = ((pod.metadata.namespace, pod.metadata.controller) for pod in pods)
    return {Key(namespace, owner.name) for namespace, owner in owners if owner is not None}


def _with(pod: Pod, status: str, reason: str, message: str, now: datetime) -> Pod:
    told = condition(DISCONNECTED, "True" if status == "True" else "False", reason, message, now)
    return evolve(pod, **{"status.conditions": settled(pod.status.conditions, told)})
