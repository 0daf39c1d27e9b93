"""Node eviction: decides which of the lost nodes give up their pods, and how fast.

One node that falls silent is dead, most probably: its pods are replaced at once. When most nodes fall silent together
the fault is more likely in what joins them, and moving everything would be the worse damage. So the loss of all is
looked at together:

    up to `AT_ONCE_MAX` nodes down           each is evicted at once
    more, but a minor share of the cluster   each after `SETTLE_S`, so that all who fell together are counted first
    at least `DISRUPTED_PERCENT` of it       one node every `SLOW_INTERVAL_S`, the longest silent first
    all of it                                none, and evictions that are under way are called off

When the first are back after all were lost, the others are given `RETURN_S` to return, too, before they count as lost.

A node is evicted by a `NoExecute` taint; `taint_eviction` does the rest. Nodes that were declared and never heard of
count neither as known nor as down.

All nodes are one key, so however many fall at once, few passes of O(nodes) decide on them; a pass is only asked for
when a node went down or came back.

Reads: all nodes. Writes: the `NoExecute` taint for the verdict, on nodes that `node_lifecycle` has tainted already.

Source: Kubernetes `pkg/controller/nodelifecycle`, zone states (ComputeZoneState, handleDisruption).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum

from control_plane.controllers.ages import LONG_AGO
from control_plane.controllers.taints import Verdict, down_key, find_taint, verdict
from control_plane.plan import Action, Emit, Key, Plan, Snapshot, Update, Watch
from proto.objects.core import Node, Taint
from proto.objects.meta import Object, evolve, find_condition

AT_ONCE_MAX = 2
DISRUPTED_PERCENT = 55
SETTLE_S = 1.0
SLOW_INTERVAL_S = 10.0
RETURN_S = 5.0
"""Connections that broke together are not made again together: an agent's next attempt may be seconds away."""

ALL_NODES = Key("", "")


class Pace(Enum):
    """How lost nodes give up their pods."""

    AT_ONCE = "at_once"
    COUNTED = "after_counting"
    SLOWED = "slowed_mass_loss"
    STOPPED = "stopped_all_lost"


def pace(known: int, down: int) -> Pace:
    """The pace for `down` of `known` nodes."""
    if down >= known:
        return Pace.STOPPED
    if down <= AT_ONCE_MAX:
        return Pace.AT_ONCE
    return Pace.SLOWED if 100 * down >= known * DISRUPTED_PERCENT else Pace.COUNTED


def _keys(old: Object | None, new: Object | None, snapshot: Snapshot) -> Iterable[Key]:
    """All nodes, if this one is down or came back; a healthy or a new node is no reason to look at everyone."""
    before = isinstance(old, Node) and verdict(old).down
    after = isinstance(new, Node) and verdict(new).down
    if not before and not after:
        return ()
    if before and after and isinstance(old, Node) and isinstance(new, Node) and old.spec == new.spec:
        return ()
    return (ALL_NODES,)


@dataclass(frozen=True, slots=True)
class LossView:
    """Who is down. `waiting`: not evicted yet; `evicted`: with the `NoExecute` taint; `known`: how many there are.

    `well_since`: since when some node has been well without a break; None if that is not known.
    """

    waiting: tuple[Node, ...]
    evicted: tuple[Node, ...]
    known: int
    now: datetime
    well_since: datetime | None = None


class NodeEvictionController:
    """Puts `NoExecute` taints on lost nodes, as fast as the extent of the loss allows."""

    name = "node-eviction"
    watches: tuple[Watch, ...] = (Watch(Node, _keys),)

    def observe(self, snapshot: Snapshot, key: Key, now: datetime) -> LossView:
        """All nodes that are down, and how many are known."""
        known = 0
        waiting: list[Node] = []
        evicted: list[Node] = []
        well_since: list[datetime] = []
        for node in snapshot.list(Node):
            judged = verdict(node)
            known += judged is not Verdict.DECLARED
            if judged is Verdict.READY:
                well_since.append(_since(node, LONG_AGO))
            elif judged.down:
                (waiting if find_taint(node, down_key(node), "NoExecute") is None else evicted).append(node)
        return LossView(tuple(waiting), tuple(evicted), known, now, min(well_since, default=None))

    def reconcile(self, view: LossView) -> Plan:
        """Evict who is due; look again when the next one is."""
        step = pace(view.known, len(view.waiting) + len(view.evicted))
        if step is Pace.STOPPED:
            return Plan(tuple(_called_off(node) for node in view.evicted))
        due, next_at = _due(view, step)
        # A node without its NoSchedule taint is about to get it, and that change asks for the next pass.
        ready = [node for node in due if find_taint(node, down_key(node), "NoSchedule") is not None]
        actions = tuple(action for node in ready for action in _evict(node, step, view.now))
        return Plan(actions, None if next_at is None else (next_at - view.now).total_seconds())


def _due(view: LossView, step: Pace) -> tuple[list[Node], datetime | None]:
    """The nodes whose time has come, and when the next one's comes."""
    queue = sorted(view.waiting, key=lambda node: (_since(node, view.now), node.metadata.name))
    settle_s = 0.0 if step is Pace.AT_ONCE else SETTLE_S
    times = [_counts_from(node, view) + timedelta(seconds=settle_s) for node in queue]
    if step is Pace.SLOWED and queue:
        queue, times = queue[:1], [max(times[0], _last_eviction(view) + timedelta(seconds=SLOW_INTERVAL_S))]
    due = [node for node, at in zip(queue, times, strict=True) if at <= view.now]
    later = [at for at in times if at > view.now]
    if due and step is Pace.SLOWED and len(view.waiting) > 1:
        later = [view.now + timedelta(seconds=SLOW_INTERVAL_S)]
    return due, min(later, default=None)


def _counts_from(node: Node, view: LossView) -> datetime:
    """From when a node's loss counts: that it fell silent, unless everybody had (Kubernetes: handleDisruption)."""
    down_since = _since(node, view.now)
    if view.well_since is None or view.well_since <= down_since:
        return down_since
    return view.well_since + timedelta(seconds=RETURN_S)


def _since(node: Node, unknown: datetime) -> datetime:
    """When its `Ready` condition changed last; `unknown` where nobody said."""
    ready = find_condition(node.status.conditions, "Ready")
    return unknown if ready is None or ready.last_transition_time is None else ready.last_transition_time


def _last_eviction(view: LossView) -> datetime:
    """When the newest `NoExecute` taint was put on; long ago if there is none."""
    taints = (find_taint(node, down_key(node), "NoExecute") for node in view.evicted)
    times = [taint.time_added for taint in taints if taint is not None and taint.time_added is not None]
    return max(times, default=view.now - timedelta(days=1))


def _evict(node: Node, step: Pace, now: datetime) -> tuple[Action, ...]:
    key = down_key(node)
    assert key is not None, "a node that is down has a key"
    taint = Taint(key=key, effect="NoExecute", time_added=now)
    message = f"Node {node.metadata.name} is down: its pods are evicted"
    return (
        Update(evolve(node, **{"spec.taints": (*node.spec.taints, taint)}), f"node_down_{step.value}"),
        Emit(node, "NodeEvicted", message, "Warning"),
    )


def _called_off(node: Node) -> Update:
    key = down_key(node)
    kept = tuple(taint for taint in node.spec.taints if (taint.key, taint.effect) != (key, "NoExecute"))
    return Update(evolve(node, **{"spec.taints": kept}), Pace.STOPPED.value)
