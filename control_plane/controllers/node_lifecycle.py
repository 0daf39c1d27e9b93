"""Node lifecycle: turns the verdict on a node into taints that keep new pods away.

The verdict itself, the node's `Ready` condition, is the hub's: it hears the heartbeats. Here a node that is not
ready gets a `NoSchedule` taint, one that is cordoned another, one that tells of a problem (`taints.PROBLEMS`) a third,
and a node that is well loses them. The `NoExecute`
taint, which costs pods their place, is put on by `node_eviction`, which looks at all nodes before it does; it is taken
off here as soon as the verdict changes.

Reads: the node. Writes: the node's `spec.taints`, of them only those under the keys in `OURS` (and the `timeAdded`
of `NoExecute` taints that people added, from which tolerations count). Never: judges whether a node is alive.

Source: Kubernetes `pkg/controller/nodelifecycle`, doNoScheduleTaintingPass.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from control_plane.controllers.taints import (
    NOT_READY,
    PROBLEMS,
    UNREACHABLE,
    UNSCHEDULABLE,
    Verdict,
    down_key,
    problem_keys,
    verdict,
)
from control_plane.plan import Action, Emit, Key, Plan, Snapshot, Update, Watch
from proto.objects.core import Node, Taint
from proto.objects.meta import Object, evolve

_SHORTAGES = {
    PROBLEMS["MemoryPressure"]: ("NodeHasSufficientMemory", "NodeHasInsufficientMemory"),
    PROBLEMS["DiskPressure"]: ("NodeHasNoDiskPressure", "NodeHasDiskPressure"),
    PROBLEMS["PIDPressure"]: ("NodeHasSufficientPID", "NodeHasInsufficientPID"),
}
"""The reason of the event when a shortage goes, and when it comes, by its taint."""

OURS = (UNREACHABLE, NOT_READY, UNSCHEDULABLE, *PROBLEMS.values())


def _keys(old: Object | None, new: Object | None, snapshot: Snapshot) -> Iterable[Key]:
    """The node, if its spec, verdict or problems changed; usage and other news of its status do not matter."""
    if not isinstance(new, Node):
        return ()
    if isinstance(old, Node) and old.spec == new.spec and _judged(old) == _judged(new):
        return ()
    return (Key(*new.key),)


def _judged(node: Node) -> tuple[Verdict, tuple[str, ...]]:
    """All of a node's status that its taints depend on."""
    return verdict(node), problem_keys(node)


@dataclass(frozen=True, slots=True)
class NodeView:
    """A node as it is."""

    node: Node
    now: datetime


class NodeLifecycleController:
    """Keeps a node's taints in step with its verdict."""

    name = "node-lifecycle"
    watches: tuple[Watch, ...] = (Watch(Node, _keys),)

    def observe(self, snapshot: Snapshot, key: Key, now: datetime) -> NodeView | None:
        """The node; None if it is gone or going."""
        node = snapshot.get(Node, *key)
        return None if node is None or node.deleting else NodeView(node, now)

    def reconcile(self, view: NodeView) -> Plan:
        """The taints as the verdict wants them, and an event when the verdict is news."""
        node = view.node
        taints = _taints(node, view.now)
        if taints == node.spec.taints:
            return Plan()
        update = Update(evolve(node, **{"spec.taints": taints}), f"node_{verdict(node).value}")
        return Plan((update, *_news(node), *_news_of_shortages(node, taints)))


def _taints(node: Node, now: datetime) -> tuple[Taint, ...]:
    """Those of others as they are, then ours as they should be."""
    wanted: list[tuple[str, str]] = []
    if (key := down_key(node)) is not None:
        wanted.append((key, "NoSchedule"))
        if verdict(node).down:
            wanted.append((key, "NoExecute"))
    if node.spec.unschedulable:
        wanted.append((UNSCHEDULABLE, "NoSchedule"))
    wanted.extend((key, "NoSchedule") for key in problem_keys(node))
    kept = [taint for taint in node.spec.taints if taint.key not in OURS or (taint.key, taint.effect) in wanted]
    there = {(taint.key, taint.effect) for taint in kept}
    added = [Taint(key=key, effect="NoSchedule") for key, effect in wanted
             if effect == "NoSchedule" and (key, effect) not in there]  # fmt: skip
    return tuple(_dated(taint, now) for taint in (*kept, *added))


def _dated(taint: Taint, now: datetime) -> Taint:
    """`NoExecute` taints tell since when they are there: tolerations are counted from it."""
    if taint.effect != "NoExecute" or taint.time_added is not None:
        return taint
    return evolve(taint, time_added=now)


def _news(node: Node) -> tuple[Action, ...]:
    """An event when a node that was well is down, or the other way round."""
    was_down = any(taint.key in (UNREACHABLE, NOT_READY) for taint in node.spec.taints)
    judged = verdict(node)
    if judged.down and not was_down:
        return (Emit(node, "NodeNotReady", f"Node {node.metadata.name} status is now: NodeNotReady", "Warning"),)
    if judged is Verdict.READY and was_down:
        return (Emit(node, "NodeReady", f"Node {node.metadata.name} status is now: NodeReady"),)
    return ()


def _news_of_shortages(node: Node, taints: tuple[Taint, ...]) -> tuple[Action, ...]:
    """An event for each shortage that came or went, in the kubelet's words."""
    before, after = ({taint.key for taint in of} for of in (node.spec.taints, taints))
    reasons = [words[key in after] for key, words in _SHORTAGES.items() if (key in before) != (key in after)]
    return tuple(Emit(node, reason, f"Node {node.metadata.name} status is now: {reason}") for reason in reasons)
